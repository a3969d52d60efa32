/* The sum of the gradients of a step's pieces, by one fixed binary tree: whoever computes which piece, the same two
 * sums are always added, so the bits are the same.
 *
 *     piece   0   1   2   3   4   5   6
 *              \ /     \ /     \ /    |
 *               +       +       +     |        runs of 2 pieces, each beginning at a multiple of 2
 *                \     /         \    |
 *                 '-+-'           '-+-'        runs of 4, each beginning at a multiple of 4
 *                    \             /
 *                     '-----+-----'            and so on; where the other half has no piece, nothing is added
 *
 * Pieces come in their order. Those that wait for a partner are a stack, with never more than one run of each length on
 * it while the first piece is number 0. */
#pragma once

#include <stddef.h>

#include "base/pool.h"
#include "math/real.h"

/* Pieces first .. first + size - 1, and as many of them as there are, added up. */
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
