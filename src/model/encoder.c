/* The encoder. */
#include "model/encoder.h"

#include <stdlib.h>

#include "base/memory.h"
#include "math/vector.h"
#include "nn/embedding.h"

EncoderTape encoder_tape_new(const Parameters *params) {
    return (EncoderTape){.layers = memory_new(params->hyper.encoder_layers, sizeof(EncoderLayerTape))};
}

void encoder_tape_free(EncoderTape *tape) {
    free(tape->layers);
    tape->layers = NULL;
}

void encoder_lay_out(EncoderTape *tape, Arena *arena, const Parameters *params, size_t N, bool keep) {
    const Hyper *h = &params->hyper;
    const ResidualShape shape = {N, h->width, h->norm};
    tape->embedded = arena_push(arena, N * h->width, sizeof(real));
    for (size_t l = 0; l < h->encoder_layers; l++) {
        EncoderLayerTape *layer = &tape->layers[l];
        if (!keep && l >= 2) {
            *layer = tape->layers[l - 2];
            continue;
        }
        layer->attention = multihead_tape(arena, N, 0, h->width, h->heads);
        layer->attention_residual = residual_tape(arena, shape);
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

size_t encoder_scratch(const Parameters *params, size_t N, bool backward) {
    const Hyper *h = &params->hyper;
    const size_t attention = multihead_scratch(N, 0, h->width);
    const size_t feedforward = feedforward_scratch(feedforward_shape(h, N));
    return (backward ? 3 : 2) * N * h->width + (attention > feedforward ? attention : feedforward);
}

static AttentionShape self_shape(const Hyper *h, Packed s) {
    return (AttentionShape){s.B, h->heads, h->width / h->heads, s.start, s.start, s.start + 1, s.longest, false};
}

/* One layer; normed and y are (N, D) scratch. */
static const real *layer_forward(const Pass *pass, EncoderLayerTape *tape, size_t l, const real *x, Packed source,
                                 real *normed, real *y) {
    const Hyper *h = &pass->params->hyper;
    const EncoderLayerParams *p = &pass->params->encoder[l];
    const ResidualShape shape = {source.start[source.B], h->width, h->norm};
    const real *in;

    in = residual_enter(pass->pool, &tape->attention_residual, normed, x, pass->w, p->self_attention_norm, shape);
    multihead_forward(pass->pool, y, &tape->attention, in, NULL, 0, pass->w, p->self_attention, self_shape(h, source),
                      pass_dropout(pass, STACK_ENCODER, l, PLACE_SELF_WEIGHTS));
    x = residual_leave(pass->pool, &tape->attention_residual, y, pass->w, p->self_attention_norm, shape,
                       pass_dropout(pass, STACK_ENCODER, l, PLACE_SELF_RESIDUAL));

    in = residual_enter(pass->pool, &tape->feedforward_residual, normed, x, pass->w, p->final_norm, shape);
    feedforward_forward(pass->pool, pass->arena, y, tape->pre, in, pass->w, p->feedforward,
                        feedforward_shape(h, shape.N), pass_dropout(pass, STACK_ENCODER, l, PLACE_ACTIVATION));
    return residual_leave(pass->pool, &tape->feedforward_residual, y, pass->w, p->final_norm, shape,
                          pass_dropout(pass, STACK_ENCODER, l, PLACE_FEEDFORWARD_RESIDUAL));
}

const real *encoder_forward(const Pass *pass, EncoderTape *tape, Packed source) {
    const Parameters *params = pass->params;
    const size_t N = source.start[source.B], D = params->hyper.width, mark = arena_mark(pass->arena);
    real *normed = arena_push(pass->arena, N * D, sizeof(real)), *y = arena_push(pass->arena, N * D, sizeof(real));

    embedding_forward(pass->pool, tape->embedded, source.token, source.start, pass->w + params->encoder_embedding,
                      pass_positions(pass, STACK_ENCODER), source.B, D);
    dropout_forward(pass->pool, tape->embedded, tape->embedded, pass_dropout(pass, STACK_ENCODER, 0, PLACE_EMBEDDING),
                    N * D);
    const real *x = tape->embedded;
    for (size_t l = 0; l < params->hyper.encoder_layers; l++)
        x = layer_forward(pass, &tape->layers[l], l, x, source, normed, y);
    arena_release(pass->arena, mark);

    tape->last = x;
    if (params->hyper.norm == NORM_POST) return x;
    layernorm_forward(pass->pool, tape->normed, tape->mean, tape->rstd, x, pass->w + params->encoder_norm.weight,
                      pass->w + params->encoder_norm.bias, N, D);
    return tape->normed;
}

/* One layer: d is the gradient of its output in, of its input out. */
static void layer_backward(const Pass *pass, const EncoderLayerTape *tape, size_t l, real *d, Packed source) {
    const Hyper *h = &pass->params->hyper;
    const EncoderLayerParams *p = &pass->params->encoder[l];
    const size_t N = source.start[source.B], count = N * h->width, mark = arena_mark(pass->arena);
    const ResidualShape shape = {N, h->width, h->norm};
    real *normed = arena_push(pass->arena, count, sizeof(real));
    real *dy = arena_push(pass->arena, count, sizeof(real)), *dh = arena_push(pass->arena, count, sizeof(real));
    const real *in;

    residual_leave_backward(pass->pool, d, dy, dh, pass->dw, pass->w, &tape->feedforward_residual, p->final_norm, shape,
                            pass_dropout(pass, STACK_ENCODER, l, PLACE_FEEDFORWARD_RESIDUAL));
    in = residual_again(pass->pool, &tape->feedforward_residual, normed, pass->w, p->final_norm, shape);
    vector_clear(dh, count);
    feedforward_backward(pass->pool, pass->arena, dh, pass->dw, dy, in, tape->pre, pass->w, p->feedforward,
                         feedforward_shape(h, N), pass_dropout(pass, STACK_ENCODER, l, PLACE_ACTIVATION));
    residual_enter_backward(pass->pool, d, dh, pass->dw, pass->w, &tape->feedforward_residual, p->final_norm, shape);

    residual_leave_backward(pass->pool, d, dy, dh, pass->dw, pass->w, &tape->attention_residual, p->self_attention_norm,
                            shape, pass_dropout(pass, STACK_ENCODER, l, PLACE_SELF_RESIDUAL));
    in = residual_again(pass->pool, &tape->attention_residual, normed, pass->w, p->self_attention_norm, shape);
    vector_clear(dh, count);
    multihead_backward(pass->pool, pass->arena, dh, NULL, pass->dw, dy, in, NULL, 0, pass->w, p->self_attention,
                       &tape->attention, self_shape(h, source),
                       pass_dropout(pass, STACK_ENCODER, l, PLACE_SELF_WEIGHTS));
    residual_enter_backward(pass->pool, d, dh, pass->dw, pass->w, &tape->attention_residual, p->self_attention_norm,
                            shape);
    arena_release(pass->arena, mark);
}

void encoder_backward(const Pass *pass, const EncoderTape *tape, real *d, Packed source) {
    const Parameters *params = pass->params;
    const Hyper *h = &params->hyper;
    const size_t N = source.start[source.B], D = h->width;
    if (h->norm == NORM_PRE) { /* forward: normed = norm(last) */
        const size_t mark = arena_mark(pass->arena);
        real *dout = arena_push(pass->arena, N * D, sizeof(real));
        vector_copy(dout, d, N * D);
        vector_clear(d, N * D);
        layernorm_backward(pass->pool, d, pass->dw + params->encoder_norm.weight, pass->dw + params->encoder_norm.bias,
                           dout, tape->last, pass->w + params->encoder_norm.weight, tape->mean, tape->rstd, N, D);
        arena_release(pass->arena, mark);
    }
    for (size_t l = h->encoder_layers; l-- > 0;) layer_backward(pass, &tape->layers[l], l, d, source);
    dropout_forward(pass->pool, d, d, pass_dropout(pass, STACK_ENCODER, 0, PLACE_EMBEDDING), N * D);
    embedding_backward(pass->pool, pass->dw + params->encoder_embedding,
                       pass->positions ? NULL : pass->dw + params->encoder_positions, d, source.token, source.start,
                       source.B, D);
}
