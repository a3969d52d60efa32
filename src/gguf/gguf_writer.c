/* Key-values are kept as the bytes that the file will have. One function produces the file twice: first for its
 * checksum, then for the disk. */
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/ds.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/size.h"
#include "gguf/gguf_internal.h"

/* A set of names, to notice one that occurs twice. */
typedef struct NameSet {
    char *key;
    bool value; /* not used */
} NameSet;

struct GgufWriter {
    uint32_t alignment;
    unsigned char *pairs; /* stb_ds array: the key-values as they will be in the file, without the checksum */
    GgufTensor *tensors;  /* stb_ds array */
    NameSet *keys, *names;
};

static void add_name(NameSet **set, const char *name, size_t limit) {
    CHECK(gguf_name_is_good(name, strlen(name), limit), "a key or tensor name is not empty, short, and visible");
    CHECK(stbds_shgeti(*set, name) < 0, "a key is set once, a tensor added once");
    stbds_shput(*set, name, true);
}

static void put(unsigned char **bytes, const void *data, size_t size) {
    if (size) memcpy(stbds_arraddnptr(*bytes, size), data, size);
}

static void put_string(unsigned char **bytes, const char *text, size_t length) {
    const uint64_t length64 = length;
    put(bytes, &length64, sizeof length64);
    put(bytes, text, length);
}

static void put_key(GgufWriter *writer, const char *key, GgufType type) {
    const uint32_t code = type;
    add_name(&writer->keys, key, GGUF_MAX_KEY);
    put_string(&writer->pairs, key, strlen(key));
    put(&writer->pairs, &code, sizeof code);
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
    stbds_sh_new_strdup(writer->keys);
    stbds_sh_new_strdup(writer->names);
    add_name(&writer->keys, GGUF_CHECKSUM_KEY, GGUF_MAX_KEY);
    gguf_set_uint32(writer, GGUF_ALIGNMENT_KEY, alignment);
    return writer;
}

void gguf_writer_free(GgufWriter *writer) {
    if (!writer) return;
    stbds_shfree(writer->keys);
    stbds_shfree(writer->names);
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
    const uint32_t code = element;
    const uint64_t count64 = count;
    put_key(writer, key, GGUF_ARRAY);
    put(&writer->pairs, &code, sizeof code);
    put(&writer->pairs, &count64, sizeof count64);
    if (element == GGUF_STRING) {
        const GgufString *strings = values;
        for (size_t i = 0; i < count; i++) put_string(&writer->pairs, strings[i].text, strings[i].length);
    } else
        put(&writer->pairs, values, count * gguf_type_size(element));
}

void gguf_add_tensor(GgufWriter *writer, const char *name, size_t n_dims, const size_t *dims, const float *data) {
    add_name(&writer->names, name, GGUF_MAX_NAME - 1);
    CHECK(n_dims >= 1 && n_dims <= GGUF_MAX_DIMS, "a tensor has 1 to 4 dims");
    GgufTensor tensor = {.type = GGUF_TENSOR_F32, .n_dims = n_dims, .count = 1, .data = data};
    memcpy(tensor.name, name, strlen(name));
    for (size_t i = 0; i < n_dims; i++) {
        CHECK(dims[i] > 0 && dims[i] <= SIZE_MAX / sizeof *data / tensor.count, "dims of a tensor in memory");
        tensor.dims[i] = dims[i];
        tensor.count *= dims[i];
    }
    tensor.bytes = tensor.count * sizeof *data;
    const size_t n = stbds_arrlenu(writer->tensors);
    if (n) {
        const GgufTensor *last = &writer->tensors[n - 1];
        tensor.offset = size_round_up(last->offset + last->bytes, writer->alignment);
    }
    stbds_arrput(writer->tensors, tensor);
}

/* Where the bytes of a file go: to the disk, or (file NULL) only into a checksum. */
typedef struct Sink {
    FileWriter *file;
    Checksum sum;
    uint64_t at; /* bytes so far */
} Sink;

static void emit(Sink *sink, const void *data, size_t size) {
    if (sink->file)
        file_write(sink->file, data, size);
    else
        checksum_add(&sink->sum, data, size);
    sink->at += size;
}

static void emit_u32(Sink *sink, uint32_t number) {
    emit(sink, &number, sizeof number);
}

static void emit_u64(Sink *sink, uint64_t number) {
    emit(sink, &number, sizeof number);
}

static void emit_name(Sink *sink, const char *name) {
    emit_u64(sink, strlen(name));
    emit(sink, name, strlen(name));
}

static void emit_padding(Sink *sink, uint64_t alignment) {
    static const unsigned char zeros[GGUF_MIN_ALIGNMENT];
    const uint64_t end = size_round_up(sink->at, alignment);
    while (sink->at < end) emit(sink, zeros, end - sink->at < sizeof zeros ? end - sink->at : sizeof zeros);
}

/* The whole file. The last tensor is padded like the others, because ggml's own reader requires it. */
static void emit_file(Sink *sink, const GgufWriter *writer, uint64_t checksum) {
    const size_t n_tensors = stbds_arrlenu(writer->tensors);
    emit(sink, GGUF_MAGIC, strlen(GGUF_MAGIC));
    emit_u32(sink, GGUF_VERSION);
    emit_u64(sink, n_tensors);
    emit_u64(sink, stbds_shlenu(writer->keys));
    emit(sink, writer->pairs, stbds_arrlenu(writer->pairs));
    emit_name(sink, GGUF_CHECKSUM_KEY);
    emit_u32(sink, GGUF_UINT64);
    emit_u64(sink, checksum);
    for (size_t i = 0; i < n_tensors; i++) {
        const GgufTensor *tensor = &writer->tensors[i];
        emit_name(sink, tensor->name);
        emit_u32(sink, (uint32_t)tensor->n_dims);
        for (size_t j = 0; j < tensor->n_dims; j++) emit_u64(sink, tensor->dims[j]);
        emit_u32(sink, tensor->type);
        emit_u64(sink, tensor->offset);
    }
    emit_padding(sink, writer->alignment);
    for (size_t i = 0; i < n_tensors; i++) {
        emit(sink, writer->tensors[i].data, writer->tensors[i].bytes);
        emit_padding(sink, writer->alignment);
    }
}

bool gguf_write(const GgufWriter *writer, const char *path, Error *err) {
    Sink sink = {0};
    checksum_start(&sink.sum);
    emit_file(&sink, writer, 0);
    const uint64_t checksum = checksum_end(&sink.sum);
    sink = (Sink){.file = file_create(path, err)};
    if (!sink.file) return false;
    emit_file(&sink, writer, checksum);
    return file_commit(sink.file, err);
}
