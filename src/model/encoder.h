/* The encoder: embedding, then L layers of self-attention and feed-forward, each with norm, dropout and a residual
 * connection; with pre-norm a last layer norm (Vaswani et al. 2017, section 3.1). N: source tokens. */
#pragma once

#include "model/blocks.h"
#include "model/pass.h"

typedef struct EncoderLayerTape {
    AttentionBlockTape self;
    FeedforwardBlockTape feedforward;
} EncoderLayerTape;

/* What forward keeps, in the arena. */
typedef struct EncoderTape {
    EncoderLayerTape *layers; /* (encoder_layers) */
    FinalNormTape norm;
} EncoderTape;

/* Returns the memory (N, D) that the decoder attends to; it is in the arena. */
Stored encoder_forward(const Pass *pass, EncoderTape *tape, Packed source);

/* d: (N, D), the gradient of the memory; used up. Adds to the gradient block. */
void encoder_backward(const Pass *pass, const EncoderTape *tape, real *d, Packed source);
