/* Scaled dot-product attention. A pool task is one (sentence, head) pair, which owns its slices of every output. */
#include "nn/attention.h"

#include <math.h>

#include "math/matmul.h"
#include "math/vector.h"
#include "nn/kernels.h"

enum { QUERY_ROWS = 64 }; /* query rows worked on at a time */

/* The score of what the causal mask hides, and of what fills rows up to their stride: its exp is 0. */
static const real HIDDEN = (real)-INFINITY;

/* One (sentence, head) pair: pointers to its first query and key row. */
typedef struct Pair {
    size_t number; /* b * H + h */
    size_t Tq, Tk, query0;
    size_t stride; /* of the rows of scores, weights and their gradients: Tk and some that are never seen */
    const real *q, *k, *v;
    real scale;
} Pair;

typedef struct Attention {
    Pool *pool;
    real *out, *log_sum;
    AttentionGradient gradient;
    const real *dout, *kept_log_sum;
    AttentionInput in;
    AttentionShape shape;
    Dropout dropout;
} Attention;

static size_t stride_of(size_t Tk) {
    return (Tk + MATMUL_WHOLE - 1) / MATMUL_WHOLE * MATMUL_WHOLE;
}

size_t attention_scratch(size_t longest_key) {
    return matmul_scratch() + 3 * QUERY_ROWS * stride_of(longest_key) * sizeof(real);
}

static Pair pair_of(AttentionInput in, AttentionShape s, size_t b, size_t h) {
    size_t query0 = s.query_start[b], key0 = s.key_start[b];
    return (Pair){
        .number = b * s.H + h,
        .Tq = s.query_start[b + 1] - query0,
        .Tk = s.key_end[b] - key0,
        .query0 = query0,
        .stride = stride_of(s.key_end[b] - key0),
        .q = in.q + query0 * in.q_stride + h * s.K,
        .k = in.k + key0 * in.kv_stride + h * s.K,
        .v = in.v + key0 * in.kv_stride + h * s.K,
        .scale = (real)(1 / sqrt((double)s.K)),
    };
}

/* How many keys query row i of the pair sees. */
static size_t keys_seen(const Pair *p, bool causal, size_t i) {
    return causal ? i + 1 : p->Tk;
}

/* scores (rows, stride) = q[i0 ..] k^T / sqrt(K), with what is not seen hidden. */
static void score(real *scores, const Pair *p, AttentionInput in, bool causal, size_t i0, size_t rows, size_t K,
                  void *scratch) {
    matmul_alone(scratch, MATMUL_WRITE_WHOLE, scores, p->stride, matrix(p->q + i0 * in.q_stride, in.q_stride),
                 transposed(p->k, in.kv_stride), rows, p->Tk, K, NULL);
    vector_scale(scores, p->scale, rows * p->stride);
    for (size_t r = 0; r < rows; r++)
        for (size_t j = keys_seen(p, causal, i0 + r); j < p->stride; j++) scores[r * p->stride + j] = HIDDEN;
}

/* Dropout of a block of rows, (rows, stride) from row i0 on. A pair has 2^32 indices of its own. */
static void drop_block(real *out, const real *in, Dropout dropout, const Pair *p, size_t i0, size_t rows) {
    if (!dropout_is_none(dropout))
        nn_kernels()->dropout(out, in, NULL, dropout.keep, dropout.scale, dropout.site,
                              ((uint64_t)p->number << 32) + i0 * p->stride, rows * p->stride);
    else if (out != in)
        vector_copy(out, in, rows * p->stride);
}

static size_t block_rows(const Pair *p, size_t i0) {
    return p->Tq - i0 < QUERY_ROWS ? p->Tq - i0 : QUERY_ROWS;
}

static void forward_pair(void *context, size_t task, size_t worker) {
    const Attention *a = context;
    const size_t H = a->shape.H, K = a->shape.K, h = task % H, D = H * K;
    const Pair p = pair_of(a->in, a->shape, task / H, h);
    void *scratch = pool_scratch(a->pool, worker, attention_scratch(a->shape.longest_key));
    real *weights = (real *)((char *)scratch + matmul_scratch());
    real *shown = a->shape.shown ? a->shape.shown[task / H] : NULL;

    for (size_t i0 = 0; i0 < p.Tq; i0 += QUERY_ROWS) {
        const size_t rows = block_rows(&p, i0);
        score(weights, &p, a->in, a->shape.causal, i0, rows, K, scratch);
        for (size_t r = 0; r < rows; r++) {
            real *row = weights + r * p.stride;
            a->log_sum[(p.query0 + i0 + r) * H + h] = vector_softmax(row, row, p.stride);
            if (shown) vector_copy(shown + (h * p.Tq + i0 + r) * p.Tk, row, p.Tk);
        }
        drop_block(weights, weights, a->dropout, &p, i0, rows);
        matmul_alone(scratch, MATMUL_WRITE, a->out + (p.query0 + i0) * D + h * K, D, matrix(weights, p.stride),
                     matrix(p.v, a->in.kv_stride), rows, K, p.Tk, NULL);
    }
}

void attention_forward(Pool *pool, real *out, real *log_sum, AttentionInput in, AttentionShape shape, Dropout dropout) {
    Attention a = {.pool = pool, .out = out, .log_sum = log_sum, .in = in, .shape = shape, .dropout = dropout};
    pool_run(pool, "attention forward", shape.B * shape.H, forward_pair, &a);
}

static void backward_pair(void *context, size_t task, size_t worker) {
    const Attention *a = context;
    const size_t H = a->shape.H, K = a->shape.K, h = task % H, D = H * K;
    const size_t q_stride = a->in.q_stride, kv_stride = a->in.kv_stride;
    const size_t key0 = a->shape.key_start[task / H];
    const Pair p = pair_of(a->in, a->shape, task / H, h);
    void *scratch = pool_scratch(a->pool, worker, attention_scratch(a->shape.longest_key));
    real *P = (real *)((char *)scratch + matmul_scratch()); /* prob; (rows, stride) as the other two */
    real *A = P + QUERY_ROWS * p.stride;                    /* weight */
    real *dA = A + QUERY_ROWS * p.stride;                   /* dweight; becomes dprob, then dscore / sqrt(K) */
    real *dq = a->gradient.q + p.query0 * q_stride + h * K;
    real *dk = a->gradient.k + key0 * kv_stride + h * K, *dv = a->gradient.v + key0 * kv_stride + h * K;

    for (size_t i0 = 0; i0 == 0 || i0 < p.Tq; i0 += QUERY_ROWS) {
        const size_t rows = block_rows(&p, i0);
        const MatmulMode mode = i0 == 0 ? MATMUL_WRITE : MATMUL_ADD; /* dk and dv are sums over the blocks */
        const real *dO = a->dout + (p.query0 + i0) * D + h * K;
        score(P, &p, a->in, a->shape.causal, i0, rows, K, scratch);
        /* forward: out = weight v */
        matmul_alone(scratch, MATMUL_WRITE_WHOLE, dA, p.stride, matrix(dO, D), transposed(p.v, kv_stride), rows, p.Tk,
                     K, NULL);
        for (size_t r = 0; r < rows; r++) { /* forward: prob = softmax(score) */
            real *row = P + r * p.stride;
            vector_exp_sum(row, row, a->kept_log_sum[(p.query0 + i0 + r) * H + h], p.stride);
        }
        drop_block(A, P, a->dropout, &p, i0, rows);   /* forward: weight = dropout(prob) */
        drop_block(dA, dA, a->dropout, &p, i0, rows); /* now dprob */
        for (size_t r = 0; r < rows; r++) {           /* dscore = prob (dprob - rowsum(prob dprob)), 0 where prob is */
            real *P_row = P + r * p.stride, *dP_row = dA + r * p.stride;
            nn_kernels()->softmax_backward(dP_row, P_row, dP_row, p.scale, p.stride);
        }
        matmul_alone(scratch, mode, dv, kv_stride, transposed(A, p.stride), matrix(dO, D), p.Tk, K, rows, NULL);
        matmul_alone(scratch, MATMUL_WRITE, dq + i0 * q_stride, q_stride, matrix(dA, p.stride), matrix(p.k, kv_stride),
                     rows, K, p.Tk, NULL);
        matmul_alone(scratch, mode, dk, kv_stride, transposed(dA, p.stride), matrix(p.q + i0 * q_stride, q_stride),
                     p.Tk, K, rows, NULL);
    }
}

void attention_backward(Pool *pool, AttentionGradient gradient, const real *dout, const real *log_sum,
                        AttentionInput in, AttentionShape shape, Dropout dropout) {
    Attention a = {.pool = pool,
                   .gradient = gradient,
                   .dout = dout,
                   .kept_log_sum = log_sum,
                   .in = in,
                   .shape = shape,
                   .dropout = dropout};
    pool_run(pool, "attention backward", shape.B * shape.H, backward_pair, &a);
}
