/* BLEU and chrF: counts of each sentence, the score of their sum, and whether two systems really differ.
 *
 *     Ngrams *work = ngrams_create();
 *     NgramCounts sum = {{0}, {0}, {0}};
 *     for each sentence: score_add(&sum, work, how, hypothesis, references, count);
 *     double score = score_value(how, &sum);
 *
 * Scores agree with those of sacreBLEU 2 (https://github.com/mjpost/sacrebleu) for the same signature. */
#pragma once

#include <stdbool.h>

#include "eval/ngrams.h"
#include "text/utf8.h"

typedef enum ScoreMetric { SCORE_BLEU, SCORE_CHRF, SCORE_CHRFPP, SCORE_METRICS } ScoreMetric;

/* All false is the usual way. */
typedef struct ScoreOptions {
    ScoreMetric metric;
    bool lowercase;       /* both sides first */
    bool split_on_space;  /* BLEU's words are what white space separates, instead of tokenisation "13a" */
    bool effective_order; /* BLEU counts only the orders that the hypothesis has */
} ScoreOptions;

/* "BLEU", "chrF2", "chrF2++". */
const char *score_name(ScoreMetric metric);

/* Adds one sentence. references: count, at least 1. */
void score_add(NgramCounts *sum, Ngrams *work, ScoreOptions how, Text hypothesis, const Text *references, size_t count);

/* The score of a sum, 0 .. 100. */
double score_value(ScoreOptions how, const NgramCounts *sum);

typedef struct ScoreResampling {
    size_t resamples; /* 0: none were made */
    uint64_t seed;
} ScoreResampling;

/* How a score was made, as sacreBLEU's signature, in a fresh string. references: of each sentence; 0: varying. */
char *score_signature(ScoreOptions how, size_t references, ScoreResampling resampling);

/* One of two systems: its score, the mean of its scores on resamples, and half the width of their middle 95%. */
typedef struct ScoreSystem {
    double score, mean, half_width;
} ScoreSystem;

/* Paired bootstrap resampling (Koehn 2004, "Statistical significance tests for machine translation evaluation"): both
 * systems are scored on many test sets of `lines` sentences drawn with replacement from this one. counts[s]: (lines),
 * at least 1, the sentences of system s. Returns sacreBLEU's estimate of p, the probability that two equally good
 * systems differ this much by chance; for equal scores 1. The same seed draws the same test sets. */
double score_paired(ScoreSystem systems[2], ScoreOptions how, const NgramCounts *const counts[2], size_t lines,
                    ScoreResampling resampling);
