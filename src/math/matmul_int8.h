/* Products with weights in 8-bit integers (math/int8.h). Only math/matmul.c uses them. */
#pragma once

#include "math/matmul.h"

/* Bytes that packed weights (k, n) take. */
size_t int8_bytes(size_t k, size_t n);

/* Rounds and packs the weights b (k, n), which is a transpose (b.row is 1), into `packed`, on all threads. */
void int8_pack(Pool *pool, void *packed, Matrix b, size_t k, size_t n);

/* As matmul_and, with packed weights, and a whose columns are neighbours. Returns whether the epilogue is done. */
bool int8_multiply(Pool *pool, MatmulMode mode, real *c, size_t ldc, Matrix a, const void *packed, size_t m, size_t n,
                   size_t k, const real *bias, Epilogue epilogue);
