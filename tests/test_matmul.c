/* The matrix product against its three plain loops, with every instruction set of this CPU; and the
 * promises about bits: the same for any number of threads, for a row alone or among others, and with zeros appended
 * along k. */
#include "math/matmul.h"

#include <float.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/rng.h"
#include "edge.h"
#include "math/cpu.h"
#include "plain.h"
#include "sets.h"
#include "testlib.h"

static Pool *single, *pool; /* of one thread, and of two */
static void *scratch;

static Compute on(Pool *threads) { return (Compute){.pool = threads}; }

/* Uniform in [-1, 1). */
static real *noise(size_t count, uint32_t site) {
    real *x = memory_new(count ? count : 1, sizeof *x);
    for (size_t i = 0; i < count; i++) x[i] = (real)(2 * rng_uniform((RngSite){11, 0, site}, i) - 1);
    return x;
}

static bool same_bits(const real *x, const real *y, size_t count) { return memcmp(x, y, count * sizeof *x) == 0; }

/* How a product is asked for. */
typedef struct Ask {
    size_t m, n, k;
    size_t slack;                    /* strides are larger than needed by so much */
    bool a_transposed, b_transposed; /* the views */
    bool alone, add, bias;
} Ask;

/* What c has where nothing may be written. */
static const real GUARD = (real)-12345.75;

/* One product both ways: c is close to the reference wherever it exists, and untouched elsewhere: in the gap after each
 * row, and in a margin before and behind. */
static void check(Ask q) {
    enum { MARGIN = 64 };
    const size_t a_stride = (q.a_transposed ? q.m : q.k) + q.slack, b_stride = (q.b_transposed ? q.k : q.n) + q.slack;
    const size_t ldc = q.n + q.slack, count = q.m * ldc + 2 * MARGIN;
    real *a = noise((q.a_transposed ? q.k : q.m) * a_stride, 1), *b = noise((q.b_transposed ? q.n : q.k) * b_stride, 2);
    real *before = noise(count, 3), *bias = noise(q.n, 4);
    real *found = memory_new(count, sizeof *found), *expected = memory_new(count, sizeof *expected);
    const Matrix A = q.a_transposed ? transposed(a, a_stride) : matrix(a, a_stride);
    const Matrix X = q.b_transposed ? transposed(b, b_stride) : matrix(b, b_stride);
    const MatmulMode mode = q.add ? MATMUL_ADD : MATMUL_WRITE;
    for (size_t i = 0; i < count; i++) found[i] = expected[i] = GUARD;
    for (size_t i = 0; i < q.m; i++)
        for (size_t j = 0; j < q.n; j++) /* written products must not read what was there */
            found[MARGIN + i * ldc + j] = expected[MARGIN + i * ldc + j] = q.add ? before[i * ldc + j] : (real)NAN;

    if (q.alone)
        matmul_alone(scratch, mode, found + MARGIN, ldc, A, X, q.m, q.n, q.k, q.bias ? bias : NULL);
    else
        matmul(on(pool), mode, found + MARGIN, ldc, A, X, q.m, q.n, q.k, q.bias ? bias : NULL);
    matmul_reference(mode, expected + MARGIN, ldc, A, X, q.m, q.n, q.k, q.bias ? bias : NULL);

    /* Each of k additions errs by half a unit of a partial sum, which random products keep below about 2 + sqrt(k). */
    const double tolerance = FLT_EPSILON / 2 * (double)(q.k + 2) * (2 + sqrt((double)q.k));
    size_t wrong = 0;
    for (size_t e = 0; e < count; e++) {
        const size_t at = e - MARGIN;
        const bool outside = e < MARGIN || at >= q.m * ldc || at % ldc >= q.n;
        const double off = fabs((double)found[e] - (double)expected[e]);
        wrong += outside ? found[e] != GUARD : !(off <= tolerance);
    }
    if (wrong)
        TEST_FAIL("%s, m %zu, n %zu, k %zu, slack %zu, %s a, %s b, %s%s%s: %zu elements wrong", cpu_instruction_set(),
                  q.m, q.n, q.k, q.slack, q.a_transposed ? "transposed" : "plain",
                  q.b_transposed ? "transposed" : "plain", q.add ? "add" : "write", q.bias ? " with bias" : "",
                  q.alone ? ", alone" : "", wrong);
    free(a), free(b), free(before), free(bias), free(found), free(expected);
}

/* The 24 ways to ask for one size. A bias with MATMUL_ADD is not a product that exists. */
static void check_all(size_t m, size_t n, size_t k, size_t slack) {
    for (int way = 0; way < 24; way++)
        check((Ask){m, n, k, slack, way & 1, way & 2, way & 4, way / 8 == 1, way / 8 == 2});
}

/* ---- against the reference --------------------------------------------------------------------------------------- */

/* Checked by hand, so that the reference itself is. */
static void test_reference(void) {
    const real a[6] = {1, 2, 3, 4, 5, 6}, b[6] = {7, 8, 9, 10, 11, 12}, bias[2] = {100, 200};
    real c[4];
    matmul_reference(MATMUL_WRITE, c, 2, matrix(a, 3), matrix(b, 2), 2, 2, 3, NULL);
    EXPECT(c[0] == 58 && c[1] == 64 && c[2] == 139 && c[3] == 154);
    matmul_reference(MATMUL_ADD, c, 2, matrix(a, 3), matrix(b, 2), 2, 2, 3, NULL);
    EXPECT(c[0] == 116 && c[1] == 128 && c[2] == 278 && c[3] == 308);
    matmul_reference(MATMUL_WRITE, c, 2, transposed(a, 2), transposed(b, 3), 2, 2, 3, bias);
    EXPECT(c[0] == 1 * 7 + 3 * 8 + 5 * 9 + 100 && c[1] == 1 * 10 + 3 * 11 + 5 * 12 + 200);
    EXPECT(c[2] == 2 * 7 + 4 * 8 + 6 * 9 + 100 && c[3] == 2 * 10 + 4 * 11 + 6 * 12 + 200);
}

static void check_small(void) {
    for (size_t m = 1; m <= 9; m++)
        for (size_t n = 1; n <= 9; n++)
            for (size_t k = 1; k <= 5; k++) check_all(m, n, k, (m + n + k) % 3);
}
static void test_small(void) { for_each_set(check_small); }

/* Each of 1 .. 67 comes in each place, with others that look drawn by lot. */
static void check_ragged(void) {
    for (size_t i = 0; i < 67; i++) check_all(1 + i, 1 + i * 31 % 67, 1 + i * 47 % 67, i % 4);
    for (size_t i = 0; i < 67; i++) {
        const size_t m = 1 + i * 23 % 67, k = 1 + i * 59 % 67;
        check((Ask){m, 1 + i, k, 1, i & 1, i & 2, i & 4, i & 8, false});
        check((Ask){k, m, 1 + i, 2, i & 2, i & 4, i & 8, false, i & 1});
    }
}
static void test_ragged(void) { for_each_set(check_ragged); }

/* Sums are cut into runs of 256, and columns into panels of about 256. */
static void check_borders(void) {
    static const size_t lengths[] = {255, 256, 257, 300, 511, 512, 513, 770};
    for (size_t i = 0; i < COUNT(lengths); i++) {
        check_all(5, 19, lengths[i], i % 2);
        for (unsigned way = 0; way < 4; way++)
            check((Ask){17, lengths[i], 7 + 260 * (i % 2), 1, way & 1, way & 2, true, i % 3 == 0, i % 3 == 1});
    }
}
static void test_borders(void) { for_each_set(check_borders); }

/* No products to sum: zeros, the bias, or what was there. */
static void check_empty(void) {
    check_all(7, 35, 0, 1);
    check_all(0, 5, 3, 1);
    check_all(5, 0, 3, 1);
}
static void test_empty(void) { for_each_set(check_empty); }

/* Large enough to be split over threads, by rows and by columns. */
static void check_split(void) {
    check_all(300, 33, 41, 1);
    check_all(33, 300, 41, 2);
    check_all(70, 70, 300, 0);
    check_all(140, 64, 270, 1); /* a small output and a long k */
}
static void test_split(void) { for_each_set(check_split); }

/* Factors and biases that end where memory ends: nothing is read beyond them, and the product is the same. */
static void check_ends(void) {
    static const size_t rows[] = {1, 2, 17}, columns[] = {1, 7, 8, 15, 16, 32, 33, 40, 64, 96},
                        depths[] = {1, 5, 16, 257};
    enum { MOST = 257 * 96 };
    real *noise_a = noise(MOST, 18), *noise_b = noise(MOST, 19), *bias = noise(96, 20), usual[17 * 96];
    const Edge edge_a = edge_new(MOST * sizeof(real)), edge_b = edge_new(MOST * sizeof(real)),
               edge_bias = edge_new(96 * sizeof(real)), edge_c = edge_new(sizeof usual);
    for (size_t at = 0; at < COUNT(rows) * COUNT(columns) * COUNT(depths); at++)
        for (size_t way = 0; way < 8; way++) {
            const size_t m = rows[at % COUNT(rows)], n = columns[at / COUNT(rows) % COUNT(columns)];
            const size_t k = depths[at / COUNT(rows) / COUNT(columns)];
            const real *a = edge_put(edge_a, noise_a, m * k * sizeof *a),
                       *b = edge_put(edge_b, noise_b, k * n * sizeof *b);
            const real *added = edge_put(edge_bias, bias, n * sizeof *bias);
            const Matrix A = way & 1 ? transposed(a, m) : matrix(a, k), X = way & 2 ? transposed(b, k) : matrix(b, n);
            real *found = edge_put(edge_c, noise_a, m * n * sizeof *found);
            matmul_reference(MATMUL_WRITE, usual, n, A, X, m, n, k, added);
            if (way & 4)
                matmul_alone(scratch, MATMUL_WRITE, found, n, A, X, m, n, k, added);
            else
                matmul(on(pool), MATMUL_WRITE, found, n, A, X, m, n, k, added);
            for (size_t i = 0; i < m * n; i++) EXPECT_NEAR(found[i], usual[i], 1e-4);
        }
    edge_free(edge_a), edge_free(edge_b), edge_free(edge_bias), edge_free(edge_c);
    free(noise_a), free(noise_b), free(bias);
}
static void test_end_of_memory(void) { for_each_set(check_ends); }

/* Views neither of whose strides is 1. */
static void check_views(void) {
    enum { STEP = 3, MOST = 300 };
    static const size_t sizes[][3] = {{1, 1, 1}, {5, 16, 7}, {20, 70, 30}, {9, 32, 260}, {140, 40, 20}}; /* m, n, k */
    real *a = noise(STEP * 140 * MOST, 25), *b = noise(STEP * 70 * MOST, 26), found[140 * 70], usual[140 * 70];
    for (size_t s = 0; s < COUNT(sizes); s++)
        for (size_t way = 0; way < 2; way++) {
            const size_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2];
            const Matrix A = {a, STEP * k, STEP}, X = {b, STEP, STEP * k};
            matmul_reference(MATMUL_WRITE, usual, n, A, X, m, n, k, NULL);
            if (way)
                matmul_alone(scratch, MATMUL_WRITE, found, n, A, X, m, n, k, NULL);
            else
                matmul(on(pool), MATMUL_WRITE, found, n, A, X, m, n, k, NULL);
            for (size_t i = 0; i < m * n; i++) EXPECT_NEAR(found[i], usual[i], 1e-4);
        }
    free(a), free(b);
}
static void test_views(void) { for_each_set(check_views); }

/* Rows that are filled up to whole tiles: the same bits, and zeros behind them. */
static void check_padded(void) {
    enum { ROWS = 5, DEPTH = 300, MOST = 130 };
    real *a = noise(ROWS * DEPTH, 21), *b = noise(DEPTH * (MOST + 3), 22);
    for (size_t n = 1; n <= MOST; n++)
        for (size_t way = 0; way < 2; way++) {
            const Matrix X = way ? transposed(b, DEPTH) : matrix(b, n + n % 3);
            const size_t width = matmul_padded(n);
            real *padded = noise(ROWS * width, 23), *plain = noise(ROWS * n, 24);
            EXPECT(width >= n && width < n + 64);
            matmul_alone_padded(scratch, padded, matrix(a, DEPTH), X, ROWS, n, DEPTH);
            matmul_alone(scratch, MATMUL_WRITE, plain, n, matrix(a, DEPTH), X, ROWS, n, DEPTH, NULL);
            for (size_t i = 0; i < ROWS; i++) {
                EXPECT(same_bits(padded + i * width, plain + i * n, n));
                for (size_t j = n; j < width; j++) EXPECT(padded[i * width + j] == 0);
            }
            free(padded), free(plain);
        }
    free(a), free(b);
}
static void test_padded(void) { for_each_set(check_padded); }

/* ---- bits -------------------------------------------------------------------------------------------------------- */

enum { M = 150, N = 130, KEPT = 300, PADDED = 345 }; /* split over threads */

/* A product on one thread. */
static void multiply(real *c, size_t ldc, Matrix a, Matrix b, size_t m, size_t n, size_t k, const real *bias) {
    matmul_alone(scratch, MATMUL_WRITE, c, ldc, a, b, m, n, k, bias);
}

static void check_threads(void) {
    static const size_t threads[] = {1, 2, 3, 8};
    real *a = noise(KEPT * M, 5), *b = noise(KEPT * N, 6), *bias = noise(N, 7);
    real *first = memory_new(M * N, sizeof *first), *c = memory_new(M * N, sizeof *c);
    for (size_t way = 0; way < 4; way++) {
        const Matrix A = way & 1 ? transposed(a, M) : matrix(a, KEPT);
        const Matrix X = way & 2 ? transposed(b, KEPT) : matrix(b, N);
        multiply(first, N, A, X, M, N, KEPT, bias);
        for (size_t t = 0; t < COUNT(threads); t++) {
            Error err;
            Pool *some = pool_create(threads[t], &err);
            pool_reserve(some, matmul_scratch(), matmul_shared());
            static const size_t sizes[][2] = {{M, N}, {M, 20}, {20, N}, {M, 128}};
            for (size_t s = 0; s < COUNT(sizes); s++) { /* by rows, by rows, by columns, by both */
                const size_t m = sizes[s][0], n = sizes[s][1];
                memset(c, 0xff, M * N * sizeof *c);
                matmul(on(some), MATMUL_WRITE, c, N, A, X, m, n, KEPT, bias);
                for (size_t i = 0; i < m; i++) EXPECT(same_bits(c + i * N, first + i * N, n));
            }
            pool_free(some);
        }
    }
    free(a), free(b), free(bias), free(first), free(c);
}
static void test_any_number_of_threads(void) { for_each_set(check_threads); }

/* Weights that stay: the same bits, however many rows there are, and packed only the first time. */
static void count_packing(void *context, const char *part, double seconds) {
    (void)seconds;
    *(size_t *)context += strcmp(part, "product packing") == 0;
}

static void check_weights(void) {
    enum { ROWS = 130, INPUTS = 270, OUTPUTS = 4200 }; /* more than is packed at a time otherwise */
    static const size_t rows[] = {1, 2, 7, ROWS};
    real *a = noise(ROWS * INPUTS, 11), *w = noise(OUTPUTS * INPUTS + 7, 12), *bias = noise(OUTPUTS, 13);
    real *kept = memory_new(ROWS * OUTPUTS, sizeof *kept), *usual = memory_new(ROWS * OUTPUTS, sizeof *usual);
    PackedWeights *weights = packed_weights_create(w + 7, OUTPUTS * INPUTS, false);
    size_t packed = 0;
    for (size_t again = 0; again < 2; again++)
        for (size_t r = 0; r < COUNT(rows); r++)
            for (size_t way = 0; way < 3; way++) { /* the whole matrix; a few of its rows; what is not part of it */
                const size_t n = way == 1 ? 24 : OUTPUTS;
                const Matrix b = transposed(way == 2 ? w : w + 7, INPUTS);
                matmul(on(pool), MATMUL_WRITE, usual, n, matrix(a, INPUTS), b, rows[r], n, INPUTS, bias);
                pool_watch(pool, count_packing, &packed);
                matmul((Compute){.pool = pool, .packed = weights}, MATMUL_WRITE, kept, n, matrix(a, INPUTS), b, rows[r],
                       n, INPUTS, bias);
                pool_watch(pool, NULL, NULL);
                EXPECT(same_bits(kept, usual, rows[r] * n));
                const bool first = again == 0 && r == 0;
                if (way < 2) EXPECT_INT(packed, first);
                if (way == 2) EXPECT(packed > 0);
                packed = 0;
            }
    for (size_t i = 0; i < OUTPUTS * INPUTS; i++) w[7 + i] = -w[7 + i]; /* other weights, in the same place */
    packed_weights_forget(weights, w + 7, OUTPUTS * INPUTS);
    const Matrix other = transposed(w + 7, INPUTS);
    matmul(on(pool), MATMUL_WRITE, usual, OUTPUTS, matrix(a, INPUTS), other, 2, OUTPUTS, INPUTS, bias);
    matmul((Compute){.pool = pool, .packed = weights}, MATMUL_WRITE, kept, OUTPUTS, matrix(a, INPUTS), other, 2,
           OUTPUTS, INPUTS, bias);
    EXPECT(same_bits(kept, usual, 2 * OUTPUTS));
    packed_weights_free(weights);
    packed_weights_free(NULL);
    free(a), free(w), free(bias), free(kept), free(usual);
}
static void test_weights_that_stay(void) { for_each_set(check_weights); }

/* An epilogue sees each element of a product once, when it is done, and in its place. */
typedef struct Seen {
    const real *product;
    size_t n, *times; /* of each element */
} Seen;

static void see_block(void *context, Block block) {
    const Seen *seen = context;
    for (size_t i = 0; i < block.rows; i++)
        for (size_t j = 0; j < block.cols; j++) {
            const size_t at = (block.row + i) * seen->n + block.col + j;
            real *x = block.x + i * block.stride + j;
            __atomic_fetch_add(&seen->times[at], same_bits(x, seen->product + at, 1) ? 1 : 100, __ATOMIC_RELAXED);
            *x = (real)(block.row + i) - (real)(block.col + j);
        }
}

static void check_epilogue(void) {
    static const size_t sizes[][3] = {{3, 5, 7},      {300, 130, 20}, {70, 900, 40}, {20, 4200, 300},
                                      {7, 4300, 256}, {600, 40, 0},   {9, 64, 70000}}; /* m, n, k */
    for (size_t s = 0; s < COUNT(sizes); s++)
        for (size_t way = 0; way < 4; way++) { /* adding or writing; blocks or whole rows */
            const size_t m = sizes[s][0], n = sizes[s][1], k = sizes[s][2], ldc = n + 3;
            const MatmulMode mode = way & 1 ? MATMUL_ADD : MATMUL_WRITE;
            real *a = noise(m * k + 1, 14), *b = noise(k * n + 1, 15), *bias = noise(n, 16);
            real *product = noise(m * n, 17), *c = memory_new(m * ldc, sizeof *c);
            for (size_t i = 0; i < m; i++) memcpy(c + i * ldc, product + i * n, n * sizeof *c);
            const real *added = way & 1 ? NULL : bias;
            matmul(on(pool), mode, product, n, matrix(a, k), matrix(b, n), m, n, k, added);
            Seen seen = {product, n, memory_new(m * n, sizeof *seen.times)};
            memset(seen.times, 0, m * n * sizeof *seen.times);
            matmul_and(on(pool), mode, c, ldc, matrix(a, k), matrix(b, n), m, n, k, added,
                       (Epilogue){"test", see_block, &seen, way >= 2});
            size_t wrong = 0;
            for (size_t i = 0; i < m * n; i++)
                wrong += seen.times[i] != 1 || c[i / n * ldc + i % n] != (real)(i / n) - (real)(i % n);
            if (wrong) TEST_FAIL("m %zu, n %zu, k %zu, way %zu: %zu elements wrong", m, n, k, way, wrong);
            free(a), free(b), free(bias), free(product), free(c), free(seen.times);
        }
}
static void test_epilogue(void) { for_each_set(check_epilogue); }

static void check_neighbours(void) {
    real *a = noise(M * KEPT, 8), *b = noise(KEPT * N, 9), *bias = noise(N, 10);
    real *together = memory_new(M * N, sizeof *together), *row = memory_new(N, sizeof *row);
    for (size_t way = 0; way < 4; way++) {
        const Matrix A = way & 1 ? transposed(a, M) : matrix(a, KEPT);
        const Matrix X = way & 2 ? transposed(b, KEPT) : matrix(b, N);
        matmul(on(pool), MATMUL_WRITE, together, N, A, X, M, N, KEPT, bias);
        for (size_t i = 0; i < M; i++) {
            const Matrix one = {A.data + i * A.row, A.row, A.col};
            matmul(on(pool), MATMUL_WRITE, row, N, one, X, 1, N, KEPT, bias);
            EXPECT(same_bits(row, together + i * N, N));
        }
        for (size_t j = 0; j < N; j += 13) { /* and a column */
            const Matrix one = {X.data + j * X.col, X.row, X.col};
            real column[M];
            multiply(column, 1, A, one, M, 1, KEPT, bias + j);
            for (size_t i = 0; i < M; i++) EXPECT(same_bits(column + i, together + i * N + j, 1));
        }
    }
    free(a), free(b), free(bias), free(together), free(row);
}
static void test_any_neighbours(void) { for_each_set(check_neighbours); }

static void check_appended_zeros(void) {
    enum { ROWS = 21 };
    static const size_t kept[] = {1, 7, 64, 255, 256, 299};
    real *plain = memory_new(ROWS * N, sizeof *plain), *padded = memory_new(ROWS * N, sizeof *padded);
    for (size_t i = 0; i < COUNT(kept); i++) {
        real *a = noise(ROWS * PADDED, 12), *b = noise(PADDED * N, 13);
        for (size_t r = 0; r < ROWS; r++) memset(a + r * PADDED + kept[i], 0, (PADDED - kept[i]) * sizeof *a);
        memset(b + kept[i] * N, 0, (PADDED - kept[i]) * N * sizeof *b);
        for (size_t k = kept[i] + 1; k <= PADDED; k += 11) {
            multiply(plain, N, matrix(a, PADDED), matrix(b, N), ROWS, N, kept[i], NULL);
            multiply(padded, N, matrix(a, PADDED), matrix(b, N), ROWS, N, k, NULL);
            EXPECT(same_bits(plain, padded, ROWS * N));
        }
        free(a), free(b);
    }
    free(plain), free(padded);
}
static void test_appended_zeros(void) { for_each_set(check_appended_zeros); }

/* NMT_ISA is read once: a name that is set later changes nothing, and is refused only when this CPU does not have it.
 */
static void test_names_of_sets(void) {
    const char *const *names, *const before = cpu_instruction_set(), *const given = getenv("NMT_ISA");
    char *kept = given ? memory_string(given) : NULL;
    const size_t sets = cpu_instruction_sets(&names);
    for (size_t s = 0; s <= sets; s++) {
        Error err = {""};
        setenv("NMT_ISA", s < sets ? names[s] : "sse9", 1);
        EXPECT(cpu_check(&err) == (s < sets));
        EXPECT_STR(cpu_instruction_set(), before);
        if (s == sets) EXPECT_HAS(err.text, "found \"sse9\"");
    }
    if (kept)
        setenv("NMT_ISA", kept, 1);
    else
        unsetenv("NMT_ISA");
    free(kept);
}

int main(void) {
    Error err;
    single = pool_create(1, &err);
    pool = pool_create(2, &err);
    if (!single || !pool) return 1;
    pool_reserve(single, matmul_scratch(), matmul_shared());
    pool_reserve(pool, matmul_scratch(), matmul_shared());
    scratch = aligned_alloc(64, (matmul_scratch() + 63) / 64 * 64);
    RUN(test_reference);
    RUN(test_small);
    RUN(test_ragged);
    RUN(test_borders);
    RUN(test_empty);
    RUN(test_split);
    RUN(test_end_of_memory);
    RUN(test_views);
    RUN(test_padded);
    RUN(test_any_number_of_threads);
    RUN(test_weights_that_stay);
    RUN(test_epilogue);
    RUN(test_any_neighbours);
    RUN(test_appended_zeros);
    RUN(test_names_of_sets); /* cpu_check changes the floating-point mode */
    free(scratch);
    pool_free(pool);
    pool_free(single);
    return test_finish();
}
