/* Scaled dot-product attention of H heads (Vaswani et al. 2017, section 3.2), over packed sentences.
 *
 * For each sentence and head, with q (Tq, K), and k and v (Tk, K) its slices of the packed rows:
 *
 *     score = q k^T / sqrt(K)              causal: score[i][j] = -inf for j > i
 *     prob = softmax of score's rows       weight = dropout(prob)
 *     out = weight v
 *
 *     dout -> dv = weight^T dout           dweight = dout v^T     dprob = dropout(dweight)
 *             dscore = prob (dprob - rowsum(prob dprob))
 *             dq = dscore k / sqrt(K)      dk = dscore^T q / sqrt(K)
 *
 * score, prob, weight: (Tq, Tk). Only the logarithm of each row's softmax sum is kept (as in FlashAttention-2, Dao
 * 2023): the backward pass makes prob again as exp(score - log_sum). A block of query rows is worked on at a time, so
 * no buffer has Tq * Tk elements. */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "math/real.h"
#include "math/stored.h"
#include "nn/dropout.h"

/* What attends to what. Sentence b's queries are rows query_start[b] .. query_start[b + 1] - 1, and its keys are rows
 * key_start[b] .. key_end[b] - 1. For packed sentences, here of 3, 2 and 4 keys, both are one array: pass start as
 * key_start, and start + 1, a pointer to its second element, as key_end.
 *
 *     key rows    a0 a1 a2 | b0 b1 | c0 c1 c2 c3
 *     start       0          3       5             9
 *     key_start   0          3       5
 *     key_end                3       5             9
 *
 * Beams of one source sentence share its keys. */
typedef struct AttentionShape {
    size_t B, H, K;              /* sentences, heads, width of a head */
    const uint32_t *query_start; /* (B + 1) */
    const uint32_t *key_start;   /* (B) */
    const uint32_t *key_end;     /* (B); every sentence has a key and, going backward, a query */
    size_t longest_key;          /* most keys of a sentence */
    bool causal;                 /* query i of a sentence sees its keys 0 .. i only; as many queries as keys */
    real *const *shown;          /* NULL, or (B) where forward also writes each sentence's prob, (H, Tq, Tk), if that
                                    pointer is not NULL */
    /* Forward only. */
    bool unscaled;  /* score = q k^T */
    uint64_t muted; /* bit h: head h's out is 0, whatever its prob */
} AttentionShape;

/* What scores are multiplied by; whether a head is muted. */
static inline real attention_scale(const AttentionShape *s) { return s->unscaled ? 1 : (real)(1 / sqrt((double)s->K)); }
static inline bool attention_is_muted(const AttentionShape *s, size_t h) { return h < 64 && (s->muted >> h & 1); }

/* Projected rows: q of query row n, head h at q + n * q_stride + h * K; k and v likewise, with one stride. */
typedef struct AttentionInput {
    const real *q, *k, *v;
    size_t q_stride, kv_stride;
} AttentionInput;

/* Their gradients, with the same strides. */
typedef struct AttentionGradient {
    real *q, *k, *v;
} AttentionGradient;

/* Scratch of one worker, in bytes; reserve it in the pool before calling (pool_reserve). */
size_t attention_scratch(size_t longest_key);

/* out: (Nq, H * K)   log_sum: (Nq, H), kept for the backward pass */
void attention_forward(Pool *pool, real *out, real *log_sum, AttentionInput in, AttentionShape shape, Dropout dropout);

/* Writes the gradient's q, k and v, for the rows of all sentences. dout: (Nq, H * K) */
void attention_backward(Pool *pool, AttentionGradient gradient, const real *dout, const real *log_sum,
                        AttentionInput in, AttentionShape shape, Dropout dropout);

/* The same for rows that are stored as products read them. The products of attention itself are computed in float32 all
 * the same. If q, k and v are stored as bfloat16, their gradient may be written in their place. */
typedef struct AttentionStored {
    Stored q, k, v; /* columns of one array or of several; k and v with one stride */
} AttentionStored;
void attention_stored_forward(Pool *pool, Stored out, real *log_sum, AttentionStored in, AttentionShape shape,
                              Dropout dropout);
void attention_stored_backward(Pool *pool, AttentionStored gradient, Stored dout, const real *log_sum,
                               AttentionStored in, AttentionShape shape, Dropout dropout);
size_t attention_stored_scratch(size_t longest_key, size_t K);
