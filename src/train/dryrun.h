/* A dry run: how long a run will take and how much memory, found by doing a little of it. Only run.dir/train.cache is
 * kept, which the trainer has made.
 *
 * Time: a few seconds of steps on batches from all over the epoch, one validation loss and the translation of some
 * validation sentences, times how many of each the run has, without early stopping. An untrained model translates up to
 * the length limit, so the time of translations is scaled to the mean length of the targets. Memory: the most that this
 * process used. The batch with the longest target is one of those tried. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "train/trainer.h"

/* Tokens of a sentence, </s> included. */
typedef struct LengthStats {
    size_t least, most;
    size_t half, ninety, ninety_nine; /* 50%, 90% and 99% of the sentences have at most this many */
    double mean;
} LengthStats;

typedef struct DryRun {
    LengthStats source, target; /* of the training pairs */
    uint64_t last, steps;       /* the last step; how many are still to be done */
    uint64_t validations;
    double step_seconds, validation_seconds; /* of each */
    size_t memory;                           /* bytes */
} DryRun;

/* The trainer can only be freed afterwards. */
bool dryrun_measure(DryRun *dry, Trainer *trainer, Error *err);
