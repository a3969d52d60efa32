/* A pass: what every layer needs to run forward or backward, gathered in one place. */
#ifndef NMT_MODEL_PASS_H
#define NMT_MODEL_PASS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "math/matmul.h"
#include "math/real.h"
#include "model/parameters.h"
#include "nn/dropout.h"

/* Sentences packed one after another: sentence b's tokens are token[start[b]] .. token[start[b + 1] - 1]. */
typedef struct Packed {
    size_t B;
    const int32_t *token;  /* (start[B]) */
    const uint32_t *start; /* (B + 1) */
    size_t longest;        /* tokens of the longest */
} Packed;

/* The three places where a model attends: the encoder to itself, the decoder to itself, the decoder to the encoder. */
typedef enum AttentionKind { ATTENTION_ENCODER, ATTENTION_DECODER, ATTENTION_CROSS } AttentionKind;
enum { ATTENTION_KINDS = 3 };

typedef struct Pass {
    Compute compute;
    Arena *arena; /* tapes are laid out in it first; layers take and give back scratch behind them */
    const Parameters *params;
    const real *w;         /* the parameter block */
    real *dw;              /* the gradient block, added to; NULL in a pass that does not go backward */
    const real *positions; /* (P, D) sinusoidal positions; NULL: learned, in the block */
    bool training;         /* dropout is on */
    uint64_t seed;         /* dropout: seed, step, and the number of the pass within the step */
    uint32_t step, piece;
    /* Where a forward pass over whole sentences writes what attends to what, without dropout: of each kind NULL, or
     * (layers * B) pointers, layer after layer, each NULL or with room for a sentence's probabilities (H, queries,
     * keys). */
    real *const *shown[ATTENTION_KINDS];
} Pass;

/* The places in a stack that drop; each of a layer's is a random site of its own. */
typedef enum DropoutPlace {
    PLACE_EMBEDDING,
    PLACE_SELF_WEIGHTS,
    PLACE_SELF_RESIDUAL,
    PLACE_CROSS_WEIGHTS,
    PLACE_CROSS_RESIDUAL,
    PLACE_ACTIVATION,
    PLACE_FEEDFORWARD_RESIDUAL,
} DropoutPlace;

typedef enum StackName { STACK_ENCODER, STACK_DECODER } StackName;

enum { PASS_MAX_PIECES = 4096 };

/* The dropout of one place; none when the pass does not train. */
Dropout pass_dropout(const Pass *pass, StackName stack, size_t layer, DropoutPlace place);

/* The table that Pass.positions is to point to, freshly made, or NULL. Free with free. */
real *pass_sinusoidal(const Hyper *hyper);

/* A stack's positions, sinusoidal or its learned ones, and the gradient of these (NULL: they are sinusoidal). (P, D) */
const real *pass_positions(const Pass *pass, StackName stack);
real *pass_dpositions(const Pass *pass, StackName stack);

#endif
