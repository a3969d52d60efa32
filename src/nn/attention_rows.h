/* Attention of one query, and the softmax of one row of scores, backward; forward is vector_softmax (math/vector.h). */
#pragma once

#include "base/size.h"
#include "math/lanes.h"
#include "math/matmul.h"
#include "math/vector.h"

/* score = q k^T scale of one query q (K), with keys k (T, K) whose rows are `stride` apart; each score is summed in
 * order, as a product's elements are. score has room for whole vectors; what is behind T is left as it comes. */
static void attention_score(real *score, const real *q, const real *k, size_t stride, real scale, size_t T, size_t K) {
    for (size_t j = 0; j < T; j += LANES) {
        const real *key[LANES];
        UNROLL(16)
        for (size_t l = 0; l < LANES; l++) key[l] = k + size_min(j + l, T - 1) * stride;
        vreal sum = {0};
        size_t p = 0;
        for (; p + LANES <= K; p += LANES) {
            vreal part[LANES];
            UNROLL(16)
            for (size_t l = 0; l < LANES; l++) part[l] = load(key[l] + p);
            transpose(part); /* part[i]: element p + i of LANES keys */
            UNROLL(16)
            for (size_t i = 0; i < LANES; i++) sum += spread(q[p + i]) * part[i];
        }
        for (; p < K; p++) {
            vreal part;
            for (size_t l = 0; l < LANES; l++) part[l] = key[l][p];
            sum += spread(q[p]) * part;
        }
        store(score + j, sum * scale);
    }
}

/* out = or += weight (T) times some columns of v, `vectors` vectors of them: a constant where this is inlined. */
static inline __attribute__((always_inline)) void weigh_columns(const int vectors, real *out, const real *weight,
                                                                const real *v, size_t stride, size_t T, bool add) {
    vreal sum[4] = {{0}, {0}, {0}, {0}};
    for (size_t j = 0; j < T; j++, v += stride) {
        const vreal x = spread(weight[j]);
        UNROLL(4)
        for (int i = 0; i < vectors; i++) sum[i] += x * load(v + i * LANES);
    }
    UNROLL(4)
    for (int i = 0; i < vectors; i++) store(out + i * LANES, add ? load(out + i * LANES) + sum[i] : sum[i]);
}

/* out (K) = weight (T) v, with rows of v (T, K) `stride` apart; summed in order, in runs, as a product's elements are.
 */
static void attention_weigh(real *out, const real *weight, const real *v, size_t stride, size_t T, size_t K) {
    for (size_t t = 0; t < T; t += MATMUL_KC) {
        const real *w = weight + t, *rows = v + t * stride;
        const size_t run = size_min(MATMUL_KC, T - t);
        const bool add = t > 0;
        size_t p = 0;
        for (; p + 4 * LANES <= K; p += 4 * LANES) weigh_columns(4, out + p, w, rows + p, stride, run, add);
        for (; p + LANES <= K; p += LANES) weigh_columns(1, out + p, w, rows + p, stride, run, add);
        for (; p < K; p++) {
            real sum = 0;
            for (size_t j = 0; j < run; j++) sum += w[j] * rows[j * stride + p];
            out[p] = add ? out[p] + sum : sum;
        }
    }
}

/* forward: p = softmax(s). With dp the gradient of p: ds = p (dp - sum(p dp)), here times scale. ds may be dp. */
static void softmax_backward(real *ds, const real *p, const real *dp, real scale, size_t n) {
    const real mean = vector_dot(p, dp, n);
    for (size_t i = 0; i < n; i++) ds[i] = p[i] * (dp[i] - mean) * scale;
}
