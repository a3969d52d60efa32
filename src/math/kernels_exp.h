/* Part of kernels_impl.h: the exponential, the normal distribution function, and what is made of them: softmax's sum
 * and GELU. Code without a guard, included there once for each instruction set. */

#ifdef NMT_DOUBLE

static inline vreal exp_lanes(vreal x) {
    for (size_t l = 0; l < LANES; l++) x[l] = exp(x[l]);
    return x;
}

/* Phi(x), the standard normal distribution function. */
static inline vreal phi_lanes(vreal x) {
    for (size_t l = 0; l < LANES; l++) x[l] = 0.5 * erfc(-x[l] * 0.70710678118654752440);
    return x;
}

#else

typedef int32_t vint __attribute__((vector_size(VECTOR)));

static inline vreal choose(vint mask, vreal yes, vreal no) {
    return (vreal)((mask & (vint)yes) | (~mask & (vint)no));
}

/* exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln(2) / 2, exp(r) by a polynomial (Cephes' expf coefficients).
 * Error below 2 units in the last place; 0 below -87.3, where the result would be denormal; clamped above 88.3. */
static inline vreal exp_lanes(vreal x) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer, left in the low bits */
    vint tiny = x < -87.3f;
    x = choose(x > 88.3f, spread(88.3f), choose(tiny, spread(-87.3f), x));
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
    vint exponent = ((vint)shifted - (vint)spread(magic) + 127) << 23;
    return choose(tiny, (vreal){0}, p * (vreal)exponent);
}

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

/* out = exp(x - shift); returns the sum of out. */
static real exp_sum(real *out, const real *x, real shift, size_t n) {
    vreal sum = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vreal e = exp_lanes(load(x + i) - shift);
        store(out + i, e);
        sum += e;
    }
    if (i < n) {
        vreal e = exp_lanes(load_part(x + i, n - i) - shift);
        store_part(out + i, e, n - i);
        sum += load_part(out + i, n - i);
    }
    return add_lanes(sum);
}

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
    for (; i + LANES <= n; i += LANES) store(din + i, load(din + i) + load(dout + i) * gelu_slope(load(in + i)));
    if (i < n) {
        size_t left = n - i;
        vreal slope = gelu_slope(load_part(in + i, left));
        store_part(din + i, load_part(din + i, left) + load_part(dout + i, left) * slope, left);
    }
}
