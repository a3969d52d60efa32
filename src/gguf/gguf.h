/* GGUF version 3, the ggml project's format for a model in one file (its specification: docs/gguf.md): a reader over a
 * memory map (gguf_reader.c, gguf.c) and a writer (gguf_writer.c). All numbers are little-endian:
 *
 *     +--------+---------+--------------+-----------+
 *     | "GGUF" | version | tensor count | key count |       4 + 4 + 8 + 8 bytes
 *     +--------+---------+--------------+-----------+
 *     | key  type  value | key  type  value | ...   |       without gaps
 *     +---------------------------------------------+
 *     | name  n_dims  dims  type  offset | ...      |       of each tensor; offsets count from the tensor data
 *     +---------------------------------------------+
 *     | zeros                                       |       up to a multiple of the alignment
 *     +---------------------------------------------+
 *     | tensor | zeros | tensor | zeros | ...       |       each tensor begins at a multiple of the alignment
 *     +---------------------------------------------+
 *
 * Dims are in ggml's order: dims[0] runs fastest. A row-major matrix of shape (rows, cols) has dims {cols, rows}.
 *
 * The last key of every file written here is nmt.checksum: XXH64 over the whole file, with these eight bytes taken as
 * zero. It finds any flipped bit. A reader verifies it if it is there.
 *
 * Nothing in a file is trusted. Whatever its bytes, reading stays inside the map, takes time and memory in proportion
 * to the file's size, and refuses unknown value types, arrays of arrays, duplicate names, and tensors that are
 * unaligned, overlap or leave the file. (A tensor of a type that it does not know has only a beginning.) Bytes after
 * the last tensor are allowed, and covered by the checksum.
 *
 * On failure functions return false or NULL, with an Error that names the file, the key or tensor, what was expected
 * and what was found. What the reader returns belongs to the GgufFile and lives until gguf_close. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define GGUF_MAGIC         "GGUF"
#define GGUF_ALIGNMENT_KEY "general.alignment"
#define GGUF_CHECKSUM_KEY  "nmt.checksum"
#define GGUF_ACCEPT        "NMT_ACCEPT" /* environment variable: the checksum of a changed file that is to open */

enum {
    GGUF_VERSION = 3,
    GGUF_MIN_ALIGNMENT = 8,
    GGUF_MAX_KEY = 65535, /* bytes */
    GGUF_MAX_NAME = 64,   /* bytes of a tensor name */
    GGUF_MAX_DIMS = 4
};

/* The types of values; the number is the code in the file. */
typedef enum GgufType {
    GGUF_UINT8,
    GGUF_INT8,
    GGUF_UINT16,
    GGUF_INT16,
    GGUF_UINT32,
    GGUF_INT32,
    GGUF_FLOAT32,
    GGUF_BOOL, /* one byte, 0 or 1 */
    GGUF_STRING,
    GGUF_ARRAY,
    GGUF_UINT64,
    GGUF_INT64,
    GGUF_FLOAT64,
    GGUF_TYPES
} GgufType;

/* The types of tensors whose size this reader knows, by their code in the file. */
enum { GGUF_TENSOR_F32 = 0, GGUF_TENSOR_Q8_0 = 8, GGUF_TENSOR_BF16 = 30 };

/* Any bytes; the reader adds a NUL after them. */
typedef struct GgufString {
    const char *text;
    size_t length; /* bytes, without the NUL */
} GgufString;

size_t gguf_type_size(GgufType type); /* bytes; 0 for strings and arrays */

/* Whether this may be a key or tensor name: 1 to `limit` bytes without ASCII's spaces and control characters, thus no
 * NUL. */
bool gguf_name_is_good(const char *text, size_t length, size_t limit);

/* Reading. Without require_checksum, a file without a checksum opens, too (other tools write such files). A checksum
 * that is there is always verified. A wrong one is accepted if the environment variable that GGUF_ACCEPT names holds
 * the checksum of the file as it is. So one file that was changed on purpose can be opened. Everything else in it is
 * still checked. */
typedef struct GgufFile GgufFile;

GgufFile *gguf_open(const char *path, bool require_checksum, Error *err);
/* The same from the bytes of a file, which must stay as they are until gguf_close; name: what messages call it. If
 * their address is a multiple of GGUF_MIN_ALIGNMENT, they are used in place; otherwise they are copied. */
GgufFile *gguf_open_memory(const void *bytes, size_t size, const char *name, bool require_checksum, Error *err);
void gguf_close(GgufFile *file); /* NULL is fine */

/* Key number i, in the order of the file; NULL behind the last. */
const char *gguf_key(const GgufFile *file, size_t i);
/* Its value as text in a fresh string; NULL when it is an array, or a string with a NUL. */
char *gguf_text(const GgufFile *file, size_t i);

/* Values by key. Fails when the key is missing or has another type; *value then stays as it is. */
bool gguf_has(const GgufFile *file, const char *key);
bool gguf_uint64(const GgufFile *file, const char *key, uint64_t *value, Error *err); /* any integer >= 0 */
bool gguf_double(const GgufFile *file, const char *key, double *value, Error *err);   /* float32 or float64 */
bool gguf_bool(const GgufFile *file, const char *key, bool *value, Error *err);
/* length may be NULL; then a text that contains a NUL fails. */
const char *gguf_string(const GgufFile *file, const char *key, size_t *length, Error *err);
/* The elements (count), of exactly this type; GgufString for strings. An empty array is not NULL. */
const void *gguf_array(const GgufFile *file, const char *key, GgufType element, size_t *count, Error *err);

/* The data of a float32 tensor of exactly these dims. */
const float *gguf_floats(const GgufFile *file, const char *name, size_t n_dims, const size_t *dims, Error *err);
/* The numbers of a tensor of exactly these dims, which is float32 or Q8_0 (gguf/q8_0.h). */
bool gguf_read_floats(const GgufFile *file, const char *name, size_t n_dims, const size_t *dims, float *out,
                      Error *err);
/* Whether there is a tensor of that name and type. */
bool gguf_has_tensor(const GgufFile *file, const char *name, uint32_t type);

/* Writing. Keys, values and names are copied; tensor data is not, and must stay until gguf_write. A bad or repeated key
 * or name is a bug (CHECK). The alignment is a power of two from 8 up, and is written as general.alignment; with 8,
 * there are no gaps between float tensors of an even number of elements. Tensor names have at most 63 bytes, because
 * ggml keeps them in 64 with a NUL. */
typedef struct GgufWriter GgufWriter;

GgufWriter *gguf_writer_new(uint32_t alignment);
void gguf_writer_free(GgufWriter *writer);

void gguf_set_string(GgufWriter *writer, const char *key, const char *text);
void gguf_set_uint32(GgufWriter *writer, const char *key, uint32_t value);
void gguf_set_uint64(GgufWriter *writer, const char *key, uint64_t value);
void gguf_set_float64(GgufWriter *writer, const char *key, double value);
void gguf_set_bool(GgufWriter *writer, const char *key, bool value);
/* values: (count) of the element type, as gguf_array returns them. */
void gguf_set_array(GgufWriter *writer, const char *key, GgufType element, const void *values, size_t count);

void gguf_add_tensor(GgufWriter *writer, const char *name, size_t n_dims, const size_t *dims, const float *data);
/* blocks: of q8_0_pack; dims[0] is a multiple of Q8_0_BLOCK. */
void gguf_add_q8_0(GgufWriter *writer, const char *name, size_t n_dims, const size_t *dims,
                   const unsigned char *blocks);

/* Writes the whole file or nothing (base/file.h). The writer can be used again. */
bool gguf_write(const GgufWriter *writer, const char *path, Error *err);
