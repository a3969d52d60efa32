/* ./train CONFIG.ini [section.key=value ...]: trains a model, or continues the run in its folder. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ds.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/size.h"
#include "base/terminal.h"
#include "cli/options.h"
#include "math/cpu.h"
#include "train/checkpoint.h"
#include "train/config.h"
#include "train/dryrun.h"
#include "train/follow.h"
#include "train/launch.h"
#include "train/loop.h"
#include "train/ranks.h"

static const Option options[] = {
    {"--fresh", NULL, NULL, "start over, even if the run's folder has a last.gguf", NULL},
    {"--dry-run", NULL, NULL, "report what is in the corpora and what the run will need; do not train", NULL},
    {"--keys", NULL, NULL, "print what config keys mean: all, those of a section, or those with a word in them", NULL},
    {"--quantize", NULL, "FILE", "write this model again, to the file named next, with numbers of 8 bits (GGUF's Q8_0)",
     NULL},
};

static const Command command = {
    .name = "train",
    .usage =
        "train CONFIG.ini | - [section.key=value ...] [--fresh] [--dry-run]\n       train --keys [SECTION | WORD]\n"
        "       train --quantize MODEL.gguf SMALLER.gguf",
    .about =
        "Trains a translator as CONFIG.ini (-: stdin) says; every key can also be set on the command line. A run "
        "keeps\n"
        "model.gguf (the best model), last.gguf (to resume from), log.jsonl and report.html (curves and sample\n"
        "translations, for a browser) in its folder, run.dir; the same command continues where it stopped. Ctrl-C\n"
        "finishes the step and saves.\n\n"
        "example: ./train configs/tiny.ini train.seed=2 run.dir=runs/second",
    .options = options,
    .option_count = COUNT(options),
};

static volatile sig_atomic_t stop_asked;

/* Ctrl-C, kill, a terminal that is closed, and what batch systems and mpirun can send. */
static const int stopping[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1};
enum { STOPPING = COUNT(stopping) };

/* The first signal asks to stop after the step; a second Ctrl-C or kill ends the process at once. A terminal that is
 * closed may say so several times, and whoever ends a session may send both: SIGHUP does not count. */
static void on_signal(int number) {
    stop_asked = 1;
    struct sigaction now;
    for (size_t i = 0; i < STOPPING; i++)
        if ((number != SIGHUP || stopping[i] == SIGHUP) && sigaction(stopping[i], NULL, &now) == 0 &&
            now.sa_handler == on_signal)
            signal(stopping[i], stopping[i] == SIGHUP ? SIG_IGN : SIG_DFL);
}

/* Not before the run has begun: until then there is nothing to save, and a signal ends the process at once. What nohup,
 * or a shell that starts it in the background, has it ignore stays ignored. */
static void catch_signals(void) {
    const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    struct sigaction before;
    for (size_t i = 0; i < STOPPING; i++)
        if (sigaction(stopping[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(stopping[i], &action, NULL);
}

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

/* The report is the command's result: it goes to stdout. */
static int dry_run(Trainer *t, Error *err) {
    DryRun dry;
    if (!dryrun_measure(&dry, t, err)) return options_fail(&command, err);
    Progress out = progress_start(stdout);
    tell_init(t->config, &out);
    tell_corpus("data.train", &t->data.train, &out);
    tell_lines(t->data.weights, &out);
    tell_corpus("data.valid", &t->data.valid, &out);
    tell_lines(t->data.flaws, &out);
    tell_lengths("source", &dry.source, t->data.train.source_tokens, &out);
    tell_lengths("target", &dry.target, t->data.train.target_tokens, &out);
    progress_line(&out, "vocabulary: %s tokens; model: %s parameters",
                  terminal_count(tokenizer_vocab_size(t->data.tokenizer)).text,
                  terminal_count(t->model.params.count).text);
    tell_schedule(t, dry.last, &out);
    tell_batches(t, &out);
    tell_limits(t, true, &out);
    progress_line(&out, "steps: %s to go, of %s an epoch: %.1f epochs", terminal_count(dry.steps).text,
                  terminal_count(trainer_epoch_steps(t)).text, (double)dry.steps / (double)trainer_epoch_steps(t));
    const double seconds = (double)dry.steps * dry.step_seconds + (double)dry.validations * dry.validation_seconds;
    progress_line(&out, "time: about %s, %.3f s a step and %.1f s for each of %llu validations",
                  terminal_duration(seconds).text, dry.step_seconds, dry.validation_seconds,
                  (unsigned long long)dry.validations);
    progress_line(&out, "memory: about %.0f MB", (double)dry.memory / 1e6);
    return options_flush(err) ? EXIT_DONE : options_fail(&command, err);
}

static void tell_start(const Trainer *t, bool resumed, Progress *progress) {
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

/* What several processes cost each other. */
static void tell_exchange(const Trainer *t, Progress *progress) {
    const TrainerExchange *e = &t->exchange;
    if (e->steps == 0) return;
    const double steps = (double)e->steps;
    progress_line(progress,
                  "a step took %.3f s, of which %.3f s (at best %.3f s) for the exchange with the other processes, to "
                  "which this one sent %.2f MB",
                  e->step_seconds / steps, e->seconds / steps, e->least, (double)e->bytes / steps / 1e6);
}

/* Says how the run ended, which began at step `first`; returns the exit code. */
static int tell_end(RunStatus status, const Trainer *t, uint64_t first, Progress *progress, const Error *err) {
    const TrainState *s = &t->state;
    const char *model = t->config->files[RUN_MODEL];
    const NumberText step = terminal_count(s->step);
    char best[64] = "";
    const Config *c = t->config;
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
        return EXIT_DONE;
    case RUN_STALLED:
        progress_line(
            progress,
            "stopped early at step %s: no better model in %llu validations (valid.patience; raise it to continue)%s%s: "
            "%s",
            step.text, (unsigned long long)s->stalled, *best ? "; " : "", best, model);
        tell_next(t, progress);
        return EXIT_DONE;
    case RUN_STOPPED:
        progress_line(progress, "stopped after step %s, everything saved; the same command continues", step.text);
        return EXIT_INTERRUPTED;
    case RUN_UNSAVED:
        progress_line(progress,
                      "ended at step %s, but not everything could be saved; the same command continues from the last "
                      "save",
                      step.text);
        break;
    case RUN_RUNNING:
    case RUN_FAILED: progress_line(progress, "failed at step %s", step.text); break;
    }
    return options_fail(&command, err);
}

static int run(Trainer *t, FileLock *lock, bool fresh, bool resumed, Error *err) {
    /* At once: killed before its first validation, the run would continue from the last.gguf of the one before. */
    if (fresh && !checkpoint_save_last(t, err)) return options_fail(&command, err);
    Progress progress = progress_start(stderr);
    tell_start(t, resumed, &progress);
    const uint64_t first = t->state.step;
    const RunStatus status = loop_run(t, lock, &progress, &stop_asked, err);
    tell_exchange(t, &progress);
    return tell_end(status, t, first, &progress, err);
}

/* What fails for one rank fails for all, and the first one says it. When rank 0 is lost, the next one does. */
static int fail(const Ranks *ranks, const Error *err) {
    if (ranks_leads(ranks) || (ranks->lost && ranks->self == 1)) options_fail(&command, err);
    return EXIT_FAILED;
}

/* What rank 0 does, or the others. */
static int train_together(Trainer *t, FileLock *lock, bool fresh, bool dry, bool resumed, Error *err) {
    Ranks *const ranks = t->config->ranks;
    int code;
    if (!dry) catch_signals();
    if (!ranks_leads(ranks)) return follow_run(t, &code, err) ? code : fail(ranks, err);
    code = dry ? dry_run(t, err) : run(t, lock, fresh, resumed, err);
    ranks_give(ranks, ORDER_END, (uint64_t)code);
    return code;
}

static int train_locked(Config *config, FileLock *lock, bool fresh, bool dry, Error *err) {
    bool resumed;
    Trainer trainer;
    Pool *pool = pool_create(config->threads, err);
    int code;
    if (ranks_agree(config->ranks, pool, err) && checkpoint_open(&trainer, config, pool, !fresh, &resumed, err)) {
        code = train_together(&trainer, lock, fresh, dry, resumed, err);
        trainer_free(&trainer);
    } else {
        code = fail(config->ranks, err);
    }
    if (pool) pool_free(pool);
    return code;
}

/* Two runs in one folder would write over each other: rank 0 locks it. Folders made in vain go, unless others took
 * their place. */
static int train(Config *config, bool fresh, bool dry, Error *err) {
    Ranks *const ranks = config->ranks;
    FileLock lock;
    size_t made;
    const bool there = file_make_folder(config->dir, &made, err);
    if (!ranks_agree(ranks, there, err)) {
        if (there) file_remove_folders(config->dir, made);
        return fail(ranks, err);
    }
    int code = EXIT_FAILED;
    const bool leads = ranks_leads(ranks);
    const bool locked = leads && file_lock(&lock, config->files[RUN_LOCK], err);
    if (leads && !locked && access(config->dir, W_OK) != 0)
        error_set(err, "%s; run.dir must be a folder that can be written", err->text);
    if (ranks_agree(ranks, locked || !leads, err))
        code = train_locked(config, &lock, fresh, dry, err);
    else
        fail(ranks, err);
    if (locked) {
        if (!file_lock_keep(&lock)) made = 0;
        file_unlock(&lock);
    }
    if (code == EXIT_FAILED && leads) file_remove_folders(config->dir, made);
    return code;
}

/* part: of the keys that are wanted; NULL: all. */
_Noreturn static void print_keys(const char *part) {
    const char *nearest;
    char *text = part ? config_keys(part, &nearest) : config_template();
    if (!text)
        options_usage(&command, "--keys: expected a section, or a part of a key, found \"%s\"%s%s%s", part,
                      nearest ? "; did you mean \"" : " (./train --keys prints all keys)", nearest ? nearest : "",
                      nearest ? "\"?" : "");
    fputs(text, stdout);
    free(text);
    options_done(&command);
}

/* What does not train takes neither keys with values nor other options. */
static void check_alone(const OptionReader *r, const char *option, char *const *overrides) {
    options_only(r, (const char *const[]){option, NULL}, option);
    if (stbds_arrlenu(overrides) > 0) options_usage(&command, "%s: expected no %s with it", option, overrides[0]);
}

/* A model of the size of a quarter. */
static int quantize(const char *from, const char *to) {
    Error err;
    ModelFile model;
    if (!to || strcmp(to, "-") == 0)
        options_usage(&command, "--quantize: expected a file to write after the model, found %s", to ? to : "none");
    if (!options_open_model(&command, &model, from, &err)) return options_fail(&command, &err);
    const bool ok = modelfile_write_q8_0(&model, to, &err);
    modelfile_close(&model);
    return ok ? EXIT_DONE : options_fail(&command, &err);
}

/* section.key=value; but some/path=1/my.ini is a file. */
static bool is_override(const char *argument) { return argument[strcspn(argument, "=/")] == '='; }

/* "train.seed = 2" and "train.seed= 2" in place of train.seed=2; value: the argument just read; more: it is one too
 * many. */
static void check_spaces(const OptionReader *r, const char *value, bool more) {
    const char *const *next = (const char *const *)r->arguments + r->at;
    const size_t left = r->count - r->at;
    Field *fields = config_fields();
    const bool is_key = fields_find(fields, value) && !file_exists(value);
    const char *key = value, *to = left > 0 && next[0][0] != '-' ? next[0] : "VALUE";
    char before[64];
    bool spaces = is_key || (left > 0 && next[0][0] == '=');
    free(fields);
    if (spaces && *to == '=') to = to[1] ? to + 1 : left > 1 ? next[1] : "VALUE";
    if (!spaces && more && r->at > 1 && is_override(next[-2]) && next[-2][strlen(next[-2]) - 1] == '=') {
        spaces = true;
        snprintf(before, sizeof before, "%.*s", (int)strcspn(next[-2], "="), next[-2]);
        key = before;
        to = value;
    }
    if (spaces) options_usage(&command, "%s: expected %s=%s, without spaces around the =", key, key, to);
}

static bool check_input(const char *path, const Config *config, const Ranks *ranks, Error *err) {
    const bool is_config = strcmp(path, "-") == 0, is_corpus = corpus_names_input(config->data_train);
    if (is_config && is_corpus)
        return error_set(err,
                         "data.train: -: standard input is the config already; name a file, or give the config as one");
    if (ranks->count > 1 && (is_config || is_corpus))
        return error_set(err, "-: only one of the processes has the standard input; name a file instead");
    return true;
}

int main(int argc, char **argv) {
    Error err;
    OptionReader reader = options_start(&command, argc, argv);
    const char *value, *path = NULL;
    static char **overrides; /* a stb_ds array; static: a wrong argument ends the process */
    for (const char *option; (option = options_next(&reader, &value));) {
        if (*option) continue;
        if (is_override(value)) {
            stbds_arrput(overrides, (char *)value);
            continue;
        }
        if (!options_given(&reader, "--keys")) check_spaces(&reader, value, path != NULL);
        if (!path)
            path = value;
        else
            options_usage(&command,
                          "expected one CONFIG.ini, found \"%s\" and \"%s\" (a key is set with =: train.seed=2)", path,
                          value);
    }
    const bool fresh = options_given(&reader, "--fresh"), dry = options_given(&reader, "--dry-run");
    if (options_given(&reader, "--keys")) {
        check_alone(&reader, "--keys", overrides);
        print_keys(path);
    }
    if (options_given(&reader, "--quantize")) {
        check_alone(&reader, "--quantize", overrides);
        return quantize(options_given(&reader, "--quantize"), path);
    }
    if (!path)
        options_usage(&command, "expected a CONFIG.ini (for a start: configs/tiny.ini; -: standard input), found none");
    if (strcmp(path, "-") == 0) options_tell_input(&command, "the config");

    Config config = {0};
    Ranks ranks;
    if (!launch_begin(&ranks, &err)) return options_fail(&command, &err);
    const bool read = cpu_check(&err) && config_read(&config, path, overrides, stbds_arrlenu(overrides), &err);
    stbds_arrfree(overrides);
    if (!read) options_suggest_file(&err, path, (const char *const[]){"configs/*.ini", "*.ini", "*/*.ini", NULL});
    const bool ok = ranks_agree(&ranks, read && check_input(path, &config, &ranks, &err), &err);
    ranks.stop = &stop_asked;
    config.ranks = &ranks;
    const int code = ok ? train(&config, fresh, dry, &err) : fail(&ranks, &err);
    if (read) config_free(&config);
    launch_end(&ranks, code);
    return code;
}
