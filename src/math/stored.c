#include "math/stored.h"

#include <string.h>

#include "math/vector.h"

/* Element (row, col) of an array of bfloat16 numbers. */
static uint16_t *half_at(Stored s, size_t row, size_t col) { return (uint16_t *)s.data + row * s.stride + col; }

/* With the last column come the zeros behind it. */
void stored_write(Stored s, size_t row, size_t col, const real *x, size_t n) {
    if (s.precision == PRECISION_FLOAT32) {
        vector_copy((real *)s.data + row * s.stride + col, x, n);
        return;
    }
    uint16_t *out = half_at(s, row, col);
    vector_round_to_halves(out, x, n);
    if (col + n == s.width) memset(out + n, 0, (size_round_up(s.width, STORED_RUN) - s.width) * sizeof *out);
}

void stored_read(real *x, Stored s, size_t row, size_t col, size_t n) {
    if (s.precision == PRECISION_FLOAT32)
        vector_copy(x, (const real *)s.data + row * s.stride + col, n);
    else
        vector_halves_to_reals(x, half_at(s, row, col), n);
}

/* ---- filling ----------------------------------------------------------------------------------------------------- */

enum { TASK_ELEMENTS = 1 << 14 }; /* about 5 to 20 microseconds of row-wise work: well above what a task costs */

typedef struct Fill {
    Stored out;
    size_t rows, block;
    BlockFunction *function;
    void *context;
} Fill;

static void fill_task(void *context, size_t task, size_t worker) {
    (void)worker;
    const Fill *f = context;
    const size_t width = f->out.width, first = task * f->block, last = size_min(f->rows, first + f->block);
    if (f->out.precision == PRECISION_FLOAT32) {
        const size_t stride = f->out.stride;
        f->function(f->context, (Block){(real *)f->out.data + first * stride, stride, first, last - first, 0, width});
        return;
    }
    real x[STORED_FILL_WIDTH];
    const size_t fit = STORED_FILL_WIDTH / 2 / width, few = fit ? fit : 1; /* rows: x stays in the first-level cache */
    for (size_t n = first; n < last; n += few)
        for (size_t col = 0; col < width; col += STORED_FILL_WIDTH) {
            const size_t cols = size_min(STORED_FILL_WIDTH, width - col);
            const Block block = {x, cols, n, size_min(few, last - n), col, cols};
            f->function(f->context, block);
            for (size_t r = 0; r < block.rows; r++) stored_write(f->out, n + r, col, x + r * cols, cols);
        }
}

void stored_fill(Pool *pool, const char *part, Stored out, size_t rows, BlockFunction *function, void *context) {
    if (rows == 0) return;
    Fill f = {out, rows, size_divide_up(TASK_ELEMENTS, out.width), function, context};
    pool_run(pool, part, size_divide_up(rows, f.block), fill_task, &f);
}
