/* The gradient of the loss for the two rows of a token, with R-Drop; the formulas are in loss.h. */
#pragma once

#include "math/real.h"

/* Before, dp holds log(p / q) plus a number that is the same for all classes; own_p and own_q make up for it.
 * Afterwards, dp and dq are the gradients of the two rows' logits. p, q: their softmax. All: (n). */
static void loss_pair(real *restrict dp, real *restrict dq, const real *restrict p, const real *restrict q, real own_p,
                      real own_q, real pull, real smooth, size_t n) {
    for (size_t j = 0; j < n; j++) {
        const real apart = pull * dp[j];
        dp[j] = p[j] * (own_p + apart) - pull * q[j] - smooth;
        dq[j] = q[j] * (own_q - apart) - pull * p[j] - smooth;
    }
}
