/* Running a row-wise function over blocks of rows on the pool. */
#pragma once

#include <stddef.h>

#include "base/pool.h"
#include "math/real.h"

/* Does rows first .. last-1. */
typedef void RowsFunction(void *context, size_t first, size_t last);

/* Calls function for blocks that together are rows 0 .. rows-1. width: elements of a row; a block has about 16,384
 * elements, so little work is one block and stays on one thread. The result must not depend on the blocks: rows are
 * independent, or the caller sums over rows and passes columns instead. */
void rows_run(Pool *pool, const char *part, size_t rows, size_t width, RowsFunction *function, void *context);

/* Sums over rows, of `count` vectors of `width` elements each: calls function for blocks of rows, each with partial
 * sums of its own, (count, width), 0 at first, to which it adds its rows; then adds the partial sums to sums[0 ..
 * count-1], block after block. Blocks depend on `rows` alone, so the bits do not depend on the threads. The partial
 * sums are in the pool's shared memory: rows_sum_shared(count, width) bytes. */
typedef void RowsSumFunction(void *context, real *partial, size_t first, size_t last);
void rows_sum(Pool *pool, const char *part, real *const *sums, size_t count, size_t rows, size_t width,
              RowsSumFunction *function, void *context);
size_t rows_sum_shared(size_t count, size_t width);
