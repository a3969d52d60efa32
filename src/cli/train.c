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
#include "cli/announce.h"
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

/* The report is the command's result: it goes to stdout. */
static int dry_run(Trainer *t, Error *err) {
    DryRun dry;
    if (!dryrun_measure(&dry, t, err)) return options_fail(&command, err);
    Progress out = progress_start(stdout);
    announce_dry_run(t, &dry, &out);
    return options_flush(err) ? EXIT_DONE : options_fail(&command, err);
}

static int run(Trainer *t, FileLock *lock, bool fresh, bool resumed, Error *err) {
    /* At once: killed before its first validation, the run would continue from the last.gguf of the one before. */
    if (fresh && !checkpoint_save_last(t, err)) return options_fail(&command, err);
    Progress progress = progress_start(stderr);
    announce_start(t, resumed, &progress);
    const uint64_t first = t->state.step;
    const RunStatus status = loop_run(t, lock, &progress, &stop_asked, err);
    announce_exchange(t, &progress);
    announce_end(status, t, first, &progress);
    switch (status) {
    case RUN_FINISHED:
    case RUN_STALLED: return EXIT_DONE;
    case RUN_STOPPED: return EXIT_INTERRUPTED;
    case RUN_UNSAVED:
    case RUN_RUNNING:
    case RUN_FAILED: break;
    }
    return options_fail(&command, err);
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
