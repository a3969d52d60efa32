/* The training of the library (decode/nmt.h): what ./train does, with a callback in place of the terminal and signals.
 */
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/lock.h"
#include "base/memory.h"
#include "data/corpus.h"
#include "decode/nmt_internal.h"
#include "math/cpu.h"
#include "train/checkpoint.h"
#include "train/loop.h"

static const nmt_train_options standard = {.size = sizeof(nmt_train_options), .header = NMT_HEADER};

void nmt_train_options_init(nmt_train_options *options, size_t size, int header) {
    call_defaults(options, size, header, &standard, sizeof standard);
}

typedef struct Training {
    nmt_train_options options;
    nmt_status failure;
    volatile sig_atomic_t stop;
    const Trainer *trainer; /* NULL: not yet */
    StepReport last;
} Training;

static int ask(void *context, const void *progress) {
    const Training *t = context;
    return t->options.progress(t->options.context, progress);
}

/* Tells the caller where the training is, with a message or, after a step, without. */
static void tell(void *context, const char *message) {
    Training *t = context;
    nmt_progress p = {.message = message};
    if (!t->options.progress) return;
    if (t->trainer) {
        const TrainState *s = &t->trainer->state;
        p.step = s->step;
        p.last_step = trainer_last_step(t->trainer);
        p.epoch = s->epoch;
        p.loss = t->last.tokens > 0 ? t->last.loss / (double)t->last.tokens : 0;
        p.rate = t->last.rate;
        p.best_step = s->best_step;
        p.best_loss = s->best_loss, p.best_bleu = s->best_bleu, p.best_exact = s->best_exact;
    }
    if (call_back(ask, t, &p) != 0) t->stop = 1;
}

static void tell_lines(Training *t, const char *text) {
    for (char *line; (line = memory_line(&text)); free(line)) tell(t, line);
}

static bool run(Training *t, Trainer *trainer, FileLock *lock, Error *err) {
    Progress progress = progress_to(tell, t);
    t->trainer = trainer;
    tell_lines(t, trainer->data.flaws);
    Loop *loop = loop_begin(trainer, lock, &progress, err);
    if (!loop) return false;
    RunStatus status;
    do {
        const uint64_t before = trainer->state.step;
        status = loop_step(loop, &t->stop, err);
        t->last = loop_last(loop);
        if (trainer->state.step != before) tell(t, NULL);
        if (t->stop && status == RUN_RUNNING) status = loop_stop(loop, err);
    } while (status == RUN_RUNNING);
    status = loop_end(loop, status, err);
    if (status == RUN_FINISHED || status == RUN_STALLED) return true;
    if (status != RUN_STOPPED) return false;
    t->failure = NMT_STOPPED;
    return error_set(err, "stopped after step %llu, everything saved; the same call with fresh = 0 continues",
                     (unsigned long long)trainer->state.step);
}

static bool train_locked(Training *t, Config *config, FileLock *lock, Error *err) {
    bool resumed, ok = false;
    Trainer trainer;
    Pool *pool = pool_create(config->threads, err);
    if (pool && checkpoint_open(&trainer, config, pool, !t->options.fresh, &resumed, err)) {
        /* At once: ended before its first validation, the run would continue from the last.gguf of the one before. */
        ok = (!t->options.fresh || checkpoint_save_last(&trainer, err)) && run(t, &trainer, lock, err);
        t->trainer = NULL;
        trainer_free(&trainer);
    }
    if (pool) pool_free(pool);
    return ok;
}

static bool train(void *context, Error *err) {
    Training *t = context;
    Config config;
    FileLock lock;
    size_t made;
    if (!cpu_check(err) ||
        !config_read(&config, t->options.config, (char *const *)t->options.settings, t->options.setting_count, err))
        return false;
    bool ok = !corpus_names_input(config.data_train) ||
              error_set(err, "data.train: expected files, found -, which is the program's own standard input");
    ok = ok && file_make_folder(config.dir, &made, err);
    if (ok) {
        ok = file_lock(&lock, config.files[RUN_LOCK], err);
        if (ok) {
            ok = train_locked(t, &config, &lock, err);
            if (!file_lock_keep(&lock)) made = 0;
            file_unlock(&lock);
        }
        if (!ok && t->failure != NMT_STOPPED) file_remove_folders(config.dir, made);
    }
    config_free(&config);
    return ok;
}

nmt_status nmt_train(const nmt_train_options *options, nmt_error *err) {
    Training t = {.options = standard, .failure = NMT_FAILED};
    if (!options) return call_refuse(err, NMT_WRONG_ARGUMENT, "options: expected a training's options, found NULL");
    const nmt_status status = call_options(&t.options, options, sizeof t.options, "nmt_train_options", err);
    if (status != NMT_OK) return status;
    for (size_t i = 0; i < t.options.setting_count; i++)
        if (!t.options.settings || !t.options.settings[i])
            return call_refuse(err, NMT_WRONG_ARGUMENT, "settings[%zu]: expected section.key=value, found NULL", i);
    if (t.options.config && strcmp(t.options.config, "-") == 0)
        return call_refuse(err, NMT_WRONG_ARGUMENT, "config: expected a file, found -, the program's standard input");
    return call_alone(train, &t, &t.failure, err);
}
