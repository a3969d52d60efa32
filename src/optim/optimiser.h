/* The optimiser: the length of a gradient, the update of a step, and what is remembered from one step to the next.
 *
 * Remembered are blocks of the parameters' layout (model/parameters.h), zero at the beginning; last.gguf keeps each
 * under its name. With Muon, adam.m of the layers' matrices has Muon's momenta, and their adam.v stays 0. Another
 * optimiser has a file like muon.c, its options and blocks here, and its keys in train/config.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/pool.h"
#include "math/real.h"
#include "model/parameters.h"
#include "optim/adam.h"

enum { OPTIMISER_MOST_BLOCKS = 2 };

typedef enum OptimiserKind {
    OPTIMISER_ADAM,
    OPTIMISER_MUON, /* for the layers' matrices; Adam for all others */
} OptimiserKind;
#define OPTIMISER_NAMES ((const char *const[]){[OPTIMISER_ADAM] = "adam", [OPTIMISER_MUON] = "muon", NULL})

typedef struct OptimiserOptions {
    OptimiserKind kind;
    AdamOptions adam;
} OptimiserOptions;

typedef struct Optimiser {
    OptimiserOptions options;
    size_t block_count;
    const char *names[OPTIMISER_MOST_BLOCKS]; /* what the blocks' tensors are called, before the parameters' names */
    bool squares[OPTIMISER_MOST_BLOCKS];      /* whether their numbers are at least 0 */
    double most[OPTIMISER_MOST_BLOCKS];       /* their largest size, if no gradient is longer than 1 */
    real *blocks[OPTIMISER_MOST_BLOCKS];      /* (params->count) */
} Optimiser;

/* Call optimiser_lay_out next; the arena owns the blocks. */
Optimiser optimiser_new(OptimiserOptions options);
void optimiser_lay_out(Optimiser *optimiser, Arena *arena, size_t count);

/* Reserves the scratch memory that optimiser_update needs. Call it before the first step. */
void optimiser_reserve(const Optimiser *optimiser, Pool *pool, const Parameters *params);

/* Forgets all: as before step 1. count: of a block. */
void optimiser_clear(Optimiser *optimiser, size_t count);

/* Step number t (1, 2, ...) along gradient * scale. w, gradient: (params->count). */
void optimiser_update(Optimiser *optimiser, Pool *pool, const Parameters *params, real *w, const real *gradient,
                      uint64_t t, double rate, double scale);

/* The square root of the sum of squares of a block of count elements, in double, in an order that depends on count
 * alone. */
double optimiser_norm(Pool *pool, const real *gradient, size_t count);

/* What to multiply a gradient of this norm by so that its norm is at most max_norm (0: no limit). */
double optimiser_clip(double norm, double max_norm);
