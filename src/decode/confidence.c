#include "decode/confidence.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/exact.h"
#include "base/memory.h"

/* The fit is drawn towards bias and slope 0 as much as by a hundredth of a sentence, so that it is finite even where
 * all sentences are perfect. */
static const double drawn = 0.01;
enum { ROUNDS = 100 };

/* log s */
static double log_surprise(double log_probability, size_t tokens) {
    return log(fmax(-log_probability / (double)tokens, 0.001));
}

static double logistic(double x) { return 1 / (1 + exp(-x)); }

double confidence_value(Confidence c, double log_probability, size_t tokens) {
    if (tokens == 0) return isfinite(log_probability) ? 1 : 0;
    return isfinite(log_probability) ? logistic(c.bias + c.slope * log_surprise(log_probability, tokens)) : 0;
}

static bool counts(const ConfidenceSample *s) { return s->tokens > 0 && isfinite(s->log_probability); }

/* The loss of a sentence: -q log c - (1 - q) log(1 - c), c = logistic(t), without overflow. */
static double loss_of(double t, double quality) { return fmax(t, 0) - quality * t + log1p(exp(-fabs(t))); }

/* The sum of the losses of every `step`-th sentence, from the first on. Of its derivatives by bias and slope: the
 * gradient g and the matrix of second ones, h[0] h[1]; h[1] h[2]. */
static double look(Confidence c, const ConfidenceSample *samples, size_t count, size_t step, double g[2], double h[3]) {
    double loss = drawn / 2 * (c.bias * c.bias + c.slope * c.slope);
    g[0] = drawn * c.bias, g[1] = drawn * c.slope;
    h[0] = h[2] = drawn, h[1] = 0;
    for (size_t i = 0; i < count; i += step) {
        const ConfidenceSample *s = &samples[i];
        if (!counts(s)) continue;
        const double x = log_surprise(s->log_probability, s->tokens), t = c.bias + c.slope * x, p = logistic(t);
        loss += loss_of(t, s->quality);
        g[0] += p - s->quality, g[1] += (p - s->quality) * x;
        h[0] += p * (1 - p), h[1] += p * (1 - p) * x, h[2] += p * (1 - p) * x * x;
    }
    return loss;
}

static Confidence fit(const ConfidenceSample *samples, size_t count, size_t step) {
    Confidence best = {0, 0};
    double g[2], h[3], loss = look(best, samples, count, step, g, h), size = 1;
    for (size_t round = 0; round < ROUNDS && size > 1e-9; round++) {
        double next_g[2], next_h[3];
        const double det = h[0] * h[2] - h[1] * h[1];
        const Confidence next = {best.bias - size * (h[2] * g[0] - h[1] * g[1]) / det,
                                 best.slope - size * (h[0] * g[1] - h[1] * g[0]) / det};
        const double next_loss = look(next, samples, count, step, next_g, next_h);
        if (!(next_loss < loss)) { /* too far, or there */
            size /= 2;
            continue;
        }
        best = next, loss = next_loss, size = 1;
        for (size_t i = 0; i < 2; i++) g[i] = next_g[i];
        for (size_t i = 0; i < 3; i++) h[i] = next_h[i];
    }
    return best;
}

size_t confidence_keep(ConfidenceSample *samples, size_t count) {
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (counts(&samples[i])) samples[kept++] = samples[i];
    return kept;
}

Confidence confidence_fit(const ConfidenceSample *samples, size_t count) {
    size_t counting = 0;
    for (size_t i = 0; i < count; i++) counting += counts(&samples[i]);
    return counting < CONFIDENCE_LEAST ? (Confidence){0, 0} : fit(samples, count, 1);
}

typedef struct Judged {
    double expected, found;
} Judged;

static int by_expected(const void *a, const void *b) {
    const double x = ((const Judged *)a)->expected, y = ((const Judged *)b)->expected;
    return (x > y) - (x < y);
}

double confidence_diagram(ConfidenceBin bins[CONFIDENCE_BINS], const ConfidenceSample *samples, size_t count) {
    CHECK(count >= 2 * CONFIDENCE_LEAST, "enough sentences for two fits");
    const Confidence by[2] = {fit(samples + 1, count - 1, 2), fit(samples, count, 2)};
    Judged *judged = memory_new(count, sizeof *judged);
    for (size_t i = 0; i < count; i++)
        judged[i] =
            (Judged){confidence_value(by[i % 2], samples[i].log_probability, samples[i].tokens), samples[i].quality};
    qsort(judged, count, sizeof *judged, by_expected);
    double difference = 0;
    for (size_t b = 0; b < CONFIDENCE_BINS; b++) {
        const size_t first = b * count / CONFIDENCE_BINS, last = (b + 1) * count / CONFIDENCE_BINS;
        double expected = 0, found = 0;
        for (size_t i = first; i < last; i++) expected += judged[i].expected, found += judged[i].found;
        bins[b] = (ConfidenceBin){last - first, expected / (double)(last - first), found / (double)(last - first)};
        difference += fabs(expected - found);
    }
    free(judged);
    return difference / (double)count;
}
