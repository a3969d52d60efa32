/* Saving and restoring a run. */
#include "train/checkpoint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "train/trainer.h"

#define CORPUS_KEY "nmt.train.corpus"
#define MOMENT_1   "adam.m."
#define MOMENT_2   "adam.v."
#define AVERAGE    "average."

/* The counters and figures of TrainState, by key. */
typedef struct StateKey {
    const char *key;
    bool is_double;
    size_t offset;
} StateKey;

#define COUNTER(name)                                                                                                  \
    { "nmt.train." #name, false, offsetof(TrainState, name) }
#define FIGURE(name)                                                                                                   \
    { "nmt.train." #name, true, offsetof(TrainState, name) }

static const StateKey state_keys[] = {
    COUNTER(step),     COUNTER(epoch),   COUNTER(batch),      COUNTER(best_step), FIGURE(best_loss), FIGURE(best_exact),
    FIGURE(best_bleu), COUNTER(stalled), COUNTER(skipped),    FIGURE(loss_sum),   FIGURE(nll_sum),   COUNTER(tokens),
    COUNTER(streak),   FIGURE(norm_log), COUNTER(norm_steps), COUNTER(saved),     COUNTER(returns),
};
enum { STATE_KEYS = sizeof state_keys / sizeof *state_keys };

bool checkpoint_write(const Trainer *t, const char *name, bool with_state, Error *err) {
    char *config = config_text(t->config), *path = file_join(t->config->dir, name);
    const Normalisation how = tokenizer_normalisation(t->tokenizer);
    ModelInfo info = {
        .hyper = t->model.params.hyper,
        .lowercase = how.lowercase,
        .apostrophes = how.apostrophes,
        .spaces = how.spaces,
        .decode = config_decode(t->config),
        .config = config,
        .step = t->state.step,
        .precision = t->model.compute.precision,
    };
    info.merges = tokenizer_merges(t->tokenizer, &info.merge_count);
    GgufWriter *out = modelfile_writer(&info, &t->model.params, with_state ? t->w : trainer_weights(t));
    if (with_state) {
        for (size_t i = 0; i < STATE_KEYS; i++) {
            const StateKey *k = &state_keys[i];
            const void *at = (const char *)&t->state + k->offset;
            if (k->is_double)
                gguf_set_float64(out, k->key, *(const double *)at);
            else
                gguf_set_uint64(out, k->key, *(const uint64_t *)at);
        }
        gguf_set_uint64(out, CORPUS_KEY, t->train.checksum);
        modelfile_add_block(out, &t->model.params, MOMENT_1, t->m);
        modelfile_add_block(out, &t->model.params, MOMENT_2, t->v);
        if (t->average) modelfile_add_block(out, &t->model.params, AVERAGE, t->average);
    }
    bool ok = gguf_write(out, path, err);
    gguf_writer_free(out);
    free(config);
    free(path);
    return ok;
}

bool checkpoint_corpus(const ModelFile *last, uint64_t *checksum, Error *err) {
    return gguf_uint64(last->gguf, CORPUS_KEY, checksum, err);
}

bool checkpoint_restore(Trainer *t, const ModelFile *last, Error *err) {
    for (size_t i = 0; i < STATE_KEYS; i++) {
        const StateKey *k = &state_keys[i];
        void *at = (char *)&t->state + k->offset;
        if (k->is_double ? !gguf_double(last->gguf, k->key, at, err) : !gguf_uint64(last->gguf, k->key, at, err))
            return false;
    }
    if (t->state.returns > 64) /* each halves the learning rate */
        return error_set(err, "%s: nmt.train.returns: expected at most 64, found %llu", last->path,
                         (unsigned long long)t->state.returns);
    if (t->state.skipped > t->state.step) /* Adam's own count of steps is the difference */
        return error_set(err, "%s: nmt.train.skipped: expected at most nmt.train.step (%llu), found %llu", last->path,
                         (unsigned long long)t->state.step, (unsigned long long)t->state.skipped);
    /* The config is the same but for harmless keys, and so is the shape; this guards against a file patched by hand. */
    if (last->params.count != t->model.params.count)
        return error_set(err, "%s: expected %zu parameters, found %zu", last->path, t->model.params.count,
                         last->params.count);
    memcpy(t->w, last->w, t->model.params.count * sizeof *t->w);
    return modelfile_read_block(last, MOMENT_1, t->m, err) && modelfile_read_block(last, MOMENT_2, t->v, err) &&
           (!t->average || modelfile_read_block(last, AVERAGE, t->average, err));
}

static bool copy(const char *from, const char *to, Error *err) {
    FileMap map;
    if (!file_map(&map, from, err)) return false;
    FileWriter *out = file_create(to, err);
    if (out) file_write(out, map.data, map.size);
    file_unmap(&map);
    return out && file_commit(out, err);
}

bool checkpoint_keep_back(const Trainer *t, Error *err) {
    char *last = file_join(t->config->dir, CHECKPOINT_NAME), *before = file_join(t->config->dir, CHECKPOINT_BEFORE);
    bool ok = true;
    if (file_exists(last) && !file_exists(before) && link(last, before) != 0)
        ok = copy(last, before, err); /* not every file system has links */
    free(last);
    free(before);
    return ok;
}

void checkpoint_remove_back(const Trainer *t) {
    char *before = file_join(t->config->dir, CHECKPOINT_BEFORE);
    unlink(before);
    free(before);
}

bool checkpoint_go_back(Trainer *t, Error *err) {
    const uint64_t saved = t->state.saved;
    ModelFile file = {0};
    char *path = file_join(t->config->dir, CHECKPOINT_BEFORE);
    if (!file_exists(path)) {
        free(path);
        path = file_join(t->config->dir, CHECKPOINT_NAME);
    }
    uint64_t corpus = 0;
    bool ok = modelfile_open(&file, path, err) && config_may_resume(t->config, file.info.config, path, err) &&
              checkpoint_corpus(&file, &corpus, err);
    if (ok && corpus != t->train.checksum)
        ok = error_set(err, "%s: expected the training pairs of this run, found others", path);
    ok = ok && checkpoint_restore(t, &file, err);
    if (ok && t->state.step != saved)
        ok = error_set(err, "%s: expected the run at step %llu, to go back to, found it at step %llu", path,
                       (unsigned long long)saved, (unsigned long long)t->state.step);
    if (file.gguf) modelfile_close(&file);
    free(path);
    return ok;
}
