/* A pool task is one (sentence, head) pair, which owns its slices of every output.
 *
 * A row of scores is padded from Tk to W elements, whole tiles, because that makes the products faster
 * (matmul_alone_padded). The padding is masked like a future key: its score is -infinity, so its weight and every
 * gradient through it is 0, and it changes no bit of a sum. */
#include "nn/attention.h"

#include <math.h>

#include "base/size.h"
#include "math/matmul.h"
#include "math/vector.h"

enum { QUERY_ROWS = 64 }; /* query rows worked on at a time */

/* A score whose exp is 0. */
static const real HIDDEN = (real)-INFINITY;

/* One (sentence, head) pair: its keys and values. */
typedef struct Pair {
    size_t number;                    /* b * H + h */
    size_t Tq, Tk, query0, key0, col; /* its first query and key row, and column */
    size_t W;                         /* of the rows of scores, weights and their gradients */
    Matrix k, v;
    real scale;
} Pair;

typedef struct Attention {
    Pool *pool;
    Stored out, dout;
    real *log_sum;
    const real *kept_log_sum;
    AttentionStored in, gradient;
    AttentionShape shape;
    Dropout dropout;
    size_t scratch;
} Attention;

size_t attention_scratch(size_t longest_key) {
    return matmul_scratch() + 3 * QUERY_ROWS * matmul_padded(longest_key) * sizeof(real);
}

/* Beyond that: k, v, dk, dv; and blocks of q, dq and out. */
size_t attention_stored_scratch(size_t longest_key, size_t K) {
    return attention_scratch(longest_key) + (4 * longest_key + 3 * QUERY_ROWS) * K * sizeof(real);
}

static size_t scratch_of(const Attention *a) {
    return a->in.q.precision == PRECISION_FLOAT32 ? attention_scratch(a->shape.longest_key)
                                                  : attention_stored_scratch(a->shape.longest_key, a->shape.K);
}

/* Part of a stored array for products in float32: where it is, or read into `room` (rows, cols). */
static Matrix part_of(Stored s, size_t row, size_t col, size_t rows, size_t cols, real *room) {
    if (s.precision == PRECISION_FLOAT32) return matrix(stored_floats(s) + row * s.stride + col, s.stride);
    for (size_t r = 0; r < rows; r++) stored_read(room + r * cols, s, row + r, col, cols);
    return matrix(room, cols);
}

/* Where such a part is written, and its way from there to where it is stored. */
static real *place_of(Stored s, size_t row, size_t col, size_t cols, real *room, size_t *stride) {
    *stride = s.precision == PRECISION_FLOAT32 ? s.stride : cols;
    return s.precision == PRECISION_FLOAT32 ? stored_floats(s) + row * s.stride + col : room;
}
static void store_part(Stored s, size_t row, size_t col, size_t rows, size_t cols, const real *room) {
    if (s.precision == PRECISION_FLOAT32) return;
    for (size_t r = 0; r < rows; r++) stored_write(s, row + r, col, room + r * cols, cols);
}

static Matrix turned(Matrix m) { return (Matrix){m.data, m.col, m.row}; }

/* k, v: rooms (Tk, K). */
static Pair pair_of(const Attention *a, size_t b, size_t h, real *k, real *v) {
    const AttentionShape s = a->shape;
    Pair p = {
        .number = b * s.H + h,
        .Tq = s.query_start[b + 1] - s.query_start[b],
        .Tk = s.key_end[b] - s.key_start[b],
        .query0 = s.query_start[b],
        .key0 = s.key_start[b],
        .col = h * s.K,
        .W = matmul_padded(s.key_end[b] - s.key_start[b]),
        .scale = attention_scale(&s),
    };
    p.k = part_of(a->in.k, p.key0, p.col, p.Tk, s.K, k);
    p.v = part_of(a->in.v, p.key0, p.col, p.Tk, s.K, v);
    return p;
}

/* scores (rows, W) = q k^T / sqrt(K) of the query rows q, from i0 on; what they do not see is hidden. */
static void score(real *scores, const Pair *p, Matrix q, bool causal, size_t i0, size_t rows, size_t K, void *scratch) {
    matmul_alone_padded(scratch, scores, q, turned(p->k), rows, p->Tk, K);
    vector_scale(scores, p->scale, rows * p->W);
    for (size_t r = 0; r < rows; r++)
        for (size_t j = causal ? i0 + r + 1 : p->Tk; j < p->W; j++) scores[r * p->W + j] = HIDDEN;
}

/* Dropout of a block (rows, W) of the query rows from i0 on. Each pair has its own range of 2^32 random indices, of
 * which a row uses as many as it has keys, rounded up to 32. */
static void drop_block(real *out, const real *in, Dropout dropout, const Pair *p, size_t i0, size_t rows) {
    const uint64_t width = size_round_up(p->Tk, 32);
    dropout_spans(out, in, dropout, ((uint64_t)p->number << 32) + i0 * width, width, rows, p->W);
}

static size_t block_rows(const Pair *p, size_t i0) { return p->Tq - i0 < QUERY_ROWS ? p->Tq - i0 : QUERY_ROWS; }

/* Scratch of a task. */
typedef struct Room {
    void *products;
    real *weights;         /* three blocks (QUERY_ROWS, W) */
    real *k, *v, *dk, *dv; /* (Tk, K); these and the following are NULL where rows are stored as floats */
    real *q, *dq, *out;    /* (QUERY_ROWS, K) */
} Room;

static Room room_of(const Attention *a, size_t b, size_t worker) {
    const size_t Tk = a->shape.key_end[b] - a->shape.key_start[b], K = a->shape.K;
    Room room = {.products = pool_scratch(a->pool, worker, a->scratch)};
    room.weights = (real *)((char *)room.products + matmul_scratch());
    if (a->in.q.precision == PRECISION_FLOAT32) return room;
    room.k = room.weights + 3 * QUERY_ROWS * matmul_padded(Tk);
    room.v = room.k + Tk * K, room.dk = room.v + Tk * K, room.dv = room.dk + Tk * K;
    room.q = room.dv + Tk * K, room.dq = room.q + QUERY_ROWS * K, room.out = room.dq + QUERY_ROWS * K;
    return room;
}

static void forward_pair(void *context, size_t task, size_t worker) {
    const Attention *a = context;
    const size_t H = a->shape.H, K = a->shape.K, h = task % H;
    const Room room = room_of(a, task / H, worker);
    const Pair p = pair_of(a, task / H, h, room.k, room.v);
    real *weights = room.weights;
    real *shown = a->shape.shown ? a->shape.shown[task / H] : NULL;

    for (size_t i0 = 0; i0 < p.Tq; i0 += QUERY_ROWS) {
        const size_t rows = block_rows(&p, i0), n = p.query0 + i0;
        size_t stride;
        real *out = place_of(a->out, n, p.col, K, room.out, &stride);
        score(weights, &p, part_of(a->in.q, n, p.col, rows, K, room.q), a->shape.causal, i0, rows, K, room.products);
        vector_softmax_rows(weights, a->log_sum + n * H + h, H, rows, p.W);
        for (size_t r = 0; shown && r < rows; r++)
            vector_copy(shown + (h * p.Tq + i0 + r) * p.Tk, weights + r * p.W, p.Tk);
        if (attention_is_muted(&a->shape, h)) {
            for (size_t r = 0; r < rows; r++) vector_clear(out + r * stride, K);
        } else {
            drop_block(weights, weights, a->dropout, &p, i0, rows);
            matmul_alone(room.products, MATMUL_WRITE, out, stride, matrix(weights, p.W), p.v, rows, K, p.Tk, NULL);
        }
        store_part(a->out, n, p.col, rows, K, out);
    }
}

void attention_stored_forward(Pool *pool, Stored out, real *log_sum, AttentionStored in, AttentionShape shape,
                              Dropout dropout) {
    Attention a = {.pool = pool, .out = out, .log_sum = log_sum, .in = in, .shape = shape, .dropout = dropout};
    a.scratch = scratch_of(&a);
    pool_run(pool, "attention forward", shape.B * shape.H, forward_pair, &a);
}

static void backward_pair(void *context, size_t task, size_t worker) {
    const Attention *a = context;
    const size_t H = a->shape.H, K = a->shape.K, h = task % H;
    const Room room = room_of(a, task / H, worker);
    const Pair p = pair_of(a, task / H, h, room.k, room.v);
    real *P = room.weights;                                           /* prob; (rows, W) as the other two */
    real *A = dropout_is_none(a->dropout) ? P : P + QUERY_ROWS * p.W; /* weight */
    real *dA = P + 2 * QUERY_ROWS * p.W; /* dweight; becomes dprob, then dscore / sqrt(K) */
    size_t stride, kv_stride;
    real *dk = place_of(a->gradient.k, p.key0, p.col, K, room.dk, &kv_stride);
    real *dv = place_of(a->gradient.v, p.key0, p.col, K, room.dv, &kv_stride);

    for (size_t i0 = 0; i0 < p.Tq; i0 += QUERY_ROWS) {
        const size_t rows = block_rows(&p, i0), n = p.query0 + i0;
        const MatmulMode mode = i0 == 0 ? MATMUL_WRITE : MATMUL_ADD; /* dk and dv are sums over the blocks */
        const Matrix dO = part_of(a->dout, n, p.col, rows, K, room.out);
        const Matrix q = part_of(a->in.q, n, p.col, rows, K, room.q);
        real *dq = place_of(a->gradient.q, n, p.col, K, room.dq, &stride);
        score(P, &p, q, a->shape.causal, i0, rows, K, room.products);
        /* forward: out = weight v */
        matmul_alone_padded(room.products, dA, dO, turned(p.v), rows, p.Tk, K);
        vector_softmax_again(P, a->kept_log_sum + n * H + h, H, rows, p.W); /* forward: prob = softmax(score) */
        drop_block(A, P, a->dropout, &p, i0, rows);                         /* forward: weight = dropout(prob) */
        drop_block(dA, dA, a->dropout, &p, i0, rows);                       /* now dprob */
        vector_softmax_backward(dA, P, dA, p.scale, rows, p.W); /* dscore = prob (dprob - rowsum(prob dprob)) */
        /* forward: out = weight v, again */
        matmul_alone(room.products, mode, dv, kv_stride, transposed(A, p.W), dO, p.Tk, K, rows, NULL);
        /* forward: score = q k^T / sqrt(K) */
        matmul_alone(room.products, MATMUL_WRITE, dq, stride, matrix(dA, p.W), p.k, rows, K, p.Tk, NULL);
        matmul_alone(room.products, mode, dk, kv_stride, transposed(dA, p.W), q, p.Tk, K, rows, NULL);
        store_part(a->gradient.q, n, p.col, rows, K, dq);
    }
    store_part(a->gradient.k, p.key0, p.col, p.Tk, K, dk);
    store_part(a->gradient.v, p.key0, p.col, p.Tk, K, dv);
}

void attention_stored_backward(Pool *pool, AttentionStored gradient, Stored dout, const real *log_sum,
                               AttentionStored in, AttentionShape shape, Dropout dropout) {
    Attention a = {.pool = pool, .in = in, .shape = shape, .dropout = dropout};
    a.gradient = gradient, a.dout = dout, a.kept_log_sum = log_sum, a.scratch = scratch_of(&a);
    pool_run(pool, "attention backward", shape.B * shape.H, backward_pair, &a);
}

static AttentionStored stored_rows_of(const real *q, const real *k, const real *v, size_t q_stride, size_t kv_stride) {
    return (AttentionStored){stored_reals(q, q_stride), stored_reals(k, kv_stride), stored_reals(v, kv_stride)};
}

void attention_forward(Pool *pool, real *out, real *log_sum, AttentionInput in, AttentionShape shape, Dropout dropout) {
    attention_stored_forward(pool, stored_reals(out, shape.H * shape.K), log_sum,
                             stored_rows_of(in.q, in.k, in.v, in.q_stride, in.kv_stride), shape, dropout);
}

void attention_backward(Pool *pool, AttentionGradient gradient, const real *dout, const real *log_sum,
                        AttentionInput in, AttentionShape shape, Dropout dropout) {
    attention_stored_backward(pool, stored_rows_of(gradient.q, gradient.k, gradient.v, in.q_stride, in.kv_stride),
                              stored_reals(dout, shape.H * shape.K), log_sum,
                              stored_rows_of(in.q, in.k, in.v, in.q_stride, in.kv_stride), shape, dropout);
}
