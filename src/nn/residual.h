/* A residual connection with its layer norm and dropout around a block f (attention or feed-forward):
 *
 *     pre-norm:   h = norm(x)   y = f(h)   out = x + dropout(y)
 *     post-norm:  h = x         y = f(h)   out = norm(x + dropout(y))     (Vaswani et al. 2017, section 5.4)
 *
 * Forward: h = residual_enter(...); run f; residual_leave(...). Backward, in reverse: residual_leave_backward turns the
 * gradient of out into that of y; run f's backward, which writes dh; residual_enter_backward takes dh in. In between,
 * one array d (N, D) holds the gradient of the stream: that of `out` before, that of `x` after.
 *
 * x, h, y, out: (N, D) */
#ifndef NMT_NN_RESIDUAL_H
#define NMT_NN_RESIDUAL_H

#include <stddef.h>

#include "base/arena.h"
#include "base/pool.h"
#include "math/real.h"
#include "nn/dropout.h"
#include "nn/layernorm.h"

typedef enum NormPlace { NORM_PRE, NORM_POST } NormPlace;
#define NORM_PLACE_NAMES "pre|post" /* in the order of the enum */

typedef struct ResidualShape {
    size_t N, D;
    NormPlace place;
} ResidualShape;

/* What forward keeps for backward: x is the caller's and stays; sum (N, D): x + dropout(y), post-norm only. */
typedef struct ResidualTape {
    const real *x;
    real *sum, *out, *mean, *rstd;
} ResidualTape;

ResidualTape residual_tape(Arena *arena, ResidualShape shape);

/* Returns h: x itself, or the normed rows, written to `normed` (N, D), which need not be kept. */
const real *residual_enter(Pool *pool, ResidualTape *tape, real *normed, const real *x, const real *w,
                           LayernormParams norm, ResidualShape shape);

/* Makes tape->out, and returns it. */
const real *residual_leave(Pool *pool, ResidualTape *tape, const real *y, const real *w, LayernormParams norm,
                           ResidualShape shape, Dropout dropout);

/* h again, for the backward pass of f. */
const real *residual_again(Pool *pool, const ResidualTape *tape, real *normed, const real *w, LayernormParams norm,
                           ResidualShape shape);

/* d comes in as the gradient of out and goes out as that of x along the direct path, the one past f; f's share is still
 * to come. dy (N, D), the gradient of y, is written. spare (N, D): scratch. */
void residual_leave_backward(Pool *pool, real *d, real *dy, real *spare, real *dw, const real *w,
                             const ResidualTape *tape, LayernormParams norm, ResidualShape shape, Dropout dropout);

/* d becomes the gradient of x: dh comes in through the norm, or as it is. */
void residual_enter_backward(Pool *pool, real *d, const real *dh, real *dw, const real *w, const ResidualTape *tape,
                             LayernormParams norm, ResidualShape shape);

#endif
