/* The table of config keys. */
#include "train/config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "model/pass.h"
#include "text/tokenizer.h"

#define AT(field) offsetof(Config, field)
#define STRING(key, field, std, help)                                                                                  \
    { key, INI_STRING, AT(field), std, 0, 0, NULL, help }
#define INTEGER(key, field, std, min, max, help)                                                                       \
    { key, INI_INTEGER, AT(field), std, min, max, NULL, help }
#define REAL(key, field, std, min, max, help)                                                                          \
    { key, INI_REAL, AT(field), std, min, max, NULL, help }
#define SWITCH(key, field, std, help)                                                                                  \
    { key, INI_BOOL, AT(field), std, 0, 0, NULL, help }
#define CHOICE(key, field, std, names, help)                                                                           \
    { key, INI_CHOICE, AT(field), std, 0, 0, names, help }

#define STEPS_MAX 4e9
/* For what has to stay below 1: dropout, smoothing, a decay. Of dropout's 65536ths it leaves 7. */
#define RATE_MAX 0.9999

const IniField config_fields[] = {
    STRING("data.train", data_train, NULL,
           "training pairs: TSV files (source TAB target), pairs of files (a.en+a.fr), or - for standard input"),
    STRING("data.valid", data_valid, NULL, "validation pairs, the same; further columns are further accepted targets"),
    STRING("data.test", data_test, "", "test pairs, for scripts; training does not read them"),
    SWITCH("data.swap", swap, "false", "source and target change places"),
    SWITCH("data.unique", unique, "false", "training pairs that stand there twice are taken once"),
    REAL("data.max_ratio", pair_ratio, "9", 0, 1000,
         "pairs with a side of more than 16 tokens and so many times those of the other are left out; 0: none"),

    INTEGER("text.vocab_size", vocab_size, "8000", HYPER_MIN_VOCAB, TOKENIZER_VOCAB_MAX,
            "tokens of the joint vocabulary"),
    SWITCH("text.lowercase", lowercase, "false", "write all letters small"),
    SWITCH("text.apostrophes", apostrophes, "true", "typographic apostrophes become '"),
    SWITCH("text.spaces", spaces, "true", "any white space becomes one space; none at the ends"),

    INTEGER("model.width", width, "256", 2, HYPER_MAX_WIDTH, "D, the width of a token's vector"),
    INTEGER("model.heads", heads, "4", 1, HYPER_MAX_WIDTH, "H, attention heads; divides the width"),
    INTEGER("model.feedforward", feedforward, "1024", 2, HYPER_MAX_FEEDFORWARD, "F, width of the feed-forward block"),
    INTEGER("model.encoder_layers", encoder_layers, "4", 1, HYPER_MAX_LAYERS, "layers of the encoder"),
    INTEGER("model.decoder_layers", decoder_layers, "4", 1, HYPER_MAX_LAYERS, "layers of the decoder"),
    INTEGER("model.max_length", max_length, "256", 2, HYPER_MAX_LENGTH, "longest sentence, in tokens"),
    CHOICE("model.norm", norm, "pre", NORM_PLACE_NAMES, "layer norm before or after the residual connection"),
    CHOICE("model.activation", activation, "relu", ACTIVATION_NAMES, "of the feed-forward block"),
    CHOICE("model.tying", tying, "all", TYING_NAMES, "which embeddings and output layer are one matrix"),
    CHOICE("model.positions", positions, "sinusoidal", POSITIONS_NAMES, "position vectors"),
    REAL("model.dropout", dropout, "0.1", 0, RATE_MAX, "of embeddings and residual branches"),
    REAL("model.attention_dropout", attention_dropout, "0", 0, RATE_MAX, "of attention weights"),
    REAL("model.activation_dropout", activation_dropout, "0", 0, RATE_MAX, "inside the feed-forward block"),

    INTEGER("train.seed", seed, "1", 0, 9007199254740992.0, "all randomness follows from it"),
    INTEGER("train.max_steps", max_steps, "0", 0, STEPS_MAX, "stop after so many steps; 0: no limit"),
    INTEGER("train.max_epochs", max_epochs, "0", 0, STEPS_MAX, "stop after so many passes over the pairs; 0: no limit"),
    INTEGER("train.batch_tokens", batch_tokens, "4096", 1, 1 << 30, "target tokens a step"),
    INTEGER("train.accumulate", accumulate, "1", 1, PASS_MAX_PIECES, "pieces a step is computed in, to save memory"),
    REAL("train.learning_rate", learning_rate, "0.001", 0, 1000, "peak of the schedule (noam: its factor)"),
    CHOICE("train.schedule", schedule, "inverse_sqrt", SCHEDULE_NAMES, "how the learning rate goes on after warm-up"),
    INTEGER("train.warmup_steps", warmup_steps, "1000", 0, STEPS_MAX, "steps the learning rate rises for"),
    REAL("train.final_rate", final_rate, "0", 0, 1, "cosine: the last learning rate, as a share of the peak"),
    REAL("train.label_smoothing", label_smoothing, "0.1", 0, RATE_MAX, "share of probability spread over all tokens"),
    REAL("train.beta1", beta1, "0.9", 0, RATE_MAX, "Adam: decay of the mean"),
    REAL("train.beta2", beta2, "0.98", 0, 0.999999, "Adam: decay of the mean square"),
    /* Above 0, in float too: a weight whose gradient has always been 0 would else become 0 / 0. */
    REAL("train.epsilon", epsilon, "1e-9", 1e-30, 1, "Adam: added to the root"),
    REAL("train.weight_decay", weight_decay, "0", 0, 1, "decoupled; not of biases and norms"),
    REAL("train.clip_norm", clip_norm, "1", 0, 1e9, "longest gradient; 0: any"),
    REAL("train.skip_norm", skip_norm, "100", 0, 1e9,
         "steps whose gradient's norm is more than so many times the usual one are skipped; 0: none"),
    REAL("train.average", average, "0", 0, 0.99999, "decay of the moving average of weights; 0: none"),
    CHOICE("train.precision", precision, "float32", PRECISION_NAMES "|auto",
           "what training's products with weights round their factors to; auto: bfloat16 where the CPU is made for it"),
    INTEGER("train.threads", threads, "0", 0, 1024, "threads; 0: one for each core"),
    INTEGER("train.log_every", log_every, "100", 1, STEPS_MAX, "steps between log lines"),

    INTEGER("valid.every_steps", every_steps, "1000", 1, STEPS_MAX, "steps between validations, which also save"),
    INTEGER("valid.translate", translate, "500", 0, STEPS_MAX, "validation sentences to translate; 0: none"),
    CHOICE("valid.metric", metric, "loss", METRIC_NAMES, "what chooses the best model"),
    INTEGER("valid.patience", patience, "0", 0, STEPS_MAX,
            "stop after so many validations without a better one; 0: never"),

    INTEGER("decode.beam", beam, "4", 1, DECODE_MAX_BEAM, "hypotheses kept; 1: greedy"),
    REAL("decode.length_alpha", length_alpha, "1", 0, DECODE_MAX_ALPHA, "a score is log probability / length ^ alpha"),
    REAL("decode.max_ratio", max_ratio, "2", 0, DECODE_MAX_RATIO,
         "longest translation: so many times the source's tokens ..."),
    INTEGER("decode.max_extra", max_extra, "10", 0, DECODE_MAX_EXTRA, "... and so many tokens more"),

    STRING("run.dir", dir, NULL, "folder of this run: model.gguf, last.gguf, log.jsonl, report.html"),
};
const size_t config_field_count = sizeof config_fields / sizeof *config_fields;

/* Keys that the model file keeps: all but those whose values do not change a bit of it. */
static bool is_saved(const char *key) {
    return strcmp(key, "run.dir") != 0 && strcmp(key, "train.threads") != 0 && strcmp(key, "train.log_every") != 0;
}

/* Keys that a resumed run may change. The last step is part of a cosine's shape. */
static bool may_change(const char *key, const Config *config) {
    if (strcmp(key, "train.max_steps") == 0) return config->schedule != SCHEDULE_COSINE;
    if (strcmp(key, "train.max_epochs") == 0 || strcmp(key, "data.test") == 0) return true;
    return !is_saved(key) || strncmp(key, "valid.", 6) == 0 || strncmp(key, "decode.", 7) == 0;
}

static bool check(const Config *c, const char *path, Error *err) {
    /* The vocabulary is not known yet; any size within its bounds does for the rest. */
    Hyper hyper = config_hyper(c, (size_t)c->vocab_size);
    if (!hyper_check(&hyper, path, err)) return false;
    if (c->max_steps == 0 && c->max_epochs == 0)
        return error_set(err, "%s: expected train.max_steps or train.max_epochs above 0, found both 0 (or missing)",
                         path);
    if (c->schedule == SCHEDULE_COSINE && c->max_steps == 0)
        return error_set(
            err, "%s: train.schedule = cosine: expected train.max_steps above 0, at which it ends, found 0", path);
    if (c->batch_tokens / c->accumulate < 1)
        return error_set(err, "%s: train.accumulate: expected at most train.batch_tokens (%lld), found %lld", path,
                         (long long)c->batch_tokens, (long long)c->accumulate);
    if (c->metric != METRIC_LOSS && c->translate == 0)
        return error_set(err, "%s: valid.metric = %s: expected valid.translate above 0, found 0", path,
                         c->metric == METRIC_EXACT ? "exact" : "bleu");
    if (!*c->data_train || !*c->data_valid || !*c->dir)
        return error_set(err, "%s: %s: expected a path, found nothing", path,
                         !*c->data_train   ? "data.train"
                         : !*c->data_valid ? "data.valid"
                                           : "run.dir");
    return true;
}

/* Keys of earlier versions. */
static bool drop_removed(Ini *ini, Error *err) {
    static const char *const keys[] = {"text.bpe_dropout", "train.source_word_dropout", "train.target_word_dropout"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (!ini_drop_removed(ini, keys[i], "nothing measured showed a gain", err)) return false;
    return true;
}

bool config_read(Config *config, const char *path, char *const *overrides, size_t count, Error *err) {
    *config = (Config){0};
    Ini *ini = ini_read(path, err);
    if (!ini) return false;
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++) ok = ini_override(ini, overrides[i], err);
    ok = ok && drop_removed(ini, err) && ini_bind(ini, config_fields, config_field_count, config, err);
    ini_free(ini);
    if (!ok) return false;
    if (check(config, path, err)) return true;
    config_free(config);
    return false;
}

void config_free(Config *config) {
    ini_release(config_fields, config_field_count, config);
}

/* The table of the keys that are saved, in a fresh array. */
static IniField *saved_fields(size_t *count) {
    IniField *fields = memory_new(config_field_count, sizeof *fields);
    *count = 0;
    for (size_t i = 0; i < config_field_count; i++)
        if (is_saved(config_fields[i].key)) fields[(*count)++] = config_fields[i];
    return fields;
}

char *config_text(const Config *config) {
    size_t count;
    IniField *fields = saved_fields(&count);
    char *text = ini_format(fields, count, config);
    free(fields);
    return text;
}

/* The value of one field as text, in a fresh string. */
static char *value_text(const IniField *field, const Config *config) {
    char *text = ini_format(field, 1, config);
    char *value = strchr(text, '=');
    value = memory_string(value ? value + 1 + strspn(value + 1, " ") : "");
    value[strcspn(value, "\n")] = '\0';
    free(text);
    return value;
}

bool config_may_resume(const Config *config, const char *before, const char *file, Error *err) {
    size_t count;
    IniField *fields = saved_fields(&count);
    Config old = {0};
    Ini *ini = ini_parse(file, before, strlen(before), err);
    bool ok = ini && drop_removed(ini, err) && ini_bind(ini, fields, count, &old, err);
    for (size_t i = 0; ok && i < count; i++) {
        if (may_change(fields[i].key, config)) continue;
        char *was = value_text(&fields[i], &old), *is = value_text(&fields[i], config);
        if (strcmp(was, is) != 0)
            ok = error_set(err,
                           "%s: the run was begun with %s = %s, and now it is %s; a resumed run must keep it (or "
                           "start over with --fresh)",
                           file, fields[i].key, was, is);
        free(was);
        free(is);
    }
    ini_release(fields, count, &old);
    if (ini) ini_free(ini);
    free(fields);
    return ok;
}

Hyper config_hyper(const Config *c, size_t vocab) {
    return (Hyper){
        .vocab = vocab,
        .width = (size_t)c->width,
        .heads = (size_t)c->heads,
        .feedforward = (size_t)c->feedforward,
        .encoder_layers = (size_t)c->encoder_layers,
        .decoder_layers = (size_t)c->decoder_layers,
        .max_length = (size_t)c->max_length,
        .norm = (NormPlace)c->norm,
        .activation = (Activation)c->activation,
        .tying = (Tying)c->tying,
        .positions = (Positions)c->positions,
        .dropout = c->dropout,
        .attention_dropout = c->attention_dropout,
        .activation_dropout = c->activation_dropout,
    };
}

CorpusRules config_rules(const Config *c) {
    return (CorpusRules){c->swap, c->unique, (size_t)c->max_length, c->pair_ratio};
}

Normalisation config_normalisation(const Config *c) {
    return (Normalisation){c->lowercase, c->apostrophes, c->spaces};
}

AdamOptions config_adam(const Config *c) {
    return (AdamOptions){c->beta1, c->beta2, c->epsilon, c->weight_decay};
}

Schedule config_schedule(const Config *c) {
    return (Schedule){(ScheduleKind)c->schedule, c->learning_rate, (uint64_t)c->warmup_steps,
                      (uint64_t)c->max_steps,    c->final_rate,    (size_t)c->width};
}

ModelDecode config_decode(const Config *c) {
    return (ModelDecode){(uint32_t)c->beam, c->length_alpha, c->max_ratio, (uint32_t)c->max_extra};
}
