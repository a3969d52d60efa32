/* The blocks that encoder and decoder are stacked from, forward and backward: embedding, attention and feed-forward
 * (each in its residual connection, with norm and dropout), and the norm at the end of a pre-norm stack.
 *
 * x, the rows a block takes and returns: (N, D). d, in the backward pass: (N, D), the gradient of what the block
 * returned on the way in, of what it took on the way out. Gradients of parameters are added to pass->dw. A block takes
 * its scratch from pass->arena and gives it back; what forward keeps for backward is on its tape, laid out in the arena
 * before. */
#ifndef NMT_MODEL_BLOCKS_H
#define NMT_MODEL_BLOCKS_H

#include "model/pass.h"
#include "nn/multihead.h"
#include "nn/residual.h"

/* Token embedding and positions, then dropout; out: (N, D). */
void block_embedding_forward(const Pass *pass, StackName stack, real *out, Packed tokens);
void block_embedding_backward(const Pass *pass, StackName stack, real *d, Packed tokens);

/* An attention block: which tensors, which rows attend to which, and where the keys and values are. */
typedef struct AttentionBlock {
    StackName stack; /* stack, layer and places name the dropout sites */
    size_t layer;
    DropoutPlace weights_place, residual_place;
    LayernormParams norm;
    MultiheadParams params;
    AttentionShape shape;
    const real *memory; /* (M, D) what cross-attention attends to; NULL: the rows themselves */
    size_t M;
    /* Decoding step by step: keys and values of past positions, rows of k then v, (rows, 2D); NULL otherwise. append
     * (B): row append[b] - 1 takes those of sentence b's new row first; NULL in cross-attention, whose are all there.
     */
    real *kept;
    const uint32_t *append;
} AttentionBlock;

typedef struct AttentionBlockTape {
    ResidualTape residual;
    MultiheadTape attention;
} AttentionBlockTape;

/* M: 0 for self-attention, and where keys and values are kept. */
AttentionBlockTape block_attention_tape(Arena *arena, const Hyper *hyper, size_t N, size_t M);
const real *block_attention_forward(const Pass *pass, const AttentionBlock *block, AttentionBlockTape *tape,
                                    const real *x);
/* dmemory: (M, D), added to; NULL for self-attention. */
void block_attention_backward(const Pass *pass, const AttentionBlock *block, const AttentionBlockTape *tape, real *d,
                              real *dmemory);

typedef struct FeedforwardBlock {
    StackName stack;
    size_t layer;
    LayernormParams norm;
    FeedforwardParams params;
    size_t N;
} FeedforwardBlock;

typedef struct FeedforwardBlockTape {
    ResidualTape residual;
    real *pre; /* (N, F) before the activation */
} FeedforwardBlockTape;

FeedforwardBlockTape block_feedforward_tape(Arena *arena, const Hyper *hyper, size_t N);
const real *block_feedforward_forward(const Pass *pass, const FeedforwardBlock *block, FeedforwardBlockTape *tape,
                                      const real *x);
void block_feedforward_backward(const Pass *pass, const FeedforwardBlock *block, const FeedforwardBlockTape *tape,
                                real *d);

/* The norm behind the last layer; with post-norm there is none, and x is returned as it is. */
typedef struct FinalNormTape {
    const real *x;     /* (N, D), the caller's */
    real *out;         /* (N, D) */
    real *mean, *rstd; /* (N) */
} FinalNormTape;

FinalNormTape block_final_norm_tape(Arena *arena, const Hyper *hyper, size_t N);
const real *block_final_norm_forward(const Pass *pass, LayernormParams norm, FinalNormTape *tape, const real *x,
                                     size_t N);
void block_final_norm_backward(const Pass *pass, LayernormParams norm, const FinalNormTape *tape, real *d, size_t N);

/* Elements of scratch that any of these takes at most, for N rows attending to M (0: to themselves). */
size_t block_scratch(const Hyper *hyper, size_t N, size_t M);

#endif
