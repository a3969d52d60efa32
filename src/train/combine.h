/* The sum of a step's gradients over all ranks.
 *
 *     1. Each rank has added up its own pieces as far as they are runs of the tree (train/tree.h).
 *     2. The parameters are cut into as many slices as there are ranks. Each rank sends slice r of what it has to rank
 *        r, which adds up all that it gets for its slice, along the tree.
 *     3. Each rank sends its slice of the sum to all others.
 *
 * A block has `count` numbers. In 2., a rank sends (1 - 1 / ranks) of a block for each run that it has; in 3., it sends
 * as much once more. If `ranks` and train.pieces are powers of two, each rank has one run, and all ranks together send
 *
 *     2 (ranks - 1) count sizeof(real) bytes,
 *
 * the least that is possible if the network's switches cannot add. */
#pragma once

#include "base/pool.h"
#include "math/real.h"
#include "train/ranks.h"
#include "train/tree.h"

/* Numbers that the inbox needs for steps of up to `pieces`. */
size_t combine_inbox(const Ranks *ranks, size_t pieces, size_t count);

/* own: the runs of this rank's share of `pieces` (ranks_first), of `count` numbers each. Writes the sum of all into
 * `sum`, (count), which may be that of own's first run; the other runs are overwritten. figures: what each rank has to
 * say, gathered at the same time; figure_start: as in ranks_gather, of numbers. False when the ranks are lost. */
bool combine_gradients(Ranks *ranks, Pool *pool, const TreeStack *own, size_t pieces, real *sum, real *inbox,
                       size_t count, double *figures, const size_t *figure_start);
