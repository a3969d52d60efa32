#include "nn/loss.h"

#include <math.h>

#include "math/vector.h"
#include "nn/rows.h"

/* Rows of a block: enough to make packing W and passing over dW worthwhile, few enough that the logits take about 16
 * MB. The block size fixes the order in which dW is summed, so it depends only on V. */
static size_t block_rows(size_t V) {
    size_t rows = ((size_t)1 << 22) / V;
    return rows < 64 ? 64 : rows > MATMUL_KC ? MATMUL_KC : rows;
}

size_t loss_scratch(LossShape shape) {
    size_t rows = block_rows(shape.V);
    if (rows > shape.N) rows = shape.N;
    return rows * shape.V * sizeof(real) + 2 * shape.N * sizeof(double) + 3 * ARENA_ALIGNMENT;
}

typedef struct Rows {
    real *z; /* (rows, V): logits in, their gradient out */
    double *loss, *nll;
    const int32_t *target;
    real scale;
    size_t V;
    double smoothing;
    bool gradient;
} Rows;

static void loss_rows(void *context, size_t first, size_t last) {
    const Rows *r = context;
    const size_t V = r->V;
    const real e = (real)r->smoothing;
    for (size_t n = first; n < last; n++) {
        real *z = r->z + n * V;
        const size_t y = (size_t)r->target[n];
        const double z_y = z[y], z_mean = (double)vector_sum(z, V) / (double)V;
        const real top = vector_max(z, V), sum = vector_exp_sum(z, z, top, V); /* z is now p times the sum */
        const double log_sum = (double)top + log((double)sum);
        r->nll[n] = log_sum - z_y;
        r->loss[n] = (1 - r->smoothing) * r->nll[n] + r->smoothing * (log_sum - z_mean);
        if (!r->gradient) continue;
        /* dz[j] = scale (p[j] - e / V - (1 - e) [j = y]), with p = z / sum: a z + b for all j, and less at y */
        vector_affine(z, r->scale / sum, -e / (real)V * r->scale, V);
        z[y] -= (1 - e) * r->scale;
    }
}

Loss loss_run(const Net *net, real *dh, size_t output, const real *h, const int32_t *target, real scale, LossShape s) {
    Arena *const arena = net->arena;
    const real *weight = net->w + output;
    const uint64_t mark = arena_mark(arena);
    const size_t block = block_rows(s.V);
    double *loss = arena_push(arena, s.N, sizeof(double)), *nll = arena_push(arena, s.N, sizeof(double));
    real *z = arena_push(arena, (block < s.N ? block : s.N) * s.V, sizeof(real));
    for (size_t n0 = 0; n0 < s.N; n0 += block) {
        const size_t rows = s.N - n0 < block ? s.N - n0 : block;
        const real *h_rows = h + n0 * s.D;
        matmul(net->compute, MATMUL_WRITE, z, s.V, matrix(h_rows, s.D), transposed(weight, s.D), rows, s.V, s.D, NULL);
        Rows r = {z, loss + n0, nll + n0, target + n0, scale, s.V, s.smoothing, dh != NULL};
        rows_run(net->compute.pool, "loss rows", rows, s.V, loss_rows, &r);
        if (!dh) continue;
        /* forward: z = h W^T */
        matmul(net->compute, MATMUL_WRITE, dh + n0 * s.D, s.D, matrix(z, s.V), matrix(weight, s.D), rows, s.D, s.V,
               NULL);
        matmul(net->compute, MATMUL_ADD, net->dw + output, s.D, transposed(z, s.V), matrix(h_rows, s.D), s.V, s.D, rows,
               NULL);
    }
    Loss total = {0, 0};
    for (size_t n = 0; n < s.N; n++) total.loss += loss[n], total.nll += nll[n];
    arena_release(arena, mark);
    return total;
}
