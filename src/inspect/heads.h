/* What a head does, in a word and a number, from its probabilities p (Tq, Tk).
 *
 * The entropy of a row is -sum p log2 p, in bits; a head's is the mean over its rows.
 *
 * A head is given the label that holds best, if it holds to one half at least. How far it holds, from 0 to 1:
 *
 *     previous token, next token, same token    mean of p[i][i - 1], p[i][i + 1], p[i][i] over the rows that have it
 *     start or end    mean of what goes to the marks: <s> in the decoder, </s> in the encoder and across; row 0 of the
 *                     decoder, which sees nothing else, is left out
 *     aligned         across alone: mean of the largest p of a row, </s> left out
 *     spread          entropy divided by that of equal shares, mean over the rows that see more than one key; this one
 *                     is asked first, and must hold to 0.9
 *
 * In the decoder and the encoder "aligned", and across the first three, are not asked. */
#ifndef NMT_INSPECT_HEADS_H
#define NMT_INSPECT_HEADS_H

#include "model/pass.h"

typedef struct HeadSummary {
    double entropy;
    const char *label; /* "" when none holds */
    double share;      /* how far it holds; 0 when none does */
} HeadSummary;

HeadSummary head_summary(const real *p, size_t Tq, size_t Tk, AttentionKind kind);

#endif
