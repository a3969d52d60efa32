/* The two files of a run: model.gguf, the model alone, and last.gguf, which has besides it all that going on needs:
 * Adam's moments as tensors (adam.m.*, adam.v.*), the average of the weights where there is one (average.*), and the
 * counters of TrainState as keys (nmt.train.*). */
#ifndef NMT_TRAIN_CHECKPOINT_H
#define NMT_TRAIN_CHECKPOINT_H

#include <stdbool.h>

#include "base/error.h"
#include "decode/modelfile.h"

struct Trainer;

#define CHECKPOINT_NAME "last.gguf"
/* A run goes back to its last validation, wherever it was stopped: a stop between two validations, which saves, keeps
 * the last.gguf of the one before under this name until the next. */
#define CHECKPOINT_BEFORE "back.gguf"

/* Writes run.dir/name, whole or not at all. */
bool checkpoint_write(const struct Trainer *trainer, const char *name, bool with_state, Error *err);

/* The checksum of the training pairs that the run was begun with (PairSet). */
bool checkpoint_corpus(const ModelFile *last, uint64_t *checksum, Error *err);

/* Takes parameters, moments and state from an open last.gguf whose model has the trainer's shape. */
bool checkpoint_restore(struct Trainer *trainer, const ModelFile *last, Error *err);

/* Keeps last.gguf, if there is one, as back.gguf, unless that is there; removes it. */
bool checkpoint_keep_back(const struct Trainer *trainer, Error *err);
void checkpoint_remove_back(const struct Trainer *trainer);

/* Takes everything from the one of the two that was saved at the last validation, which must be this run's. */
bool checkpoint_go_back(struct Trainer *trainer, Error *err);

#endif
