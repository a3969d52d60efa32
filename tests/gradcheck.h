/* Gradient checks: what a backward pass says beside what the forward pass does, in double.
 *
 * The derivative of the loss L in one element x is measured by the central difference of four points,
 *
 *     (8 (L(x + h) - L(x - h)) - (L(x + 2h) - L(x - 2h))) / 12h,     h = 1e-3, error of order h^4
 *
 * and compared, sign and all, with the element of the gradient. The relative error of an element is
 * |measured - gradient| / max(|measured| + |gradient|, floor): the floor, a thousandth of the tensor's largest measured
 * derivative, keeps rounding from being all there is of elements next to 0. It may be 1e-6 at most.
 *
 * Kinks of the ReLU: such a loss is smooth in pieces, and `piece` says in which (a hash of the signs before the
 * activation). Where one of the four points lies in another piece than x, h is made smaller until none does; an element
 * for which that takes an h below 1e-5 is skipped and counted. */
#pragma once

#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/rng.h"
#include "math/real.h"
#include "testlib.h"

_Static_assert(sizeof(real) == sizeof(double), "gradient checks are built with real = double: make gradcheck");

static const double GRADCHECK_LIMIT = 1e-6;

typedef struct Gradcheck {
    const char *where; /* layer or configuration; begins the printed names */
    double (*loss)(void *context);
    uint64_t (*piece)(void *context); /* of the last call of loss; NULL: smooth everywhere */
    void *context;
    double scale; /* the largest gradient of a model: floors are at least 1e-4 of it. Some gradients are 0 by theory:
                     the bias of keys adds the same to all scores of a query, which the softmax does not see. */
    double step;  /* h; 0: 1e-3 */
} Gradcheck;

static bool gradcheck_verbose;
static double gradcheck_worst;
static char gradcheck_worst_name[160];
static size_t gradcheck_checked, gradcheck_skipped;

static double gradcheck_measure(const Gradcheck *g, real *x, bool *crossed) {
    const real middle = *x;
    double loss[4] = {0};
    uint64_t home = 0;
    if (g->piece) g->loss(g->context), home = g->piece(g->context);
    for (double h = g->step > 0 ? g->step : 1e-3; h >= 1e-5; h /= 3) {
        static const int steps[4] = {1, -1, 2, -2};
        *crossed = false;
        for (int i = 0; i < 4 && !*crossed; i++) {
            *x = middle + steps[i] * h;
            loss[i] = g->loss(g->context);
            *crossed = g->piece && g->piece(g->context) != home;
        }
        *x = middle;
        if (!*crossed) return (8 * (loss[0] - loss[1]) - (loss[2] - loss[3])) / (12 * h);
    }
    return 0;
}

/* Checks gradient (count) of the tensor x (count) at the elements `at` (checks), or at all when `at` is NULL. */
static void gradcheck_elements(const Gradcheck *g, const char *name, real *x, const real *gradient, size_t count,
                               const size_t *at, size_t checks) {
    double largest = 0, worst = 0, *measured = memory_new(count, sizeof *measured);
    bool *crossed = memory_new(count, sizeof *crossed);
    size_t skipped = 0, worst_at = 0;
    if (!at) checks = count;
    for (size_t i = 0; i < checks; i++) {
        const size_t e = at ? at[i] : i;
        measured[e] = gradcheck_measure(g, &x[e], &crossed[e]);
        skipped += crossed[e];
        if (fabs(measured[e]) > largest) largest = fabs(measured[e]);
    }
    const double floor = fmax(1e-3 * largest, 1e-4 * g->scale);
    for (size_t i = 0; i < checks; i++) {
        const size_t e = at ? at[i] : i;
        if (crossed[e] || measured[e] == gradient[e]) continue;
        double error = fabs(measured[e] - gradient[e]) / fmax(fabs(measured[e]) + fabs(gradient[e]), floor);
        if (!(error <= worst)) worst = isnan(error) ? INFINITY : error, worst_at = e;
    }
    if (gradcheck_verbose)
        printf("%-34s %-46s %5zu of %6zu elements  worst %.1e\n", g->where, name, checks - skipped, count, worst);
    if (!(worst <= GRADCHECK_LIMIT))
        TEST_FAIL("%s: %s[%zu]: relative error %.1e: measured %.12g, gradient %.12g", g->where, name, worst_at, worst,
                  measured[worst_at], (double)gradient[worst_at]);
    if (skipped > 1 + checks / 20) TEST_FAIL("%s: %s: %zu of %zu at a kink", g->where, name, skipped, checks);
    if (worst > gradcheck_worst) {
        gradcheck_worst = worst;
        snprintf(gradcheck_worst_name, sizeof gradcheck_worst_name, "%s %s", g->where, name);
    }
    gradcheck_checked += checks - skipped;
    gradcheck_skipped += skipped;
    free(crossed);
    free(measured);
}

/* Checks all of a tensor of up to `checks` elements; of a larger one the element with the largest gradient, the last,
 * and a random sample, the same at each run. */
static void gradcheck_tensor(const Gradcheck *g, const char *name, real *x, const real *gradient, size_t count,
                             size_t checks) {
    if (count <= checks) {
        gradcheck_elements(g, name, x, gradient, count, NULL, count);
        return;
    }
    size_t *at = memory_new(checks, sizeof *at), top = 0;
    for (size_t i = 1; i < count; i++)
        if (fabs(gradient[i]) > fabs(gradient[top])) top = i;
    for (size_t i = 0; i < checks; i++) at[i] = (size_t)(rng_uniform((RngSite){count, 0, 0}, i) * (double)count);
    at[0] = top, at[1] = count - 1;
    gradcheck_elements(g, name, x, gradient, count, at, checks);
    free(at);
}

/* count normal random numbers. */
static void gradcheck_fill(real *x, size_t count, double spread, uint64_t seed) {
    for (size_t i = 0; i < count; i++) x[i] = spread * rng_normal((RngSite){seed, 0, 0}, i);
}

/* After test_finish: the closing line of -v. */
static int gradcheck_finish(void) {
    int code = test_finish();
    if (gradcheck_verbose)
        printf("worst relative error %.1e (%s); %zu elements checked, %zu skipped at kinks\n", gradcheck_worst,
               gradcheck_worst_name, gradcheck_checked, gradcheck_skipped);
    return code;
}
