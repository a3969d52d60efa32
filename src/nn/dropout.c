/* Dropout. */
#include "nn/dropout.h"

#include <math.h>

#include "base/check.h"
#include "math/vector.h"
#include "nn/rows.h"

Dropout dropout_make(double rate, RngSite site) {
    CHECK(rate >= 0 && rate < 1, "a dropout rate is in [0, 1)");
    uint32_t keep = (uint32_t)lround((1 - rate) * 65536);
    if (keep == 0) keep = 1;
    return (Dropout){keep, (real)(65536.0 / keep), site};
}

Dropout dropout_none(void) {
    return (Dropout){65536, 1, {0, 0, 0}};
}

typedef struct Span {
    real *out;
    const real *add, *in;
    Dropout dropout;
} Span;

static void drop_span(void *context, size_t first, size_t last) {
    const Span *s = context;
    const size_t count = last - first;
    const real *add = s->add ? s->add + first : NULL;
    if (!dropout_is_none(s->dropout)) {
        vector_dropout(s->out + first, s->in + first, add, s->dropout.keep, s->dropout.scale, s->dropout.site, first,
                       count);
    } else if (!add) {
        if (s->out != s->in) vector_copy(s->out + first, s->in + first, count);
    } else {
        for (size_t i = first; i < last; i++) s->out[i] = s->add[i] + s->in[i];
    }
}

void dropout_forward(Pool *pool, real *out, const real *in, Dropout dropout, size_t count) {
    Span s = {out, NULL, in, dropout};
    rows_run(pool, count, 1, drop_span, &s);
}

void dropout_add_forward(Pool *pool, real *out, const real *residual, const real *in, Dropout dropout, size_t count) {
    Span s = {out, residual, in, dropout};
    rows_run(pool, count, 1, drop_span, &s);
}

void dropout_backward(Pool *pool, real *din, const real *dout, Dropout dropout, size_t count) {
    /* forward: out = in mask scale, so din += dout mask scale */
    Span s = {din, din, dout, dropout};
    rows_run(pool, count, 1, drop_span, &s);
}
