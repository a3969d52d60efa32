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
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (size_t line = 0; line < NR * sizeof(real); line += 64) /* to be in reach when the sums are done */
            __builtin_prefetch((const char *)(c + (size_t)i * ldc) + line, 1);
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

/* Transposing LANES x LANES elements in registers: log2(LANES) rounds of a perfect shuffle, each of which zips row i
 * with row i + LANES / 2. */
#if VECTOR_LANES == 2
#define ZIP_LOW  0, 2
#define ZIP_HIGH 1, 3
#elif VECTOR_LANES == 4
#define ZIP_LOW  0, 4, 1, 5
#define ZIP_HIGH 2, 6, 3, 7
#elif VECTOR_LANES == 8
#define ZIP_LOW  0, 8, 1, 9, 2, 10, 3, 11
#define ZIP_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define ZIP_LOW  0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define ZIP_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#endif
#ifdef __clang__
#define SHUFFLE(x, y, ...) __builtin_shufflevector(x, y, __VA_ARGS__)
#else
#define SHUFFLE(x, y, ...) __builtin_shuffle(x, y, (vlane){__VA_ARGS__})
#endif

static inline void transpose(vreal row[LANES]) {
#pragma GCC unroll 4
    for (int half = LANES / 2; half > 0; half /= 2) {
        vreal zipped[LANES];
#pragma GCC unroll 8
        for (int i = 0; i < LANES / 2; i++) {
            zipped[2 * i] = SHUFFLE(row[i], row[i + LANES / 2], ZIP_LOW);
            zipped[2 * i + 1] = SHUFFLE(row[i], row[i + LANES / 2], ZIP_HIGH);
        }
#pragma GCC unroll 16
        for (int i = 0; i < LANES; i++) row[i] = zipped[i];
    }
}

/* LANES rows of memory, of which the first `rows` exist, become LANES rows of `out`. */
static inline __attribute__((always_inline)) void pack_block(real *out, const real *b, size_t stride, size_t rows) {
    vreal block[LANES];
#pragma GCC unroll 16
    for (size_t l = 0; l < LANES; l++) block[l] = l < rows ? load(b + l * stride) : (vreal){0};
    transpose(block);
#pragma GCC unroll 16
    for (size_t l = 0; l < LANES; l++) store(out + l * NR, block[l]);
}

/* One sliver of a transpose, whose columns lie in rows of memory where row is 1. */
static void pack_transpose(real *out, const real *b, size_t row, size_t col, size_t k, size_t cols) {
    const size_t whole = row == 1 ? k / LANES * LANES : 0;
    for (size_t j = 0; j < NR && whole; j += LANES) {
        const size_t rows = j < cols ? cols - j : 0;
        if (rows >= LANES)
            for (size_t p = 0; p < whole; p += LANES) pack_block(out + p * NR + j, b + p + j * col, col, LANES);
        else
            for (size_t p = 0; p < whole; p += LANES) pack_block(out + p * NR + j, b + p + j * col, col, rows);
    }
    for (size_t p = whole; p < k; p++)
        for (size_t j = 0; j < NR; j++) out[p * NR + j] = j < cols ? b[p * row + j * col] : 0;
}

enum { AHEAD = 12 }; /* rows that copying fetches ahead: they are further apart than the hardware follows */

static inline void fetch_row(const real *row, size_t count) {
    for (size_t i = 0; i < count; i += 64 / sizeof(real)) __builtin_prefetch(row + i);
}

static void pack(real *out, const real *b, size_t row, size_t col, size_t k, size_t cols) {
    if (col != 1) {
        for (size_t j = 0; j < cols; j += NR)
            pack_transpose(out + j * k, b + j * col, row, col, k, cols - j < NR ? cols - j : NR);
        return;
    }
    for (size_t p = 0; p < k; p++, b += row, out += NR) {
        size_t j = 0;
        if (p + AHEAD < k) fetch_row(b + AHEAD * row, cols);
        for (; j + NR <= cols; j += NR) memcpy(out + j * k, b + j, NR * sizeof(real));
        for (size_t i = j; j < cols && i < j + NR; i++) out[j * k + i - j] = i < cols ? b[i] : 0;
    }
}

static void pack_rows(real *out, const real *a, size_t row, size_t col, size_t k, size_t rows) {
    for (size_t p = 0; p < k; p++, a += col, out += MR) {
        size_t i = 0;
        if (row == 1) {
            if (p + AHEAD < k) fetch_row(a + AHEAD * col, rows);
            for (; i + MR <= rows; i += MR) memcpy(out + i * k, a + i, MR * sizeof(real));
        }
        for (; i < rows; i += MR)
            for (size_t r = 0; r < MR && i + r < rows; r++) out[i * k + r] = a[(i + r) * row];
    }
}

/* As many independent chains of multiply-adds as the tile has, without a load or a store. The numbers are out of the
 * compiler's sight, or it would find chains whose value it knows, and leave them out. */
static double peak(size_t rounds) {
    static volatile real seen[3] = {(real)0.999, (real)1e-3, (real)0.5};
    vreal sum[MR * TILE_VECTORS], x = spread(seen[0]), y = spread(seen[1]);
#pragma GCC unroll 32
    for (int i = 0; i < MR * TILE_VECTORS; i++) sum[i] = spread(seen[2] * (real)i);
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
