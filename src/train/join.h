/* How several ranks (train/ranks.h) become one run: what must be the same on all of them is compared, and what only
 * rank 0 knows is given to the others. All ranks call these functions at the same places. For a process alone they do
 * nothing. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/pool.h"
#include "train/config.h"
#include "train/corpora.h"

/* Whether there is a piece for each rank, and all have the same program, the same mathematics (instruction set and the
 * system's library) and the same config. */
bool join_compare(const Config *config, Error *err);

/* corpora_read by rank 0, and then, with its vocabulary, by the others, who find the cache that it has written, or
 * write one of their own. Fails for all when it fails for one, or when the pairs are not the same. */
bool join_corpora(Corpora *corpora, const Config *config, Pool *pool, const ModelFile *last, Error *err);
