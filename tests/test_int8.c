/* Products with weights in 8-bit integers: the same integers in every instruction set, by the formulas of math/int8.h;
 * and the promises about bits. */
#include <float.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/rng.h"
#include "base/scope.h"
#include "edge.h"
#include "math/cpu.h"
#include "math/int8.h"
#include "math/matmul.h"
#include "sets.h"
#include "testlib.h"

static Pool *pool; /* of two threads */

/* Uniform in [-size, size). */
static real *noise(size_t count, uint32_t site, double size) {
    real *x = memory_new(count ? count : 1, sizeof *x);
    for (size_t i = 0; i < count; i++) x[i] = (real)(size * (2 * rng_uniform((RngSite){12, 0, site}, i) - 1));
    return x;
}

/* A product of rows of x (m, k) with the weights w (n, k), as a layer asks for it. */
static void multiply(Pool *threads, PackedWeights *packed, MatmulMode mode, real *c, size_t ldc, const real *x,
                     const real *w, size_t m, size_t n, size_t k, const real *bias, Epilogue epilogue) {
    const Compute compute = {.pool = threads, .packed = packed};
    matmul_and(compute, mode, c, ldc, matrix(x, k), transposed(w, k), m, n, k, bias, epilogue);
}

/* ---- the formulas ------------------------------------------------------------------------------------------------ */

static real largest_of(const real *x, size_t k) {
    real largest = 0;
    for (size_t p = 0; p < k; p++) largest = fabsf((float)x[p]) > largest ? fabsf((float)x[p]) : largest;
    return largest;
}

/* The integers of a row or column; returns the scale. */
static real integers_of(int *q, const real *x, size_t k, int most) {
    const real largest = largest_of(x, k), factor = largest > 1e-30f ? (real)most / largest : 0;
    for (size_t p = 0; p < k; p++) q[p] = (int)lrintf((float)(x[p] * factor));
    return largest > 1e-30f ? largest / (real)most : 0;
}

/* Each element is what the formulas say: the exact sum, and two or three roundings behind it. One integer that is off
 * by one is a far greater difference. */
static void check_formula(size_t m, size_t n, size_t k, bool add, bool with_bias) {
    enum { GAP = 3 };
    real *x = noise(m * k, 1, 3), *w = noise(n * k, 2, 0.1), *bias = noise(n, 3, 1), *c = noise(m * (n + GAP), 4, 1);
    real *before = noise(m * (n + GAP), 4, 1);
    for (size_t p = 0; p < k; p++) x[p] = 0; /* a row of zeros */
    if (n > 1)
        for (size_t p = 0; p < k; p++) w[k + p] *= (real)1e-35; /* a column of next to nothing */
    int *rows = memory_new(m * k, sizeof *rows), *columns = memory_new(n * k, sizeof *columns);
    real *row_scale = memory_new(m, sizeof *row_scale), *column_scale = memory_new(n, sizeof *column_scale);
    for (size_t i = 0; i < m; i++) row_scale[i] = integers_of(rows + i * k, x + i * k, k, INT8_LEFT);
    for (size_t j = 0; j < n; j++) column_scale[j] = integers_of(columns + j * k, w + j * k, k, INT8_RIGHT);
    PackedWeights *packed = packed_weights_create(w, n * k, true);
    multiply(pool, packed, add ? MATMUL_ADD : MATMUL_WRITE, c, n + GAP, x, w, m, n, k, with_bias ? bias : NULL,
             (Epilogue){0});
    size_t wrong = 0;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n + GAP; j++) {
            const double was = (double)before[i * (n + GAP) + j], found = (double)c[i * (n + GAP) + j];
            if (j >= n) {
                wrong += found != was;
                continue;
            }
            long long sum = 0;
            for (size_t p = 0; p < k; p++) sum += rows[i * k + p] * columns[j * k + p];
            const double product = (double)sum * (double)row_scale[i] * (double)column_scale[j];
            const double begin = (add ? was : 0) + (with_bias ? (double)bias[j] : 0);
            wrong += !(fabs(found - begin - product) <= 2 * FLT_EPSILON * (fabs(product) + fabs(begin)));
        }
    if (wrong)
        TEST_FAIL("%s, m %zu, n %zu, k %zu%s%s: %zu elements wrong", cpu_instruction_set(), m, n, k, add ? ", add" : "",
                  with_bias ? ", with bias" : "", wrong);
    packed_weights_free(packed);
    free(x), free(w), free(bias), free(c), free(before), free(rows), free(columns), free(row_scale), free(column_scale);
}

static void check_formulas(void) {
    for (size_t i = 1; i <= 40; i++) check_formula(i, 1 + i * 31 % 67, 1 + i * 47 % 67, i % 3 == 0, i % 3 == 1);
    check_formula(7, 300, 513, false, true);
    check_formula(450, 33, 130, true, false); /* several blocks of rows */
    check_formula(3, 40, 70000, false, false);
}
static void test_formula(void) { for_each_set(check_formulas); }

/* Halves go to the even integer, in every set, and the largest number of a row to 127. */
static void check_ties(void) {
    enum { K = 40 };
    real x[K] = {127}, c[K], identity[K * K] = {0};
    for (size_t p = 1; p < K; p++) x[p] = (real)p - 20 + (real)0.5;
    for (size_t p = 0; p < K; p++) identity[p * K + p] = INT8_RIGHT;
    PackedWeights *packed = packed_weights_create(identity, K * K, true);
    multiply(pool, packed, MATMUL_WRITE, c, K, x, identity, 1, K, K, NULL, (Epilogue){0});
    for (size_t p = 0; p < K; p++) EXPECT(c[p] == INT8_RIGHT * (real)rint((double)x[p]));
    packed_weights_free(packed);
}
static void test_ties(void) { for_each_set(check_ties); }

/* What is not finite is never lost, and never spreads to other rows or columns. */
static void check_not_finite(void) {
    enum { M = 9, N = 37, K = 50 };
    const real wrong[] = {(real)NAN, (real)INFINITY, -(real)INFINITY};
    for (size_t v = 0; v < COUNT(wrong); v++) {
        real *x = noise(M * K, 5, 1), *w = noise(N * K, 6, 1), c[M * N];
        x[4 * K + 33] = wrong[v];
        w[36 * K + 49] = wrong[v];
        PackedWeights *packed = packed_weights_create(w, N * K, true);
        multiply(pool, packed, MATMUL_WRITE, c, N, x, w, M, N, K, NULL, (Epilogue){0});
        for (size_t i = 0; i < M; i++)
            for (size_t j = 0; j < N; j++) EXPECT(isnan(c[i * N + j]) == (i == 4 || j == 36));
        packed_weights_free(packed);
        free(x), free(w);
    }
}
static void test_not_finite(void) { for_each_set(check_not_finite); }

/* Factors, biases and products that end where memory ends: nothing is read or written beyond them. */
static void check_ends(void) {
    enum { MOST = 70 };
    real *numbers = noise(MOST * MOST, 15, 1), usual[7 * MOST];
    Edge edge[4];
    for (size_t e = 0; e < COUNT(edge); e++) edge[e] = edge_new(MOST * MOST * sizeof(real));
    for (size_t i = 1; i <= MOST; i++) {
        const size_t m = 1 + i % 7, n = i, k = 1 + i * 47 % MOST;
        const real *x = edge_put(edge[0], numbers, m * k * sizeof *x),
                   *w = edge_put(edge[1], numbers, n * k * sizeof *w);
        const real *bias = edge_put(edge[2], numbers, n * sizeof *bias);
        real *c = edge_put(edge[3], numbers, m * n * sizeof *c);
        PackedWeights *packed = packed_weights_create(w, n * k, true);
        multiply(pool, packed, MATMUL_WRITE, c, n, x, w, m, n, k, bias, (Epilogue){0});
        multiply(pool, packed, MATMUL_WRITE, usual, n, numbers, w, m, n, k, numbers, (Epilogue){0});
        EXPECT(memcmp(c, usual, m * n * sizeof *c) == 0);
        packed_weights_free(packed);
    }
    for (size_t e = 0; e < COUNT(edge); e++) edge_free(edge[e]);
    free(numbers);
}
static void test_end_of_memory(void) { for_each_set(check_ends); }

/* ---- bits -------------------------------------------------------------------------------------------------------- */

static bool same_bits(const real *x, const real *y, size_t count) { return memcmp(x, y, count * sizeof *x) == 0; }

/* The same for any number of threads, and for a row alone or among others. */
static void check_bits(void) {
    enum { M = 203, N = 541, K = 90 }; /* incomplete tiles at both ends */
    static const size_t threads[] = {1, 2, 3, 8}, rows[] = {1, 2, 5, 6, 7, 191, M};
    real *x = noise(M * K, 7, 1), *w = noise(N * K, 8, 1), *bias = noise(N, 9, 1);
    real *before = noise(M * N, 10, 1), *all[3], *c = memory_new(M * N, sizeof *c);
    PackedWeights *packed = packed_weights_create(w, N * K, true);
    for (size_t way = 0; way < COUNT(all); way++) { /* written with a bias, added, or written */
        all[way] = memory_new(M * N, sizeof *c);
        memcpy(all[way], before, M * N * sizeof *c);
        multiply(pool, packed, way == 1 ? MATMUL_ADD : MATMUL_WRITE, all[way], N, x, w, M, N, K, way == 0 ? bias : NULL,
                 (Epilogue){0});
    }
    for (size_t t = 0; t < COUNT(threads); t++) {
        Error err;
        Pool *some = pool_create(threads[t], &err);
        pool_reserve(some, matmul_scratch(), matmul_shared());
        PackedWeights *own = packed_weights_create(w, N * K, true);
        for (size_t r = 0; r < COUNT(all) * COUNT(rows); r++) {
            const size_t way = r % COUNT(all), count = rows[r / COUNT(all)], first = M - count;
            memcpy(c, before + first * N, count * N * sizeof *c);
            multiply(some, own, way == 1 ? MATMUL_ADD : MATMUL_WRITE, c, N, x + first * K, w, count, N, K,
                     way == 0 ? bias : NULL, (Epilogue){0});
            EXPECT(same_bits(c, all[way] + first * N, count * N));
        }
        packed_weights_free(own);
        pool_free(some);
    }
    packed_weights_free(packed);
    for (size_t way = 0; way < COUNT(all); way++) free(all[way]);
    free(x), free(w), free(bias), free(before), free(c);
}
static void test_bits(void) { for_each_set(check_bits); }

/* Other weights in the same place, after packed_weights_forget; and factors that are not the weights', or not as a
 * layer has them, stay floats. */
static void check_other_factors(void) {
    enum { M = 5, N = 48, K = 60 };
    real *x = noise(M * K, 10, 1), *w = noise(N * K, 11, 1), *other = noise(N * K, 12, 1);
    real c[M * K], usual[M * K];
    PackedWeights *packed = packed_weights_create(w, N * K, true);
    const Compute compute = {.pool = pool, .packed = packed};
    multiply(pool, packed, MATMUL_WRITE, c, N, x, w, M, N, K, NULL, (Epilogue){0});
    multiply(pool, NULL, MATMUL_WRITE, usual, N, x, w, M, N, K, NULL, (Epilogue){0});
    EXPECT(!same_bits(c, usual, M * N));
    multiply(pool, packed, MATMUL_WRITE, c, N, x, other, M, N, K, NULL, (Epilogue){0});
    multiply(pool, NULL, MATMUL_WRITE, usual, N, x, other, M, N, K, NULL, (Epilogue){0});
    EXPECT(same_bits(c, usual, M * N));
    matmul(compute, MATMUL_WRITE, c, K, matrix(x, N), matrix(w, K), M, K, N, NULL);
    matmul((Compute){.pool = pool}, MATMUL_WRITE, usual, K, matrix(x, N), matrix(w, K), M, K, N, NULL);
    EXPECT(same_bits(c, usual, M * K));
    multiply(pool, packed, MATMUL_WRITE, usual, N, x, w, M, N, K, NULL, (Epilogue){0});
    for (size_t i = 0; i < N * K; i++) w[i] = -w[i];
    packed_weights_forget(packed, w, N * K);
    multiply(pool, packed, MATMUL_WRITE, c, N, x, w, M, N, K, NULL, (Epilogue){0});
    for (size_t i = 0; i < M * N; i++) EXPECT(c[i] == -usual[i]);
    packed_weights_free(packed);
    free(x), free(w), free(other);
}
static void test_other_factors(void) { for_each_set(check_other_factors); }

/* An epilogue sees each element once, when it is done, in whole rows where it wants them. */
typedef struct Seen {
    real *x; /* (M, columns) */
    size_t columns, fewest;
} Seen;

static void count_blocks(void *context, Block block) {
    const Seen *seen = context;
    EXPECT(block.cols >= seen->fewest);
    for (size_t i = 0; i < block.rows; i++)
        for (size_t j = 0; j < block.cols; j++) {
            real *x = block.x + i * block.stride + j;
            seen->x[(block.row + i) * seen->columns + block.col + j] += *x;
            *x = 1;
        }
}

static void check_epilogue(void) {
    enum { M = 410, N = 300, K = 30 };
    real *x = noise(M * K, 13, 1), *w = noise(N * K, 14, 1), *c = memory_new(M * N, sizeof *c);
    real *plain = memory_new(M * N, sizeof *plain);
    PackedWeights *packed = packed_weights_create(w, N * K, true);
    multiply(pool, packed, MATMUL_WRITE, plain, N, x, w, M, N, K, NULL, (Epilogue){0});
    static const size_t rows[] = {1, 60, M};
    for (size_t r = 0; r < COUNT(rows); r++)
        for (int whole = 0; whole < 2; whole++) {
            Seen seen = {memory_new(M * N, sizeof *seen.x), N, whole ? N : 1};
            multiply(pool, packed, MATMUL_WRITE, c, N, x, w, rows[r], N, K, NULL,
                     (Epilogue){"test", count_blocks, &seen, whole});
            EXPECT(same_bits(seen.x, plain, rows[r] * N));
            for (size_t i = 0; i < rows[r] * N; i++) EXPECT(c[i] == 1);
            free(seen.x);
        }
    packed_weights_free(packed);
    free(x), free(w), free(c), free(plain);
}
static void test_epilogue(void) { for_each_set(check_epilogue); }

/* A bias belongs to a product that is written: with one that is added, floats and integers would do different things.
 */
static bool add_with_bias(void *int8, Error *err) {
    enum { N = 3 };
    real x[N] = {1, 2, 3}, w[N * N] = {1}, bias[N] = {4, 5, 6}, c[N] = {0};
    PackedWeights *packed = packed_weights_create(w, COUNT(w), *(bool *)int8);
    multiply(pool, packed, MATMUL_ADD, c, N, x, w, 1, N, N, bias, (Epilogue){0});
    packed_weights_free(packed);
    (void)err;
    return true;
}
static void test_bias_of_a_sum(void) {
    Error err = {""};
    Scope *scope = scope_create();
    for (int int8 = 0; int8 < 2; int8++) {
        EXPECT_INT(scope_run(scope, add_with_bias, &(bool){int8}, &err), SCOPE_BUG);
        EXPECT_HAS(err.text, "bias");
    }
    scope_free(scope);
}

int main(void) {
    Error err;
    pool = pool_create(2, &err);
    if (!pool) return 1;
    pool_reserve(pool, matmul_scratch(), matmul_shared());
    RUN(test_formula);
    RUN(test_ties);
    RUN(test_not_finite);
    RUN(test_end_of_memory);
    RUN(test_bits);
    RUN(test_other_factors);
    RUN(test_epilogue);
    RUN(test_bias_of_a_sum);
    pool_free(pool);
    return test_finish();
}
