#include "nn/rows.h"

#include "base/size.h"
#include "math/vector.h"

enum {
    SUM_BLOCKS = 64,          /* most partial sums */
    SUM_ROWS = 64,            /* fewest rows of one */
    BLOCK_ELEMENTS = 1 << 14, /* about 5 to 20 microseconds of row-wise work: well above what a task costs */
};

typedef struct Rows {
    size_t rows, block;
    RowsFunction *function;
    void *context;
} Rows;

static void rows_task(void *context, size_t task, size_t worker) {
    (void)worker;
    const Rows *r = context;
    size_t first = task * r->block, last = first + r->block;
    r->function(r->context, first, last < r->rows ? last : r->rows);
}

void rows_run(Pool *pool, const char *part, size_t rows, size_t width, RowsFunction *function, void *context) {
    if (rows == 0) return;
    size_t block = size_divide_up(BLOCK_ELEMENTS, width);
    Rows r = {rows, block, function, context};
    pool_run(pool, part, size_divide_up(rows, block), rows_task, &r);
}

typedef struct RowsSum {
    size_t rows, block, width;
    real *partials; /* (blocks, width) */
    RowsSumFunction *function;
    void *context;
} RowsSum;

static void sum_task(void *context, size_t task, size_t worker) {
    (void)worker;
    const RowsSum *s = context;
    size_t first = task * s->block, last = first + s->block;
    real *partial = s->partials + task * s->width;
    vector_clear(partial, s->width);
    s->function(s->context, partial, first, last < s->rows ? last : s->rows);
}

size_t rows_sum_shared(size_t count, size_t width) { return SUM_BLOCKS * count * width * sizeof(real); }

void rows_sum(Pool *pool, const char *part, real *const *sums, size_t count, size_t rows, size_t width,
              RowsSumFunction *function, void *context) {
    if (rows == 0) return;
    size_t block = size_divide_up(rows, SUM_BLOCKS);
    if (block < SUM_ROWS) block = SUM_ROWS;
    const size_t blocks = size_divide_up(rows, block);
    RowsSum s = {rows, block, count * width, pool_shared(pool, rows_sum_shared(count, width)), function, context};
    pool_run(pool, part, blocks, sum_task, &s);
    for (size_t b = 0; b < blocks; b++)
        for (size_t i = 0; i < count; i++) vector_add(sums[i], s.partials + (b * count + i) * width, width);
}
