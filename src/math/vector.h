/* Functions of one vector (usually a row); n is its length, 1 or more where a maximum is taken. The loops are in
 * vector_rows.h, compiled once for each instruction set.
 *
 * Reductions add in a fixed order (vector_rows.h). Appended zeros do not change a dot product, a sum or a sum of
 * squares; appended -infinities do not change a maximum, a sum of exponentials or a softmax. exp is within 2 units in
 * the last place of the exact value (float) from -87.3 to 88.3; below that it is 0, above it stays what it is at 88.3.
 * Inputs and outputs may not overlap unless said. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "math/real.h"

real vector_dot(const real *x, const real *y, size_t n);
real vector_sum(const real *x, size_t n);
real vector_max(const real *x, size_t n);                      /* NaN where one is */
real vector_max_and_sum(real *total, const real *x, size_t n); /* returns the maximum; *total is the sum */
double vector_square_sum(const real *x, size_t n);

void vector_clear(real *x, size_t n);
void vector_copy(real *out, const real *in, size_t n);
void vector_scale(real *x, real a, size_t n);                        /* x *= a */
void vector_add(real *y, const real *x, size_t n);                   /* y += x */
void vector_axpy(real *y, real a, const real *x, size_t n);          /* y += a x */
void vector_affine(real *x, real a, real b, size_t n);               /* x = a x + b */
void vector_plus(real *out, const real *x, const real *y, size_t n); /* out = x + y; out may be either */

/* out = exp(x - shift), its sum returned; in place allowed. out NULL: the sum alone. */
real vector_exp_sum(real *out, const real *x, real shift, size_t n);

/* out = softmax(x), in place allowed; returns log(sum(exp(x))), without overflow for any finite x. */
real vector_softmax(real *out, const real *x, size_t n);

/* The same for the rows of an array (rows, n), in place; what is returned for row r goes to log_sum[r * stride]. From
 * the x of before and its log_sum, vector_softmax_again makes the softmax again: x = exp(x - log_sum). */
void vector_softmax_rows(real *x, real *log_sum, size_t stride, size_t rows, size_t n);
void vector_softmax_again(real *x, const real *log_sum, size_t stride, size_t rows, size_t n);

/* p = softmax(s) has the gradient dp: ds = scale p (dp - sum(p dp)) for each row (rows, n). ds may be dp. */
void vector_softmax_backward(real *ds, const real *p, const real *dp, real scale, size_t rows, size_t n);

/* The bfloat16 numbers nearest to x (math/stored.h), and x from them. Not in the double build. */
void vector_round_to_halves(uint16_t *out, const real *x, size_t n);
void vector_halves_to_reals(real *out, const uint16_t *x, size_t n);
