/* Sinusoidal positions (Vaswani et al. 2017, section 3.5), sine and cosine interleaved:
 *
 *     table[p][2i] = sin(p / 10000^(2i/D))     table[p][2i + 1] = cos(p / 10000^(2i/D)) */
#ifndef NMT_NN_POSITIONAL_H
#define NMT_NN_POSITIONAL_H

#include <stddef.h>

#include "math/real.h"

/* table: (P, D), D even */
void positional_fill(real *table, size_t P, size_t D);

#endif
