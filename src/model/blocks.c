/* The blocks of encoder and decoder. */
#include "model/blocks.h"

#include "math/vector.h"
#include "nn/embedding.h"

/* ---- embedding --------------------------------------------------------------------------------------------------- */

static size_t table_of(const Pass *pass, StackName stack) {
    return stack == STACK_ENCODER ? pass->params->encoder_embedding : pass->params->decoder_embedding;
}

void block_embedding_forward(const Pass *pass, StackName stack, real *out, Packed tokens) {
    const size_t N = tokens.start[tokens.B], D = pass->params->hyper.width;
    embedding_forward(pass->compute.pool, out, tokens.token, tokens.start, pass->w + table_of(pass, stack),
                      pass_positions(pass, stack), tokens.B, D);
    dropout_forward(pass->compute.pool, out, out, pass_dropout(pass, stack, 0, PLACE_EMBEDDING), N * D);
}

void block_embedding_backward(const Pass *pass, StackName stack, real *d, Packed tokens) {
    const size_t N = tokens.start[tokens.B], D = pass->params->hyper.width;
    dropout_forward(pass->compute.pool, d, d, pass_dropout(pass, stack, 0, PLACE_EMBEDDING), N * D);
    embedding_backward(pass->compute.pool, pass->dw + table_of(pass, stack), pass_dpositions(pass, stack), d,
                       tokens.token, tokens.start, tokens.B, D);
}

/* ---- attention --------------------------------------------------------------------------------------------------- */

static ResidualShape residual_shape(const Pass *pass, size_t N) {
    return (ResidualShape){N, pass->params->hyper.width, pass->params->hyper.norm};
}

AttentionBlockTape block_attention_tape(Arena *arena, const Hyper *h, size_t N, size_t M) {
    return (AttentionBlockTape){
        .attention = multihead_tape(arena, N, M, h->width, h->heads),
        .residual = residual_tape(arena, (ResidualShape){N, h->width, h->norm}),
    };
}

/* Attention over kept keys and values; those of the new rows join them first. */
static void attend_kept(const Pass *pass, real *y, MultiheadTape *tape, const AttentionBlock *b, const real *in) {
    const size_t D = pass->params->hyper.width, rows = b->shape.B;
    size_t q_stride = D;
    if (b->append) {
        q_stride = 3 * D;
        multihead_project_self(pass->compute, tape, in, pass->w, b->params, rows, D);
        for (size_t r = 0; r < rows; r++)
            vector_copy(b->kept + ((size_t)b->append[r] - 1) * 2 * D, tape->q + r * 3 * D + D, 2 * D);
    } else {
        multihead_project_query(pass->compute, tape, in, pass->w, b->params, rows, D);
    }
    multihead_attend(pass->compute, y, tape, (AttentionInput){tape->q, b->kept, b->kept + D, q_stride, 2 * D}, pass->w,
                     b->params, b->shape, dropout_none());
}

/* The block's shape, and where the pass shows its probabilities. */
static AttentionShape shape_shown(const Pass *pass, const AttentionBlock *b) {
    const AttentionKind kind = b->weights_place == PLACE_CROSS_WEIGHTS ? ATTENTION_CROSS
                               : b->stack == STACK_DECODER             ? ATTENTION_DECODER
                                                                       : ATTENTION_ENCODER;
    AttentionShape shape = b->shape;
    if (pass->shown[kind]) shape.shown = pass->shown[kind] + b->layer * shape.B;
    return shape;
}

const real *block_attention_forward(const Pass *pass, const AttentionBlock *b, AttentionBlockTape *tape,
                                    const real *x) {
    const ResidualShape shape = residual_shape(pass, b->shape.query_start[b->shape.B]);
    const size_t mark = arena_mark(pass->arena);
    real *normed = arena_push(pass->arena, shape.N * shape.D, sizeof(real));
    real *y = arena_push(pass->arena, shape.N * shape.D, sizeof(real));

    const real *in = residual_enter(pass->compute.pool, &tape->residual, normed, x, pass->w, b->norm, shape);
    if (b->kept)
        attend_kept(pass, y, &tape->attention, b, in);
    else
        multihead_forward(pass->compute, y, &tape->attention, in, b->memory, b->M, pass->w, b->params,
                          shape_shown(pass, b), pass_dropout(pass, b->stack, b->layer, b->weights_place));
    const real *out = residual_leave(pass->compute.pool, &tape->residual, y, pass->w, b->norm, shape,
                                     pass_dropout(pass, b->stack, b->layer, b->residual_place));
    arena_release(pass->arena, mark);
    return out;
}

void block_attention_backward(const Pass *pass, const AttentionBlock *b, const AttentionBlockTape *tape, real *d,
                              real *dmemory) {
    const ResidualShape shape = residual_shape(pass, b->shape.query_start[b->shape.B]);
    const size_t count = shape.N * shape.D, mark = arena_mark(pass->arena);
    real *normed = arena_push(pass->arena, count, sizeof(real));
    real *dy = arena_push(pass->arena, count, sizeof(real)), *dh = arena_push(pass->arena, count, sizeof(real));

    residual_leave_backward(pass->compute.pool, d, dy, dh, pass->dw, pass->w, &tape->residual, b->norm, shape,
                            pass_dropout(pass, b->stack, b->layer, b->residual_place));
    const real *in = residual_again(pass->compute.pool, &tape->residual, normed, pass->w, b->norm, shape);
    multihead_backward(pass->compute, pass->arena, dh, dmemory, pass->dw, dy, in, b->memory, b->M, pass->w, b->params,
                       &tape->attention, b->shape, pass_dropout(pass, b->stack, b->layer, b->weights_place));
    residual_enter_backward(pass->compute.pool, d, dh, pass->dw, pass->w, &tape->residual, b->norm, shape);
    arena_release(pass->arena, mark);
}

/* ---- feed-forward ------------------------------------------------------------------------------------------------ */

static FeedforwardShape feedforward_shape(const Hyper *h, size_t N) {
    return (FeedforwardShape){N, h->width, h->feedforward, h->activation};
}

FeedforwardBlockTape block_feedforward_tape(Arena *arena, const Hyper *h, size_t N) {
    return (FeedforwardBlockTape){
        .pre = arena_push(arena, N * h->feedforward, sizeof(real)),
        .residual = residual_tape(arena, (ResidualShape){N, h->width, h->norm}),
    };
}

const real *block_feedforward_forward(const Pass *pass, const FeedforwardBlock *b, FeedforwardBlockTape *tape,
                                      const real *x) {
    const ResidualShape shape = residual_shape(pass, b->N);
    const size_t mark = arena_mark(pass->arena);
    real *normed = arena_push(pass->arena, shape.N * shape.D, sizeof(real));
    real *y = arena_push(pass->arena, shape.N * shape.D, sizeof(real));

    const real *in = residual_enter(pass->compute.pool, &tape->residual, normed, x, pass->w, b->norm, shape);
    feedforward_forward(pass->compute, pass->arena, y, tape->pre, in, pass->w, b->params,
                        feedforward_shape(&pass->params->hyper, b->N),
                        pass_dropout(pass, b->stack, b->layer, PLACE_ACTIVATION));
    const real *out = residual_leave(pass->compute.pool, &tape->residual, y, pass->w, b->norm, shape,
                                     pass_dropout(pass, b->stack, b->layer, PLACE_FEEDFORWARD_RESIDUAL));
    arena_release(pass->arena, mark);
    return out;
}

void block_feedforward_backward(const Pass *pass, const FeedforwardBlock *b, const FeedforwardBlockTape *tape,
                                real *d) {
    const ResidualShape shape = residual_shape(pass, b->N);
    const size_t count = shape.N * shape.D, mark = arena_mark(pass->arena);
    real *normed = arena_push(pass->arena, count, sizeof(real));
    real *dy = arena_push(pass->arena, count, sizeof(real)), *dh = arena_push(pass->arena, count, sizeof(real));

    residual_leave_backward(pass->compute.pool, d, dy, dh, pass->dw, pass->w, &tape->residual, b->norm, shape,
                            pass_dropout(pass, b->stack, b->layer, PLACE_FEEDFORWARD_RESIDUAL));
    const real *in = residual_again(pass->compute.pool, &tape->residual, normed, pass->w, b->norm, shape);
    feedforward_backward(pass->compute, pass->arena, dh, pass->dw, dy, in, tape->pre, pass->w, b->params,
                         feedforward_shape(&pass->params->hyper, b->N),
                         pass_dropout(pass, b->stack, b->layer, PLACE_ACTIVATION));
    residual_enter_backward(pass->compute.pool, d, dh, pass->dw, pass->w, &tape->residual, b->norm, shape);
    arena_release(pass->arena, mark);
}

/* ---- final norm -------------------------------------------------------------------------------------------------- */

FinalNormTape block_final_norm_tape(Arena *arena, const Hyper *h, size_t N) {
    if (h->norm == NORM_POST) return (FinalNormTape){0};
    return (FinalNormTape){
        .out = arena_push(arena, N * h->width, sizeof(real)),
        .mean = arena_push(arena, N, sizeof(real)),
        .rstd = arena_push(arena, N, sizeof(real)),
    };
}

const real *block_final_norm_forward(const Pass *pass, LayernormParams norm, FinalNormTape *tape, const real *x,
                                     size_t N) {
    if (pass->params->hyper.norm == NORM_POST) return x;
    tape->x = x;
    layernorm_forward(pass->compute.pool, tape->out, tape->mean, tape->rstd, x, pass->w + norm.weight,
                      pass->w + norm.bias, N, pass->params->hyper.width);
    return tape->out;
}

void block_final_norm_backward(const Pass *pass, LayernormParams norm, const FinalNormTape *tape, real *d, size_t N) {
    const size_t D = pass->params->hyper.width, mark = arena_mark(pass->arena);
    if (pass->params->hyper.norm == NORM_POST) return;
    /* forward: out = norm(x) */
    real *spare = arena_push(pass->arena, N * D, sizeof(real));
    layernorm_backward_in_place(pass->compute.pool, d, spare, pass->dw + norm.weight, pass->dw + norm.bias, tape->x,
                                pass->w + norm.weight, tape->mean, tape->rstd, N, D);
    arena_release(pass->arena, mark);
}

size_t block_scratch(const Hyper *h, size_t N, size_t M) {
    const size_t attention = multihead_scratch(N, M, h->width);
    const size_t feedforward = feedforward_scratch(feedforward_shape(h, N));
    return 3 * N * h->width + (attention > feedforward ? attention : feedforward);
}
