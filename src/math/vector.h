/* Functions of one vector (usually a row), vectorised; n is its length in elements, 1 or more where a maximum is taken.
 *
 * Reductions add in a fixed order (kernels.h). Appended zeros do not change a dot product, a sum or a sum of squares;
 * appended -infinities do not change a maximum, a sum of exponentials or a softmax. exp is within 2 units in the last
 * place of the exact value (float) from -87.3 to 88.3; below that it is 0, above it stays what it is at 88.3. GELU is
 * within 4; in the tail of negative numbers its relative error grows with x^2, to 2e-6 at -5. Inputs and outputs may
 * not overlap unless said. */
#ifndef NMT_MATH_VECTOR_H
#define NMT_MATH_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "math/real.h"

real vector_dot(const real *x, const real *y, size_t n);
real vector_sum(const real *x, size_t n);
real vector_max(const real *x, size_t n);
double vector_square_sum(const real *x, size_t n);

void vector_clear(real *x, size_t n);
void vector_copy(real *out, const real *in, size_t n);
void vector_scale(real *x, real a, size_t n);                          /* x *= a */
void vector_add(real *y, const real *x, size_t n);                     /* y += x */
void vector_axpy(real *y, real a, const real *x, size_t n);            /* y += a x */
void vector_affine(real *x, real a, real b, size_t n);                 /* x = a x + b */
void vector_sum_of(real *out, const real *x, const real *y, size_t n); /* out = x + y; out may be either */

/* out = exp(x - shift), its sum returned; in place allowed. */
real vector_exp_sum(real *out, const real *x, real shift, size_t n);

/* out = softmax(x), in place allowed; returns log(sum(exp(x))), without overflow for any finite x. */
real vector_softmax(real *out, const real *x, size_t n);

/* ds = p (dp - mean) scale: softmax's backward, with mean = sum(p dp). ds may be dp. */
void vector_softmax_backward(real *ds, const real *p, const real *dp, real mean, real scale, size_t n);

/* Activations; the backward ones add to din. */
void vector_relu(real *out, const real *in, size_t n);
void vector_relu_backward(real *din, const real *dout, const real *in, size_t n);
void vector_gelu(real *out, const real *in, size_t n);
void vector_gelu_backward(real *din, const real *dout, const real *in, size_t n);

/* Mean and (biased) variance. */
void vector_moments(const real *x, real *mean, real *variance, size_t n);

/* out = (in - mean) rstd w + b, and its backward, which adds to din, dw and db (formulas in nn/layernorm.h). */
void vector_normalise(real *out, const real *in, real mean, real rstd, const real *w, const real *b, size_t n);
void vector_normalise_backward(real *din, real *dw, real *db, const real *dout, const real *in, real mean, real rstd,
                               const real *w, size_t n);

/* One Adam step over n elements (optim/adam.h has the formulas), and its constants. */
typedef struct AdamStep {
    real rate;               /* learning rate */
    real beta1, beta2;       /* decay of the moments */
    real correct1, correct2; /* 1 / (1 - beta^t) */
    real epsilon;
    real decay; /* rate * weight decay; 0: none */
    real scale; /* multiplies the gradient first (clipping) */
} AdamStep;
void vector_adam(real *w, real *m, real *v, const real *gradient, const AdamStep *step, size_t n);

/* Dropout of elements index, index + 1, ... of a random site: out = [add +] (kept ? in * scale : 0). An element is kept
 * when its 16 random bits are below `keep` (0 to 65536). add may be NULL; out may be in or add. */
void vector_dropout(real *out, const real *in, const real *add, uint32_t keep, real scale, RngSite site, uint64_t index,
                    size_t n);

/* One element of the same, by the plain formula, for tests: whether it is kept. */
int vector_dropout_keeps(uint32_t keep, RngSite site, uint64_t index);

#endif
