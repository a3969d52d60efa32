/* Products of stored factors in bfloat16, with every instruction set of this CPU: against the plain loops with the same
 * numbers rounded, on any number of threads, and what they leave where. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "base/scope.h"
#include "math/cpu.h"
#include "math/matmul_stored.h"
#include "math/vector.h"
#include "plain.h"
#include "sets.h"
#include "testlib.h"

static const Precision BF = PRECISION_BFLOAT16;

/* Uniform in [-1, 1). */
static real *noise(size_t count, uint32_t site) {
    real *x = memory_new(count, sizeof *x);
    for (size_t i = 0; i < count; i++) x[i] = (real)(2 * rng_uniform((RngSite){17, 0, site}, i) - 1);
    return x;
}

static Stored stored_new(size_t rows, size_t width) {
    return (Stored){memory_new(stored_bytes(BF, rows, width), 1), stored_stride(BF, width), width, BF};
}

/* x (rows, width), rounded, and x becomes what it was rounded to. */
static Stored store_all(real *x, size_t rows, size_t width) {
    const Stored s = stored_new(rows, width);
    memset(s.data, 0xff, stored_bytes(BF, rows, width)); /* NaN, where a row is not filled up */
    for (size_t r = 0; r < rows; r++) {
        stored_write(s, r, 0, x + r * width, width);
        stored_read(x + r * width, s, r, 0, width);
    }
    return s;
}

static void round_numbers(real *x, size_t count) {
    uint16_t *half = memory_new(count, sizeof *half);
    vector_round_to_halves(half, x, count);
    vector_halves_to_reals(x, half, count);
    free(half);
}

typedef struct Case {
    size_t m, n, k;
    bool transposed; /* b */
    bool out_stored, add, bias, whole_rows, epilogue;
} Case;

/* Twice the output, and the number of elements seen. */
typedef struct Seen {
    size_t width, m;
    _Atomic size_t elements;
    bool whole;
} Seen;

static void twice(void *context, Block b) {
    Seen *seen = context;
    seen->elements += b.rows * b.cols;
    EXPECT(b.row + b.rows <= seen->m && b.col + b.cols <= seen->width && (!seen->whole || b.cols == seen->width));
    for (size_t r = 0; r < b.rows; r++) vector_scale(b.x + r * b.stride, 2, b.cols);
}

/* Each of k additions errs by half a unit of a partial sum, which random products keep below about 2 + sqrt(k). */
static double tolerance(size_t k) { return FLT_EPSILON / 2 * (double)(k + 2) * (2 + sqrt((double)k)); }

static void check_product(Case c, real *first, size_t threads) {
    Error err;
    Pool *pool = pool_create(threads, &err);
    pool_reserve(pool, matmul_stored_scratch(c.n), 0);
    RoundedWeights *rounded = rounded_weights_create(rounded_bytes(c.k, c.n), &err);
    const Compute compute = {.pool = pool, .precision = BF, .rounded = rounded};
    real *a = noise(c.m * c.k, 1), *b = noise(c.k * c.n, 2), *bias = noise(c.n, 3), *expected = noise(c.m * c.n, 4);
    real *found = noise(c.m * c.n, 4);
    const Stored in = store_all(a, c.m, c.k), kept = stored_new(c.m, c.n);
    const Matrix weights = c.transposed ? transposed(b, c.k) : matrix(b, c.n);
    Seen seen = {.width = c.n, .m = c.m, .whole = c.whole_rows};
    const Epilogue epilogue = {"test", c.epilogue ? twice : NULL, &seen, c.whole_rows};
    const MatmulMode mode = c.add ? MATMUL_ADD : MATMUL_WRITE;
    matmul_stored(compute, mode, c.out_stored ? kept : stored_reals(found, c.n), in, weights, c.m, c.n, c.k,
                  c.bias ? bias : NULL, epilogue);
    if (c.out_stored)
        for (size_t r = 0; r < c.m; r++) {
            stored_read(found + r * c.n, kept, r, 0, c.n);
            const uint16_t *row = (const uint16_t *)kept.data + r * kept.stride;
            for (size_t j = c.n; j < kept.stride; j++) EXPECT(row[j] == 0);
        }
    round_numbers(b, c.k * c.n);
    matmul_reference(mode, expected, c.n, matrix(a, c.k), weights, c.m, c.n, c.k, c.bias ? bias : NULL);
    size_t wrong = 0;
    for (size_t i = 0; i < c.m * c.n; i++) {
        const double right = (double)expected[i] * (c.epilogue ? 2 : 1);
        const double rounding = c.out_stored ? fabs(right) / 256 : 0;
        wrong += !(fabs((double)found[i] - right) <= 2 * tolerance(c.k) + rounding);
    }
    if (wrong || (c.epilogue && seen.elements != c.m * c.n))
        TEST_FAIL("%s: m %zu, n %zu, k %zu, %zu threads: %zu elements wrong, %zu seen by the epilogue",
                  cpu_instruction_set(), c.m, c.n, c.k, threads, wrong, (size_t)seen.elements);
    if (threads == 1)
        memcpy(first, found, c.m * c.n * sizeof *found);
    else
        EXPECT(memcmp(first, found, c.m * c.n * sizeof *found) == 0);
    free(a), free(b), free(bias), free(expected), free(found), free(in.data), free(kept.data);
    rounded_weights_free(rounded);
    pool_free(pool);
}

static void check_products(void) {
    static const Case cases[] = {
        {1, 1, 1, true, false, false, false, false, false},      {5, 7, 33, true, true, false, true, false, true},
        {150, 130, 70, true, true, false, true, false, true},    {150, 130, 70, false, false, true, false, false, true},
        {97, 600, 20, true, true, false, true, false, true},     {70, 333, 40, true, true, false, false, true, true},
        {200, 48, 1100, false, false, false, true, false, true}, {33, 64, 512, false, false, true, false, false, false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        real *first = memory_new(cases[i].m * cases[i].n, sizeof *first);
        for (size_t threads = 1; threads <= 4; threads += threads) check_product(cases[i], first, threads);
        free(first);
    }
}
static void test_products(void) { for_each_set(check_products); }

/* dW += dout^T in and db += sum of dout, of more rows than are packed at a time. */
static void check_gradients(void) {
    static const size_t sizes[][3] = {{1, 1, 1}, {33, 7, 45}, {130, 300, 77}, {96, 70, 1300}};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const size_t O = sizes[i][0], I = sizes[i][1], N = sizes[i][2];
        real *dout = noise(N * O, 5), *in = noise(N * I, 6), *first = memory_new(O * I, sizeof *first);
        const Stored stored_dout = store_all(dout, N, O), stored_in = store_all(in, N, I);
        for (size_t threads = 1; threads <= 4; threads += threads) {
            Error err;
            Pool *pool = pool_create(threads, &err);
            pool_reserve(pool, matmul_stored_scratch(1), 0);
            real *found = noise(O * I, 7), *expected = noise(O * I, 7), *bias = noise(O, 8), *sum = noise(O, 8);
            matmul_stored_gradient((Compute){.pool = pool, .precision = BF}, found, bias, stored_dout, stored_in, O, I,
                                   N);
            matmul_reference(MATMUL_ADD, expected, I, transposed(dout, O), matrix(in, I), O, I, N, NULL);
            size_t wrong = 0;
            for (size_t e = 0; e < O * I; e++) wrong += !(fabs((double)found[e] - (double)expected[e]) <= tolerance(N));
            for (size_t n = 0; n < N; n++) vector_add(sum, dout + n * O, O);
            for (size_t o = 0; o < O; o++) wrong += !(fabs((double)bias[o] - (double)sum[o]) <= tolerance(N));
            if (wrong) TEST_FAIL("%s: O %zu, I %zu, N %zu: %zu wrong", cpu_instruction_set(), O, I, N, wrong);
            if (threads == 1)
                memcpy(first, found, O * I * sizeof *first);
            else
                EXPECT(memcmp(first, found, O * I * sizeof *first) == 0);
            free(found), free(expected), free(bias), free(sum);
            pool_free(pool);
        }
        free(dout), free(in), free(first), free(stored_dout.data), free(stored_in.data);
    }
}
static void test_gradients(void) { for_each_set(check_gradients); }

/* Weights are packed when they are first met, and again only when they have changed. */
static void count_packing(void *context, const char *part, double seconds) {
    (void)seconds;
    *(size_t *)context += strcmp(part, "weight packing") == 0;
}

static void test_packing_once(void) {
    enum { N = 3, D = 40 };
    Error err;
    Pool *pool = pool_create(1, &err);
    pool_reserve(pool, matmul_stored_scratch(D), 0);
    RoundedWeights *rounded = rounded_weights_create(2 * rounded_bytes(D, D), &err);
    const Compute compute = {.pool = pool, .precision = BF, .rounded = rounded};
    real *x = noise(N * D, 9), *w = noise(D * D, 10), before[N * D], after[N * D];
    const Stored in = store_all(x, N, D);
    size_t packed = 0;
    pool_watch(pool, count_packing, &packed);
    for (int i = 0; i < 2; i++)
        for (int way = 0; way < 2; way++)
            matmul_stored(compute, MATMUL_WRITE, stored_reals(before, D), in, way ? matrix(w, D) : transposed(w, D), N,
                          D, D, NULL, (Epilogue){0});
    EXPECT_INT(packed, 2);
    vector_scale(w, 2, D * D);
    rounded_weights_forget(rounded);
    matmul_stored(compute, MATMUL_WRITE, stored_reals(after, D), in, matrix(w, D), N, D, D, NULL, (Epilogue){0});
    EXPECT_INT(packed, 3);
    for (size_t i = 0; i < N * D; i++) EXPECT(after[i] == 2 * before[i]);
    free(x), free(w), free(in.data);
    rounded_weights_free(rounded);
    pool_free(pool);
}

/* A part of a row is written without touching the rest of it. */
static void test_part_of_a_row(void) {
    enum { WIDTH = 120, PART = 40 };
    real *x = noise(WIDTH, 11), *part = noise(PART, 12), found[WIDTH];
    const Stored row = store_all(x, 1, WIDTH);
    round_numbers(part, PART);
    for (size_t col = 0; col < WIDTH; col += PART) {
        stored_write(stored_columns(row, col), 0, 0, part, PART);
        memcpy(x + col, part, PART * sizeof *x);
        stored_read(found, row, 0, 0, WIDTH);
        EXPECT(memcmp(found, x, sizeof found) == 0);
    }
    free(x), free(part), free(row.data);
}

/* A bias belongs to a product that is written, in both precisions. */
static bool add_with_bias(void *precision, Error *err) {
    enum { D = 3 };
    real *x = noise(D, 13), *w = noise(D * D, 14), bias[D] = {0}, c[D] = {0};
    Compute compute = {.pool = pool_create(1, err), .precision = *(Precision *)precision};
    const Stored in = compute.precision == BF ? store_all(x, 1, D) : stored_reals(x, D);
    pool_reserve(compute.pool, size_max(matmul_scratch(), matmul_stored_scratch(D)), matmul_shared());
    compute.rounded = rounded_weights_create(rounded_bytes(D, D), err);
    matmul_stored(compute, MATMUL_ADD, stored_reals(c, D), in, matrix(w, D), 1, D, D, bias, (Epilogue){0});
    return true;
}
static void test_bias_of_a_sum(void) {
    for (Precision p = PRECISION_FLOAT32; p <= PRECISION_BFLOAT16; p++) {
        Error err = {""};
        Scope *scope = scope_create();
        EXPECT_INT(scope_run(scope, add_with_bias, &p, &err), SCOPE_BUG);
        EXPECT_HAS(err.text, "bias");
        scope_free(scope);
    }
}

/* train.precision = auto takes bfloat16 where the CPU computes with it, and does so faster than with floats. */
static void check_auto(void) {
    const char *const set = cpu_instruction_set();
    bool fast = strcmp(set, "amx") == 0;
#if defined(__x86_64__)
    fast = fast || (strcmp(set, "avx512_bf16") == 0 && __builtin_cpu_is("amd"));
#endif
    EXPECT_INT(matmul_fast_precision(), fast ? BF : PRECISION_FLOAT32);
}
static void test_auto(void) { for_each_set(check_auto); }

int main(void) {
    RUN(test_part_of_a_row);
    RUN(test_products);
    RUN(test_gradients);
    RUN(test_packing_once);
    RUN(test_bias_of_a_sum);
    RUN(test_auto);
    return test_finish();
}
