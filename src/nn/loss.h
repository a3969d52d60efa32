/* The output layer and the label-smoothed cross-entropy together, over blocks of rows, so that the N x V logits never
 * exist at once:
 *
 *     z = h W^T     p = softmax(z)     nll = -log p[y]
 *     loss = (1 - e) nll + (e / V) sum over j of -log p[j]            (Szegedy et al. 2016, section 7)
 *
 *     dz[j] = p[j] - (1 - e) [j = y] - e / V,  times `scale`
 *     dh = dz W     dW += dz^T h
 *
 * h, dh: (N, D)   W, dW: (V, D)   y: (N)
 *
 * With R-Drop (Liang et al. 2021, equation 4), a batch has each sentence twice: a token has the rows n and n + N/2,
 * which dropout has made different. Their p and q are drawn to one another. a is the paper's alpha; all is half of what
 * the paper has, because a token counts once:
 *
 *     KL(p, q) = sum over j of p[j] log(p[j] / q[j])
 *     loss = (loss of p + loss of q) / 2 + a / 4 (KL(p, q) + KL(q, p))
 *
 *     dz[j] of row n = (p[j] - (1 - e) [j = y] - e / V) / 2
 *                      + a / 4 (p[j] (log(p[j] / q[j]) - KL(p, q)) + p[j] - q[j]),  times `scale` */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "math/real.h"
#include "nn/net.h"

/* Sums over tokens. Divide by the number of target tokens for the usual figures; exp(mean nll) is the perplexity. */
typedef struct Loss {
    double loss; /* label-smoothed, and with R-Drop's part */
    double nll;  /* not smoothed, and without R-Drop's part */
} Loss;

typedef struct LossOptions {
    double smoothing; /* e, in [0, 1) */
    double rdrop;     /* a; 0: each sentence is there once */
} LossOptions;

/* How often a batch has each sentence. */
static inline size_t loss_copies(LossOptions options) { return options.rdrop > 0 ? 2 : 1; }

typedef struct LossShape {
    size_t N, D, V; /* with R-Drop, N is even */
    LossOptions options;
} LossShape;

/* output: W's offset in the parameter block. target: (N), y, below V. Unless dh is NULL, also goes backward: writes dh
 * and adds to dW the gradients of the loss times `scale` (one over the target tokens of the whole step). Scratch from
 * the arena: loss_scratch bytes at most; and from the pool: loss_pool_scratch for each worker. h and dz are stored as
 * products read them. */
Loss loss_run(const Net *net, real *dh, size_t output, Stored h, const int32_t *target, real scale, LossShape shape);
size_t loss_scratch(Precision precision, LossShape shape);
size_t loss_pool_scratch(LossShape shape);
