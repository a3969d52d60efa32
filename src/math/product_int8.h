/* Products in 8-bit integers: rounding, and the tile (math/int8.h has the formulas). Code, included by loops that are
 * compiled once for each instruction set. */
#pragma once

#include "math/int8.h"
#include "math/lanes.h"

#ifndef NMT_DOUBLE

typedef int16_t vshort __attribute__((vector_size(VECTOR)));
typedef uint16_t vhalf __attribute__((vector_size(VECTOR)));
typedef int32_t vint_unaligned __attribute__((vector_size(VECTOR), aligned(4), may_alias));

typedef uint8_t vbytes __attribute__((vector_size(VECTOR / 4), aligned(1), may_alias));

enum { INT8_VECTORS = 2, INT8_NR = INT8_VECTORS * LANES, INT8_MR = TILE_ROWS < 6 ? TILE_ROWS : 6 };

/* Rounded to the nearest integers, ties to even. */
static inline vint nearest(vreal x) {
#if VECTOR == 64
    return (vint)_mm512_cvtps_epi32((__m512)x);
#elif VECTOR == 32
    return (vint)_mm256_cvtps_epi32((__m256)x);
#elif defined(__SSE2__)
    return (vint)_mm_cvtps_epi32((__m128)x);
#else
    vint n;
    for (size_t l = 0; l < LANES; l++) n[l] = (int32_t)lrintf(x[l]);
    return n;
#endif
}

/* The largest absolute value of a row is found by comparing the bits of its floats, without their signs, as integers.
 * Their order is the same; an infinity comes behind all numbers, and a NaN behind an infinity. */
static real int8_round(uint8_t *out, const real *x, size_t n, int largest, int zero) {
    const float smallest = 1e-30f; /* below it, the factor could be infinite */
    vint most = {0};
    for (size_t i = 0; i < n; i += LANES) {
        const vint bits = (vint)(i + LANES <= n ? load(x + i) : load_part(x + i, n - i)) & 0x7fffffff;
        const vint more = bits > most;
        most = (more & bits) | (~more & most);
    }
    int32_t top_bits = 0;
    for (size_t l = 0; l < LANES; l++) top_bits = most[l] > top_bits ? most[l] : top_bits;
    float top;
    memcpy(&top, &top_bits, sizeof top);
    const float scale = top < smallest ? 0 : top / (float)largest, factor = scale > 0 ? (float)largest / top : 0;
    for (size_t i = 0; i < n; i += LANES) {
        const vreal v = i + LANES <= n ? load(x + i) : load_part(x + i, n - i);
        const vint q = nearest(v * factor) + zero;
        if (i + LANES <= n)
            *(vbytes *)(out + i) = __builtin_convertvector(q, vbytes);
        else
            for (size_t l = 0; i + l < n; l++) out[i + l] = (uint8_t)q[l];
    }
    return isfinite(top) ? scale : NAN;
}

/* In each lane: sum + the four products of a cell of a, the same one in all lanes, with the lane's cell of b. */
static inline vint add_cells(vint sum, vint a, vint b) {
#if defined(INT8_DOT)
    return INT8_DOT(sum, a, b);
#elif VECTOR == 64
    const __m512i twos = _mm512_maddubs_epi16((__m512i)a, (__m512i)b);
    return sum + (vint)_mm512_madd_epi16(twos, _mm512_set1_epi16(1));
#elif VECTOR == 32
    const __m256i twos = _mm256_maddubs_epi16((__m256i)a, (__m256i)b);
    return sum + (vint)_mm256_madd_epi16(twos, _mm256_set1_epi16(1));
#else
    const vshort even = (vshort)((vhalf)a & 0xff) * ((vshort)((vhalf)b << 8) >> 8);
    const vshort twos = even + (vshort)((vhalf)a >> 8) * ((vshort)b >> 8); /* 2 * 255 * 63 at most */
    return sum + ((vint)((vword)twos << 16) >> 16) + ((vint)twos >> 16);
#endif
}

/* One tile of `rows` rows, a constant where this is inlined. */
static inline __attribute__((always_inline)) void int8_tile(const int rows, real *c, size_t ldc, Int8Rows a,
                                                            Int8Columns b, bool add) {
    vint sum[INT8_MR][INT8_VECTORS];
    UNROLL(8)
    for (int i = 0; i < rows; i++) {
        UNROLL(2)
        for (int j = 0; j < INT8_VECTORS; j++) sum[i][j] = (vint){0};
    }
    const size_t row = a.cells * INT8_CELL;
    for (size_t p = 0; p < a.cells; p++) {
        vint cells[INT8_VECTORS];
        UNROLL(2)
        for (int j = 0; j < INT8_VECTORS; j++)
            cells[j] = *(const vint_unaligned *)(b.bytes + INT8_CELL * (p * INT8_NR + (size_t)j * LANES));
        UNROLL(8)
        for (int i = 0; i < rows; i++) {
            int32_t cell;
            memcpy(&cell, a.bytes + (size_t)i * row + INT8_CELL * p, sizeof cell);
            UNROLL(2)
            for (int j = 0; j < INT8_VECTORS; j++) sum[i][j] = add_cells(sum[i][j], cell - (vint){0}, cells[j]);
        }
    }
    UNROLL(8)
    for (int i = 0; i < rows; i++, c += ldc) {
        real line[INT8_NR], *out = b.count == INT8_NR ? c : line;
        if (out == line && add) memcpy(line, c, b.count * sizeof *c);
        UNROLL(2)
        for (int j = 0; j < INT8_VECTORS; j++) {
            const vint exact = sum[i][j] - *(const vint_unaligned *)(b.offset + j * LANES);
            const vreal scale = a.scale[i] * load(b.scale + j * LANES);
            const vreal y = __builtin_convertvector(exact, vreal) * scale + load(b.bias + j * LANES);
            store(out + j * LANES, add ? load(out + j * LANES) + y : y);
        }
        if (out == line) memcpy(c, line, b.count * sizeof *c);
    }
}

/* There is always a bias. So the only use of a tile's product is this addition, and it is rounded alike in tiles of any
 * number of rows. */
static void int8_strip(real *c, size_t ldc, Int8Rows a, Int8Columns b, bool add) {
    real bias[INT8_NR] = {0};
    if (b.bias && b.count < INT8_NR) memcpy(bias, b.bias, b.count * sizeof *bias);
    if (!b.bias || b.count < INT8_NR) b.bias = bias;
    for (size_t done; a.count > 0; a.count -= done) {
#define INT8_ROWS(r)                                                                                                   \
    if (a.count >= (r) && (r) <= INT8_MR) {                                                                            \
        int8_tile(r, c, ldc, a, b, add);                                                                               \
        done = r;                                                                                                      \
    }
        /* clang-format off */
        INT8_ROWS(6) else INT8_ROWS(4) else INT8_ROWS(2) else INT8_ROWS(1)
            /* clang-format on */
            c += done * ldc,
            a.bytes += done * a.cells * INT8_CELL, a.scale += done;
    }
}

#endif
