/* BLEU (Papineni et al. 2002, "BLEU: a method for automatic evaluation of machine translation"), as sacreBLEU computes
 * it (Post 2018, "A call for clarity in reporting BLEU scores"): word n-grams of orders 1 to 4, smoothing "exp". */
#pragma once

#include <stdbool.h>

#include "eval/ngrams.h"
#include "text/utf8.h"

enum { BLEU_ORDERS = 4 };

typedef struct BleuScore {
    double score;                  /* 0 .. 100 */
    double precision[BLEU_ORDERS]; /* percent, smoothed */
    double penalty;                /* brevity penalty: exp(1 - r/c) when c < r, else 1 */
    uint64_t length, reference;    /* c and r: words of the hypotheses and of the references closest in length */
} BleuScore;

/* Adds one sentence. references: count, at least 1. An n-gram may match as often as it occurs in the reference that has
 * most of it. tokenise: by "13a"; otherwise white space separates words. counts->reference[0] becomes the length of the
 * reference whose length is nearest (of two that are as near, the shorter); its other orders stay 0. */
void bleu_add(NgramCounts *counts, Ngrams *work, Text hypothesis, const Text *references, size_t count, bool tokenise,
              bool lowercase);

/* The score of a sum. effective: orders without n-grams in the hypothesis are left out, as suits single sentences. */
BleuScore bleu_score(const NgramCounts *counts, bool effective);
