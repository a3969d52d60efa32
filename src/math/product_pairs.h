/* Packing for CPUs that multiply pairs of bfloat16 numbers: a cell holds the numbers 2 q and 2 q + 1 of a row of a or
 * of a column of b. A packed a is row-major, cells(k) cells a row; b is packed into slivers of PAIRS_NR columns, row q
 * of cells after row q - 1. Runs along k are filled up to PAIRS_RUN numbers, and rows of a to a multiple of LANES, with
 * zeros. Code, included by the .c files of such instruction sets. */
#pragma once

#include "base/size.h"
#include "math/lanes.h"
#include "math/product.h"

enum { PAIRS_RUN = 2 * LANES, PAIRS_NR = 2 * LANES };

#define EVEN_LANES 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_LANES  1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31

static inline vreal make_pairs(vreal low, vreal high) {
    return (vreal)((vword)round_bfloat16(low) >> 16 | (vword)round_bfloat16(high));
}

/* Pairs of neighbours among PAIRS_RUN numbers. */
static inline vreal pairs_along(const real *x) {
    const vreal first = load(x), second = load(x + LANES);
    return make_pairs(SHUFFLE(first, second, EVEN_LANES), SHUFFLE(first, second, ODD_LANES));
}

/* A block of LANES lines (rows of a, columns of b) of PAIRS_RUN numbers each: number p of line l at
 * x[l * line + p * step]; only the first `lines` and `numbers` of them exist. out: LANES rows of LANES cells, `stride`
 * apart. across: row q has cell q of each line; else row l has the cells of line l. */
static void pack_pairs(real *out, size_t stride, const real *x, size_t line, size_t step, size_t lines, size_t numbers,
                       bool across) {
    real part[LANES * PAIRS_RUN];
    if (lines < LANES || numbers < PAIRS_RUN || (line != 1 && step != 1)) {
        for (size_t l = 0; l < LANES; l++)
            for (size_t p = 0; p < PAIRS_RUN; p++)
                part[l * PAIRS_RUN + p] = l < lines && p < numbers ? x[l * line + p * step] : 0;
        x = part, line = PAIRS_RUN, step = 1;
    }
    vreal row[LANES];
    UNROLL(16)
    for (size_t i = 0; i < LANES; i++)
        row[i] =
            step == 1 ? pairs_along(x + i * line) : make_pairs(load(x + 2 * i * step), load(x + (2 * i + 1) * step));
    if ((step == 1) == across) transpose(row);
    UNROLL(16)
    for (size_t i = 0; i < LANES; i++) store(out + i * stride, row[i]);
}

static inline size_t pairs_cells(size_t k) { return size_divide_up(k, PAIRS_RUN) * LANES; }

static void pairs_pack(real *out, const real *b, size_t row, size_t col, size_t k, size_t cols) {
    for (size_t p = 0; p < k; p += PAIRS_RUN)
        for (size_t j = 0; j < cols; j += PAIRS_NR) {
            real *block = out + j * pairs_cells(k) + p / 2 * PAIRS_NR;
            for (size_t i = 0; i < PAIRS_NR; i += LANES)
                pack_pairs(block + i, PAIRS_NR, b + p * row + (j + i) * col, col, row,
                           j + i < cols ? size_min(LANES, cols - j - i) : 0, size_min(PAIRS_RUN, k - p), true);
        }
}

/* mr: rows of a sliver. */
static inline Slivers pairs_slivers(real *out, const real *a, size_t row, size_t col, size_t k, size_t rows,
                                    size_t mr) {
    const size_t width = pairs_cells(k);
    for (size_t i = 0; i < rows; i += LANES)
        for (size_t p = 0; p < k; p += PAIRS_RUN)
            pack_pairs(out + i * width + p / 2, width, a + i * row + p * col, row, col, size_min(LANES, rows - i),
                       size_min(PAIRS_RUN, k - p), false);
    return (Slivers){out, mr * width, width, 1};
}
