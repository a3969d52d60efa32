/* The activations of n elements; the formulas are in activation.h. */
#pragma once

#include <math.h>

#include "math/lanes.h"

static void relu(real *out, const real *in, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        const vreal x = load(in + i);
        store(out + i, choose((vlane)(x > 0), x, (vreal){0}));
    }
    for (; i < n; i++) out[i] = in[i] > 0 ? in[i] : 0;
}

/* forward: out = max(0, in). din may be dout. */
static void relu_backward(real *din, const real *dout, const real *in, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) store(din + i, choose((vlane)(load(in + i) > 0), load(dout + i), (vreal){0}));
    for (; i < n; i++) din[i] = in[i] > 0 ? dout[i] : 0;
}

#ifdef NMT_DOUBLE
/* Phi(x), the standard normal distribution function. */
static inline vreal phi_lanes(vreal x) {
    for (size_t l = 0; l < LANES; l++) x[l] = 0.5 * erfc(-x[l] * 0.70710678118654752440);
    return x;
}
#else
/* Phi(x) = erfc(-x / sqrt 2) / 2, with erfc(z) = t exp(-z^2 + polynomial(t)), t = 1 / (1 + z / 2) for z >= 0
 * (Numerical Recipes, 6.2: relative error below 1.2e-7) and erfc(-z) = 2 - erfc(z). */
static inline vreal phi_lanes(vreal x) {
    vint negative = x < 0.0f;
    vreal z = choose(negative, -x, x) * 0.70710678f;
    vreal t = 1.0f / (1.0f + 0.5f * z);
    vreal p = t * 0.17087277f - 0.82215223f;
    p = p * t + 1.48851587f;
    p = p * t - 1.13520398f;
    p = p * t + 0.27886807f;
    p = p * t - 0.18628806f;
    p = p * t + 0.09678418f;
    p = p * t + 0.37409196f;
    p = p * t + 1.00002368f;
    p = p * t - 1.26551223f;
    vreal half = 0.5f * t * exp_lanes(p - z * z);
    return choose(negative, half, 1.0f - half);
}
#endif

/* gelu(x) = x Phi(x) (Hendrycks, Gimpel 2016), the exact form. */
static void gelu(real *out, const real *in, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vreal x = load(in + i);
        store(out + i, x * phi_lanes(x));
    }
    if (i < n) {
        vreal x = load_part(in + i, n - i);
        store_part(out + i, x * phi_lanes(x), n - i);
    }
}

/* gelu'(x) = Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi) */
static inline vreal gelu_slope(vreal x) {
    const real inverse_root_2pi = (real)0.39894228040143267794;
    return phi_lanes(x) + x * exp_lanes(x * x * (real)-0.5) * inverse_root_2pi;
}

static void gelu_backward(real *din, const real *dout, const real *in, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) store(din + i, load(dout + i) * gelu_slope(load(in + i)));
    if (i < n) {
        size_t left = n - i;
        vreal slope = gelu_slope(load_part(in + i, left));
        store_part(din + i, load_part(dout + i, left) * slope, left);
    }
}
