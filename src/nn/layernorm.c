/* Layer normalisation. */
#include "nn/layernorm.h"

#include <math.h>

#include "math/vector.h"
#include "nn/rows.h"

static const double EPSILON = 1e-5;

typedef struct Layernorm {
    real *out, *mean, *rstd, *din, *dweight, *dbias;
    const real *in, *dout, *weight, *bias, *kept_mean, *kept_rstd;
    size_t N, D;
} Layernorm;

static void forward_rows(void *context, size_t first, size_t last) {
    const Layernorm *l = context;
    const size_t D = l->D;
    for (size_t n = first; n < last; n++) {
        const real *x = l->in + n * D;
        real *y = l->out + n * D;
        real mean = vector_sum(x, D) / (real)D;
        /* The variance from centred values: sum(x^2) - mean^2 would lose all digits where |mean| >> deviation. The
         * centred row stands in `out` meanwhile. */
        for (size_t d = 0; d < D; d++) y[d] = x[d] - mean;
        real variance = vector_dot(y, y, D) / (real)D;
        real rstd = (real)(1 / sqrt((double)variance + EPSILON));
        vector_normalise(y, x, mean, rstd, l->weight, l->bias, D);
        l->mean[n] = mean;
        l->rstd[n] = rstd;
    }
}

void layernorm_forward(Pool *pool, real *out, real *mean, real *rstd, const real *in, const real *weight,
                       const real *bias, size_t N, size_t D) {
    Layernorm l = {.out = out, .mean = mean, .rstd = rstd, .in = in, .weight = weight, .bias = bias, .N = N, .D = D};
    rows_run(pool, N, D, forward_rows, &l);
}

static void again_rows(void *context, size_t first, size_t last) {
    const Layernorm *l = context;
    const size_t D = l->D;
    for (size_t n = first; n < last; n++)
        vector_normalise(l->out + n * D, l->in + n * D, l->kept_mean[n], l->kept_rstd[n], l->weight, l->bias, D);
}

void layernorm_again(Pool *pool, real *out, const real *in, const real *weight, const real *bias, const real *mean,
                     const real *rstd, size_t N, size_t D) {
    Layernorm l = {
        .out = out, .in = in, .weight = weight, .bias = bias, .kept_mean = mean, .kept_rstd = rstd, .N = N, .D = D};
    rows_run(pool, N, D, again_rows, &l);
}

static void backward_rows(void *context, size_t first, size_t last) {
    const Layernorm *l = context;
    const size_t D = l->D;
    for (size_t n = first; n < last; n++) /* forward: y = (x - mean) rstd; out = y weight + bias */
        vector_normalise_backward(l->din + n * D, l->dout + n * D, l->in + n * D, l->kept_mean[n], l->kept_rstd[n],
                                  l->weight, D);
}

/* The sums over rows: columns of a task are its own, and each is one chain over the rows. */
static void backward_columns(void *context, size_t first, size_t last) {
    const Layernorm *l = context;
    for (size_t n = 0; n < l->N; n++) {
        const real *dout = l->dout + n * l->D, *x = l->in + n * l->D;
        const real mean = l->kept_mean[n], rstd = l->kept_rstd[n];
        for (size_t d = first; d < last; d++) {
            l->dweight[d] += dout[d] * (x[d] - mean) * rstd; /* forward: out = y weight */
            l->dbias[d] += dout[d];                          /* forward: + bias */
        }
    }
}

void layernorm_backward(Pool *pool, real *din, real *dweight, real *dbias, const real *dout, const real *in,
                        const real *weight, const real *mean, const real *rstd, size_t N, size_t D) {
    Layernorm l = {.din = din,
                   .dweight = dweight,
                   .dbias = dbias,
                   .dout = dout,
                   .in = in,
                   .weight = weight,
                   .kept_mean = mean,
                   .kept_rstd = rstd,
                   .N = N,
                   .D = D};
    rows_run(pool, N, D, backward_rows, &l);
    rows_run(pool, D, N, backward_columns, &l);
}
