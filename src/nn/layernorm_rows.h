/* Layer normalisation of one row of n elements; the formulas are in layernorm.h. */
#pragma once

#include <math.h>

#include "math/lanes.h"
#include "math/vector.h"

/* The variance from centred values: sum(x^2) - mean^2 would lose all digits where |mean| >> deviation. */
static void moments(const real *x, real *mean, real *variance, size_t n) {
    const real m = vector_sum(x, n) / (real)n;
    vreal sum[2] = {{0}, {0}};
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES)
        for (int s = 0; s < 2; s++) {
            vreal off = load(x + i + s * LANES) - m;
            sum[s] += off * off;
        }
    for (int s = 0; i < n; i += LANES, s++) {
        real rest[LANES];
        for (size_t l = 0; l < LANES; l++) rest[l] = i + l < n ? x[i + l] - m : 0;
        sum[s] += load(rest) * load(rest);
    }
    *mean = m;
    *variance = add_lanes(sum[0] + sum[1]) / (real)n;
}

/* out = (in - mean) rstd w + b, where mean and rstd are known. */
static void layernorm_row_again(real *restrict out, const real *restrict in, real mean, real rstd,
                                const real *restrict w, const real *restrict b, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = (in[i] - mean) * rstd * w[i] + b[i];
}

/* The same, but computes mean and rstd first. */
static void layernorm_row(real *out, real *mean, real *rstd, const real *in, const real *w, const real *b, size_t n) {
    const double epsilon = 1e-5;
    real variance;
    moments(in, mean, &variance, n);
    *rstd = (real)(1 / sqrt((double)variance + epsilon));
    layernorm_row_again(out, in, *mean, *rstd, w, b, n);
}

/* forward: y = (in - mean) rstd; out = y w + b. With g = dout w: din += rstd (g - mean(g) - y mean(g y)),
 * dw += dout y, db += dout. */
static void layernorm_row_backward(real *restrict din, real *restrict dw, real *restrict db, const real *restrict dout,
                                   const real *restrict in, real mean, real rstd, const real *restrict w, size_t n) {
    vreal sum_g = {0}, sum_gy = {0};
    for (size_t i = 0; i < n; i += LANES) {
        size_t left = n - i;
        vreal g, y;
        if (left >= LANES) {
            g = load(dout + i) * load(w + i);
            y = (load(in + i) - mean) * rstd;
        } else {
            g = load_part(dout + i, left) * load_part(w + i, left);
            y = (load_part(in + i, left) - mean) * rstd;
        }
        sum_g += g;
        sum_gy += g * y;
    }
    real mean_g = add_lanes(sum_g) / (real)n, mean_gy = add_lanes(sum_gy) / (real)n;
    for (size_t i = 0; i < n; i++) {
        real y = (in[i] - mean) * rstd;
        din[i] += rstd * (dout[i] * w[i] - mean_g - y * mean_gy);
        dw[i] += dout[i] * y;
        db[i] += dout[i];
    }
}
