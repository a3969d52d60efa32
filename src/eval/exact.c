/* Exact-match rate. */
#include "eval/exact.h"

#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "data/corpus.h"
#include "decode/translator.h"

static bool is_accepted(const TranslatorResult *found, const Corpus *corpus, size_t line, Normalisation how,
                        char **scratch) {
    for (size_t t = 0; t < corpus_targets(corpus, line); t++) {
        Text target = corpus_target(corpus, line, t);
        stbds_arrsetlen(*scratch, 0);
        normalise_text(scratch, target.bytes, target.length, how);
        if (stbds_arrlenu(*scratch) == found->length && memcmp(*scratch, found->bytes, found->length) == 0) return true;
    }
    return false;
}

/* Of the first `limit` lines of a corpus. */
static bool exact_rate(double *rate, Translator *translator, const Tokenizer *tokenizer, const Corpus *corpus,
                       size_t limit, Error *err) {
    const size_t count = limit < corpus->count ? limit : corpus->count;
    TranslatorText *texts = memory_new(count, sizeof *texts);
    TranslatorResult *results = memory_new(count, sizeof *results);
    for (size_t i = 0; i < count; i++) {
        Text source = corpus_source(corpus, i);
        texts[i] = (TranslatorText){source.bytes, source.length};
    }
    bool ok = translator_run(translator, texts, count, results, err);
    if (ok) {
        char *scratch = NULL;
        size_t exact = 0;
        for (size_t i = 0; i < count; i++)
            exact += is_accepted(&results[i], corpus, i, tokenizer_normalisation(tokenizer), &scratch);
        stbds_arrfree(scratch);
        *rate = (double)exact / (double)count;
    }
    free(texts);
    free(results);
    return ok;
}

bool exact_measure(void *context, const Trainer *t, double *rate, Error *err) {
    (void)context;
    const Config *c = t->config;
    const DecodeOptions greedy = {.beam = 1,
                                  .n_best = 1,
                                  .length_alpha = c->length_alpha,
                                  .max_ratio = c->max_ratio,
                                  .max_extra = (size_t)c->max_extra};
    Translator *translator = translator_create(&t->model.params, trainer_weights(t), t->tokenizer, t->pool, greedy);
    bool ok = exact_rate(rate, translator, t->tokenizer, &t->valid_corpus, (size_t)c->translate, err);
    translator_free(translator);
    return ok;
}
