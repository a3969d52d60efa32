/* The library's translators: translation, and scores of given pairs.
 *
 * What a translator works with is owned by its scope (base/scope.h), which is emptied when a call fails; the next call
 * makes it again. */
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/size.h"
#include "decode/mixture.h"
#include "decode/nmt.h"
#include "decode/nmt_internal.h"
#include "decode/scoring.h"
#include "decode/translator.h"

/* ---- Translators ---- */

/* What results are made of. */
typedef struct Answer {
    nmt_result *results;
    const nmt_result **result_at;
    nmt_hypothesis *hypotheses;
    const nmt_hypothesis **hypothesis_at;
    nmt_word *words;
    char *text;
} Answer;

/* What a translator works with. */
typedef struct Engine {
    Pool *pool;
    int32_t *prefix; /* a stb_ds array */
    Translator *translator;
    Scorer *scorer; /* NULL: not needed so far */
    Answer answer;
} Engine;

struct nmt_translator {
    Scope *scope;
    const nmt_model *model;
    nmt_options options; /* prefix and more: copies */
    Engine *engine;      /* NULL: to be made */
    uint64_t texts;      /* translated so far */
    nmt_status failure;  /* of the call that runs */
};

static const nmt_options standard = {
    .size = sizeof(nmt_options),
    .header = NMT_HEADER,
    .threads = 1,
    .n_best = 1,
    .length_alpha = -1,
    .max_ratio = -1,
    .max_extra = -1,
    .temperature = 1,
    .seed = 1,
};

void nmt_options_init(nmt_options *options, size_t size, int header) {
    call_defaults(options, size, header, &standard, sizeof standard);
}

/* Whether the numbers are within their bounds, and go together. search_check comes later: its messages have the names
 * of a config. hyper: of all models together. */
static bool check_numbers(const nmt_options *o, const Hyper *hyper, Error *err) {
    const struct {
        const char *name;
        int value, most;
    } rows[] = {
        {"threads", o->threads, 1024},
        {"beam", o->beam, SEARCH_MAX_BEAM},
        {"n_best", o->n_best, SEARCH_MAX_BEAM},
        {"max_length", o->max_length, HYPER_MAX_LENGTH},
        {"min_length", o->min_length, HYPER_MAX_LENGTH},
        {"no_repeat_ngram", o->no_repeat_ngram, HYPER_MAX_LENGTH},
        {"top_k", o->top_k, SEARCH_MAX_BEAM},
        {"alignment", o->alignment, 1},
        {"sentences", o->sentences, 1},
        {"sample", o->sample, 1},
        {"int8", o->int8, 1},
    };
    const struct {
        const char *key; /* of search_fields, which have the bounds */
        double value;    /* a negative value is fine: the model's */
    } reals[] = {
        {"decode.length_alpha", o->length_alpha},
        {"decode.max_ratio", o->max_ratio},
        {"decode.max_extra", o->max_extra},
    };
    const Field *warmth = fields_find(search_more_fields, "decode.temperature");
    for (size_t i = 0; i < COUNT(rows); i++)
        if (rows[i].value < 0 || rows[i].value > rows[i].most)
            return error_set(err, "options: %s: expected 0 to %d, found %d", rows[i].name, rows[i].most, rows[i].value);
    for (size_t i = 0; i < COUNT(reals); i++) {
        const Field *field = fields_find(search_fields, reals[i].key);
        if (!(reals[i].value <= field->max)) /* or it is no number */
            return error_set(err, "options: %s: expected at most %.15g, found %.15g", strchr(field->key, '.') + 1,
                             field->max, reals[i].value);
    }
    if (!(o->temperature >= warmth->min && o->temperature <= warmth->max) && (o->sample || o->temperature != 0))
        return error_set(err, "options: temperature: expected %.15g to %.15g, found %.15g", warmth->min, warmth->max,
                         o->temperature);
    if (o->sample && o->beam > 1)
        return error_set(err, "options: beam: expected 0 or 1 with sample, found %d", o->beam);
    if (o->sample && o->n_best > 1)
        return error_set(err, "options: n_best: expected 1 with sample, found %d", o->n_best);
    if (o->max_length > 0 && o->min_length >= o->max_length)
        return error_set(err, "options: min_length: expected less than max_length (%d), found %d", o->max_length,
                         o->min_length);
    if ((size_t)o->min_length >= hyper->max_length)
        return error_set(err, "options: min_length: expected less than the model's max_length (%zu), found %d",
                         hyper->max_length, o->min_length);
    return true;
}

/* The model's own way of searching, except where an option says otherwise. */
static bool search_options(SearchOptions *how, int32_t **prefix, const nmt_translator *t, Error *err) {
    const nmt_options *o = &t->options;
    *how = t->model->file.info.decode;
    Hyper hyper = t->model->file.info.hyper; /* of all models together */
    for (size_t i = 0; i < o->more_count; i++) {
        if (!modelfile_check_same_tokens(&t->model->file, &o->more[i]->file, err)) return false;
        hyper.max_length = size_min(hyper.max_length, o->more[i]->file.info.hyper.max_length);
    }
    if (!check_numbers(o, &hyper, err)) return false;
    if (o->beam > 0) how->beam = (size_t)o->beam;
    how->n_best = o->n_best > 0 ? (size_t)o->n_best : 1;
    if (!(o->length_alpha < 0)) how->length_alpha = o->length_alpha;
    if (!(o->max_ratio < 0)) how->max_ratio = o->max_ratio;
    if (o->max_extra >= 0) how->max_extra = (size_t)o->max_extra;
    how->max_length = (size_t)o->max_length;
    how->min_length = (size_t)o->min_length;
    how->no_repeat_ngram = (size_t)o->no_repeat_ngram;
    how->sample = o->sample;
    search_options_together(how, o->max_length > 0 && o->max_ratio < 0 && o->max_extra < 0);
    how->temperature = o->temperature;
    how->top_k = (size_t)o->top_k;
    how->int8 = o->int8;
    tokenizer_encode(t->model->tokenizer, prefix, o->prefix.bytes, o->prefix.length);
    how->prefix = *prefix, how->prefix_length = stbds_arrlenu(*prefix);
    how->seed = o->seed;
    const bool own = how->max_length > 0 && how->max_length <= hyper.max_length;
    const size_t most = own ? how->max_length : hyper.max_length;
    if (how->prefix_length >= most)
        return error_set(err, "options: prefix: expected fewer than %zu tokens (%s), found %zu", most,
                         own ? "max_length" : "the model's max_length", how->prefix_length);
    return search_check(how, &hyper, "options", err);
}

static bool need_engine(nmt_translator *t, Error *err) {
    SearchOptions how;
    const ModelFile *file = &t->model->file;
    if (t->engine) return true;
    Engine *e = memory_new(1, sizeof *e);
    t->failure = NMT_WRONG_ARGUMENT;
    if (!search_options(&how, &e->prefix, t, err)) return false;
    t->failure = NMT_FAILED;
    e->pool = pool_create((size_t)t->options.threads, err);
    if (!e->pool) return false;
    e->translator = translator_create(&file->params, file->w, t->model->tokenizer, e->pool, how);
    for (size_t i = 0; i < t->options.more_count; i++) {
        const ModelFile *other = &t->options.more[i]->file;
        translator_add(e->translator, &other->params, other->w);
    }
    translator_count_from(e->translator, t->texts);
    if (t->options.alignment) translator_align(e->translator);
    if (t->options.sentences) translator_sentences(e->translator);
    t->engine = e;
    return true;
}

static bool make_translator(void *context, Error *err) { return need_engine(context, err); }

/* Runs the body for a translator. */
static nmt_status call_translator(nmt_translator *t, ScopeBody *body, void *context, nmt_error *err) {
    t->failure = NMT_FAILED;
    const nmt_status status = call_run(t->scope, body, context, &t->failure, err);
    if (status != NMT_OK) t->engine = NULL;
    return status;
}

static nmt_status check_models(const nmt_options *o, nmt_error *err) {
    if (o->more_count >= MIXTURE_MOST)
        return call_refuse(err, NMT_WRONG_ARGUMENT, "options: more_count: expected 0 to %d, found %zu",
                           MIXTURE_MOST - 1, o->more_count);
    for (size_t i = 0; i < o->more_count; i++)
        if (!o->more || !o->more[i])
            return call_refuse(err, NMT_WRONG_ARGUMENT, "options: more[%zu]: expected an open model, found NULL", i);
    return NMT_OK;
}

/* A copy of bytes in a block of its own, with a NUL behind them; NULL: no memory. */
static void *copy_bytes(const void *bytes, size_t size) {
    char *copy = size < SIZE_MAX ? calloc(size + 1, 1) : NULL;
    if (copy && size > 0) memcpy(copy, bytes, size);
    return copy;
}

/* With copies of what the caller's options point to. */
static bool copy_options(nmt_options *to, const nmt_options *from) {
    *to = *from;
    to->prefix.bytes = copy_bytes(from->prefix.bytes, from->prefix.length);
    to->more = copy_bytes(from->more, from->more_count * sizeof *from->more);
    return to->prefix.bytes && to->more;
}

nmt_status nmt_translator_new(nmt_translator **translator, const nmt_model *model, const nmt_options *options,
                              nmt_error *err) {
    if (!translator) return call_refuse(err, NMT_WRONG_ARGUMENT, "translator: expected where to put it, found NULL");
    *translator = NULL;
    if (!model) return call_refuse(err, NMT_WRONG_ARGUMENT, "model: expected an open model, found NULL");
    nmt_options own = standard;
    nmt_status status = call_options(&own, options, sizeof own, "nmt_options", err);
    if (status == NMT_OK) status = call_texts(&own.prefix, 1, "options: prefix", err);
    if (status != NMT_OK) return status;
    status = check_models(&own, err);
    if (status != NMT_OK) return status;
    nmt_translator *t = calloc(1, sizeof *t);
    if (!t || !copy_options(&t->options, &own) || !(t->scope = scope_create())) {
        nmt_translator_free(t);
        return call_refuse(err, NMT_NO_MEMORY, "out of memory");
    }
    t->model = model;
    status = call_translator(t, make_translator, t, err);
    if (status == NMT_OK)
        *translator = t;
    else
        nmt_translator_free(t);
    return status;
}

void nmt_translator_free(nmt_translator *t) {
    if (!t) return;
    scope_free(t->scope);
    free((char *)t->options.prefix.bytes);
    free((nmt_model **)t->options.more);
    free(t);
}

/* ---- Translation ---- */

typedef struct Translating {
    nmt_translator *translator;
    const nmt_text *texts;
    size_t count;
} Translating;

static void free_answer(Answer *a) {
    free(a->results);
    free(a->result_at);
    free(a->hypotheses);
    free(a->hypothesis_at);
    free(a->words);
    free(a->text);
    *a = (Answer){0};
}

/* Copies results, whose structs may become larger than the public ones, and puts a NUL behind each text. */
static void copy_results(Answer *a, const TranslatorResult *results, size_t count) {
    size_t hypotheses = 0, words = 0, bytes = 0;
    for (size_t i = 0; i < count; i++) {
        hypotheses += results[i].count;
        for (size_t k = 0; k < results[i].count; k++) {
            words += results[i].hypotheses[k].word_count;
            bytes += results[i].hypotheses[k].length + 1;
        }
    }
    free_answer(a);
    a->results = memory_new(count, sizeof *a->results);
    a->result_at = memory_new(count, sizeof *a->result_at);
    a->hypotheses = memory_new(hypotheses, sizeof *a->hypotheses);
    a->hypothesis_at = memory_new(hypotheses, sizeof *a->hypothesis_at);
    a->words = memory_new(words, sizeof *a->words);
    a->text = memory_new(bytes, 1);
    size_t at = 0, word_at = 0, byte_at = 0;
    for (size_t i = 0; i < count; i++) {
        const TranslatorResult *from = &results[i];
        a->results[i] = (nmt_result){.hypotheses = a->hypothesis_at + at,
                                     .count = from->count,
                                     .source_tokens = from->source_tokens,
                                     .source_words = from->source_words,
                                     .parts = from->parts};
        a->result_at[i] = &a->results[i];
        for (size_t k = 0; k < from->count; k++, at++) {
            const TranslatorHypothesis *h = &from->hypotheses[k];
            a->hypotheses[at] = (nmt_hypothesis){.text = {a->text + byte_at, h->length},
                                                 .log_probability = h->log_probability,
                                                 .score = h->score,
                                                 .cut = h->cut,
                                                 .words = a->words + word_at,
                                                 .word_count = h->word_count};
            a->hypothesis_at[at] = &a->hypotheses[at];
            if (h->length > 0) memcpy(a->text + byte_at, h->bytes, h->length);
            byte_at += h->length + 1;
            for (size_t w = 0; w < h->word_count; w++)
                a->words[word_at++] =
                    (nmt_word){h->words[w].shares, h->words[w].first, h->words[w].count, h->words[w].largest};
        }
    }
}

static bool translate(void *context, Error *err) {
    const Translating *c = context;
    if (!need_engine(c->translator, err)) return false;
    Engine *e = c->translator->engine;
    Text *texts = call_copy_texts(c->texts, c->count);
    TranslatorResult *results = memory_new(c->count, sizeof *results);
    if (!translator_run(e->translator, texts, c->count, results, err)) return false;
    copy_results(&e->answer, results, c->count);
    free(results);
    free(texts);
    return true;
}

nmt_status nmt_translate(nmt_translator *translator, const nmt_text *texts, size_t count,
                         const nmt_result *const **results, nmt_error *err) {
    if (!translator || !results)
        return call_refuse(err, NMT_WRONG_ARGUMENT, "expected a translator and where to put results, found NULL");
    *results = NULL;
    nmt_status status = call_texts(texts, count, "texts", err);
    if (status != NMT_OK) return status;
    status = call_translator(translator, translate, &(Translating){translator, texts, count}, err);
    if (status != NMT_OK) return status;
    *results = translator->engine->answer.result_at;
    translator->texts += count;
    return NMT_OK;
}

typedef struct Scoring {
    nmt_translator *translator;
    const nmt_text *sources, *targets;
    size_t count;
    nmt_score *scores;
} Scoring;

static Scorer *make_scorer(const nmt_translator *t, Pool *pool) {
    const ModelFile *file = &t->model->file;
    Scorer *scorer = scorer_create(&file->params, file->w, t->model->tokenizer, pool, NULL, t->options.int8);
    for (size_t i = 0; i < t->options.more_count; i++) {
        const ModelFile *other = &t->options.more[i]->file;
        scorer_add(scorer, &other->params, other->w);
    }
    return scorer;
}

static bool score_pairs(void *context, Error *err) {
    const Scoring *c = context;
    if (!need_engine(c->translator, err)) return false;
    Engine *e = c->translator->engine;
    if (!e->scorer) e->scorer = make_scorer(c->translator, e->pool);
    Text *sources = call_copy_texts(c->sources, c->count), *targets = call_copy_texts(c->targets, c->count);
    PairScore *scores = memory_new(c->count, sizeof *scores);
    if (!scorer_run(e->scorer, sources, targets, c->count, scores, err)) return false;
    for (size_t i = 0; i < c->count; i++) c->scores[i] = (nmt_score){scores[i].log_probability, scores[i].tokens};
    free(scores);
    free(targets);
    free(sources);
    return true;
}

nmt_status nmt_score_pairs(nmt_translator *translator, const nmt_text *sources, const nmt_text *targets, size_t count,
                           nmt_score *scores, nmt_error *err) {
    if (!translator || (!scores && count > 0))
        return call_refuse(err, NMT_WRONG_ARGUMENT, "expected a translator and where to put scores, found NULL");
    nmt_status status = call_texts(sources, count, "sources", err);
    if (status == NMT_OK) status = call_texts(targets, count, "targets", err);
    if (status != NMT_OK) return status;
    return call_translator(translator, score_pairs, &(Scoring){translator, sources, targets, count, scores}, err);
}
