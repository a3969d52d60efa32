/* A network as the layers that are made of others see it: how products are computed, where memory comes from, and the
 * blocks in which their parameters and gradients are. */
#pragma once

#include "base/arena.h"
#include "math/matmul.h"
#include "math/real.h"

typedef struct Net {
    Compute compute;
    Arena *arena;  /* forward takes from it what it keeps for backward (its tape); scratch is taken and given back */
    const real *w; /* the parameter block; offsets in ...Params count from here */
    real *dw;      /* the gradient block, of the same layout; NULL when the pass does not go backward */
} Net;

/* count elements of the arena, contents undefined. */
static inline real *net_reals(const Net *net, size_t count) { return arena_push(net->arena, count, sizeof(real)); }
