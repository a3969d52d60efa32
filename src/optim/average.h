/* Exponential moving average of the parameters. Polyak and Juditsky (1992) give all steps the same weight; this variant
 * prefers later ones. The warm-up of d is TensorFlow's:
 *
 *     average += (1 - d) (w - average)        d = min(decay, (1 + t) / (10 + t))
 *
 * after each step t. The average lies nearer the middle of the region that single steps wander around in, and
 * translates better than any of them. Validation and model.gguf use it; training continues from w. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "math/real.h"

/* After step t (1, 2, ...). Blocks: (count). */
void average_update(Pool *pool, real *average, const real *w, size_t count, uint64_t t, double decay);
