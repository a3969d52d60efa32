/* Confidence: how good a translation is likely to be, from 0 to 1, by how likely the model finds it.
 *
 *     s = -log p(translation | source) / tokens, at least 0.001
 *     confidence = 1 / (1 + exp(-(bias + slope log s)))
 *
 * Good means close to what a person would write: what is estimated is chrF2 / 100 of the translation alone against its
 * reference (eval/score.h). Bias and slope are fitted to sentences with references that were not trained on. The
 * maximum of the likelihood is unique, and found by Newton's method. */
#pragma once

#include <stddef.h>

typedef struct Confidence {
    double bias, slope; /* both 0: not known */
} Confidence;

/* tokens: </s> included; 0 for an empty translation of an empty text, which gives 1. -INFINITY gives 0. */
double confidence_value(Confidence confidence, double log_probability, size_t tokens);

/* A translated sentence. */
typedef struct ConfidenceSample {
    double log_probability;
    size_t tokens;
    double quality; /* chrF2 / 100 */
} ConfidenceSample;

enum { CONFIDENCE_LEAST = 50 }; /* sentences that a fit needs; with fewer, the Confidence is not known */

/* Samples without tokens, or whose log probability is not finite, do not count. confidence_keep moves those that do to
 * the front, in their order, and returns how many there are. */
size_t confidence_keep(ConfidenceSample *samples, size_t count);
Confidence confidence_fit(const ConfidenceSample *samples, size_t count);

/* A reliability diagram: the sentences in groups of equal size, from the least confidence to the most. */
enum { CONFIDENCE_BINS = 10 };
typedef struct ConfidenceBin {
    size_t count;
    double expected, found; /* means of the confidence and of the quality */
} ConfidenceBin;

/* Every second sentence is judged by a fit to the others, so that none is judged by a fit that has seen it. Returns the
 * mean difference between expected and found, over all sentences: 0 is perfect. At least 2 CONFIDENCE_LEAST sentences,
 * all of which count (confidence_keep). */
double confidence_diagram(ConfidenceBin bins[CONFIDENCE_BINS], const ConfidenceSample *samples, size_t count);
