/* The configuration of a training run: the INI file's keys. Their table (base/fields.h) is made of the tables of the
 * modules that use them, and of the run's own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/fields.h"
#include "data/corpus.h"
#include "decode/modelfile.h"
#include "decode/search.h"
#include "model/hyper.h"
#include "nn/loss.h"
#include "optim/optimiser.h"
#include "optim/schedule.h"
#include "text/normalise.h"
#include "train/run.h"

typedef enum ValidMetric { METRIC_LOSS, METRIC_EXACT, METRIC_BLEU } ValidMetric;
#define METRIC_NAMES                                                                                                   \
    ((const char *const[]){[METRIC_LOSS] = "loss", [METRIC_EXACT] = "exact", [METRIC_BLEU] = "bleu", NULL})

/* train.precision; auto: bfloat16 where it is faster than float32 (matmul_fast_precision), else float32. */
typedef enum TrainPrecision { TRAIN_FLOAT32, TRAIN_BFLOAT16, TRAIN_AUTO } TrainPrecision;
#define TRAIN_PRECISION_NAMES                                                                                          \
    ((const char *const[]){[TRAIN_FLOAT32] = "float32", [TRAIN_BFLOAT16] = "bfloat16", [TRAIN_AUTO] = "auto", NULL})

#define CONFIG_STEPS_MAX 4e9 /* the most steps, epochs and the like that a key may ask for */

typedef struct Config {
    char *data_train, *data_valid, *data_test;
    char *init;        /* a model file to start from; "": none */
    ModelFile start;   /* that file, open; without gguf: none */
    CorpusRules rules; /* of training pairs, with [text]; validation keeps pairs that are there twice */
    Hyper hyper;       /* vocab: text.vocab_size, the most tokens; the tokenizer may have fewer */
    uint64_t seed, max_steps, max_epochs, batch_tokens, pieces, accumulate;
    Schedule schedule;
    LossOptions loss;
    OptimiserOptions optimiser;
    double clip_norm, skip_norm, average;
    TrainPrecision precision;
    uint64_t threads, log_every;
    uint64_t every_steps, translate, patience; /* [valid] */
    ValidMetric metric;
    SearchOptions decode;
    char *dir;
    char *files[RUN_FILES]; /* the paths of the files in dir */
    struct Ranks *ranks;    /* the processes that train together (train/ranks.h); NULL: one alone */
    char *kept; /* "key = value, ...": what a resumed run keeps because it is older than these keys; NULL: nothing */
} Config;

/* The table of all keys, in the order of the sections. Free it with free(). */
Field *config_fields(void);

/* Reads a file (NULL: there is none) and applies the overrides ("section.key=value"); opens train.init, and takes from
 * it what the config leaves out; checks what concerns several keys at once. Release with config_free. */
bool config_read(Config *config, const char *path, char *const *overrides, size_t count, Error *err);
void config_free(Config *config);

/* The config as the model file keeps it, INI text. Left out are keys that change no bit of the result (run.dir,
 * train.threads, train.log_every), the keys in `kept`, and train.pieces, train.rdrop, train.optimiser and train.init
 * where they say what all runs did before there were such keys. A fresh string. */
char *config_text(const Config *config);

/* The keys that must be the same for all processes that train together, a line "section.key = value" each: those that
 * the model file keeps, except the names of files, whose content is compared. A fresh string. */
char *config_shared(const Config *config);

/* A config with every key, to be filled in: configs/template.ini. A fresh string. */
char *config_template(void);

/* The part of it that has to do with `part`: the section of this name, or else all keys that have it in them. A fresh
 * string; NULL: there are none, and *nearest is the section that may be meant, or NULL. */
char *config_keys(const char *part, const char **nearest);

/* Whether a run begun with the text `before` may continue with `config`: fails, naming the first key that differs, with
 * both values, unless it is one of those that may change (how long to train, how to validate and translate, where and
 * on how many threads to run, and what the corpora and train.init are called, whose content others compare).
 * valid_by_name: the content of data.valid is not known, so that its name must be the same. A key that is newer than
 * the run gets the value that the run was begun with (Field.before), and is listed in config->kept. */
bool config_may_resume(Config *config, const char *before, bool valid_by_name, const char *file, Error *err);
