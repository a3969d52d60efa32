/* What ./train says of a run, in lines: when it begins, when it ends, and in place of it (--dry-run). */
#pragma once

#include "base/terminal.h"
#include "train/dryrun.h"
#include "train/loop.h"

/* The corpora, the model, the steps, and what they will need. */
void announce_dry_run(const Trainer *t, const DryRun *dry, Progress *progress);

/* The model and its corpora, and what is seldom meant. resumed: the run continues. */
void announce_start(const Trainer *t, bool resumed, Progress *progress);

/* What several processes cost each other; nothing, if there is one. */
void announce_exchange(const Trainer *t, Progress *progress);

/* How the run ended, and what to do with its model. first: the step at which it began. */
void announce_end(RunStatus status, const Trainer *t, uint64_t first, Progress *progress);
