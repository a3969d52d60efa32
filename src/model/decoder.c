/* The decoder. */
#include "model/decoder.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "nn/embedding.h"

DecoderTape decoder_tape_new(const Parameters *params) {
    return (DecoderTape){.layers = memory_new(params->hyper.decoder_layers, sizeof(DecoderLayerTape))};
}

void decoder_tape_free(DecoderTape *tape) {
    free(tape->layers);
    tape->layers = NULL;
}

void decoder_lay_out(DecoderTape *tape, Arena *arena, const Parameters *params, size_t N, size_t M, bool keep) {
    const Hyper *h = &params->hyper;
    tape->embedded = arena_push(arena, N * h->width, sizeof(real));
    for (size_t l = 0; l < h->decoder_layers; l++) {
        DecoderLayerTape *layer = &tape->layers[l];
        if (!keep && l >= 2) {
            *layer = tape->layers[l - 2];
            continue;
        }
        layer->self = block_attention_tape(arena, h, N, 0);
        layer->cross = block_attention_tape(arena, h, N, M);
        layer->feedforward = block_feedforward_tape(arena, h, N);
    }
    tape->norm = block_final_norm_tape(arena, h, N);
}

size_t decoder_scratch(const Parameters *params, size_t N, size_t M) {
    const size_t self = block_scratch(&params->hyper, N, 0), cross = block_scratch(&params->hyper, N, M);
    return self > cross ? self : cross;
}

/* Which rows attend to which, and where keys and values come from: the same for every layer. */
typedef struct DecoderView {
    AttentionShape self, cross;
    const real *memory; /* (M, D), when whole sentences are run */
    size_t M;
    const DecoderCache *cache; /* one position at a time; else NULL */
} DecoderView;

static DecoderView whole_sentences(const Hyper *h, Packed target, Packed source, const real *memory) {
    const size_t K = h->width / h->heads;
    return (DecoderView){
        .self = {target.B, h->heads, K, target.start, target.start, target.start + 1, target.longest, true, NULL},
        .cross = {target.B, h->heads, K, target.start, source.start, source.start + 1, source.longest, false, NULL},
        .memory = memory,
        .M = source.start[source.B],
    };
}

static AttentionBlock self_attention(const Parameters *params, size_t l, const DecoderView *view) {
    return (AttentionBlock){
        .stack = STACK_DECODER,
        .layer = l,
        .weights_place = PLACE_SELF_WEIGHTS,
        .residual_place = PLACE_SELF_RESIDUAL,
        .norm = params->decoder[l].self_attention_norm,
        .params = params->decoder[l].self_attention,
        .shape = view->self,
        .kept = view->cache ? view->cache->self[l] : NULL,
        .append = view->cache ? view->cache->self_end : NULL,
    };
}

static AttentionBlock cross_attention(const Parameters *params, size_t l, const DecoderView *view) {
    return (AttentionBlock){
        .stack = STACK_DECODER,
        .layer = l,
        .weights_place = PLACE_CROSS_WEIGHTS,
        .residual_place = PLACE_CROSS_RESIDUAL,
        .norm = params->decoder[l].cross_attention_norm,
        .params = params->decoder[l].cross_attention,
        .shape = view->cross,
        .memory = view->memory,
        .M = view->M,
        .kept = view->cache ? view->cache->cross[l] : NULL,
    };
}

static FeedforwardBlock feedforward(const Parameters *params, size_t l, const DecoderView *view) {
    return (FeedforwardBlock){STACK_DECODER, l, params->decoder[l].final_norm, params->decoder[l].feedforward,
                              view->self.query_start[view->self.B]};
}

/* The layers and the final norm, from the embedded rows on. */
static const real *layers_forward(const Pass *pass, DecoderTape *tape, const DecoderView *view) {
    const Parameters *params = pass->params;
    const real *x = tape->embedded;
    for (size_t l = 0; l < params->hyper.decoder_layers; l++) {
        const AttentionBlock self = self_attention(params, l, view), cross = cross_attention(params, l, view);
        const FeedforwardBlock ff = feedforward(params, l, view);
        x = block_attention_forward(pass, &self, &tape->layers[l].self, x);
        x = block_attention_forward(pass, &cross, &tape->layers[l].cross, x);
        x = block_feedforward_forward(pass, &ff, &tape->layers[l].feedforward, x);
    }
    return block_final_norm_forward(pass, params->decoder_norm, &tape->norm, x, view->self.query_start[view->self.B]);
}

const real *decoder_forward(const Pass *pass, DecoderTape *tape, Packed target, Packed source, const real *memory) {
    const DecoderView view = whole_sentences(&pass->params->hyper, target, source, memory);
    block_embedding_forward(pass, STACK_DECODER, tape->embedded, target);
    return layers_forward(pass, tape, &view);
}

void decoder_backward(const Pass *pass, const DecoderTape *tape, real *d, real *dmemory, Packed target, Packed source,
                      const real *memory) {
    const Parameters *params = pass->params;
    const DecoderView view = whole_sentences(&params->hyper, target, source, memory);
    block_final_norm_backward(pass, params->decoder_norm, &tape->norm, d, target.start[target.B]);
    for (size_t l = params->hyper.decoder_layers; l-- > 0;) {
        const AttentionBlock self = self_attention(params, l, &view), cross = cross_attention(params, l, &view);
        const FeedforwardBlock ff = feedforward(params, l, &view);
        block_feedforward_backward(pass, &ff, &tape->layers[l].feedforward, d);
        block_attention_backward(pass, &cross, &tape->layers[l].cross, d, dmemory);
        block_attention_backward(pass, &self, &tape->layers[l].self, d, NULL);
    }
    block_embedding_backward(pass, STACK_DECODER, d, target);
}

void decoder_project_memory(const Pass *pass, real *const *cross, const real *memory, size_t M) {
    for (size_t l = 0; l < pass->params->hyper.decoder_layers; l++)
        multihead_project_memory(pass->compute, cross[l], memory, pass->w, pass->params->decoder[l].cross_attention, M,
                                 pass->params->hyper.width);
}

const real *decoder_step(const Pass *pass, DecoderTape *tape, const int32_t *token, size_t B, size_t position,
                         const DecoderCache *cache) {
    const Hyper *h = &pass->params->hyper;
    const size_t D = h->width, K = D / h->heads, mark = arena_mark(pass->arena);
    CHECK(position < h->max_length, "a position within the model's longest sentence");
    uint32_t *each = arena_push(pass->arena, B + 1, sizeof *each); /* every sentence is one query row */
    for (size_t b = 0; b <= B; b++) each[b] = (uint32_t)b;
    embedding_forward(pass->compute.pool, tape->embedded, token, each, pass->w + pass->params->decoder_embedding,
                      pass_positions(pass, STACK_DECODER) + position * D, B, D);
    const DecoderView view = {
        .self = {B, h->heads, K, each, cache->self_start, cache->self_end, cache->longest_self, false, NULL},
        .cross = {B, h->heads, K, each, cache->cross_start, cache->cross_end, cache->longest_cross, false, NULL},
        .cache = cache,
    };
    const real *out = layers_forward(pass, tape, &view);
    arena_release(pass->arena, mark);
    return out;
}
