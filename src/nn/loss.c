#include "nn/loss.h"

#include <math.h>

#include "base/size.h"
#include "math/vector.h"
#include "nn/linear.h"

/* Rows of a block: enough to make packing W and passing over dW worthwhile, few enough that the logits take about 16
 * MB. The block size fixes the order in which dW is summed, so it depends only on V. */
static size_t block_rows(size_t V) {
    size_t rows = ((size_t)1 << 22) / V;
    return rows < 64 ? 64 : rows > MATMUL_KC ? MATMUL_KC : rows;
}

size_t loss_scratch(Precision precision, LossShape shape) {
    const size_t rows = size_min(block_rows(shape.V), shape.N);
    return stored_bytes(precision, rows, shape.V) + 2 * shape.N * sizeof(double) + 3 * ARENA_ALIGNMENT;
}

typedef struct Rows {
    double *loss, *nll;
    const int32_t *target;
    real scale;
    size_t V;
    double smoothing;
    bool gradient;
} Rows;

/* A block of logits, which becomes their gradient. */
static void loss_rows(void *context, Block b) {
    const Rows *r = context;
    const size_t V = r->V;
    const real e = (real)r->smoothing;
    for (size_t i = 0, n = b.row; i < b.rows; i++, n++) {
        real *z = b.x + i * b.stride;
        const size_t y = (size_t)r->target[n];
        const double z_y = z[y];
        real total;
        const real top = vector_max_and_sum(&total, z, V);
        const double z_mean = (double)total / (double)V;
        const real sum = vector_exp_sum(z, z, top, V); /* z is now p times the sum */
        const double log_sum = (double)top + log((double)sum);
        r->nll[n] = log_sum - z_y;
        r->loss[n] = (1 - r->smoothing) * r->nll[n] + r->smoothing * (log_sum - z_mean);
        if (!r->gradient) continue;
        /* dz[j] = scale (p[j] - e / V - (1 - e) [j = y]), with p = z / sum: a z + b for all j, and less at y */
        vector_affine(z, r->scale / sum, -e / (real)V * r->scale, V);
        z[y] -= (1 - e) * r->scale;
    }
}

Loss loss_run(const Net *net, real *dh, size_t output, Stored h, const int32_t *target, real scale, LossShape s) {
    Arena *const arena = net->arena;
    const real *weight = net->w + output;
    const uint64_t mark = arena_mark(arena);
    const size_t block = block_rows(s.V);
    double *loss = arena_push(arena, s.N, sizeof(double)), *nll = arena_push(arena, s.N, sizeof(double));
    const Stored z = net_stored(net, size_min(block, s.N), s.V);
    for (size_t n0 = 0; n0 < s.N; n0 += block) {
        const size_t rows = size_min(block, s.N - n0);
        const Stored h_rows = stored_rows(h, n0);
        Rows r = {loss + n0, nll + n0, target + n0, scale, s.V, s.smoothing, dh != NULL};
        linear_forward_stored(net->compute, z, h_rows, weight, NULL, rows, s.D, s.V,
                              (Epilogue){"loss rows", loss_rows, &r, true});
        if (!dh) continue;
        /* forward: z = h W^T */
        linear_backward(net->compute, stored_reals(dh + n0 * s.D, s.D), net->dw + output, NULL, z, h_rows, weight, rows,
                        s.D, s.V, (Epilogue){0});
    }
    Loss total = {0, 0};
    for (size_t n = 0; n < s.N; n++) total.loss += loss[n], total.nll += nll[n];
    arena_release(arena, mark);
    return total;
}
