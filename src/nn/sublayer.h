/* What is around a sublayer f, which is attention or feed-forward: layer norm, dropout, residual connection.
 *
 *     pre-norm:   h = norm(x)   y = f(h)   out = x + dropout(y)
 *     post-norm:  h = x         y = f(h)   out = norm(x + dropout(y))     (Vaswani et al. 2017, section 5.4)
 *
 * Forward: sublayer_input returns h; f writes y to tape.sum, with the epilogue sublayer_sum; sublayer_output returns
 * out. Backward, in reverse order: one array d (N, D) holds the gradient of the residual stream. On entry it is the
 * gradient of out; on return, that of x.
 *
 *     sublayer_output_backward_in_place   d: of out -> of x, through the residual connection;  writes dy
 *     f's backward                        dy -> dh
 *     sublayer_input_backward_add         d += the gradient through f, from dh
 *
 * x, h, y, out: (N, D)   h and dy are stored as products read them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "math/matmul_stored.h"
#include "math/real.h"
#include "nn/dropout.h"
#include "nn/layernorm.h"
#include "nn/net.h"

typedef enum NormPlace { NORM_PRE, NORM_POST } NormPlace;
#define NORM_PLACE_NAMES ((const char *const[]){[NORM_PRE] = "pre", [NORM_POST] = "post", NULL})

typedef struct Sublayer {
    size_t N, D;
    NormPlace place;
    LayernormParams norm;
    Dropout dropout; /* of y */
    bool silent;     /* y counts as 0; forward only */
} Sublayer;

/* What forward keeps for backward. x is the caller's and must stay. sum (N, D): x + dropout(y). out: (N, D). Before f
 * has run, its memory holds h, if h is not x itself. With pre-norm, sum and out are one array. mean, rstd: (N) */
typedef struct SublayerTape {
    const Sublayer *sublayer; /* forward only */
    const real *x;
    real *sum, *out, *mean, *rstd;
} SublayerTape;

/* Returns h. With pre-norm it lies in the memory of tape.sum, so f must have read h before it writes y. */
Stored sublayer_input(const Net *net, SublayerTape *tape, const real *x, const Sublayer *s);

/* The epilogue of f's last product: turns a block of y into x + dropout(y). */
Epilogue sublayer_sum(SublayerTape *tape);

/* Computes tape.out from tape.sum, and returns it. */
const real *sublayer_output(const Net *net, SublayerTape *tape, const Sublayer *s);

/* h again, for the backward pass of f: x itself, or rows made in `room` (N, D). */
Stored sublayer_input_again(const Net *net, const SublayerTape *tape, Stored room, const Sublayer *s);

void sublayer_output_backward_in_place(const Net *net, real *d, Stored dy, const SublayerTape *tape, const Sublayer *s);
void sublayer_input_backward_add(const Net *net, real *d, const real *dh, const SublayerTape *tape, const Sublayer *s);

/* A room for sublayer_input_again: the memory of tape.out, which the backward pass does not need. */
Stored sublayer_room(const Net *net, const SublayerTape *tape, const Sublayer *s);

/* How many reals tape.out takes in `precision`: room for out and for h. */
uint64_t sublayer_out_reals(Precision precision, uint64_t N, size_t D);
