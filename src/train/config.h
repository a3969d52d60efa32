/* The configuration of a training run: every key of the INI file, with its default and bounds, in one table. */
#ifndef NMT_TRAIN_CONFIG_H
#define NMT_TRAIN_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/ini.h"
#include "data/corpus.h"
#include "decode/modelfile.h"
#include "math/matmul.h"
#include "model/hyper.h"
#include "optim/adam.h"
#include "optim/schedule.h"
#include "text/normalise.h"

typedef enum ValidMetric { METRIC_LOSS, METRIC_EXACT, METRIC_BLEU } ValidMetric;
#define METRIC_NAMES "loss|exact|bleu"

/* train.precision: a Precision, or this. */
enum { PRECISION_AUTO = PRECISION_BFLOAT16 + 1 };

/* Integers are int64_t, reals double, choices int, because that is what base/ini.h fills. */
typedef struct Config {
    char *data_train, *data_valid, *data_test;
    bool swap, unique;
    double pair_ratio;
    int64_t vocab_size;
    bool lowercase, apostrophes, spaces;
    int64_t width, heads, feedforward, encoder_layers, decoder_layers, max_length;
    int norm, activation, tying, positions;
    double dropout, attention_dropout, activation_dropout;
    int64_t seed, max_steps, max_epochs, batch_tokens, accumulate, warmup_steps, threads, log_every;
    double learning_rate, final_rate, label_smoothing, beta1, beta2, epsilon, weight_decay, clip_norm, skip_norm,
        average;
    int schedule, precision;
    int64_t every_steps, translate, patience;
    int metric;
    int64_t beam, max_extra;
    double length_alpha, max_ratio;
    char *dir;
} Config;

/* The table of keys. */
extern const IniField config_fields[];
extern const size_t config_field_count;

/* Reads a file and applies the overrides ("section.key=value"); checks what concerns several keys at once. Release with
 * config_free. */
bool config_read(Config *config, const char *path, char *const *overrides, size_t count, Error *err);
void config_free(Config *config);

/* The config as the model file keeps it: INI text of every key but those that do not change a bit of the result
 * (run.dir, train.threads, train.log_every). A fresh string. */
char *config_text(const Config *config);

/* Whether a run begun with the text `before` may go on with `config`: fails, naming the first key that differs, with
 * both values, unless it is one of those that may change (how long to train, how to validate and translate, where and
 * on how many threads to run). */
bool config_may_resume(const Config *config, const char *before, const char *file, Error *err);

/* Parts of the config in the form that other modules take. vocab: what the tokenizer really has. */
Hyper config_hyper(const Config *config, size_t vocab);
CorpusRules config_rules(const Config *config); /* of training pairs; validation keeps pairs that stand there twice */
Normalisation config_normalisation(const Config *config);
AdamOptions config_adam(const Config *config);
Schedule config_schedule(const Config *config);
ModelDecode config_decode(const Config *config);

#endif
