/* A label and a number for what a head does, from its probabilities p (Tq, Tk).
 *
 * The entropy of a row is -sum p log2 p, in bits; a head's is the mean over its rows.
 *
 * A head gets the label with the highest share, if that is 0.5 or more. Shares, from 0 to 1:
 *
 *     previous, next, same token    mean of p[i][i - 1], p[i][i + 1], p[i][i]; self-attention only
 *     start or end                  mean of the p of <s> in the decoder, else of </s>
 *     aligned                       mean of a row's largest p, </s> left out; cross-attention only
 *     spread                        mean of the entropy divided by that of equal shares; comes first, needs 0.9
 *
 * Means are over the rows that have such a key and see more than one; entropy is over all rows. causal: row i sees
 * the keys 0 to i only. */
#pragma once

#include "model/hyper.h"

typedef struct HeadSummary {
    double entropy;
    const char *label; /* "" for none */
    double share;      /* its share; 0 for none */
    const char *does;  /* the label as what the head does; "" for none */
} HeadSummary;

HeadSummary head_summary(const real *p, size_t Tq, size_t Tk, AttentionKind kind, bool causal);
