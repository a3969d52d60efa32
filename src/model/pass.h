/* A pass: what every layer needs to run forward or backward, gathered in one place. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "math/real.h"
#include "model/knockout.h"
#include "model/parameters.h"
#include "nn/dropout.h"
#include "nn/net.h"

/* B sentences packed one after another, without padding. Sentence b's tokens are token[start[b]] .. token[start[b + 1]
 * - 1]; here of 3, 2 and 4 tokens:
 *
 *     token   a0 a1 a2 b0 b1 c0 c1 c2 c3
 *     start   0        3     5           9 */
typedef struct Packed {
    size_t B;
    const int32_t *token;  /* (start[B]) */
    const uint32_t *start; /* (B + 1) */
    size_t longest;        /* tokens of the longest */
} Packed;

typedef struct Pass {
    Net net;
    const Parameters *params;
    const real *sinusoidal; /* the table of sinusoidal positions, (positions, D), for a model that has them */
    bool keep;              /* what forward computes stays in the arena, for backward or for looking at it; else each
                               layer gives its memory back */
    bool training;          /* dropout is on */
    uint64_t seed;          /* of dropout: seed, step, and the number of the pass within the step */
    uint32_t step, piece;
    const Knockout *knockout; /* what a forward pass does without (model/knockout.h); NULL: nothing, as in training */
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

/* The table for Pass.sinusoidal: as many positions as have been asked for. Starts as all 0; free the table. */
typedef struct PositionTable {
    real *table; /* (positions, D); NULL: none yet, or a model without sinusoidal positions */
    size_t positions;
} PositionTable;

/* The table, with this many positions at least. What it returned before is gone. */
const real *pass_sinusoidal(PositionTable *table, const Hyper *hyper, size_t positions);

/* A stack's positions (P, D), NULL: none; and their gradient, NULL unless they are learned. */
const real *pass_positions(const Pass *pass, StackName stack);
real *pass_dpositions(const Pass *pass, StackName stack);
