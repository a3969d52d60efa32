/* The parameter block: every tensor of a model in one array, described by one table.
 *
 * parameters_create walks the model once and notes each tensor's name, shape, place in the block and initialisation.
 * All else comes from that: layers find their weights by the offsets noted here (w + offset, and dw + offset for the
 * gradient), the model file lists the tensors by it, the optimiser runs over the whole block. Parameters, gradients,
 * the optimiser's moments and the average of the weights, where there is one, are blocks of this layout.
 *
 * Names are those of the Hugging Face BART family. Because D and F are even, every tensor has an even number of
 * elements, so in a file with an alignment of 8 bytes the float tensors follow each other without gaps, and the file's
 * tensor data is the block. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "math/real.h"
#include "model/hyper.h"
#include "nn/feedforward.h"
#include "nn/layernorm.h"
#include "nn/multihead.h"

typedef enum Init {
    INIT_ZERO,
    INIT_ONE,
    INIT_NORMAL,  /* normal with standard deviation spread */
    INIT_UNIFORM, /* uniform in [-spread, spread): the layers' matrices */
} Init;

typedef struct Tensor {
    char name[64];
    size_t rows, cols; /* a matrix (rows, cols), row-major; a vector has rows = 0 */
    size_t offset;     /* elements from the start of the block */
    size_t count;      /* elements */
    Init init;
    double spread;
} Tensor;

typedef struct EncoderLayerParams {
    MultiheadParams self_attention;
    LayernormParams self_attention_norm;
    FeedforwardParams feedforward;
    LayernormParams final_norm;
} EncoderLayerParams;

typedef struct DecoderLayerParams {
    MultiheadParams self_attention;
    LayernormParams self_attention_norm;
    MultiheadParams cross_attention;
    LayernormParams cross_attention_norm;
    FeedforwardParams feedforward;
    LayernormParams final_norm;
} DecoderLayerParams;

typedef struct Parameters {
    Hyper hyper;
    Tensor *tensors; /* (tensor_count), in the order of the block */
    size_t tensor_count;
    size_t count; /* elements of the block */
    /* Offsets in the block. The embeddings and the output layer are (V, D), and the same where they are tied. */
    size_t encoder_embedding, decoder_embedding, output;
    size_t encoder_positions, decoder_positions; /* (P, D), learned positions only */
    EncoderLayerParams *encoder;                 /* (encoder_layers) */
    DecoderLayerParams *decoder;                 /* (decoder_layers) */
    LayernormParams encoder_norm, decoder_norm;  /* pre-norm only */
} Parameters;

/* hyper must have passed hyper_check. Release with parameters_free. */
Parameters parameters_create(const Hyper *hyper);
void parameters_free(Parameters *params);

/* Whether it is a matrix of attention or of feed-forward. The others are tables of vectors (embeddings, positions, the
 * output layer), norms and biases. */
static inline bool parameters_is_layer_matrix(const Tensor *tensor) { return tensor->init == INIT_UNIFORM; }

/* Fills the block (count): embeddings normal with standard deviation D^-0.5, matrices Xavier uniform (Glorot, Bengio
 * 2010; q, k and v as for one (3D, D) matrix), norms 1 and 0, biases 0. A function of the seed. */
void parameters_init(const Parameters *params, real *block, uint64_t seed);
