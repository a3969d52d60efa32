/* What an instruction set contributes to products of bfloat16 numbers (math/matmul_stored.h). The factors are made of
 * cells: a cell holds two numbers that are neighbours along k, the first in its lower half. The loops for CPUs without
 * instructions for bfloat16 are in product_pairs.h and product_pairs_tile.h; the others are in product_avx512_bf16.c
 * and product_amx.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/size.h"
#include "math/real.h"

enum {
    PAIRS_RUN = 32,    /* rows along k are filled up with zeros to a multiple of this; equals STORED_RUN */
    PAIRS_MR_MAX = 32, /* no tile is larger than this */
    PAIRS_NR_MAX = 64,
};

/* Two numbers. bfloat16 numbers in memory are read and written through this type. */
typedef uint32_t Cell __attribute__((may_alias));

/* Cells of k numbers, filled up with zeros. */
static inline size_t pairs_cells(size_t k) { return size_round_up(k, PAIRS_RUN) / 2; }

typedef struct PairKernels {
    size_t mr, nr; /* rows and columns of a tile */

    /* c (mr, nr; rows ldc apart) = [c or bias +] a (mr, cells; rows a_row apart) times b (cells, nr; packed). Only the
     * first `rows` rows of a and c and the first `cols` columns of c exist. add: the product is added to c; else it is
     * written, plus bias (cols) if not NULL. cells: a multiple of PAIRS_RUN / 2. */
    void (*tile)(real *c, size_t ldc, const Cell *a, size_t a_row, const Cell *b, size_t cells, size_t rows,
                 size_t cols, bool add, const real *bias);
    /* Rounds and packs b (k, cols), element (p, j) at b[p * row + j * col], into slivers of nr columns one after
     * another, cells(k) rows of nr cells each. What does not exist is zeros. */
    void (*pack)(Cell *out, const real *b, size_t row, size_t col, size_t k, size_t cols);
    /* The same for stored rows: x (k, cols), rows `stride` numbers apart. */
    void (*pack_rows)(Cell *out, const uint16_t *x, size_t stride, size_t k, size_t cols);
    /* The transpose of stored rows as a left factor: row i has the cells of column i of x (k, cols); rows `width` cells
     * apart, cells(k) of them used. */
    void (*turn)(Cell *out, size_t width, const uint16_t *x, size_t stride, size_t k, size_t cols);
    /* Called before and after the tiles of a task, on its thread; NULL: there is nothing to do. */
    void (*begin)(void);
    void (*end)(void);
} PairKernels;

/* Those of CPUs that have instructions for bfloat16; NULL where the compiler does not know these. */
extern const PairKernels *const pairs_avx512_bf16;
extern const PairKernels *const pairs_amx;
