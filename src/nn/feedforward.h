/* Position-wise feed-forward block (Vaswani et al. 2017, section 3.3):
 *
 *     pre = x W1^T + b1     act = dropout(activation(pre))     out = act W2^T + b2
 *
 * x, out: (N, D)   pre, act: (N, F)   W1: (F, D)   W2: (D, F)
 *
 * Only pre is kept for the backward pass, which computes act from it again. */
#pragma once

#include <stddef.h>

#include "math/real.h"
#include "nn/activation.h"
#include "nn/dropout.h"
#include "nn/linear.h"
#include "nn/net.h"

/* Offsets in the parameter block. */
typedef struct FeedforwardParams {
    LinearParams fc1, fc2;
} FeedforwardParams;

typedef struct Feedforward {
    FeedforwardParams params;
    size_t N, D, F;
    Activation activation;
    Dropout dropout; /* after the activation */
} Feedforward;

/* Returns pre, which is kept. out may be x; the epilogue is done to it. x, pre and dout are stored as products read
 * them. */
Stored feedforward_forward(const Net *net, real *out, Stored x, const Feedforward *f, Epilogue epilogue);

/* Writes dx (N, D); adds to the parameters' gradients. In bfloat16, dpre is written in the place of pre. */
void feedforward_backward(const Net *net, real *dx, Stored dout, Stored x, Stored pre, const Feedforward *f);
