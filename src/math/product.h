/* What an instruction set contributes to the matrix product (math/matmul.h): how factors are packed, and how a tile of
 * the output is computed. The loops are in product_pack.h and product_tile.h. Products in bfloat16 are apart: pairs.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "math/real.h"

enum {
    MATMUL_MR_MAX = 32, /* no kernel's tile is larger than this */
    MATMUL_NR_MAX = 64,
};

/* Rows of a product's left factor as its tiles take them, mr rows a sliver: element (i, p) of sliver s at
 * data[s * sliver + i * row + p * col]. */
typedef struct Slivers {
    const real *data;
    size_t sliver, row, col;
} Slivers;

/* Columns of a product's right factor, nr a sliver: element (p, j) of sliver s at data[s * sliver + p * row + j]. */
typedef struct Columns {
    const real *data;
    size_t sliver, row;
} Columns;

/* Rows of memory that will be read next. While tiles are computed from what is in the cache already, these rows are
 * fetched into it, line by line. {0}: no rows. */
typedef struct Ahead {
    const real *row;            /* the row that is being fetched */
    size_t stride, rows, width; /* rows: still to be fetched, with this one */
    size_t next, share;         /* next: element of the row; share: lines to fetch for each tile */
} Ahead;

enum { AHEAD_LINE = 64 }; /* bytes of a cache line */

static inline void ahead_fetch(Ahead *ahead) {
    for (size_t line = 0; line < ahead->share && ahead->rows > 0; line++) {
        __builtin_prefetch(ahead->row + ahead->next);
        ahead->next += AHEAD_LINE / sizeof(real);
        if (ahead->next < ahead->width) continue;
        ahead->next = 0, ahead->rows--, ahead->row += ahead->stride;
    }
}

typedef struct ProductKernels {
    size_t mr, nr; /* rows and columns of the register tile */

    /* c (rows, cols; row stride ldc) = [c or bias +] a (rows, k) times b (k, nr), of which the first cols <= nr columns
     * exist; one tile after another, each of which fetches what `ahead` says. Row p of b is at b + p * b_row. add: the
     * product is added to c; else it is written, plus bias (cols) if not NULL. */
    void (*strip)(real *c, size_t ldc, Slivers a, const real *b, size_t b_row, size_t k, size_t rows, size_t cols,
                  bool add, const real *bias, Ahead *ahead);
    /* The same for one row of a and four slivers of b, or for two rows and two slivers (math/product_few.h). The
     * slivers follow one another, and all their columns exist. NULL: use strip. */
    void (*few)(real *c, size_t ldc, const real *a, size_t a_row, size_t a_col, const real *b, size_t k, size_t rows,
                bool add, const real *bias);
    /* Packs b (k, cols), element (p, j) at b[p * row + j * col], into slivers of nr columns one after another. Row p of
     * the sliver that begins with column j is at out + j * k + p * nr. Columns that do not exist are zeros. */
    void (*pack)(real *out, const real *b, size_t row, size_t col, size_t k, size_t cols);
    /* a (rows, k), element (i, p) at a[i * row + p * col], as the tile takes it: where it is, or packed at out,
     * which has room for k * (rows + MATMUL_MR_MAX) elements. */
    Slivers (*slivers)(real *out, const real *a, size_t row, size_t col, size_t k, size_t rows);
} ProductKernels;
