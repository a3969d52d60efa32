/* The sum of the gradients of a step's pieces, by one fixed binary tree. Whichever process computes a piece, the same
 * sums are added in the same order, so the bits are the same.
 *
 *     piece   0   1   2   3   4   5   6
 *              \ /     \ /     \ /    |
 *               +       +       +     |        runs of 2 pieces, each beginning at a multiple of 2
 *                \     /         \    |
 *                 '-+-'           '-+-'        runs of 4, each beginning at a multiple of 4
 *                    \             /
 *                     '-----+-----'            and so on; where the other half has no piece, nothing is added
 *
 * Pieces are added in their order. Runs that wait for their other half are on a stack. If the first piece is number 0,
 * the stack never has two runs of the same length. */
#pragma once

#include <stddef.h>

#include "base/pool.h"
#include "math/real.h"

/* The sum of pieces first .. first + size - 1, as far as these exist. */
typedef struct TreeRun {
    size_t first, size; /* size: 1, 2, 4, ...; first: a multiple of it */
    real *sum;
} TreeRun;

enum { TREE_WAITING = 26 }; /* no stack of up to 4096 pieces is higher, wherever it begins */

typedef struct TreeStack {
    TreeRun runs[TREE_WAITING];
    size_t count;
} TreeStack;

/* Puts a run behind those on the stack, and adds it to the one before it as long as the two are the halves of a run:
 * count elements each, the later one added into the earlier. */
void tree_push(TreeStack *stack, Pool *pool, TreeRun run, size_t count);

/* Adds up all that is on the stack, when no piece is left, into runs[0].sum. */
void tree_finish(TreeStack *stack, Pool *pool, size_t count);

/* The runs that pieces first .. last - 1 become; their sums are NULL. */
TreeStack tree_runs(size_t first, size_t last);

/* The highest stack of pieces first .. last - 1. */
size_t tree_height(size_t first, size_t last);
