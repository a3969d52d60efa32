/* The softmax of one row of n scores, backward; forward is vector_softmax (math/vector.h). */
#pragma once

#include "math/vector.h"

/* forward: p = softmax(s). With dp the gradient of p: ds = p (dp - sum(p dp)), here times scale. ds may be dp. */
static void softmax_backward(real *ds, const real *p, const real *dp, real scale, size_t n) {
    const real mean = vector_dot(p, dp, n);
    for (size_t i = 0; i < n; i++) ds[i] = p[i] * (dp[i] - mean) * scale;
}
