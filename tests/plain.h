/* What the vectorised loops compute, by the plain formula. */
#pragma once

#include "base/rng.h"
#include "math/matmul.h"

/* Whether dropout keeps element `index` of a site (nn/dropout_rows.h). */
static inline int dropout_keeps(uint32_t keep, RngSite site, uint64_t index) {
    uint64_t block = index / 128, element = index % 128;
    uint32_t random[4];
    rng_philox(random, site, block * 16 + element % 16);
    uint32_t word = random[element / 32];
    return (element / 16 % 2 ? word >> 16 : word & 0xffff) < keep;
}

/* What the product is (math/matmul.h), in three plain loops. */
static inline void matmul_reference(MatmulMode mode, real *c, size_t ldc, Matrix a, Matrix b, size_t m, size_t n,
                                    size_t k, const real *bias) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = mode == MATMUL_ADD ? c[i * ldc + j] : bias ? bias[j] : 0;
            for (size_t p = 0; p < k; p++)
                sum += (double)a.data[i * a.row + p * a.col] * (double)b.data[p * b.row + j * b.col];
            c[i * ldc + j] = (real)sum;
        }
}
