/* Thin doors to the kernels in use, and what is composed of them. */
#include "math/vector.h"

#include <math.h>
#include <string.h>

#include "math/kernels.h"

real vector_dot(const real *x, const real *y, size_t n) {
    return kernels()->dot(x, y, n);
}
real vector_sum(const real *x, size_t n) {
    return kernels()->sum(x, n);
}
real vector_max(const real *x, size_t n) {
    return kernels()->max(x, n);
}
double vector_square_sum(const real *x, size_t n) {
    return kernels()->square_sum(x, n);
}

void vector_clear(real *x, size_t n) {
    memset(x, 0, n * sizeof *x);
}
void vector_copy(real *out, const real *in, size_t n) {
    memcpy(out, in, n * sizeof *out);
}
void vector_scale(real *x, real a, size_t n) {
    kernels()->scale(x, a, n);
}
void vector_add(real *y, const real *x, size_t n) {
    kernels()->add(y, x, n);
}
void vector_affine(real *x, real a, real b, size_t n) {
    kernels()->affine(x, a, b, n);
}
void vector_sum_of(real *out, const real *x, const real *y, size_t n) {
    kernels()->sum_of(out, x, y, n);
}
void vector_axpy(real *y, real a, const real *x, size_t n) {
    kernels()->axpy(y, a, x, n);
}

real vector_exp_sum(real *out, const real *x, real shift, size_t n) {
    return kernels()->exp_sum(out, x, shift, n);
}

real vector_softmax(real *out, const real *x, size_t n) {
    /* exp(x - max) is at most 1 and its sum at least 1, so neither overflows nor vanishes. */
    real max = vector_max(x, n);
    real sum = vector_exp_sum(out, x, max, n);
    vector_scale(out, 1 / sum, n);
    return max + (real)log((double)sum);
}

void vector_softmax_backward(real *ds, const real *p, const real *dp, real mean, real scale, size_t n) {
    kernels()->softmax_backward(ds, p, dp, mean, scale, n);
}

void vector_relu(real *out, const real *in, size_t n) {
    kernels()->relu(out, in, n);
}
void vector_relu_backward(real *din, const real *dout, const real *in, size_t n) {
    kernels()->relu_backward(din, dout, in, n);
}
void vector_gelu(real *out, const real *in, size_t n) {
    kernels()->gelu(out, in, n);
}
void vector_gelu_backward(real *din, const real *dout, const real *in, size_t n) {
    kernels()->gelu_backward(din, dout, in, n);
}

void vector_normalise(real *out, const real *in, real mean, real rstd, const real *w, const real *b, size_t n) {
    kernels()->normalise(out, in, mean, rstd, w, b, n);
}
void vector_normalise_backward(real *din, real *dw, real *db, const real *dout, const real *in, real mean, real rstd,
                               const real *w, size_t n) {
    kernels()->normalise_backward(din, dw, db, dout, in, mean, rstd, w, n);
}
void vector_moments(const real *x, real *mean, real *variance, size_t n) {
    kernels()->moments(x, mean, variance, n);
}

void vector_adam(real *w, real *m, real *v, const real *gradient, const AdamStep *step, size_t n) {
    kernels()->adam(w, m, v, gradient, step, n);
}

void vector_dropout(real *out, const real *in, const real *add, uint32_t keep, real scale, RngSite site, uint64_t index,
                    size_t n) {
    kernels()->dropout(out, in, add, keep, scale, site, index, n);
}

int vector_dropout_keeps(uint32_t keep, RngSite site, uint64_t index) {
    uint64_t block = index / 128, element = index % 128;
    uint32_t random[4];
    rng_philox(random, site, block * 16 + element % 16);
    uint32_t word = random[element / 32];
    return (element / 16 % 2 ? word >> 16 : word & 0xffff) < keep;
}
