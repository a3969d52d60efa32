#include "gguf/gguf_internal.h"
#include "gguf/q8_0.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

static const struct {
    const char *name;
    size_t size; /* bytes in the file; 0: not fixed */
    enum { UNSIGNED = 1, SIGNED, OTHER } kind;
} TYPES[GGUF_TYPES] = {
    [GGUF_UINT8] = {"uint8", 1, UNSIGNED},   [GGUF_INT8] = {"int8", 1, SIGNED},
    [GGUF_UINT16] = {"uint16", 2, UNSIGNED}, [GGUF_INT16] = {"int16", 2, SIGNED},
    [GGUF_UINT32] = {"uint32", 4, UNSIGNED}, [GGUF_INT32] = {"int32", 4, SIGNED},
    [GGUF_FLOAT32] = {"float32", 4, OTHER},  [GGUF_BOOL] = {"bool", 1, OTHER},
    [GGUF_STRING] = {"string", 0, OTHER},    [GGUF_ARRAY] = {"array", 0, OTHER},
    [GGUF_UINT64] = {"uint64", 8, UNSIGNED}, [GGUF_INT64] = {"int64", 8, SIGNED},
    [GGUF_FLOAT64] = {"float64", 8, OTHER},
};

size_t gguf_type_size(GgufType type) { return TYPES[type].size; }

const char *gguf_type_name(GgufType type) { return TYPES[type].name; }

bool gguf_name_is_good(const char *text, size_t length, size_t limit) {
    if (length == 0 || length > limit) return false;
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] <= ' ' || text[i] == 0x7f) return false;
    return true;
}

static int name_compare(const void *a, const void *b) {
    return strcmp(((const GgufName *)a)->text, ((const GgufName *)b)->text);
}

const char *gguf_names_sort(GgufName *names, size_t count) {
    if (count > 1) qsort(names, count, sizeof *names, name_compare);
    for (size_t i = 1; i < count; i++)
        if (strcmp(names[i - 1].text, names[i].text) == 0) return names[i].text;
    return NULL;
}

static const GgufName *names_find(const GgufName *names, size_t count, const char *text) {
    const GgufName wanted = {text, 0};
    return count ? bsearch(&wanted, names, count, sizeof *names, name_compare) : NULL;
}

void gguf_close(GgufFile *file) {
    if (!file) return;
    for (size_t i = 0; i < file->n_pairs; i++) {
        free(file->pairs[i].key);
        free(file->pairs[i].values);
    }
    free(file->pairs);
    free(file->tensors);
    free(file->keys);
    free(file->names);
    free(file->path);
    file_unmap(&file->map);
    free(file);
}

static const GgufPair *find_pair(const GgufFile *file, const char *key) {
    const GgufName *name = names_find(file->keys, file->n_pairs, key);
    return name ? &file->pairs[name->at] : NULL;
}

const char *gguf_key(const GgufFile *file, size_t i) { return i < file->n_pairs ? file->pairs[i].key : NULL; }

bool gguf_has(const GgufFile *file, const char *key) { return find_pair(file, key) != NULL; }

/* An integer of any width as 64 bits in two's complement, and whether it is below 0. False if it is no integer. */
static bool as_integer(const GgufPair *pair, uint64_t *bits, bool *negative) {
    const size_t size = TYPES[pair->type].size;
    if (TYPES[pair->type].kind == OTHER) return false;
    *bits = 0;
    memcpy(bits, pair->values, size);
    *negative = TYPES[pair->type].kind == SIGNED && *bits >> (8 * size - 1) != 0;
    if (*negative && size < 8) *bits |= UINT64_MAX << (8 * size);
    return true;
}

/* The error for a key that holds something else than expected, or is missing (pair NULL); returns false. */
static bool unexpected(const GgufFile *file, const char *key, const GgufPair *pair, const char *expected, Error *err) {
    uint64_t bits;
    bool negative;
    if (!pair) return error_set(err, "%s: key %s: expected %s, found no such key", file->path, key, expected);
    if (pair->type == GGUF_ARRAY)
        return error_set(err, "%s: key %s: expected %s, found an array of %zu %s", file->path, key, expected,
                         pair->count, TYPES[pair->element].name);
    if (as_integer(pair, &bits, &negative))
        return error_set(err, "%s: key %s: expected %s, found %s %s%" PRIu64, file->path, key, expected,
                         TYPES[pair->type].name, negative ? "-" : "", negative ? 0 - bits : bits);
    return error_set(err, "%s: key %s: expected %s, found a %s", file->path, key, expected, TYPES[pair->type].name);
}

bool gguf_uint64(const GgufFile *file, const char *key, uint64_t *value, Error *err) {
    const GgufPair *pair = find_pair(file, key);
    uint64_t bits;
    bool negative;
    if (!pair || !as_integer(pair, &bits, &negative) || negative)
        return unexpected(file, key, pair, "an integer of 0 or more", err);
    *value = bits;
    return true;
}

bool gguf_double(const GgufFile *file, const char *key, double *value, Error *err) {
    const GgufPair *pair = find_pair(file, key);
    if (pair && pair->type == GGUF_FLOAT32)
        *value = *(const float *)pair->values;
    else if (pair && pair->type == GGUF_FLOAT64)
        *value = *(const double *)pair->values;
    else
        return unexpected(file, key, pair, "a float32 or float64", err);
    return true;
}

bool gguf_bool(const GgufFile *file, const char *key, bool *value, Error *err) {
    const GgufPair *pair = find_pair(file, key);
    if (!pair || pair->type != GGUF_BOOL) return unexpected(file, key, pair, "a bool", err);
    *value = *(const uint8_t *)pair->values;
    return true;
}

/* With as few digits as give the same number again. */
static char *double_text(double value) {
    char text[32];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return memory_string(text);
}

char *gguf_text(const GgufFile *file, size_t i) {
    const GgufPair *pair = &file->pairs[i];
    uint64_t bits;
    bool negative;
    if (as_integer(pair, &bits, &negative))
        return negative ? memory_format("%" PRId64, (int64_t)bits) : memory_format("%" PRIu64, bits);
    switch (pair->type) {
    case GGUF_FLOAT32: return memory_format("%.9g", (double)*(const float *)pair->values);
    case GGUF_FLOAT64: return double_text(*(const double *)pair->values);
    case GGUF_BOOL: return memory_string(*(const uint8_t *)pair->values ? "true" : "false");
    case GGUF_STRING: {
        const GgufString *string = pair->values;
        const bool whole = strlen(string->text) == string->length;
        return whole ? memory_string(string->text) : NULL;
    }
    default: return NULL;
    }
}

const char *gguf_string(const GgufFile *file, const char *key, size_t *length, Error *err) {
    const GgufPair *pair = find_pair(file, key);
    if (!pair || pair->type != GGUF_STRING) return unexpected(file, key, pair, "a string", err), NULL;
    const GgufString *string = pair->values;
    if (length)
        *length = string->length;
    else if (strlen(string->text) != string->length)
        return error_null(err, "%s: key %s: expected a text, found a NUL byte in it", file->path, key);
    return string->text;
}

const void *gguf_array(const GgufFile *file, const char *key, GgufType element, size_t *count, Error *err) {
    const GgufPair *pair = find_pair(file, key);
    if (!pair || pair->type != GGUF_ARRAY || pair->element != element) {
        char expected[32];
        snprintf(expected, sizeof expected, "an array of %s", TYPES[element].name);
        return unexpected(file, key, pair, expected, err), NULL;
    }
    *count = pair->count;
    return pair->values;
}

static const char *dims_text(char text[96], size_t n_dims, const size_t *dims) {
    size_t used = 0;
    for (size_t i = 0; i < n_dims; i++) used += (size_t)snprintf(text + used, 96 - used, i ? ", %zu" : "%zu", dims[i]);
    return text;
}

/* The tensor of this type and dims. */
static const GgufTensor *find_tensor(const GgufFile *file, const char *name, uint32_t type, size_t n_dims,
                                     const size_t *dims, Error *err) {
    char expected[96], found[96];
    const GgufName *entry = names_find(file->names, file->n_tensors, name);
    CHECK(n_dims >= 1 && n_dims <= GGUF_MAX_DIMS, "a tensor has 1 to 4 dims");
    if (!entry) return error_null(err, "%s: expected a tensor %s, found none of that name", file->path, name);
    const GgufTensor *tensor = &file->tensors[entry->at];
    if (tensor->type != type)
        return error_null(err, "%s: tensor %s: expected type %" PRIu32 " (%s), found type %" PRIu32, file->path, name,
                          type, type == GGUF_TENSOR_F32 ? "float32" : "Q8_0", tensor->type);
    if (tensor->n_dims != n_dims || memcmp(tensor->dims, dims, n_dims * sizeof *dims) != 0)
        return error_null(err, "%s: tensor %s: expected dims {%s}, found {%s}", file->path, name,
                          dims_text(expected, n_dims, dims), dims_text(found, tensor->n_dims, tensor->dims));
    return tensor;
}

bool gguf_has_tensor(const GgufFile *file, const char *name, uint32_t type) {
    const GgufName *entry = names_find(file->names, file->n_tensors, name);
    return entry && file->tensors[entry->at].type == type;
}

bool gguf_read_floats(const GgufFile *file, const char *name, size_t n_dims, const size_t *dims, float *out,
                      Error *err) {
    const bool packed = gguf_has_tensor(file, name, GGUF_TENSOR_Q8_0);
    const GgufTensor *tensor = find_tensor(file, name, packed ? GGUF_TENSOR_Q8_0 : GGUF_TENSOR_F32, n_dims, dims, err);
    if (!tensor) return false;
    if (packed)
        q8_0_unpack(out, tensor->data, (size_t)tensor->count);
    else
        memcpy(out, tensor->data, tensor->bytes);
    return true;
}

const float *gguf_floats(const GgufFile *file, const char *name, size_t n_dims, const size_t *dims, Error *err) {
    const GgufTensor *tensor = find_tensor(file, name, GGUF_TENSOR_F32, n_dims, dims, err);
    return tensor ? tensor->data : NULL;
}
