/* The matrix product's register tile: TILE_ROWS rows of TILE_VECTORS vectors. */
#pragma once

#include <stdbool.h>

#include "math/lanes.h"
#include "math/product.h"

enum {
    NR = TILE_VECTORS * LANES,
    MR = TILE_ROWS,
    STEPS = 96 / (TILE_ROWS * TILE_VECTORS), /* of k, between two jumps (found with AVX2) */
};

/* One tile of `rows` rows, a constant where this is inlined: rows * TILE_VECTORS sums stay in registers over the whole
 * of k. Each element is one chain of multiply-adds in order of p, whatever the number of rows. */
static inline __attribute__((always_inline)) void tile_rows(const int rows, real *c, size_t ldc, const real *a,
                                                            size_t a_row, size_t a_col, const real *b, size_t b_row,
                                                            size_t cells, size_t cols, bool add, const real *bias) {
    vreal sum[MR][TILE_VECTORS];
    UNROLL(16)
    for (int i = 0; i < rows; i++) {
        UNROLL(4)
        for (int j = 0; j < TILE_VECTORS; j++) sum[i][j] = (vreal){0};
    }
    UNROLL(16)
    for (int i = 0; i < rows; i++) {
        UNROLL(4)
        for (size_t line = 0; line < NR * sizeof(real); line += 64) /* to be in reach when the sums are done */
            __builtin_prefetch((const char *)(c + (size_t)i * ldc) + line, 1);
    }
    UNROLL_BY(STEPS)
    for (size_t p = 0; p < cells; p++, a += a_col, b += b_row) {
        vreal row[TILE_VECTORS];
        UNROLL(4)
        for (int j = 0; j < TILE_VECTORS; j++) row[j] = load(b + j * LANES);
        UNROLL(16)
        for (int i = 0; i < rows; i++) {
            vreal x = spread(a[(size_t)i * a_row]);
            UNROLL(4)
            for (int j = 0; j < TILE_VECTORS; j++) sum[i][j] = sum[i][j] + x * row[j];
        }
    }
    if (cols == NR) {
        UNROLL(16)
        for (int i = 0; i < rows; i++, c += ldc) {
            UNROLL(4)
            for (int j = 0; j < TILE_VECTORS; j++) {
                if (add)
                    store(c + j * LANES, load(c + j * LANES) + sum[i][j]);
                else
                    store(c + j * LANES, bias ? load(bias + j * LANES) + sum[i][j] : sum[i][j]);
            }
        }
        return;
    }
    UNROLL(16)
    for (int i = 0; i < rows; i++, c += ldc) {
        real line[NR];
        UNROLL(4)
        for (int j = 0; j < TILE_VECTORS; j++) store(line + j * LANES, sum[i][j]);
        for (size_t j = 0; j < cols; j++) c[j] = add ? c[j] + line[j] : bias ? bias[j] + line[j] : line[j];
    }
}

static void last_rows(real *c, size_t ldc, const real *a, size_t a_row, size_t a_col, const real *b, size_t b_row,
                      size_t cells, size_t rows, size_t cols, bool add, const real *bias) {
#define ROWS(r)                                                                                                        \
    case r: tile_rows(r <= MR ? r : MR, c, ldc, a, a_row, a_col, b, b_row, cells, cols, add, bias); return
    switch (rows) {
        ROWS(1);
        ROWS(2);
        ROWS(3);
        ROWS(4);
#if TILE_ROWS > 4
        ROWS(5);
        ROWS(6);
#endif
#if TILE_ROWS > 6
        ROWS(7);
        ROWS(8);
#endif
#if TILE_ROWS > 8
        ROWS(9);
        ROWS(10);
        ROWS(11);
        ROWS(12);
        ROWS(13);
        ROWS(14);
#endif
    }
}

static void strip(real *c, size_t ldc, Slivers a, const real *b, size_t b_row, size_t cells, size_t rows, size_t cols,
                  bool add, const real *bias, Ahead *ahead) {
    for (; rows >= MR; rows -= MR, c += MR * ldc, a.data += a.sliver) {
        ahead_fetch(ahead);
        tile_rows(MR, c, ldc, a.data, a.row, a.col, b, b_row, cells, cols, add, bias);
    }
    if (rows > 0) last_rows(c, ldc, a.data, a.row, a.col, b, b_row, cells, rows, cols, add, bias);
}
