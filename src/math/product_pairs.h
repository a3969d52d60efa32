/* Packing the factors of products in bfloat16 (pairs.h) into slivers of TILE_VECTORS vectors of cells. Code, included
 * by files that are compiled for one instruction set. */
#pragma once

#include "base/size.h"
#include "math/lanes.h"
#include "math/pairs.h"

#ifndef NMT_DOUBLE
enum { PAIRS_NR = TILE_VECTORS * LANES, PAIRS_STEP = 2 * LANES };

/* Pairs of numbers, which arithmetic would take for floats, perhaps for NaN, are moved as they are. */
static inline vword load_cells(const Cell *x) { return (vword)load((const real *)x); }
static inline void store_cells(Cell *x, vword v) { store((real *)x, (vreal)v); }

static inline vword make_pairs(vreal low, vreal high) {
    return (vword)round_bfloat16(low) >> 16 | (vword)round_bfloat16(high);
}

/* Pairs of neighbours among PAIRS_STEP numbers. */
static inline vword pairs_along(const real *x) {
    real low[LANES], high[LANES];
    for (size_t l = 0; l < LANES; l++) low[l] = x[2 * l], high[l] = x[2 * l + 1];
    return make_pairs(load(low), load(high));
}

static inline void transpose_cells(vword row[LANES]) {
    vreal block[LANES];
    UNROLL(16)
    for (size_t i = 0; i < LANES; i++) block[i] = (vreal)row[i];
    transpose(block);
    UNROLL(16)
    for (size_t i = 0; i < LANES; i++) row[i] = (vword)block[i];
}

/* A block of LANES columns of PAIRS_STEP numbers each: number p of column l at x[l * line + p * step]; only the first
 * `lines` and `numbers` of them exist. out: LANES rows of LANES cells, PAIRS_NR apart. */
static void pack_pairs(Cell *out, const real *x, size_t line, size_t step, size_t lines, size_t numbers) {
    real part[LANES * PAIRS_STEP];
    if (lines < LANES || numbers < PAIRS_STEP || (line != 1 && step != 1)) {
        for (size_t l = 0; l < LANES; l++)
            for (size_t p = 0; p < PAIRS_STEP; p++)
                part[l * PAIRS_STEP + p] = l < lines && p < numbers ? x[l * line + p * step] : 0;
        x = part, line = PAIRS_STEP, step = 1;
    }
    vword row[LANES];
    UNROLL(16)
    for (size_t i = 0; i < LANES; i++)
        row[i] =
            step == 1 ? pairs_along(x + i * line) : make_pairs(load(x + 2 * i * step), load(x + (2 * i + 1) * step));
    if (step == 1) transpose_cells(row);
    UNROLL(16)
    for (size_t i = 0; i < LANES; i++) store_cells(out + i * PAIRS_NR, row[i]);
}

static void pairs_pack(Cell *out, const real *b, size_t row, size_t col, size_t k, size_t cols) {
    const size_t all = size_round_up(k, PAIRS_RUN);
    for (size_t j = 0; j < cols; j += PAIRS_NR)
        for (size_t p = 0; p < all; p += PAIRS_STEP)
            for (size_t i = 0; i < PAIRS_NR; i += LANES)
                pack_pairs(out + j * (all / 2) + p / 2 * PAIRS_NR + i, b + p * row + (j + i) * col, col, row,
                           j + i < cols ? size_min(LANES, cols - j - i) : 0, p < k ? size_min(PAIRS_STEP, k - p) : 0);
}

/* Row q of cells has the numbers of rows 2 q and 2 q + 1, column by column. */
static void pairs_pack_rows(Cell *out, const uint16_t *x, size_t stride, size_t k, size_t cols) {
    const size_t all = pairs_cells(k);
    for (size_t j = 0; j < cols; j += PAIRS_NR) {
        const size_t count = size_min(PAIRS_NR, cols - j);
        for (size_t q = 0; q < all; q++, out += PAIRS_NR) {
            const uint16_t *first = x + 2 * q * stride + j, *second = first + stride;
            if (2 * q + 1 < k && count == PAIRS_NR)
                for (size_t i = 0; i < PAIRS_NR; i++) out[i] = first[i] | (uint32_t)second[i] << 16;
            else
                for (size_t i = 0; i < PAIRS_NR; i++)
                    out[i] = (i < count && 2 * q < k ? first[i] : 0u) |
                             (i < count && 2 * q + 1 < k ? (uint32_t)second[i] << 16 : 0u);
        }
    }
}

static void pairs_turn(Cell *out, size_t width, const uint16_t *x, size_t stride, size_t k, size_t cols) {
    const size_t all = pairs_cells(k);
    for (size_t i = 0; i < cols; i += LANES)
        for (size_t q0 = 0; q0 < all; q0 += LANES) {
            const size_t count = size_min(LANES, cols - i);
            Cell row[LANES][LANES];
            for (size_t q = 0; q < LANES; q++) {
                const size_t n = 2 * (q0 + q);
                const uint16_t *first = x + n * stride + i, *second = first + stride;
                if (n + 1 < k && count == LANES)
                    for (size_t l = 0; l < LANES; l++) row[q][l] = first[l] | (uint32_t)second[l] << 16;
                else
                    for (size_t l = 0; l < LANES; l++)
                        row[q][l] = (l < count && n < k ? first[l] : 0u) |
                                    (l < count && n + 1 < k ? (uint32_t)second[l] << 16 : 0u);
            }
            vword block[LANES];
            UNROLL(16)
            for (size_t q = 0; q < LANES; q++) block[q] = load_cells(row[q]);
            transpose_cells(block);
            for (size_t l = 0; l < count; l++) store_cells(out + (i + l) * width + q0, block[l]);
        }
}
#endif
