/* Position-wise feed-forward block. */
#include "nn/feedforward.h"

#include "math/vector.h"
#include "nn/rows.h"

size_t feedforward_scratch(FeedforwardShape shape) {
    return 2 * shape.N * shape.F;
}

typedef struct Span {
    real *act, *dact, *dpre;
    const real *pre;
    Activation activation;
    Dropout dropout;
} Span;

/* act = dropout(activation(pre)) */
static void act_span(void *context, size_t first, size_t last) {
    const Span *s = context;
    real *act = s->act + first;
    activation_forward(act, s->pre + first, s->activation, last - first);
    dropout_span(act, act, s->dropout, first, last - first);
}

/* dpre from dact, which changes. */
static void act_backward_span(void *context, size_t first, size_t last) {
    const Span *s = context;
    real *dact = s->dact + first, *dpre = s->dpre + first;
    dropout_span(dact, dact, s->dropout, first, last - first);
    vector_clear(dpre, last - first);
    activation_backward(dpre, dact, s->pre + first, s->activation, last - first);
}

void feedforward_forward(Compute compute, Arena *arena, real *out, real *pre, const real *x, const real *w,
                         FeedforwardParams params, FeedforwardShape shape, Dropout dropout) {
    const size_t N = shape.N, D = shape.D, F = shape.F, mark = arena_mark(arena);
    real *act = arena_push(arena, N * F, sizeof(real));
    linear_forward(compute, pre, x, w + params.fc1.weight, w + params.fc1.bias, N, D, F);
    Span span = {.act = act, .pre = pre, .activation = shape.activation, .dropout = dropout};
    rows_run(compute.pool, "activation", N * F, 1, act_span, &span);
    linear_forward(compute, out, act, w + params.fc2.weight, w + params.fc2.bias, N, F, D);
    arena_release(arena, mark);
}

void feedforward_backward(Compute compute, Arena *arena, real *dx, real *dw, const real *dout, const real *x,
                          const real *pre, const real *w, FeedforwardParams params, FeedforwardShape shape,
                          Dropout dropout) {
    const size_t N = shape.N, D = shape.D, F = shape.F, mark = arena_mark(arena);
    real *act = arena_push(arena, N * F, sizeof(real));
    real *dact = arena_push(arena, N * F, sizeof(real));
    real *dpre = act; /* which is used up by then */
    Span span = {act, dact, dpre, pre, shape.activation, dropout};
    rows_run(compute.pool, "activation", N * F, 1, act_span, &span);
    /* forward: out = act W2^T + b2 */
    linear_backward_input(compute, MATMUL_WRITE, dact, dout, w + params.fc2.weight, N, F, D);
    linear_backward_params(compute, dw + params.fc2.weight, dw + params.fc2.bias, dout, act, N, F, D);
    /* forward: act = dropout(activation(pre)) */
    rows_run(compute.pool, "activation", N * F, 1, act_backward_span, &span);
    /* forward: pre = x W1^T + b1 */
    linear_backward_input(compute, MATMUL_WRITE, dx, dpre, w + params.fc1.weight, N, D, F);
    linear_backward_params(compute, dw + params.fc1.weight, dw + params.fc1.bias, dpre, x, N, D, F);
    arena_release(arena, mark);
}
