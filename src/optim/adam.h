/* Adam (Kingma, Ba 2015) with bias correction and, optionally, decoupled weight decay (Loshchilov, Hutter 2019):
 *
 *     g = gradient * scale                    scale: from clipping, 1 where nothing is clipped
 *     m = beta1 m + (1 - beta1) g             v = beta2 v + (1 - beta2) g^2
 *     w = w - rate ((m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon) + decay w)
 *
 * Parameters, gradient, m and v are blocks of one layout (model/parameters.h), so it is one loop, that of
 * adam_rows.h; with weight decay, one for each tensor, because vectors (biases and norms) do not decay. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"
#include "math/real.h"
#include "model/parameters.h"

typedef struct AdamOptions {
    double beta1, beta2, epsilon, weight_decay;
    bool without_layers; /* leaves the matrices of attention and feed-forward to Muon */
} AdamOptions;

/* Step number t (1, 2, ...). Blocks: (params->count). */
void adam_update(Pool *pool, const Parameters *params, real *w, real *m, real *v, const real *gradient, uint64_t t,
                 double rate, double scale, AdamOptions options);
