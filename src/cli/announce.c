#include "cli/announce.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/pool.h"
#include "math/cpu.h"
#include "train/ranks.h"

static void tell_lines(const char *text, Progress *progress) {
    for (char *line; (line = memory_line(&text)); free(line)) progress_line(progress, "%s", line);
}

/* What train.init is. */
static void tell_init(const Config *config, Progress *progress) {
    const ModelFile *start = &config->start;
    if (start->gguf)
        progress_line(progress, "starting from %s, of %s steps: its vocabulary, sizes and [text]", start->path,
                      terminal_count(start->info.step).text);
}

static void tell_corpus(const char *key, const PairSet *pairs, Progress *progress) {
    progress_line(progress, "%s: %s pair%s from %s line%s", key, terminal_count(pairs->count).text,
                  pairs->count == 1 ? "" : "s", terminal_count(pairs->report.lines).text,
                  pairs->report.lines == 1 ? "" : "s");
}

static void tell_lengths(const char *side, const LengthStats *l, size_t tokens, Progress *progress) {
    progress_line(progress,
                  "%s: %s tokens, ends of sentences included; in a sentence %zu to %zu, %.1f on average, at most %zu "
                  "in half of them, %zu in 90%%, "
                  "%zu in 99%%",
                  side, terminal_count(tokens).text, l->least, l->most, l->mean, l->half, l->ninety, l->ninety_nine);
}

/* What is seldom meant: a run that ends before its schedule does. */
static void tell_schedule(const Trainer *t, uint64_t last, Progress *progress) {
    const Schedule *s = &t->config->schedule;
    if (s->kind == SCHEDULE_COSINE && last < s->last && s->warmup < last)
        progress_line(progress,
                      "the run ends at step %s (train.max_epochs), before the cosine does (train.max_steps = %s): the "
                      "learning rate only falls to %.3g",
                      terminal_count(last).text, terminal_count(s->last).text, schedule_rate(s, last));
    else if (last > 0 && s->warmup >= last)
        progress_line(progress,
                      "train.warmup_steps (%s) does not end before the last step (%s): the learning rate rises to %.3g "
                      "only",
                      terminal_count(s->warmup).text, terminal_count(last).text,
                      schedule_rate(s, s->kind == SCHEDULE_COSINE && s->warmup == last ? last - 1 : last));
}

/* A batch has a whole pair at least. */
static void tell_batches(const Trainer *t, Progress *progress) {
    const size_t batches = trainer_step_batches(t->config), tokens = t->config->batch_tokens / batches;
    const double mean = (double)t->data.train.target_tokens / (double)t->data.train.count;
    if (batches > 1 && mean > (double)tokens)
        progress_line(progress,
                      "a step has %s batches (train.pieces, train.accumulate) of %s tokens, and a target %.1f on "
                      "average: so a step learns from more than train.batch_tokens (%s)",
                      terminal_count(batches).text, terminal_count(tokens).text, mean,
                      terminal_count(t->config->batch_tokens).text);
}

/* What limits how translations are made and measured. The limit of their length is printed if it cuts training pairs,
 * or if `always` is set. */
static void tell_limits(const Trainer *t, bool always, Progress *progress) {
    char longer[128] = "no training pair has a longer target";
    if (t->pairs_cut > 0)
        snprintf(longer, sizeof longer, "training pairs with a longer target, which would be cut: %s (auto cuts none)",
                 terminal_count(t->pairs_cut).text);
    if (always || t->pairs_cut > 0)
        progress_line(progress,
                      "translations: at most %g times the source's tokens and %zu more (decode.max_ratio, "
                      "decode.max_extra); %s",
                      t->decode.max_ratio, t->decode.max_extra, longer);
    if (t->config->translate > 0 && t->config->translate < t->data.valid_lines.count)
        progress_line(progress, "validations translate the first %s of %s sentences (valid.translate)",
                      terminal_count(t->config->translate).text, terminal_count(t->data.valid_lines.count).text);
}

void announce_dry_run(const Trainer *t, const DryRun *dry, Progress *out) {
    tell_init(t->config, out);
    tell_corpus("data.train", &t->data.train, out);
    tell_lines(t->data.weights, out);
    tell_corpus("data.valid", &t->data.valid, out);
    tell_lines(t->data.flaws, out);
    tell_lengths("source", &dry->source, t->data.train.source_tokens, out);
    tell_lengths("target", &dry->target, t->data.train.target_tokens, out);
    progress_line(out, "vocabulary: %s tokens; model: %s parameters",
                  terminal_count(tokenizer_vocab_size(t->data.tokenizer)).text,
                  terminal_count(t->model.params.count).text);
    tell_schedule(t, dry->last, out);
    tell_batches(t, out);
    tell_limits(t, true, out);
    progress_line(out, "steps: %s to go, of %s an epoch: %.1f epochs", terminal_count(dry->steps).text,
                  terminal_count(trainer_epoch_steps(t)).text, (double)dry->steps / (double)trainer_epoch_steps(t));
    const double seconds = (double)dry->steps * dry->step_seconds + (double)dry->validations * dry->validation_seconds;
    progress_line(out, "time: about %s, %.3f s a step and %.1f s for each of %llu validations",
                  terminal_duration(seconds).text, dry->step_seconds, dry->validation_seconds,
                  (unsigned long long)dry->validations);
    progress_line(out, "memory: about %.0f MB", (double)dry->memory / 1e6);
}

void announce_start(const Trainer *t, bool resumed, Progress *progress) {
    const Config *c = t->config;
    const NumberText vocabulary = terminal_count(tokenizer_vocab_size(t->data.tokenizer));
    char processes[64] = "";
    if (ranks_count(c->ranks) > 1) snprintf(processes, sizeof processes, "%zu processes, ", ranks_count(c->ranks));
    progress_line(progress, "%s: %s pair%s (%s target tokens), vocabulary %s, %s parameters, %s%zu thread%s, %s, %s",
                  c->dir, terminal_count(t->data.train.count).text, t->data.train.count == 1 ? "" : "s",
                  terminal_count(t->data.train.target_tokens).text, vocabulary.text,
                  terminal_count(t->model.params.count).text, processes, pool_threads(t->pool),
                  pool_threads(t->pool) > 1 ? "s" : "", cpu_instruction_set(),
                  t->model.compute.precision == PRECISION_BFLOAT16 ? "bfloat16" : "float32");
    if (t->data.merges_missing)
        progress_line(progress, "the corpus has no more pairs of tokens to merge: vocabulary %s instead of %s",
                      vocabulary.text, terminal_count(c->hyper.vocab).text);
    tell_lines(t->data.flaws, progress);
    if (!resumed) tell_init(c, progress);
    if (!resumed) tell_lines(t->data.weights, progress);
    if (!resumed) tell_schedule(t, trainer_last_step(t), progress);
    if (!resumed) tell_batches(t, progress);
    tell_limits(t, false, progress);
    if (resumed) {
        progress_line(progress, "continuing from step %s", terminal_count(t->state.step).text);
        if (c->kept) progress_line(progress, "an earlier version began the run, which keeps %s", c->kept);
    }
}

/* What to do with the model, with a sentence of the validation that fits a line. */
static void tell_next(const Trainer *t, Progress *progress) {
    enum { LONGEST = 60 };
    char *model = terminal_word(t->config->files[RUN_MODEL]), *report = t->config->files[RUN_REPORT], *text = NULL;
    for (size_t i = 0; i < t->data.valid_lines.count && !text; i++) {
        const Text source = corpus_source(&t->data.valid_lines, i);
        char *line = memory_string_n(source.bytes, source.length);
        if (source.length > 0 && source.length <= LONGEST && *line != '-') text = terminal_word(line);
        free(line);
    }
    if (!text) text = memory_string("\"a sentence\"");
    progress_line(progress, "translate with it:  ./translate -m %s %s", model, text);
    progress_line(progress, "look into it:       ./inspect -m %s --open %s", model, text);
    if (file_exists(report)) {
        char *link = terminal_link(report);
        progress_line(progress, "see how it learnt:  %s", link);
        free(link);
    }
    free(model);
    free(text);
}

void announce_exchange(const Trainer *t, Progress *progress) {
    const TrainerExchange *e = &t->exchange;
    if (e->steps == 0) return;
    const double steps = (double)e->steps;
    progress_line(progress,
                  "a step took %.3f s, of which %.3f s (at best %.3f s) for the exchange with the other processes, to "
                  "which this one sent %.2f MB",
                  e->step_seconds / steps, e->seconds / steps, e->least, (double)e->bytes / steps / 1e6);
}

void announce_end(RunStatus status, const Trainer *t, uint64_t first, Progress *progress) {
    const TrainState *s = &t->state;
    const Config *c = t->config;
    const char *model = c->files[RUN_MODEL];
    const NumberText step = terminal_count(s->step);
    char best[64] = "";
    const bool may_rise = c->schedule.kind != SCHEDULE_COSINE;
    const bool by_epochs = c->max_epochs && s->epoch >= c->max_epochs && !(c->max_steps && s->step >= c->max_steps);
    if (s->best_step) snprintf(best, sizeof best, "best at step %s", terminal_count(s->best_step).text);
    switch (status) {
    case RUN_FINISHED:
        if (s->step == first)
            progress_line(progress, "nothing left to do: step %s is the last (%s); %sstart over with --fresh",
                          step.text, by_epochs ? "train.max_epochs" : "train.max_steps",
                          by_epochs || may_rise ? "raise it, or " : "");
        else
            progress_line(progress, "done: %s steps%s%s: %s", step.text, *best ? ", " : "", best, model);
        tell_next(t, progress);
        break;
    case RUN_STALLED:
        progress_line(
            progress,
            "stopped early at step %s: no better model in %llu validations (valid.patience; raise it to continue)%s%s: "
            "%s",
            step.text, (unsigned long long)s->stalled, *best ? "; " : "", best, model);
        tell_next(t, progress);
        break;
    case RUN_STOPPED:
        progress_line(progress, "stopped after step %s, everything saved; the same command continues", step.text);
        break;
    case RUN_UNSAVED:
        progress_line(progress,
                      "ended at step %s, but not everything could be saved; the same command continues from the last "
                      "save",
                      step.text);
        break;
    case RUN_RUNNING:
    case RUN_FAILED: progress_line(progress, "failed at step %s", step.text); break;
    }
}
