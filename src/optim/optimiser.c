#include "optim/optimiser.h"

#include <math.h>

#include "base/size.h"
#include "math/vector.h"
#include "optim/muon.h"

Optimiser optimiser_new(OptimiserOptions options) {
    Optimiser o = {.options = options, .block_count = 2, .names = {"adam.m.", "adam.v."}, .squares = {false, true}};
    const bool muon = options.kind == OPTIMISER_MUON;
    o.options.adam.without_layers = muon;
    o.most[0] = muon ? 1 / (1 - MUON_MOMENTUM) : 1, o.most[1] = 1;
    return o;
}

void optimiser_lay_out(Optimiser *o, Arena *arena, size_t count) {
    for (size_t i = 0; i < o->block_count; i++) o->blocks[i] = arena_push(arena, count, sizeof *o->blocks[i]);
}

void optimiser_reserve(const Optimiser *o, Pool *pool, const Parameters *params) {
    if (o->options.kind == OPTIMISER_MUON) pool_reserve(pool, muon_scratch(params), 0);
}

void optimiser_clear(Optimiser *o, size_t count) {
    for (size_t i = 0; i < o->block_count; i++) vector_clear(o->blocks[i], count);
}

void optimiser_update(Optimiser *o, Pool *pool, const Parameters *params, real *w, const real *gradient, uint64_t t,
                      double rate, double scale) {
    if (o->options.kind == OPTIMISER_MUON)
        muon_update(pool, params, w, o->blocks[0], gradient, rate, scale, o->options.adam.weight_decay);
    adam_update(pool, params, w, o->blocks[0], o->blocks[1], gradient, t, rate, scale, o->options.adam);
}

/* ---- The length of a gradient ---- */

enum { NORM_BLOCK = 4096, NORM_BLOCKS = 1024 };

typedef struct Norm {
    const real *gradient;
    size_t count, block;
    double sums[NORM_BLOCKS];
} Norm;

static void norm_task(void *context, size_t task, size_t worker) {
    (void)worker;
    Norm *n = context;
    size_t first = task * n->block, left = n->count - first;
    n->sums[task] = vector_square_sum(n->gradient + first, left < n->block ? left : n->block);
}

double optimiser_norm(Pool *pool, const real *gradient, size_t count) {
    Norm n = {.gradient = gradient, .count = count, .block = NORM_BLOCK};
    while (n.block * NORM_BLOCKS < count) n.block *= 2;
    size_t blocks = size_divide_up(count, n.block);
    pool_run(pool, "gradient norm", blocks, norm_task, &n);
    double sum = 0;
    for (size_t b = 0; b < blocks; b++) sum += n.sums[b];
    return sqrt(sum);
}

double optimiser_clip(double norm, double max_norm) { return max_norm > 0 && norm > max_norm ? max_norm / norm : 1; }
