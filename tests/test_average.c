/* The moving average of weights against its formula, on any number of threads. */
#include "optim/average.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/rng.h"
#include "testlib.h"

enum { COUNT = 70001, STEPS = 30 };

static void test_formula(void) {
    static const size_t threads[] = {1, 2, 3};
    real *first = memory_new(COUNT, sizeof *first), *w = memory_new(COUNT, sizeof *w);
    double *expected = memory_new(COUNT, sizeof *expected);
    for (size_t k = 0; k < 3; k++) {
        Error err;
        Pool *pool = pool_create(threads[k], &err);
        real *average = memory_new(COUNT, sizeof *average);
        memset(expected, 0, COUNT * sizeof *expected);
        for (uint64_t t = 1; t <= STEPS; t++) {
            const double d = t < 21 ? (1 + (double)t) / (10 + (double)t) : 0.7; /* 22 / 31 is above 0.7 */
            for (size_t i = 0; i < COUNT; i++) {
                w[i] = (real)rng_normal((RngSite){3, (uint32_t)t, 0}, i);
                expected[i] += (1 - d) * (w[i] - expected[i]);
            }
            average_update(pool, average, w, COUNT, t, 0.7);
        }
        size_t wrong = 0;
        for (size_t i = 0; i < COUNT; i++) wrong += !(fabs(average[i] - expected[i]) <= 1e-5);
        EXPECT_INT(wrong, 0);
        if (k == 0) memcpy(first, average, COUNT * sizeof *first);
        EXPECT(memcmp(first, average, COUNT * sizeof *first) == 0);
        free(average);
        pool_free(pool);
    }
    free(first), free(w), free(expected);
}

int main(void) {
    RUN(test_formula);
    return test_finish();
}
