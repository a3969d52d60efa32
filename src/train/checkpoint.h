/* A run's folder and its trainer: sets a trainer up, saves it, and takes it back to what was saved.
 *
 * model.gguf is the model alone. last.gguf also has all that a run needs to continue: the optimiser's moments as
 * tensors (adam.m.*, adam.v.*), the average of the weights where there is one (average.*), and the counters of
 * TrainState as keys (nmt.train.*). A run that goes back must go to its last validation, even if it was stopped and
 * saved after that. So such a stop keeps the last.gguf of the validation as back.gguf, until the next validation.
 *
 * What else a run depends on, how last.gguf knows it, and what happens if it has changed:
 *
 *     the config's keys             nmt.config, key by key                refused, except those that may change
 *     the training pairs            nmt.train.corpus, their checksum      refused
 *     the vocabulary                nmt.tokenizer.merges                  the file's is used
 *     the model it started from     nmt.train.init, its checksum          refused
 *     the validation text           nmt.train.valid, its checksum         a note; the best model is forgotten
 *     the sentences translated      nmt.train.best_sentences, how many    the same, if they choose the best model
 *     the instruction set           nmt.instruction_set                   a note
 *
 * Texts are known by their content, never by the names of files. A note is a line of trainer->notes. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "train/trainer.h"

/* Reads the data and sets up the parameters: fresh, or with `resume` as last.gguf has them. *resumed: whether there was
 * a last.gguf. Called by all ranks of a run (train/ranks.h): rank 0 reads last.gguf, and the others get from it what
 * they need; what fails for one fails for all. config and pool must outlive the trainer. Release with trainer_free. */
bool checkpoint_open(Trainer *trainer, Config *config, Pool *pool, bool resume, bool *resumed, Error *err);

/* Gives rank 0's parameters and state to the other ranks. */
bool checkpoint_share(Trainer *trainer, Error *err);

/* Write model.gguf or last.gguf, whole or not at all. */
bool checkpoint_save_model(const Trainer *trainer, Error *err);
bool checkpoint_save_last(const Trainer *trainer, Error *err);
/* The model alone, into another file. */
bool checkpoint_save_model_as(const Trainer *trainer, const char *path, Error *err);

/* checkpoint_keep_back keeps last.gguf, if there is one, as back.gguf, unless there is a back.gguf already;
 * checkpoint_remove_back removes back.gguf. */
bool checkpoint_keep_back(const Trainer *trainer, Error *err);
void checkpoint_remove_back(const Trainer *trainer);

/* For a run that gives up: makes last.gguf the state of the last validation again, even if stops have saved later ones.
 * If there was no validation yet, last.gguf is removed, and the model.gguf that a stop saved. */
void checkpoint_drop_stops(const Trainer *trainer);

/* Whether the parameters, the average and the moments are numbers that a run can continue from: finite, and no square
 * below 0. If not, err names the tensor, behind `where`. A last.gguf with others is refused. */
bool checkpoint_is_sound(const Trainer *trainer, const char *where, Error *err);

enum { CHECKPOINT_RETURNS = 3 }; /* how often a run may go back */

/* Back to the last validation that was saved, which must be this run's, or to the beginning; with half the learning
 * rate from there on. */
bool checkpoint_go_back(Trainer *trainer, Error *err);
