/* Exponential moving average of the parameters, a variant of Polyak and Juditsky's (1992), who weigh all steps alike;
 * with this warm-up in TensorFlow:
 *
 *     average += (1 - d) (w - average)        d = min(decay, (1 + t) / (10 + t))
 *
 * after each step t. Its weights are nearer to the middle of the region that the steps wander in, and translate better
 * than any of theirs; validation and model.gguf take them, training goes on from w. */
#ifndef NMT_OPTIM_AVERAGE_H
#define NMT_OPTIM_AVERAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "math/real.h"

/* After step t (1, 2, ...). Blocks: (count). */
void average_update(Pool *pool, real *average, const real *w, size_t count, uint64_t t, double decay);

#endif
