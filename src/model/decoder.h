/* The decoder: embedding, then L layers of causal self-attention, cross-attention to the encoder's memory, and
 * feed-forward, each with norm, dropout and a residual connection; with pre-norm a last layer norm (Vaswani et al.
 * 2017, section 3.1). N: target tokens, M: source tokens.
 *
 * The same layers run two ways: over whole target sentences (training, evaluation), or one token of each sentence at a
 * time with keys and values kept in a DecoderCache (translation). */
#pragma once

#include "model/blocks.h"
#include "model/pass.h"

typedef struct DecoderLayerTape {
    AttentionBlockTape self, cross;
    FeedforwardBlockTape feedforward;
} DecoderLayerTape;

/* What forward keeps, in the arena. */
typedef struct DecoderTape {
    DecoderLayerTape *layers; /* (decoder_layers) */
    FinalNormTape norm;
} DecoderTape;

/* memory: (M, D), packed like `source`, whose tokens are not looked at. Returns the rows (N, D) that the output layer
 * takes; they are in the arena. */
Stored decoder_forward(const Pass *pass, DecoderTape *tape, Packed target, Packed source, Stored memory);

/* d: (N, D), the gradient of what forward returned; used up. dmemory (M, D) is added to. */
void decoder_backward(const Pass *pass, const DecoderTape *tape, real *d, real *dmemory, Packed target, Packed source,
                      Stored memory);

/* Keys and values of past positions and of the source, kept by the caller (src/decode/). */
typedef struct DecoderCache {
    const Kept *self, *cross;    /* (decoder_layers) each */
    const uint32_t *self_start;  /* (B) first row of each sentence in `self`, where a block begins */
    const uint32_t *self_end;    /* (B) one past its last, the new position included */
    const uint32_t *cross_start; /* (B) first row of its source in `cross`, where a block begins */
    const uint32_t *cross_end;   /* (B) */
    size_t longest_self, longest_cross;
} DecoderCache;

/* k and v of every layer's cross-attention, once a source batch. cross: (decoder_layers). row: (M) the row of `cross`
 * for each of memory (M, D). */
void decoder_project_memory(const Pass *pass, const Kept *cross, const uint32_t *row, const real *memory, size_t M);

/* One position: token (B), at `position` of their sentences. Returns (B, D), in the arena: bit for bit what
 * decoder_forward has in these rows. The pass keeps nothing. */
const real *decoder_step(const Pass *pass, const int32_t *token, size_t B, size_t position, const DecoderCache *cache);

/* The same without the mask (Knockout.mask). Then nothing of past positions can be kept: all tokens of a sentence so
 * far, token (N), are run again, and each sees all of them. Of `cache`, only the first sentence's rows of `cross` are
 * used. Returns the last row (D), in the arena. */
const real *decoder_step_unmasked(const Pass *pass, const int32_t *token, size_t N, const DecoderCache *cache);

/* Bytes of the arena that decoder_project_memory, decoder_step and decoder_step_unmasked take. */
uint64_t decoder_project_bytes(const Hyper *hyper, size_t M);
uint64_t decoder_step_bytes(const Hyper *hyper, size_t B);
uint64_t decoder_step_unmasked_bytes(const Hyper *hyper, size_t N);
