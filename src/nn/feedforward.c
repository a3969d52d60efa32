/* Position-wise feed-forward block. */
#include "nn/feedforward.h"

#include "math/vector.h"

size_t feedforward_scratch(FeedforwardShape shape) {
    return 3 * shape.N * shape.F;
}

static void make_act(Pool *pool, real *act, const real *pre, FeedforwardShape s, Dropout dropout) {
    activation_forward(pool, act, pre, s.activation, s.N * s.F);
    if (!dropout_is_none(dropout)) dropout_forward(pool, act, act, dropout, s.N * s.F);
}

void feedforward_forward(Pool *pool, Arena *arena, real *out, real *pre, const real *x, const real *w,
                         FeedforwardParams params, FeedforwardShape shape, Dropout dropout) {
    const size_t N = shape.N, D = shape.D, F = shape.F, mark = arena_mark(arena);
    real *act = arena_push(arena, N * F, sizeof(real));
    linear_forward(pool, pre, x, w + params.fc1.weight, w + params.fc1.bias, N, D, F);
    make_act(pool, act, pre, shape, dropout);
    linear_forward(pool, out, act, w + params.fc2.weight, w + params.fc2.bias, N, F, D);
    arena_release(arena, mark);
}

void feedforward_backward(Pool *pool, Arena *arena, real *dx, real *dw, const real *dout, const real *x,
                          const real *pre, const real *w, FeedforwardParams params, FeedforwardShape shape,
                          Dropout dropout) {
    const size_t N = shape.N, D = shape.D, F = shape.F, mark = arena_mark(arena);
    real *act = arena_push(arena, N * F, sizeof(real));
    real *dact = arena_push(arena, N * F, sizeof(real));
    real *dpre = arena_push(arena, N * F, sizeof(real));
    make_act(pool, act, pre, shape, dropout);
    vector_clear(dact, N * F);
    vector_clear(dpre, N * F);
    /* forward: out = act W2^T + b2 */
    linear_backward(pool, dact, dw + params.fc2.weight, dw + params.fc2.bias, dout, act, w + params.fc2.weight, N, F,
                    D);
    /* forward: act = dropout(activation(pre)) */
    if (!dropout_is_none(dropout)) dropout_forward(pool, dact, dact, dropout, N * F);
    activation_backward(pool, dpre, dact, pre, shape.activation, N * F);
    /* forward: pre = x W1^T + b1 */
    linear_backward(pool, dx, dw + params.fc1.weight, dw + params.fc1.bias, dpre, x, w + params.fc1.weight, N, D, F);
    arena_release(arena, mark);
}
