/* Attention of one query. */
#pragma once

#include "base/size.h"
#include "math/lanes.h"
#include "math/matmul.h"
#include "nn/kept_block.h"

/* score = q k^T scale of one query q (K), with T keys in blocks that are `stride` elements apart (nn/kept.h); each
 * score is summed in order, in runs, as a product's elements are. score has room for whole blocks; its elements from T
 * on are undefined. */
static void attention_score(real *score, const real *q, const real *keys, size_t stride, real scale, size_t T,
                            size_t K) {
    enum { VECTORS = KEPT_BLOCK / LANES };
    for (size_t j = 0; j < T; j += KEPT_BLOCK, keys += stride) {
        vreal total[VECTORS] = {{0}};
        for (size_t t = 0; t < K; t += MATMUL_KC) {
            const size_t end = size_min(K, t + MATMUL_KC);
            vreal sum[VECTORS];
            UNROLL(8)
            for (size_t i = 0; i < VECTORS; i++) sum[i] = (vreal){0};
            for (size_t p = t; p < end; p++) {
                const vreal x = spread(q[p]);
                UNROLL(8)
                for (size_t i = 0; i < VECTORS; i++) sum[i] += x * load(keys + p * KEPT_BLOCK + i * LANES);
            }
            UNROLL(8)
            for (size_t i = 0; i < VECTORS; i++) total[i] = t > 0 ? total[i] + sum[i] : sum[i];
        }
        UNROLL(8)
        for (size_t i = 0; i < VECTORS; i++) store(score + j + i * LANES, total[i] * scale);
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
        if (p == K) continue;
        vreal sum = {0}; /* with vectors, too: for single elements, a compiler might not fuse what it fuses here */
        for (size_t j = 0; j < run; j++) sum += spread(w[j]) * load_part(rows + j * stride + p, K - p);
        store_part(out + p, add ? load_part(out + p, K - p) + sum : sum, K - p);
    }
}
