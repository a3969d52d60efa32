#include "optim/adam.h"

#include <math.h>

#include "math/vector.h"
#include "nn/rows.h"
#include "optim/adam_rows.h"
#include "optim/kernels.h"

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

double adam_norm(Pool *pool, const real *gradient, size_t count) {
    Norm n = {.gradient = gradient, .count = count, .block = NORM_BLOCK};
    while (n.block * NORM_BLOCKS < count) n.block *= 2;
    size_t blocks = (count + n.block - 1) / n.block;
    pool_run(pool, "Adam", blocks, norm_task, &n);
    double sum = 0;
    for (size_t b = 0; b < blocks; b++) sum += n.sums[b];
    return sqrt(sum);
}

double adam_clip(double norm, double max_norm) {
    return max_norm > 0 && norm > max_norm ? max_norm / norm : 1;
}

typedef struct Update {
    real *w, *m, *v;
    const real *gradient;
    AdamStep step;
} Update;

static void update_span(void *context, size_t first, size_t last) {
    const Update *u = context;
    optim_kernels()->adam(u->w + first, u->m + first, u->v + first, u->gradient + first, &u->step, last - first);
}

void adam_update(Pool *pool, const Parameters *params, real *w, real *m, real *v, const real *gradient, uint64_t t,
                 double rate, double scale, AdamOptions options) {
    AdamStep step = {
        .rate = (real)rate,
        .beta1 = (real)options.beta1,
        .beta2 = (real)options.beta2,
        .correct1 = (real)(1 / (1 - pow(options.beta1, (double)t))),
        .correct2 = (real)(1 / (1 - pow(options.beta2, (double)t))),
        .epsilon = (real)options.epsilon,
        .scale = (real)scale,
    };
    if (options.weight_decay == 0) {
        Update u = {w, m, v, gradient, step};
        rows_run(pool, "Adam", params->count, 1, update_span, &u);
        return;
    }
    for (size_t i = 0; i < params->tensor_count; i++) {
        const Tensor *tensor = &params->tensors[i];
        const size_t at = tensor->offset;
        step.decay = tensor->rows ? (real)(rate * options.weight_decay) : 0;
        Update u = {w + at, m + at, v + at, gradient + at, step};
        rows_run(pool, "Adam", tensor->count, 1, update_span, &u);
    }
}
