/* Keys and values kept for queries that come later, as decoding keeps those of the source and of past positions.
 *
 * Values are rows, (rows, D). Keys are in blocks of KEPT_BLOCK (nn/kept_block.h) rows, element by element: (rows /
 * KEPT_BLOCK, D, KEPT_BLOCK). So a query is multiplied with KEPT_BLOCK keys at a time, in the order of memory. The keys
 * of a sentence begin at the start of a block. */
#pragma once

#include "base/arena.h"
#include "base/pool.h"
#include "math/real.h"
#include "nn/attention.h"

typedef struct Kept {
    real *keys, *values;
} Kept;

/* Room for `rows` rows, a multiple of KEPT_BLOCK; contents undefined. */
Kept kept_push(Arena *arena, uint64_t rows, size_t D);

/* Row n of kv (N, 2D), a key and a value, becomes row row[n] of `kept`. */
void kept_put(Pool *pool, Kept kept, const uint32_t *row, const real *kv, size_t N, size_t D);

/* Copies `count` rows, from and to the beginning of a block. Rows behind them, up to a whole block, are undefined. */
void kept_copy(Kept to, size_t to_row, Kept from, size_t from_row, size_t count, size_t D);

/* out (Nq, D): what attention_forward computes for queries q (Nq, D), bit for bit. shape: not causal, nothing is shown;
 * its keys are rows of `kept`. kv: NULL, or (B, 2D), a new key and value for each sentence; each first replaces the
 * last of its sentence's rows, in the task that then reads it. Rows of q and kv are `stride` elements apart. Each
 * thread of the pool needs kept_scratch bytes of scratch. */
void kept_attend(Pool *pool, real *out, const real *q, const real *kv, size_t stride, Kept kept, AttentionShape shape);
size_t kept_scratch(size_t longest_key);
