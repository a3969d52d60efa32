/* The products in bfloat16 of CPUs that have instructions for them, on any CPU: the two files are compiled here once
 * more, with those instructions in plain C, and compared with the plain loops. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "math/matmul.h"
#include "plain.h"
#include "testlib.h"

/* ---- the instructions ---- */

static float upper_half(uint32_t cell) {
    cell &= 0xffff0000;
    float x;
    memcpy(&x, &cell, sizeof x);
    return x;
}
static float pair_product(uint32_t x, uint32_t y) {
    return upper_half(x << 16) * upper_half(y << 16) + upper_half(x) * upper_half(y);
}

#define PAIR_ADD(sum, x, y) add_pairs(sum, x, y)
#define VECTOR              64
#include "math/lanes.h"
static inline vreal add_pairs(vreal sum, vword x, vword y) {
    for (int l = 0; l < LANES; l++) sum[l] += pair_product(x[l], y[l]);
    return sum;
}
#undef VECTOR
#define pairs_avx512_bf16 tested_avx512_bf16
#include "../src/math/product_avx512_bf16.c"
#undef VECTOR
#undef TILE_VECTORS

static uint32_t tile_registers[8][16][16];
static bool configured;

static void tile_configure(const void *config) {
    const uint8_t *bytes = config;
    bool good = bytes[0] == 1;
    for (int i = 1; i < 16; i++) good = good && bytes[i] == 0;
    for (int t = 0; t < 16; t++) good = good && bytes[16 + 2 * t] == (t < 8 ? 64 : 0) && bytes[17 + 2 * t] == 0;
    for (int t = 0; t < 16; t++) good = good && bytes[48 + t] == (t < 8 ? 16 : 0);
    EXPECT(good && !configured);
    configured = true;
}
static void tile_release(void) {
    EXPECT(configured);
    configured = false;
}
static void tile_zero(int t) {
    EXPECT(configured);
    memset(tile_registers[t], 0, sizeof tile_registers[t]);
}
static void tile_load(int t, const void *x, size_t stride) {
    for (size_t i = 0; i < 16; i++) memcpy(tile_registers[t][i], (const char *)x + i * stride, 64);
}
static void tile_store(int t, void *x, size_t stride) {
    for (size_t i = 0; i < 16; i++) memcpy((char *)x + i * stride, tile_registers[t][i], 64);
}
static void tile_dot(int sum, int a, int b) {
    for (int i = 0; i < 16; i++)
        for (int q = 0; q < 16; q++)
            for (int j = 0; j < 16; j++) {
                float to;
                memcpy(&to, &tile_registers[sum][i][j], sizeof to);
                to += pair_product(tile_registers[a][i][q], tile_registers[b][q][j]);
                memcpy(&tile_registers[sum][i][j], &to, sizeof to);
            }
}
#define TILE_CONFIGURE(config)   tile_configure(config)
#define TILE_RELEASE()           tile_release()
#define TILE_ZERO(t)             tile_zero(t)
#define TILE_LOAD(t, x, stride)  tile_load(t, x, stride)
#define TILE_DOT(sum, a, b)      tile_dot(sum, a, b)
#define TILE_STORE(t, x, stride) tile_store(t, x, stride)
#define pairs_amx                tested_amx
#include "../src/math/product_amx.c"

/* ---- the product ---- */

/* Numbers that bfloat16 has, so that nothing is rounded: eighths from -8 to 8. */
static real *noise(size_t count, uint32_t site) {
    real *x = memory_new(count + 1, sizeof *x);
    for (size_t i = 0; i < count; i++) x[i] = (real)(floor(128 * rng_uniform((RngSite){5, 0, site}, i)) / 8 - 8);
    return x;
}

/* Rows as products read them, in a block without room to spare, so that valgrind and AddressSanitizer see a tile that
 * reads more. */
static Stored store_all(const real *x, size_t rows, size_t width) {
    const Precision precision = PRECISION_BFLOAT16;
    Stored s = {memory_new(stored_bytes(precision, rows, width), 1), stored_stride(precision, width), width, precision};
    for (size_t r = 0; r < rows; r++) stored_write(s, r, 0, x + r * width, width);
    return s;
}

/* c (m, n) = [c or bias +] a b, of cells. */
static void multiply(const PairKernels *kernel, bool add, real *c, size_t ldc, const Cell *a, size_t a_row,
                     const Cell *b, size_t m, size_t n, size_t k, const real *bias) {
    const size_t cells = pairs_cells(k);
    if (kernel->begin) kernel->begin();
    for (size_t i = 0; i < m; i += kernel->mr)
        for (size_t j = 0; j < n; j += kernel->nr)
            kernel->tile(c + i * ldc + j, ldc, a + i * a_row, a_row, b + j * cells, cells, size_min(kernel->mr, m - i),
                         size_min(kernel->nr, n - j), add, bias ? bias + j : NULL);
    if (kernel->end) kernel->end();
}

/* Sums of such products are exact, so the result has to be the reference's, and nothing else may be written. The left
 * factor is read where it is, or is a transpose; the right one is packed from weights, either way, or from rows. */
static void check(const PairKernels *kernel, size_t m, size_t n, size_t k, int way) {
    enum { SLACK = 3 };
    const bool a_transposed = way & 1, b_transposed = way & 2, add = way / 4 == 1, b_stored = !b_transposed && way & 1;
    const size_t ldc = n + SLACK, cells = pairs_cells(k);
    real *a = noise(m * k, 1), *b = noise(k * n, 2);
    real *found = noise(m * ldc, 3), *expected = noise(m * ldc, 3), *bias = noise(n, 4);
    const Matrix A = a_transposed ? transposed(a, m) : matrix(a, k);
    const Matrix X = b_transposed ? transposed(b, k) : matrix(b, n);
    const real *given = way / 4 == 2 ? bias : NULL;
    const Stored left = a_transposed ? store_all(a, k, m) : store_all(a, m, k), right = store_all(b, k, n);
    Cell *packed = memory_new(size_round_up(n, kernel->nr) * cells, sizeof *packed);
    Cell *turned = memory_new(m * cells, sizeof *turned);
    if (b_stored)
        kernel->pack_rows(packed, right.data, right.stride, k, n);
    else
        kernel->pack(packed, X.data, X.row, X.col, k, n);
    if (a_transposed) kernel->turn(turned, cells, left.data, left.stride, k, m);
    multiply(kernel, add, found, ldc, a_transposed ? turned : left.data, a_transposed ? cells : left.stride / 2, packed,
             m, n, k, given);
    matmul_reference(add ? MATMUL_ADD : MATMUL_WRITE, expected, ldc, A, X, m, n, k, given);
    if (memcmp(found, expected, m * ldc * sizeof *found) != 0)
        TEST_FAIL("tile of %zu x %zu: m %zu, n %zu, k %zu, way %d: other than the reference", kernel->mr, kernel->nr, m,
                  n, k, way);
    free(a), free(b), free(found), free(expected), free(bias);
    free(left.data), free(right.data), free(packed), free(turned);
}

static void check_sizes(const PairKernels *kernel) {
    for (size_t i = 0; i < 67; i++)
        for (int way = 0; way < 12; way++) check(kernel, 1 + i, 1 + i * 31 % 67, 1 + i * 47 % 67, way);
    for (size_t i = 0; i < 67; i++) {
        check(kernel, 1 + i * 23 % 67, 1 + i, 1 + i * 59 % 67, (int)i % 12);
        check(kernel, 1 + i * 59 % 67, 1 + i * 23 % 67, 1 + i, (int)(i + 5) % 12);
    }
    for (int way = 0; way < 12; way++) check(kernel, 96, 64, MATMUL_KC, way);
}

static void test_avx512_bf16(void) { check_sizes(tested_avx512_bf16); }
static void test_amx(void) {
    check_sizes(tested_amx);
    EXPECT(!configured);
}

/* x times 1, both rounded: as a stored row and as a weight. */
static real times_one(const PairKernels *kernel, real x, bool weight) {
    real one = 1, found = 0;
    const Stored row = store_all(weight ? &one : &x, 1, 1);
    Cell packed[STORED_RUN / 2 * PAIRS_NR_MAX];
    kernel->pack(packed, weight ? &x : &one, 1, 1, 1, 1);
    multiply(kernel, false, &found, 1, row.data, row.stride / 2, packed, 1, 1, 1, NULL);
    free(row.data);
    return found;
}

/* What is rounded, is rounded to the nearest, and to even between two; what follows a number in its cell, or is in
 * another cell, does not matter. */
static void check_rounding(const PairKernels *kernel) {
    static const struct {
        uint32_t from, to;
    } cases[] = {
        {0x3f800000, 0x3f800000}, {0x3f807fff, 0x3f800000}, {0x3f808000, 0x3f800000}, {0x3f808001, 0x3f810000},
        {0x3f818000, 0x3f820000}, {0x3fffffff, 0x40000000}, {0xbf808001, 0xbf810000}, {0x7f7fffff, 0x7f800000},
        {0xff7f8000, 0xff800000}, {0x7f800000, 0x7f800000}, {0x80000000, 0x00000000},
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int side = 0; side < 2; side++) {
            real x, expected;
            memcpy(&x, &cases[i].from, sizeof x);
            memcpy(&expected, &cases[i].to, sizeof expected);
            const real found = times_one(kernel, x, side);
            if (!(found == expected))
                TEST_FAIL("rounding %.9g: expected %.9g, found %.9g", (double)x, (double)expected, (double)found);
        }
    static const uint32_t nans[] = {0x7f800001, 0x7fffffff, 0xff8fffff, 0xffffffff};
    for (size_t i = 0; i < COUNT(nans); i++) {
        real x;
        memcpy(&x, &nans[i], sizeof x);
        EXPECT(isnan(times_one(kernel, x, false)));
        EXPECT(isnan(times_one(kernel, x, true)));
    }
}
static void test_rounding(void) {
    check_rounding(tested_avx512_bf16);
    check_rounding(tested_amx);
}

int main(void) {
    RUN(test_avx512_bf16);
    RUN(test_amx);
    RUN(test_rounding);
    return test_finish();
}
