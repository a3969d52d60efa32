/* Products in 8-bit integers, for models that are trained: what an instruction set contributes (math/product_int8.h),
 * and how numbers become bytes.
 *
 * A row of the left factor, and a column of the weights, become integers q = round(x / scale), each with a scale of its
 * own, so that the largest is 127 in a row and 63 in a column: x is about scale q. Then
 *
 *     c[i][j] = row_scale[i] column_scale[j] sum over p of a[i][p] b[p][j]
 *
 * where the sum is exact, and so the same in every instruction set, in any order. Weights have 7 bits, because an
 * instruction of AVX2 adds two products of bytes in 16 bits. The same instruction takes a left factor without sign. So
 * 128 is added to the integers of the left factor, and 128 times the sum of a column of weights is subtracted from the
 * result.
 *
 * A row or column that has a NaN or an infinity gets a NaN as its scale, so all that is computed from it is NaN. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "math/real.h"

enum {
    INT8_LEFT = 127,  /* the largest integer of a row ... */
    INT8_RIGHT = 63,  /* ... and of a column */
    INT8_ZERO = 128,  /* the byte of 0 in a row */
    INT8_CELL = 4,    /* bytes along k that are multiplied together */
    INT8_NR_MAX = 32, /* no tile has more columns */
};

/* Columns of packed weights: one sliver of nr columns, of which `count` exist. */
typedef struct Int8Columns {
    const int8_t *bytes;   /* (cells, nr, INT8_CELL) */
    const real *scale;     /* (nr) */
    const int32_t *offset; /* (nr) INT8_ZERO times the sum of a column's integers */
    const real *bias;      /* NULL: none */
    size_t count;
} Int8Columns;

/* Rows of a left factor. */
typedef struct Int8Rows {
    const uint8_t *bytes; /* (count, INT8_CELL * cells) */
    const real *scale;    /* (count) */
    size_t cells, count;
} Int8Rows;

typedef struct Int8Kernels {
    size_t nr; /* columns of a tile */
    /* out (n) = zero + the integers of x, so that the largest is `largest`; returns the scale. */
    real (*round)(uint8_t *out, const real *x, size_t n, int largest, int zero);
    /* c (a.count, b.count; rows ldc apart) = or += a times b, plus the bias. */
    void (*strip)(real *c, size_t ldc, Int8Rows a, Int8Columns b, bool add);
} Int8Kernels;

/* With AVX-512's dot products of bytes; NULL where the compiler does not know them. */
extern const Int8Kernels *const int8_avx512_vnni;
