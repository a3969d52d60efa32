#include "optim/average.h"

#include <math.h>

#include "math/vector.h"
#include "nn/rows.h"

typedef struct Average {
    real *average;
    const real *w;
    real rest; /* 1 - d */
} Average;

static void update_span(void *context, size_t first, size_t last) {
    const Average *a = context;
    vector_scale(a->average + first, 1 - a->rest, last - first);
    vector_axpy(a->average + first, a->rest, a->w + first, last - first);
}

void average_update(Pool *pool, real *average, const real *w, size_t count, uint64_t t, double decay) {
    const double d = fmin(decay, (1 + (double)t) / (10 + (double)t));
    Average a = {average, w, (real)(1 - d)};
    rows_run(pool, "average", count, 2, update_span, &a);
}
