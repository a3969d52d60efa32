#include "train/display.h"

#include <math.h>
#include <stdio.h>

enum { SAMPLES_SHOWN = 3 }; /* translations, after a validation */

void display_start(Display *d) {
    d->began = d->lined = terminal_seconds();
    d->began_at = d->trainer->state.step;
    d->tokens = 0;
}

/* ", 12:34 left", by the mean speed. */
static const char *time_left(char buffer[64], const Display *d) {
    const TrainState *s = &d->trainer->state;
    uint64_t last = trainer_last_step(d->trainer);
    buffer[0] = '\0';
    if (last > s->step && s->step > d->began_at) {
        const double each = (terminal_seconds() - d->began) / (double)(s->step - d->began_at);
        snprintf(buffer, 64, ", %s left", terminal_duration(each * (double)(last - s->step)).text);
    }
    return buffer;
}

/* The moving line, with what matters most first, where a narrow terminal shows it. `what`: more about the step. */
static void show(const Display *d, const char *what) {
    const TrainState *s = &d->trainer->state;
    if (!d->progress->live) return;
    const uint64_t last = trainer_last_step(d->trainer);
    const double share = (double)s->step / (double)(last ? last : 1);
    const size_t columns = terminal_width(d->progress->stream) / 8;
    char bar[3 * 24 + 1], left[64];
    terminal_bar(bar, share, columns < 24 ? columns : 24);
    progress_show(d->progress, "%s%s%s %2.0f%%  step %s%s%s", progress_style(d->progress, STYLE_BAR), bar,
                  progress_style(d->progress, STYLE_NONE), 100 * fmin(share, 1), terminal_count(s->step).text,
                  time_left(left, d), what);
}

void display_sample(Display *d, const Sample *sample, double took) {
    const char *none = progress_style(d->progress, STYLE_NONE);
    progress_below(d->progress, "%s%s%s -> %s%s%s", progress_style(d->progress, STYLE_FAINT), sample->source, none,
                   sample->right ? progress_style(d->progress, STYLE_GOOD) : "", sample->said,
                   sample->right ? none : "");
    d->due = terminal_seconds() + fmax(1, 30 * took);
}

/* On a live terminal, the first validation sentence is translated again when it is due. */
static void look(Display *d) {
    const double now = terminal_seconds();
    Measured measured = {0};
    Error err;
    if (d->trainer->config->translate == 0 || now < d->due) return;
    if (measure_translations(d->trainer, 1, &measured, &err) && measured.sample_count > 0)
        display_sample(d, &measured.samples[0], terminal_seconds() - now);
    else
        d->due = INFINITY;
}

double display_step(Display *d, const StepReport *step, bool line) {
    const TrainState *s = &d->trainer->state;
    char left[64], loss[32] = "all steps were skipped", what[256];
    const unsigned long long epoch = trainer_epoch(s);
    const double now = terminal_seconds();
    d->tokens += step->tokens;
    const double tokens_per_second = now > d->lined ? (double)d->tokens / (now - d->lined) : NAN;
    const NumberText speed =
        isfinite(tokens_per_second) ? terminal_count((uint64_t)tokens_per_second) : (NumberText){"-"};
    if (s->tokens) snprintf(loss, sizeof loss, "loss %.3f", s->loss_sum / (double)s->tokens);
    if (d->progress->live) {
        char curve[3 * CURVE_POINTS + 1];
        curve_add(&d->losses, step->loss / (double)step->tokens);
        snprintf(what, sizeof what, ", %s %s%s%s, epoch %llu, %s tokens/s", loss,
                 progress_style(d->progress, STYLE_BAR), curve_text(curve, &d->losses),
                 progress_style(d->progress, STYLE_NONE), epoch, speed.text);
        look(d);
        show(d, what);
    } else if (line) {
        progress_line(d->progress, "epoch %llu, step %s%s: %s, learning rate %.1e, gradient norm %.2f, %s tokens/s",
                      epoch, terminal_count(s->step).text, time_left(left, d), loss, step->rate, step->norm,
                      speed.text);
    }
    if (line) d->lined = now, d->tokens = 0;
    return tokens_per_second;
}

void display_skipped(const Display *d, const StepReport *step) {
    const unsigned long long number = d->trainer->state.step;
    if (!isfinite(step->loss) || !isfinite(step->norm))
        progress_line(d->progress, "step %llu: skipped: loss or gradient is not finite", number);
    else if (step->usual_norm > 0)
        progress_line(d->progress, "step %llu: skipped: the gradient's norm is %.3g, usual is %.3g", number, step->norm,
                      step->usual_norm);
    else
        progress_line(d->progress, "step %llu: skipped: the gradient's norm is %.3g, whose square is too large", number,
                      step->norm);
}

void display_validating(Display *d) {
    d->progress->last_draw = -1;
    d->validating = terminal_seconds();
    show(d, ", validating");
}

void display_validation(Display *d, Loss loss, const Measured *measured, bool better, const char *verdict) {
    char told[192] = "", cut[48] = "";
    d->lined += terminal_seconds() - d->validating;
    const char *none = progress_style(d->progress, STYLE_NONE), *good = progress_style(d->progress, STYLE_GOOD);
    if (measured && measured->cut > 0) snprintf(cut, sizeof cut, ", %zu of %zu cut", measured->cut, measured->count);
    if (measured)
        snprintf(told, sizeof told, ", BLEU %.2f%s, %.1f%% exactly right%s", measured->bleu,
                 measured->no_words ? " (it needs lines of four words; for text without spaces: ./score -m chrf)" : "",
                 100 * measured->exact, cut);
    progress_line(d->progress, "validation at step %s: loss %.4f, perplexity %.3f%s, %s%s%s",
                  terminal_count(d->trainer->state.step).text, loss.loss, exp(loss.nll), told,
                  better ? good : progress_style(d->progress, STYLE_BAD), verdict, none);
    if (measured && measured->sample_count > 0) display_sample(d, &measured->samples[0], 0);
    for (size_t i = 0; measured && i < measured->sample_count && i < SAMPLES_SHOWN; i++) {
        const Sample *sample = &measured->samples[i];
        progress_note(d->progress, "    %s%s%s", progress_style(d->progress, STYLE_FAINT), sample->source, none);
        progress_note(d->progress, "    -> %s%s%s", sample->right ? good : "", sample->said, sample->right ? none : "");
    }
}
