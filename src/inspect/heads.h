/* A label and a number for what a head does, from its probabilities p (Tq, Tk).
 *
 * The entropy of a row is -sum p log2 p, in bits; a head's is the mean over its rows.
 *
 * A head gets the label with the highest share, if that is 0.5 or more. Shares, from 0 to 1:
 *
 *     previous token, next token, same token    mean of p[i][i - 1], p[i][i + 1], p[i][i] over the rows that have it
 *     start or end    mean of the probability of <s> in the decoder, of </s> in the encoder and in cross-attention;
 * without row 0 of the decoder, which sees nothing else aligned         mean of the largest p of a row, without </s>;
 * cross-attention only spread          entropy divided by that of equal shares, mean over the rows that see more than
 * one key; this one comes first, and needs 0.9
 *
 * The first three labels are for self-attention only. */
#ifndef NMT_INSPECT_HEADS_H
#define NMT_INSPECT_HEADS_H

#include "model/pass.h"

typedef struct HeadSummary {
    double entropy;
    const char *label; /* "" for none */
    double share;      /* its share; 0 for none */
} HeadSummary;

HeadSummary head_summary(const real *p, size_t Tq, size_t Tk, AttentionKind kind);

#endif
