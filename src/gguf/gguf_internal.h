/* An open GGUF file: gguf_reader.c fills it, gguf.c looks things up in it. For gguf/ and for tests. */
#pragma once

#include "base/file.h"
#include "gguf/gguf.h"

typedef struct GgufPair {
    char *key;
    GgufType type;    /* GGUF_ARRAY: an array of `element`; otherwise the same as `element` */
    GgufType element; /* never GGUF_ARRAY */
    size_t count;     /* of elements; 1 unless an array */
    void *values;     /* (count), aligned: uint8_t ... double by type; bool as uint8_t; GgufString */
} GgufPair;

typedef struct GgufTensor {
    char name[GGUF_MAX_NAME + 1];
    uint32_t type; /* any code may occur */
    size_t n_dims; /* 1 to 4 */
    size_t dims[GGUF_MAX_DIMS];
    uint64_t count;   /* product of dims */
    size_t bytes;     /* 0 when the type is not one of GGUF_TENSOR_... */
    uint64_t offset;  /* from the start of the tensor data; a multiple of the alignment */
    const void *data; /* into the map, aligned to 8 at least; NULL when the type is none of these */
} GgufTensor;

/* An entry of a sorted list of names. Sorting finds duplicates, and no choice of names makes it slow. */
typedef struct GgufName {
    const char *text;
    size_t at; /* index into the pairs or tensors */
} GgufName;

struct GgufFile {
    char *path;
    FileMap map;
    GgufPair *pairs;        /* in the order of the file */
    GgufTensor *tensors;    /* the same */
    GgufName *keys, *names; /* sorted: keys of pairs, names of tensors */
    size_t n_pairs, n_tensors;
};

/* "uint64" */
const char *gguf_type_name(GgufType type);

/* Sorts the names, and returns one that occurs twice, or NULL. */
const char *gguf_names_sort(GgufName *names, size_t count);
