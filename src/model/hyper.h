/* Hyper-parameters: everything that decides which tensors a model has and how they are used. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/fields.h"
#include "nn/activation.h"
#include "nn/sublayer.h"

/* Which of the three V x D matrices are one: the encoder's embedding, the decoder's embedding, the output layer. */
typedef enum Tying {
    TYING_ALL,     /* all three ("three-way tied"; Press, Wolf 2017) */
    TYING_DECODER, /* the decoder's embedding and the output layer */
    TYING_NONE,
} Tying;
#define TYING_NAMES                                                                                                    \
    ((const char *const[]){[TYING_ALL] = "all", [TYING_DECODER] = "decoder", [TYING_NONE] = "none", NULL})

/* POSITIONS_NONE: a sentence is a bag of words to the encoder; the decoder knows what comes first only by the mask. */
typedef enum Positions { POSITIONS_SINUSOIDAL, POSITIONS_LEARNED, POSITIONS_NONE } Positions;
#define POSITIONS_NAMES                                                                                                \
    ((const char *const[]){                                                                                            \
        [POSITIONS_SINUSOIDAL] = "sinusoidal", [POSITIONS_LEARNED] = "learned", [POSITIONS_NONE] = "none", NULL})

/* The three places where a model attends: the encoder to itself, the decoder to itself, the decoder to the encoder. */
typedef enum AttentionKind { ATTENTION_ENCODER, ATTENTION_DECODER, ATTENTION_CROSS } AttentionKind;
enum { ATTENTION_KINDS = 3 };
#define ATTENTION_KIND_NAMES                                                                                           \
    ((const char *const[]){                                                                                            \
        [ATTENTION_ENCODER] = "encoder", [ATTENTION_DECODER] = "decoder", [ATTENTION_CROSS] = "cross", NULL})

typedef struct Hyper {
    size_t vocab;          /* V */
    size_t width;          /* D, a multiple of heads, even */
    size_t heads;          /* H */
    size_t feedforward;    /* F, even */
    size_t encoder_layers; /* L of each stack, at least 1 */
    size_t decoder_layers;
    size_t max_length; /* P, the longest sentence in tokens, either side, </s> included */
    NormPlace norm;
    Activation activation;
    Tying tying;
    Positions positions;
    double dropout;            /* of embeddings and residual branches */
    double attention_dropout;  /* of attention weights */
    double activation_dropout; /* inside the feed-forward block */
} Hyper;

/* Limits a model keeps to, so that no product of sizes overflows; a file or config beyond them is refused. */
enum {
    HYPER_MIN_VOCAB = 258, /* <s>, </s> and the 256 bytes: what the tokenizer has without merges */
    HYPER_MAX_VOCAB = 65536,
    HYPER_MAX_WIDTH = 8192,
    HYPER_MAX_FEEDFORWARD = 65536,
    HYPER_MAX_LAYERS = 64,
    HYPER_MAX_LENGTH = 65536,
};

/* Every hyper-parameter: its key in a config, bounds, default and help. A model file has it as nmt.NAME. Model files
 * without a key get its default, so a new one needs a default, or a `before` (base/fields.h), that means the old
 * behaviour. */
extern const Field hyper_fields[];

/* Checks every bound, that H divides D and that D and F are even; `where` begins the message (a file's name). */
bool hyper_check(const Hyper *hyper, const char *where, Error *err);
