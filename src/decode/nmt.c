/* The library's models, and BLEU and chrF; nmt_translate.c has translation, train/nmt_train.c training.
 *
 * A model and all that belongs to it is owned by its scope (base/scope.h). */
#include "decode/nmt.h"

#include <string.h>

#include "base/ds.h"
#include "base/version.h"
#include "decode/nmt_internal.h"
#include "eval/score.h"
#include "math/cpu.h"

const char *nmt_version(void) { return NMT_VERSION; }

/* ---- Models ---- */

typedef struct Opening {
    nmt_model *model; /* the result */
    bool named;       /* the file of this path; else the bytes */
    const char *path;
    const void *bytes;
    size_t size;
} Opening;

static void read_info(nmt_model *m) {
    const char *key;
    for (size_t i = 0; (key = gguf_key(m->file.gguf, i)); i++) {
        char *text = gguf_text(m->file.gguf, i);
        if (text) stbds_arrput(m->info, ((InfoLine){memory_string(key), text}));
    }
    const InfoLine counted[] = {
        {memory_string("parameters"), memory_format("%zu", m->file.params.count)},
        {memory_string("vocabulary"), memory_format("%zu", tokenizer_vocab_size(m->tokenizer))},
    };
    ds_append(m->info, counted, sizeof counted / sizeof *counted);
}

static bool open_model(void *context, Error *err) {
    Opening *o = context;
    nmt_model *m = memory_new(1, sizeof *m);
    m->scope = scope_current();
    const bool ok = cpu_check(err) && (o->named ? modelfile_open(&m->file, o->path, err)
                                                : modelfile_open_memory(&m->file, o->bytes, o->size, "model", err));
    if (!ok || !(m->tokenizer = modelfile_tokenizer(&m->file, err))) return false;
    read_info(m);
    o->model = m;
    return true;
}

static nmt_status open_any(nmt_model **model, Opening opening, int header, nmt_error *err) {
    static const nmt_status failure = NMT_FAILED;
    if (!model) return call_refuse(err, NMT_WRONG_ARGUMENT, "model: expected where to put it, found NULL");
    *model = NULL;
    if (opening.named && !opening.path)
        return call_refuse(err, NMT_WRONG_ARGUMENT, "path: expected the name of a file, found NULL");
    if (!opening.named && !opening.bytes && opening.size > 0)
        return call_refuse(err, NMT_WRONG_ARGUMENT, "bytes: expected %zu bytes, found NULL", opening.size);
    nmt_status status = call_header(header, err);
    if (status != NMT_OK) return status;
    Scope *scope = scope_create();
    if (!scope) return call_refuse(err, NMT_NO_MEMORY, "out of memory");
    status = call_run(scope, open_model, &opening, &failure, err);
    if (status != NMT_OK)
        scope_free(scope);
    else
        *model = opening.model;
    return status;
}

nmt_status nmt_open(nmt_model **model, const char *path, int header, nmt_error *err) {
    return open_any(model, (Opening){.named = true, .path = path}, header, err);
}

nmt_status nmt_open_memory(nmt_model **model, const void *bytes, size_t size, int header, nmt_error *err) {
    return open_any(model, (Opening){.bytes = bytes, .size = size}, header, err);
}

void nmt_close(nmt_model *model) {
    if (model) scope_free(model->scope);
}

const char *nmt_info_key(const nmt_model *model, size_t i) {
    return model && i < stbds_arrlenu(model->info) ? model->info[i].key : NULL;
}

const char *nmt_info(const nmt_model *model, const char *key) {
    for (size_t i = 0; model && key && i < stbds_arrlenu(model->info); i++)
        if (strcmp(model->info[i].key, key) == 0) return model->info[i].text;
    return NULL;
}

/* ---- BLEU and chrF ---- */

typedef struct Measuring {
    double *score;
    ScoreOptions how;
    const nmt_text *translations, *references;
    size_t count, each;
} Measuring;

static bool measure(void *context, Error *err) {
    (void)err;
    const Measuring *c = context;
    NgramCounts sum = {{0}, {0}, {0}};
    Ngrams *work = ngrams_create();
    for (size_t i = 0; i < c->count; i++) {
        Text *one = call_copy_texts(&c->translations[i], 1),
             *references = call_copy_texts(c->references + i * c->each, c->each);
        score_add(&sum, work, c->how, *one, references, c->each);
        free(references);
        free(one);
    }
    ngrams_free(work);
    *c->score = score_value(c->how, &sum);
    return true;
}

nmt_status nmt_measure(double *score, nmt_metric metric, const nmt_text *translations, const nmt_text *references,
                       size_t count, size_t each, nmt_error *err) {
    static const nmt_status failure = NMT_FAILED;
    static const ScoreMetric metrics[] = {
        [NMT_BLEU] = SCORE_BLEU, [NMT_CHRF] = SCORE_CHRF, [NMT_CHRFPP] = SCORE_CHRFPP};
    if (!score) return call_refuse(err, NMT_WRONG_ARGUMENT, "score: expected where to put it, found NULL");
    if ((size_t)metric >= sizeof metrics / sizeof *metrics)
        return call_refuse(err, NMT_WRONG_ARGUMENT, "metric: expected one of nmt_metric, found %d", (int)metric);
    if (each == 0 || count > SIZE_MAX / each)
        return call_refuse(err, NMT_WRONG_ARGUMENT, "each: expected 1 to %zu references, found %zu",
                           SIZE_MAX / (count > 0 ? count : 1), each);
    nmt_status status = call_texts(translations, count, "translations", err);
    if (status == NMT_OK) status = call_texts(references, count * each, "references", err);
    if (status != NMT_OK) return status;
    Measuring measuring = {score, {.metric = metrics[metric]}, translations, references, count, each};
    return call_alone(measure, &measuring, &failure, err);
}
