#include "nn/layernorm.h"

#include "math/vector.h"
#include "nn/kernels.h"
#include "nn/rows.h"

typedef struct Layernorm {
    real *mean, *rstd, *din;
    const real *in, *dout, *weight, *bias, *kept_mean, *kept_rstd;
    size_t D;
} Layernorm;

static void forward_rows(void *context, Block b) {
    const Layernorm *l = context;
    for (size_t r = 0, n = b.row; r < b.rows; r++, n++)
        nn_kernels()->layernorm_row(b.x + r * b.stride, l->mean + n, l->rstd + n, l->in + n * l->D, l->weight, l->bias,
                                    l->D);
}

void layernorm_forward(Pool *pool, Stored out, real *mean, real *rstd, const real *in, const real *weight,
                       const real *bias, size_t N, size_t D) {
    Layernorm l = {.mean = mean, .rstd = rstd, .in = in, .weight = weight, .bias = bias, .D = D};
    stored_fill(pool, "layer norm", out, N, forward_rows, &l);
}

static void again_rows(void *context, Block b) {
    const Layernorm *l = context;
    for (size_t r = 0, n = b.row; r < b.rows; r++, n++)
        nn_kernels()->layernorm_row_again(b.x + r * b.stride, l->in + n * l->D, l->kept_mean[n], l->kept_rstd[n],
                                          l->weight, l->bias, l->D);
}

void layernorm_again(Pool *pool, Stored out, const real *in, const real *weight, const real *bias, const real *mean,
                     const real *rstd, size_t N, size_t D) {
    Layernorm l = {.in = in, .weight = weight, .bias = bias, .kept_mean = mean, .kept_rstd = rstd, .D = D};
    stored_fill(pool, "layer norm", out, N, again_rows, &l);
}

/* sums: dweight, then dbias. */
static void backward_rows(void *context, real *sums, size_t first, size_t last) {
    const Layernorm *l = context;
    const size_t D = l->D;
    for (size_t n = first; n < last; n++) /* forward: y = (x - mean) rstd; out = y weight + bias */
        nn_kernels()->layernorm_row_backward(l->din + n * D, sums, sums + D, l->dout + n * D, l->in + n * D,
                                             l->kept_mean[n], l->kept_rstd[n], l->weight, D);
}

void layernorm_backward_add(Pool *pool, real *din, real *dweight, real *dbias, const real *dout, const real *in,
                            const real *weight, const real *mean, const real *rstd, size_t N, size_t D) {
    Layernorm l = {.din = din, .dout = dout, .in = in, .weight = weight, .kept_mean = mean, .kept_rstd = rstd, .D = D};
    real *const sums[2] = {dweight, dbias};
    rows_sum(pool, "layer norm", sums, 2, N, D, backward_rows, &l);
}

void layernorm_backward_in_place(Pool *pool, real *d, real *spare, real *dweight, real *dbias, const real *in,
                                 const real *weight, const real *mean, const real *rstd, size_t N, size_t D) {
    vector_copy(spare, d, N * D);
    vector_clear(d, N * D);
    layernorm_backward_add(pool, d, dweight, dbias, spare, in, weight, mean, rstd, N, D);
}
