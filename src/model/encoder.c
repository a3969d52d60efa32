/* The encoder. */
#include "model/encoder.h"

#include <stdlib.h>

#include "base/memory.h"

EncoderTape encoder_tape_new(const Parameters *params) {
    return (EncoderTape){.layers = memory_new(params->hyper.encoder_layers, sizeof(EncoderLayerTape))};
}

void encoder_tape_free(EncoderTape *tape) {
    free(tape->layers);
    tape->layers = NULL;
}

void encoder_lay_out(EncoderTape *tape, Arena *arena, const Parameters *params, size_t N, bool keep) {
    const Hyper *h = &params->hyper;
    tape->embedded = arena_push(arena, N * h->width, sizeof(real));
    for (size_t l = 0; l < h->encoder_layers; l++) {
        EncoderLayerTape *layer = &tape->layers[l];
        if (!keep && l >= 2) {
            *layer = tape->layers[l - 2];
            continue;
        }
        layer->self = block_attention_tape(arena, h, N, 0);
        layer->feedforward = block_feedforward_tape(arena, h, N);
    }
    tape->norm = block_final_norm_tape(arena, h, N);
}

size_t encoder_scratch(const Parameters *params, size_t N) {
    return block_scratch(&params->hyper, N, 0);
}

static AttentionBlock self_attention(const Parameters *params, size_t l, Packed s) {
    const Hyper *h = &params->hyper;
    return (AttentionBlock){
        .stack = STACK_ENCODER,
        .layer = l,
        .weights_place = PLACE_SELF_WEIGHTS,
        .residual_place = PLACE_SELF_RESIDUAL,
        .norm = params->encoder[l].self_attention_norm,
        .params = params->encoder[l].self_attention,
        .shape = {s.B, h->heads, h->width / h->heads, s.start, s.start, s.start + 1, s.longest, false, NULL},
    };
}

static FeedforwardBlock feedforward(const Parameters *params, size_t l, size_t N) {
    return (FeedforwardBlock){STACK_ENCODER, l, params->encoder[l].final_norm, params->encoder[l].feedforward, N};
}

const real *encoder_forward(const Pass *pass, EncoderTape *tape, Packed source) {
    const Parameters *params = pass->params;
    const size_t N = source.start[source.B];
    block_embedding_forward(pass, STACK_ENCODER, tape->embedded, source);
    const real *x = tape->embedded;
    for (size_t l = 0; l < params->hyper.encoder_layers; l++) {
        const AttentionBlock self = self_attention(params, l, source);
        const FeedforwardBlock ff = feedforward(params, l, N);
        x = block_attention_forward(pass, &self, &tape->layers[l].self, x);
        x = block_feedforward_forward(pass, &ff, &tape->layers[l].feedforward, x);
    }
    return block_final_norm_forward(pass, params->encoder_norm, &tape->norm, x, N);
}

void encoder_backward(const Pass *pass, const EncoderTape *tape, real *d, Packed source) {
    const Parameters *params = pass->params;
    const size_t N = source.start[source.B];
    block_final_norm_backward(pass, params->encoder_norm, &tape->norm, d, N);
    for (size_t l = params->hyper.encoder_layers; l-- > 0;) {
        const AttentionBlock self = self_attention(params, l, source);
        const FeedforwardBlock ff = feedforward(params, l, N);
        block_feedforward_backward(pass, &ff, &tape->layers[l].feedforward, d);
        block_attention_backward(pass, &self, &tape->layers[l].self, d, NULL);
    }
    block_embedding_backward(pass, STACK_ENCODER, d, source);
}
