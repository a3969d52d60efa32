/* The tile of products in bfloat16 (pairs.h): TILE_ROWS rows of TILE_VECTORS vectors of sums. Where the CPU has an
 * instruction for it, it is set before:
 *
 *   PAIR_ADD(sum, x, y)   sum and both products of the pairs of x and y
 *
 * Code, included by files that are compiled for one instruction set. */
#pragma once

#include "math/product_pairs.h"

#ifndef NMT_DOUBLE
enum { PAIRS_MR = TILE_ROWS };

static inline vreal lower(vword pair) { return (vreal)(pair << 16); }
static inline vreal upper(vword pair) { return (vreal)(pair & 0xffff0000); }

#ifndef PAIR_ADD
/* The lower half's product first. AVX512-BF16 adds the upper half's first. AMX adds up 16 products of lower halves and
 * 16 of upper halves, and then both to the sum. */
#define PAIR_ADD(sum, x, y) (((sum) + lower(x) * lower(y)) + upper(x) * upper(y))
#endif

/* c = [c or bias +] sums, for the rows and columns that exist. */
static __attribute__((noinline)) void pairs_finish(real *c, size_t ldc, const real *sum, size_t rows, size_t cols,
                                                   bool add, const real *bias) {
    for (size_t i = 0; i < rows; i++, c += ldc, sum += PAIRS_NR) {
        if (add)
            for (size_t j = 0; j < cols; j++) c[j] += sum[j];
        else if (bias)
            for (size_t j = 0; j < cols; j++) c[j] = bias[j] + sum[j];
        else
            memcpy(c, sum, cols * sizeof *c);
    }
}

/* `rows` rows, a constant where this is inlined: their sums stay in registers over the whole of k. Each element is one
 * chain in order of k, whatever the number of rows. */
static inline __attribute__((always_inline)) void pairs_rows(const int rows, real *out, const Cell *a, size_t a_row,
                                                             const Cell *b, size_t cells) {
    vreal sum[PAIRS_MR][TILE_VECTORS];
    UNROLL(16)
    for (int i = 0; i < rows; i++) {
        UNROLL(4)
        for (int j = 0; j < TILE_VECTORS; j++) sum[i][j] = (vreal){0};
    }
    for (size_t q = 0; q < cells; q++, a++, b += PAIRS_NR) {
        vword row[TILE_VECTORS];
        UNROLL(4)
        for (int j = 0; j < TILE_VECTORS; j++) row[j] = load_cells(b + j * LANES);
        UNROLL(16)
        for (int i = 0; i < rows; i++) {
            const vword x = a[(size_t)i * a_row] - (vword){0};
            UNROLL(4)
            for (int j = 0; j < TILE_VECTORS; j++) sum[i][j] = PAIR_ADD(sum[i][j], x, row[j]);
        }
    }
    UNROLL(16)
    for (int i = 0; i < rows; i++) {
        UNROLL(4)
        for (int j = 0; j < TILE_VECTORS; j++) store(out + i * PAIRS_NR + j * LANES, sum[i][j]);
    }
}

/* A whole tile at once; the rows of an incomplete one in fours, and then one by one. */
static void pairs_tile(real *c, size_t ldc, const Cell *a, size_t a_row, const Cell *b, size_t cells, size_t rows,
                       size_t cols, bool add, const real *bias) {
    enum { FEW = 4 };
    real sum[PAIRS_MR * PAIRS_NR];
    size_t i = 0;
    if (rows == PAIRS_MR) {
        pairs_rows(PAIRS_MR, sum, a, a_row, b, cells);
        i = rows;
    }
    for (; i + FEW <= rows; i += FEW) pairs_rows(FEW, sum + i * PAIRS_NR, a + i * a_row, a_row, b, cells);
    for (; i < rows; i++) pairs_rows(1, sum + i * PAIRS_NR, a + i * a_row, a_row, b, cells);
    pairs_finish(c, ldc, sum, rows, cols, add, bias);
}
#endif
