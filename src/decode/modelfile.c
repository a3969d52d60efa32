/* The model file. */
#include "decode/modelfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/choice.h"
#include "base/memory.h"
#include "base/size.h"
#include "math/cpu.h"

static const char *const architecture = "nmt";

#define PRECISION_KEY "nmt.precision"

/* One hyper-parameter that is a number, and where it stands in Hyper. */
typedef struct SizeKey {
    const char *key;
    size_t offset;
} SizeKey;

static const SizeKey size_keys[] = {
    {"nmt.vocab_size", offsetof(Hyper, vocab)},
    {"nmt.width", offsetof(Hyper, width)},
    {"nmt.heads", offsetof(Hyper, heads)},
    {"nmt.feedforward", offsetof(Hyper, feedforward)},
    {"nmt.encoder_layers", offsetof(Hyper, encoder_layers)},
    {"nmt.decoder_layers", offsetof(Hyper, decoder_layers)},
    {"nmt.max_length", offsetof(Hyper, max_length)},
};

static const SizeKey rate_keys[] = {
    {"nmt.dropout", offsetof(Hyper, dropout)},
    {"nmt.attention_dropout", offsetof(Hyper, attention_dropout)},
    {"nmt.activation_dropout", offsetof(Hyper, activation_dropout)},
};

/* One that is a choice; the fields are enums, which are ints. */
typedef struct ChoiceKey {
    const char *key;
    size_t offset;
    const char *names; /* "pre|post" */
} ChoiceKey;

static const ChoiceKey choice_keys[] = {
    {"nmt.norm", offsetof(Hyper, norm), NORM_PLACE_NAMES},
    {"nmt.activation", offsetof(Hyper, activation), ACTIVATION_NAMES},
    {"nmt.tying", offsetof(Hyper, tying), TYING_NAMES},
    {"nmt.positions", offsetof(Hyper, positions), POSITIONS_NAMES},
};

#define FIELD(type, base, at) ((type *)((char *)(base) + (at)))

static void set_choice(GgufWriter *out, const char *key, const char *names, int number) {
    char *name = choice_name(names, number);
    gguf_set_string(out, key, name);
    free(name);
}

GgufWriter *modelfile_writer(const ModelInfo *info, const Parameters *params, const float *w) {
    GgufWriter *out = gguf_writer_new(GGUF_MIN_ALIGNMENT);
    Hyper hyper = info->hyper;
    gguf_set_string(out, "general.architecture", architecture);
    for (size_t i = 0; i < COUNT(size_keys); i++)
        gguf_set_uint32(out, size_keys[i].key, (uint32_t)*FIELD(size_t, &hyper, size_keys[i].offset));
    for (size_t i = 0; i < COUNT(choice_keys); i++)
        set_choice(out, choice_keys[i].key, choice_keys[i].names, *FIELD(int, &hyper, choice_keys[i].offset));
    for (size_t i = 0; i < COUNT(rate_keys); i++)
        gguf_set_float64(out, rate_keys[i].key, *FIELD(double, &hyper, rate_keys[i].offset));
    gguf_set_bool(out, "nmt.text.lowercase", info->lowercase);
    gguf_set_bool(out, "nmt.text.apostrophes", info->apostrophes);
    gguf_set_bool(out, "nmt.text.spaces", info->spaces);
    gguf_set_array(out, "nmt.tokenizer.merges", GGUF_UINT32, info->merges, 2 * info->merge_count);
    gguf_set_uint32(out, "nmt.decode.beam", info->decode.beam);
    gguf_set_float64(out, "nmt.decode.length_alpha", info->decode.length_alpha);
    gguf_set_float64(out, "nmt.decode.max_ratio", info->decode.max_ratio);
    gguf_set_uint32(out, "nmt.decode.max_extra", info->decode.max_extra);
    gguf_set_string(out, "nmt.config", info->config);
    gguf_set_uint64(out, "nmt.step", info->step);
    set_choice(out, PRECISION_KEY, PRECISION_NAMES, (int)info->precision);
    gguf_set_string(out, "nmt.instruction_set", cpu_instruction_set());
    modelfile_add_block(out, params, "", w);
    return out;
}

static void tensor_name(char name[GGUF_MAX_NAME + 1], const char *prefix, const Tensor *tensor) {
    snprintf(name, GGUF_MAX_NAME + 1, "%s%s", prefix, tensor->name);
}

/* ggml's order of dims: columns first. */
static size_t tensor_dims(size_t dims[2], const Tensor *tensor) {
    dims[0] = tensor->cols;
    dims[1] = tensor->rows;
    return tensor->rows ? 2 : 1;
}

void modelfile_add_block(GgufWriter *writer, const Parameters *params, const char *prefix, const float *block) {
    for (size_t t = 0; t < params->tensor_count; t++) {
        const Tensor *tensor = &params->tensors[t];
        char name[GGUF_MAX_NAME + 1];
        size_t dims[2], n_dims = tensor_dims(dims, tensor);
        tensor_name(name, prefix, tensor);
        gguf_add_tensor(writer, name, n_dims, dims, block + tensor->offset);
    }
}

bool modelfile_read_block(const ModelFile *file, const char *prefix, float *block, Error *err) {
    for (size_t t = 0; t < file->params.tensor_count; t++) {
        const Tensor *tensor = &file->params.tensors[t];
        char name[GGUF_MAX_NAME + 1];
        size_t dims[2], n_dims = tensor_dims(dims, tensor);
        tensor_name(name, prefix, tensor);
        const float *data = gguf_floats(file->gguf, name, n_dims, dims, err);
        if (!data) return false;
        memcpy(block + tensor->offset, data, tensor->count * sizeof *data);
    }
    return true;
}

static bool read_choice(const ModelFile *file, const char *key, const char *names, int *number, Error *err) {
    const char *name = gguf_string(file->gguf, key, NULL, err);
    if (!name) return false;
    *number = choice_number(names, name);
    return *number >= 0 || error_set(err, "%s: %s: expected %s, found \"%s\"", file->path, key, names, name);
}

static bool read_hyper(const ModelFile *file, Hyper *hyper, Error *err) {
    for (size_t i = 0; i < COUNT(size_keys); i++) {
        uint64_t value;
        if (!gguf_uint64(file->gguf, size_keys[i].key, &value, err)) return false;
        *FIELD(size_t, hyper, size_keys[i].offset) = value;
    }
    for (size_t i = 0; i < COUNT(rate_keys); i++)
        if (!gguf_double(file->gguf, rate_keys[i].key, FIELD(double, hyper, rate_keys[i].offset), err)) return false;
    for (size_t i = 0; i < COUNT(choice_keys); i++) {
        const ChoiceKey *c = &choice_keys[i];
        if (!read_choice(file, c->key, c->names, FIELD(int, hyper, c->offset), err)) return false;
    }
    return hyper_check(hyper, file->path, err);
}

static bool read_decode(const ModelFile *file, ModelDecode *decode, Error *err) {
    uint64_t beam, extra;
    if (!gguf_uint64(file->gguf, "nmt.decode.beam", &beam, err) ||
        !gguf_uint64(file->gguf, "nmt.decode.max_extra", &extra, err) ||
        !gguf_double(file->gguf, "nmt.decode.length_alpha", &decode->length_alpha, err) ||
        !gguf_double(file->gguf, "nmt.decode.max_ratio", &decode->max_ratio, err))
        return false;
    if (beam < 1 || beam > DECODE_MAX_BEAM)
        return error_set(err, "%s: nmt.decode.beam: expected 1 to %d, found %llu", file->path, DECODE_MAX_BEAM,
                         (unsigned long long)beam);
    if (extra > DECODE_MAX_EXTRA)
        return error_set(err, "%s: nmt.decode.max_extra: expected 0 to %d, found %llu", file->path, DECODE_MAX_EXTRA,
                         (unsigned long long)extra);
    if (!(decode->length_alpha >= 0 && decode->length_alpha <= DECODE_MAX_ALPHA))
        return error_set(err, "%s: nmt.decode.length_alpha: expected 0 to %d, found %g", file->path, DECODE_MAX_ALPHA,
                         decode->length_alpha);
    if (!(decode->max_ratio >= 0 && decode->max_ratio <= DECODE_MAX_RATIO))
        return error_set(err, "%s: nmt.decode.max_ratio: expected 0 to %d, found %g", file->path, DECODE_MAX_RATIO,
                         decode->max_ratio);
    decode->beam = (uint32_t)beam;
    decode->max_extra = (uint32_t)extra;
    return true;
}

static bool read_info(ModelFile *file, Error *err) {
    ModelInfo *info = &file->info;
    const char *found = gguf_string(file->gguf, "general.architecture", NULL, err);
    if (!found) return false;
    if (strcmp(found, architecture) != 0)
        return error_set(err, "%s: general.architecture: expected \"%s\", found \"%s\"", file->path, architecture,
                         found);
    size_t ids;
    int precision;
    if (!read_hyper(file, &info->hyper, err) || !read_decode(file, &info->decode, err) ||
        !gguf_bool(file->gguf, "nmt.text.lowercase", &info->lowercase, err) ||
        !gguf_bool(file->gguf, "nmt.text.apostrophes", &info->apostrophes, err) ||
        !gguf_bool(file->gguf, "nmt.text.spaces", &info->spaces, err) ||
        !(info->merges = gguf_array(file->gguf, "nmt.tokenizer.merges", GGUF_UINT32, &ids, err)) ||
        !(info->config = gguf_string(file->gguf, "nmt.config", NULL, err)) ||
        !gguf_uint64(file->gguf, "nmt.step", &info->step, err) ||
        !read_choice(file, PRECISION_KEY, PRECISION_NAMES, &precision, err))
        return false;
    info->precision = (Precision)precision;
    info->merge_count = ids / 2;
    if (ids % 2 != 0 || HYPER_MIN_VOCAB + info->merge_count != info->hyper.vocab)
        return error_set(err, "%s: nmt.tokenizer.merges: expected %zu numbers for a vocabulary of %zu, found %zu",
                         file->path, 2 * (info->hyper.vocab - HYPER_MIN_VOCAB), info->hyper.vocab, ids);
    return true;
}

/* Points w at the mapped block, or copies it together when the file has gaps between tensors. */
static bool read_tensors(ModelFile *file, Error *err) {
    const Tensor *first = &file->params.tensors[0];
    size_t dims[2], n_dims = tensor_dims(dims, first);
    file->w = gguf_floats(file->gguf, first->name, n_dims, dims, err);
    if (!file->w) return false;
    bool together = true;
    for (size_t t = 0; t < file->params.tensor_count; t++) {
        const Tensor *tensor = &file->params.tensors[t];
        n_dims = tensor_dims(dims, tensor);
        const float *data = gguf_floats(file->gguf, tensor->name, n_dims, dims, err);
        if (!data) return false;
        together = together && (uintptr_t)data == (uintptr_t)file->w + tensor->offset * sizeof *data;
    }
    if (together) return true;
    file->copy = memory_new(file->params.count, sizeof *file->copy);
    file->w = file->copy;
    return modelfile_read_block(file, "", file->copy, err);
}

bool modelfile_open(ModelFile *file, const char *path, Error *err) {
    *file = (ModelFile){.gguf = gguf_open(path, true, err)};
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

void modelfile_close(ModelFile *file) {
    gguf_close(file->gguf);
    parameters_free(&file->params);
    free(file->copy);
    free(file->path);
    *file = (ModelFile){0};
}
