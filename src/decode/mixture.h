/* Several models as one: at each position, the probability of a token is the mean of what M models give it.
 *
 *     p[j] = 1/M sum over i of p_i[j],   log p_i[j] = z_i[j] - max_i - log sum_i
 *
 *     log p[j] = log p_1[j] + shift[j],  shift[j] = log(1/M sum over i of exp(log p_i[j] - log p_1[j]))
 *
 * z_i: (V) the logits of model i, max_i the largest of them, sum_i the sum of exp(z_i - max_i). For M equal models the
 * shift is exactly 0, so that the same model M times has the bits of that model. */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "math/real.h"

enum { MIXTURE_MOST = 16 }; /* models */

/* log_p: (count) log p_i of one token. NaN where log_p[0] is -INFINITY. */
static inline double mixture_shift(const double *log_p, size_t count) {
    double most = 0, sum = 0; /* most: the largest difference, so that no exp overflows */
    for (size_t i = 1; i < count; i++) most = fmax(most, log_p[i] - log_p[0]);
    for (size_t i = 0; i < count; i++) sum += exp(log_p[i] - log_p[0] - most);
    return most + log(sum / (double)count);
}

/* The logits of one position by all models. */
typedef struct MixtureLogits {
    size_t count;
    const real *z[MIXTURE_MOST]; /* (V) */
    double max[MIXTURE_MOST], log_sum[MIXTURE_MOST];
    const real *bound; /* (V) at least mixture_logit of each token; with one model: z[0] itself */
} MixtureLogits;

/* The logit of a token by all models: log p[j] = logit - max[0] - log_sum[0]. With one model it is z[0][j], and max and
 * log_sum are not used. */
static inline double mixture_logit(const MixtureLogits *m, size_t j) {
    double log_p[MIXTURE_MOST];
    if (m->count == 1) return (double)m->z[0][j];
    for (size_t i = 0; i < m->count; i++) log_p[i] = (double)m->z[i][j] - m->max[i] - m->log_sum[i];
    return (double)m->z[0][j] + mixture_shift(log_p, m->count);
}

/* Fills in max and log_sum of several models, and `bound`, which is written to room (V). False: not all numbers are
 * finite. */
bool mixture_prepare(MixtureLogits *m, real *room, size_t V);
