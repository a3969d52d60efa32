/* Key-values are kept as the bytes that the file will have. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/ds.h"
#include "base/file_write.h"
#include "base/memory.h"
#include "base/size.h"
#include "gguf/gguf_internal.h"
#include "gguf/q8_0.h"

struct GgufWriter {
    uint32_t alignment;
    unsigned char *pairs; /* stb_ds array: the key-values as they will be in the file, without the checksum */
    GgufTensor *tensors;  /* stb_ds array */
    char **keys;          /* stb_ds array of strings, to notice one that is set twice */
};

static void add_key(GgufWriter *writer, const char *key) {
    CHECK(gguf_name_is_good(key, strlen(key), GGUF_MAX_KEY), "a key is not empty, short, and visible");
    for (size_t i = 0; i < stbds_arrlenu(writer->keys); i++)
        CHECK(strcmp(writer->keys[i], key) != 0, "a key is set once");
    stbds_arrput(writer->keys, memory_string(key));
}

static void put(unsigned char **bytes, const void *data, size_t size) {
    ds_append(*bytes, (const unsigned char *)data, size);
}

static void put_u32(unsigned char **bytes, uint32_t number) { put(bytes, &number, sizeof number); }

static void put_u64(unsigned char **bytes, uint64_t number) { put(bytes, &number, sizeof number); }

static void put_string(unsigned char **bytes, const char *text, size_t length) {
    put_u64(bytes, length);
    put(bytes, text, length);
}

static void put_key(GgufWriter *writer, const char *key, GgufType type) {
    add_key(writer, key);
    put_string(&writer->pairs, key, strlen(key));
    put_u32(&writer->pairs, type);
}

static void set_scalar(GgufWriter *writer, const char *key, GgufType type, const void *value) {
    put_key(writer, key, type);
    put(&writer->pairs, value, gguf_type_size(type));
}

GgufWriter *gguf_writer_new(uint32_t alignment) {
    CHECK(alignment >= GGUF_MIN_ALIGNMENT && (alignment & (alignment - 1)) == 0,
          "the alignment is a power of two from 8 up");
    GgufWriter *writer = memory_new(1, sizeof *writer);
    writer->alignment = alignment;
    add_key(writer, GGUF_CHECKSUM_KEY);
    gguf_set_uint32(writer, GGUF_ALIGNMENT_KEY, alignment);
    return writer;
}

void gguf_writer_free(GgufWriter *writer) {
    if (!writer) return;
    for (size_t i = 0; i < stbds_arrlenu(writer->keys); i++) free(writer->keys[i]);
    stbds_arrfree(writer->keys);
    stbds_arrfree(writer->pairs);
    stbds_arrfree(writer->tensors);
    free(writer);
}

void gguf_set_string(GgufWriter *writer, const char *key, const char *text) {
    put_key(writer, key, GGUF_STRING);
    put_string(&writer->pairs, text, strlen(text));
}

void gguf_set_uint32(GgufWriter *writer, const char *key, uint32_t value) {
    set_scalar(writer, key, GGUF_UINT32, &value);
}

void gguf_set_uint64(GgufWriter *writer, const char *key, uint64_t value) {
    set_scalar(writer, key, GGUF_UINT64, &value);
}

void gguf_set_float64(GgufWriter *writer, const char *key, double value) {
    set_scalar(writer, key, GGUF_FLOAT64, &value);
}

void gguf_set_bool(GgufWriter *writer, const char *key, bool value) {
    const uint8_t byte = value;
    set_scalar(writer, key, GGUF_BOOL, &byte);
}

void gguf_set_array(GgufWriter *writer, const char *key, GgufType element, const void *values, size_t count) {
    CHECK(element < GGUF_TYPES && element != GGUF_ARRAY, "arrays hold plain values");
    put_key(writer, key, GGUF_ARRAY);
    put_u32(&writer->pairs, element);
    put_u64(&writer->pairs, count);
    if (element == GGUF_STRING) {
        const GgufString *strings = values;
        for (size_t i = 0; i < count; i++) put_string(&writer->pairs, strings[i].text, strings[i].length);
    } else
        put(&writer->pairs, values, count * gguf_type_size(element));
}

static void add_tensor(GgufWriter *writer, const char *name, uint32_t type, size_t n_dims, const size_t *dims,
                       const void *data) {
    CHECK(gguf_name_is_good(name, strlen(name), GGUF_MAX_NAME - 1), "a tensor's name is not empty, short, and visible");
    for (size_t i = 0; i < stbds_arrlenu(writer->tensors); i++)
        CHECK(strcmp(writer->tensors[i].name, name) != 0, "a tensor is added once");
    CHECK(n_dims >= 1 && n_dims <= GGUF_MAX_DIMS, "a tensor has 1 to 4 dims");
    GgufTensor tensor = {.type = type, .n_dims = n_dims, .count = 1, .data = data};
    memcpy(tensor.name, name, strlen(name));
    for (size_t i = 0; i < n_dims; i++) {
        CHECK(dims[i] > 0 && dims[i] <= SIZE_MAX / sizeof(float) / tensor.count, "dims of a tensor in memory");
        tensor.dims[i] = dims[i];
        tensor.count *= dims[i];
    }
    tensor.bytes = (size_t)tensor.count * sizeof(float);
    if (type == GGUF_TENSOR_Q8_0) tensor.bytes = (size_t)tensor.count / Q8_0_BLOCK * Q8_0_BYTES;
    const size_t n = stbds_arrlenu(writer->tensors);
    if (n) {
        const GgufTensor *last = &writer->tensors[n - 1];
        tensor.offset = size_round_up(last->offset + last->bytes, writer->alignment);
    }
    stbds_arrput(writer->tensors, tensor);
}

void gguf_add_tensor(GgufWriter *writer, const char *name, size_t n_dims, const size_t *dims, const float *data) {
    add_tensor(writer, name, GGUF_TENSOR_F32, n_dims, dims, data);
}

void gguf_add_q8_0(GgufWriter *writer, const char *name, size_t n_dims, const size_t *dims,
                   const unsigned char *blocks) {
    CHECK(dims[0] % Q8_0_BLOCK == 0, "rows of whole blocks");
    add_tensor(writer, name, GGUF_TENSOR_Q8_0, n_dims, dims, blocks);
}

/* Everything before the tensor data, a stb_ds array, with a checksum of zero at *checksum_at. */
static unsigned char *file_head(const GgufWriter *writer, size_t *checksum_at) {
    const size_t n_tensors = stbds_arrlenu(writer->tensors);
    unsigned char *head = NULL;
    put(&head, GGUF_MAGIC, strlen(GGUF_MAGIC));
    put_u32(&head, GGUF_VERSION);
    put_u64(&head, n_tensors);
    put_u64(&head, stbds_arrlenu(writer->keys));
    put(&head, writer->pairs, stbds_arrlenu(writer->pairs));
    put_string(&head, GGUF_CHECKSUM_KEY, strlen(GGUF_CHECKSUM_KEY));
    put_u32(&head, GGUF_UINT64);
    *checksum_at = stbds_arrlenu(head);
    put_u64(&head, 0);
    for (size_t i = 0; i < n_tensors; i++) {
        const GgufTensor *tensor = &writer->tensors[i];
        put_string(&head, tensor->name, strlen(tensor->name));
        put_u32(&head, (uint32_t)tensor->n_dims);
        for (size_t j = 0; j < tensor->n_dims; j++) put_u64(&head, tensor->dims[j]);
        put_u32(&head, tensor->type);
        put_u64(&head, tensor->offset);
    }
    while (stbds_arrlenu(head) % writer->alignment) stbds_arrput(head, 0);
    return head;
}

/* The head and the tensors are read twice: first for the checksum, then for the disk. The last tensor is padded like
 * the others, because ggml's own reader requires it. */
bool gguf_write(const GgufWriter *writer, const char *path, Error *err) {
    const GgufTensor *tensors = writer->tensors, *end = tensors + stbds_arrlenu(tensors);
    const size_t alignment = writer->alignment;
    unsigned char *zeros = memory_new(alignment, 1);
    size_t checksum_at;
    unsigned char *head = file_head(writer, &checksum_at);
    Checksum sum;
    checksum_start(&sum);
    checksum_add(&sum, head, stbds_arrlenu(head));
    for (const GgufTensor *t = tensors; t < end; t++) {
        checksum_add(&sum, t->data, t->bytes);
        checksum_add(&sum, zeros, size_round_up(t->bytes, alignment) - t->bytes);
    }
    const uint64_t checksum = checksum_end(&sum);
    memcpy(head + checksum_at, &checksum, sizeof checksum);

    FileWriter *file = file_create(path, err);
    if (file) {
        file_write(file, head, stbds_arrlenu(head));
        for (const GgufTensor *t = tensors; t < end; t++) {
            file_write(file, t->data, t->bytes);
            file_write(file, zeros, size_round_up(t->bytes, alignment) - t->bytes);
        }
    }
    free(zeros);
    stbds_arrfree(head);
    return file && file_commit(file, err);
}
