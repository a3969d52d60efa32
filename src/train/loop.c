#include "train/loop.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "train/checkpoint.h"
#include "train/display.h"
#include "train/film.h"
#include "train/log.h"
#include "train/measure.h"
#include "train/ranks.h"
#include "train/report.h"

enum {
    SKIPS_IN_A_ROW = 10, /* steps skipped before the run goes back */
};

/* How good a model is on the validation text. */
typedef struct Mark {
    double loss, exact, bleu;
} Mark;

struct Loop {
    Trainer *trainer;
    const Config *config;
    FileLock *lock;
    Display display;
    Log log;
    Film film;
    Log reel;            /* film.jsonl; file -1: there is none */
    bool film_fails;     /* and a message said so */
    const char *unsound; /* why the validation does not count: numbers that are not finite; NULL: it does */
    Error why;           /* may hold that */
    StepReport last;     /* the step that was done last */
    bool ending;         /* this step is the last, or the run stops */
    bool unsaved;        /* something could not be written, and has not been since */
    Error problem;       /* why */
    Error unlogged;      /* why a line of the log could not be written */
};

/* ---- Where the run is ---- */

static bool is_over(const Config *c, const TrainState *s) {
    return (c->max_steps && s->step >= c->max_steps) || (c->max_epochs && s->epoch >= c->max_epochs);
}

static bool is_stalled(const Config *c, const TrainState *s) { return c->patience && s->stalled >= c->patience; }

/* ---- Writing ---- */

/* A full disk does not end a run: what cannot be written is reported, tried again at the next validation, and reported
 * again at the end. ok: whether something was written; if not, l->problem is why. Returns ok. */
static bool written(Loop *l, bool ok) {
    if (!ok && !l->unsaved)
        progress_line(l->display.progress, "%s%s", l->problem.text,
                      l->ending ? "" : "; training continues, and tries again when it saves next");
    l->unsaved = l->unsaved || !ok;
    return ok;
}

/* The same of a line of the log; if it was not written, l->unlogged is why. A state that could not be saved is the
 * greater problem. */
static void logged(Loop *l, bool ok) {
    if (!ok && !l->unsaved) l->problem = l->unlogged;
    written(l, ok);
}

/* A run does not depend on its report. */
static void report(Loop *l, RunStatus status) {
    Error err;
    if (!report_write(l->trainer, status, &err) && !l->unsaved)
        progress_line(l->display.progress, "%s; training does not need it", err.text);
}

/* Nor on its film. ok: whether that succeeded; if not, err is why. */
static void filmed(Loop *l, bool ok, const Error *err) {
    if (!ok && !l->film_fails && !l->unsaved)
        progress_line(l->display.progress, "%s; training does not need the film", err->text);
    l->film_fails = !ok;
}

/* Adds a frame to the film. */
static void shoot(Loop *l, double loss) {
    Error err;
    Json frame = {0};
    if (l->reel.file < 0) return;
    filmed(l, film_frame(&l->film, l->trainer, loss, &frame, &err) && log_line(&l->reel, &frame, &err), &err);
    json_free(&frame);
    if (l->film.sample_count > 0) display_sample(&l->display, &l->film.samples[0], 0);
}

/* The frame of the step that was done last. A step has it before it is saved: the film of a run that was killed and
 * continued has every frame. */
static void shoot_step(Loop *l) { shoot(l, l->last.loss / (double)l->last.tokens); }

/* Opens the film at the step of the run. A run begins with what the model says before it has learned anything. */
static void open_film(Loop *l) {
    Error err;
    const uint64_t step = l->trainer->state.step;
    const bool ok = log_open(&l->reel, l->config->files[RUN_FILM], step, &err);
    filmed(l, ok, &err);
    if (!ok) return;
    l->film = film_create(l->trainer);
    if (step == 0) shoot(l, NAN);
}

/* The film goes back with the run. */
static void cut_film(Loop *l) {
    Error err;
    const uint64_t step = l->trainer->state.step;
    if (l->reel.file < 0) return;
    filmed(l, log_cut(&l->reel, step, &err), &err);
    if (step == 0) shoot(l, NAN);
}

/* Whether the run may still write into its folder. */
static bool owns_folder(const Loop *l, Error *err) {
    return !l->lock || file_lock_keep(l->lock) ||
           error_set(err, "%s: another folder took its place, or another run holds its lock", l->config->dir);
}

/* Writes last.gguf and, if it is `better` than what was there before, model.gguf. The model comes first: a crash
 * between the two leaves a last.gguf that will make the same model again. So does a model that could not be written:
 * the state is the one before, whose best model is still there. */
static void save(Loop *l, bool better, TrainState before) {
    TrainState *s = &l->trainer->state;
    if (better && !written(l, checkpoint_save_model(l->trainer, &l->problem)))
        *s = before;
    else if (written(l, checkpoint_save_last(l->trainer, &l->problem)))
        l->unsaved = false;
    else
        s->saved = before.saved;
}

/* Between two validations. The state of the last one is kept, to go back to. */
static void save_stopped(Loop *l) {
    Error err;
    const TrainState *s = &l->trainer->state;
    if (s->saved == s->step) return; /* a validation, or gone back to: it is there */
    if (s->saved > 0 && !checkpoint_keep_back(l->trainer, &err))
        progress_line(l->display.progress, "%s; should the run diverge, it cannot go back to its last validation",
                      err.text);
    /* Without a best model, one that is there stays until a validation: another run may have made it. */
    const char *model = l->config->files[RUN_MODEL];
    const bool first = s->best_step == 0, stays = first && file_exists(model);
    if (stays) progress_line(l->display.progress, "%s stays as it is until the next validation", model);
    save(l, first && !stays, *s);
}

/* Makes the validation that was just made the one to go back to. */
static void save_validated(Loop *l, bool better, TrainState before) {
    TrainState *s = &l->trainer->state;
    s->saved = s->step;
    save(l, better, before);
    if (s->saved == s->step) checkpoint_remove_back(l->trainer);
}

/* Tells if model.gguf is not the best model of this run. One of a later step is: a crash may leave it. */
static void tell_other_model(Loop *l, const char *path) {
    const TrainState *s = &l->trainer->state;
    Error err;
    ModelFile file;
    if (modelfile_open(&file, path, &err)) {
        size_t count;
        const uint32_t *merges = tokenizer_merges(l->trainer->data.tokenizer, &count);
        const bool own = file.info.merge_count == count &&
                         (count == 0 || memcmp(file.info.merges, merges, count * 2 * sizeof *merges) == 0) &&
                         (file.info.step == s->best_step || file.info.step > s->step);
        error_set(&err, "%s: expected the best model of this run, of step %s, found another, of step %s", path,
                  terminal_count(s->best_step).text, terminal_count(file.info.step).text);
        modelfile_close(&file);
        if (own) return;
    }
    progress_line(l->display.progress,
                  "%s; it stays until a validation finds a better one (without the file, the present model "
                  "takes its place)",
                  err.text);
}

/* If the best model is not where it was saved, the present one takes its place until a validation finds a better. */
static void replace_missing_model(Loop *l) {
    TrainState *s = &l->trainer->state;
    const char *path = l->config->files[RUN_MODEL];
    if (!s->best_step) return;
    if (file_exists(path)) {
        tell_other_model(l, path);
        return;
    }
    progress_line(l->display.progress,
                  "%s: expected the best model, of step %s, found none; that of step %s takes its place", path,
                  terminal_count(s->best_step).text, terminal_count(s->step).text);
    s->best_step = 0;
    if (written(l, checkpoint_save_model(l->trainer, &l->problem)))
        written(l, checkpoint_save_last(l->trainer, &l->problem));
}

/* ---- After a step ---- */

/* Every train.log_every steps a line in the log, of means since the last. tokens_per_second: as displayed. */
static void log_means(Loop *l, const StepReport *step, double tokens_per_second) {
    TrainState *s = &l->trainer->state;
    logged(l, log_step(&l->log, s, step, tokens_per_second, &l->unlogged));
    s->loss_sum = s->nll_sum = 0;
    s->tokens = 0;
}

/* ---- Validation ---- */

static bool is_better(const Config *c, Mark a, Mark b) {
    if (c->metric == METRIC_EXACT && a.exact != b.exact) return a.exact > b.exact;
    if (c->metric == METRIC_BLEU && a.bleu != b.bleu) return a.bleu > b.bleu;
    return !(a.loss >= b.loss); /* a NaN from a file is worse than any number */
}

static Mark best_mark(const TrainState *s) { return (Mark){s->best_loss, s->best_exact, s->best_bleu}; }
static Mark start_mark(const TrainState *s) { return (Mark){s->start_loss, s->start_exact, s->start_bleu}; }

/* "stalled 3 (best 61.20 at step 8,000)" */
static void put_stalled(char verdict[128], const Config *c, const TrainState *s) {
    char best[32];
    if (c->metric == METRIC_EXACT)
        snprintf(best, sizeof best, "%.1f%%", 100 * s->best_exact);
    else if (c->metric == METRIC_BLEU)
        snprintf(best, sizeof best, "%.2f", s->best_bleu);
    else
        snprintf(best, sizeof best, "%.4f", s->best_loss);
    snprintf(verdict, 128, "stalled %llu (best %s at step %s)", (unsigned long long)s->stalled, best,
             terminal_count(s->best_step).text);
}

/* Measures, reports and saves. Among skipped steps it only reports, for the parameters may be what makes them fail:
 * such a state is not one to go back to, and is neither the best nor one without progress. A run's last state always
 * counts.
 */
static bool validate(Loop *l, Error *err) {
    Trainer *t = l->trainer;
    TrainState *s = &t->state;
    const Config *c = l->config;
    const TrainState before = *s;
    display_validating(&l->display);
    const Loss loss = trainer_valid_loss(t);
    if (ranks_lost(c->ranks, err)) return false;
    Measured all = {0}, *measured = NULL;
    bool counts = s->streak == 0 || is_over(c, s);
    l->unsound = NULL;
    if (!isfinite(loss.loss))
        l->unsound = "the validation loss is not finite";
    else if (counts && !checkpoint_is_sound(t, c->dir, &l->why))
        l->unsound = l->why.text;
    counts = counts && !l->unsound;
    if (c->translate > 0 && !l->unsound) {
        if (!measure_together(t, c->translate, &all, err)) return false;
        measured = &all;
    }

    const Mark now = {loss.loss, all.exact, all.bleu};
    const bool better = counts && (s->best_step == 0 || is_better(c, now, best_mark(s)));
    char verdict[128] = "new best";
    if (better) {
        if (s->started && !is_better(c, now, start_mark(s)))
            snprintf(verdict, sizeof verdict, "best so far, but no better than before training");
        s->best_step = s->step;
        s->best_loss = now.loss, s->best_exact = now.exact, s->best_bleu = now.bleu;
        t->confidence = all.confidence;
        s->best_sentences = measured ? trainer_valid_sentences(t) : 0;
        s->stalled = 0;
    } else if (counts) {
        s->stalled++;
        put_stalled(verdict, c, s);
    } else {
        snprintf(verdict, sizeof verdict, "not counted: %s", l->unsound ? l->unsound : "the last step was skipped");
    }
    display_validation(&l->display, loss, measured, better, verdict);
    logged(l, log_valid(&l->log, s, loss, better, measured, &l->unlogged));
    if (counts && is_stalled(c, s) && !is_over(c, s) && !film_is_due(s->step)) shoot_step(l); /* the last step */
    if (counts) save_validated(l, better, before);
    return true;
}

/* What the model that the run starts from makes of this validation text: what the run is compared with. It is not one
 * of the run's models. */
static bool validate_start(Loop *l, Error *err) {
    Trainer *t = l->trainer;
    Measured all = {0}, *measured = l->config->translate > 0 ? &all : NULL;
    display_validating(&l->display);
    const Loss loss = trainer_valid_loss(t);
    if (ranks_lost(l->config->ranks, err)) return false;
    if (measured && !measure_together(t, l->config->translate, measured, err)) return false;
    TrainState *s = &t->state;
    s->started = 1;
    s->start_loss = loss.loss, s->start_exact = all.exact, s->start_bleu = all.bleu;
    display_validation(&l->display, loss, measured, true, "before training");
    logged(l, log_valid(&l->log, &t->state, loss, false, measured, &l->unlogged));
    display_start(&l->display);
    return true;
}

/* Back to what was saved last, in the log, too. Fails when it is not there, or did not help CHECKPOINT_RETURNS times.
 */
static bool go_back(Loop *l, Error *err) {
    TrainState *s = &l->trainer->state;
    const uint64_t from = s->step;
    char skips[64];
    snprintf(skips, sizeof skips, "%d steps in a row were skipped", SKIPS_IN_A_ROW);
    const char *why = l->unsound ? l->unsound : skips;
    if (s->returns == CHECKPOINT_RETURNS) {
        checkpoint_drop_stops(l->trainer);
        const bool model = file_exists(l->config->files[RUN_MODEL]);
        const char *kept = s->best_step ? "the best model so far is kept"
                           : model      ? "model.gguf stays as it was"
                                        : "there is no model yet";
        return error_set(err,
                         "step %llu: %s, although the learning rate was halved %d times; %s; start over with --fresh "
                         "and a smaller train.learning_rate",
                         (unsigned long long)from, why, CHECKPOINT_RETURNS, kept);
    }
    if (!checkpoint_go_back(l->trainer, err)) return false;
    const double scale = ldexp(1, -(int)s->returns);
    progress_line(l->display.progress, "step %llu: %s: back to step %llu, the learning rate times %g from there on",
                  (unsigned long long)from, why, (unsigned long long)s->step, scale);
    logged(l, log_cut(&l->log, s->step, &l->unlogged));
    logged(l, log_back(&l->log, s, from, scale, &l->unlogged));
    cut_film(l);
    l->unsound = NULL;
    display_start(&l->display);
    return true;
}

/* ---- The run ---- */

static void tell_notes(Loop *l) {
    const char *notes = l->trainer->notes ? l->trainer->notes : "";
    for (char *line; (line = memory_line(&notes)); free(line)) {
        progress_line(l->display.progress, "%s", line);
        logged(l, log_note(&l->log, l->trainer->state.step, line, &l->unlogged));
    }
}

Loop *loop_begin(Trainer *trainer, FileLock *lock, Progress *progress, Error *err) {
    Loop *l = memory_new(1, sizeof *l);
    *l = (Loop){.trainer = trainer,
                .config = trainer->config,
                .lock = lock,
                .display = {.progress = progress, .trainer = trainer}};
    if (!log_open(&l->log, l->config->files[RUN_LOG], trainer->state.step, err)) {
        free(l);
        return NULL;
    }
    open_film(l);
    display_start(&l->display);
    tell_notes(l);
    if (trainer->state.saved == trainer->state.step) checkpoint_remove_back(trainer);
    replace_missing_model(l);
    return l;
}

RunStatus loop_step(Loop *l, const volatile sig_atomic_t *stop, Error *err) {
    Trainer *t = l->trainer;
    const Config *c = l->config;
    if (is_stalled(c, &t->state)) return RUN_STALLED; /* also a run that had stopped early, started again */
    if (is_over(c, &t->state)) return RUN_FINISHED;
    if (t->state.step == 0 && c->start.gguf && !validate_start(l, err)) return RUN_FAILED;
    const StepReport step = l->last = trainer_step(t);
    if (ranks_lost(c->ranks, err)) return RUN_FAILED;
    if (step.skipped) {
        display_skipped(&l->display, &step);
        logged(l, log_skip(&l->log, &t->state, &step, &l->unlogged));
    }
    const bool line = t->state.step % c->log_every == 0;
    const double tokens_per_second = display_step(&l->display, &step, line);
    bool over = is_over(c, &t->state), goes_back = t->state.streak >= SKIPS_IN_A_ROW;
    const bool stops = *stop || step.stop, validates = !goes_back && (over || t->state.step % c->every_steps == 0);
    l->ending = !goes_back && (over || stops);
    if (line) log_means(l, &step, tokens_per_second);
    if (over || film_is_due(t->state.step)) shoot_step(l);
    if ((validates || goes_back || stops) && !owns_folder(l, err)) return RUN_FAILED;
    if (validates) {
        if (!validate(l, err)) return RUN_FAILED;
        goes_back = l->unsound;
        if (!goes_back && is_stalled(c, &t->state)) return RUN_STALLED;
        if (!goes_back && !over) report(l, RUN_RUNNING);
    }
    if (goes_back && !go_back(l, err)) return RUN_FAILED;
    over = over && !goes_back;
    if (!stops || over) return RUN_RUNNING;
    save_stopped(l);
    return RUN_STOPPED;
}

RunStatus loop_stop(Loop *l, Error *err) {
    if (is_over(l->config, &l->trainer->state)) return RUN_FINISHED;
    if (!owns_folder(l, err)) return RUN_FAILED;
    l->ending = true;
    save_stopped(l);
    return RUN_STOPPED;
}

StepReport loop_last(const Loop *l) { return l->last; }

/* Warns that the run made nothing better than the model that it started from. */
static void tell_no_gain(const Loop *l) {
    const TrainState *s = &l->trainer->state;
    if (s->started && s->best_step && !is_better(l->config, best_mark(s), start_mark(s)))
        progress_line(l->display.progress,
                      "no model of this run is better on data.valid than %s, from which it started; a smaller "
                      "train.learning_rate may help",
                      l->config->start.path);
}

RunStatus loop_end(Loop *l, RunStatus end, Error *err) {
    Error lost;
    l->ending = true;
    if (end == RUN_FINISHED || end == RUN_STALLED) tell_no_gain(l);
    logged(l, log_write(&l->log, &l->unlogged));
    if (l->reel.file >= 0) filmed(l, log_write(&l->reel, &lost), &lost);
    if (l->unsaved && end != RUN_FAILED) {
        *err = l->problem;
        end = RUN_UNSAVED;
    }
    if (owns_folder(l, &lost)) report(l, end);
    log_close(&l->log);
    log_close(&l->reel);
    film_free(&l->film);
    free(l);
    return end;
}

RunStatus loop_run(Trainer *trainer, FileLock *lock, Progress *progress, const volatile sig_atomic_t *stop,
                   Error *err) {
    Loop *l = loop_begin(trainer, lock, progress, err);
    if (!l) return RUN_FAILED;
    RunStatus status;
    do status = loop_step(l, stop, err);
    while (status == RUN_RUNNING);
    return loop_end(l, status, err);
}
