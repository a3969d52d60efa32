/* Products with weights in 8-bit integers (math/int8.h). Only math/matmul.c uses them, for weights that stay. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/pool.h"
#include "math/real.h"
#include "math/stored.h"

/* Bytes that packed weights (n, k) take, and bytes of scratch memory that each thread of the pool needs. */
size_t int8_bytes(size_t n, size_t k);
size_t int8_scratch(void);

/* Rounds and packs the weights w (n, k; rows `stride` apart) into `packed`, on all threads. */
void int8_pack(Pool *pool, void *packed, const real *w, size_t stride, size_t n, size_t k);

/* c (m, n; rows ldc apart) = or += x (m, k; rows `stride` apart) times the transpose of packed weights, plus bias (n)
 * if not NULL; and then the epilogue. Returns whether the epilogue was done. It is not done if it needs whole rows and
 * the threads have shared the product's columns. */
bool int8_multiply(Pool *pool, bool add, real *c, size_t ldc, const real *x, size_t stride, const void *packed,
                   size_t m, size_t n, size_t k, const real *bias, Epilogue epilogue);
