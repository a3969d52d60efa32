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
#include "math/matmul_stored.h"
#include "math/real.h"

/* Where a linear layer's tensors are in the parameter block, and in the gradient block alike. */
typedef struct LinearParams {
    size_t weight, bias; /* offsets, in elements */
} LinearParams;

/* bias may be NULL. In float32. */
void linear_forward(Compute compute, real *out, const real *in, const real *weight, const real *bias, size_t N,
                    size_t I, size_t O);

/* The same for training. `in` is a Stored of the Compute's precision; `out` is that or floats. The epilogue is done to
 * out. */
void linear_forward_stored(Compute compute, Stored out, Stored in, const real *weight, const real *bias, size_t N,
                           size_t I, size_t O, Epilogue epilogue);

/* Writes din, adds to dweight and dbias. din.data and dbias may be NULL: not wanted. `dout` and `in` are Stored of the
 * Compute's precision; `din` is that or floats. The epilogue is done to din. */
void linear_backward(Compute compute, Stored din, real *dweight, real *dbias, Stored dout, Stored in,
                     const real *weight, size_t N, size_t I, size_t O, Epilogue epilogue);

/* The same, but adds to din (N, I), too. */
void linear_backward_add(Compute compute, real *din, real *dweight, real *dbias, Stored dout, Stored in,
                         const real *weight, size_t N, size_t I, size_t O);
