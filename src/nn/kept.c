#include "nn/kept.h"

#include "math/vector.h"
#include "nn/kept_block.h"
#include "nn/kernels.h"
#include "nn/rows.h"

enum { TOGETHER = 1 << 15 }; /* elements of keys: a task has all heads of a sentence with fewer */

Kept kept_push(Arena *arena, uint64_t rows, size_t D) {
    return (Kept){arena_push(arena, rows * D, sizeof(real)), arena_push(arena, rows * D, sizeof(real))};
}

/* Columns col .. col + cols - 1 of kv, a key and a value, become those of a row. */
static void put_columns(Kept kept, size_t row, const real *kv, size_t D, size_t col, size_t cols) {
    real *key = kept.keys + row / KEPT_BLOCK * KEPT_BLOCK * D + row % KEPT_BLOCK;
    for (size_t i = col; i < col + cols; i++) key[i * KEPT_BLOCK] = kv[i];
    vector_copy(kept.values + row * D + col, kv + D + col, cols);
}

typedef struct Putting {
    Kept kept;
    const uint32_t *row;
    const real *kv;
    size_t D;
} Putting;

static void put_rows(void *context, size_t first, size_t last) {
    const Putting *p = context;
    for (size_t n = first; n < last; n++) put_columns(p->kept, p->row[n], p->kv + n * 2 * p->D, p->D, 0, p->D);
}

void kept_put(Pool *pool, Kept kept, const uint32_t *row, const real *kv, size_t N, size_t D) {
    Putting p = {kept, row, kv, D};
    rows_run(pool, "cache", N, 2 * D, put_rows, &p);
}

void kept_copy(Kept to, size_t to_row, Kept from, size_t from_row, size_t count, size_t D) {
    vector_copy(to.keys + to_row * D, from.keys + from_row * D, kept_rows(count) * D);
    vector_copy(to.values + to_row * D, from.values + from_row * D, count * D);
}

typedef struct Attending {
    Pool *pool;
    real *out;
    const real *q, *kv;
    size_t stride;
    Kept kept;
    AttentionShape shape;
    size_t heads; /* of a task */
    real scale;
} Attending;

/* One query and head. weight: scratch. */
static void attend_one(const Attending *a, size_t n, size_t h, size_t key0, size_t T, real *weight) {
    const size_t K = a->shape.K, D = a->shape.H * K, W = kept_rows(T);
    real *out = a->out + n * D + h * K;
    if (attention_is_muted(&a->shape, h)) {
        vector_clear(out, K);
        return;
    }
    nn_kernels()->attention_score(weight, a->q + n * a->stride + h * K, a->kept.keys + key0 * D + h * K * KEPT_BLOCK,
                                  D * KEPT_BLOCK, a->scale, T, K);
    for (size_t j = T; j < W; j++) weight[j] = -(real)INFINITY;
    vector_softmax(weight, weight, W);
    nn_kernels()->attention_weigh(out, weight, a->kept.values + key0 * D + h * K, D, T, K);
}

/* Asks for memory that will be read soon: values, while scores are computed. */
static void fetch(const real *x, size_t count) {
    enum { LINE = 64 / sizeof(real) };
    for (size_t i = 0; i < count; i += LINE) __builtin_prefetch(x + i);
}

static void attend_task(void *context, size_t task, size_t worker) {
    const Attending *a = context;
    const AttentionShape *s = &a->shape;
    const size_t tasks = s->H / a->heads, b = task / tasks, first = task % tasks * a->heads, key0 = s->key_start[b];
    real *weight = pool_scratch(a->pool, worker, kept_scratch(s->longest_key));
    if (a->heads == s->H) fetch(a->kept.values + key0 * s->H * s->K, (s->key_end[b] - key0) * s->H * s->K);
    if (a->kv)
        put_columns(a->kept, s->key_end[b] - 1, a->kv + b * a->stride, s->H * s->K, first * s->K, a->heads * s->K);
    for (size_t n = s->query_start[b]; n < s->query_start[b + 1]; n++)
        for (size_t h = first; h < first + a->heads; h++) attend_one(a, n, h, key0, s->key_end[b] - key0, weight);
}

void kept_attend(Pool *pool, real *out, const real *q, const real *kv, size_t stride, Kept kept, AttentionShape shape) {
    const size_t heads = shape.longest_key * shape.H * shape.K < TOGETHER ? shape.H : 1;
    Attending a = {pool, out, q, kv, stride, kept, shape, heads, attention_scale(&shape)};
    pool_run(pool, "attention forward", shape.B * (shape.H / heads), attend_task, &a);
}

size_t kept_scratch(size_t longest_key) { return kept_rows(longest_key) * sizeof(real); }
