/* Position-wise feed-forward block (Vaswani et al. 2017, section 3.3):
 *
 *     pre = x W1^T + b1     act = dropout(activation(pre))     out = act W2^T + b2
 *
 * x, out: (N, D)   pre, act: (N, F)   W1: (F, D)   W2: (D, F)
 *
 * Only pre is kept for the backward pass; act is made again from it. */
#ifndef NMT_NN_FEEDFORWARD_H
#define NMT_NN_FEEDFORWARD_H

#include <stddef.h>

#include "base/arena.h"
#include "math/real.h"
#include "nn/activation.h"
#include "nn/dropout.h"
#include "nn/linear.h"

/* Offsets in the parameter block. */
typedef struct FeedforwardParams {
    LinearParams fc1, fc2;
} FeedforwardParams;

typedef struct FeedforwardShape {
    size_t N, D, F;
    Activation activation;
} FeedforwardShape;

/* pre: (N, F), kept. Scratch from the arena: feedforward_scratch elements at most, forward and backward. */
void feedforward_forward(Compute compute, Arena *arena, real *out, real *pre, const real *x, const real *w,
                         FeedforwardParams params, FeedforwardShape shape, Dropout dropout);

/* Writes dx (N, D), which is this block's alone; adds to the parameters' gradients in dw. */
void feedforward_backward(Compute compute, Arena *arena, real *dx, real *dw, const real *dout, const real *x,
                          const real *pre, const real *w, FeedforwardParams params, FeedforwardShape shape,
                          Dropout dropout);
size_t feedforward_scratch(FeedforwardShape shape);

#endif
