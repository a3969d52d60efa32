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

void dropout_spans(real *out, const real *in, Dropout d, uint64_t first, uint64_t apart, size_t rows, size_t count) {
    if (!dropout_is_none(d))
        nn_kernels()->dropout_spans(out, in, d.keep, d.scale, d.site, first, apart, rows, count);
    else if (out != in)
        vector_copy(out, in, rows * count);
}

void dropout_block(Block b, size_t width, Dropout dropout, const real *residual) {
    const bool together = b.cols == width && b.stride == width; /* its rows follow one another */
    const size_t spans = together ? 1 : b.rows, count = together ? b.rows * width : b.cols;
    for (size_t r = 0; r < spans; r++) {
        const size_t first = (b.row + r) * width + b.col;
        real *x = b.x + r * b.stride;
        drop(x, residual ? residual + first : NULL, x, dropout, first, count);
    }
}

typedef struct Drop {
    real *out;
    const real *in;
    Dropout dropout;
    size_t width;
} Drop;

static void drop_rows(void *context, Block b) {
    const Drop *d = context;
    drop(b.x, NULL, d->in + b.row * d->width, d->dropout, b.row * d->width, b.rows * d->width);
}

void dropout_rows(Pool *pool, Stored out, const real *in, Dropout dropout, size_t rows, size_t width) {
    Drop d = {.in = in, .dropout = dropout, .width = width};
    stored_fill(pool, "dropout", out, rows, drop_rows, &d);
}

static void drop_span(void *context, size_t first, size_t last) {
    const Drop *d = context;
    drop(d->out + first, NULL, d->in + first, d->dropout, first, last - first);
}

void dropout_forward(Pool *pool, real *out, const real *in, Dropout dropout, size_t count) {
    Drop d = {out, in, dropout, 1};
    rows_run(pool, "dropout", count, 1, drop_span, &d);
}
