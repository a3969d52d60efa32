/* Hyper-parameters: everything that decides which tensors a model has and how they are used. */
#ifndef NMT_MODEL_HYPER_H
#define NMT_MODEL_HYPER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "nn/activation.h"
#include "nn/sublayer.h"

/* Which of the three V x D matrices are one: the encoder's embedding, the decoder's embedding, the output layer. */
typedef enum Tying {
    TYING_ALL,     /* all three ("three-way tied"; Press, Wolf 2017) */
    TYING_DECODER, /* the decoder's embedding and the output layer */
    TYING_NONE,
} Tying;
#define TYING_NAMES "all|decoder|none" /* in the order of the enum */

typedef enum Positions { POSITIONS_SINUSOIDAL, POSITIONS_LEARNED } Positions;
#define POSITIONS_NAMES "sinusoidal|learned"

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

/* Limits of the search's options: what a config may ask for, a model file may have, and decode/search.h takes. */
enum {
    DECODE_MAX_BEAM = 64,
    DECODE_MAX_ALPHA = 10,
    DECODE_MAX_RATIO = 1000,
    DECODE_MAX_EXTRA = HYPER_MAX_LENGTH,
};

/* Checks every bound and that D divides into heads; `where` begins the message (a file's name). */
bool hyper_check(const Hyper *hyper, const char *where, Error *err);

#endif
