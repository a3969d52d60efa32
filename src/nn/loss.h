/* The output layer and the label-smoothed cross-entropy together, over blocks of rows, so that the N x V logits never
 * exist at once:
 *
 *     z = h W^T     p = softmax(z)     nll = -log p[y]
 *     loss = (1 - e) nll + (e / V) sum over j of -log p[j]            (Szegedy et al. 2016, section 7)
 *
 *     dz[j] = p[j] - (1 - e) [j = y] - e / V,  times `scale`
 *     dh = dz W     dW += dz^T h
 *
 * h, dh: (N, D)   W, dW: (V, D)   y: (N) */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "math/real.h"
#include "nn/net.h"

/* Sums over rows. Divide by the number of target tokens for the usual figures; exp(mean nll) is the perplexity. */
typedef struct Loss {
    double loss; /* label-smoothed */
    double nll;  /* not smoothed */
} Loss;

typedef struct LossShape {
    size_t N, D, V;
    double smoothing; /* e, in [0, 1) */
} LossShape;

/* output: W's offset in the parameter block. target: (N), y, below V. Unless dh is NULL, also goes backward: writes dh
 * and adds to dW the gradients of the loss times `scale` (one over the target tokens of the whole step). Scratch from
 * the arena: loss_scratch bytes at most. h and dz are stored as products read them. */
Loss loss_run(const Net *net, real *dh, size_t output, Stored h, const int32_t *target, real scale, LossShape shape);
size_t loss_scratch(Precision precision, LossShape shape);
