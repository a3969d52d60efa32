/* The vector functions against plain formulas in double, with every instruction set of this CPU, at every length that
 * leaves a different rest, from addresses aligned to nothing. */
#include "math/vector.h"

#include <float.h>
#include <stdlib.h>

#include "edge.h"
#include "math/cpu.h"
#include "nn/kernels.h"
#include "optim/adam_rows.h"
#include "optim/kernels.h"
#include "plain.h"
#include "sets.h"
#include "testlib.h"

enum { MOST = 400, MARGIN = 80, ROOM = MOST + 2 * MARGIN };

static const size_t lengths[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10,  11,  12,  13,  14,  15,  16,  17,  18, 19, 20,
                                 21, 22, 23, 24, 25, 26, 27, 28, 29, 30,  31,  32,  33,  34,  35,  36,  37,  38, 39, 40,
                                 41, 42, 43, 44, 45, 46, 47, 48, 49, 50,  51,  52,  53,  54,  55,  56,  57,  58, 59, 60,
                                 61, 62, 63, 64, 65, 66, 67, 96, 97, 127, 128, 129, 255, 256, 257, 333, 399, 400};

static void for_each_length(void (*test)(size_t n)) {
    for (size_t i = 0; i < COUNT(lengths); i++) test(lengths[i]);
}

/* An array with guards around: data() is where its n elements begin. */
typedef struct Guarded {
    real room[ROOM];
    size_t n;
} Guarded;

static const real GUARD = (real)-9876.5;

static real *data(Guarded *g) { return g->room + MARGIN + g->n % 5; }

/* n normal random numbers times spread. */
static real *fill(Guarded *g, size_t n, double spread, uint32_t site) {
    g->n = n;
    for (size_t i = 0; i < ROOM; i++) g->room[i] = GUARD;
    for (size_t i = 0; i < n; i++) data(g)[i] = (real)(spread * rng_normal((RngSite){17, 0, site}, i));
    return data(g);
}

static bool untouched_around(Guarded *g) {
    const real *from = data(g), *to = from + g->n;
    for (const real *x = g->room; x < g->room + ROOM; x++)
        if ((x < from || x >= to) && *x != GUARD) return false;
    return true;
}

/* Expects found (n) to be within tolerance[i] of expected, and nothing to be written around. */
static void expect_close(const char *what, Guarded *found, const double *expected, const double *tolerance) {
    EXPECT(untouched_around(found));
    for (size_t i = 0; i < found->n; i++)
        if (!(fabs((double)data(found)[i] - expected[i]) <= tolerance[i])) {
            TEST_FAIL("%s, %s, n %zu, element %zu: expected %.9g, found %.9g", cpu_instruction_set(), what, found->n, i,
                      expected[i], (double)data(found)[i]);
            return;
        }
}

static Guarded X, Y, W, Z, OUT;
static double expected[MOST], tolerance[MOST];
static const double EPS = FLT_EPSILON;

/* ---- reductions -------------------------------------------------------------------------------------------------- */

static void check_reductions(size_t n) {
    const real *x = fill(&X, n, 1, 1), *y = fill(&Y, n, 1, 2);
    double dot = 0, dot_size = 0, sum = 0, sum_size = 0, squares = 0, max = x[0];
    for (size_t i = 0; i < n; i++) {
        dot += (double)x[i] * (double)y[i], dot_size += fabs((double)x[i] * (double)y[i]);
        sum += (double)x[i], sum_size += fabs((double)x[i]);
        squares += (double)x[i] * (double)x[i];
        if ((double)x[i] > max) max = (double)x[i];
    }
    const double depth = 2 + (double)n / 16; /* additions that an element goes through */
    EXPECT_NEAR(vector_dot(x, y, n), dot, EPS * depth * dot_size);
    EXPECT_NEAR(vector_sum(x, n), sum, EPS * depth * sum_size);
    EXPECT_NEAR(vector_square_sum(x, n), squares, 1e-14 * squares);
    EXPECT((double)vector_max(x, n) == max);
    real total;
    EXPECT((double)vector_max_and_sum(&total, x, n) == max);
    EXPECT(total == vector_sum(x, n));
    for (size_t i = 0; i < n; i++) { /* the maximum is found wherever it is, and with -inf around it */
        fill(&X, n, 1, 1);
        data(&X)[i] = 100;
        EXPECT(vector_max(data(&X), n) == 100 && vector_max_and_sum(&total, data(&X), n) == 100);
        for (size_t j = 0; j < n; j++) data(&X)[j] = j == i ? -100 : -(real)INFINITY;
        EXPECT(vector_max(data(&X), n) == -100 && vector_max_and_sum(&total, data(&X), n) == -100);
        data(&X)[i] = (real)NAN; /* and so is one NaN */
        data(&X)[n / 2] = i == n / 2 ? data(&X)[i] : (real)INFINITY;
        EXPECT(isnan(vector_max(data(&X), n)) && isnan(vector_max_and_sum(&total, data(&X), n)));
    }
    static const real sizes[] = {FLT_MAX, (real)INFINITY};
    for (size_t s = 0; s < COUNT(sizes); s++) { /* of numbers whose sum is none, too */
        for (size_t i = 0; i < n; i++) data(&X)[i] = i % 2 ? -sizes[s] : sizes[s];
        EXPECT(vector_max(data(&X), n) == sizes[s] && vector_max_and_sum(&total, data(&X), n) == sizes[s]);
    }
}
static void check_all_reductions(void) { for_each_length(check_reductions); }
static void test_reductions(void) { for_each_set(check_all_reductions); }

/* In double whatever real is: in float, a sum beyond 2^24 would not take 1. */
static void check_square_sum(void) {
    real *x = fill(&X, 300, 1, 1);
    for (size_t i = 0; i < 300; i++) x[i] = i == 0 ? 16384 : 1;
    EXPECT(vector_square_sum(x, 300) == 268435456.0 + 299);
}
static void test_square_sum_in_double(void) { for_each_set(check_square_sum); }

/* Appended zeros change no bit: a hidden or padded position might as well not be there. */
static void check_appended_zeros(void) {
    size_t changed = 0;
    for (size_t n = 1; n <= 67; n++) {
        real *x = fill(&X, n + 70, 1, 1), *y = fill(&Y, n + 70, 1, 2);
        for (size_t i = n; i < n + 70; i++) x[i] = y[i] = 0;
        const real dot = vector_dot(x, y, n), sum = vector_sum(x, n);
        const double squares = vector_square_sum(x, n);
        for (size_t more = n + 1; more <= n + 70; more++) {
            changed += vector_dot(x, y, more) != dot;
            changed += vector_sum(x, more) != sum;
            changed += vector_square_sum(x, more) != squares;
        }
    }
    EXPECT_INT(changed, 0);
}
static void test_appended_zeros(void) { for_each_set(check_appended_zeros); }

/* ---- element by element ------------------------------------------------------------------------------------------ */

static void check_simple(size_t n) {
    const real *x = fill(&X, n, 1, 1), *y = fill(&Y, n, 1, 2);
    for (size_t i = 0; i < n; i++) tolerance[i] = 0;

    vector_clear(fill(&OUT, n, 1, 3), n);
    for (size_t i = 0; i < n; i++) expected[i] = 0;
    expect_close("clear", &OUT, expected, tolerance);

    vector_copy(fill(&OUT, n, 1, 3), x, n);
    for (size_t i = 0; i < n; i++) expected[i] = (double)x[i];
    expect_close("copy", &OUT, expected, tolerance);

    nn_kernels()->relu(fill(&OUT, n, 1, 3), x, n);
    for (size_t i = 0; i < n; i++) expected[i] = x[i] > 0 ? (double)x[i] : 0;
    expect_close("relu", &OUT, expected, tolerance);

    for (size_t i = 0; i < n; i++) tolerance[i] = EPS * (1 + fabs((double)x[i]) + fabs((double)y[i]));
    vector_copy(fill(&OUT, n, 1, 3), x, n);
    vector_scale(data(&OUT), (real)0.3, n);
    for (size_t i = 0; i < n; i++) expected[i] = (double)x[i] * 0.3;
    expect_close("scale", &OUT, expected, tolerance);

    vector_copy(fill(&OUT, n, 1, 3), x, n);
    vector_add(data(&OUT), y, n);
    for (size_t i = 0; i < n; i++) expected[i] = (double)x[i] + (double)y[i];
    expect_close("add", &OUT, expected, tolerance);

    vector_copy(fill(&OUT, n, 1, 3), x, n);
    vector_axpy(data(&OUT), (real)-0.7, y, n);
    for (size_t i = 0; i < n; i++) expected[i] = (double)x[i] - 0.7 * (double)y[i];
    expect_close("axpy", &OUT, expected, tolerance);

    const real *in = fill(&Z, n, 1, 4);
    nn_kernels()->relu_backward(fill(&OUT, n, 1, 3), y, in, n);
    for (size_t i = 0; i < n; i++) expected[i] = in[i] > 0 ? (double)y[i] : 0;
    expect_close("relu backward", &OUT, expected, tolerance);
}
static void check_all_simple(void) { for_each_length(check_simple); }
static void test_simple(void) { for_each_set(check_all_simple); }

static void check_normalise(size_t n) {
    const real *x = fill(&X, n, 2, 1), *w = fill(&W, n, 1, 2), *b = fill(&Z, n, 1, 3), *dout = fill(&Y, n, 1, 4);
    const real mean = (real)0.4, rstd = (real)0.6;
    nn_kernels()->layernorm_row_again(fill(&OUT, n, 1, 5), x, mean, rstd, w, b, n);
    for (size_t i = 0; i < n; i++) {
        expected[i] = ((double)x[i] - (double)mean) * (double)rstd * (double)w[i] + (double)b[i];
        tolerance[i] = EPS * 8 * (1 + fabs(expected[i]));
    }
    expect_close("normalise", &OUT, expected, tolerance);

    real *din = fill(&OUT, n, 1, 5);
    double mean_g = 0, mean_gy = 0;
    for (size_t i = 0; i < n; i++) {
        const double g = (double)dout[i] * (double)w[i];
        mean_g += g / (double)n, mean_gy += g * ((double)x[i] - (double)mean) * (double)rstd / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        const double y = ((double)x[i] - (double)mean) * (double)rstd;
        expected[i] = (double)din[i] + (double)rstd * ((double)dout[i] * (double)w[i] - mean_g - y * mean_gy);
        tolerance[i] = EPS * 64 * (1 + fabs(y));
    }
    real dw[MOST], db[MOST];
    for (size_t i = 0; i < n; i++) dw[i] = 7, db[i] = -5; /* added to */
    nn_kernels()->layernorm_row_backward(din, dw, db, dout, x, mean, rstd, w, n);
    expect_close("normalise backward", &OUT, expected, tolerance);
    size_t wrong = 0;
    for (size_t i = 0; i < n; i++) {
        const double y = ((double)x[i] - (double)mean) * (double)rstd, g = (double)dout[i];
        wrong += !(fabs((double)dw[i] - 7 - g * y) <= EPS * 16 * (1 + fabs(y)));
        wrong += !(fabs((double)db[i] + 5 - g) <= EPS * 16);
    }
    if (wrong) TEST_FAIL("%s, n %zu: %zu elements of dw and db wrong", cpu_instruction_set(), n, wrong);
}
static void check_all_normalise(void) { for_each_length(check_normalise); }
static void test_normalise(void) { for_each_set(check_all_normalise); }

/* ---- exp and softmax --------------------------------------------------------------------------------------------- */

/* Distance in units in the last place of the exact value. */
static double ulps(real found, double exact) {
    int exponent;
    frexp(exact, &exponent);
    return fabs((double)found - exact) / ldexp(1, exponent - FLT_MANT_DIG);
}

static real exp_of(real x) {
    real out;
    const real sum = vector_exp_sum(&out, &x, 0, 1);
    EXPECT(sum == out || (isnan(sum) && isnan(out)));
    return out;
}

static void check_exp(void) {
    double worst = 0;
    for (int i = 0; i <= 400000; i++) {
        const real x = (real)(-87.3 + 175.6 * i / 400000);
        const double error = ulps(exp_of(x), exp((double)x));
        if (!(error <= worst)) worst = error;
    }
    EXPECT_NEAR(worst, 0, 2);
    EXPECT(exp_of(0) == 1 && exp_of(-(real)0.0) == 1);
    EXPECT(exp_of((real)-87.4) == 0 && exp_of(-1000) == 0 && exp_of(-FLT_MAX) == 0 && exp_of(-(real)INFINITY) == 0);
    for (real x = -88; isfinite(x); x *= (real)1.01) EXPECT(exp_of(x) == 0); /* integers do not overflow on the way */
    EXPECT(ulps(exp_of(88), exp(88)) <= 2);
    /* It stops short of overflow. */
    EXPECT(exp_of(89) == exp_of((real)88.3) && exp_of(FLT_MAX) == exp_of(89) && exp_of((real)INFINITY) == exp_of(89));
    EXPECT(isfinite(exp_of(89)));
    EXPECT(isnan(exp_of((real)NAN)));
}
static void test_exp(void) { for_each_set(check_exp); }

static void check_exp_sum(size_t n) {
    const real *x = fill(&X, n, 3, 1);
    real *out = fill(&OUT, n, 1, 2);
    const real shift = (real)1.25, total = vector_exp_sum(out, x, shift, n);
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += expected[i] = exp((double)(x[i] - shift));
        tolerance[i] = 2 * EPS * expected[i];
    }
    expect_close("exp_sum", &OUT, expected, tolerance);
    EXPECT_NEAR(total, sum, EPS * (4 + (double)n / 4) * sum);
    vector_copy(out, x, n); /* in place: the same bits */
    Guarded again = OUT;
    EXPECT(vector_exp_sum(data(&again), data(&again), shift, n) == total);
    EXPECT(vector_exp_sum(NULL, x, shift, n) == total);
    vector_exp_sum(out, x, shift, n);
    EXPECT(memcmp(&again, &OUT, sizeof OUT) == 0);
}

static void check_softmax(size_t n) {
    static const double centres[] = {0, 90, -1e6, 1e6};
    for (size_t c = 0; c < COUNT(centres); c++) {
        real *x = fill(&X, n, 3, 1), *out = fill(&OUT, n, 1, 2);
        for (size_t i = 0; i < n; i++) x[i] += (real)centres[c];
        if (n > 3) x[n / 2] = -(real)INFINITY, x[n - 1] = -FLT_MAX;
        const double log_sum = (double)vector_softmax(out, x, n);
        double sum = 0, max = (double)vector_max(x, n);
        for (size_t i = 0; i < n; i++) sum += exp((double)x[i] - max);
        for (size_t i = 0; i < n; i++) {
            expected[i] = exp((double)x[i] - max) / sum;
            tolerance[i] = EPS * (8 + (double)n / 8) * expected[i];
        }
        expect_close("softmax", &OUT, expected, tolerance);
        EXPECT_NEAR(log_sum, max + log(sum), EPS * (fabs(max) + 8));
        Guarded again = X; /* in place: the same bits */
        vector_softmax(data(&again), data(&again), n);
        EXPECT(memcmp(data(&again), out, n * sizeof *out) == 0);
        if (n > 3) EXPECT(out[n / 2] == 0 && out[n - 1] == 0);
    }
}

static void check_softmax_extremes(void) {
    real x[5] = {FLT_MAX, FLT_MAX, -FLT_MAX, 0, 1e30f}, out[5];
    vector_softmax(out, x, 5);
    EXPECT(out[0] == 0.5f && out[1] == 0.5f && out[2] == 0 && out[3] == 0 && out[4] == 0);
    x[0] = x[1] = -FLT_MAX, x[3] = x[4] = -FLT_MAX;
    EXPECT(vector_softmax(out, x, 5) == -FLT_MAX);
    EXPECT_NEAR(out[3], 0.2, EPS);
    x[2] = -123;
    EXPECT(vector_softmax(out, x + 2, 1) == -123 && out[0] == 1);
    for (size_t at = 0; at < 5; at++) { /* a NaN anywhere is seen everywhere */
        real y[5] = {1, 2, 3, 4, 5};
        y[at] = (real)NAN;
        vector_softmax(out, y, 5);
        for (size_t i = 0; i < 5; i++) EXPECT(isnan(out[i]));
    }
}

/* Rows in a block have the bits of each alone; again, from log_sum, they are the same to the rounding. */
static void check_softmax_rows(size_t n) {
    enum { ROWS = 3, STRIDE = 2 };
    real x[ROWS * 400], again[ROWS * 400], log_sum[ROWS * STRIDE];
    for (size_t r = 0; r < ROWS; r++) memcpy(x + r * n, fill(&X, n, 3, r), n * sizeof *x);
    memcpy(again, x, ROWS * n * sizeof *x);
    vector_softmax_rows(x, log_sum, STRIDE, ROWS, n);
    vector_softmax_again(again, log_sum, STRIDE, ROWS, n);
    for (size_t r = 0; r < ROWS; r++) {
        EXPECT(vector_softmax(fill(&OUT, n, 1, 4), fill(&X, n, 3, r), n) == log_sum[r * STRIDE]);
        EXPECT(memcmp(x + r * n, data(&OUT), n * sizeof *x) == 0);
        for (size_t i = 0; i < n; i++) {
            const double p = (double)x[r * n + i];
            EXPECT_NEAR(again[r * n + i], p, EPS * (16 + (double)n / 8) * p);
        }
    }
}

static void check_softmax_backward(size_t n) {
    real p[800], dp[800], ds[800];
    for (size_t r = 0; r < 2; r++) {
        memcpy(p + r * n, fill(&X, n, 1, 1 + r), n * sizeof *p);
        memcpy(dp + r * n, fill(&Y, n, 1, 3 + r), n * sizeof *dp);
    }
    vector_softmax_backward(ds, p, dp, (real)0.7, 2, n);
    for (size_t i = 0; i < 2 * n; i++) {
        const double mean = (double)vector_dot(p + i / n * n, dp + i / n * n, n);
        const double exact = (double)p[i] * ((double)dp[i] - mean) * 0.7;
        EXPECT_NEAR(ds[i], exact, 4 * EPS * (1 + fabs(exact)) * (1 + fabs((double)p[i])));
    }
    vector_softmax_backward(fill(&OUT, n, 1, 3), p, dp, (real)0.7, 1, n);
    EXPECT(untouched_around(&OUT));
    vector_softmax_backward(dp, p, dp, (real)0.7, 2, n); /* ds may be dp */
    EXPECT(memcmp(dp, ds, 2 * n * sizeof *ds) == 0);
}

static void check_all_softmax(void) {
    for_each_length(check_exp_sum);
    for_each_length(check_softmax);
    for_each_length(check_softmax_rows);
    for_each_length(check_softmax_backward);
    check_softmax_extremes();
}
static void test_softmax(void) { for_each_set(check_all_softmax); }

/* ---- GELU -------------------------------------------------------------------------------------------------------- */

static double phi(double x) { return 0.5 * erfc(-x / sqrt(2)); }

static double gelu_slope(double x) { return phi(x) + x * exp(-0.5 * x * x) / sqrt(2 * 3.14159265358979323846); }

/* Relative error: a few units in the last place, and growing with x^2 in the tail of negative numbers, where it comes
 * from rounding the exponent x^2 / 2. */
static double gelu_tolerance(double x) { return EPS * (4 + (x < 0 ? 1.5 * x * x : 0)); }

static void check_gelu_range(void) {
    double worst = 0, worst_slope = 0;
    for (int i = -120000; i <= 120000; i++) {
        const real x = (real)i / 10000, one = 1;
        real y, slope = 0;
        nn_kernels()->gelu(&y, &x, 1);
        nn_kernels()->gelu_backward(&slope, &one, &x, 1);
        const double exact = (double)x * phi((double)x);
        const double error = i ? fabs((double)y - exact) / fabs(exact) / gelu_tolerance((double)x) : fabs((double)y);
        if (!(error <= worst)) worst = error;
        const double slope_error = fabs((double)slope - gelu_slope((double)x));
        if (!(slope_error <= worst_slope)) worst_slope = slope_error;
    }
    EXPECT_NEAR(worst, 0, 1);
    EXPECT_NEAR(worst_slope, 0, 4e-7);

    const real far[] = {-FLT_MAX, -1000, -20, 20, 1000, 1e18f, FLT_MAX, (real)NAN}, ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    real y[8], slope[8] = {0};
    nn_kernels()->gelu(y, far, 8);
    nn_kernels()->gelu_backward(slope, ones, far, 8);
    for (size_t i = 0; i < 3; i++) EXPECT(y[i] == 0 && slope[i] == 0);
    for (size_t i = 3; i < 7; i++) EXPECT(y[i] == far[i] && slope[i] == 1);
    EXPECT(isnan(y[7]) && isnan(slope[7]));
}

static void check_gelu(size_t n) {
    const real *x = fill(&X, n, 2, 1), *dout = fill(&Y, n, 1, 2);
    nn_kernels()->gelu(fill(&OUT, n, 1, 3), x, n);
    for (size_t i = 0; i < n; i++) {
        expected[i] = (double)x[i] * phi((double)x[i]);
        tolerance[i] = gelu_tolerance((double)x[i]) * fabs(expected[i]);
    }
    expect_close("gelu", &OUT, expected, tolerance);

    for (size_t i = 0; i < n; i++) {
        expected[i] = (double)dout[i] * gelu_slope((double)x[i]);
        tolerance[i] = 1e-6 * (1 + fabs((double)dout[i]));
    }
    nn_kernels()->gelu_backward(fill(&OUT, n, 1, 3), dout, x, n);
    expect_close("gelu backward", &OUT, expected, tolerance);
}

static void check_all_gelu(void) {
    check_gelu_range();
    for_each_length(check_gelu);
}
static void test_gelu(void) { for_each_set(check_all_gelu); }

/* ---- dropout ----------------------------------------------------------------------------------------------------- */

static const RngSite site = {0x9000000000000063, 12, 34};
enum { KEEP = 45875 }; /* of 65536: 0.7 */

/* Elements first .. first + n - 1 are kept as the plain formula says, with and without something to add, and in place.
 */
static void check_mask(uint64_t first, size_t n) {
    const real *x = fill(&X, n, 1, 1), *y = fill(&Y, n, 1, 2), scale = (real)1.4285714;
    for (size_t i = 0; i < n; i++) {
        expected[i] = dropout_keeps(KEEP, site, first + i) ? (double)x[i] * (double)scale : 0;
        tolerance[i] = EPS * fabs(expected[i]); /* a dropped element is 0 exactly */
    }
    nn_kernels()->dropout(fill(&OUT, n, 1, 3), x, NULL, KEEP, scale, site, first, n);
    expect_close("dropout", &OUT, expected, tolerance);
    OUT = X;
    nn_kernels()->dropout(data(&OUT), data(&OUT), NULL, KEEP, scale, site, first, n);
    expect_close("dropout in place", &OUT, expected, tolerance);

    for (size_t i = 0; i < n; i++) {
        expected[i] += (double)y[i];
        tolerance[i] += EPS * fabs(expected[i]);
    }
    nn_kernels()->dropout(fill(&OUT, n, 1, 3), x, y, KEEP, scale, site, first, n);
    expect_close("dropout and add", &OUT, expected, tolerance);
    OUT = Y;
    nn_kernels()->dropout(data(&OUT), x, data(&OUT), KEEP, scale, site, first, n);
    expect_close("dropout added in place", &OUT, expected, tolerance);
}

static void check_dropout(void) {
    static const uint64_t firsts[] = {0,   1,   15,    16,         17,          100,         127,
                                      128, 129, 16384, 0xfffffffd, 0x50000004d, 0x7ffffff9c, 0x90000000001};
    for (size_t f = 0; f < COUNT(firsts); f++)
        for (size_t i = f % 3; i < COUNT(lengths); i += 3) check_mask(firsts[f], lengths[i]);
}
static void test_dropout(void) { for_each_set(check_dropout); }

/* Cut anywhere, a range is masked as it is in one piece; and by every instruction set alike. */
static void test_dropout_splits(void) {
    enum { COUNT = 300 };
    const char *const *names, *const before = cpu_instruction_set();
    const size_t sets = cpu_instruction_sets(&names);
    real ones[COUNT], whole[COUNT], pieces[COUNT];
    for (size_t i = 0; i < COUNT; i++) ones[i] = 1;
    nn_kernels()->dropout(whole, ones, NULL, KEEP, 2, site, 55, COUNT);
    for (size_t s = 0; s < sets; s++) {
        EXPECT(cpu_use(names[s]));
        for (size_t cut = 0; cut <= COUNT; cut++) {
            nn_kernels()->dropout(pieces, ones, NULL, KEEP, 2, site, 55, cut);
            nn_kernels()->dropout(pieces + cut, ones + cut, NULL, KEEP, 2, site, 55 + cut, COUNT - cut);
            EXPECT(memcmp(whole, pieces, sizeof whole) == 0);
        }
    }
    EXPECT(cpu_use(before));
}

/* Rows in a block are masked as each is alone, whether or not they share random blocks. */
static void check_dropout_spans(void) {
    enum { ROWS = 9 };
    static const struct {
        uint64_t first, apart;
        size_t n;
    } cases[] = {{0, 32, 16}, {0, 32, 32}, {5, 32, 64}, {(uint64_t)7 << 32, 64, 48}, {77, 128, 100}, {0, 320, 300}};
    real in[ROWS * MOST], out[ROWS * MOST], row[MOST];
    for (size_t i = 0; i < ROWS * MOST; i++) in[i] = 1 + (real)i;
    for (size_t c = 0; c < COUNT(cases); c++) {
        const size_t n = cases[c].n;
        nn_kernels()->dropout_spans(out, in, KEEP, 2, site, cases[c].first, cases[c].apart, ROWS, n);
        for (size_t r = 0; r < ROWS; r++) {
            nn_kernels()->dropout(row, in + r * n, NULL, KEEP, 2, site, cases[c].first + r * cases[c].apart, n);
            EXPECT(memcmp(row, out + r * n, n * sizeof *row) == 0);
        }
        nn_kernels()->dropout_spans(in, in, KEEP, 2, site, cases[c].first, cases[c].apart, ROWS, n); /* in place */
        EXPECT(memcmp(in, out, ROWS * n * sizeof *in) == 0);
        for (size_t i = 0; i < ROWS * MOST; i++) in[i] = 1 + (real)i;
    }
}
static void test_dropout_spans(void) { for_each_set(check_dropout_spans); }

static size_t kept_of(uint32_t keep, RngSite where, size_t n) {
    real in[1000], out[1000];
    size_t kept = 0;
    for (size_t i = 0; i < 1000; i++) in[i] = 1;
    for (size_t i = 0; i < n; i += 1000) {
        nn_kernels()->dropout(out, in, NULL, keep, 1, where, i, 1000);
        for (size_t j = 0; j < 1000; j++) kept += out[j] != 0;
    }
    return kept;
}

static void check_rates(void) {
    enum { COUNT = 200000 };
    EXPECT_INT(kept_of(65536, site, COUNT), COUNT);
    EXPECT_INT(kept_of(0, site, COUNT), 0);
    static const double rates[] = {0.1, 0.5, 0.7, 0.99};
    for (size_t i = 0; i < COUNT(rates); i++) /* within four standard deviations */
        EXPECT_NEAR(kept_of((uint32_t)(rates[i] * 65536), site, COUNT), rates[i] * COUNT,
                    4 * sqrt(COUNT * rates[i] * (1 - rates[i])));
}
static void test_dropout_rates(void) { for_each_set(check_rates); }

/* Masks of different seeds, steps and sites, and of a range moved by one, agree no more often than by chance. */
static void test_dropout_masks_differ(void) {
    enum { COUNT = 20000 };
    static const RngSite others[] = {{0x9000000000000064, 12, 34},
                                     {0x9000000000000063, 13, 34},
                                     {0x9000000000000063, 12, 35},
                                     {0x9000000100000063, 12, 34}};
    for (size_t o = 0; o < 5; o++) {
        size_t alike = 0;
        for (uint64_t i = 0; i < COUNT; i++)
            alike += dropout_keeps(32768, site, i) ==
                     (o < 4 ? dropout_keeps(32768, others[o], i) : dropout_keeps(32768, site, i + 1));
        EXPECT_NEAR(alike, COUNT / 2, 4 * sqrt(COUNT) / 2);
    }
}

/* ---- Adam -------------------------------------------------------------------------------------------------------- */

static void check_adam(size_t n) {
    real *w = fill(&W, n, 1, 1), *m = fill(&X, n, 0, 2), *v = fill(&Y, n, 0, 3);
    double w_plain[MOST], m_plain[MOST] = {0}, v_plain[MOST] = {0};
    for (size_t i = 0; i < n; i++) w_plain[i] = (double)w[i];
    for (int t = 1; t <= 4; t++) {
        const real *gradient = fill(&Z, n, 0.01, 10 + (uint32_t)t);
        const AdamStep s = {.rate = 0.01f,
                            .beta1 = 0.9f,
                            .beta2 = 0.98f,
                            .epsilon = 1e-8f,
                            .decay = 1e-3f,
                            .correct1 = (real)(1 / (1 - pow(0.9, t))),
                            .correct2 = (real)(1 / (1 - pow(0.98, t))),
                            .scale = 0.5f};
        optim_kernels()->adam(w, m, v, gradient, &s, n);
        for (size_t i = 0; i < n; i++) {
            const double g = (double)gradient[i] * 0.5;
            m_plain[i] = (double)s.beta1 * m_plain[i] + (1 - (double)s.beta1) * g;
            v_plain[i] = (double)s.beta2 * v_plain[i] + (1 - (double)s.beta2) * g * g;
            w_plain[i] -= (double)s.rate * (m_plain[i] * (double)s.correct1) /
                              (sqrt(v_plain[i] * (double)s.correct2) + (double)s.epsilon) +
                          (double)s.decay * w_plain[i];
        }
    }
    for (size_t i = 0; i < n; i++) tolerance[i] = EPS * 8 * (1 + fabs(w_plain[i]));
    expect_close("adam: w", &W, w_plain, tolerance);
    for (size_t i = 0; i < n; i++) tolerance[i] = EPS * 8 * 0.01;
    expect_close("adam: m", &X, m_plain, tolerance);
    for (size_t i = 0; i < n; i++) tolerance[i] = EPS * 8 * v_plain[i];
    expect_close("adam: v", &Y, v_plain, tolerance);
    EXPECT(untouched_around(&Z));
}
static void check_all_adam(void) { for_each_length(check_adam); }
static void test_adam(void) { for_each_set(check_all_adam); }

/* ---- the end of memory ------------------------------------------------------------------------------------------- */

/* n random numbers that end where memory ends: array number 0 to 4. */
static Edge edges[5];
static real *last(size_t array, size_t n) {
    return edge_put(edges[array], fill(&X, n, 1, (uint32_t)array), n * sizeof(real));
}

/* No loop reads or writes beyond the last element, whatever its length. */
static void check_end(size_t n) {
    const NnKernels *nn = nn_kernels();
    real *x = last(0, n), *y = last(1, n), *z = last(2, n), *w = last(3, n), *out = last(4, n), one, two;
    real rows[3 * MOST], keys[16 * MOST] = {0};
    uint16_t *half = edge_put(edges[3], rows, n * sizeof *half);
    vector_round_to_halves(half, x, n);
    vector_halves_to_reals(out, half, n);
    w = last(3, n);
    EXPECT(vector_dot(x, y, n) == vector_dot(y, x, n) && vector_square_sum(x, n) >= 0);
    EXPECT(vector_max_and_sum(&one, x, n) == vector_max(x, n) && one == vector_sum(x, n));
    vector_scale(out, (real)0.5, n), vector_add(out, x, n), vector_plus(out, x, y, n);
    vector_axpy(out, (real)0.5, x, n), vector_affine(out, 2, 3, n);
    EXPECT(vector_exp_sum(out, x, 0, n) == vector_exp_sum(NULL, x, 0, n));
    vector_softmax(out, x, n), vector_softmax_rows(out, &one, 1, 1, n), vector_softmax_again(out, &one, 1, 1, n);
    vector_softmax_backward(out, x, y, (real)0.5, 1, n);
    nn->layernorm_row(out, &one, &two, x, y, z, n), nn->layernorm_row_again(out, x, one, two, y, z, n);
    nn->layernorm_row_backward(out, y, z, x, w, one, two, w, n);
    nn->relu(out, x, n), nn->relu_backward(out, x, y, n), nn->gelu(out, x, n), nn->gelu_backward(out, x, y, n);
    nn->dropout(out, x, y, KEEP, 2, site, 77, n), nn->dropout_spans(out, x, KEEP, 2, site, 77, 64, 1, n);
    nn->loss_pair(out, last(3, n), x, y, 1, 2, 3, 4, n);
    nn->attention_score(rows, x, edge_put(edges[4], keys, 16 * n * sizeof *keys), 16 * n, 1, 1 + n % 16, n);
    nn->attention_weigh(last(4, n), rows, edge_put(edges[1], keys, 3 * n * sizeof *keys), n, 3, n);
    x = last(0, n), y = last(1, n), z = last(2, n), w = last(3, n);
    const AdamStep step = {.rate = 1, .epsilon = 1, .correct1 = 1, .correct2 = 1, .scale = 1};
    optim_kernels()->adam(w, x, edge_put(edges[1], keys, n * sizeof *keys), z, &step, n);
}
static void check_ends(void) { for_each_length(check_end); }
static void test_end_of_memory(void) {
    for (size_t i = 0; i < COUNT(edges); i++) edges[i] = edge_new(16 * MOST * sizeof(real));
    for_each_set(check_ends);
    for (size_t i = 0; i < COUNT(edges); i++) edge_free(edges[i]);
}

int main(void) {
    RUN(test_end_of_memory);
    RUN(test_reductions);
    RUN(test_square_sum_in_double);
    RUN(test_appended_zeros);
    RUN(test_simple);
    RUN(test_normalise);
    RUN(test_exp);
    RUN(test_softmax);
    RUN(test_gelu);
    RUN(test_dropout);
    RUN(test_dropout_splits);
    RUN(test_dropout_spans);
    RUN(test_dropout_rates);
    RUN(test_dropout_masks_differ);
    RUN(test_adam);
    return test_finish();
}
