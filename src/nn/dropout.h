/* Dropout (Srivastava et al. 2014): an element is kept with probability 1 - rate, and divided by this probability; else
 * it becomes 0.
 *
 * Which elements are kept is a function of (seed, step, site, index): nothing is stored, and the backward pass computes
 * the same mask again. The probability is rounded to a multiple of 1/65536, and the divisor is the rounded one, so the
 * expectation is exact. Rate 0, as in inference, copies. The mask and its loop are in dropout_rows.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "base/rng.h"
#include "math/real.h"
#include "math/stored.h"

typedef struct Dropout {
    uint32_t keep; /* of 65536 */
    real scale;    /* 65536 / keep */
    RngSite site;
} Dropout;

/* rate: in [0, 1). */
Dropout dropout_make(double rate, RngSite site);

/* No dropout at all. */
Dropout dropout_none(void);

static inline int dropout_is_none(Dropout d) { return d.keep == 65536; }

/* out = dropout(in), count elements; in place allowed. The backward pass is the same function: din = dropout(dout). */
void dropout_forward(Pool *pool, real *out, const real *in, Dropout dropout, size_t count);

/* Elements first .. first + count - 1 of the same, on the calling thread; out and in point to element `first`. */
void dropout_span(real *out, const real *in, Dropout dropout, uint64_t first, size_t count);

/* Rows (rows, count) of the same: row r's first element has the index first + r * apart. */
void dropout_spans(real *out, const real *in, Dropout dropout, uint64_t first, uint64_t apart, size_t rows,
                   size_t count);

/* dropout_forward for an array (rows, width). `out` may be stored as products read it. */
void dropout_rows(Pool *pool, Stored out, const real *in, Dropout dropout, size_t rows, size_t width);

/* For a block of an array with rows of `width` elements: x = [residual +] dropout(x). residual: NULL, or all rows of an
 * array of the same width. On the calling thread. The residual's gradient is that of the sum. */
void dropout_block(Block block, size_t width, Dropout dropout, const real *residual);
