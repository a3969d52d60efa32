#include "nn/loss.h"

#include <math.h>

#include "base/size.h"
#include "math/vector.h"
#include "nn/kernels.h"
#include "nn/linear.h"

/* Tokens of a block: enough rows to make packing W and passing over dW worthwhile, few enough that the logits take
 * about 16 MB. The block size fixes the order in which dW is summed, so it depends only on V and R-Drop. */
static size_t block_tokens(LossShape s) {
    const size_t rows = ((size_t)1 << 22) / s.V;
    return (rows < 64 ? 64 : rows > MATMUL_KC ? MATMUL_KC : rows) / loss_copies(s.options);
}

/* A block of tokens. */
typedef struct Rows {
    Pool *pool;
    real *z; /* (2 tokens, V): the logits; NULL without R-Drop */
    double *loss, *nll;
    const int32_t *target;
    real scale;
    size_t V, tokens;
    LossOptions options;
    bool gradient;
} Rows;

size_t loss_scratch(Precision precision, LossShape s) {
    const size_t copies = loss_copies(s.options), tokens = s.N / copies,
                 rows = copies * size_min(block_tokens(s), tokens);
    const size_t floats = s.options.rdrop > 0 && precision != PRECISION_FLOAT32 ? rows * s.V * sizeof(real) : 0;
    return stored_bytes(precision, rows, s.V) + floats + 2 * tokens * sizeof(double) + 4 * ARENA_ALIGNMENT;
}

size_t loss_pool_scratch(LossShape s) { return s.options.rdrop > 0 ? 2 * s.V * sizeof(real) : 0; }

/* Of one row. Writes the softmax times *sum to p, which may be z. */
static Loss row_loss(real *p, real *sum, const real *z, size_t y, const Rows *r) {
    const double z_y = z[y], e = r->options.smoothing;
    real total;
    const real top = vector_max_and_sum(&total, z, r->V);
    const double z_mean = (double)total / (double)r->V;
    *sum = vector_exp_sum(p, z, top, r->V);
    const double log_sum = (double)top + log((double)*sum), nll = log_sum - z_y;
    return (Loss){(1 - e) * nll + e * (log_sum - z_mean), nll};
}

/* A block of logits, which becomes their gradient. */
static void loss_rows(void *context, Block b) {
    const Rows *r = context;
    const real e = (real)r->options.smoothing;
    for (size_t i = 0, n = b.row; i < b.rows; i++, n++) {
        real *z = b.x + i * b.stride, sum;
        const size_t y = (size_t)r->target[n];
        const Loss row = row_loss(z, &sum, z, y, r);
        r->nll[n] = row.nll, r->loss[n] = row.loss;
        if (!r->gradient) continue;
        /* dz[j] = scale (p[j] - e / V - (1 - e) [j = y]), with p = z / sum: a z + b for all j, and less at y */
        vector_affine(z, r->scale / sum, -e / (real)r->V * r->scale, r->V);
        z[y] -= (1 - e) * r->scale;
    }
}

/* The logits of a token's two rows, which become their gradients. */
static void loss_token(void *context, size_t n, size_t worker) {
    const Rows *r = context;
    const size_t V = r->V, y = (size_t)r->target[n];
    real *const zp = r->z + n * V, *const zq = zp + r->tokens * V;
    real *const p = pool_scratch(r->pool, worker, 2 * V * sizeof *p), *const q = p + V, sum_p, sum_q;
    const Loss row_p = row_loss(p, &sum_p, zp, y, r), row_q = row_loss(q, &sum_q, zq, y, r);
    vector_scale(p, 1 / sum_p, V);
    vector_scale(q, 1 / sum_q, V);
    vector_axpy(zp, -1, zq, V); /* from here on, log(p[j] / q[j]) plus the same number for all j, which cancels */
    const double a = r->options.rdrop / 4, mean_p = vector_dot(p, zp, V), mean_q = vector_dot(q, zp, V);
    r->nll[n] = (row_p.nll + row_q.nll) / 2;
    r->loss[n] = (row_p.loss + row_q.loss) / 2 + a * (mean_p - mean_q);
    if (!r->gradient) return;
    const double own_p = 0.5 + a * (1 - mean_p), own_q = 0.5 + a * (1 + mean_q);
    const double e = r->options.smoothing, scale = r->scale;
    nn_kernels()->loss_pair(zp, zq, p, q, (real)(scale * own_p), (real)(scale * own_q), (real)(scale * a),
                            (real)(scale * e / 2 / (double)V), V);
    zp[y] -= (real)(scale * (1 - e) / 2);
    zq[y] -= (real)(scale * (1 - e) / 2);
}

Loss loss_run(const Net *net, real *dh, size_t output, Stored h, const int32_t *target, real scale, LossShape s) {
    Arena *const arena = net->arena;
    const real *weight = net->w + output;
    const uint64_t mark = arena_mark(arena);
    const size_t copies = loss_copies(s.options), tokens = s.N / copies, block = size_min(block_tokens(s), tokens);
    double *loss = arena_push(arena, tokens, sizeof(double)), *nll = arena_push(arena, tokens, sizeof(double));
    const Stored stored = net_stored(net, copies * block, s.V);
    const bool rounded = copies == 2 && stored.precision != PRECISION_FLOAT32;
    const Stored z = rounded ? stored_reals(net_reals(net, copies * block * s.V), s.V) : stored;
    for (size_t n0 = 0; n0 < tokens; n0 += block) {
        const size_t m = size_min(block, tokens - n0);
        Rows r = {net->compute.pool,
                  copies == 2 ? stored_floats(z) : NULL,
                  loss + n0,
                  nll + n0,
                  target + n0,
                  scale,
                  s.V,
                  m,
                  s.options,
                  dh != NULL};
        const Epilogue one = {"loss rows", loss_rows, &r, true}, none = {0};
        for (size_t copy = 0; copy < copies; copy++)
            linear_forward_stored(net->compute, stored_rows(z, copy * m), stored_rows(h, copy * tokens + n0), weight,
                                  NULL, m, s.D, s.V, copies == 1 ? one : none);
        if (copies == 2) pool_run(net->compute.pool, "loss rows", m, loss_token, &r);
        if (!dh) continue;
        const Stored dz = rounded ? net_rounded(net, z.data, stored, copies * m) : z;
        for (size_t copy = 0; copy < copies; copy++) {
            /* forward: z = h W^T */
            const size_t row = copy * tokens + n0;
            linear_backward(net->compute, stored_reals(dh + row * s.D, s.D), net->dw + output, NULL,
                            stored_rows(dz, copy * m), stored_rows(h, row), weight, m, s.D, s.V, none);
        }
    }
    Loss total = {0, 0};
    for (size_t n = 0; n < tokens; n++) total.loss += loss[n], total.nll += nll[n];
    arena_release(arena, mark);
    return total;
}
