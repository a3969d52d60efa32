#include "train/config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/ini.h"
#include "base/memory.h"
#include "base/names.h"
#include "base/size.h"
#include "model/pass.h"
#include "train/start.h"

#define TEXT(key, field, std, ...)               ROW_TEXT(key, Config, field, std, __VA_ARGS__)
#define INTEGER(key, field, std, low, high, ...) ROW_INTEGER(key, Config, field, std, low, high, __VA_ARGS__)
#define REAL(key, field, std, low, high, ...)    ROW_REAL(key, Config, field, std, low, high, __VA_ARGS__)
#define SWITCH(key, field, std, help)            ROW_SWITCH(key, Config, field, std, help)
#define CHOICE(key, field, std, names, ...)      ROW_CHOICE(key, Config, field, std, names, __VA_ARGS__)

#define STEPS_MAX CONFIG_STEPS_MAX
/* For what has to stay below 1. */
#define RATE_MAX 0.9999

static const Field data_fields[] = {
    TEXT(
        "data.train", data_train, NULL,
        "the sentence pairs to learn from, in UTF-8: a TSV file (source TAB target), or two files side by side, "
        "a.en+a.fr, or several of these with spaces between; - is standard input, as a TSV file; a name with spaces is "
        "written \"in quotes.tsv\"; *3 or *0.1 behind a file is how many times an epoch takes its pairs",
        .example = "data/my/train.tsv", .list = true),
    TEXT("data.valid", data_valid, NULL,
         "the pairs that the model is checked with, in the same form, but without - and weights; further columns are "
         "translations just as right",
         .example = "data/my/valid.tsv", .list = true),
    TEXT("data.test", data_test, "", "pairs to test the finished model with; ./train does not read them", .list = true),
    SWITCH("data.swap", rules.swap, "false", "learn the other direction: from the second language to the first"),
    SWITCH("data.unique", rules.unique, "false", "learn from a pair once, even if it is there several times"),
    REAL("data.max_ratio", rules.max_ratio, "9", 0, 1000,
         "leave out a pair if one side has more than 16 tokens, and more than max_ratio times those of the other; 0: "
         "none"),
    ROW_END,
};

static const Field train_fields[] = {
    TEXT("train.init", init, "",
         "a model file to start from: its weights, vocabulary, sizes and [text], which need not be set then; empty: "
         "none",
         .left_out = true),
    INTEGER("train.seed", seed, "1", 0, 9007199254740992.0,
            "where random numbers begin; the same seed gives the same bits, on any number of threads"),
    INTEGER("train.max_steps", max_steps, "0", 0, STEPS_MAX, "stop after this many steps; 0: no limit"),
    INTEGER("train.max_epochs", max_epochs, "0", 0, STEPS_MAX,
            "stop after this many passes over the pairs; 0: no limit (max_steps or max_epochs has to be set)",
            .example = "10"),
    INTEGER("train.batch_tokens", batch_tokens, "4096", 1, 1 << 29, "how many target tokens a step learns from"),
    INTEGER("train.pieces", pieces, "1", 1, PASS_MAX_PIECES,
            "cut a step into this many pieces, which several processes can share; it changes the bits",
            .left_out = true),
    INTEGER("train.accumulate", accumulate, "1", 1, PASS_MAX_PIECES,
            "compute a piece in this many batches, one after another, which takes less memory"),
    REAL("train.learning_rate", schedule.peak, "0.001", 0, 1000,
         "the highest rate, at the end of the warm-up; for noam, a factor"),
    CHOICE("train.schedule", schedule.kind, "inverse_sqrt", SCHEDULE_NAMES, "what the rate does after the warm-up"),
    INTEGER("train.warmup_steps", schedule.warmup, "1000", 0, STEPS_MAX, "steps in which the rate rises, the warm-up"),
    REAL("train.final_rate", schedule.final, "0", 0, 1, "for cosine: the last rate, as a share of the highest"),
    REAL("train.label_smoothing", loss.smoothing, "0.1", 0, RATE_MAX,
         "this share of the right token's probability is spread over all tokens"),
    REAL("train.rdrop", loss.rdrop, "0", 0, 1000,
         "R-Drop: each sentence is read twice, with different dropout, and the two answers are pulled towards each "
         "other this strongly; a step takes twice the time and memory; 0: each is read once",
         .left_out = true),
    CHOICE("train.optimiser", optimiser.kind, "adam", OPTIMISER_NAMES,
           "muon: Muon for the matrices of attention and feed-forward, Adam for all else; a step takes longer, above "
           "all if train.batch_tokens is small",
           .left_out = true),
    REAL("train.beta1", optimiser.adam.beta1, "0.9", 0, RATE_MAX,
         "Adam: how much of the mean of gradients stays at each step"),
    REAL("train.beta2", optimiser.adam.beta2, "0.98", 0, 0.999999,
         "Adam: how much of the mean of squared gradients stays at each step"),
    /* Above 0, in float too: a weight whose gradient has always been 0 would else become 0 / 0. */
    REAL("train.epsilon", optimiser.adam.epsilon, "1e-9", 1e-30, 1,
         "Adam: a little that is added to the square root, so as not to divide by 0"),
    REAL("train.weight_decay", optimiser.adam.weight_decay, "0", 0, 1,
         "how strongly weights are pulled towards 0, but not biases and norms"),
    REAL("train.clip_norm", clip_norm, "1", 0, 1e9, "a longer gradient is shortened to this length; 0: never"),
    REAL("train.skip_norm", skip_norm, "100", 0, 1e9,
         "a step is skipped if its gradient is this many times as long as usual; 0: never"),
    REAL("train.average", average, "0", 0, 0.99999,
         "the model is a moving average of the weights: this share of it stays at each step; 0: the last weights"),
    CHOICE("train.precision", precision, "float32", TRAIN_PRECISION_NAMES,
           "how exactly matrices are multiplied; bfloat16 is rougher, but faster on some CPUs (Intel's with AMX, AMD's "
           "since Zen 4); auto: bfloat16 on these, else float32"),
    INTEGER("train.threads", threads, "0", 0, 1024, "threads to compute with; 0: one for each core"),
    INTEGER("train.log_every", log_every, "100", 1, STEPS_MAX, "steps from one line of the log to the next"),

    INTEGER("valid.every_steps", every_steps, "1000", 1, STEPS_MAX, "steps between validations; each saves the run"),
    INTEGER(
        "valid.translate", translate, "500", 0, STEPS_MAX,
        "validation lines to translate greedily, for BLEU (with the targets as they are in the file, as ./score has "
        "it) and exact matches (with both sides normalised); 0: none"),
    CHOICE("valid.metric", metric, "loss", METRIC_NAMES,
           "the best model has the lowest loss, the most sentences exactly right, or the highest BLEU"),
    INTEGER("valid.patience", patience, "0", 0, STEPS_MAX, "stop after N validations without a better model; 0: never"),
    ROW_END,
};

static const Field run_fields[] = {
    TEXT("run.dir", dir, NULL, "the folder of the run, for model.gguf, last.gguf, log.jsonl, report.html",
         .example = "runs/my"),
    ROW_END,
};

static const struct {
    const Field *fields;
    size_t offset;
} tables[] = {
    {data_fields, 0},  {normalise_fields, offsetof(Config, rules.text)}, {hyper_fields, offsetof(Config, hyper)},
    {train_fields, 0}, {search_fields, offsetof(Config, decode)},        {run_fields, 0},
};

/* Keys that the model file keeps: all except those whose values do not change a bit of it. */
static bool is_saved(const char *key) {
    return strcmp(key, "run.dir") != 0 && strcmp(key, "train.threads") != 0 && strcmp(key, "train.log_every") != 0;
}

/* Keys that a resumed run may change. The last step is part of a cosine's shape. */
static bool may_change(const char *key, const Config *config, bool valid_by_name) {
    if (strcmp(key, "data.valid") == 0) return !valid_by_name;
    if (strcmp(key, "data.train") == 0 || strcmp(key, "train.init") == 0) return true;
    if (strcmp(key, "train.max_steps") == 0) return config->schedule.kind != SCHEDULE_COSINE;
    if (strcmp(key, "train.max_epochs") == 0 || strcmp(key, "data.test") == 0) return true;
    return strncmp(key, "valid.", 6) == 0 || strncmp(key, "decode.", 7) == 0;
}

/* Keys of earlier versions. */
static const char *const removed_keys[] = {"text.bpe_dropout", "train.source_word_dropout", "train.target_word_dropout",
                                           NULL};

static bool drop_removed(Ini *ini, Error *err) {
    for (const char *const *key = removed_keys; *key; key++)
        if (!ini_drop_removed(ini, *key, "nothing measured showed a gain", err)) return false;
    return true;
}

static Field *join_tables(bool saved) {
    Field *all = memory_new(1, sizeof *all);
    size_t count = 0;
    for (size_t t = 0; t < COUNT(tables); t++)
        for (const Field *f = tables[t].fields; f->key; f++) {
            if (saved && !is_saved(f->key)) continue;
            all = memory_resize(all, count + 2, sizeof *all);
            all[count] = *f;
            all[count++].offset += tables[t].offset;
        }
    all[count] = (Field)ROW_END;
    return all;
}

Field *config_fields(void) { return join_tables(false); }

static bool check(const Config *c, const char *path, Error *err) {
    if (!hyper_check(&c->hyper, path, err)) return false;
    if (c->max_steps == 0 && c->max_epochs == 0)
        return error_set(err, "%s: expected train.max_steps or train.max_epochs above 0, found both 0 (or missing)",
                         path);
    if (c->schedule.kind == SCHEDULE_COSINE && c->max_steps == 0)
        return error_set(
            err, "%s: train.schedule = cosine: expected train.max_steps above 0, at which it ends, found 0", path);
    const uint64_t most = c->batch_tokens < PASS_MAX_PIECES ? c->batch_tokens : PASS_MAX_PIECES;
    if (c->pieces * c->accumulate > most)
        return error_set(err, "%s: train.pieces times train.accumulate: expected at most %s (%zu), found %zu", path,
                         most < PASS_MAX_PIECES ? "train.batch_tokens" : "the most that there may be", (size_t)most,
                         (size_t)(c->pieces * c->accumulate));
    const Hyper *h = &c->hyper;
    if (c->loss.rdrop > 0 && h->dropout <= 0 && h->attention_dropout <= 0 && h->activation_dropout <= 0)
        return error_set(err,
                         "%s: train.rdrop: expected 0 without dropout, because both readings of a sentence would be "
                         "the same, found %g",
                         path, c->loss.rdrop);
    if (c->metric != METRIC_LOSS && c->translate == 0)
        return error_set(err, "%s: valid.metric = %s: expected valid.translate above 0, found 0", path,
                         METRIC_NAMES[c->metric]);
    if (!*c->data_train || !*c->data_valid || !*c->dir)
        return error_set(err, "%s: %s: expected a path, found nothing", path,
                         !*c->data_train   ? "data.train"
                         : !*c->data_valid ? "data.valid"
                                           : "run.dir");
    return true;
}

static const char *const file_names[RUN_FILES] = {
    [RUN_MODEL] = "model.gguf", [RUN_LAST] = "last.gguf",     [RUN_BACK] = "back.gguf",    [RUN_LOG] = "log.jsonl",
    [RUN_FILM] = "film.jsonl",  [RUN_REPORT] = "report.html", [RUN_CACHE] = "train.cache", [RUN_LOCK] = "lock",
};

static bool is_same_file(const char *a, const char *b) {
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* A run that wrote over the model that it started from would destroy it, and could not continue. */
static bool check_start(const Config *c, const char *name, Error *err) {
    for (int file = 0; c->start.gguf && file < RUN_FILES; file++)
        if (is_same_file(c->start.path, c->files[file]))
            return error_set(err, "%s: train.init: expected a model in another folder than run.dir, found %s", name,
                             c->start.path);
    return true;
}

static bool open_start(Config *config, const Ini *ini, const char *name, Error *err) {
    char *path = file_home(config->init, err);
    if (!path) return error_set(err, "%s: train.init: %s", name, err->text);
    const bool ok = start_open(&config->start, path, ini, &config->hyper, &config->rules.text, name, err);
    free(path);
    return ok;
}

bool config_read(Config *config, const char *path, char *const *overrides, size_t count, Error *err) {
    *config = (Config){.decode.n_best = 1};
    const char *name = path ? file_stream_name(path) : "settings";
    Ini *ini = path ? ini_read(path, err) : ini_parse(name, "", 0, err);
    if (!ini) return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) ok = ini_override(ini, overrides[i], err);
    Field *fields = config_fields();
    ok = ok && drop_removed(ini, err) && ini_bind(ini, fields, config, err);
    free(fields);
    if (ok && *config->init) {
        ok = open_start(config, ini, name, err);
        if (!ok) config_free(config);
    }
    ini_free(ini);
    if (!ok) return false;
    config->rules.max_length = config->hyper.max_length;
    config->schedule.last = config->max_steps;
    config->schedule.width = config->hyper.width;
    char *dir = file_home(config->dir, err);
    ok = dir || error_set(err, "%s: run.dir: %s", name, err->text);
    if (ok) free(config->dir);
    if (ok) config->dir = dir;
    for (int file = 0; ok && file < RUN_FILES; file++) config->files[file] = file_join(dir, file_names[file]);
    if (ok && check(config, name, err) && check_start(config, name, err)) return true;
    config_free(config);
    return false;
}

void config_free(Config *config) {
    free(config->kept);
    modelfile_close(&config->start);
    for (int file = 0; file < RUN_FILES; file++) free(config->files[file]);
    fields_release(data_fields, config);
    fields_release(train_fields, config);
    fields_release(run_fields, config);
}

char *config_text(const Config *config) {
    Field *fields = join_tables(true);
    size_t count = 0;
    for (const Field *f = fields; f->key; f++)
        if ((!config->kept || !strstr(config->kept, f->key)) && !(f->left_out && field_is_before(f, config)))
            fields[count++] = *f;
    fields[count] = (Field)ROW_END;
    char *text = ini_format(fields, config);
    free(fields);
    return text;
}

char *config_shared(const Config *config) {
    Field *fields = join_tables(true);
    char *text = memory_string("");
    for (const Field *f = fields; f->key; f++) {
        if (f->type == FIELD_TEXT) continue;
        char *value = field_text(f, config);
        text = memory_join(text, "", memory_format("%s = %s\n", f->key, value));
        free(value);
    }
    free(fields);
    return text;
}

static const IniSection sections[] = {
    {"data", "the text to learn from"},
    {"text", "how text is read"},
    {"model", "the network: its size and form"},
    {"train", "how it learns"},
    {"valid", "how it is checked as it learns"},
    {"decode", "how the finished model translates, unless an option of ./translate says otherwise"},
    {"run", "where it is kept"},
    {NULL, NULL},
};

char *config_keys(const char *part, const char **nearest) {
    Field *fields = config_fields();
    size_t count = 0, least = names_limit(part);
    bool is_section = false;
    *nearest = NULL;
    for (const IniSection *s = sections; s->name; s++) {
        is_section = is_section || strcmp(part, s->name) == 0;
        const size_t distance = names_distance(part, s->name);
        if (distance < least) least = distance, *nearest = s->name;
    }
    for (const Field *f = fields; f->key; f++) {
        const size_t section = field_section(f->key);
        if (is_section ? section == strlen(part) && memcmp(f->key, part, section) == 0 : strstr(f->key, part) != NULL)
            fields[count++] = *f;
    }
    fields[count] = (Field)ROW_END;
    char *text = count > 0 ? ini_template(fields, "", sections) : NULL;
    free(fields);
    return text;
}

char *config_template(void) {
    Field *fields = config_fields();
    char *text = ini_template(
        fields,
        "# configs/template.ini: every key with its default, its meaning and the values it may have. A key that is\n"
        "# left out has its default. Set data.train, data.valid and run.dir. `./train --keys` prints this file, and\n"
        "# `./train --keys beam` only the keys with \"beam\" in them.\n"
        "#\n"
        "#   ./train configs/template.ini --dry-run     what is in the corpora, and what the run will take\n"
        "#   ./train configs/template.ini\n",
        sections);
    free(fields);
    return text;
}

bool config_may_resume(Config *config, const char *before, bool valid_by_name, const char *file, Error *err) {
    Field *fields = join_tables(true);
    Config old = {0};
    Ini *ini = ini_parse(file, before, strlen(before), err);
    bool ok = ini && drop_removed(ini, err) && ini_bind(ini, fields, &old, err);
    for (const Field *f = fields; ok && f->key; f++) {
        if (may_change(f->key, config, valid_by_name)) continue;
        if (f->before && !ini_has(ini, f->key)) {
            char *kept = config->kept;
            field_set_before(f, &old);
            field_set_before(f, config);
            config->kept = memory_format("%s%s%s = %s", kept ? kept : "", kept ? ", " : "", f->key, f->before);
            free(kept);
        }
        char *was = field_text(f, &old), *is = field_text(f, config);
        if (strcmp(was, is) != 0)
            ok = error_set(err,
                           "%s: the run was begun with %s = %s, and now it is %s; a resumed run must keep it (or "
                           "start over with --fresh)",
                           file, f->key, was, is);
        free(was);
        free(is);
    }
    config_free(&old);
    ini_free(ini);
    free(fields);
    return ok;
}
