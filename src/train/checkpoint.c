#include "train/checkpoint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/size.h"
#include "math/matmul.h"
#include "train/run.h"

#define AVERAGE "average."

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
enum { STATE_KEYS = COUNT(state_keys) };

/* Writes run.dir/name, whole or not at all. */
static bool save(const Trainer *t, const char *name, bool with_state, Error *err) {
    char *config = config_text(t->config), *path = file_join(t->config->dir, name);
    ModelInfo info = {
        .hyper = t->model.params.hyper,
        .text = t->config->text,
        .decode = t->config->decode,
        .config = config,
        .step = t->state.step,
        .precision = t->model.compute.precision,
    };
    info.merges = tokenizer_merges(t->data.tokenizer, &info.merge_count);
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
        gguf_set_uint64(out, CORPORA_KEY, t->data.train.checksum);
        for (size_t i = 0; i < t->optimiser.block_count; i++)
            modelfile_add_block(out, &t->model.params, t->optimiser.names[i], t->optimiser.blocks[i]);
        if (t->average) modelfile_add_block(out, &t->model.params, AVERAGE, t->average);
    }
    bool ok = gguf_write(out, path, err);
    gguf_writer_free(out);
    free(config);
    free(path);
    return ok;
}

bool checkpoint_save_model(const Trainer *t, Error *err) { return save(t, RUN_MODEL, false, err); }

bool checkpoint_save_last(const Trainer *t, Error *err) { return save(t, RUN_LAST, true, err); }

/* Takes parameters, moments and state from an open last.gguf. */
static bool restore(Trainer *t, const ModelFile *last, Error *err) {
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
    /* The config is the same except harmless keys, and so is the shape; this guards against a file patched by hand. */
    if (last->params.count != t->model.params.count)
        return error_set(err, "%s: expected %zu parameters, found %zu", last->path, t->model.params.count,
                         last->params.count);
    memcpy(t->w, last->w, t->model.params.count * sizeof *t->w);
    for (size_t i = 0; i < t->optimiser.block_count; i++)
        if (!modelfile_read_block(last, t->optimiser.names[i], t->optimiser.blocks[i], err)) return false;
    return !t->average || modelfile_read_block(last, AVERAGE, t->average, err);
}

/* Plans the epoch of a state that was read. */
static bool check_place(Trainer *t, Error *err) {
    return trainer_plan(t) || error_set(err, "%s/%s: nmt.train.batch: expected a number below %zu, found %llu",
                                        t->config->dir, RUN_LAST, t->plan.count, (unsigned long long)t->state.batch);
}

/* With auto, a run continues in the precision it was begun with, wherever that was; config_may_resume has compared what
 * was asked for. */
static Precision choose_precision(const Config *config, const ModelFile *last) {
    if (config->precision != TRAIN_AUTO)
        return config->precision == TRAIN_BFLOAT16 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32;
    return last ? last->info.precision : matmul_fast_precision();
}

bool checkpoint_open(Trainer *t, const Config *config, Pool *pool, bool resume, bool *resumed, Error *err) {
    ModelFile file = {0};
    Corpora data;
    char *path = file_join(config->dir, RUN_LAST);
    *t = (Trainer){0};
    *resumed = resume && file_exists(path);
    const ModelFile *last = *resumed ? &file : NULL;
    bool ok = !last || (modelfile_open(&file, path, err) && config_may_resume(config, file.info.config, path, err));
    ok = ok && corpora_read(&data, config, pool, last, err) &&
         trainer_create(t, config, pool, choose_precision(config, last), &data, err);
    if (ok && !last) trainer_begin(t);
    ok = ok && (!last || restore(t, last, err)) && check_place(t, err);
    if (file.gguf) modelfile_close(&file);
    free(path);
    if (!ok) trainer_free(t);
    return ok;
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
    char *last = file_join(t->config->dir, RUN_LAST), *before = file_join(t->config->dir, RUN_BACK);
    bool ok = true;
    if (file_exists(last) && !file_exists(before) && link(last, before) != 0)
        ok = copy(last, before, err); /* not every file system has links */
    free(last);
    free(before);
    return ok;
}

void checkpoint_remove_back(const Trainer *t) {
    char *before = file_join(t->config->dir, RUN_BACK);
    unlink(before);
    free(before);
}

/* Takes everything from the file that was saved at the last validation. */
static bool restore_saved(Trainer *t, Error *err) {
    const uint64_t saved = t->state.saved;
    ModelFile file = {0};
    char *path = file_join(t->config->dir, RUN_BACK);
    if (!file_exists(path)) {
        free(path);
        path = file_join(t->config->dir, RUN_LAST);
    }
    uint64_t corpus = 0;
    bool ok = modelfile_open(&file, path, err) && config_may_resume(t->config, file.info.config, path, err) &&
              gguf_uint64(file.gguf, CORPORA_KEY, &corpus, err);
    if (ok && corpus != t->data.train.checksum)
        ok = error_set(err, "%s: expected the training pairs of this run, found others", path);
    ok = ok && restore(t, &file, err);
    if (ok && t->state.step != saved)
        ok = error_set(err, "%s: expected the run at step %llu, to go back to, found it at step %llu", path,
                       (unsigned long long)saved, (unsigned long long)t->state.step);
    if (file.gguf) modelfile_close(&file);
    free(path);
    return ok;
}

/* A parameter that is not finite, or far from where it belongs, does not come back by itself. */
bool checkpoint_go_back(Trainer *t, Error *err) {
    const uint64_t returns = t->state.returns + 1;
    if (t->state.saved == 0)
        trainer_begin(t);
    else if (!restore_saved(t, err))
        return false;
    t->state.streak = 0;
    t->state.returns = returns;
    return check_place(t, err);
}
