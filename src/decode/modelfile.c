#include "decode/modelfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/names.h"
#include "base/size.h"
#include "base/version.h"
#include "gguf/q8_0.h"
#include "math/cpu.h"
#include "text/utf8.h"

static const char *const architecture = "nmt";

_Static_assert((int)HYPER_MIN_VOCAB == (int)TOKEN_FIRST_MERGE && (int)HYPER_MAX_VOCAB == (int)TOKENIZER_VOCAB_MAX,
               "the model has the tokenizer's vocabulary");

static const Field info_fields[] = {
    ROW_CHOICE("precision", ModelInfo, precision, "float32", PRECISION_NAMES, "what it was trained in"),
    ROW_END,
};

#define WORDS_KEY   "training.words"
#define HISTORY_KEY "training.history"

static const Field training_fields[] = {
    ROW_REAL("training.confidence_bias", ModelInfo, confidence.bias, "0", -1e6, 1e6, "of decode/confidence.h"),
    ROW_REAL("training.confidence_slope", ModelInfo, confidence.slope, "0", -1e6, 1e6, "of decode/confidence.h"),
    ROW_INTEGER("training.longest_source", ModelInfo, longest_source, "0", 0, UINT32_MAX,
                "tokens of the longest source"),
    ROW_END,
};

/* The tables of ModelInfo, and what their keys begin with. */
static const struct {
    const Field *fields;
    size_t offset;
    const char *prefix;
} tables[] = {
    {hyper_fields, offsetof(ModelInfo, hyper), "nmt."},
    {normalise_fields, offsetof(ModelInfo, text), "nmt.text."},
    {search_fields, offsetof(ModelInfo, decode), "nmt.decode."},
    {info_fields, 0, "nmt."},
    {training_fields, 0, "training."},
};

static void write_fields(GgufWriter *out, const Field *fields, const char *prefix, const void *of) {
    for (const Field *f = fields; f->key; f++) {
        char *key = memory_format("%s%s", prefix, field_name(f->key));
        const void *at = (const char *)of + f->offset;
        switch (f->type) {
        case FIELD_INTEGER: gguf_set_uint32(out, key, (uint32_t)field_integer(f, of)); break;
        case FIELD_REAL: gguf_set_float64(out, key, *(const double *)at); break;
        case FIELD_SWITCH: gguf_set_bool(out, key, *(const bool *)at); break;
        case FIELD_CHOICE: gguf_set_string(out, key, f->names[*(const int *)at]); break;
        case FIELD_TEXT: CHECK(false, "texts are no part of these tables");
        }
        free(key);
    }
}

static bool read_field(const ModelFile *file, const Field *f, const char *key, void *of, Error *err) {
    void *at = (char *)of + f->offset;
    const char *name;
    uint64_t value;
    switch (f->type) {
    case FIELD_INTEGER:
        if (!gguf_uint64(file->gguf, key, &value, err)) return false;
        field_put_integer(f, value, of);
        if (field_integer(f, of) == value) return true;
        return error_set(err, "%s: %s: expected an integer from %.0f to %.0f, found %llu", file->path, key, f->min,
                         f->max, (unsigned long long)value);
    case FIELD_REAL: return gguf_double(file->gguf, key, at, err);
    case FIELD_SWITCH: return gguf_bool(file->gguf, key, at, err);
    case FIELD_CHOICE:
        name = gguf_string(file->gguf, key, NULL, err);
        if (!name || field_set(f, name, of)) return name;
        char *range = field_range(f);
        error_set(err, "%s: %s: expected %s, found \"%s\"", file->path, key, range, name);
        free(range);
        return false;
    case FIELD_TEXT: break;
    }
    CHECK(false, "texts are no part of these tables");
}

static bool read_fields(const ModelFile *file, const Field *fields, const char *prefix, void *of, Error *err) {
    bool ok = true;
    for (const Field *f = fields; ok && f->key; f++) {
        char *key = memory_format("%s%s", prefix, field_name(f->key));
        if (f->essential || gguf_has(file->gguf, key))
            ok = read_field(file, f, key, of, err);
        else
            field_set_before(f, of);
        free(key);
    }
    return ok;
}

static const char *const other_keys[] = {"nmt.tokenizer.merges", "nmt.config",      "nmt.step",
                                         "nmt.instruction_set",  GGUF_CHECKSUM_KEY, NULL};

/* Whether this version knows what the key says. nmt.train.* are a checkpoint's; what is not nmt.* says nothing here. */
static bool is_known(const char *key) {
    if (strncmp(key, "nmt.", 4) != 0 || strncmp(key, "nmt.train.", 10) == 0 || names_find(other_keys, key) >= 0)
        return true;
    for (size_t i = 0; i < COUNT(tables); i++) {
        const size_t length = strlen(tables[i].prefix);
        if (strncmp(key, tables[i].prefix, length) != 0) continue;
        for (const Field *f = tables[i].fields; f->key; f++)
            if (strcmp(key + length, field_name(f->key)) == 0) return true;
    }
    return false;
}

/* A file of a newer version may mean its weights otherwise than this version would use them. */
static bool check_keys(const ModelFile *file, Error *err) {
    const char *key;
    for (size_t i = 0; (key = gguf_key(file->gguf, i)); i++)
        if (!is_known(key))
            return error_set(err,
                             "%s: key %s: expected a key of version %s, found none of this name: a newer version "
                             "wrote the file, and it would be misread",
                             file->path, key, NMT_VERSION);
    return true;
}

static GgufWriter *keys_writer(const ModelInfo *info) {
    GgufWriter *out = gguf_writer_new(GGUF_MIN_ALIGNMENT);
    gguf_set_string(out, "general.architecture", architecture);
    for (size_t i = 0; i < COUNT(tables); i++)
        write_fields(out, tables[i].fields, tables[i].prefix, (const char *)info + tables[i].offset);
    gguf_set_array(out, "nmt.tokenizer.merges", GGUF_UINT32, info->merges, 2 * info->merge_count);
    if (info->seen.sums) gguf_set_array(out, WORDS_KEY, GGUF_UINT32, info->seen.sums, info->seen.count);
    if (info->history_count) gguf_set_array(out, HISTORY_KEY, GGUF_STRING, info->history, info->history_count);
    gguf_set_string(out, "nmt.config", info->config);
    gguf_set_uint64(out, "nmt.step", info->step);
    gguf_set_string(out, "nmt.instruction_set", cpu_instruction_set());
    return out;
}

GgufWriter *modelfile_writer(const ModelInfo *info, const Parameters *params, const float *w) {
    GgufWriter *out = keys_writer(info);
    modelfile_add_block(out, params, "", w);
    return out;
}

/* A tensor as GGUF has it: its name, and its dims in ggml's order, columns first; returns how many dims. */
static size_t describe(char name[GGUF_MAX_NAME + 1], size_t dims[2], const char *prefix, const Tensor *tensor) {
    snprintf(name, GGUF_MAX_NAME + 1, "%s%s", prefix, tensor->name);
    dims[0] = tensor->cols, dims[1] = tensor->rows;
    return tensor->rows ? 2 : 1;
}

static const float *find_tensor(const ModelFile *file, const char *prefix, const Tensor *tensor, Error *err) {
    char name[GGUF_MAX_NAME + 1];
    size_t dims[2];
    const size_t n_dims = describe(name, dims, prefix, tensor);
    return gguf_floats(file->gguf, name, n_dims, dims, err);
}

void modelfile_add_block(GgufWriter *writer, const Parameters *params, const char *prefix, const float *block) {
    for (size_t t = 0; t < params->tensor_count; t++) {
        const Tensor *tensor = &params->tensors[t];
        char name[GGUF_MAX_NAME + 1];
        size_t dims[2];
        const size_t n_dims = describe(name, dims, prefix, tensor);
        gguf_add_tensor(writer, name, n_dims, dims, block + tensor->offset);
    }
}

bool modelfile_read_block(const ModelFile *file, const char *prefix, float *block, Error *err) {
    for (size_t t = 0; t < file->params.tensor_count; t++) {
        const Tensor *tensor = &file->params.tensors[t];
        char name[GGUF_MAX_NAME + 1];
        size_t dims[2];
        const size_t n_dims = describe(name, dims, prefix, tensor);
        if (!gguf_read_floats(file->gguf, name, n_dims, dims, block + tensor->offset, err)) return false;
    }
    return true;
}

/* Vectors stay floats: they are few, and every number of a layer goes through them. */
bool modelfile_write_q8_0(const ModelFile *file, const char *path, Error *err) {
    GgufWriter *out = keys_writer(&file->info);
    unsigned char *blocks = memory_new(file->params.count / Q8_0_BLOCK, Q8_0_BYTES), *at = blocks;
    bool ok = true;
    for (size_t t = 0; t < file->params.tensor_count && ok; t++) {
        const Tensor *tensor = &file->params.tensors[t];
        char name[GGUF_MAX_NAME + 1];
        size_t dims[2];
        const size_t n_dims = describe(name, dims, "", tensor);
        const float *numbers = file->w + tensor->offset;
        if (n_dims == 1 || dims[0] % Q8_0_BLOCK) {
            gguf_add_tensor(out, name, n_dims, dims, numbers);
            continue;
        }
        if (!q8_0_pack(at, numbers, tensor->count))
            ok = error_set(err, "%s: tensor %s: expected finite numbers below %d, which 8 bits can hold, found others",
                           file->path, name, Q8_0_LIMIT);
        gguf_add_q8_0(out, name, n_dims, dims, at);
        at += tensor->count / Q8_0_BLOCK * Q8_0_BYTES;
    }
    ok = ok && gguf_write(out, path, err);
    gguf_writer_free(out);
    free(blocks);
    return ok;
}

static bool read_words(ModelFile *file, Error *err) {
    WordsSeen *seen = &file->info.seen;
    if (!gguf_has(file->gguf, WORDS_KEY)) return true;
    if (!(seen->sums = gguf_array(file->gguf, WORDS_KEY, GGUF_UINT32, &seen->count, err))) return false;
    return words_check(*seen) ||
           error_set(err, "%s: %s: expected at most %d numbers, each larger than the one before, found others",
                     file->path, WORDS_KEY, WORDS_MOST);
}

static bool read_history(ModelFile *file, Error *err) {
    ModelInfo *info = &file->info;
    return !gguf_has(file->gguf, HISTORY_KEY) ||
           (info->history = gguf_array(file->gguf, HISTORY_KEY, GGUF_STRING, &info->history_count, err));
}

static bool read_info(ModelFile *file, Error *err) {
    ModelInfo *info = &file->info;
    const char *found = gguf_string(file->gguf, "general.architecture", NULL, err);
    if (!found) return false;
    if (strcmp(found, architecture) != 0)
        return error_set(err,
                         "%s: general.architecture: expected \"%s\", found \"%s\": only models of ./train can be used",
                         file->path, architecture, found);
    if (!check_keys(file, err)) return false;
    for (size_t i = 0; i < COUNT(tables); i++)
        if (!read_fields(file, tables[i].fields, tables[i].prefix, (char *)info + tables[i].offset, err)) return false;
    info->decode.n_best = 1;
    size_t ids;
    if (!hyper_check(&info->hyper, file->path, err) || !search_check(&info->decode, &info->hyper, file->path, err) ||
        !fields_check(training_fields, info, file->path, err) ||
        !(info->merges = gguf_array(file->gguf, "nmt.tokenizer.merges", GGUF_UINT32, &ids, err)) ||
        !(info->config = gguf_string(file->gguf, "nmt.config", NULL, err)) ||
        !gguf_uint64(file->gguf, "nmt.step", &info->step, err) || !read_words(file, err) || !read_history(file, err))
        return false;
    if (info->step > UINT32_MAX)
        return error_set(err, "%s: nmt.step: expected at most %u, found %llu", file->path, UINT32_MAX,
                         (unsigned long long)info->step);
    info->merge_count = ids / 2;
    if (ids % 2 != 0 || HYPER_MIN_VOCAB + info->merge_count != info->hyper.vocab)
        return error_set(err, "%s: nmt.tokenizer.merges: expected %zu numbers for a vocabulary of %zu, found %zu",
                         file->path, 2 * (info->hyper.vocab - HYPER_MIN_VOCAB), info->hyper.vocab, ids);
    return true;
}

/* Points w at the mapped block, or copies it together when the file has gaps between tensors, or packed ones. */
static bool read_tensors(ModelFile *file, Error *err) {
    bool together = true;
    for (size_t t = 0; t < file->params.tensor_count; t++) {
        const Tensor *tensor = &file->params.tensors[t];
        if (gguf_has_tensor(file->gguf, tensor->name, GGUF_TENSOR_Q8_0)) {
            together = false;
            continue;
        }
        const float *data = find_tensor(file, "", tensor, err);
        if (!data) return false;
        if (t == 0) file->w = data;
        together = together && (uintptr_t)data == (uintptr_t)file->w + tensor->offset * sizeof *data;
    }
    if (together) return true;
    file->copy = memory_new(file->params.count, sizeof *file->copy);
    file->w = file->copy;
    return modelfile_read_block(file, "", file->copy, err);
}

static bool read_gguf(ModelFile *file, GgufFile *gguf, const char *path, Error *err) {
    *file = (ModelFile){.gguf = gguf};
    if (!file->gguf) return false;
    file->path = memory_string(path);
    if (read_info(file, err)) {
        /* Tensors that are missing cost nothing to look for, and shapes are bounded, so a lying header ends here. */
        file->params = parameters_create(&file->info.hyper);
        if (read_tensors(file, err)) return true;
    }
    modelfile_close(file);
    return false;
}

bool modelfile_open(ModelFile *file, const char *path, Error *err) {
    return read_gguf(file, gguf_open(path, true, err), path, err);
}

bool modelfile_open_memory(ModelFile *file, const void *bytes, size_t size, const char *path, Error *err) {
    return read_gguf(file, gguf_open_memory(bytes, size, path, true, err), path, err);
}

void modelfile_close(ModelFile *file) {
    gguf_close(file->gguf);
    parameters_free(&file->params);
    free(file->copy);
    free(file->path);
    *file = (ModelFile){0};
}

uint64_t modelfile_checksum(const ModelFile *file) {
    uint64_t sum = 0;
    Error ignored;
    if (file->gguf) gguf_uint64(file->gguf, GGUF_CHECKSUM_KEY, &sum, &ignored);
    return sum;
}

Tokenizer *modelfile_tokenizer(const ModelFile *file, Error *err) {
    const ModelInfo *info = &file->info;
    Error why;
    Tokenizer *tokenizer = tokenizer_create(info->merges, info->merge_count, info->text, &why);
    if (!tokenizer) error_set(err, "%s: nmt.tokenizer.merges: %s", file->path, why.text);
    return tokenizer;
}

/* The bytes of the token that merge i makes, for display; from an open tokenizer of the file. */
static void show_merge(char shown[4 * TOKEN_LONGEST], const ModelFile *file, size_t i) {
    Error err;
    size_t length = 0;
    Tokenizer *tokenizer = modelfile_tokenizer(file, &err);
    const char *bytes = tokenizer ? tokenizer_token_bytes(tokenizer, TOKEN_FIRST_MERGE + (int32_t)i, &length) : "";
    utf8_show(shown, 4 * TOKEN_LONGEST, bytes, length);
    tokenizer_free(tokenizer);
}

bool modelfile_check_same_tokens(const ModelFile *first, const ModelFile *other, Error *err) {
    const ModelInfo *a = &first->info, *b = &other->info;
    for (const Field *f = normalise_fields; f->key; f++) {
        char *expected = field_text(f, &a->text), *found = field_text(f, &b->text);
        const bool same = strcmp(expected, found) == 0;
        if (!same)
            error_set(err, "%s: %s: expected %s, as in %s, found %s", other->path, f->key, expected, first->path,
                      found);
        free(expected);
        free(found);
        if (!same) return false;
    }
    if (a->merge_count != b->merge_count)
        return error_set(err, "%s: expected the vocabulary of %s, %zu tokens, found another one of %zu", other->path,
                         first->path, a->hyper.vocab, b->hyper.vocab);
    for (size_t i = 0; i < a->merge_count; i++) {
        if (a->merges[2 * i] == b->merges[2 * i] && a->merges[2 * i + 1] == b->merges[2 * i + 1]) continue;
        char expected[4 * TOKEN_LONGEST], found[4 * TOKEN_LONGEST];
        show_merge(expected, first, i);
        show_merge(found, other, i);
        return error_set(err, "%s: token %zu: expected \"%s\", as in the vocabulary of %s, found \"%s\"", other->path,
                         TOKEN_FIRST_MERGE + i, expected, first->path, found);
    }
    return true;
}
