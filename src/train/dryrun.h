/* A dry run: what a run will take, found by doing a little of it and keeping nothing of that. (The trainer it is given
 * has made run.dir/train.cache, which stays.)
 *
 * Time: a few seconds of steps on batches from all over the epoch, one validation loss and the translation of some
 * validation sentences, times how many of each the run has; early stopping is not foreseen. An untrained model
 * translates up to the length limit, so that time is scaled to translations as long as the targets are on average.
 * Memory: the most that this process had in memory, the batch with the longest sentences among its steps. */
#ifndef NMT_TRAIN_DRYRUN_H
#define NMT_TRAIN_DRYRUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "train/trainer.h"

/* Tokens of a sentence, </s> included. */
typedef struct LengthStats {
    size_t least, most;
    size_t half, ninety, ninety_nine; /* so many percent of the sentences have at most that */
    double mean;
} LengthStats;

typedef struct DryRun {
    LengthStats source, target; /* of the training pairs */
    uint64_t steps;             /* still to be done */
    uint64_t validations;
    double step_seconds, validation_seconds; /* of each */
    size_t memory;                           /* bytes */
} DryRun;

/* The trainer can only be freed afterwards. */
bool dryrun_measure(DryRun *dry, Trainer *trainer, Error *err);

#endif
