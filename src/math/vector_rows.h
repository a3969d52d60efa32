/* The loops of math/vector.h.
 *
 * Order of summation: a sum over n elements puts element i into partial sum i mod P and adds the partial sums in a
 * fixed tree, so appended elements that add 0 do not change a bit: zeros in dot, sum and square_sum, -infinity in
 * exp_sum. P is 4 LANES in dot and sum, LANES in exp_sum, and 16 in square_sum. */
#pragma once

#include "math/lanes.h"

enum { GROUP = 4 * LANES };

static inline void dot_group(vreal sum[4], const real *x, const real *y) {
    for (int s = 0; s < 4; s++) sum[s] += load(x + s * LANES) * load(y + s * LANES);
}

static inline void sum_group(vreal sum[4], const real *x) {
    for (int s = 0; s < 4; s++) sum[s] += load(x + s * LANES);
}

/* The last elements are filled up with zeros to a whole group, not added by code of its own: a compiler might fuse
 * multiplication and addition in one of the two and round in between in the other. */
static real dot(const real *x, const real *y, size_t n) {
    vreal sum[4] = {{0}, {0}, {0}, {0}};
    size_t i = 0;
    for (; i + GROUP <= n; i += GROUP) dot_group(sum, x + i, y + i);
    if (i < n) {
        real rest_x[GROUP] = {0}, rest_y[GROUP] = {0};
        memcpy(rest_x, x + i, (n - i) * sizeof(real));
        memcpy(rest_y, y + i, (n - i) * sizeof(real));
        dot_group(sum, rest_x, rest_y);
    }
    return add_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

static real sum(const real *x, size_t n) {
    vreal sum[4] = {{0}, {0}, {0}, {0}};
    size_t i = 0;
    for (; i + GROUP <= n; i += GROUP) sum_group(sum, x + i);
    if (i < n) {
        real rest[GROUP] = {0};
        memcpy(rest, x + i, (n - i) * sizeof(real));
        sum_group(sum, rest);
    }
    return add_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

static real max(const real *x, size_t n) {
    real lane[LANES];
    for (size_t l = 0; l < LANES; l++) lane[l] = x[l < n ? l : 0];
    vreal top = n < LANES ? load(lane) : load(x + n - LANES);
    vlane nan = top != top;
    for (size_t i = 0; i + LANES <= n; i += LANES) {
        const vreal v = load(x + i);
        top = choose(v > top, v, top);
        nan |= v != v;
    }
    uint64_t word[VECTOR / 8], any = 0;
    memcpy(word, &nan, sizeof word);
    for (size_t i = 0; i < VECTOR / 8; i++) any |= word[i];
    store(lane, top);
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++) lane[i] = lane[i] > lane[i + half] ? lane[i] : lane[i + half];
    return any ? (real)NAN : lane[0];
}

/* Both in one pass. A NaN in x makes the sum NaN. So may infinities of both signs; if the sum is NaN, max decides. */
static real max_and_sum(real *total, const real *x, size_t n) {
    vreal sum[4] = {{0}, {0}, {0}, {0}}, top = spread(x[0]);
    size_t i = 0;
    for (; i + GROUP <= n; i += GROUP) {
        sum_group(sum, x + i);
        UNROLL(4)
        for (size_t s = 0; s < 4; s++) {
            const vreal v = load(x + i + s * LANES);
            top = choose(v > top, v, top);
        }
    }
    real rest[GROUP] = {0}, most = x[0];
    memcpy(rest, x + i, (n - i) * sizeof(real));
    sum_group(sum, rest);
    for (; i < n; i++) most = x[i] > most ? x[i] : most;
    *total = add_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
    for (size_t l = 0; l < LANES; l++) most = top[l] > most ? top[l] : most;
    return isnan(*total) ? max(x, n) : most;
}

/* In double whatever `real` is: the sum of a whole gradient block's squares outgrows float's digits. */
static double square_sum(const real *x, size_t n) {
    double sum[16] = {0};
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (size_t l = 0; l < 16; l++) sum[l] += (double)x[i + l] * (double)x[i + l];
    for (size_t l = 0; i < n; i++, l++) sum[l] += (double)x[i] * (double)x[i];
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) sum[l] += sum[l + half];
    return sum[0];
}

/* The sum of exp(x - shift); written: that is also out. */
static inline __attribute__((always_inline)) real exp_sum_of(const bool written, real *out, const real *x, real shift,
                                                             size_t n) {
    vreal sum = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vreal e = exp_lanes(load(x + i) - shift);
        if (written) store(out + i, e);
        sum += e;
    }
    if (i < n) {
        real rest[LANES] = {0};
        store_part(rest, exp_lanes(load_part(x + i, n - i) - shift), n - i);
        if (written) memcpy(out + i, rest, (n - i) * sizeof(real));
        sum += load(rest);
    }
    return add_lanes(sum);
}

static real exp_sum(real *out, const real *x, real shift, size_t n) {
    return out ? exp_sum_of(true, out, x, shift, n) : exp_sum_of(false, NULL, x, shift, n);
}

static void scale(real *x, real a, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] *= a;
}

/* exp(x - max) is at most 1 and its sum at least 1, so neither overflows nor vanishes. */
static real softmax(real *out, const real *x, size_t n) {
    const real top = max(x, n), sum = exp_sum(out, x, top, n);
    scale(out, 1 / sum, n);
    return top + (real)log((double)sum);
}

static void softmax_rows(real *x, real *log_sum, size_t stride, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, x += n) log_sum[r * stride] = softmax(x, x, n);
}

static void softmax_again(real *x, const real *log_sum, size_t stride, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, x += n) exp_sum_of(true, x, x, log_sum[r * stride], n);
}

static void softmax_backward(real *ds, const real *p, const real *dp, real scale, size_t rows, size_t n) {
    for (size_t r = 0; r < rows; r++, ds += n, p += n, dp += n) {
        const real mean = dot(p, dp, n);
        for (size_t i = 0; i < n; i++) ds[i] = p[i] * (dp[i] - mean) * scale;
    }
}

static void add(real *restrict y, const real *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

static void plus(real *out, const real *x, const real *y, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = x[i] + y[i];
}

static void affine(real *x, real a, real b, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = a * x[i] + b;
}

static void axpy(real *restrict y, real a, const real *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

/* The bfloat16 numbers nearest to x, and x from them. */
#ifdef NMT_DOUBLE
static void round_to_halves(uint16_t *out, const real *x, size_t n) { (void)out, (void)x, (void)n; }
static void halves_to_reals(real *out, const uint16_t *x, size_t n) { (void)out, (void)x, (void)n; }
#else
static void round_to_halves(uint16_t *restrict out, const real *restrict x, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        uint32_t bits[LANES];
        const vword rounded = (vword)round_bfloat16(load(x + i)) >> 16;
        memcpy(bits, &rounded, sizeof bits);
        for (size_t l = 0; l < LANES; l++) out[i + l] = (uint16_t)bits[l];
    }
    if (i == n) return;
    uint32_t bits[LANES];
    const vword rounded = (vword)round_bfloat16(load_part(x + i, n - i)) >> 16;
    memcpy(bits, &rounded, sizeof bits);
    for (size_t l = 0; i + l < n; l++) out[i + l] = (uint16_t)bits[l];
}

static void halves_to_reals(real *restrict out, const uint16_t *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(out + i, &bits, sizeof bits);
    }
}
#endif
