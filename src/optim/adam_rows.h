/* Adam's step for n parameters; the formulas are in adam.h. */
#pragma once

#include <math.h>

#include "optim/adam_step.h"

static inline void adam(real *restrict w, real *restrict m, real *restrict v, const real *restrict gradient,
                        const AdamStep *step, size_t n) {
    const AdamStep s = *step;
    for (size_t i = 0; i < n; i++) {
        real g = gradient[i] * s.scale;
        m[i] = s.beta1 * m[i] + (1 - s.beta1) * g;
        v[i] = s.beta2 * v[i] + (1 - s.beta2) * g * g;
#ifdef NMT_DOUBLE
        real root = sqrt(v[i] * s.correct2);
#else
        real root = sqrtf(v[i] * s.correct2);
#endif
        w[i] -= s.rate * (m[i] * s.correct1) / (root + s.epsilon) + s.decay * w[i];
    }
}
