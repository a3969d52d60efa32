/* What the ranks that do not lead do (train/ranks.h): they take part in what rank 0 orders, until it ends the run. */
#pragma once

#include "base/error.h"
#include "train/trainer.h"

/* Returns when rank 0 has ended the run, with its exit code; fails when the ranks are lost. */
bool follow_run(Trainer *trainer, int *code, Error *err);
