/* The training loop: steps, progress, validation, saving, early stop. */
#pragma once

#include <signal.h>

#include "base/lock.h"
#include "base/terminal.h"
#include "train/run.h"
#include "train/trainer.h"

/* Runs to an end, which it returns; err says why the run is unsaved or failed. Every validation that counts saves
 * last.gguf and, when it is the best so far, model.gguf; a stop saves last.gguf (and model.gguf, if the run has none
 * yet). A save that fails is reported, and tried again at the next. report.html is written after each validation and at
 * the end; if that fails, a message is printed and training continues.
 *
 * After ten steps in a row that updated nothing (trainer_step), or a validation loss that is not finite, the run goes
 * back to the last validation that it saved, or to its beginning, and continues with half the learning rate; after
 * three times it fails. A state that is saved during such steps is not used for going back.
 *
 * lock: of run.dir, which is written only while it holds; NULL: it is not looked at.
 * stop: set by a signal handler; looked at after every step. */
RunStatus loop_run(Trainer *trainer, FileLock *lock, Progress *progress, const volatile sig_atomic_t *stop, Error *err);

/* The same in parts, for a program that does other things between two steps. loop_begin fails when the log cannot be
 * opened. loop_step returns RUN_RUNNING until the run is over, and then how it ended; loop_end takes that status,
 * writes what is left to write, frees the loop and returns the status of the run. */
typedef struct Loop Loop;
Loop *loop_begin(Trainer *trainer, FileLock *lock, Progress *progress, Error *err);
RunStatus loop_step(Loop *loop, const volatile sig_atomic_t *stop, Error *err);
/* Between two steps: saves what a stop saves, unless the last step is done. Returns how the run ended. */
RunStatus loop_stop(Loop *loop, Error *err);
StepReport loop_last(const Loop *loop); /* the step that was done last */
RunStatus loop_end(Loop *loop, RunStatus status, Error *err);
