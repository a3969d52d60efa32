/* Packing the matrix product's factors, and the multiply-add limit that benchmarks compare it with. */
#pragma once

#include "base/size.h"
#include "math/product.h"
#include "math/product_tile.h"

/* Transposes LANES rows of memory, of which the first `rows` exist, into LANES rows of `out`. */
static inline __attribute__((always_inline)) void pack_block(real *out, const real *b, size_t stride, size_t rows) {
    vreal block[LANES];
    UNROLL(16)
    for (size_t l = 0; l < LANES; l++) block[l] = l < rows ? load(b + l * stride) : (vreal){0};
    transpose(block);
    UNROLL(16)
    for (size_t l = 0; l < LANES; l++) store(out + l * NR, block[l]);
}

/* Packs one sliver of a transposed matrix. If `row` is 1, its columns are contiguous in memory. */
static void pack_transpose(real *out, const real *b, size_t row, size_t col, size_t k, size_t cols) {
    const size_t whole = row == 1 ? k / LANES * LANES : 0;
    for (size_t j = 0; j < NR && whole; j += LANES) {
        const size_t rows = j < cols ? cols - j : 0;
        if (rows >= LANES)
            for (size_t p = 0; p < whole; p += LANES) pack_block(out + p * NR + j, b + p + j * col, col, LANES);
        else
            for (size_t p = 0; p < whole; p += LANES) pack_block(out + p * NR + j, b + p + j * col, col, rows);
    }
    for (size_t p = whole; p < k; p++)
        for (size_t j = 0; j < NR; j++) out[p * NR + j] = j < cols ? b[p * row + j * col] : 0;
}

enum { ROWS_AHEAD = 12 }; /* rows to prefetch: they are too far apart for the hardware to prefetch them */

static inline void fetch_row(const real *row, size_t count) {
    for (size_t i = 0; i < count; i += AHEAD_LINE / sizeof(real)) __builtin_prefetch(row + i);
}

static void pack(real *out, const real *b, size_t row, size_t col, size_t k, size_t cols) {
    if (col != 1) {
        for (size_t j = 0; j < cols; j += NR)
            pack_transpose(out + j * k, b + j * col, row, col, k, cols - j < NR ? cols - j : NR);
        return;
    }
    for (size_t p = 0; p < k; p++, b += row, out += NR) {
        size_t j = 0;
        if (p + ROWS_AHEAD < k) fetch_row(b + ROWS_AHEAD * row, cols);
        for (; j + NR <= cols; j += NR) memcpy(out + j * k, b + j, NR * sizeof(real));
        for (size_t i = j; j < cols && i < j + NR; i++) out[j * k + i - j] = i < cols ? b[i] : 0;
    }
}

enum { TOGETHER = 16 }; /* columns of a that are copied into a sliver before the next sliver's turn */

/* MR numbers, as whole vectors: up to LANES - 1 more numbers are copied behind them. */
static inline void copy_sliver(real *out, const real *a) {
    UNROLL(16)
    for (size_t r = 0; r < MR; r += LANES) store(out + r, load(a + r));
}

/* Slivers of MR rows one after another: column p of the sliver that begins with row i is at out + i * k + p * MR. What
 * lies behind the last row is undefined. Slivers take turns, with a few columns each, because their distance can make
 * them compete for the same lines of the cache. A turn prefetches the columns of the sliver's next turn. */
static void pack_rows(real *out, const real *a, size_t row, size_t col, size_t k, size_t rows) {
    const size_t vectors = (MR + LANES - 1) / LANES * LANES;
    for (size_t p0 = 0; p0 < k; p0 += TOGETHER) {
        const size_t end = p0 + TOGETHER < k ? p0 + TOGETHER : k;
        for (size_t i = 0; i < rows; i += MR) {
            const real *from = a + i * row + p0 * col;
            real *to = out + i * k + p0 * MR;
            size_t p = p0;
            if (row == 1 && i + vectors <= rows) /* the last column of all is copied alone: the next sliver follows */
                for (; p < end && p + 1 < k; p++, from += col, to += MR) {
                    __builtin_prefetch(from + TOGETHER * col);
                    copy_sliver(to, from);
                }
            for (; p < end; p++, from += col, to += MR)
                for (size_t r = 0; r < MR && i + r < rows; r++) to[r] = from[r * row];
        }
    }
}

static Slivers slivers(real *out, const real *a, size_t row, size_t col, size_t k, size_t rows) {
    if (col == 1) return (Slivers){a, MR * row, row, 1};
    pack_rows(out, a, row, col, k, rows);
    return (Slivers){out, MR * k, 1, MR};
}

/* As many independent chains of multiply-adds as the tile has, without a load or a store. The numbers are hidden from
 * the compiler, which would otherwise compute the chains itself. */
static double peak(size_t rounds) {
    static volatile real seen[3] = {(real)0.999, (real)1e-3, (real)0.5};
    vreal sum[MR * TILE_VECTORS], x = spread(seen[0]), y = spread(seen[1]);
    UNROLL(32)
    for (int i = 0; i < MR * TILE_VECTORS; i++) sum[i] = spread(seen[2] * (real)i);
    for (size_t r = 0; r < rounds; r++) {
        __asm__ volatile("" : "+r"(r)); /* keeps the loop as it is written */
        UNROLL(32)
        for (int i = 0; i < MR * TILE_VECTORS; i++) sum[i] = sum[i] * x + y;
    }
    vreal total = {0};
    UNROLL(32)
    for (int i = 0; i < MR * TILE_VECTORS; i++) total += sum[i];
    __asm__ volatile("" : : "m"(total));
    return 2.0 * (double)rounds * MR * TILE_VECTORS * LANES;
}
