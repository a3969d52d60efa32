/* The model file: one GGUF file with all that translating needs (gguf/gguf.h has the format).
 *
 *     general.architecture   "nmt"
 *     nmt.width, nmt.heads, nmt.norm, ...       hyper-parameters (hyper_fields of model/hyper.h)
 *     nmt.text.lowercase, ...                   normalisation (normalise_fields of text/normalise.h)
 *     nmt.tokenizer.merges                      uint32 (count, 2): pairs of token ids (text/tokenizer.h)
 *     nmt.decode.beam, ...                      how to translate (search_fields of decode/search_options.h)
 *     nmt.config                                the config, as INI text
 *     nmt.step, nmt.precision, nmt.instruction_set   where it comes from
 *     training.words                            uint32: what words the sources of the training had (decode/words.h)
 *     training.longest_source                   tokens of the longest of them, without </s>
 *     training.confidence_bias, _slope          from probability to quality (decode/confidence.h)
 *     training.history                          strings: what it was trained on, a line each time (train/start.h)
 *     tensors                                   float32, the parameter block in order (model/parameters.h); matrices
 *                                               may be Q8_0 (gguf/q8_0.h)
 *
 * If the file lacks a key of the three tables, the value is what the key's row has as `before`, or else its default
 * (base/fields.h); keys that are marked essential may not be missing. The keys training.* may be missing, as in files
 * of earlier versions. Earlier versions can read files that have them.
 *
 * Alignment is 8 bytes, so in a file written here the tensor data is the parameter block and is used where it is
 * mapped; from a file with other padding it is copied. A file without a checksum (gguf/gguf.h) is refused. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "decode/confidence.h"
#include "decode/search.h"
#include "decode/words.h"
#include "gguf/gguf.h"
#include "math/matmul.h"
#include "model/parameters.h"
#include "text/tokenizer.h"

/* What a model file holds in addition to the parameters. When written, everything is the caller's; when read, the
 * file's. */
typedef struct ModelInfo {
    Hyper hyper;
    Normalisation text;
    const uint32_t *merges; /* (merge_count, 2) */
    size_t merge_count;
    SearchOptions decode; /* the options of search_fields; the others are off */
    const char *config;   /* INI text */
    uint64_t step;        /* training steps it has behind it */
    Precision precision;  /* of the training */
    WordsSeen seen;
    size_t longest_source;     /* 0: not known */
    Confidence confidence;     /* fitted to the sentences that validation translates greedily */
    const GgufString *history; /* (history_count) what it was trained on, oldest first */
    size_t history_count;
} ModelInfo;

typedef struct ModelFile {
    GgufFile *gguf; /* for keys and tensors beyond the model's own (checkpoints) */
    char *path;
    ModelInfo info;
    Parameters params;
    const float *w; /* (params.count), into the map */
    float *copy;    /* ... or here, when the file has gaps or packed tensors */
} ModelFile;

/* Maps a model file and checks everything in it. Close with modelfile_close. */
bool modelfile_open(ModelFile *file, const char *path, Error *err);
/* The same from the bytes of such a file (gguf_open_memory); path: what messages call it. */
bool modelfile_open_memory(ModelFile *file, const void *bytes, size_t size, const char *path, Error *err);
void modelfile_close(ModelFile *file);

/* What identifies the file: nmt.checksum. 0: no file is open. */
uint64_t modelfile_checksum(const ModelFile *file);

/* Whether both have the same normalisation and vocabulary, so that what one calls a token the other does, too. */
bool modelfile_check_same_tokens(const ModelFile *first, const ModelFile *other, Error *err);

/* The tokenizer of an open file. */
Tokenizer *modelfile_tokenizer(const ModelFile *file, Error *err);

/* A writer that has the model in it: write it with gguf_write, perhaps after adding more; free it with
 * gguf_writer_free. w must stay until then. */
GgufWriter *modelfile_writer(const ModelInfo *info, const Parameters *params, const float *w);

/* Writes the model with its matrices as Q8_0, which is about a quarter of the size (gguf/q8_0.h); opened, it has floats
 * again, rounded. */
bool modelfile_write_q8_0(const ModelFile *file, const char *path, Error *err);

/* Adds a block of the parameters' layout, each tensor's name behind the prefix ("adam.m."). */
void modelfile_add_block(GgufWriter *writer, const Parameters *params, const char *prefix, const float *block);

/* Copies such a block out of an open file. */
bool modelfile_read_block(const ModelFile *file, const char *prefix, float *block, Error *err);
