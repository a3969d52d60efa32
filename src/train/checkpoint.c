#include "train/checkpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ds.h"
#include "base/file.h"
#include "base/file_write.h"
#include "base/memory.h"
#include "base/size.h"
#include "math/cpu.h"
#include "math/matmul.h"
#include "train/join.h"
#include "train/ranks.h"
#include "train/run.h"
#include "train/start.h"

#define AVERAGE "average."

#define KEY(name)                "nmt.train." name
#define COUNTER(field, high)     ROW_INTEGER(KEY(#field), TrainState, field, NULL, 0, high, "")
#define FIGURE(field, low, high) ROW_REAL(KEY(#field), TrainState, field, NULL, low, high, "")
#define STEPS(field)             COUNTER(field, CONFIG_STEPS_MAX)
#define LOSS(field)              FIGURE(field, -1e300, 1e300) /* a bound that keeps infinities out */

/* TrainState as keys, with what each may be. A BLEU of 100 is a little more, for it is an exponential. */
static const Field state_fields[] = {
    STEPS(step),
    STEPS(epoch),
    STEPS(batch),
    STEPS(best_step),
    LOSS(best_loss),
    FIGURE(best_exact, 0, 1),
    FIGURE(best_bleu, 0, 100.001),
    STEPS(best_sentences),
    STEPS(stalled),
    STEPS(skipped),
    LOSS(loss_sum),
    LOSS(nll_sum),
    COUNTER(tokens, 9e15),
    STEPS(streak),
    FIGURE(norm_log, -1000, 1000),
    STEPS(norm_steps),
    STEPS(saved),
    COUNTER(returns, CHECKPOINT_RETURNS),
    /* Only of runs from a model: */
    ROW_INTEGER(KEY("started"), TrainState, started, "0", 0, 1, "", .left_out = true),
    ROW_REAL(KEY("start_loss"), TrainState, start_loss, "0", -1e300, 1e300, "", .left_out = true),
    ROW_REAL(KEY("start_exact"), TrainState, start_exact, "0", 0, 1, "", .left_out = true),
    ROW_REAL(KEY("start_bleu"), TrainState, start_bleu, "0", 0, 100.001, "", .left_out = true),
    ROW_END,
};

/* Counters of things that there is at most one of for each of another counter. */
static const char *const state_pairs[][2] = {
    {KEY("epoch"), KEY("step")},      {KEY("best_step"), KEY("step")}, {KEY("stalled"), KEY("step")},
    {KEY("saved"), KEY("step")},      {KEY("skipped"), KEY("step")},   {KEY("streak"), KEY("skipped")},
    {KEY("norm_steps"), KEY("step")},
};

/* ---- Numbers ---- */

/* Whether all numbers of a block are finite, at least 0 where they are means of squares, and at most `most`. */
static bool check_block(const Trainer *t, const char *prefix, const real *block, bool squares, double most,
                        const char *where, Error *err) {
    for (size_t i = 0; i < t->model.params.tensor_count; i++) {
        const Tensor *tensor = &t->model.params.tensors[i];
        const real *x = block + tensor->offset;
        for (size_t k = 0; k < tensor->count; k++)
            if (!isfinite(x[k]) || (squares && x[k] < 0) || fabs((double)x[k]) > most)
                return error_set(err, "%s: %s%s: expected finite numbers%s%s, found %g at position %zu", where, prefix,
                                 tensor->name, squares ? " of at least 0" : "",
                                 isfinite(most) ? ", no larger than train.clip_norm allows" : "", (double)x[k], k);
    }
    return true;
}

bool checkpoint_is_sound(const Trainer *t, const char *where, Error *err) {
    const Optimiser *o = &t->optimiser;
    /* Adam's moments are means of clipped gradients, or of their squares. Muon's momentum is a fading sum, which can be
     * larger (Optimiser.most). Twice as much leaves room for rounding. */
    const double clip = t->config->clip_norm > 0 ? t->config->clip_norm : INFINITY;
    bool ok = check_block(t, "", t->w, false, INFINITY, where, err);
    for (size_t i = 0; ok && i < o->block_count; i++)
        ok = check_block(t, o->names[i], o->blocks[i], o->squares[i],
                         2 * o->most[i] * clip * (o->squares[i] ? clip : 1), where, err);
    return ok && (!t->average || check_block(t, AVERAGE, t->average, false, INFINITY, where, err));
}

/* ---- Saving ---- */

/* Writes the file, whole or not at all. */
static bool save(const Trainer *t, const char *path, bool with_state, Error *err) {
    if (!checkpoint_is_sound(t, path, err)) return false;
    char *config = config_text(t->config);
    ModelInfo info = {
        .hyper = t->model.params.hyper,
        .text = t->config->rules.text,
        .decode = t->decode,
        .config = config,
        .step = t->state.step,
        .precision = t->model.compute.precision,
        .seen = {t->data.words, t->data.word_count},
        .longest_source = t->data.train.longest_source - 1, /* without </s> */
        .confidence = with_state ? (Confidence){0, 0} : t->confidence,
    };
    const ModelFile *start = &t->config->start;
    if (start->gguf) /* 0: not known */
        info.longest_source =
            start->info.longest_source ? size_max(info.longest_source, start->info.longest_source) : 0;
    GgufString *history = start_history(&info.history_count, start, t->state.step, t->data.origin);
    info.history = history;
    info.merges = tokenizer_merges(t->data.tokenizer, &info.merge_count);
    GgufWriter *out = modelfile_writer(&info, &t->model.params, with_state ? t->w : trainer_weights(t));
    if (with_state) {
        for (const Field *f = state_fields; f->key; f++) {
            const void *at = (const char *)&t->state + f->offset;
            if (f->left_out && field_is_before(f, &t->state)) continue;
            if (f->type == FIELD_REAL)
                gguf_set_float64(out, f->key, *(const double *)at);
            else
                gguf_set_uint64(out, f->key, field_integer(f, &t->state));
        }
        gguf_set_uint64(out, CORPORA_KEY, t->data.train.checksum);
        gguf_set_uint64(out, CORPORA_VALID_KEY, t->data.valid_checksum);
        if (start->gguf) gguf_set_uint64(out, START_KEY, modelfile_checksum(start));
        for (size_t i = 0; i < t->optimiser.block_count; i++)
            modelfile_add_block(out, &t->model.params, t->optimiser.names[i], t->optimiser.blocks[i]);
        if (t->average) modelfile_add_block(out, &t->model.params, AVERAGE, t->average);
    }
    bool ok = gguf_write(out, path, err);
    gguf_writer_free(out);
    start_free_history(history, info.history_count);
    free(config);
    return ok;
}

bool checkpoint_save_model(const Trainer *t, Error *err) {
    return checkpoint_save_model_as(t, t->config->files[RUN_MODEL], err);
}

bool checkpoint_save_model_as(const Trainer *t, const char *path, Error *err) { return save(t, path, false, err); }

bool checkpoint_save_last(const Trainer *t, Error *err) { return save(t, t->config->files[RUN_LAST], true, err); }

/* ---- Reading ---- */

static bool read_state(TrainState *state, const ModelFile *last, Error *err) {
    for (const Field *f = state_fields; f->key; f++) {
        if (f->offset == offsetof(TrainState, best_sentences) && !gguf_has(last->gguf, CORPORA_VALID_KEY))
            continue; /* the file is older than these two keys */
        void *at = (char *)state + f->offset;
        if (f->left_out && !gguf_has(last->gguf, f->key))
            field_set_before(f, state);
        else if (f->type == FIELD_REAL ? !gguf_double(last->gguf, f->key, at, err)
                                       : !gguf_uint64(last->gguf, f->key, at, err))
            return false;
    }
    if (!fields_check(state_fields, state, last->path, err)) return false;
    for (size_t i = 0; i < COUNT(state_pairs); i++) {
        const Field *few = fields_find(state_fields, state_pairs[i][0]),
                    *many = fields_find(state_fields, state_pairs[i][1]);
        const unsigned long long found = field_integer(few, state), most = field_integer(many, state);
        if (found > most)
            return error_set(err, "%s: %s: expected at most %s (%llu), found %llu", last->path, few->key, many->key,
                             most, found);
    }
    return true;
}

static void note(Trainer *t, char *line) {
    t->notes = memory_join(t->notes ? t->notes : memory_string(""), "\n", line);
}

/* A best model that was chosen by other sentences is not compared with. */
static bool compare_validation(Trainer *t, const ModelFile *last, Error *err) {
    TrainState *s = &t->state;
    const Config *c = t->config;
    const uint64_t sentences = trainer_valid_sentences(t);
    uint64_t text = t->data.valid_checksum;
    const char *changed = NULL;
    if (!gguf_has(last->gguf, CORPORA_VALID_KEY))
        s->best_sentences = sentences;
    else if (!gguf_uint64(last->gguf, CORPORA_VALID_KEY, &text, err))
        return false;
    if (text != t->data.valid_checksum)
        changed = "data.valid has another text";
    else if (c->metric != METRIC_LOSS && s->best_step && s->best_sentences != sentences)
        changed = "valid.translate is another number";
    if (!changed) return true;
    note(t,
         memory_format("%s than when %s was saved: the best model and valid.patience start anew", changed, last->path));
    s->best_step = s->stalled = s->started = 0;
    return true;
}

/* What the file says twice is the same: a file patched by hand may hold a model of another config. */
static bool check_agrees(const Trainer *t, const ModelFile *last, Error *err) {
    static const Field *const tables[] = {hyper_fields, normalise_fields};
    const void *const of[][2] = {{&t->model.params.hyper, &last->info.hyper},
                                 {&t->config->rules.text, &last->info.text}};
    bool ok = last->info.step == t->state.step ||
              error_set(err, "%s: nmt.step: expected nmt.train.step (%llu), found %llu", last->path,
                        (unsigned long long)t->state.step, (unsigned long long)last->info.step);
    for (size_t i = 0; i < COUNT(tables); i++)
        for (const Field *f = tables[i]; ok && f->key; f++) {
            char *expected = field_text(f, of[i][0]), *found = field_text(f, of[i][1]);
            ok = strcmp(expected, found) == 0 || error_set(err, "%s: %s: expected %s, as nmt.config has it, found %s",
                                                           last->path, f->key, expected, found);
            free(expected);
            free(found);
        }
    return ok;
}

/* Another instruction set computes other bits. */
static bool compare_machine(Trainer *t, const ModelFile *last, Error *err) {
    const char *now = cpu_instruction_set(), *then = gguf_string(last->gguf, "nmt.instruction_set", NULL, err);
    if (!then) return false;
    if (strcmp(now, then) == 0) return true;
    const bool same = t->model.compute.precision == PRECISION_FLOAT32 && cpu_same_floats(then);
    note(t, memory_format(same ? "%s was saved on %s, this is %s: in float32 both give the same bits"
                               : "%s was saved on %s, this is %s: the bits of this run will differ from those of a run "
                                 "on one of them alone",
                          last->path, then, now));
    return true;
}

/* Takes parameters, moments and state from an open last.gguf. */
static bool restore(Trainer *t, const ModelFile *last, Error *err) {
    if (!read_state(&t->state, last, err) || !check_agrees(t, last, err) || !compare_validation(t, last, err) ||
        !compare_machine(t, last, err))
        return false;
    if (last->params.count != t->model.params.count)
        return error_set(err, "%s: expected %zu parameters, found %zu", last->path, t->model.params.count,
                         last->params.count);
    memcpy(t->w, last->w, t->model.params.count * sizeof *t->w);
    for (size_t i = 0; i < t->optimiser.block_count; i++)
        if (!modelfile_read_block(last, t->optimiser.names[i], t->optimiser.blocks[i], err)) return false;
    return (!t->average || modelfile_read_block(last, AVERAGE, t->average, err)) &&
           checkpoint_is_sound(t, last->path, err);
}

/* Plans the epoch of a state that was read. Epochs differ by a few steps; twice as many are another place. With weights
 * they may have one pair or three; then all that is known is that each had a step. */
static bool check_place(Trainer *t, Error *err) {
    const TrainState *s = &t->state;
    const unsigned long long batch = s->batch, step = s->step, epoch = s->epoch;
    const unsigned long long each = trainer_step_batches(t->config);
    if (!trainer_plan(t) || batch % each != 0)
        return error_set(err, "%s: nmt.train.batch: expected a multiple of %llu below %zu, found %llu",
                         t->config->files[RUN_LAST], each, t->plan.count, batch);
    const size_t steps = trainer_epoch_steps(t);
    const unsigned long long about = epoch * steps + batch / each;
    const bool weighted = stbds_arrlenu(t->data.train.parts) > 0;
    return (weighted ? step >= epoch : step >= about / 2 && step / 2 <= about + steps) ||
           error_set(err, "%s: nmt.train.step: expected about %llu, after %llu epochs of %zu steps, found %llu",
                     t->config->files[RUN_LAST], about, epoch, steps, step);
}

/* With auto, a run continues in the precision it was begun with, wherever that was; config_may_resume has compared what
 * was asked for. */
static Precision choose_precision(const Config *config, const ModelFile *last) {
    if (config->precision != TRAIN_AUTO)
        return config->precision == TRAIN_BFLOAT16 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32;
    return last ? last->info.precision : matmul_fast_precision();
}

static bool may_resume(Config *config, const ModelFile *last, Error *err) {
    return start_check(&config->start, last, err) &&
           config_may_resume(config, last->info.config, !gguf_has(last->gguf, CORPORA_VALID_KEY), last->path, err);
}

bool checkpoint_share(Trainer *t, Error *err) {
    Ranks *const r = t->config->ranks;
    const size_t bytes = t->model.params.count * sizeof *t->w;
    bool ok = ranks_share(r, &t->state, sizeof t->state) && ranks_share(r, t->w, bytes);
    for (size_t i = 0; i < t->optimiser.block_count; i++) ok = ok && ranks_share(r, t->optimiser.blocks[i], bytes);
    if (t->average) ok = ok && ranks_share(r, t->average, bytes);
    return ok || !ranks_lost(r, err);
}

/* Tells the ranks that follow what rank 0 has found in last.gguf; they then have the config and precision of a run that
 * continues, too. */
static bool share_settings(Config *config, const ModelFile *last, bool *resumed, Precision *precision, Error *err) {
    Ranks *const r = config->ranks;
    const char *text = last ? last->info.config : "";
    size_t bytes = strlen(text);
    uint64_t words[] = {*resumed, last && !gguf_has(last->gguf, CORPORA_VALID_KEY), *precision};
    char *before = ranks_share(r, words, sizeof words) ? ranks_share_block(r, text, &bytes) : NULL;
    if (!before) return !ranks_lost(r, err);
    *resumed = words[0], *precision = (Precision)words[2];
    const bool ok =
        ranks_leads(r) || !*resumed || config_may_resume(config, before, words[1], config->files[RUN_LAST], err);
    free(before);
    return ok;
}

bool checkpoint_open(Trainer *t, Config *config, Pool *pool, bool resume, bool *resumed, Error *err) {
    Ranks *const r = config->ranks;
    ModelFile file = {0};
    Corpora data;
    const char *path = config->files[RUN_LAST];
    *t = (Trainer){0};
    *resumed = ranks_leads(r) && resume && file_exists(path);
    const ModelFile *last = *resumed ? &file : NULL;
    bool ok = join_compare(config, err) &&
              ranks_agree(r, !last || (modelfile_open(&file, path, err) && may_resume(config, &file, err)), err);
    Precision precision = ok ? choose_precision(config, last) : PRECISION_FLOAT32;
    ok = ok && ranks_agree(r, share_settings(config, last, resumed, &precision, err), err) &&
         join_corpora(&data, config, pool, last, err) &&
         ranks_agree(r, trainer_create(t, config, pool, precision, &data, err), err);
    if (ok && !last) trainer_begin(t);
    if (ok && !last && config->start.gguf) ok = checkpoint_is_sound(t, config->start.path, err);
    ok = ok && (!last || restore(t, last, err));
    ok = ranks_agree(r, ok, err) && checkpoint_share(t, err) && check_place(t, err);
    if (file.gguf) modelfile_close(&file);
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
    const char *last = t->config->files[RUN_LAST], *before = t->config->files[RUN_BACK];
    return !file_exists(last) || file_exists(before) || link(last, before) == 0 ||
           copy(last, before, err); /* not every file system has links */
}

void checkpoint_remove_back(const Trainer *t) { unlink(t->config->files[RUN_BACK]); }

void checkpoint_drop_stops(const Trainer *t) {
    char *const *files = t->config->files;
    ModelFile file = {0};
    Error err;
    if (t->state.saved > 0) {
        if (file_exists(files[RUN_BACK])) (void)!rename(files[RUN_BACK], files[RUN_LAST]);
    } else if (modelfile_open(&file, files[RUN_LAST], &err)) {
        if (file.info.step > 0) unlink(files[RUN_MODEL]);
        modelfile_close(&file);
        unlink(files[RUN_LAST]);
    }
}

/* Takes everything from the file that was saved at the last validation. */
static bool restore_saved(Trainer *t, Error *err) {
    const uint64_t saved = t->state.saved;
    ModelFile file = {0};
    Config config = *t->config;
    config.kept = NULL;
    const char *path = config.files[file_exists(config.files[RUN_BACK]) ? RUN_BACK : RUN_LAST];
    uint64_t corpus = 0;
    bool ok = modelfile_open(&file, path, err) && may_resume(&config, &file, err) &&
              gguf_uint64(file.gguf, CORPORA_KEY, &corpus, err);
    if (ok && corpus != t->data.train.checksum)
        ok = error_set(err, "%s: expected the training pairs of this run, found others", path);
    ok = ok && restore(t, &file, err);
    if (ok && t->state.step != saved)
        ok = error_set(err, "%s: expected the run at step %llu, to go back to, found it at step %llu", path,
                       (unsigned long long)saved, (unsigned long long)t->state.step);
    if (file.gguf) modelfile_close(&file);
    free(config.kept);
    return ok;
}

/* A parameter that is not finite, or far from where it belongs, does not come back by itself. */
bool checkpoint_go_back(Trainer *t, Error *err) {
    const uint64_t returns = t->state.returns + 1;
    if (t->state.saved == 0)
        trainer_begin(t);
    else if (!restore_saved(t, err))
        return false;
    free(t->notes); /* printed before */
    t->notes = NULL;
    t->state.streak = 0;
    t->state.returns = returns;
    if (!check_place(t, err)) return false;
    ranks_give(t->config->ranks, ORDER_STATE, 0);
    return checkpoint_share(t, err);
}
