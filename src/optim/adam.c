#include "optim/adam.h"

#include <math.h>

#include "nn/rows.h"
#include "optim/kernels.h"

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
    AdamStep step = {.rate = (real)rate, .epsilon = (real)options.epsilon, .scale = (real)scale};
    step.beta1 = (real)options.beta1, step.correct1 = (real)(1 / (1 - pow(options.beta1, (double)t)));
    step.beta2 = (real)options.beta2, step.correct2 = (real)(1 / (1 - pow(options.beta2, (double)t)));
    if (options.weight_decay == 0 && !options.without_layers) {
        Update u = {w, m, v, gradient, step};
        rows_run(pool, "Adam", params->count, 1, update_span, &u);
        return;
    }
    for (size_t i = 0; i < params->tensor_count; i++) {
        const Tensor *tensor = &params->tensors[i];
        if (options.without_layers && parameters_is_layer_matrix(tensor)) continue;
        const size_t at = tensor->offset;
        step.decay = tensor->rows ? (real)(rate * options.weight_decay) : 0;
        Update u = {w + at, m + at, v + at, gradient + at, step};
        rows_run(pool, "Adam", tensor->count, 1, update_span, &u);
    }
}
