/* From log probabilities to confidence: fits to samples whose law is known. */
#include "decode/confidence.h"

#include <math.h>

#include "base/rng.h"
#include "testlib.h"

enum { SAMPLES = 4000 };

static ConfidenceSample samples[SAMPLES];

static double uniform(uint32_t what, size_t i) { return rng_uniform((RngSite){5, what, 0}, i); }

/* Each is perfect or worthless: perfect with the probability that the law gives it. */
static void draw(double bias, double slope) {
    for (size_t i = 0; i < SAMPLES; i++) {
        ConfidenceSample *s = &samples[i];
        s->tokens = 1 + i % 30;
        s->log_probability = -(double)s->tokens * exp(4 * uniform(0, i) - 3);
        const double x = log(-s->log_probability / (double)s->tokens);
        s->quality = uniform(1, i) < 1 / (1 + exp(-(bias + slope * x)));
    }
}

static void test_finds_the_law(void) {
    draw(0.5, -1.5);
    const Confidence c = confidence_fit(samples, SAMPLES);
    EXPECT(fabs(c.bias - 0.5) < 0.15 && fabs(c.slope + 1.5) < 0.15);
    ConfidenceBin bins[CONFIDENCE_BINS];
    EXPECT(confidence_diagram(bins, samples, SAMPLES) < 0.03);
    for (size_t b = 1; b < CONFIDENCE_BINS; b++) EXPECT(bins[b].expected > bins[b - 1].expected);
    size_t count = 0;
    for (size_t b = 0; b < CONFIDENCE_BINS; b++) count += bins[b].count;
    EXPECT_INT(count, SAMPLES);
    /* Nothing that is near is more likely. */
    for (int i = 0; i < 9; i++) {
        double loss[2] = {0, 0};
        const Confidence near[2] = {c, {c.bias + 0.01 * (i % 3 - 1), c.slope + 0.01 * (i / 3 - 1)}};
        for (size_t j = 0; j < SAMPLES; j++)
            for (int n = 0; n < 2; n++) {
                const double p = confidence_value(near[n], samples[j].log_probability, samples[j].tokens);
                loss[n] -= log(samples[j].quality > 0 ? p : 1 - p);
            }
        EXPECT(loss[0] <= loss[1] + 1e-3);
    }
}

/* A diagram shows where the law is another one: here, where half of the sentences are perfect, whatever their
 * probability, those in every group are. */
static void test_diagram_is_honest(void) {
    ConfidenceBin bins[CONFIDENCE_BINS];
    for (size_t i = 0; i < SAMPLES; i++)
        samples[i] = (ConfidenceSample){-1 - (double)i, 1, i < SAMPLES / 2 ? (i % 4 < 2) : (i % 4 < 2 ? 0.9 : 0.1)};
    EXPECT(confidence_diagram(bins, samples, SAMPLES) < 0.02);
    for (size_t b = 0; b < CONFIDENCE_BINS; b++) EXPECT_NEAR(bins[b].found, 0.5, 0.01);
    for (size_t i = 0; i < SAMPLES; i++) samples[i].quality = i > SAMPLES / 3 && i < SAMPLES / 2; /* no such law */
    EXPECT(confidence_diagram(bins, samples, SAMPLES) > 0.1);
}

static void test_edges(void) {
    const Confidence c = {0.5, -1.5}, unknown = confidence_fit(samples, CONFIDENCE_LEAST - 1);
    EXPECT(unknown.bias == 0 && unknown.slope == 0);
    EXPECT(confidence_value(c, 0, 0) == 1);
    EXPECT(confidence_value(c, -INFINITY, 0) == 0);
    EXPECT(confidence_value(c, -INFINITY, 7) == 0);
    EXPECT(confidence_value(c, 0, 7) > 0.99 && confidence_value(c, 0, 7) <= 1);
    EXPECT(confidence_value(c, -1e300, 7) >= 0 && confidence_value(c, -1e300, 7) < 1e-6);
    for (size_t i = 0; i < SAMPLES; i++) samples[i] = (ConfidenceSample){-0.1, 1, 1};
    Confidence all = confidence_fit(samples, SAMPLES); /* all perfect */
    EXPECT(isfinite(all.bias) && isfinite(all.slope) && confidence_value(all, -0.1, 1) > 0.99);
    for (size_t i = 0; i < SAMPLES; i++) samples[i] = (ConfidenceSample){i % 2 ? -INFINITY : -0.1, i % 3, 0.25};
    all = confidence_fit(samples, SAMPLES);
    EXPECT_NEAR(confidence_value(all, -0.1, 1), 0.25, 0.01);
    samples[4].quality = 0.5;
    const size_t kept = confidence_keep(samples, SAMPLES); /* 2, 4, 8, 10, ... */
    EXPECT_INT(kept, SAMPLES / 3);
    EXPECT(samples[0].quality == 0.25 && samples[1].quality == 0.5);
    for (size_t i = 0; i < kept; i++) EXPECT(isfinite(samples[i].log_probability) && samples[i].tokens > 0);
}

int main(void) {
    RUN(test_finds_the_law);
    RUN(test_diagram_is_honest);
    RUN(test_edges);
    return test_finish();
}
