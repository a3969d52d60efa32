/* Activation functions, element by element, on the calling thread: nn/feedforward.c calls them for spans of its rows.
 *
 *     RELU   max(0, x)     derivative 1 where x > 0, else 0
 *     GELU   x Phi(x)      derivative Phi(x) + x phi(x)       (Hendrycks, Gimpel 2016; the exact form)
 *
 * Phi is the normal distribution function and phi its density. The loops are in activation_rows.h. In float, GELU's
 * relative error is below 6e-7; for negative x it grows with x^2, to 2.4e-6 at -5. */
#pragma once

#include <stddef.h>

#include "math/real.h"

typedef enum Activation { ACTIVATION_RELU, ACTIVATION_GELU } Activation;
#define ACTIVATION_NAMES ((const char *const[]){[ACTIVATION_RELU] = "relu", [ACTIVATION_GELU] = "gelu", NULL})

/* out, in: (count) */
void activation_forward(real *out, const real *in, Activation kind, size_t count);

/* din = dout activation'(in); din may be dout */
void activation_backward(real *din, const real *dout, const real *in, Activation kind, size_t count);
