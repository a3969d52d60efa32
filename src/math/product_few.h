/* A product of one or two rows, as single sentences have them: a tile of so few rows has only two or four sums, so each
 * addition has to wait for the one before it. Therefore 4 / rows slivers of b are computed together, with as many sums
 * as four rows of a tile have. Each sum is the same chain of multiply-adds as in a tile. */
#pragma once

#include "math/lanes.h"
#include "math/product_tile.h"

/* rows: a constant where this is inlined. */
static inline __attribute__((always_inline)) void few_rows(const int rows, real *c, size_t ldc, const real *a,
                                                           size_t a_row, size_t a_col, const real *b, size_t cells,
                                                           bool add, const real *bias) {
    const int slivers = 4 / rows;
    vreal sum[4][TILE_VECTORS];
    UNROLL(4)
    for (int i = 0; i < 4; i++) {
        UNROLL(4)
        for (int j = 0; j < TILE_VECTORS; j++) sum[i][j] = (vreal){0};
    }
    for (size_t p = 0; p < cells; p++, a += a_col, b += NR) {
        UNROLL(4)
        for (int i = 0; i < rows; i++) {
            vreal x = spread(a[(size_t)i * a_row]);
            UNROLL(4)
            for (int s = 0; s < slivers; s++) {
                UNROLL(4)
                for (int j = 0; j < TILE_VECTORS; j++)
                    sum[i * slivers + s][j] += x * load(b + (size_t)s * NR * cells + j * LANES);
            }
        }
    }
    UNROLL(4)
    for (int i = 0; i < 4; i++) {
        real *out = c + (size_t)(i / slivers) * ldc + i % slivers * NR;
        const real *from = add ? out : bias ? bias + i % slivers * NR : NULL;
        UNROLL(4)
        for (int j = 0; j < TILE_VECTORS; j++)
            store(out + j * LANES, from ? load(from + j * LANES) + sum[i][j] : sum[i][j]);
    }
}

static void few(real *c, size_t ldc, const real *a, size_t a_row, size_t a_col, const real *b, size_t cells,
                size_t rows, bool add, const real *bias) {
    if (rows == 1)
        few_rows(1, c, ldc, a, a_row, a_col, b, cells, add, bias);
    else
        few_rows(2, c, ldc, a, a_row, a_col, b, cells, add, bias);
}
