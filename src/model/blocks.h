/* The blocks that encoder and decoder are stacked from, forward and backward: embedding, attention and feed-forward
 * (each a sublayer, with norm, dropout and residual connection), and the norm at the end of a pre-norm stack.
 *
 * x, the rows a block takes and returns: (N, D). d, in the backward pass: (N, D), changed in place from the gradient of
 * what the block returned to that of what it took. Gradients of parameters are added to net.dw. Forward takes its tape
 * from the arena; other memory is given back. */
#pragma once

#include "model/pass.h"
#include "nn/multihead.h"
#include "nn/sublayer.h"

/* Token embedding and positions, then dropout; out: (N, D). */
void block_embedding_forward(const Pass *pass, StackName stack, real *out, Packed tokens);
void block_embedding_backward(const Pass *pass, StackName stack, real *d, Packed tokens);

typedef struct AttentionBlock {
    Sublayer sublayer;
    Multihead attention;
} AttentionBlock;

typedef struct AttentionBlockTape {
    SublayerTape sublayer;
    MultiheadTape attention;
} AttentionBlockTape;

/* Which rows attend to which in layer `layer`. memory (M, D): {0} and 0 except for ATTENTION_CROSS. */
AttentionBlock block_attention(const Pass *pass, AttentionKind kind, size_t layer, AttentionShape shape, Stored memory,
                               size_t M);
/* The same where each sentence of `queries` attends to that of `keys`; in the decoder's own attention causally. */
AttentionBlock block_attention_packed(const Pass *pass, AttentionKind kind, size_t layer, Packed queries, Packed keys,
                                      Stored memory);
const real *block_attention_forward(const Net *net, AttentionBlockTape *tape, const real *x, const AttentionBlock *b);
/* dmemory (M, D) is added to; NULL for self-attention. */
void block_attention_backward(const Net *net, real *d, real *dmemory, const AttentionBlockTape *tape,
                              const AttentionBlock *b);

typedef struct FeedforwardBlock {
    Sublayer sublayer;
    Feedforward feedforward;
} FeedforwardBlock;

typedef struct FeedforwardBlockTape {
    SublayerTape sublayer;
    Stored pre; /* (N, F) before the activation */
} FeedforwardBlockTape;

FeedforwardBlock block_feedforward(const Pass *pass, StackName stack, size_t layer, size_t N);
const real *block_feedforward_forward(const Net *net, FeedforwardBlockTape *tape, const real *x,
                                      const FeedforwardBlock *b);
void block_feedforward_backward(const Net *net, real *d, const FeedforwardBlockTape *tape, const FeedforwardBlock *b);

/* The norm after the last layer, stored as products read it. With post-norm there is none, and x is returned as it is,
 * or rounded. */
typedef struct FinalNormTape {
    const real *x;     /* (N, D), the caller's */
    real *mean, *rstd; /* (N) */
} FinalNormTape;

Stored block_final_norm_forward(const Pass *pass, StackName stack, FinalNormTape *tape, const real *x, size_t N);
void block_final_norm_backward(const Pass *pass, StackName stack, real *d, const FinalNormTape *tape, size_t N);

/* Ends a layer. If pass->keep is false, copies its output over its input x (N, D) and frees everything taken from the
 * arena since `mark`. Returns where the output is. */
const real *block_layer_end(const Pass *pass, real *x, const real *out, size_t N, uint64_t mark);

/* Bytes of the arena that a stack over N rows takes at most in `precision`, scratch included. M: rows of memory that
 * the decoder has not yet made keys and values of. */
uint64_t block_stack_bytes(const Hyper *hyper, Precision precision, StackName stack, uint64_t N, uint64_t M, bool keep);
