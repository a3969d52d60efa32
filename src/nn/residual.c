/* A residual connection with its layer norm and dropout. */
#include "nn/residual.h"

#include "math/vector.h"

ResidualTape residual_tape(Arena *arena, ResidualShape s) {
    return (ResidualTape){
        .sum = s.place == NORM_POST ? arena_push(arena, s.N * s.D, sizeof(real)) : NULL,
        .out = arena_push(arena, s.N * s.D, sizeof(real)),
        .mean = arena_push(arena, s.N, sizeof(real)),
        .rstd = arena_push(arena, s.N, sizeof(real)),
    };
}

const real *residual_enter(Pool *pool, ResidualTape *tape, real *normed, const real *x, const real *w,
                           LayernormParams norm, ResidualShape s) {
    tape->x = x;
    if (s.place == NORM_POST) return x;
    layernorm_forward(pool, normed, tape->mean, tape->rstd, x, w + norm.weight, w + norm.bias, s.N, s.D);
    return normed;
}

const real *residual_leave(Pool *pool, ResidualTape *tape, const real *y, const real *w, LayernormParams norm,
                           ResidualShape s, Dropout dropout) {
    real *sum = s.place == NORM_PRE ? tape->out : tape->sum;
    dropout_add_forward(pool, sum, tape->x, y, dropout, s.N * s.D);
    if (s.place == NORM_POST)
        layernorm_forward(pool, tape->out, tape->mean, tape->rstd, sum, w + norm.weight, w + norm.bias, s.N, s.D);
    return tape->out;
}

const real *residual_again(Pool *pool, const ResidualTape *tape, real *normed, const real *w, LayernormParams norm,
                           ResidualShape s) {
    if (s.place == NORM_POST) return tape->x;
    layernorm_again(pool, normed, tape->x, w + norm.weight, w + norm.bias, tape->mean, tape->rstd, s.N, s.D);
    return normed;
}

void residual_leave_backward(Pool *pool, real *d, real *dy, real *spare, real *dw, const real *w,
                             const ResidualTape *tape, LayernormParams norm, ResidualShape s, Dropout dropout) {
    if (s.place == NORM_POST) /* forward: out = norm(sum) */
        layernorm_backward_in_place(pool, d, spare, dw + norm.weight, dw + norm.bias, tape->sum, w + norm.weight,
                                    tape->mean, tape->rstd, s.N, s.D);
    /* forward: sum = x + dropout(y): d is already x's share, and y's is the masked d */
    dropout_forward(pool, dy, d, dropout, s.N * s.D);
}

void residual_enter_backward(Pool *pool, real *d, const real *dh, real *dw, const real *w, const ResidualTape *tape,
                             LayernormParams norm, ResidualShape s) {
    if (s.place == NORM_POST) /* forward: h = x */
        vector_add(d, dh, s.N * s.D);
    else /* forward: h = norm(x) */
        layernorm_backward(pool, d, dw + norm.weight, dw + norm.bias, dh, tape->x, w + norm.weight, tape->mean,
                           tape->rstd, s.N, s.D);
}
