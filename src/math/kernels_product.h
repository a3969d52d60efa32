/* Part of kernels_impl.h: the matrix product's register tile, the packing of its right factor, and the multiply-add
 * limit that benchmarks compare it with. Code without a guard, included there once for each instruction set. */

/* One tile of `rows` rows, a constant where this is inlined: rows * TILE_VECTORS sums stay in registers over the whole
 * of k. Each element is one chain of multiply-adds in order of p, whatever the number of rows. */
static inline __attribute__((always_inline)) void tile_rows(const int rows, real *c, size_t ldc, const real *a,
                                                            size_t a_row, size_t a_col, const real *b, size_t k,
                                                            size_t cols, bool add, const real *bias) {
    vreal sum[MR][TILE_VECTORS];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < TILE_VECTORS; j++) sum[i][j] = (vreal){0};
    for (size_t p = 0; p < k; p++, a += a_col, b += NR) {
        vreal row[TILE_VECTORS];
#pragma GCC unroll 4
        for (int j = 0; j < TILE_VECTORS; j++) row[j] = load(b + j * LANES);
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            vreal x = spread(a[(size_t)i * a_row]);
#pragma GCC unroll 4
            for (int j = 0; j < TILE_VECTORS; j++) sum[i][j] += x * row[j];
        }
    }
    if (cols == NR) {
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++, c += ldc)
#pragma GCC unroll 4
            for (int j = 0; j < TILE_VECTORS; j++) {
                if (add)
                    store(c + j * LANES, load(c + j * LANES) + sum[i][j]);
                else
                    store(c + j * LANES, bias ? load(bias + j * LANES) + sum[i][j] : sum[i][j]);
            }
        return;
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++, c += ldc) {
        real line[NR];
#pragma GCC unroll 4
        for (int j = 0; j < TILE_VECTORS; j++) store(line + j * LANES, sum[i][j]);
        for (size_t j = 0; j < cols; j++) c[j] = add ? c[j] + line[j] : bias ? bias[j] + line[j] : line[j];
    }
}

static void tile(real *c, size_t ldc, const real *a, size_t a_row, size_t a_col, const real *b, size_t k, size_t rows,
                 size_t cols, bool add, const real *bias) {
#define ROWS(r)                                                                                                        \
    case r:                                                                                                            \
        tile_rows(r <= MR ? r : MR, c, ldc, a, a_row, a_col, b, k, cols, add, bias);                                   \
        return
    switch (rows) {
        ROWS(1);
        ROWS(2);
        ROWS(3);
        ROWS(4);
#if TILE_ROWS > 4
        ROWS(5);
        ROWS(6);
#endif
#if TILE_ROWS > 6
        ROWS(7);
        ROWS(8);
#endif
#if TILE_ROWS > 8
        ROWS(9);
        ROWS(10);
        ROWS(11);
        ROWS(12);
        ROWS(13);
        ROWS(14);
#endif
    }
}

static void pack(real *out, const real *b, size_t row, size_t col, size_t k, size_t cols) {
    if (col == 1 && cols == NR) {
        for (size_t p = 0; p < k; p++) memcpy(out + p * NR, b + p * row, NR * sizeof(real));
        return;
    }
    for (size_t j = 0; j < cols; j++)
        for (size_t p = 0; p < k; p++) out[p * NR + j] = b[p * row + j * col];
    for (size_t j = cols; j < NR; j++)
        for (size_t p = 0; p < k; p++) out[p * NR + j] = 0;
}

/* As many independent chains of multiply-adds as the tile has, without a load or a store. */
static double peak(size_t rounds) {
    vreal sum[MR * TILE_VECTORS], x = spread((real)0.999), y = spread((real)1e-3);
#pragma GCC unroll 32
    for (int i = 0; i < MR * TILE_VECTORS; i++) sum[i] = spread((real)i);
    for (size_t r = 0; r < rounds; r++) {
        __asm__ volatile("" : "+r"(r)); /* keeps the loop as it is written */
#pragma GCC unroll 32
        for (int i = 0; i < MR * TILE_VECTORS; i++) sum[i] = sum[i] * x + y;
    }
    vreal total = {0};
#pragma GCC unroll 32
    for (int i = 0; i < MR * TILE_VECTORS; i++) total += sum[i];
    __asm__ volatile("" : : "m"(total));
    return 2.0 * (double)rounds * MR * TILE_VECTORS * LANES;
}
