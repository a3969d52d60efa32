/* BLEU (Papineni et al. 2002, "BLEU: a method for automatic evaluation of machine translation"), as sacreBLEU computes
 * it (Post 2018, "A call for clarity in reporting BLEU scores"): word n-grams of orders 1 to 4, smoothing "exp". */
#ifndef NMT_EVAL_BLEU_H
#define NMT_EVAL_BLEU_H

#include <stdbool.h>

#include "eval/ngrams.h"
#include "text/utf8.h"

enum { BLEU_ORDERS = 4 };

typedef struct BleuScore {
    double score;                  /* 0 .. 100 */
    double precision[BLEU_ORDERS]; /* percent, smoothed */
    double penalty;                /* for brevity: exp(1 - r/c) when c < r */
    uint64_t length, reference;    /* c and r: words of the hypotheses, and of the references closest in length */
} BleuScore;

/* Adds one sentence. references: count, at least 1; an n-gram may match as often as the reference with the most of it
 * has it. tokenise: "13a"; otherwise words are what white space separates. Of counts->reference only the first order is
 * used: the length of the reference that is closest in length (the shorter of two). */
void bleu_add(NgramCounts *counts, Ngrams *work, Text hypothesis, const Text *references, size_t count, bool tokenise,
              bool lowercase);

/* The score of a sum. effective: only the orders that the hypothesis has n-grams of count, as suits single sentences.
 */
BleuScore bleu_score(const NgramCounts *counts, bool effective);

#endif
