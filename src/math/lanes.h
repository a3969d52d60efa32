/* Vectors of VECTOR bytes, a register of the instruction set that a file is compiled for. Code, included by loops that
 * are compiled once for each set (math/isa.h).
 *
 * GNU C vectors: + - * / work lane by lane, comparison gives lanes of all ones or zeros, a cast reinterprets. */
#pragma once

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "math/real.h"

#ifdef NMT_DOUBLE
#define VECTOR_LANES (VECTOR / 8)
typedef int64_t vlane __attribute__((vector_size(VECTOR)));
#else
#define VECTOR_LANES (VECTOR / 4)
typedef int32_t vlane __attribute__((vector_size(VECTOR)));
#endif
enum { LANES = VECTOR_LANES };

typedef uint32_t vword __attribute__((vector_size(VECTOR)));
typedef uint64_t vlong __attribute__((vector_size(VECTOR)));
typedef real vreal __attribute__((vector_size(VECTOR)));
typedef real vreal_unaligned __attribute__((vector_size(VECTOR), aligned(sizeof(real)), may_alias));

/* Before a loop with a constant number of rounds, at most n: unrolls it completely, so that an array of vectors can
 * stay in registers. clang does not do that if the pragma has a number, as gcc's needs. UNROLL_BY: before a loop with
 * any number of rounds; n of them follow one another without a jump. */
#define PRAGMA(...) _Pragma(#__VA_ARGS__)
#ifdef __clang__
#define UNROLL(n)    PRAGMA(clang loop unroll(full))
#define UNROLL_BY(n) PRAGMA(clang loop unroll_count(n))
#else
#define UNROLL(n)    PRAGMA(GCC unroll n)
#define UNROLL_BY(n) PRAGMA(GCC unroll n)
#endif

static inline vreal load(const real *x) { return *(const vreal_unaligned *)x; }
static inline void store(real *x, vreal v) { *(vreal_unaligned *)x = v; }
static inline vreal spread(real a) { return a - (vreal){0}; }

/* The first n < LANES elements, then zeros. */
static inline vreal load_part(const real *x, size_t n) {
    vreal v = {0};
    memcpy(&v, x, n * sizeof(real));
    return v;
}
static inline void store_part(real *x, vreal v, size_t n) { memcpy(x, &v, n * sizeof(real)); }

/* Lane by lane. */
static inline vreal choose(vlane mask, vreal yes, vreal no) {
    return (vreal)((mask & (vlane)yes) | (~mask & (vlane)no));
}

/* The sum of all lanes, in a fixed tree. */
static inline real add_lanes(vreal v) {
    real lane[LANES];
    memcpy(lane, &v, sizeof lane);
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++) lane[i] += lane[i + half];
    return lane[0];
}

#ifdef NMT_DOUBLE
static inline vreal exp_lanes(vreal x) {
    for (size_t l = 0; l < LANES; l++) x[l] = exp(x[l]);
    return x;
}
#else
typedef int32_t vint __attribute__((vector_size(VECTOR)));

/* exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln(2) / 2, exp(r) by a polynomial (Cephes' expf coefficients).
 * Error below 2 units in the last place; 0 below -87.3, where the result would be denormal; clamped above 88.3. */
static inline vreal exp_lanes(vreal x) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer, left in the low bits */
    vint tiny = x < -87.3f;
    x = choose(x > 88.3f, spread(88.3f), x);
    vreal shifted = x * 1.44269504f + magic;
    vreal n = shifted - magic;
    vreal r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    vreal p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    vword exponent = ((vword)shifted - (vword)spread(magic) + 127) << 23; /* of a tiny x: anything, and not used */
    return choose(tiny, (vreal){0}, p * (vreal)exponent);
}
#endif

/* MUL_WIDE(a, b): the products of the even 32-bit lanes of two vectors, as 64-bit lanes. */
#if VECTOR == 64
#include <immintrin.h>
#define MUL_WIDE(a, b) ((vlong)_mm512_mul_epu32((__m512i)(a), (__m512i)(b)))
#elif VECTOR == 32
#include <immintrin.h>
#define MUL_WIDE(a, b) ((vlong)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
#elif defined(__SSE2__)
#include <emmintrin.h>
#define MUL_WIDE(a, b) ((vlong)_mm_mul_epu32((__m128i)(a), (__m128i)(b)))
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#define MUL_WIDE(a, b) ((vlong)vmull_u32(vmovn_u64((uint64x2_t)(a)), vmovn_u64((uint64x2_t)(b))))
#else
#define MUL_WIDE(a, b) (((vlong)(a)&0xffffffffu) * ((vlong)(b)&0xffffffffu))
#endif

/* Transposing LANES x LANES elements in registers: log2(LANES) rounds of a perfect shuffle, each of which zips row i
 * with row i + LANES / 2. */
#if VECTOR_LANES == 2
#define ZIP_LOW  0, 2
#define ZIP_HIGH 1, 3
#elif VECTOR_LANES == 4
#define ZIP_LOW  0, 4, 1, 5
#define ZIP_HIGH 2, 6, 3, 7
#elif VECTOR_LANES == 8
#define ZIP_LOW  0, 8, 1, 9, 2, 10, 3, 11
#define ZIP_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define ZIP_LOW  0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define ZIP_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#endif
#ifdef __clang__
#define SHUFFLE(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
#else
#define SHUFFLE(x, y, ...) __builtin_shuffle(x, y, (vlane){__VA_ARGS__})
#endif

#if VECTOR == 32 && !defined(NMT_DOUBLE)
/* With half as many instructions: only the last round moves data between the halves of a vector, which takes longest.
 */
static inline void transpose(vreal row[LANES]) {
    vreal half[2][4]; /* half[h][i]: columns i and i + 4 of the rows 4 h to 4 h + 3 */
    UNROLL(2)
    for (int h = 0; h < 2; h++) {
        const vreal *r = row + 4 * h;
        const vreal low01 = SHUFFLE(r[0], r[1], 0, 8, 1, 9, 4, 12, 5, 13);
        const vreal high01 = SHUFFLE(r[0], r[1], 2, 10, 3, 11, 6, 14, 7, 15);
        const vreal low23 = SHUFFLE(r[2], r[3], 0, 8, 1, 9, 4, 12, 5, 13);
        const vreal high23 = SHUFFLE(r[2], r[3], 2, 10, 3, 11, 6, 14, 7, 15);
        half[h][0] = SHUFFLE(low01, low23, 0, 1, 8, 9, 4, 5, 12, 13);
        half[h][1] = SHUFFLE(low01, low23, 2, 3, 10, 11, 6, 7, 14, 15);
        half[h][2] = SHUFFLE(high01, high23, 0, 1, 8, 9, 4, 5, 12, 13);
        half[h][3] = SHUFFLE(high01, high23, 2, 3, 10, 11, 6, 7, 14, 15);
    }
    UNROLL(4)
    for (int i = 0; i < 4; i++) {
        row[i] = SHUFFLE(half[0][i], half[1][i], 0, 1, 2, 3, 8, 9, 10, 11);
        row[i + 4] = SHUFFLE(half[0][i], half[1][i], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}
#else
static inline void transpose(vreal row[LANES]) {
    UNROLL(4)
    for (int half = LANES / 2; half > 0; half /= 2) {
        vreal zipped[LANES];
        UNROLL(8)
        for (int i = 0; i < LANES / 2; i++) {
            zipped[2 * i] = SHUFFLE(row[i], row[i + LANES / 2], ZIP_LOW);
            zipped[2 * i + 1] = SHUFFLE(row[i], row[i + LANES / 2], ZIP_HIGH);
        }
        UNROLL(16)
        for (int i = 0; i < LANES; i++) row[i] = zipped[i];
    }
}
#endif

/* Rounds floats to bfloat16 numbers, which are their upper halves: to the nearest, ties to even. A carry out of the
 * fraction goes into the exponent, which is right, even up to infinity. NaN stays NaN. */
#ifdef NMT_DOUBLE
static inline vreal round_bfloat16(vreal x) { return x; /* the double build has no bfloat16 */ }
#else
static inline vreal round_bfloat16(vreal x) {
    const vword bits = (vword)x, is_nan = (vword)(x != x);
    const vword rounded = bits + 0x7fff + (bits >> 16 & 1), quiet_nan = bits | 0x400000;
    return (vreal)(((rounded & ~is_nan) | (quiet_nan & is_nan)) & 0xffff0000);
}
#endif
