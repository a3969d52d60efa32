/* A pool task is one (sentence, head) pair, which owns its slices of every output.
 *
 * A row of scores is padded from Tk to W elements, up to 31 more, because that makes the products faster
 * (matmul_alone_padded). The padding is masked like a future key: its score is -infinity, so its weight and every
 * gradient through it is 0, and it changes no bit of a sum. */
#include "nn/attention.h"

#include <math.h>

#include "base/size.h"
#include "math/matmul.h"
#include "math/vector.h"
#include "nn/kernels.h"

enum { QUERY_ROWS = 64 }; /* query rows worked on at a time */

/* A score whose exp is 0. */
static const real HIDDEN = (real)-INFINITY;

/* One (sentence, head) pair: pointers to its first query and key row. */
typedef struct Pair {
    size_t number; /* b * H + h */
    size_t Tq, Tk, query0;
    size_t W; /* of the rows of scores, weights and their gradients */
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

size_t attention_scratch(size_t longest_key) {
    return matmul_scratch() + 3 * QUERY_ROWS * matmul_padded(longest_key) * sizeof(real);
}

static Pair pair_of(AttentionInput in, AttentionShape s, size_t b, size_t h) {
    size_t query0 = s.query_start[b], key0 = s.key_start[b];
    return (Pair){
        .number = b * s.H + h,
        .Tq = s.query_start[b + 1] - query0,
        .Tk = s.key_end[b] - key0,
        .query0 = query0,
        .W = matmul_padded(s.key_end[b] - key0),
        .q = in.q + query0 * in.q_stride + h * s.K,
        .k = in.k + key0 * in.kv_stride + h * s.K,
        .v = in.v + key0 * in.kv_stride + h * s.K,
        .scale = s.unscaled ? 1 : (real)(1 / sqrt((double)s.K)),
    };
}

/* scores (rows, W) = q k^T / sqrt(K) of the query rows from i0 on; what they do not see is hidden. */
static void score(real *scores, const Pair *p, AttentionInput in, bool causal, size_t i0, size_t rows, size_t K,
                  void *scratch) {
    matmul_alone_padded(scratch, scores, matrix(p->q + i0 * in.q_stride, in.q_stride), transposed(p->k, in.kv_stride),
                        rows, p->Tk, K);
    vector_scale(scores, p->scale, rows * p->W);
    for (size_t r = 0; r < rows; r++)
        for (size_t j = causal ? i0 + r + 1 : p->Tk; j < p->W; j++) scores[r * p->W + j] = HIDDEN;
}

/* Dropout of a block (rows, W) of the query rows from i0 on. Each pair has its own range of 2^32 random indices, of
 * which row i uses i W to i W + W - 1. */
static void drop_block(real *out, const real *in, Dropout dropout, const Pair *p, size_t i0, size_t rows) {
    dropout_span(out, in, dropout, ((uint64_t)p->number << 32) + i0 * p->W, rows * p->W);
}

static bool is_muted(const Attention *a, size_t h) { return h < 64 && (a->shape.muted >> h & 1); }

static size_t block_rows(const Pair *p, size_t i0) { return p->Tq - i0 < QUERY_ROWS ? p->Tq - i0 : QUERY_ROWS; }

/* forward_pair of one query, as each step of decoding has them: the same sums, without a product's packing. */
static void forward_query(const Attention *a, const Pair *p, size_t h, real *weight, real *shown) {
    enum { WHOLE = 16 }; /* elements of whole vectors in every instruction set */
    const size_t H = a->shape.H, K = a->shape.K, stride = a->in.kv_stride, W = size_round_up(p->Tk, WHOLE);
    real *out = a->out + p->query0 * H * K + h * K;
    nn_kernels()->attention_score(weight, p->q, p->k, stride, p->scale, p->Tk, K);
    for (size_t j = a->shape.causal ? 1 : p->Tk; j < W; j++) weight[j] = HIDDEN;
    a->log_sum[p->query0 * H + h] = vector_softmax(weight, weight, W);
    if (shown) vector_copy(shown + h * p->Tk, weight, p->Tk);
    if (is_muted(a, h)) {
        vector_clear(out, K);
        return;
    }
    dropout_span(weight, weight, a->dropout, (uint64_t)p->number << 32, p->Tk);
    nn_kernels()->attention_weigh(out, weight, p->v, stride, p->Tk, K);
}

static void forward_pair(void *context, size_t task, size_t worker) {
    const Attention *a = context;
    const size_t H = a->shape.H, K = a->shape.K, h = task % H, D = H * K;
    const Pair p = pair_of(a->in, a->shape, task / H, h);
    void *scratch = pool_scratch(a->pool, worker, attention_scratch(a->shape.longest_key));
    real *weights = (real *)((char *)scratch + matmul_scratch());
    real *shown = a->shape.shown ? a->shape.shown[task / H] : NULL;

    if (p.Tq == 1 && K <= MATMUL_KC) {
        forward_query(a, &p, h, weights, shown);
        return;
    }
    for (size_t i0 = 0; i0 < p.Tq; i0 += QUERY_ROWS) {
        const size_t rows = block_rows(&p, i0);
        score(weights, &p, a->in, a->shape.causal, i0, rows, K, scratch);
        for (size_t r = 0; r < rows; r++) {
            real *row = weights + r * p.W;
            a->log_sum[(p.query0 + i0 + r) * H + h] = vector_softmax(row, row, p.W);
            if (shown) vector_copy(shown + (h * p.Tq + i0 + r) * p.Tk, row, p.Tk);
        }
        if (is_muted(a, h)) {
            for (size_t r = 0; r < rows; r++) vector_clear(a->out + (p.query0 + i0 + r) * D + h * K, K);
            continue;
        }
        drop_block(weights, weights, a->dropout, &p, i0, rows);
        matmul_alone(scratch, MATMUL_WRITE, a->out + (p.query0 + i0) * D + h * K, D, matrix(weights, p.W),
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
    real *P = (real *)((char *)scratch + matmul_scratch()); /* prob; (rows, W) as the other two */
    real *A = P + QUERY_ROWS * p.W;                         /* weight */
    real *dA = A + QUERY_ROWS * p.W;                        /* dweight; becomes dprob, then dscore / sqrt(K) */
    real *dq = a->gradient.q + p.query0 * q_stride + h * K;
    real *dk = a->gradient.k + key0 * kv_stride + h * K, *dv = a->gradient.v + key0 * kv_stride + h * K;

    for (size_t i0 = 0; i0 < p.Tq; i0 += QUERY_ROWS) {
        const size_t rows = block_rows(&p, i0);
        const MatmulMode mode = i0 == 0 ? MATMUL_WRITE : MATMUL_ADD; /* dk and dv are sums over the blocks */
        const real *dO = a->dout + (p.query0 + i0) * D + h * K;
        score(P, &p, a->in, a->shape.causal, i0, rows, K, scratch);
        /* forward: out = weight v */
        matmul_alone_padded(scratch, dA, matrix(dO, D), transposed(p.v, kv_stride), rows, p.Tk, K);
        for (size_t r = 0; r < rows; r++) { /* forward: prob = softmax(score) */
            real *row = P + r * p.W;
            vector_exp_sum(row, row, a->kept_log_sum[(p.query0 + i0 + r) * H + h], p.W);
        }
        drop_block(A, P, a->dropout, &p, i0, rows);   /* forward: weight = dropout(prob) */
        drop_block(dA, dA, a->dropout, &p, i0, rows); /* now dprob */
        for (size_t r = 0; r < rows; r++) {           /* dscore = prob (dprob - rowsum(prob dprob)) */
            real *P_row = P + r * p.W, *dP_row = dA + r * p.W;
            nn_kernels()->softmax_backward(dP_row, P_row, dP_row, p.scale, p.W);
        }
        /* forward: out = weight v, again */
        matmul_alone(scratch, mode, dv, kv_stride, transposed(A, p.W), matrix(dO, D), p.Tk, K, rows, NULL);
        /* forward: score = q k^T / sqrt(K) */
        matmul_alone(scratch, MATMUL_WRITE, dq + i0 * q_stride, q_stride, matrix(dA, p.W), matrix(p.k, kv_stride), rows,
                     K, p.Tk, NULL);
        matmul_alone(scratch, mode, dk, kv_stride, transposed(dA, p.W), matrix(p.q + i0 * q_stride, q_stride), p.Tk, K,
                     rows, NULL);
    }
}

void attention_backward(Pool *pool, AttentionGradient gradient, const real *dout, const real *log_sum,
                        AttentionInput in, AttentionShape shape, Dropout dropout) {
    Attention a = {.pool = pool, .in = in, .shape = shape, .dropout = dropout};
    a.gradient = gradient, a.dout = dout, a.kept_log_sum = log_sum;
    pool_run(pool, "attention backward", shape.B * shape.H, backward_pair, &a);
}
