#include "train/loop.h"

#include <math.h>
#include <stdlib.h>

#include "base/file.h"
#include "train/checkpoint.h"
#include "train/log.h"
#include "train/measure.h"
#include "train/report.h"

enum {
    SKIPS_IN_A_ROW = 10, /* steps skipped before the run goes back */
    MOST_RETURNS = 3,    /* how often it does */
    SAMPLES_TOLD = 3,    /* translations shown at the terminal after a validation */
};

typedef struct Loop {
    Trainer *trainer;
    const Config *config;
    FileLock *lock;
    Progress *progress;
    Log log;
    double began;      /* seconds */
    uint64_t began_at; /* step */
    double logged;     /* seconds, at the last log line */
    uint64_t logged_tokens;
    bool lost;    /* the validation loss is not finite */
    bool unsaved; /* something could not be written, and has not been since */
    Error why;
} Loop;

/* A full disk does not end a run: what cannot be written is told, tried again at the next validation, and told again at
 * the end. Returns whether it was written. */
static bool written(Loop *l, bool ok, const Error *err) {
    if (ok) return true;
    if (!l->unsaved) progress_line(l->progress, "%s; training goes on, and tries again when it saves next", err->text);
    l->unsaved = true;
    l->why = *err;
    return false;
}

/* A report that cannot be written harms nothing that the run is for. */
static void report(Loop *l, RunStatus status) {
    Error err;
    if (!report_write(l->trainer, status, &err) && !l->unsaved)
        progress_line(l->progress, "%s; training does not need it", err.text);
}

static bool is_over(const Config *c, const TrainState *s) {
    return (c->max_steps && s->step >= (uint64_t)c->max_steps) ||
           (c->max_epochs && s->epoch >= (uint64_t)c->max_epochs);
}

static bool is_stalled(const Config *c, const TrainState *s) {
    return c->patience && s->stalled >= (uint64_t)c->patience;
}

/* ", 12:34 left", by the mean speed since this process began. */
static const char *time_left(char buffer[64], const Loop *l) {
    const TrainState *s = &l->trainer->state;
    uint64_t last = trainer_last_step(l->trainer);
    buffer[0] = '\0';
    if (last > s->step && s->step > l->began_at) {
        char duration[24];
        double each = (terminal_seconds() - l->began) / (double)(s->step - l->began_at);
        terminal_duration(duration, each * (double)(last - s->step));
        snprintf(buffer, 64, ", %s left", duration);
    }
    return buffer;
}

/* The moving line: what matters most stands first, where a narrow terminal shows it. `what` is said of the step. */
static void show(Loop *l, const char *what) {
    const TrainState *s = &l->trainer->state;
    const uint64_t last = trainer_last_step(l->trainer);
    const double share = (double)s->step / (double)(last ? last : 1);
    const size_t columns = terminal_width(l->progress->stream) / 8;
    char bar[3 * 24 + 1], step[32], left[64];
    terminal_bar(bar, share, columns < 24 ? columns : 24);
    terminal_count(step, (long long)s->step);
    progress_show(l->progress, "%s%s%s %2.0f%%  step %s%s%s", progress_style(l->progress, STYLE_BAR), bar,
                  progress_style(l->progress, STYLE_NONE), 100 * fmin(share, 1), step, time_left(left, l), what);
}

static void tell_skipped(Loop *l, const StepReport *r) {
    Error err;
    const TrainState *s = &l->trainer->state;
    const unsigned long long step = s->step;
    if (isfinite(r->loss) && isfinite(r->norm))
        progress_line(l->progress, "step %llu: skipped: the gradient's norm is %.3g, usual is %.3g", step, r->norm,
                      r->usual_norm);
    else
        progress_line(l->progress, "step %llu: skipped: loss or gradient is not finite", step);
    written(l, log_skip(&l->log, s, r, &err), &err);
}

static void report_step(Loop *l, const StepReport *r) {
    Error err;
    TrainState *s = &l->trainer->state;
    char left[64], step[32], speed[32];
    const double now = terminal_seconds();
    l->logged_tokens += r->tokens;
    const double tokens_per_second = (double)l->logged_tokens / fmax(now - l->logged, 1e-9);
    terminal_count(step, (long long)s->step);
    terminal_count(speed, (long long)tokens_per_second);
    const bool log = s->step % (uint64_t)l->config->log_every == 0;
    const double tokens = s->tokens ? (double)s->tokens : 1;
    if (l->progress->live) {
        char what[160];
        snprintf(what, sizeof what, ", loss %.3f, %s tokens/s, epoch %llu, rate %.1e, norm %.2f", s->loss_sum / tokens,
                 speed, (unsigned long long)s->epoch + 1, r->rate, r->norm);
        show(l, what);
    } else if (log) {
        progress_line(l->progress, "epoch %llu, step %s%s: loss %.3f, rate %.1e, norm %.2f, %s tokens/s",
                      (unsigned long long)s->epoch + 1, step, time_left(left, l), s->loss_sum / tokens, r->rate,
                      r->norm, speed);
    }
    if (!log) return;
    written(l, log_step(&l->log, s, r, tokens_per_second, &err), &err);
    s->loss_sum = s->nll_sum = 0;
    s->tokens = 0;
    l->logged = now;
    l->logged_tokens = 0;
}

static bool is_better(const Config *c, const TrainState *s, double loss, const Measured *measured) {
    if (s->best_step == 0) return true;
    if (c->metric == METRIC_EXACT && measured->exact != s->best_exact) return measured->exact > s->best_exact;
    if (c->metric == METRIC_BLEU && measured->bleu != s->best_bleu) return measured->bleu > s->best_bleu;
    return !(loss >= s->best_loss); /* a NaN from a file is worse than any number */
}

/* "stalled 3 (best 61.20 at step 8,000)" */
static void tell_stalled(char verdict[128], const Config *c, const TrainState *s) {
    char step[32], best[32];
    terminal_count(step, (long long)s->best_step);
    if (c->metric == METRIC_EXACT)
        snprintf(best, sizeof best, "%.1f%%", 100 * s->best_exact);
    else if (c->metric == METRIC_BLEU)
        snprintf(best, sizeof best, "%.2f", s->best_bleu);
    else
        snprintf(best, sizeof best, "%.4f", s->best_loss);
    snprintf(verdict, 128, "stalled %llu (best %s at step %s)", (unsigned long long)s->stalled, best, step);
}

/* Some sentences and their translations, for whoever watches: right ones in colour. */
static void tell_samples(Progress *progress, const Measured *measured) {
    for (size_t i = 0; i < measured->sample_count && i < SAMPLES_TOLD; i++) {
        const Sample *sample = &measured->samples[i];
        const char *end = progress_style(progress, STYLE_NONE);
        progress_note(progress, "    %s%s%s", progress_style(progress, STYLE_FAINT), sample->source, end);
        progress_note(progress, "    -> %s%s%s", sample->right ? progress_style(progress, STYLE_GOOD) : "",
                      sample->said, sample->right ? end : "");
    }
}

/* A last.gguf and, if it is `better` than what stood before, a model.gguf. The model first: a crash between the two
 * leaves a last.gguf that will make the same model again. So does a model that could not be written: the best is then
 * still the one before, and the run is not saved. */
static void save(Loop *l, bool better, TrainState before) {
    Error err;
    if (better && !written(l, checkpoint_save_model(l->trainer, &err), &err))
        l->trainer->state = before;
    else if (written(l, checkpoint_save_last(l->trainer, &err), &err))
        l->unsaved = false;
    else
        l->trainer->state.saved = before.saved;
}

/* Between two validations; the state of the last one is kept beside it. */
static void save_stopped(Loop *l) {
    Error err;
    if (l->trainer->state.saved == l->trainer->state.step) return; /* a validation, or gone back to: it is there */
    if (!checkpoint_keep_back(l->trainer, &err))
        progress_line(l->progress, "%s; should the run diverge, it cannot go back to its last validation", err.text);
    save(l, l->trainer->state.best_step == 0, l->trainer->state);
}

/* Makes the validation that was just made the one to go back to. */
static void save_validated(Loop *l, bool better, TrainState before) {
    TrainState *s = &l->trainer->state;
    s->saved = s->step;
    save(l, better, before);
    if (s->saved == s->step) checkpoint_remove_back(l->trainer);
}

/* Measures, tells, and saves. In the middle of skipped steps it tells alone, for what makes them fail may be the
 * parameters: such a state is none to go back to, and neither the best nor one without progress; but a run's last state
 * counts in any case. */
static bool validate(Loop *l, Error *err) {
    Trainer *t = l->trainer;
    TrainState *s = &t->state;
    const TrainState before = *s;
    Error why;
    l->progress->last_draw = -1;
    show(l, ", validating");
    const Loss loss = trainer_valid_loss(t);
    Measured measured = {0};
    l->lost = !isfinite(loss.loss);
    const bool translated = l->config->translate > 0 && !l->lost;
    if (translated && !measure_translations(t, (size_t)l->config->translate, &measured, err)) return false;

    const bool counts = !l->lost && (s->streak == 0 || is_over(l->config, s));
    const bool better = counts && is_better(l->config, s, loss.loss, &measured);
    char step[32], verdict[128] = "new best", told[64] = "";
    terminal_count(step, (long long)s->step);
    if (better) {
        s->best_step = s->step;
        s->best_loss = loss.loss;
        s->best_exact = measured.exact;
        s->best_bleu = measured.bleu;
        s->stalled = 0;
    } else if (counts) {
        s->stalled++;
        tell_stalled(verdict, l->config, s);
    } else {
        snprintf(verdict, sizeof verdict, l->lost ? "which is not finite" : "not counted: the last step was skipped");
    }
    if (translated)
        snprintf(told, sizeof told, ", BLEU %.2f, %.1f%% exactly right", measured.bleu, 100 * measured.exact);
    progress_line(l->progress, "validation at step %s: loss %.4f, perplexity %.3f%s, %s%s%s", step, loss.loss,
                  exp(loss.nll), told, progress_style(l->progress, better ? STYLE_GOOD : STYLE_BAD), verdict,
                  progress_style(l->progress, STYLE_NONE));
    tell_samples(l->progress, &measured);
    written(l, log_valid(&l->log, s, loss, better, translated ? &measured : NULL, &why), &why);
    if (counts) save_validated(l, better, before);
    return true;
}

/* Back to what was saved last, in the log, too. False when that did not help so many times, or is not there. */
static bool go_back(Loop *l, Error *err) {
    TrainState *s = &l->trainer->state;
    const uint64_t from = s->step;
    char why[64] = "the validation loss is not finite";
    Error cause;
    if (!l->lost) snprintf(why, sizeof why, "%d steps in a row were skipped", SKIPS_IN_A_ROW);
    if (s->returns == MOST_RETURNS)
        return error_set(err,
                         "step %llu: %s, although the learning rate was halved %d times; %s; start over with --fresh "
                         "and a smaller train.learning_rate",
                         (unsigned long long)from, why, MOST_RETURNS,
                         s->best_step ? "the best model so far is kept" : "there is no model yet");
    if (!checkpoint_go_back(l->trainer, err)) return false;
    const double scale = ldexp(1, -(int)s->returns);
    progress_line(l->progress, "step %llu: %s: back to step %llu, the learning rate times %g from there on",
                  (unsigned long long)from, why, (unsigned long long)s->step, scale);
    written(l, log_cut(&l->log, s->step, &cause), &cause);
    written(l, log_back(&l->log, s, from, scale, &cause), &cause);
    l->lost = false;
    l->began = l->logged = terminal_seconds();
    l->began_at = s->step;
    l->logged_tokens = 0;
    return true;
}

/* A best model that is not where it was saved: the present one takes its place until a validation finds a better. */
static void replace_missing_model(Loop *l) {
    Error err;
    TrainState *s = &l->trainer->state;
    char *path = file_join(l->config->dir, RUN_MODEL), step[32], now[32];
    if (s->best_step && !file_exists(path)) {
        terminal_count(step, (long long)s->best_step);
        terminal_count(now, (long long)s->step);
        progress_line(l->progress,
                      "%s: expected the best model, of step %s, found none; that of step %s takes its place", path,
                      step, now);
        s->best_step = 0;
        if (written(l, checkpoint_save_model(l->trainer, &err), &err))
            written(l, checkpoint_save_last(l->trainer, &err), &err);
    }
    free(path);
}

/* Whether the run may still write into its folder. */
static bool owns_folder(const Loop *l, Error *err) {
    return !l->lock || file_lock_keep(l->lock) ||
           error_set(err, "%s: another folder took its place, or another run holds its lock", l->config->dir);
}

static RunStatus run(Loop *l, const volatile sig_atomic_t *stop, Error *err) {
    Trainer *t = l->trainer;
    const Config *c = l->config;
    if (is_stalled(c, &t->state)) return RUN_STALLED; /* a run that had stopped early, started again */
    while (!is_over(c, &t->state)) {
        const StepReport step = trainer_step(t);
        if (step.skipped) tell_skipped(l, &step);
        report_step(l, &step);
        bool over = is_over(c, &t->state), lost = t->state.streak >= SKIPS_IN_A_ROW;
        const bool stops = *stop, validates = !lost && (over || t->state.step % (uint64_t)c->every_steps == 0);
        if ((validates || lost || stops) && !owns_folder(l, err)) return RUN_FAILED;
        if (validates) {
            if (!validate(l, err)) return RUN_FAILED;
            lost = l->lost;
            if (!lost && is_stalled(c, &t->state)) return RUN_STALLED;
            if (!lost && !over) report(l, RUN_RUNNING);
        }
        if (lost && !go_back(l, err)) return RUN_FAILED;
        over = over && !lost;
        if (stops && !over) {
            save_stopped(l);
            return RUN_STOPPED;
        }
    }
    return RUN_FINISHED;
}

RunStatus loop_run(Trainer *trainer, FileLock *lock, Progress *progress, const volatile sig_atomic_t *stop,
                   Error *err) {
    Loop l = {.trainer = trainer, .config = trainer->config, .lock = lock, .progress = progress};
    char *path = file_join(l.config->dir, RUN_LOG);
    RunStatus end = RUN_FAILED;
    if (log_open(&l.log, path, trainer->state.step, err)) {
        l.began = l.logged = terminal_seconds();
        l.began_at = trainer->state.step;
        if (trainer->state.saved == trainer->state.step) checkpoint_remove_back(trainer);
        replace_missing_model(&l);
        end = run(&l, stop, err);
        Error why;
        written(&l, log_write(&l.log, &why), &why);
        if (l.unsaved && end != RUN_FAILED) {
            *err = l.why;
            end = RUN_UNSAVED;
        }
        if (owns_folder(&l, &why)) report(&l, end);
    }
    log_close(&l.log);
    free(path);
    return end;
}
