/* Batches: an epoch cut into batches, of which a training step takes a fixed number, and the packed rows of one.
 *
 * An epoch takes every pair once, or as many times as its weight says (pairs_times). Its order is a function of (seed,
 * epoch) alone: pairs of about the same target length come together, in random order among themselves; they are cut
 * into batches that keep to the limits; then the batches are put into random order. A resumed run makes the same plan
 * and continues within it. It takes 8 bytes a pair. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "data/pairs.h"

/* The pairs of one batch: order[first] .. order[first + count - 1]. */
typedef struct BatchRange {
    uint32_t first;
    uint32_t count;
} BatchRange;

typedef struct BatchPlan {
    BatchRange *batches; /* (count), with room for pairs_most of them; the system gives only memory that is used */
    size_t count;
    uint32_t *order; /* (pairs_most) the pairs, as they come */
    /* Kept for the plan of the next epoch: */
    uint32_t *scratch; /* (pairs_most) */
    size_t *next;      /* (buckets + 1) */
} BatchPlan;

/* What no batch of any epoch exceeds, for sizing memory once. */
typedef struct BatchLimits {
    size_t sentences;      /* B */
    size_t source_tokens;  /* N of the source side */
    size_t target_tokens;  /* N of the target side */
    size_t longest_source; /* S */
    size_t longest_target; /* T */
} BatchLimits;

/* A batch's sentences, rows packed without padding: sentence b has rows start[b] .. start[b + 1] - 1. */
typedef struct Batch {
    size_t sentences;             /* B */
    const int32_t *source;        /* (source_start[B]) x1 .. </s> */
    const uint32_t *source_start; /* (B + 1) */
    const int32_t *target_in;     /* (target_start[B]) the decoder's input: <s> y1 .. */
    const int32_t *target_out;    /* (target_start[B]) what it is to say: y1 .. </s> */
    const uint32_t *target_start; /* (B + 1) */
    size_t longest_source;        /* S of its longest sentence */
    size_t longest_target;        /* T */
} Batch;

/* A batch holds at most max_tokens target tokens (</s> included) and 2 * max_tokens source tokens; a pair that is
 * longer alone is a batch alone. max_tokens is 1 .. 2^29. Validation, where order does not matter, takes any fixed
 * epoch. Release with batches_free. */
BatchPlan batches_plan(const PairSet *pairs, size_t max_tokens, uint64_t seed, uint32_t epoch);
/* The plan of another epoch of the same pairs, in the memory of this one. */
void batches_plan_again(BatchPlan *plan, const PairSet *pairs, size_t max_tokens, uint64_t seed, uint32_t epoch);
void batches_free(BatchPlan *plan);

BatchLimits batches_limits(const PairSet *pairs, size_t max_tokens);

/* The limits of batches that have each sentence `copies` times. */
BatchLimits batches_limits_of_copies(BatchLimits limits, size_t copies);

/* Bytes batch_fill pushes at most. */
uint64_t batch_bytes(const BatchLimits *limits);

/* Batch number `index` of the plan; its arrays are pushed on the arena and live until that is released. copies: how
 * often the batch has each sentence; all come once, then all again. */
void batch_fill(Batch *batch, Arena *arena, const PairSet *pairs, const BatchPlan *plan, size_t index, size_t copies);
