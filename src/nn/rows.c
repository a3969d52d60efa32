/* Blocks of rows as pool tasks. */
#include "nn/rows.h"

enum {
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

void rows_run(Pool *pool, size_t rows, size_t width, RowsFunction *function, void *context) {
    if (rows == 0) return;
    size_t block = (BLOCK_ELEMENTS + width - 1) / width;
    Rows r = {rows, block, function, context};
    pool_run(pool, (rows + block - 1) / block, rows_task, &r);
}
