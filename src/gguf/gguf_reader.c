/* A cursor moves once through the map, and every byte is reached by `take`, which checks that the file has it. Each
 * count and length is compared with the bytes that are left before anything is allocated for it. */
#include "gguf/gguf_internal.h"
#include "gguf/q8_0.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/memory.h"
#include "base/size.h"

/* Numbers and tensor data are used as they are in the file. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "GGUF files are little-endian");

enum {
    DEFAULT_ALIGNMENT = 32,
    /* The fewest bytes of a key-value and of a tensor info: a length, one character, and the other fields. */
    MIN_PAIR = 8 + 1 + 4 + 1,
    MIN_TENSOR = 8 + 1 + 4 + 8 + 4 + 8
};

typedef struct Cursor {
    const char *path;
    const unsigned char *data;
    size_t size, at;
    char item[128]; /* what is being read, for messages: "header", "key nmt.width", "tensor 3" */
    Error *err;
} Cursor;

/* The next bytes, or NULL with an error when the file has fewer. */
static const void *take(Cursor *c, uint64_t size, const char *what) {
    const unsigned char *bytes = c->data + c->at;
    if (size > c->size - c->at)
        return error_null(c->err, "%s: %s: expected %s (%" PRIu64 " bytes) at byte %zu, found only %zu bytes", c->path,
                          c->item, what, size, c->at, c->size - c->at);
    c->at += (size_t)size;
    return bytes;
}

static bool take_number(Cursor *c, void *number, size_t size, const char *what) {
    const void *bytes = take(c, size, what);
    if (bytes) memcpy(number, bytes, size);
    return bytes != NULL;
}

/* The text points into the map, where no NUL follows it. */
static bool take_string(Cursor *c, GgufString *string, const char *what) {
    uint64_t length;
    if (!take_number(c, &length, sizeof length, "a length")) return false;
    string->text = take(c, length, what);
    string->length = (size_t)length;
    return string->text != NULL;
}

static bool take_name(Cursor *c, GgufString *name, size_t limit, const char *what) {
    if (!take_string(c, name, what)) return false;
    if (gguf_name_is_good(name->text, name->length, limit)) return true;
    return error_set(c->err, "%s: %s: expected %s of 1 to %zu visible characters, found %zu bytes \"%.*s\"", c->path,
                     c->item, what, limit, name->length, (int)(name->length < 80 ? name->length : 80), name->text);
}

static bool take_type(Cursor *c, GgufType *type) {
    uint32_t code;
    if (!take_number(c, &code, sizeof code, "a value type")) return false;
    if (code >= GGUF_TYPES)
        return error_set(c->err, "%s: %s: expected a value type from 0 to %d, found %" PRIu32, c->path, c->item,
                         GGUF_TYPES - 1, code);
    *type = (GgufType)code;
    return true;
}

/* Reads strings into one block: the GgufStrings, then their texts. The first pass checks every length and computes the
 * size of the block. Someone else may write over the file between the two passes, so the second one checks again. */
static bool read_strings(Cursor *c, GgufPair *pair) {
    const size_t start = c->at;
    size_t text_size = 0;
    GgufString string;
    for (size_t i = 0; i < pair->count; i++) {
        if (!take_string(c, &string, "a string")) return false;
        text_size += string.length + 1;
    }
    GgufString *strings = pair->values = memory_new(pair->count * sizeof string + text_size, 1);
    char *text = (char *)(strings + pair->count), *const end = text + text_size;
    c->at = start;
    for (size_t i = 0; i < pair->count; i++) {
        if (!take_string(c, &string, "a string")) return false;
        if (string.length >= (size_t)(end - text))
            return error_set(c->err, "%s: %s: the file changed while it was read", c->path, c->item);
        memcpy(text, string.text, string.length);
        strings[i] = (GgufString){text, string.length};
        text += string.length + 1;
    }
    return true;
}

static bool read_value(Cursor *c, GgufPair *pair) {
    uint64_t count = 1;
    if (!take_type(c, &pair->type)) return false;
    pair->element = pair->type;
    if (pair->type == GGUF_ARRAY) {
        if (!take_type(c, &pair->element)) return false;
        if (pair->element == GGUF_ARRAY)
            return error_set(c->err, "%s: %s: expected an array of plain values, found an array of arrays", c->path,
                             c->item);
        if (!take_number(c, &count, sizeof count, "an array length")) return false;
    }
    const size_t size = gguf_type_size(pair->element);
    const size_t least = size ? size : sizeof(uint64_t); /* a string has at least its length */
    if (pair->type == GGUF_ARRAY && count > (c->size - c->at) / least)
        return error_set(c->err,
                         "%s: %s: expected %" PRIu64 " values of type %s (%zu bytes each) at byte %zu, found only %zu "
                         "bytes",
                         c->path, c->item, count, gguf_type_name(pair->element), least, c->at, c->size - c->at);
    pair->count = (size_t)count;
    if (pair->element == GGUF_STRING) return read_strings(c, pair);

    const unsigned char *bytes = take(c, count * size, "a value");
    if (!bytes) return false;
    if (pair->element == GGUF_BOOL)
        for (size_t i = 0; i < pair->count; i++)
            if (bytes[i] > 1)
                return error_set(c->err, "%s: %s: expected a bool of 0 or 1, found %d", c->path, c->item, bytes[i]);
    pair->values = memory_new(pair->count, size); /* a copy, because values in the file are not aligned */
    memcpy(pair->values, bytes, pair->count * size);
    return true;
}

/* Compares the checksum with that of the file, in which its own eight bytes, which end at `end`, are taken as zero. */
static bool verify_checksum(const Cursor *c, const GgufPair *pair, size_t end) {
    if (pair->type != GGUF_UINT64)
        return error_set(c->err, "%s: key %s: expected uint64, found %s", c->path, pair->key,
                         gguf_type_name(pair->type));
    const uint64_t zero = 0, expected = *(const uint64_t *)pair->values;
    Checksum sum;
    checksum_start(&sum);
    checksum_add(&sum, c->data, end - sizeof zero);
    checksum_add(&sum, &zero, sizeof zero);
    checksum_add(&sum, c->data + end, c->size - end);
    const uint64_t found = checksum_end(&sum);
    if (found == expected) return true;
    char digits[17];
    snprintf(digits, sizeof digits, "%016" PRIx64, found);
    const char *accepted = getenv(GGUF_ACCEPT);
    if (accepted && strcmp(accepted, digits) == 0) return true;
    return error_set(c->err,
                     "%s: changed since it was written, or damaged: checksum expected %016" PRIx64 ", found %s; if it "
                     "was changed on purpose, set " GGUF_ACCEPT "=%s in the environment to use it",
                     c->path, expected, digits, digits);
}

/* Where the checksum is: its pair, and the end of its bytes; 0: there is none. */
typedef struct Seal {
    size_t pair, end;
} Seal;

static bool read_pairs(GgufFile *file, Cursor *c, uint64_t count, bool require_checksum, Seal *seal) {
    if (count > (c->size - c->at) / MIN_PAIR)
        return error_set(c->err,
                         "%s: header: expected at most %zu keys in a file of this size, found a count of %" PRIu64,
                         c->path, (c->size - c->at) / MIN_PAIR, count);
    file->pairs = memory_new((size_t)count, sizeof *file->pairs);
    file->keys = memory_new((size_t)count, sizeof *file->keys);
    for (size_t i = 0; i < count; i++) {
        GgufPair *pair = &file->pairs[i];
        GgufString key;
        snprintf(c->item, sizeof c->item, "key %zu", i);
        if (!take_name(c, &key, GGUF_MAX_KEY, "a key")) return false;
        pair->key = memory_string_n(key.text, key.length);
        file->n_pairs = i + 1;
        file->keys[i] = (GgufName){pair->key, i};
        snprintf(c->item, sizeof c->item, "key %.100s", pair->key);
        if (!read_value(c, pair)) return false;
        if (strcmp(pair->key, GGUF_CHECKSUM_KEY) == 0) *seal = (Seal){i, c->at};
    }
    if (require_checksum && seal->end == 0)
        return error_set(c->err, "%s: expected the key %s, found none", c->path, GGUF_CHECKSUM_KEY);
    const char *twice = gguf_names_sort(file->keys, file->n_pairs);
    return !twice || error_set(c->err, "%s: key %s: expected once, found twice", c->path, twice);
}

static bool read_tensor(Cursor *c, GgufTensor *tensor) {
    GgufString name;
    uint32_t n_dims;
    if (!take_name(c, &name, GGUF_MAX_NAME, "a tensor name")) return false;
    memcpy(tensor->name, name.text, name.length);
    snprintf(c->item, sizeof c->item, "tensor %s", tensor->name);
    if (!take_number(c, &n_dims, sizeof n_dims, "a number of dims")) return false;
    if (n_dims < 1 || n_dims > GGUF_MAX_DIMS)
        return error_set(c->err, "%s: %s: expected 1 to %d dims, found %" PRIu32, c->path, c->item, GGUF_MAX_DIMS,
                         n_dims);
    tensor->n_dims = n_dims;
    tensor->count = 1;
    for (size_t i = 0; i < n_dims; i++) {
        uint64_t dim;
        if (!take_number(c, &dim, sizeof dim, "a dim")) return false;
        if (dim == 0) return error_set(c->err, "%s: %s: expected a dim above 0, found 0", c->path, c->item);
        if (dim > UINT64_MAX / tensor->count)
            return error_set(c->err, "%s: %s: expected dims with a product below 2^64, found another factor %" PRIu64,
                             c->path, c->item, dim);
        tensor->dims[i] = (size_t)dim;
        tensor->count *= dim;
    }
    if (!take_number(c, &tensor->type, sizeof tensor->type, "a tensor type")) return false;
    return take_number(c, &tensor->offset, sizeof tensor->offset, "an offset");
}

/* Checks that a tensor lies inside the data, which begins at `start` and has `size` bytes, and points it there. */
static bool place_tensor(const Cursor *c, GgufTensor *tensor, uint64_t alignment, size_t start, size_t size) {
    const char *name = tensor->name;
    const bool packed = tensor->type == GGUF_TENSOR_Q8_0;
    const size_t width = tensor->type == GGUF_TENSOR_F32    ? sizeof(float)
                         : tensor->type == GGUF_TENSOR_BF16 ? sizeof(float) / 2
                         : packed                           ? Q8_0_BYTES
                                                            : 0;
    if (tensor->offset % alignment)
        return error_set(c->err, "%s: tensor %s: expected an offset that is a multiple of %" PRIu64 ", found %" PRIu64,
                         c->path, name, alignment, tensor->offset);
    if (tensor->offset >= size)
        return error_set(c->err, "%s: tensor %s: expected an offset below %zu, the size of the data, found %" PRIu64,
                         c->path, name, size, tensor->offset);
    if (!width) return true;
    const size_t left = size - (size_t)tensor->offset;
    if (packed && tensor->dims[0] % Q8_0_BLOCK)
        return error_set(c->err, "%s: tensor %s: expected a first dim that is a multiple of %d for Q8_0, found %zu",
                         c->path, name, Q8_0_BLOCK, tensor->dims[0]);
    const uint64_t count = packed ? tensor->count / Q8_0_BLOCK : tensor->count;
    if (count > left / width)
        return error_set(
            c->err, "%s: tensor %s: expected %" PRIu64 " %s of %zu bytes at offset %" PRIu64 ", found only %zu bytes",
            c->path, name, count, packed ? "blocks" : "elements", width, tensor->offset, left);
    tensor->bytes = (size_t)count * width;
    tensor->data = c->data + start + tensor->offset;
    return true;
}

static int offset_compare(const void *a, const void *b) {
    const uint64_t x = (*(const GgufTensor *const *)a)->offset, y = (*(const GgufTensor *const *)b)->offset;
    return (x > y) - (x < y);
}

/* A tensor whose type has no known size counts as one byte. */
static bool check_overlaps(const GgufFile *file, Error *err) {
    bool ok = true;
    const GgufTensor **order = memory_new(file->n_tensors, sizeof *order);
    for (size_t i = 0; i < file->n_tensors; i++) order[i] = &file->tensors[i];
    if (file->n_tensors > 1) qsort(order, file->n_tensors, sizeof *order, offset_compare);
    for (size_t i = 1; ok && i < file->n_tensors; i++) {
        const GgufTensor *a = order[i - 1], *b = order[i];
        const uint64_t end = a->offset + (a->bytes ? a->bytes : 1);
        if (b->offset < end)
            ok = error_set(err,
                           "%s: tensor %s: expected an offset of %" PRIu64 " or more, the end of %s, found %" PRIu64,
                           file->path, b->name, end, a->name, b->offset);
    }
    free(order);
    return ok;
}

static bool read_tensors(GgufFile *file, Cursor *c, uint64_t count) {
    if (count > (c->size - c->at) / MIN_TENSOR)
        return error_set(c->err,
                         "%s: header: expected at most %zu tensors in a file of this size, found a count of %" PRIu64,
                         c->path, (c->size - c->at) / MIN_TENSOR, count);
    uint64_t alignment = DEFAULT_ALIGNMENT;
    if (gguf_has(file, GGUF_ALIGNMENT_KEY)) {
        if (!gguf_uint64(file, GGUF_ALIGNMENT_KEY, &alignment, c->err)) return false;
        if (alignment < GGUF_MIN_ALIGNMENT || alignment > UINT32_MAX || (alignment & (alignment - 1)) != 0)
            return error_set(c->err, "%s: key %s: expected a power of two from %d up, found %" PRIu64, c->path,
                             GGUF_ALIGNMENT_KEY, GGUF_MIN_ALIGNMENT, alignment);
    }
    file->tensors = memory_new((size_t)count, sizeof *file->tensors);
    file->names = memory_new((size_t)count, sizeof *file->names);
    file->n_tensors = (size_t)count;
    for (size_t i = 0; i < count; i++) {
        snprintf(c->item, sizeof c->item, "tensor %zu", i);
        if (!read_tensor(c, &file->tensors[i])) return false;
        file->names[i] = (GgufName){file->tensors[i].name, i};
    }
    const char *twice = gguf_names_sort(file->names, file->n_tensors);
    if (twice) return error_set(c->err, "%s: tensor %s: expected once, found twice", c->path, twice);
    /* A file without tensors may end before the padding does: then size is 0. */
    const uint64_t start = size_round_up(c->at, alignment);
    const size_t size = start < c->size ? c->size - (size_t)start : 0;
    for (size_t i = 0; i < count; i++)
        if (!place_tensor(c, &file->tensors[i], alignment, (size_t)start, size)) return false;
    return check_overlaps(file, c->err);
}

static bool read_header(Cursor *c, uint64_t *n_tensors, uint64_t *n_pairs) {
    const size_t magic = strlen(GGUF_MAGIC), there = c->size < magic ? c->size : magic;
    uint32_t version;
    if (there < magic || memcmp(c->data, GGUF_MAGIC, magic) != 0)
        return error_set(c->err, "%s: not a GGUF file: expected it to begin with \"%s\", found \"%.*s\"", c->path,
                         GGUF_MAGIC, (int)there, (const char *)c->data);
    c->at = magic;
    if (!take_number(c, &version, sizeof version, "a version")) return false;
    if (version != GGUF_VERSION && version != 0 && (version & 0xffff) == 0)
        return error_set(c->err, "%s: expected a little-endian GGUF file, found a big-endian one", c->path);
    if (version != GGUF_VERSION)
        return error_set(c->err, "%s: expected GGUF version %d, found version %" PRIu32, c->path, GGUF_VERSION,
                         version);
    return take_number(c, n_tensors, sizeof *n_tensors, "a tensor count") &&
           take_number(c, n_pairs, sizeof *n_pairs, "a key count");
}

/* The map becomes the file's, also on failure. */
static GgufFile *read_map(FileMap map, const char *name, bool require_checksum, Error *err) {
    GgufFile *file = memory_new(1, sizeof *file);
    *file = (GgufFile){.path = memory_string(name), .map = map};
    Cursor c = {.path = file->path, .data = map.data, .size = map.size, .item = "header", .err = err};
    uint64_t n_tensors = 0, n_pairs = 0;
    Seal seal = {0, 0};
    /* The checksum comes last: of a file that was cut, it is more useful to know what is missing. */
    if (read_header(&c, &n_tensors, &n_pairs) && read_pairs(file, &c, n_pairs, require_checksum, &seal) &&
        read_tensors(file, &c, n_tensors) && (seal.end == 0 || verify_checksum(&c, &file->pairs[seal.pair], seal.end)))
        return file;
    gguf_close(file);
    return NULL;
}

GgufFile *gguf_open(const char *path, bool require_checksum, Error *err) {
    FileMap map;
    return file_map(&map, path, err) ? read_map(map, path, require_checksum, err) : NULL;
}

GgufFile *gguf_open_memory(const void *bytes, size_t size, const char *name, bool require_checksum, Error *err) {
    FileMap map = {size > 0 ? bytes : "", size, FILE_LENT};
    if ((uintptr_t)map.data % GGUF_MIN_ALIGNMENT != 0 && size > 0) {
        void *copy = memory_new(size, 1);
        memcpy(copy, bytes, size);
        map = (FileMap){copy, size, FILE_COPIED};
    }
    return read_map(map, name, require_checksum, err);
}
