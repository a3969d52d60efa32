#include "model/decoder.h"

#include "base/check.h"
#include "nn/embedding.h"

/* ---- whole sentences --------------------------------------------------------------------------------------------- */

Stored decoder_forward(const Pass *pass, DecoderTape *tape, Packed target, Packed source, Stored memory) {
    const Net *net = &pass->net;
    const size_t N = target.start[target.B], L = pass->params->hyper.decoder_layers;
    tape->layers = arena_push(net->arena, L, sizeof *tape->layers);
    real *embedded = net_reals(net, N * pass->params->hyper.width);
    block_embedding_forward(pass, STACK_DECODER, embedded, target);
    const real *x = embedded;
    for (size_t l = 0; l < L; l++) {
        const AttentionBlock self = block_attention_packed(pass, ATTENTION_DECODER, l, target, target, (Stored){0});
        const AttentionBlock cross = block_attention_packed(pass, ATTENTION_CROSS, l, target, source, memory);
        const FeedforwardBlock ff = block_feedforward(pass, STACK_DECODER, l, N);
        const uint64_t mark = arena_mark(net->arena);
        x = block_attention_forward(net, &tape->layers[l].self, x, &self);
        x = block_attention_forward(net, &tape->layers[l].cross, x, &cross);
        x = block_feedforward_forward(net, &tape->layers[l].feedforward, x, &ff);
        x = block_layer_end(pass, embedded, x, N, mark);
    }
    return block_final_norm_forward(pass, STACK_DECODER, &tape->norm, x, N);
}

void decoder_backward(const Pass *pass, const DecoderTape *tape, real *d, real *dmemory, Packed target, Packed source,
                      Stored memory) {
    const Net *net = &pass->net;
    const size_t N = target.start[target.B];
    block_final_norm_backward(pass, STACK_DECODER, d, &tape->norm, N);
    for (size_t l = pass->params->hyper.decoder_layers; l-- > 0;) {
        const AttentionBlock self = block_attention_packed(pass, ATTENTION_DECODER, l, target, target, (Stored){0});
        const AttentionBlock cross = block_attention_packed(pass, ATTENTION_CROSS, l, target, source, memory);
        const FeedforwardBlock ff = block_feedforward(pass, STACK_DECODER, l, N);
        block_feedforward_backward(net, d, &tape->layers[l].feedforward, &ff);
        block_attention_backward(net, d, dmemory, &tape->layers[l].cross, &cross);
        block_attention_backward(net, d, NULL, &tape->layers[l].self, &self);
    }
    block_embedding_backward(pass, STACK_DECODER, d, target);
}

/* ---- one position at a time -------------------------------------------------------------------------------------- */

void decoder_project_memory(const Pass *pass, const Kept *cross, const uint32_t *row, const real *memory, size_t M) {
    const Net *net = &pass->net;
    const size_t D = pass->params->hyper.width;
    const uint64_t mark = arena_mark(net->arena);
    real *kv = net_reals(net, M * 2 * D);
    for (size_t l = 0; l < pass->params->hyper.decoder_layers; l++) {
        multihead_project_kv(net, kv, memory, pass->params->decoder[l].cross_attention, M, D);
        kept_put(net->compute.pool, cross[l], row, kv, M, D);
    }
    arena_release(net->arena, mark);
}

/* Self-attention of one new row a sentence, whose key and value are kept. */
static const real *self_step(const Net *net, const real *x, const AttentionBlock *b, Kept kept) {
    const size_t N = b->sublayer.N, D = b->sublayer.D;
    SublayerTape tape;
    const real *h = stored_floats(sublayer_input(net, &tape, x, &b->sublayer));
    real *qkv = net_reals(net, N * 3 * D);
    multihead_project_qkv(net, qkv, h, b->attention.params, N, D);
    multihead_attend(net, tape.sum, qkv, qkv + D, 3 * D, kept, &b->attention, sublayer_sum(&tape));
    return sublayer_output(net, &tape, &b->sublayer);
}

/* Cross-attention of new rows to the memory's kept keys and values. */
static const real *cross_step(const Net *net, const real *x, const AttentionBlock *b, Kept kept) {
    const size_t N = b->sublayer.N, D = b->sublayer.D;
    SublayerTape tape;
    const real *h = stored_floats(sublayer_input(net, &tape, x, &b->sublayer));
    real *q = net_reals(net, N * D);
    multihead_project_q(net, q, h, b->attention.params, N, D);
    multihead_attend(net, tape.sum, q, NULL, D, kept, &b->attention, sublayer_sum(&tape));
    return sublayer_output(net, &tape, &b->sublayer);
}

const real *decoder_step(const Pass *pass, const int32_t *token, size_t B, size_t position, const DecoderCache *cache) {
    const Hyper *h = &pass->params->hyper;
    const Net *net = &pass->net;
    const size_t D = h->width, H = h->heads, K = D / H;
    CHECK(position < h->max_length, "a position within the model's longest sentence");
    uint32_t *each = arena_push(net->arena, B + 1, sizeof *each); /* every sentence is one query row */
    for (size_t b = 0; b <= B; b++) each[b] = (uint32_t)b;
    const AttentionShape self_shape = {
        B, H, K, each, cache->self_start, cache->self_end, cache->longest_self, .causal = false};
    const AttentionShape cross_shape = {
        B, H, K, each, cache->cross_start, cache->cross_end, cache->longest_cross, .causal = false};
    real *embedded = net_reals(net, B * D);
    const real *positions = pass_positions(pass, STACK_DECODER);
    embedding_forward(net->compute.pool, embedded, token, each, net->w + pass->params->decoder_embedding,
                      positions ? positions + position * D : NULL, B, D);
    const real *x = embedded;
    for (size_t l = 0; l < h->decoder_layers; l++) {
        const AttentionBlock self = block_attention(pass, ATTENTION_DECODER, l, self_shape, (Stored){0}, 0);
        const AttentionBlock cross = block_attention(pass, ATTENTION_CROSS, l, cross_shape, (Stored){0}, 0);
        const FeedforwardBlock ff = block_feedforward(pass, STACK_DECODER, l, B);
        const uint64_t mark = arena_mark(net->arena);
        FeedforwardBlockTape tape;
        x = self_step(net, x, &self, cache->self[l]);
        x = cross_step(net, x, &cross, cache->cross[l]);
        x = block_feedforward_forward(net, &tape, x, &ff);
        x = block_layer_end(pass, embedded, x, B, mark);
    }
    FinalNormTape norm;
    return stored_floats(block_final_norm_forward(pass, STACK_DECODER, &norm, x, B));
}

const real *decoder_step_unmasked(const Pass *pass, const int32_t *token, size_t N, const DecoderCache *cache) {
    const Hyper *h = &pass->params->hyper;
    const Net *net = &pass->net;
    uint32_t *start = arena_push(net->arena, 2, sizeof *start);
    start[0] = 0, start[1] = (uint32_t)N;
    const Packed prefix = {1, token, start, N};
    const AttentionShape cross_shape = {1,
                                        h->heads,
                                        h->width / h->heads,
                                        start,
                                        cache->cross_start,
                                        cache->cross_end,
                                        cache->longest_cross,
                                        .causal = false};
    real *embedded = net_reals(net, N * h->width);
    block_embedding_forward(pass, STACK_DECODER, embedded, prefix);
    const real *x = embedded;
    for (size_t l = 0; l < h->decoder_layers; l++) {
        const AttentionBlock self = block_attention_packed(pass, ATTENTION_DECODER, l, prefix, prefix, (Stored){0});
        const AttentionBlock cross = block_attention(pass, ATTENTION_CROSS, l, cross_shape, (Stored){0}, 0);
        const FeedforwardBlock ff = block_feedforward(pass, STACK_DECODER, l, N);
        const uint64_t mark = arena_mark(net->arena);
        AttentionBlockTape attention;
        FeedforwardBlockTape feedforward;
        x = block_attention_forward(net, &attention, x, &self);
        x = cross_step(net, x, &cross, cache->cross[l]);
        x = block_feedforward_forward(net, &feedforward, x, &ff);
        x = block_layer_end(pass, embedded, x, N, mark);
    }
    FinalNormTape norm;
    return stored_floats(block_final_norm_forward(pass, STACK_DECODER, &norm, x, N)) + (N - 1) * h->width;
}

uint64_t decoder_project_bytes(const Hyper *hyper, size_t M) {
    return (uint64_t)M * 2 * hyper->width * sizeof(real) + ARENA_ALIGNMENT;
}

uint64_t decoder_step_bytes(const Hyper *hyper, size_t B) {
    return block_stack_bytes(hyper, PRECISION_FLOAT32, STACK_DECODER, B, 0, false) + (B + 1) * sizeof(uint32_t);
}

uint64_t decoder_step_unmasked_bytes(const Hyper *hyper, size_t N) {
    return block_stack_bytes(hyper, PRECISION_FLOAT32, STACK_DECODER, N, 0, false) + 2 * sizeof(uint32_t);
}
