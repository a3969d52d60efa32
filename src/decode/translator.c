/* Texts to translations, by way of batches. */
#include "decode/translator.h"

#include <stdlib.h>

#include "base/ds.h"

enum { BATCH_TOKENS = 2048 }; /* source tokens of a batch: enough rows for the products, little enough memory */

/* A text waiting for its batch. */
typedef struct Waiting {
    size_t text;         /* its number */
    size_t first, count; /* of its tokens, </s> included, in Translator.ids */
} Waiting;

struct Translator {
    const Parameters *params;
    const Tokenizer *tokenizer;
    Decode *decode;
    /* All stb_ds arrays, kept from run to run. */
    int32_t *ids;
    Waiting *waiting;
    int32_t *batch;
    uint32_t *start;
    Translation *best;
    char *text; /* all results, one after another */
};

Translator *translator_create(const Parameters *params, const real *w, const Tokenizer *tokenizer, Pool *pool,
                              DecodeOptions options) {
    Translator *t = memory_new(1, sizeof *t);
    t->params = params;
    t->tokenizer = tokenizer;
    t->decode = decode_create(params, w, pool, options);
    return t;
}

void translator_free(Translator *t) {
    if (!t) return;
    decode_free(t->decode);
    stbds_arrfree(t->ids);
    stbds_arrfree(t->waiting);
    stbds_arrfree(t->batch);
    stbds_arrfree(t->start);
    stbds_arrfree(t->best);
    stbds_arrfree(t->text);
    free(t);
}

/* Longest first, so that memory grows once; then in the order of the texts. */
static int longer_first(const void *a, const void *b) {
    const Waiting *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return x->text < y->text ? -1 : 1;
}

/* Tokenises; texts that need no search are answered here. */
static void enqueue(Translator *t, const TranslatorText *texts, size_t count, TranslatorResult *results) {
    stbds_arrsetlen(t->ids, 0);
    stbds_arrsetlen(t->waiting, 0);
    for (size_t i = 0; i < count; i++) {
        const size_t first = stbds_arrlenu(t->ids);
        tokenizer_encode(t->tokenizer, &t->ids, texts[i].bytes, texts[i].length);
        const size_t tokens = stbds_arrlenu(t->ids) - first;
        results[i] = (TranslatorResult){.bytes = "", .source_tokens = tokens};
        results[i].too_long = tokens + 1 > t->params->hyper.max_length;
        if (tokens == 0 || results[i].too_long) {
            stbds_arrsetlen(t->ids, first);
            continue;
        }
        stbds_arrput(t->ids, TOKEN_END);
        Waiting waiting = {i, first, tokens + 1};
        stbds_arrput(t->waiting, waiting);
    }
    if (stbds_arrlenu(t->waiting) > 0) qsort(t->waiting, stbds_arrlenu(t->waiting), sizeof *t->waiting, longer_first);
}

/* Packs waiting texts from number `first` on into a batch; returns how many. */
static size_t pack(Translator *t, size_t first, Packed *source) {
    stbds_arrsetlen(t->batch, 0);
    stbds_arrsetlen(t->start, 0);
    stbds_arrput(t->start, 0);
    size_t n = 0;
    for (; first + n < stbds_arrlenu(t->waiting); n++) {
        const Waiting *w = &t->waiting[first + n];
        if (n > 0 && stbds_arrlenu(t->batch) + w->count > BATCH_TOKENS) break;
        for (size_t i = 0; i < w->count; i++) stbds_arrput(t->batch, t->ids[w->first + i]);
        stbds_arrput(t->start, (uint32_t)stbds_arrlenu(t->batch));
    }
    *source = (Packed){n, t->batch, t->start, t->waiting[first].count};
    return n;
}

bool translator_run(Translator *t, const TranslatorText *texts, size_t count, TranslatorResult *results, Error *err) {
    enqueue(t, texts, count, results);
    stbds_arrsetlen(t->text, 0);
    for (size_t first = 0, n; first < stbds_arrlenu(t->waiting); first += n) {
        Packed source;
        n = pack(t, first, &source);
        stbds_arrsetlen(t->best, n);
        if (!decode_run(t->decode, source, t->best, err)) return false;
        for (size_t i = 0; i < n; i++) {
            TranslatorResult *result = &results[t->waiting[first + i].text];
            const size_t before = stbds_arrlenu(t->text);
            tokenizer_decode(t->tokenizer, &t->text, t->best[i].ids, t->best[i].length);
            result->length = stbds_arrlenu(t->text) - before;
        }
    }
    /* The array of texts has stopped moving: results, in the order they were made, point into it. */
    const char *at = t->text;
    for (size_t i = 0; i < stbds_arrlenu(t->waiting); i++) {
        TranslatorResult *result = &results[t->waiting[i].text];
        if (result->length > 0) result->bytes = at;
        at += result->length;
    }
    return true;
}

Tokenizer *translator_tokenizer(const ModelFile *file, Error *err) {
    const ModelInfo *info = &file->info;
    Error why;
    Tokenizer *tokenizer = tokenizer_create(info->merges, info->merge_count,
                                            (Normalisation){info->lowercase, info->apostrophes, info->spaces}, &why);
    if (!tokenizer) error_set(err, "%s: nmt.tokenizer.merges: %s", file->path, why.text);
    return tokenizer;
}

DecodeOptions translator_options(const ModelFile *file) {
    const ModelDecode *d = &file->info.decode;
    return (DecodeOptions){.beam = d->beam,
                           .n_best = 1,
                           .length_alpha = d->length_alpha,
                           .max_ratio = d->max_ratio,
                           .max_extra = d->max_extra};
}
