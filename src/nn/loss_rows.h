/* The gradient of the loss for the two rows of a token, with R-Drop; the formulas are in loss.h. */
#pragma once

#include "math/real.h"

/* dp, dq: the gradients of the logits of two rows of n classes; dp holds log(p / q) and a constant before, which own_p
 * and own_q allow for. p, q: their softmax. */
static void loss_pair(real *restrict dp, real *restrict dq, const real *restrict p, const real *restrict q, real own_p,
                      real own_q, real pull, real smooth, size_t n) {
    for (size_t j = 0; j < n; j++) {
        const real apart = pull * dp[j];
        dp[j] = p[j] * (own_p + apart) - pull * q[j] - smooth;
        dq[j] = q[j] * (own_q - apart) - pull * p[j] - smooth;
    }
}
