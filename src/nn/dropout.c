#include "nn/dropout.h"

#include <math.h>

#include "base/check.h"
#include "math/vector.h"
#include "nn/kernels.h"
#include "nn/rows.h"

Dropout dropout_make(double rate, RngSite site) {
    CHECK(rate >= 0 && rate < 1, "a dropout rate is in [0, 1)");
    uint32_t keep = (uint32_t)lround((1 - rate) * 65536);
    if (keep == 0) keep = 1;
    return (Dropout){keep, (real)(65536.0 / keep), site};
}

Dropout dropout_none(void) { return (Dropout){65536, 1, {0, 0, 0}}; }

/* out = [add +] dropout(in) */
static void drop(real *out, const real *add, const real *in, Dropout dropout, uint64_t first, size_t count) {
    if (!dropout_is_none(dropout))
        nn_kernels()->dropout(out, in, add, dropout.keep, dropout.scale, dropout.site, first, count);
    else if (add)
        vector_plus(out, add, in, count);
    else if (out != in)
        vector_copy(out, in, count);
}

void dropout_span(real *out, const real *in, Dropout dropout, uint64_t first, size_t count) {
    drop(out, NULL, in, dropout, first, count);
}

typedef struct Span {
    real *out;
    const real *add, *in;
    Dropout dropout;
} Span;

static void drop_rows(void *context, size_t first, size_t last) {
    const Span *s = context;
    drop(s->out + first, s->add ? s->add + first : NULL, s->in + first, s->dropout, first, last - first);
}

void dropout_add_forward(Pool *pool, real *out, const real *residual, const real *in, Dropout dropout, size_t count) {
    Span s = {out, residual, in, dropout};
    rows_run(pool, "dropout", count, 1, drop_rows, &s);
}

void dropout_forward(Pool *pool, real *out, const real *in, Dropout dropout, size_t count) {
    dropout_add_forward(pool, out, NULL, in, dropout, count);
}
