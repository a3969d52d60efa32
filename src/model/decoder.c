/* The decoder. */
#include "model/decoder.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "math/vector.h"
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
    const ResidualShape shape = {N, h->width, h->norm};
    tape->embedded = arena_push(arena, N * h->width, sizeof(real));
    for (size_t l = 0; l < h->decoder_layers; l++) {
        DecoderLayerTape *layer = &tape->layers[l];
        if (!keep && l >= 2) {
            *layer = tape->layers[l - 2];
            continue;
        }
        layer->self_attention = multihead_tape(arena, N, 0, h->width, h->heads);
        layer->self_residual = residual_tape(arena, shape);
        layer->cross_attention = multihead_tape(arena, N, M, h->width, h->heads);
        layer->cross_residual = residual_tape(arena, shape);
        layer->pre = arena_push(arena, N * h->feedforward, sizeof(real));
        layer->feedforward_residual = residual_tape(arena, shape);
    }
    if (h->norm == NORM_PRE) {
        tape->normed = arena_push(arena, N * h->width, sizeof(real));
        tape->mean = arena_push(arena, N, sizeof(real));
        tape->rstd = arena_push(arena, N, sizeof(real));
    }
}

static FeedforwardShape feedforward_shape(const Hyper *h, size_t N) {
    return (FeedforwardShape){N, h->width, h->feedforward, h->activation};
}

size_t decoder_scratch(const Parameters *params, size_t N, size_t M, bool backward) {
    const Hyper *h = &params->hyper;
    const size_t self = multihead_scratch(N, 0, h->width), cross = multihead_scratch(N, M, h->width);
    const size_t feedforward = feedforward_scratch(feedforward_shape(h, N));
    const size_t attention = self > cross ? self : cross;
    return (backward ? 3 : 2) * N * h->width + (attention > feedforward ? attention : feedforward);
}

/* How the two attentions of a layer find their keys and values. */
typedef struct DecoderView {
    AttentionShape self, cross;
    const real *memory; /* (M, D); NULL when the cross-attention's keys and values are kept in the cache */
    size_t M;
    const DecoderCache *cache; /* NULL when whole sentences are run */
} DecoderView;

static DecoderView whole_sentences(const Hyper *h, Packed target, Packed source, const real *memory) {
    const size_t K = h->width / h->heads;
    return (DecoderView){
        .self = {target.B, h->heads, K, target.start, target.start, target.start + 1, target.longest, true},
        .cross = {target.B, h->heads, K, target.start, source.start, source.start + 1, source.longest, false},
        .memory = memory,
        .M = source.start[source.B],
    };
}

/* Self-attention over kept keys and values, after adding those of the new position. */
static void self_attend_cached(const Pass *pass, real *y, DecoderLayerTape *tape, size_t l, const real *in,
                               const DecoderView *view) {
    const MultiheadParams params = pass->params->decoder[l].self_attention;
    const size_t D = pass->params->hyper.width;
    real *cache = view->cache->self[l];
    multihead_project_self(pass->pool, &tape->self_attention, in, pass->w, params, view->self.B, D);
    for (size_t b = 0; b < view->self.B; b++)
        vector_copy(cache + ((size_t)view->cache->self_end[b] - 1) * 2 * D, tape->self_attention.q + b * 3 * D + D,
                    2 * D);
    multihead_attend(pass->pool, y, &tape->self_attention,
                     (AttentionInput){tape->self_attention.q, cache, cache + D, 3 * D, 2 * D}, pass->w, params,
                     view->self, dropout_none());
}

static void cross_attend_cached(const Pass *pass, real *y, DecoderLayerTape *tape, size_t l, const real *in,
                                const DecoderView *view) {
    const MultiheadParams params = pass->params->decoder[l].cross_attention;
    const size_t D = pass->params->hyper.width;
    const real *kv = view->cache->cross[l];
    multihead_project_query(pass->pool, &tape->cross_attention, in, pass->w, params, view->cross.B, D);
    multihead_attend(pass->pool, y, &tape->cross_attention,
                     (AttentionInput){tape->cross_attention.q, kv, kv + D, D, 2 * D}, pass->w, params, view->cross,
                     dropout_none());
}

/* One layer; normed and y are (N, D) scratch. */
static const real *layer_forward(const Pass *pass, DecoderLayerTape *tape, size_t l, const real *x,
                                 const DecoderView *view, real *normed, real *y) {
    const Hyper *h = &pass->params->hyper;
    const DecoderLayerParams *p = &pass->params->decoder[l];
    const ResidualShape shape = {view->self.query_start[view->self.B], h->width, h->norm};
    const real *in;

    in = residual_enter(pass->pool, &tape->self_residual, normed, x, pass->w, p->self_attention_norm, shape);
    if (view->cache)
        self_attend_cached(pass, y, tape, l, in, view);
    else
        multihead_forward(pass->pool, y, &tape->self_attention, in, NULL, 0, pass->w, p->self_attention, view->self,
                          pass_dropout(pass, STACK_DECODER, l, PLACE_SELF_WEIGHTS));
    x = residual_leave(pass->pool, &tape->self_residual, y, pass->w, p->self_attention_norm, shape,
                       pass_dropout(pass, STACK_DECODER, l, PLACE_SELF_RESIDUAL));

    in = residual_enter(pass->pool, &tape->cross_residual, normed, x, pass->w, p->cross_attention_norm, shape);
    if (view->cache)
        cross_attend_cached(pass, y, tape, l, in, view);
    else
        multihead_forward(pass->pool, y, &tape->cross_attention, in, view->memory, view->M, pass->w, p->cross_attention,
                          view->cross, pass_dropout(pass, STACK_DECODER, l, PLACE_CROSS_WEIGHTS));
    x = residual_leave(pass->pool, &tape->cross_residual, y, pass->w, p->cross_attention_norm, shape,
                       pass_dropout(pass, STACK_DECODER, l, PLACE_CROSS_RESIDUAL));

    in = residual_enter(pass->pool, &tape->feedforward_residual, normed, x, pass->w, p->final_norm, shape);
    feedforward_forward(pass->pool, pass->arena, y, tape->pre, in, pass->w, p->feedforward,
                        feedforward_shape(h, shape.N), pass_dropout(pass, STACK_DECODER, l, PLACE_ACTIVATION));
    return residual_leave(pass->pool, &tape->feedforward_residual, y, pass->w, p->final_norm, shape,
                          pass_dropout(pass, STACK_DECODER, l, PLACE_FEEDFORWARD_RESIDUAL));
}

/* The layers and the final norm, from the embedded rows on. */
static const real *layers_forward(const Pass *pass, DecoderTape *tape, const DecoderView *view) {
    const Parameters *params = pass->params;
    const size_t N = view->self.query_start[view->self.B], D = params->hyper.width, mark = arena_mark(pass->arena);
    real *normed = arena_push(pass->arena, N * D, sizeof(real)), *y = arena_push(pass->arena, N * D, sizeof(real));
    const real *x = tape->embedded;
    for (size_t l = 0; l < params->hyper.decoder_layers; l++)
        x = layer_forward(pass, &tape->layers[l], l, x, view, normed, y);
    arena_release(pass->arena, mark);
    tape->last = x;
    if (params->hyper.norm == NORM_POST) return x;
    layernorm_forward(pass->pool, tape->normed, tape->mean, tape->rstd, x, pass->w + params->decoder_norm.weight,
                      pass->w + params->decoder_norm.bias, N, D);
    return tape->normed;
}

const real *decoder_forward(const Pass *pass, DecoderTape *tape, Packed target, Packed source, const real *memory) {
    const size_t N = target.start[target.B], D = pass->params->hyper.width;
    embedding_forward(pass->pool, tape->embedded, target.token, target.start, pass->w + pass->params->decoder_embedding,
                      pass_positions(pass, STACK_DECODER), target.B, D);
    dropout_forward(pass->pool, tape->embedded, tape->embedded, pass_dropout(pass, STACK_DECODER, 0, PLACE_EMBEDDING),
                    N * D);
    const DecoderView view = whole_sentences(&pass->params->hyper, target, source, memory);
    return layers_forward(pass, tape, &view);
}

/* One layer: d is the gradient of its output in, of its input out. */
static void layer_backward(const Pass *pass, const DecoderLayerTape *tape, size_t l, real *d, real *dmemory,
                           const DecoderView *view) {
    const Hyper *h = &pass->params->hyper;
    const DecoderLayerParams *p = &pass->params->decoder[l];
    const size_t N = view->self.query_start[view->self.B], count = N * h->width, mark = arena_mark(pass->arena);
    const ResidualShape shape = {N, h->width, h->norm};
    real *normed = arena_push(pass->arena, count, sizeof(real));
    real *dy = arena_push(pass->arena, count, sizeof(real)), *dh = arena_push(pass->arena, count, sizeof(real));
    const real *in;

    residual_leave_backward(pass->pool, d, dy, dh, pass->dw, pass->w, &tape->feedforward_residual, p->final_norm, shape,
                            pass_dropout(pass, STACK_DECODER, l, PLACE_FEEDFORWARD_RESIDUAL));
    in = residual_again(pass->pool, &tape->feedforward_residual, normed, pass->w, p->final_norm, shape);
    vector_clear(dh, count);
    feedforward_backward(pass->pool, pass->arena, dh, pass->dw, dy, in, tape->pre, pass->w, p->feedforward,
                         feedforward_shape(h, N), pass_dropout(pass, STACK_DECODER, l, PLACE_ACTIVATION));
    residual_enter_backward(pass->pool, d, dh, pass->dw, pass->w, &tape->feedforward_residual, p->final_norm, shape);

    residual_leave_backward(pass->pool, d, dy, dh, pass->dw, pass->w, &tape->cross_residual, p->cross_attention_norm,
                            shape, pass_dropout(pass, STACK_DECODER, l, PLACE_CROSS_RESIDUAL));
    in = residual_again(pass->pool, &tape->cross_residual, normed, pass->w, p->cross_attention_norm, shape);
    vector_clear(dh, count);
    multihead_backward(pass->pool, pass->arena, dh, dmemory, pass->dw, dy, in, view->memory, view->M, pass->w,
                       p->cross_attention, &tape->cross_attention, view->cross,
                       pass_dropout(pass, STACK_DECODER, l, PLACE_CROSS_WEIGHTS));
    residual_enter_backward(pass->pool, d, dh, pass->dw, pass->w, &tape->cross_residual, p->cross_attention_norm,
                            shape);

    residual_leave_backward(pass->pool, d, dy, dh, pass->dw, pass->w, &tape->self_residual, p->self_attention_norm,
                            shape, pass_dropout(pass, STACK_DECODER, l, PLACE_SELF_RESIDUAL));
    in = residual_again(pass->pool, &tape->self_residual, normed, pass->w, p->self_attention_norm, shape);
    vector_clear(dh, count);
    multihead_backward(pass->pool, pass->arena, dh, NULL, pass->dw, dy, in, NULL, 0, pass->w, p->self_attention,
                       &tape->self_attention, view->self, pass_dropout(pass, STACK_DECODER, l, PLACE_SELF_WEIGHTS));
    residual_enter_backward(pass->pool, d, dh, pass->dw, pass->w, &tape->self_residual, p->self_attention_norm, shape);
    arena_release(pass->arena, mark);
}

void decoder_backward(const Pass *pass, const DecoderTape *tape, real *d, real *dmemory, Packed target, Packed source,
                      const real *memory) {
    const Parameters *params = pass->params;
    const Hyper *h = &params->hyper;
    const size_t N = target.start[target.B], D = h->width;
    const DecoderView view = whole_sentences(h, target, source, memory);
    if (h->norm == NORM_PRE) { /* forward: normed = norm(last) */
        const size_t mark = arena_mark(pass->arena);
        real *dout = arena_push(pass->arena, N * D, sizeof(real));
        vector_copy(dout, d, N * D);
        vector_clear(d, N * D);
        layernorm_backward(pass->pool, d, pass->dw + params->decoder_norm.weight, pass->dw + params->decoder_norm.bias,
                           dout, tape->last, pass->w + params->decoder_norm.weight, tape->mean, tape->rstd, N, D);
        arena_release(pass->arena, mark);
    }
    for (size_t l = h->decoder_layers; l-- > 0;) layer_backward(pass, &tape->layers[l], l, d, dmemory, &view);
    dropout_forward(pass->pool, d, d, pass_dropout(pass, STACK_DECODER, 0, PLACE_EMBEDDING), N * D);
    embedding_backward(pass->pool, pass->dw + params->decoder_embedding,
                       pass->positions ? NULL : pass->dw + params->decoder_positions, d, target.token, target.start,
                       target.B, D);
}

void decoder_project_memory(const Pass *pass, real *const *cross, const real *memory, size_t M) {
    for (size_t l = 0; l < pass->params->hyper.decoder_layers; l++)
        multihead_project_memory(pass->pool, cross[l], memory, pass->w, pass->params->decoder[l].cross_attention, M,
                                 pass->params->hyper.width);
}

const real *decoder_step(const Pass *pass, DecoderTape *tape, const int32_t *token, size_t B, size_t position,
                         const DecoderCache *cache) {
    const Hyper *h = &pass->params->hyper;
    const size_t D = h->width, K = D / h->heads, mark = arena_mark(pass->arena);
    CHECK(position < h->max_length, "a position within the model's longest sentence");
    uint32_t *each = arena_push(pass->arena, B + 1, sizeof *each); /* every sentence is one query row */
    for (size_t b = 0; b <= B; b++) each[b] = (uint32_t)b;
    embedding_forward(pass->pool, tape->embedded, token, each, pass->w + pass->params->decoder_embedding,
                      pass_positions(pass, STACK_DECODER) + position * D, B, D);
    const DecoderView view = {
        .self = {B, h->heads, K, each, cache->self_start, cache->self_end, cache->longest_self, false},
        .cross = {B, h->heads, K, each, cache->cross_start, cache->cross_end, cache->longest_cross, false},
        .cache = cache,
    };
    const real *out = layers_forward(pass, tape, &view);
    arena_release(pass->arena, mark);
    return out;
}
