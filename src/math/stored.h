/* Arrays that products read, stored as the products of a Precision want them: as floats, or as bfloat16 numbers, which
 * take half the memory. A layer says what is stored; only math/ knows how.
 *
 * A bfloat16 number is the upper half of a float: the sign, 8 bits of exponent and 7 of fraction. Numbers are rounded
 * to the nearest, ties to even; NaN stays NaN. Rows of bfloat16 are filled up with zeros to a multiple of STORED_RUN
 * numbers, so that the hardware's tiles read them where they are. Rows of floats are not filled up: they are ordinary
 * arrays. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "base/size.h"
#include "math/real.h"

typedef enum Precision { PRECISION_FLOAT32, PRECISION_BFLOAT16 } Precision;
#define PRECISION_NAMES                                                                                                \
    ((const char *const[]){[PRECISION_FLOAT32] = "float32", [PRECISION_BFLOAT16] = "bfloat16", NULL})

enum { STORED_RUN = 32 };

/* data: of real, or of uint16_t with bfloat16's bits; NULL: not wanted. Rows are `stride` elements apart. */
typedef struct Stored {
    void *data;
    size_t stride, width; /* of a row, in elements; width 0: columns of wider rows */
    Precision precision;
} Stored;

/* Bytes of an array of `rows` rows of `width` elements, and how far apart its rows are. */
static inline size_t stored_stride(Precision precision, size_t width) {
    return precision == PRECISION_BFLOAT16 ? size_round_up(width, STORED_RUN) : width;
}
static inline uint64_t stored_bytes(Precision precision, uint64_t rows, size_t width) {
    return rows * stored_stride(precision, width) * (precision == PRECISION_BFLOAT16 ? sizeof(uint16_t) : sizeof(real));
}

/* An ordinary array, seen as a stored one. It is written to only where a function says that it writes. */
static inline Stored stored_reals(const real *x, size_t width) {
    return (Stored){(void *)(uintptr_t)x, width, width, PRECISION_FLOAT32};
}

/* The columns from `col` on, as part of the same rows: writing them does not fill up the rows. */
static inline Stored stored_columns(Stored s, size_t col) {
    char *data = s.data;
    s.data = data + col * (s.precision == PRECISION_BFLOAT16 ? sizeof(uint16_t) : sizeof(real));
    s.width = 0;
    return s;
}
/* The rows from `row` on. */
static inline Stored stored_rows(Stored s, size_t row) {
    char *data = s.data;
    s.data = data + stored_bytes(s.precision, row, s.stride);
    return s;
}

/* The array as floats; NULL if it is stored as bfloat16. */
static inline real *stored_floats(Stored s) { return s.precision == PRECISION_FLOAT32 ? s.data : NULL; }

/* stored_write rounds n numbers; stored_read gives them as floats, which is exact. On the calling thread. */
void stored_write(Stored s, size_t row, size_t col, const real *x, size_t n);
void stored_read(real *x, Stored s, size_t row, size_t col, size_t n);

/* Rows row .. row + rows - 1, columns col .. col + cols - 1 of an array, as floats: row r at x + r * stride, the
 * columns from `col` on. It is in the cache. */
typedef struct Block {
    real *x;
    size_t stride, row, rows, col, cols;
} Block;

/* Writes a block, or changes it in place; x is not yet stored, or stored as floats. */
typedef void BlockFunction(void *context, Block block);

/* What is done to a product's output, block by block, while it is in the cache. function NULL: nothing. */
typedef struct Epilogue {
    const char *part; /* its name for pool_watch, when it is a pass of its own */
    BlockFunction *function;
    void *context;
    bool whole_rows; /* blocks have all columns */
} Epilogue;

/* Calls function for the blocks of an array of `rows` rows, on all threads, and stores what it writes. Blocks have
 * whole rows, unless these are wider than STORED_FILL_WIDTH. part: a name for what is done (pool_run). */
enum { STORED_FILL_WIDTH = 8192 };
void stored_fill(Pool *pool, const char *part, Stored out, size_t rows, BlockFunction *function, void *context);
