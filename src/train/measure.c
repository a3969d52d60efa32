#include "train/measure.h"

#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/size.h"
#include "data/corpus.h"
#include "decode/translator.h"
#include "eval/score.h"
#include "text/utf8.h"

/* The accepted targets of a line, normalised. */
typedef struct Accepted {
    char *bytes;  /* stb_ds array: one after another */
    Text *texts;  /* stb_ds array */
    size_t *ends; /* stb_ds array */
} Accepted;

static void accept_line(Accepted *a, const Corpus *corpus, size_t line, Normalisation how) {
    const size_t count = corpus_targets(corpus, line);
    stbds_arrsetlen(a->bytes, 0);
    stbds_arrsetlen(a->ends, count);
    stbds_arrsetlen(a->texts, count);
    for (size_t t = 0; t < count; t++) {
        const Text target = corpus_target(corpus, line, t);
        normalise_text(&a->bytes, target.bytes, target.length, how);
        a->ends[t] = stbds_arrlenu(a->bytes);
    }
    for (size_t t = 0; t < count; t++) {
        const size_t start = t ? a->ends[t - 1] : 0;
        a->texts[t] = (Text){a->bytes + start, a->ends[t] - start};
    }
}

static bool is_accepted(const Accepted *a, Text found) {
    for (size_t t = 0; t < stbds_arrlenu(a->texts); t++)
        if (a->texts[t].length == found.length &&
            (found.length == 0 || memcmp(a->texts[t].bytes, found.bytes, found.length) == 0))
            return true;
    return false;
}

/* results: (count), of the first lines of the corpus. The samples are spread evenly over them. */
static void compare(Measured *measured, const TranslatorResult *results, size_t count, const Corpus *corpus,
                    Normalisation how) {
    Accepted accepted = {NULL, NULL, NULL};
    Ngrams *work = ngrams_create();
    const ScoreOptions bleu = {.metric = SCORE_BLEU};
    NgramCounts sum = {{0}, {0}, {0}};
    const size_t samples = count < SAMPLES ? count : SAMPLES;
    size_t exact = 0, shown = 0;
    for (size_t i = 0; i < count; i++) {
        const Text found = {results[i].bytes, results[i].length};
        accept_line(&accepted, corpus, i, how);
        const bool right = is_accepted(&accepted, found);
        exact += right;
        if (shown < samples && i == shown * count / samples) {
            Sample *sample = &measured->samples[shown++];
            const Text source = corpus_source(corpus, i), reference = accepted.texts[0];
            utf8_show(sample->source, SAMPLE_BYTES, source.bytes, source.length);
            utf8_show(sample->reference, SAMPLE_BYTES, reference.bytes, reference.length);
            utf8_show(sample->said, SAMPLE_BYTES, found.bytes, found.length);
            sample->right = right;
        }
        score_add(&sum, work, bleu, found, accepted.texts, stbds_arrlenu(accepted.texts));
    }
    ngrams_free(work);
    stbds_arrfree(accepted.bytes);
    stbds_arrfree(accepted.texts);
    stbds_arrfree(accepted.ends);
    measured->exact = (double)exact / (double)count;
    measured->bleu = score_value(bleu, &sum);
    measured->sample_count = samples;
}

bool measure_translations(const Trainer *t, size_t count, Measured *measured, Error *err) {
    const Corpus *corpus = &t->data.valid_lines;
    SearchOptions greedy = t->config->decode;
    greedy.beam = 1;
    count = size_min(count, corpus->count);
    Text *texts = memory_new(count, sizeof *texts);
    TranslatorResult *results = memory_new(count, sizeof *results);
    for (size_t i = 0; i < count; i++) texts[i] = corpus_source(corpus, i);
    Translator *translator =
        translator_create(&t->model.params, trainer_weights(t), t->data.tokenizer, t->pool, greedy);
    const bool ok = translator_run(translator, texts, count, results, err);
    if (ok) compare(measured, results, count, corpus, tokenizer_normalisation(t->data.tokenizer));
    translator_free(translator);
    free(texts);
    free(results);
    return ok;
}
