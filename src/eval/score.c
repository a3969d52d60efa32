#include "eval/score.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/rng.h"
#include "eval/bleu.h"
#include "eval/chrf.h"

const char *score_name(ScoreMetric metric) {
    static const char *const names[] = {"BLEU", "chrF2", "chrF2++"};
    return names[metric];
}

void score_add(NgramCounts *sum, Ngrams *work, ScoreOptions how, Text hypothesis, const Text *references,
               size_t count) {
    if (how.metric == SCORE_BLEU)
        bleu_add(sum, work, hypothesis, references, count, !how.split_on_space, how.lowercase);
    else
        chrf_add(sum, work, hypothesis, references, count, how.metric == SCORE_CHRFPP, how.lowercase);
}

double score_value(ScoreOptions how, const NgramCounts *sum) {
    return how.metric == SCORE_BLEU ? bleu_score(sum, how.effective_order).score : chrf_score(sum);
}

char *score_signature(ScoreOptions how, size_t references, ScoreResampling resampling) {
    char number[32] = "var", drawn[64] = "";
    if (references > 0) snprintf(number, sizeof number, "%zu", references);
    if (resampling.resamples > 0)
        snprintf(drawn, sizeof drawn, "|bs:%zu|seed:%llu", resampling.resamples, (unsigned long long)resampling.seed);
    const char *letters = how.lowercase ? "lc" : "mixed";
    if (how.metric == SCORE_BLEU)
        return memory_format("nrefs:%s%s|case:%s|eff:%s|tok:%s|smooth:exp|version:2.x", number, drawn, letters,
                             how.effective_order ? "yes" : "no", how.split_on_space ? "none" : "13a");
    return memory_format("nrefs:%s%s|case:%s|eff:yes|nc:6|nw:%d|space:no|version:2.x", number, drawn, letters,
                         how.metric == SCORE_CHRFPP ? 2 : 0);
}

static int by_size(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double score_paired(ScoreSystem systems[2], ScoreOptions how, const NgramCounts *const counts[2], size_t lines,
                    ScoreResampling r) {
    CHECK(lines > 0 && r.resamples > 0, "there are sentences and draws");
    double *scores[2], mean_difference = 0;
    for (size_t s = 0; s < 2; s++) {
        NgramCounts sum = {{0}, {0}, {0}};
        for (size_t i = 0; i < lines; i++) ngrams_add(&sum, &counts[s][i]);
        systems[s] = (ScoreSystem){.score = score_value(how, &sum)};
        scores[s] = memory_new(r.resamples, sizeof *scores[s]);
    }
    for (size_t k = 0; k < r.resamples; k++) {
        NgramCounts sums[2] = {{{0}, {0}, {0}}, {{0}, {0}, {0}}};
        const RngSite site = {.seed = r.seed, .step = (uint32_t)k, .site = RNG_SITE_RESAMPLE};
        for (size_t i = 0; i < lines; i++) {
            const size_t line = (size_t)(rng_bits(site, i) % lines);
            for (size_t s = 0; s < 2; s++) ngrams_add(&sums[s], &counts[s][line]);
        }
        for (size_t s = 0; s < 2; s++) systems[s].mean += scores[s][k] = score_value(how, &sums[s]);
        mean_difference += fabs(scores[0][k] - scores[1][k]);
    }
    mean_difference /= (double)r.resamples;
    /* The differences, shifted to mean 0, are what chance would give; p is the share of those above the difference
     * found. Equal scores give p = 1 (in sacreBLEU less, and almost 0 for identical systems). */
    const double found = fabs(systems[0].score - systems[1].score);
    size_t above = 0;
    for (size_t k = 0; k < r.resamples; k++)
        above += found == 0 || fabs(scores[0][k] - scores[1][k]) - mean_difference > found;
    for (size_t s = 0; s < 2; s++) {
        qsort(scores[s], r.resamples, sizeof *scores[s], by_size);
        const size_t outside = r.resamples / 40; /* 2.5% at each end */
        systems[s].half_width = (scores[s][r.resamples - 1 - outside] - scores[s][outside]) / 2;
        systems[s].mean /= (double)r.resamples;
        free(scores[s]);
    }
    return (double)(above + 1) / (double)(r.resamples + 1);
}
