/* chrF2 (Popović 2015, "chrF: character n-gram F-score") and chrF++ (Popović 2017, "chrF++: words helping character
 * n-grams"), as sacreBLEU computes them: characters without white space, orders 1 to 6; for chrF++ also words, with
 * punctuation taken off their ends, orders 1 and 2; recall counts beta^2 = 4 times as much as precision. */
#pragma once

#include <stdbool.h>

#include "eval/ngrams.h"
#include "text/utf8.h"

enum { CHRF_CHARACTER_ORDERS = 6, CHRF_WORD_ORDERS = 2 };

/* Adds one sentence, with the counts of the reference that gives it the highest score. references: count, at least 1.
 * words: chrF++. */
void chrf_add(NgramCounts *counts, Ngrams *work, Text hypothesis, const Text *references, size_t count, bool words,
              bool lowercase);

/* The score of a sum, 0 .. 100. */
double chrf_score(const NgramCounts *counts);
