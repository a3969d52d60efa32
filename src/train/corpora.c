#include "train/corpora.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/ds.h"
#include "base/file_write.h"
#include "base/memory.h"
#include "base/table.h"
#include "base/terminal.h"
#include "data/cache.h"
#include "train/run.h"
#include "train/vocabulary.h"

/* What the cache is made from: another text, another model that the vocabulary is taken from, or another of these
 * settings asks for another cache. */
static uint64_t cache_key(const Config *c, const CorpusReader *reader) {
    const Normalisation how = c->rules.text;
    uint64_t parts[] = {corpus_checksum(reader),
                        modelfile_checksum(&c->start),
                        c->hyper.vocab,
                        how.lowercase,
                        how.apostrophes,
                        how.spaces,
                        how.nfc,
                        how.invisible,
                        c->rules.swap,
                        c->rules.unique,
                        c->hyper.max_length,
                        0};
    memcpy(&parts[COUNT(parts) - 1], &c->rules.max_ratio, sizeof c->rules.max_ratio);
    Checksum sum;
    checksum_start(&sum);
    checksum_add(&sum, parts, sizeof parts);
    if (corpus_is_weighted(reader)) checksum_add(&sum, "parts", 5); /* the cache has them, but not their weights */
    return checksum_end(&sum);
}

/* Gives the pairs of each item its weight. */
static void weigh(PairSet *pairs, const CorpusReader *reader) {
    double *weights = NULL;
    if (!corpus_is_weighted(reader)) return;
    for (size_t i = 0; i < corpus_items(reader); i++) stbds_arrput(weights, corpus_weight(reader, i));
    pairs_weigh(pairs, weights);
    stbds_arrfree(weights);
}

static bool open_cache(Corpora *d, const Config *c, const CorpusReader *reader, const char *path, uint64_t key) {
    const size_t parts = corpus_is_weighted(reader) ? corpus_items(reader) : 0;
    if (!cache_open(&d->train, path, key, parts, &d->tokenizer, c->hyper.vocab, c->rules)) return false;
    weigh(&d->train, reader);
    return true;
}

/* Other pairs under the same name would silently make another run. */
static bool check_pairs(const Config *c, const ModelFile *last, const PairSet *pairs, Error *err) {
    uint64_t before;
    const uint64_t checksum = pairs->checksum;
    const bool weighted = stbds_arrlenu(pairs->parts) > 0;
    if (!last) return true;
    if (!gguf_uint64(last->gguf, CORPORA_KEY, &before, err)) return false;
    return before == checksum ||
           error_set(err,
                     "%s: expected the pairs that the run was begun with, found others%s in %s (start over with "
                     "--fresh, or give the run another run.dir)",
                     last->path, weighted ? ", or other weights," : "", c->data_train);
}

/* An epoch has pairs, but no more than can be numbered. */
static bool check_size(const Config *c, const PairSet *pairs, Error *err) {
    const uint64_t most = pairs_most(pairs);
    double some = 0; /* that every epoch has */
    for (size_t i = 0; i < stbds_arrlenu(pairs->parts); i++)
        some = fmax(some, (double)pairs->parts[i].count * pairs->parts[i].weight);
    if (stbds_arrlenu(pairs->parts) > 0 && some < 2)
        return error_set(err,
                         "data.train: expected weights with which an epoch takes at least 2 pairs of one of the files, "
                         "found %g pairs of %s",
                         some, c->data_train);
    return most <= UINT32_MAX || error_set(err, "data.train: expected at most %u pairs in an epoch, found %llu",
                                           UINT32_MAX, (unsigned long long)most);
}

/* Writes the cache. One that fits the run stays when these turn out to be other pairs. */
static bool make_cache(Corpora *d, const Config *c, Pool *pool, CorpusReader *reader, const char *path, uint64_t key,
                       const ModelFile *last, Error *err) {
    PairSet made;
    FileWriter *file = cache_write(path, c->dir, key, reader, d->tokenizer, c->rules, pool, &made, err);
    if (file) weigh(&made, reader);
    const bool fits = file && check_pairs(c, last, &made, err) && check_size(c, &made, err);
    pairs_free(&made);
    if (!fits) {
        if (file) file_cancel(file);
        return false;
    }
    if (!file_commit(file, err)) return false;
    return open_cache(d, c, reader, path, key) ||
           error_set(err, "%s: expected the pairs just written, found others", path);
}

/* The error names the key, and the command that fetches the corpus if the list names one of the recipes that is not
 * here. */
static CorpusReader *open_text(const char *key, const char *list, const char *folder, CorpusRules rules, Error *err) {
    static const char *const recipes[][2] = {{"data/multi30k/", "multi30k"}, {"data/tatoeba/", "tatoeba"}};
    CorpusReader *reader = corpus_open(list, folder, rules, err);
    if (!reader) error_set(err, "%s: %s", key, err->text);
    for (size_t i = 0; !reader && i < COUNT(recipes); i++)
        if (strstr(list, recipes[i][0]) && !file_exists(recipes[i][0])) {
            error_set(err, "%s; `sh scripts/get-data.sh %s` fetches this corpus", err->text, recipes[i][1]);
            break;
        }
    return reader;
}

static bool read_valid(Corpora *d, const Config *c, CorpusReader **reader, Error *err) {
    CorpusRules rules = c->rules;
    rules.unique = false;
    rules.keep = true;
    *reader = open_text("data.valid", c->data_valid, NULL, rules, err);
    if (*reader && corpus_is_weighted(*reader))
        return error_set(err, "data.valid: expected files without weights, because each line counts once, found %s",
                         c->data_valid);
    return *reader && corpus_next(*reader, &d->valid_lines, UINT32_MAX, &d->valid.report, err);
}

/* Of the lines, not of the files that they come from. */
static uint64_t text_checksum(const Corpus *lines) {
    Checksum sum;
    checksum_start(&sum);
    for (size_t i = 0; i < lines->count; i++) {
        const CorpusLine *line = &lines->lines[i];
        checksum_add(&sum, lines->text + line->start, line->source_length + 1 + line->targets_length);
        checksum_add(&sum, "\n", 1);
    }
    return checksum_end(&sum);
}

static bool encode_valid(Corpora *d, const Config *c, Pool *pool, const CorpusReader *reader, Error *err) {
    pairs_add(&d->valid, pool, &d->valid_lines, d->tokenizer, c->rules);
    return d->valid.count > 0 || corpus_none(reader, &d->valid.report, "data.valid", err);
}

/* A note about targets that no translation can equal to the byte, or "". A fresh string. */
static char *tell_decomposed(const Config *c, const Corpus *lines) {
    size_t count = 0;
    for (size_t i = 0; i < lines->count && c->translate > 0 && c->rules.text.nfc; i++) {
        const CorpusLine *line = &lines->lines[i];
        count += !normalise_is_composed(lines->text + line->start + line->source_length + 1, line->targets_length);
    }
    if (count == 0) return memory_string("");
    return memory_format("data.valid: %s line%s with targets that are not in Unicode's normal form C, as translations "
                         "are; BLEU takes them for different (uconv -x nfc converts a file)",
                         terminal_count(count).text, count > 1 ? "s" : "");
}

static char *tell_flaws(const Corpora *d, const Config *c, const CorpusReader *train, const CorpusReader *valid) {
    char *all = memory_join(corpus_tell(train, &d->train.report, "data.train"), "\n",
                            corpus_tell(valid, &d->valid.report, "data.valid"));
    return memory_join(all, "\n", tell_decomposed(c, &d->valid_lines));
}

static void find_words(Corpora *d, const ModelFile *start) {
    const PairSet *pairs = &d->train;
    if (start->gguf && !start->info.seen.sums) return;
    Table words = table_create();
    words_add_seen(&words, start->info.seen);
    char *text = NULL;
    int32_t *ids = NULL;
    for (size_t i = 0; i < pairs->count && words.count <= WORDS_MOST; i++) {
        const size_t length = pairs_source_length(pairs, i) - 1; /* without </s> */
        stbds_arrsetlen(ids, length);
        for (size_t k = 0; k < length; k++) ids[k] = pairs->tokens[pairs->start[2 * i] + k];
        stbds_arrsetlen(text, 0);
        tokenizer_decode(d->tokenizer, &text, ids, length);
        words_add(&words, text, stbds_arrlenu(text));
        if (i % 65536 == 65535) pairs_forget(pairs);
    }
    if (words.count <= WORDS_MOST) d->words = words_sums(&words);
    d->word_count = words.count;
    stbds_arrfree(text);
    stbds_arrfree(ids);
    table_free(&words);
}

/* What an epoch takes of each item, a line each, where any has a weight. A fresh string. */
static char *tell_weights(const Corpora *d, const CorpusReader *train) {
    char *all = memory_string("");
    for (size_t i = 0; i < stbds_arrlenu(d->train.parts); i++) {
        const PairPart *part = &d->train.parts[i];
        char *item = corpus_item(train, i);
        all = memory_join(all, "\n",
                          memory_format("data.train: %s: %s pair%s, an epoch takes %s%s", item,
                                        terminal_count(part->count).text, part->count == 1 ? "" : "s",
                                        part->weight == floor(part->weight) ? "" : "about ",
                                        terminal_count((uint64_t)((double)part->count * part->weight + 0.5)).text));
        free(item);
    }
    return all;
}

static char *tell_origin(const Corpora *d, const CorpusReader *train) {
    char *files = corpus_files(train), *origin = memory_format("%zu pairs: %s", d->train.count, files);
    free(files);
    return origin;
}

bool corpora_read(Corpora *d, const Config *c, Pool *pool, const ModelFile *last, Tokenizer *tokenizer, Error *err) {
    *d = (Corpora){.tokenizer = tokenizer};
    const char *path = c->files[RUN_CACHE];
    CorpusReader *valid = NULL, *train = open_text("data.train", c->data_train, c->dir, c->rules, err);
    const ModelFile *known = last ? last : c->start.gguf ? &c->start : NULL; /* the vocabulary */
    bool ok = train && read_valid(d, c, &valid, err) &&
              (tokenizer || !known || (d->tokenizer = modelfile_tokenizer(known, err)));
    const uint64_t key = ok ? cache_key(c, train) : 0;
    const bool cached = ok && open_cache(d, c, train, path, key);
    if (ok && !d->tokenizer) d->tokenizer = vocabulary_learn(train, c->rules, c->hyper.vocab, pool, err);
    ok = ok && d->tokenizer && encode_valid(d, c, pool, valid, err) &&
         (cached ? check_pairs(c, last, &d->train, err) && check_size(c, &d->train, err)
                 : make_cache(d, c, pool, train, path, key, last, err));
    if (ok && !known && !tokenizer) d->merges_missing = c->hyper.vocab - tokenizer_vocab_size(d->tokenizer);
    if (ok) find_words(d, &c->start);
    if (ok) d->origin = tell_origin(d, train);
    if (ok) d->weights = tell_weights(d, train);
    if (ok) d->valid_checksum = text_checksum(&d->valid_lines);
    if (ok) d->flaws = tell_flaws(d, c, train, valid);
    corpus_close(train);
    corpus_close(valid);
    if (!ok) corpora_free(d);
    return ok;
}

void corpora_free(Corpora *d) {
    free(d->flaws);
    free(d->words);
    free(d->origin);
    free(d->weights);
    pairs_free(&d->train);
    pairs_free(&d->valid);
    corpus_free(&d->valid_lines);
    if (d->tokenizer) tokenizer_free(d->tokenizer);
    *d = (Corpora){0};
}
