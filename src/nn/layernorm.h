/* Layer normalisation (Ba, Kiros, Hinton 2016), over each row of D elements, with the biased variance and eps = 1e-5:
 *
 *     mean = sum(in) / D     rstd = 1 / sqrt(sum((in - mean)^2) / D + eps)
 *     y = (in - mean) rstd   out = y weight + bias
 *
 *     dout -> dweight += sum over rows of dout y
 *             dbias   += sum over rows of dout
 *             din     += rstd (g - mean(g) - y mean(g y)),   g = dout weight
 *
 * in, out: (N, D)   weight, bias: (D)   mean, rstd: (N), kept for the backward pass
 *
 * The arithmetic of one row is in layernorm_rows.h; layernorm.c shares the rows out to the threads. */
#pragma once

#include <stddef.h>

#include "base/pool.h"
#include "math/real.h"
#include "math/stored.h"

typedef struct LayernormParams {
    size_t weight, bias; /* offsets in the parameter block, in elements */
} LayernormParams;

/* `out` may be stored as products read it. */
void layernorm_forward(Pool *pool, Stored out, real *mean, real *rstd, const real *in, const real *weight,
                       const real *bias, size_t N, size_t D);

/* Computes `out` again from what forward kept, so that `out` need not be kept. */
void layernorm_again(Pool *pool, Stored out, const real *in, const real *weight, const real *bias, const real *mean,
                     const real *rstd, size_t N, size_t D);

/* Adds to din (N, D), dweight (D), dbias (D). */
void layernorm_backward_add(Pool *pool, real *din, real *dweight, real *dbias, const real *dout, const real *in,
                            const real *weight, const real *mean, const real *rstd, size_t N, size_t D);

/* The same in place: d (N, D) is dout on entry and din on return. spare (N, D): scratch. */
void layernorm_backward_in_place(Pool *pool, real *d, real *spare, real *dweight, real *dbias, const real *in,
                                 const real *weight, const real *mean, const real *rstd, size_t N, size_t D);
