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

/* Replaces *out by the normalised text. */
static void normalise(char **out, Text text, Normalisation how) {
    stbds_arrsetlen(*out, 0);
    normalise_text(out, text.bytes, text.length, how);
}

static bool is_same(const char *a, const char *b) {
    return stbds_arrlenu(a) == stbds_arrlenu(b) && (stbds_arrlenu(a) == 0 || memcmp(a, b, stbds_arrlenu(a)) == 0);
}

/* results: (count), of the first lines of the corpus. The samples are spread evenly over them. */
static void compare(Measured *measured, const TranslatorResult *results, size_t count, const Corpus *corpus,
                    Normalisation how) {
    Text *targets = NULL;
    char *said = NULL, *target = NULL;
    Ngrams *work = ngrams_create();
    const ScoreOptions bleu = {.metric = SCORE_BLEU};
    NgramCounts sum = {{0}, {0}, {0}};
    const size_t samples = count < SAMPLES ? count : SAMPLES;
    size_t exact = 0, shown = 0;
    for (size_t i = 0; i < count; i++) {
        const Text found = {results[i].bytes, results[i].length};
        stbds_arrsetlen(targets, 0);
        corpus_targets(corpus, i, &targets);
        score_add(&sum, work, bleu, found, targets, stbds_arrlenu(targets));
        normalise(&said, found, how);
        bool right = false;
        for (size_t t = stbds_arrlenu(targets); t-- > 0;) { /* the first one stays in `target` */
            normalise(&target, targets[t], how);
            right = right || is_same(said, target);
        }
        exact += right;
        measured->cut += results[i].hypotheses[0].cut > 0;
        if (shown < samples && i == shown * count / samples) {
            Sample *sample = &measured->samples[shown++];
            const Text source = corpus_source(corpus, i);
            utf8_show(sample->source, SAMPLE_BYTES, source.bytes, source.length);
            utf8_show(sample->reference, SAMPLE_BYTES, target, stbds_arrlenu(target));
            utf8_show(sample->said, SAMPLE_BYTES, found.bytes, found.length);
            sample->right = right;
        }
    }
    ngrams_free(work);
    stbds_arrfree(targets);
    stbds_arrfree(said);
    stbds_arrfree(target);
    measured->count = count;
    measured->exact = (double)exact / (double)count;
    measured->bleu = score_value(bleu, &sum);
    measured->no_words = sum.hypothesis[BLEU_ORDERS - 1] == 0 && sum.reference[0] < BLEU_ORDERS * count;
    measured->sample_count = samples;
}

bool measure_translations(const Trainer *t, size_t count, Measured *measured, Error *err) {
    const Corpus *corpus = &t->data.valid_lines;
    SearchOptions greedy = t->decode;
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
