/* The whole model: encoder, decoder, output layer and loss, forward and backward over one batch.
 *
 *      source                          target: <s> y1 y2 ...
 *        |                               |
 *      embedding + positions           embedding + positions
 *        |                               |
 *      encoder layers (L):             decoder layers (L):
 *        self-attention                  causal self-attention
 *        feed-forward                    cross-attention <---- memory
 *        |                               feed-forward            |
 *        '------------> memory ----------|-----------------------'
 *                                      output layer, softmax, loss with y1 y2 ... </s>
 *
 * A Transformer owns no parameters: blocks are the caller's (mapped from a file, or trained). It owns the table of
 * positions and the arena that a pass of at most `limits` needs. The first pass that trains also takes memory for
 * packed weights; after it, nothing is allocated inside a pass. */
#pragma once

#include "model/decoder.h"
#include "model/encoder.h"
#include "model/pass.h"
#include "nn/loss.h"

/* The largest batch that will be passed. */
typedef struct TransformerLimits {
    size_t source_tokens, target_tokens;   /* of a batch */
    size_t longest_source, longest_target; /* of a sentence; at most max_length */
} TransformerLimits;

/* Whether passes go backward; if so, how often a batch has each sentence: twice with R-Drop (nn/loss.h). */
typedef enum TrainingPasses { TRAINING_NONE, TRAINING_ONCE, TRAINING_TWICE } TrainingPasses;

typedef struct Transformer {
    Parameters params;
    Compute compute; /* for transformer_train, except attention's own products, which are always in float32; its packed
                      * and rounded weights belong to the model */
    Arena arena;
    EncoderTape encoder; /* of the last pass */
    DecoderTape decoder;
    PositionTable positions;  /* of the longest sentence */
    const Knockout *knockout; /* what passes that only go forward do without; NULL: nothing */
} Transformer;

/* hyper has passed hyper_check. compute.pool must outlive the model; its scratch is reserved here. Fails, leaving all
 * 0, when there is no memory for the arena; without memory for the tables or the pool's scratch it fails as memory_new
 * does (base/memory.h). Release with transformer_free. */
bool transformer_create(Transformer *model, const Hyper *hyper, Compute compute, TransformerLimits limits,
                        TrainingPasses training, Error *err);
void transformer_free(Transformer *model); /* all 0 is fine */

/* The same in two steps: transformer_new makes a model without room for batches; transformer_reserve makes room,
 * between two passes. */
Transformer transformer_new(const Hyper *hyper, Compute compute);
bool transformer_reserve(Transformer *model, TransformerLimits limits, TrainingPasses training, Error *err);

/* A new pass in float32, without dropout and gradients. What the pass before left in the arena is gone. */
Pass transformer_pass(Transformer *model, const real *w);

/* What encoder and decoder return: memory (Ns, D) and out (Nt, D), in the arena until the next pass. */
typedef struct Stacks {
    Stored memory, out;
} Stacks;

/* Runs a pass over whole sentences. With pass->keep what the layers computed is on the model's tapes; pass->shown says
 * which attention weights to write down. */
Stacks transformer_forward(Transformer *model, const Pass *pass, Packed source, Packed target);

/* Which random numbers dropout draws; a step made of several batches numbers them. */
typedef struct TransformerStep {
    uint64_t seed;
    uint32_t step, piece;
} TransformerStep;

/* One batch, forward and backward with dropout: adds to the gradient block dw that of the loss's sum times `scale`.
 * target_in: <s> y1 ..., target_out: (Nt) y1 ... </s>. With R-Drop, all sentences come once, then all again in the same
 * order. */
Loss transformer_train(Transformer *model, const real *w, real *dw, Packed source, Packed target_in,
                       const int32_t *target_out, LossOptions options, real scale, TransformerStep step);

/* Forward only, without dropout. */
Loss transformer_evaluate(Transformer *model, const real *w, Packed source, Packed target_in, const int32_t *target_out,
                          double smoothing);
