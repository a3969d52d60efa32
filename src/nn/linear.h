/* Linear layer (PyTorch's nn.Linear): out = in weight^T + bias.
 *
 * in: (N, I)   weight: (O, I)   bias: (O)   out: (N, O)
 *
 *     dout -> din      = dout weight
 *             dweight += dout^T in
 *             dbias   += sum of dout's rows */
#pragma once

#include <stddef.h>

#include "math/matmul.h"
#include "math/real.h"

/* Where a linear layer's tensors are in the parameter block, and in the gradient block alike. */
typedef struct LinearParams {
    size_t weight, bias; /* offsets, in elements */
} LinearParams;

/* bias may be NULL. */
void linear_forward(Compute compute, real *out, const real *in, const real *weight, const real *bias, size_t N,
                    size_t I, size_t O);

/* Writes din, adds to dweight and dbias. din and dbias may be NULL: not wanted. */
void linear_backward(Compute compute, real *din, real *dweight, real *dbias, const real *dout, const real *in,
                     const real *weight, size_t N, size_t I, size_t O);

/* The same, but adds to din, too. */
void linear_backward_add(Compute compute, real *din, real *dweight, real *dbias, const real *dout, const real *in,
                         const real *weight, size_t N, size_t I, size_t O);
