#include "train/measure.h"

#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/size.h"
#include "data/corpus.h"
#include "decode/translator.h"
#include "eval/bleu.h"
#include "eval/score.h"
#include "text/utf8.h"

enum { LINES_SAMPLED = 500 }; /* where nothing is translated at validations: as many as are by default */

/* Replaces *out by the normalised text. */
static void normalise(char **out, Text text, Normalisation how) {
    stbds_arrsetlen(*out, 0);
    normalise_text(out, text.bytes, text.length, how);
}

static bool is_same(const char *a, const char *b) {
    return stbds_arrlenu(a) == stbds_arrlenu(b) && (stbds_arrlenu(a) == 0 || memcmp(a, b, stbds_arrlenu(a)) == 0);
}

/* Texts that are made again and again. */
typedef struct Work {
    Text *targets; /* the accepted targets of a line */
    char *said, *target;
} Work;

static void work_free(Work *work) {
    stbds_arrfree(work->targets);
    stbds_arrfree(work->said);
    stbds_arrfree(work->target);
}

/* Whether what was found is an accepted target of the line, all of which are then in work->targets, and the first one,
 * normalised, in work->target. */
static bool is_right(Work *work, Text found, const Corpus *corpus, size_t line, Normalisation how) {
    bool right = false;
    stbds_arrsetlen(work->targets, 0);
    corpus_targets(corpus, line, &work->targets);
    normalise(&work->said, found, how);
    for (size_t t = stbds_arrlenu(work->targets); t-- > 0;) { /* the first one stays */
        normalise(&work->target, work->targets[t], how);
        right = right || is_same(work->said, work->target);
    }
    return right;
}

/* work: as is_right left it. */
static void put_sample(Sample *sample, const Work *work, Text found, const Corpus *corpus, size_t line, bool right) {
    const Text source = corpus_source(corpus, line);
    utf8_show(sample->source, SAMPLE_BYTES, source.bytes, source.length);
    utf8_show(sample->reference, SAMPLE_BYTES, work->target, stbds_arrlenu(work->target));
    utf8_show(sample->said, SAMPLE_BYTES, found.bytes, found.length);
    sample->right = right;
}

/* The line of a sample of `count` lines. */
static size_t sample_line(size_t sample, size_t count) { return sample * count / size_min(count, SAMPLES); }

/* results: (count), of the first lines of the corpus. */
static void compare(Measured *measured, const TranslatorResult *results, size_t count, const Corpus *corpus,
                    Normalisation how) {
    Work work = {0};
    Ngrams *ngrams = ngrams_create();
    const ScoreOptions bleu = {.metric = SCORE_BLEU};
    NgramCounts sum = {{0}, {0}, {0}};
    const size_t samples = size_min(count, SAMPLES);
    size_t exact = 0, shown = 0;
    for (size_t i = 0; i < count; i++) {
        const Text found = {results[i].bytes, results[i].length};
        const bool right = is_right(&work, found, corpus, i, how);
        score_add(&sum, ngrams, bleu, found, work.targets, stbds_arrlenu(work.targets));
        exact += right;
        measured->cut += results[i].hypotheses[0].cut > 0;
        if (shown < samples && i == sample_line(shown, count))
            put_sample(&measured->samples[shown++], &work, found, corpus, i, right);
    }
    ngrams_free(ngrams);
    work_free(&work);
    measured->count = count;
    measured->exact = (double)exact / (double)count;
    measured->bleu = score_value(bleu, &sum);
    measured->no_words = sum.hypothesis[BLEU_ORDERS - 1] == 0 && sum.reference[0] < BLEU_ORDERS * count;
    measured->sample_count = samples;
}

/* A greedy translator with the present parameters. */
static Translator *create_translator(const Trainer *t) {
    SearchOptions greedy = t->decode;
    greedy.beam = 1;
    return translator_create(&t->model.params, trainer_weights(t), t->data.tokenizer, t->pool, greedy);
}

bool measure_translations(const Trainer *t, size_t count, Measured *measured, Error *err) {
    const Corpus *corpus = &t->data.valid_lines;
    count = size_min(count, corpus->count);
    Text *texts = memory_new(count, sizeof *texts);
    TranslatorResult *results = memory_new(count, sizeof *results);
    for (size_t i = 0; i < count; i++) texts[i] = corpus_source(corpus, i);
    Translator *translator = create_translator(t);
    const bool ok = translator_run(translator, texts, count, results, err);
    if (ok) compare(measured, results, count, corpus, tokenizer_normalisation(t->data.tokenizer));
    translator_free(translator);
    free(texts);
    free(results);
    return ok;
}

/* ---- Samples alone ---- */

/* How many lines the samples are spread over. */
static size_t lines_sampled(const Trainer *t) {
    const size_t translated = trainer_valid_sentences(t);
    return translated ? translated : size_min(LINES_SAMPLED, t->data.valid_lines.count);
}

size_t measure_sample_count(const Trainer *t) { return size_min(lines_sampled(t), SAMPLES); }

size_t measure_sample_line(const Trainer *t, size_t sample) { return sample_line(sample, lines_sampled(t)); }

bool measure_samples(const Trainer *t, Sample *samples, size_t *count, Error *err) {
    const Corpus *corpus = &t->data.valid_lines;
    Text texts[SAMPLES];
    TranslatorResult results[SAMPLES];
    Work work = {0};
    *count = measure_sample_count(t);
    for (size_t i = 0; i < *count; i++) texts[i] = corpus_source(corpus, measure_sample_line(t, i));
    Translator *translator = create_translator(t);
    const bool ok = translator_run(translator, texts, *count, results, err);
    for (size_t i = 0; ok && i < *count; i++) {
        const Text found = {results[i].bytes, results[i].length};
        const size_t line = measure_sample_line(t, i);
        const bool right = is_right(&work, found, corpus, line, tokenizer_normalisation(t->data.tokenizer));
        put_sample(&samples[i], &work, found, corpus, line, right);
    }
    work_free(&work);
    translator_free(translator);
    return ok;
}
