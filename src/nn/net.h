/* A network as the layers that are made of others see it: how products are computed, where memory comes from, and the
 * blocks in which their parameters and gradients are. */
#pragma once

#include "base/arena.h"
#include "math/matmul.h"
#include "math/real.h"
#include "math/stored.h"

typedef struct Net {
    Compute compute;
    Arena *arena;  /* forward takes from it what it keeps for backward (its tape); scratch is taken and given back */
    const real *w; /* the parameter block; offsets in ...Params count from here */
    real *dw;      /* the gradient block, of the same layout; NULL when the pass does not go backward */
} Net;

/* count elements of the arena, contents undefined. */
static inline real *net_reals(const Net *net, size_t count) { return arena_push(net->arena, count, sizeof(real)); }

/* The same for rows that products read. */
static inline Stored net_stored(const Net *net, size_t rows, size_t width) {
    const Precision precision = net->compute.precision;
    return (Stored){arena_push(net->arena, stored_bytes(precision, rows, width), 1), stored_stride(precision, width),
                    width, precision};
}

/* x as products read it: where it is, or rounded into `room`, (rows, width). */
Stored net_rounded(const Net *net, const real *x, Stored room, size_t rows);
