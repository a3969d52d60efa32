#include "web/web.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/terminal.h"
#include "decode/translator.h"
#include "inspect/inspect.h"
#include "page/json.h"
#include "train/checkpoint.h"
#include "train/loop.h"
#include "train/report.h"
#include "web/sha256.h"

/* An open model. */
typedef struct Opened {
    ModelFile file;
    Tokenizer *tokenizer;
    Translator *translator;
    Knockout knockout; /* of the translator and of observations, which see what is changed in it */
} Opened;

static Pool *pool;
static Opened *opened; /* NULL: none */
static Json answer;

/* The training, if one was begun. */
static Config config;
static Trainer trainer;
static Loop *loop;
static Progress progress;

static void out_of_memory(const char *message) {
    fprintf(stderr, "%s\n", message);
    abort();
}

__attribute__((constructor)) static void prepare(void) { memory_at_end(out_of_memory); }

void *web_alloc(size_t size) { return malloc(size); }

void web_free(void *block) { free(block); }

const char *web_answer(void) { return answer.text; }

size_t web_answer_size(void) { return stbds_arrlenu(answer.text); }

static void clear(void) {
    stbds_arrsetlen(answer.text, 0);
    answer.separate = false;
}

/* Ends a call: leaves the answer, or the message. */
static int finish(bool ok, const Error *err) {
    if (ok) return 1;
    clear();
    ds_append(answer.text, err->text, strlen(err->text));
    return 0;
}

static bool need_pool(Error *err) {
    if (!pool) pool = pool_create(1, err);
    return pool;
}

/* ---- The model ---- */

static void close_model(Opened *o) {
    if (!o) return;
    translator_free(o->translator);
    if (o->tokenizer) tokenizer_free(o->tokenizer);
    modelfile_close(&o->file);
    free(o);
}

static bool open_model(const char *path, Error *err) {
    Opened *o = memory_new(1, sizeof *o);
    if (!need_pool(err) || !modelfile_open(&o->file, path, err)) {
        free(o);
        return false;
    }
    o->tokenizer = modelfile_tokenizer(&o->file, err);
    if (!o->tokenizer) {
        close_model(o);
        return false;
    }
    o->file.info.decode.knockout = &o->knockout;
    o->translator = translator_create(&o->file.params, o->file.w, o->tokenizer, pool, o->file.info.decode);
    translator_align(o->translator);
    close_model(opened);
    opened = o;
    return true;
}

int web_open(const char *path) {
    Error err;
    clear();
    return finish(open_model(path, &err), &err);
}

static bool need_model(Error *err) { return opened || error_set(err, "expected an open model, found none"); }

/* What the model does without. */
static bool knock_out(const char *names, Error *err) {
    Knockout *k = &opened->knockout;
    *k = (Knockout){0};
    if (!*names || (knockout_parse(k, names, err) && knockout_check(k, &opened->file.params.hyper, err))) return true;
    *k = (Knockout){0};
    return false;
}

/* The words of the source as the model reads it. */
static void put_source(Text text) {
    int32_t *ids = NULL;
    char *read = NULL;
    tokenizer_encode(opened->tokenizer, &ids, text.bytes, text.length);
    tokenizer_decode(opened->tokenizer, &read, ids, stbds_arrlenu(ids));
    Text rest = {read, stbds_arrlenu(read)};
    json_write(&answer, "source: [");
    for (Text word; (word = utf8_word(&rest)).length > 0;) json_string(&answer, word.bytes, word.length);
    json_write(&answer, "]");
    stbds_arrfree(ids);
    stbds_arrfree(read);
}

/* The words of the translation, which are numbered alike by the translator, with their shares. */
static void put_translation(const TranslatorResult *result) {
    const TranslatorHypothesis *h = &result->hypotheses[0];
    json_string(json_key(&answer, "text"), h->bytes, h->length);
    json_write(&answer, "words: [");
    Text rest = {h->bytes, h->length};
    for (size_t i = 0; i < h->word_count; i++) {
        const TranslatorWord *word = &h->words[i];
        const Text text = utf8_word(&rest);
        json_write(&answer, "{");
        json_string(json_key(&answer, "text"), text.bytes, text.length);
        json_write(&answer, "source: %zu, shares: [", word->largest);
        for (size_t j = 0; j < result->source_words; j++)
            json_write(&answer, "%f",
                       j >= word->first && j - word->first < word->count ? (double)word->shares[j - word->first] : 0.0);
        json_write(&answer, "]}");
    }
    json_write(&answer, "], log_probability: %g, cut: %i", h->log_probability, h->cut > 0);
}

int web_translate(const char *text, const char *knock) {
    Error err;
    const Text whole = {text, strlen(text)};
    TranslatorResult result;
    clear();
    bool ok =
        need_model(&err) && knock_out(knock, &err) && translator_run(opened->translator, &whole, 1, &result, &err);
    if (ok && result.parts > 0 && !isfinite(result.hypotheses[0].log_probability))
        ok = error_set(&err, "the model's numbers are not finite");
    if (ok) {
        json_write(&answer, "{");
        put_source(whole);
        put_translation(&result);
        inspect_write_unseen(&answer, &opened->file.info, whole);
        json_write(&answer, "}");
    }
    return finish(ok, &err);
}

int web_normalise(const char *text) {
    Error err;
    clear();
    const bool ok = need_model(&err);
    if (ok) normalise_text(&answer.text, text, strlen(text), tokenizer_normalisation(opened->tokenizer));
    return finish(ok, &err);
}

static bool inspect(const Observation *o, const char *compare, Error *err) {
    InspectRequest request = {
        .compare = *compare ? compare : NULL, .kind = INSPECT_NONE, .layer = INSPECT_NONE, .head = INSPECT_NONE};
    if (inspect_check(&request, o->file, err) && inspect_write(&answer, &request, o, err)) return true;
    clear();
    request.compare = NULL;
    return *compare && inspect_write(&answer, &request, o, err);
}

int web_inspect(const char *text, const char *compare, const char *knock) {
    Error err;
    Observation o;
    clear();
    bool ok = need_model(&err) && knock_out(knock, &err) &&
              observation_make(&o, &opened->file, opened->tokenizer, pool, text, 0, &err);
    if (ok) {
        ok = inspect(&o, compare, &err);
        observation_free(&o);
    }
    return finish(ok, &err);
}

/* ---- Training ---- */

/* In place of train/report.c: the page has its own pictures of the run. */
bool report_write(const Trainer *t, RunStatus status, Error *err) {
    (void)t, (void)status, (void)err;
    return true;
}

static bool read_config(const char *path, const char *overrides, Error *err) {
    char **list = NULL, *line;
    while ((line = memory_line(&overrides))) stbds_arrput(list, line);
    const bool ok = config_read(&config, path, list, stbds_arrlenu(list), err);
    for (size_t i = 0; i < stbds_arrlenu(list); i++) free(list[i]);
    stbds_arrfree(list);
    return ok;
}

static bool begin(const char *path, const char *overrides, Error *err) {
    size_t made;
    bool resumed;
    if (loop) return error_set(err, "expected one training at a time, found a second");
    if (!need_pool(err) || !read_config(path, overrides, err)) return false;
    bool ok =
        file_make_folder(config.dir, &made, err) && checkpoint_open(&trainer, &config, pool, false, &resumed, err);
    if (ok) {
        progress = progress_start(stderr);
        loop = loop_begin(&trainer, NULL, &progress, err);
        if (!loop) trainer_free(&trainer);
        ok = loop;
    }
    if (!ok) config_free(&config);
    return ok;
}

int web_train(const char *path, const char *overrides) {
    Error err;
    clear();
    const bool ok = begin(path, overrides, &err);
    if (ok)
        json_write(&answer,
                   "{parameters: %zu, vocabulary: %zu, pairs: %zu, last_step: %lld, model: %s, log: %s, film: %s}",
                   trainer.model.params.count, tokenizer_vocab_size(trainer.data.tokenizer), trainer.data.train.count,
                   (long long)trainer_last_step(&trainer), config.files[RUN_MODEL], config.files[RUN_LOG],
                   config.files[RUN_FILM]);
    return finish(ok, &err);
}

int web_step(void) {
    static const volatile sig_atomic_t never;
    Error err;
    clear();
    if (!loop) return finish(error_set(&err, "expected a training, found none"), &err);
    const double began = terminal_seconds();
    RunStatus status = loop_step(loop, &never, &err);
    const bool over = status != RUN_RUNNING;
    json_write(&answer, "{step: %lld, over: %i, seconds: %g}", (long long)trainer.state.step, over,
               terminal_seconds() - began);
    if (over) {
        status = loop_end(loop, status, &err);
        loop = NULL;
        trainer_free(&trainer);
        config_free(&config);
    }
    return finish(status != RUN_FAILED && status != RUN_UNSAVED, &err);
}

int web_look(const char *path) {
    Error err;
    clear();
    if (!loop) return finish(error_set(&err, "expected a training, found none"), &err);
    return finish(checkpoint_save_model_as(&trainer, path, &err) && open_model(path, &err), &err);
}

int web_sha256(const unsigned char *bytes, size_t size) {
    char text[SHA256_TEXT];
    clear();
    sha256_text(text, bytes, size);
    ds_append(answer.text, text, strlen(text));
    return 1;
}
