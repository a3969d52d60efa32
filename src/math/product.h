/* What an instruction set contributes to the matrix product (math/matmul.h): how factors are packed, and how a tile of
 * the output is computed. The loops are in product_pack.h and product_tile.h; CPUs that multiply bfloat16 numbers have
 * others for these: product_avx512_bf16.c and product_amx.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "math/real.h"

enum {
    MATMUL_MR_MAX = 32, /* no kernel's tile is larger than this */
    MATMUL_NR_MAX = 64,
};

/* Rows of a product's left factor as its tiles take them, mr rows a sliver: cell (i, p) of sliver s at
 * data[s * sliver + i * row + p * col]. */
typedef struct Slivers {
    const real *data;
    size_t sliver, row, col;
} Slivers;

/* The matrix product in one precision. Factors are packed into cells of a real's size, each with one number, or with
 * two bfloat16 numbers that are neighbours along k, the first in the lower half. A packed run of k numbers is filled up
 * with zeros to a multiple of `run` (which divides MATMUL_KC); divided by per_cell, that is cells(k), its cells. */
typedef struct ProductKernels {
    size_t mr, nr; /* rows and columns of the register tile */
    size_t run, per_cell;
    bool preferred; /* so much faster than float32 that train.precision = auto takes it */

    /* c (mr, nr; row stride ldc) = [c or bias +] a (mr, cells) times b (cells, nr).
     * a: cell (i, p) at a[i * a_row + p * a_col]. b: packed, row p at b + p * nr. Only the first `rows` rows of a and c
     * and the first `cols` columns of c exist. add: the product is added to c; else it is written, plus bias (cols) if
     * not NULL. */
    void (*tile)(real *c, size_t ldc, const real *a, size_t a_row, size_t a_col, const real *b, size_t cells,
                 size_t rows, size_t cols, bool add, const real *bias);
    /* The same for one row and four slivers of b, or two rows and two slivers, all of whose columns exist, and which
     * are one after another (math/product_few.h). NULL: tiles do it. */
    void (*few)(real *c, size_t ldc, const real *a, size_t a_row, size_t a_col, const real *b, size_t cells,
                size_t rows, bool add, const real *bias);
    /* Packs b (k, cols), element (p, j) at b[p * row + j * col], into slivers of nr columns one after another: row p of
     * that from column j on at out + j * cells(k) + p * nr. Columns that do not exist are zeros. */
    void (*pack)(real *out, const real *b, size_t row, size_t col, size_t k, size_t cols);
    /* a (rows, k), element (i, p) at a[i * row + p * col], as the tile takes it: where it is, or packed at out,
     * which has room for cells(k) * (rows + MATMUL_MR_MAX) cells. */
    Slivers (*slivers)(real *out, const real *a, size_t row, size_t col, size_t k, size_t rows);
    /* Called before and after the tiles of a task, on its thread; NULL: there is nothing to do. */
    void (*begin)(void);
    void (*end)(void);
} ProductKernels;

/* Products in bfloat16 of CPUs that have instructions for them; NULL where the compiler does not know these. */
extern const ProductKernels *const products_avx512_bf16;
extern const ProductKernels *const products_amx;
