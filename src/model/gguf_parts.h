/* What the reader of GGUF files (gguf_reader.c) leaves for looking things up in them (gguf.c). For these two alone. */
#ifndef NMT_MODEL_GGUF_PARTS_H
#define NMT_MODEL_GGUF_PARTS_H

#include "base/file.h"
#include "model/gguf.h"

/* Names in order, to find one, or two that are equal, in a time that no choice of names makes long. */
typedef struct GgufName {
    const char *text;
    size_t at; /* index into the pairs or tensors */
} GgufName;

struct GgufFile {
    char *path;
    FileMap map;
    GgufPair *pairs;
    GgufTensor *tensors;
    GgufName *keys, *names; /* sorted: keys of pairs, names of tensors */
    size_t n_pairs, n_tensors;
};

/* "uint64" */
const char *gguf_type_name(GgufType type);

/* Sorts, and returns a name that is there twice, or NULL. */
const char *gguf_names_sort(GgufName *names, size_t count);

#endif
