#include "model/encoder.h"

Stored encoder_forward(const Pass *pass, EncoderTape *tape, Packed source) {
    const Net *net = &pass->net;
    const size_t N = source.start[source.B], L = pass->params->hyper.encoder_layers;
    tape->layers = arena_push(net->arena, L, sizeof *tape->layers);
    real *embedded = net_reals(net, N * pass->params->hyper.width);
    block_embedding_forward(pass, STACK_ENCODER, embedded, source);
    const real *x = embedded;
    for (size_t l = 0; l < L; l++) {
        const AttentionBlock self = block_attention_packed(pass, ATTENTION_ENCODER, l, source, source, (Stored){0});
        const FeedforwardBlock ff = block_feedforward(pass, STACK_ENCODER, l, N);
        const uint64_t mark = arena_mark(net->arena);
        x = block_attention_forward(net, &tape->layers[l].self, x, &self);
        x = block_feedforward_forward(net, &tape->layers[l].feedforward, x, &ff);
        x = block_layer_end(pass, embedded, x, N, mark);
    }
    return block_final_norm_forward(pass, STACK_ENCODER, &tape->norm, x, N);
}

void encoder_backward(const Pass *pass, const EncoderTape *tape, real *d, Packed source) {
    const Net *net = &pass->net;
    const size_t N = source.start[source.B];
    block_final_norm_backward(pass, STACK_ENCODER, d, &tape->norm, N);
    for (size_t l = pass->params->hyper.encoder_layers; l-- > 0;) {
        const AttentionBlock self = block_attention_packed(pass, ATTENTION_ENCODER, l, source, source, (Stored){0});
        const FeedforwardBlock ff = block_feedforward(pass, STACK_ENCODER, l, N);
        block_feedforward_backward(net, d, &tape->layers[l].feedforward, &ff);
        block_attention_backward(net, d, NULL, &tape->layers[l].self, &self);
    }
    block_embedding_backward(pass, STACK_ENCODER, d, source);
}
