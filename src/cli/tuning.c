#include "cli/tuning.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/size.h"
#include "data/corpus.h"
#include "eval/score.h"

enum { LINES_TOGETHER = 512 };

void tuning_check(const OptionReader *r, bool reranks, const Text *texts, size_t count) {
    const bool weights = reranks && !options_given(r, "--weights"),
               calibration = options_given(r, "--confidence") && !options_given(r, "--calibration");
    if (!weights && !calibration)
        options_usage(r->command,
                      "--tune finds --weights for --rerank or --reverse, and --calibration for --confidence: "
                      "expected one of these without its numbers");
    if (options_given(r, "--alignment"))
        options_usage(r->command, "--tune prints no translations: expected no --alignment with it");
    if (count > 0) options_usage(r->command, "--tune: expected no text with it, found \"%s\"", texts[0].bytes);
}

/* All translations of the sentences; stb_ds arrays. */
typedef struct Judged {
    RerankList list;           /* with a reranker */
    ConfidenceSample *samples; /* of each hypothesis in the list; without a reranker, of the best of each sentence */
    NgramCounts first;         /* for BLEU, of the search's own best */
    Ngrams *work;
    Text *targets; /* of one sentence */
} Judged;

static NgramCounts compare(Judged *j, ScoreMetric metric, const char *bytes, size_t length) {
    NgramCounts counts = {{0}, {0}, {0}};
    score_add(&counts, j->work, (ScoreOptions){.metric = metric}, (Text){bytes, length}, j->targets,
              stbds_arrlenu(j->targets));
    return counts;
}

static ConfidenceSample sample_of(Judged *j, const TranslatorHypothesis *h) {
    const NgramCounts counts = compare(j, SCORE_CHRF, h->bytes, h->length);
    return (ConfidenceSample){h->log_probability, h->tokens,
                              score_value((ScoreOptions){.metric = SCORE_CHRF}, &counts) / 100};
}

/* Adds the hypotheses of a sentence, in the reranker's order. */
static void add_hypotheses(const Tuning *t, Judged *j, const TranslatorResult *result) {
    const size_t values = reranker_values(t->reranker);
    j->list.values = values;
    if (stbds_arrlenu(j->list.start) == 0) stbds_arrput(j->list.start, 0);
    for (size_t h = 0; h < result->count; h++) {
        const TranslatorHypothesis *one = &result->hypotheses[h];
        ds_append(j->list.value, reranker_value(t->reranker, one), values);
        stbds_arrput(j->list.cut, one->cut > 0);
        stbds_arrput(j->list.counts, compare(j, SCORE_BLEU, one->bytes, one->length));
        stbds_arrput(j->samples, sample_of(j, one));
    }
    stbds_arrput(j->list.start, stbds_arrlenu(j->list.cut));
}

/* Translates lines first .. first + count - 1, and judges the translations. */
static bool translate_lines(const Tuning *t, Judged *j, const Corpus *corpus, size_t first, size_t count, Error *err) {
    Text *texts = memory_new(count, sizeof *texts);
    TranslatorResult *results = memory_new(count, sizeof *results);
    for (size_t i = 0; i < count; i++) texts[i] = corpus_source(corpus, first + i);
    bool ok = translator_run(t->translator, texts, count, results, err);
    Text *best = memory_new(count, sizeof *best);
    for (size_t i = 0; ok && i < count; i++) best[i] = (Text){results[i].bytes, results[i].length};
    ok = ok && (!t->reranker || reranker_run(t->reranker, texts, results, count, err));
    for (size_t i = 0; ok && t->reranker && i + 2 < reranker_values(t->reranker); i++)
        ok = !reranker_is_unsound(t->reranker, i) ||
             error_set(err, "--rerank, --reverse: model %zu: its numbers are not finite for some translations", i + 1);
    for (size_t i = 0; ok && i < count; i++) {
        stbds_arrsetlen(j->targets, 0);
        corpus_targets(corpus, first + i, &j->targets);
        const NgramCounts counts = compare(j, SCORE_BLEU, best[i].bytes, best[i].length);
        ngrams_add(&j->first, &counts);
        if (t->reranker)
            add_hypotheses(t, j, &results[i]);
        else
            stbds_arrput(j->samples, sample_of(j, &results[i].hypotheses[0]));
    }
    free(texts);
    free(results);
    free(best);
    return ok;
}

static void tune_weights(const Tuning *t, Judged *j, size_t sentences, double weights[RERANK_MOST_VALUES]) {
    const double bleu = rerank_tune(&j->list, weights);
    options_note(t->command, "BLEU of %zu sentences: %.2f as the search has them, %.2f with these weights", sentences,
                 score_value((ScoreOptions){.metric = SCORE_BLEU}, &j->first), bleu);
}

/* Keeps the samples of the best hypotheses only. */
static void keep_best(Judged *j, const double *weights) {
    for (size_t i = 0; i + 1 < stbds_arrlenu(j->list.start); i++)
        j->samples[i] = j->samples[rerank_best(&j->list, weights, i)];
    stbds_arrsetlen(j->samples, stbds_arrlenu(j->list.start) - 1);
}

/* Whether these are enough sentences to calibrate with: those with a source. */
static bool enough(const Tuning *t, size_t count, Error *err) {
    return count >= 2 * CONFIDENCE_LEAST ||
           error_set(err, "%s: expected at least %d sentences with a source to calibrate with, found %zu", t->list,
                     2 * CONFIDENCE_LEAST, count);
}

static bool calibrate(const Tuning *t, Judged *j, Confidence *found, Error *err) {
    const size_t count = confidence_keep(j->samples, stbds_arrlenu(j->samples));
    if (!enough(t, count, err)) return false;
    *found = confidence_fit(j->samples, count);
    ConfidenceBin bins[CONFIDENCE_BINS];
    const double difference = confidence_diagram(bins, j->samples, count);
    options_note(t->command, "confidence and, found by it, chrF2 / 100, of sentences that the fit has not seen:");
    for (size_t b = 0; b < CONFIDENCE_BINS; b++)
        options_note(t->command, "  %.3f  %.3f  (%zu sentences)", bins[b].expected, bins[b].found, bins[b].count);
    options_note(t->command, "mean difference %.3f", difference);
    return true;
}

/* What is left out, a line for each kind. All other lines that have a target count, as in a validation. */
static void tell_flaws(const Tuning *t, const CorpusReader *reader, CorpusReport report) {
    report.count[CORPUS_EMPTY] = report.count[CORPUS_NOT_UTF8] = 0;
    char *told = corpus_tell(reader, &report, "--tune");
    for (char *line = strtok(told, "\n"); line; line = strtok(NULL, "\n")) options_note(t->command, "%s", line);
    free(told);
}

static void print_weights(const double *weights, size_t count) {
    printf("--weights ");
    for (size_t i = 0; i < count; i++) printf(i ? ",%.10g" : "%.10g", weights[i]);
}

bool tuning_run(const Tuning *t, Error *err) {
    const CorpusRules rules = {.keep = true, .max_length = SIZE_MAX, .text = t->text};
    CorpusReport report = {0};
    Corpus corpus = {0};
    CorpusReader *reader = corpus_open(t->list, NULL, rules, err);
    bool ok = reader != NULL;
    if (ok && corpus_is_weighted(reader))
        ok = error_set(err, "--tune: expected files without weights, because each line counts once, found %s", t->list);
    ok = ok && corpus_next(reader, &corpus, UINT32_MAX, &report, err);
    if (ok && corpus.count == 0) ok = corpus_none(reader, &report, "--tune", err);
    if (ok) tell_flaws(t, reader, report);
    if (ok && t->confidence) ok = enough(t, corpus.count, err);
    Judged j = {.work = ngrams_create()};
    for (size_t i = 0; ok && i < corpus.count; i += LINES_TOGETHER)
        ok = translate_lines(t, &j, &corpus, i, size_min(LINES_TOGETHER, corpus.count - i), err);
    double weights[RERANK_MOST_VALUES] = {0};
    Confidence calibration = {0, 0};
    const bool weighs = t->reranker && !t->weights;
    if (ok && weighs) tune_weights(t, &j, corpus.count, weights);
    if (ok && t->confidence && t->reranker) keep_best(&j, t->weights ? t->weights : weights);
    ok = ok && (!t->confidence || calibrate(t, &j, &calibration, err));
    if (ok && weighs) print_weights(weights, j.list.values);
    if (ok && t->confidence)
        printf("%s--calibration %.6g,%.6g", weighs ? " " : "", calibration.bias, calibration.slope);
    if (ok) putchar('\n');
    ngrams_free(j.work);
    rerank_list_free(&j.list);
    stbds_arrfree(j.samples);
    stbds_arrfree(j.targets);
    corpus_free(&corpus);
    corpus_close(reader);
    return ok && options_flush(err);
}
