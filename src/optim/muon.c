#include "optim/muon.h"

#include <math.h>

#include "base/size.h"
#include "math/matmul.h"
#include "math/vector.h"

enum { ITERATIONS = 5 };

size_t muon_room(size_t rows, size_t cols) {
    const size_t least = size_min(rows, cols);
    return matmul_scratch() + (rows * cols + 2 * least * least) * sizeof(real);
}

void muon_orthogonalise(real *x, size_t rows, size_t cols, void *scratch) {
    const bool wide = rows <= cols;
    const size_t n = size_min(rows, cols), longer = size_max(rows, cols);
    real *const a = (real *)((char *)scratch + matmul_scratch()), *const b = a + n * n, *const old = b + n * n;
    const Matrix A = matrix(a, n), B = matrix(b, n), X = matrix(old, cols), Xt = transposed(old, cols);

    vector_scale(x, (real)(1 / fmax(sqrt(vector_square_sum(x, rows * cols)), 1e-7)), rows * cols);
    for (int i = 0; i < ITERATIONS; i++) {
        vector_copy(old, x, rows * cols);
        matmul_alone(scratch, MATMUL_WRITE, a, n, wide ? X : Xt, wide ? Xt : X, n, n, longer, NULL);
        matmul_alone(scratch, MATMUL_WRITE, b, n, A, A, n, n, n, NULL);
        vector_scale(b, (real)2.0315, n * n);
        vector_axpy(b, (real)-4.7750, a, n * n);
        for (size_t j = 0; j < n; j++) b[j * n + j] += (real)3.4445;
        matmul_alone(scratch, MATMUL_WRITE, x, cols, wide ? B : X, wide ? X : B, rows, cols, n, NULL);
    }
}

typedef struct Update {
    Pool *pool;
    const Parameters *params;
    real *w, *m;
    const real *gradient;
    double rate, scale, weight_decay;
    size_t scratch;
} Update;

static void update_tensor(void *context, size_t task, size_t worker) {
    const Update *u = context;
    const Tensor *t = &u->params->tensors[task];
    if (!parameters_is_layer_matrix(t)) return;
    real *const w = u->w + t->offset, *const m = u->m + t->offset;
    const real *const gradient = u->gradient + t->offset, scale = (real)u->scale;
    void *const room = pool_scratch(u->pool, worker, u->scratch);
    real *const x = (real *)((char *)room + muon_room(t->rows, t->cols));

    const real momentum = (real)MUON_MOMENTUM;
    vector_scale(m, momentum, t->count);
    vector_axpy(m, scale, gradient, t->count);
    vector_copy(x, gradient, t->count);
    vector_scale(x, scale, t->count);
    vector_axpy(x, momentum, m, t->count);
    muon_orthogonalise(x, t->rows, t->cols, room);
    vector_scale(w, (real)(1 - u->rate * u->weight_decay), t->count);
    vector_axpy(w, (real)(-u->rate * 0.2 * sqrt((double)size_max(t->rows, t->cols))), x, t->count);
}

void muon_update(Pool *pool, const Parameters *params, real *w, real *m, const real *gradient, double rate,
                 double scale, double weight_decay) {
    Update u = {pool, params, w, m, gradient, rate, scale, weight_decay, muon_scratch(params)};
    pool_run(pool, "Muon", params->tensor_count, update_tensor, &u);
}

size_t muon_scratch(const Parameters *params) {
    size_t most = 0;
    for (size_t i = 0; i < params->tensor_count; i++) {
        const Tensor *t = &params->tensors[i];
        if (parameters_is_layer_matrix(t)) most = size_max(most, t->count * sizeof(real) + muon_room(t->rows, t->cols));
    }
    return most;
}
