/* The encoder: embedding, then L layers of self-attention and feed-forward, each in a residual connection; with
 * pre-norm a last layer norm (Vaswani et al. 2017, section 3.1). N: source tokens. */
#ifndef NMT_MODEL_ENCODER_H
#define NMT_MODEL_ENCODER_H

#include "model/blocks.h"
#include "model/pass.h"

typedef struct EncoderLayerTape {
    AttentionBlockTape self;
    FeedforwardBlockTape feedforward;
} EncoderLayerTape;

/* What forward keeps. */
typedef struct EncoderTape {
    EncoderLayerTape *layers; /* (encoder_layers) */
    real *embedded;           /* (N, D) */
    FinalNormTape norm;
} EncoderTape;

/* The tape's list of layers, made once; its arrays are laid out anew in the arena for each batch. keep: for a backward
 * pass; else two layers' arrays take turns. */
EncoderTape encoder_tape_new(const Parameters *params);
void encoder_tape_free(EncoderTape *tape);
void encoder_lay_out(EncoderTape *tape, Arena *arena, const Parameters *params, size_t N, bool keep);

/* Elements of scratch that forward or backward take from the arena behind the tapes. */
size_t encoder_scratch(const Parameters *params, size_t N);

/* Returns the memory (N, D) that the decoder attends to; it stands on the tape. */
const real *encoder_forward(const Pass *pass, EncoderTape *tape, Packed source);

/* d: (N, D), the gradient of the memory; used up. Adds to the gradient block. */
void encoder_backward(const Pass *pass, const EncoderTape *tape, real *d, Packed source);

#endif
