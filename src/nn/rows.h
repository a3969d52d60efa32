/* Running a row-wise function over blocks of rows on the pool. */
#ifndef NMT_NN_ROWS_H
#define NMT_NN_ROWS_H

#include <stddef.h>

#include "base/pool.h"

/* Does rows first .. last-1. */
typedef void RowsFunction(void *context, size_t first, size_t last);

/* Calls function for blocks that together are rows 0 .. rows-1. width: elements a row, by which the size of a block is
 * chosen; little work stays on one thread. The blocks may not matter to the result: every row is its own, or, for sums
 * over rows, the caller passes columns instead. */
void rows_run(Pool *pool, size_t rows, size_t width, RowsFunction *function, void *context);

#endif
