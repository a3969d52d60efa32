/* The training loop: steps, progress, validation, saving, early stop. */
#ifndef NMT_TRAIN_LOOP_H
#define NMT_TRAIN_LOOP_H

#include <signal.h>
#include <stdbool.h>

#include "base/terminal.h"
#include "train/trainer.h"

/* How the share of validation sentences that greedy translation gets exactly right is found. It translates, which is
 * below this folder, so whoever runs the loop brings it (eval/exact.h). */
typedef struct ExactRate {
    bool (*measure)(void *context, const Trainer *trainer, double *rate, Error *err);
    void *context;
} ExactRate;

typedef enum LoopEnd {
    LOOP_FINISHED, /* max_steps or max_epochs */
    LOOP_STALLED,  /* valid.patience */
    LOOP_STOPPED,  /* *stop was set: saved, and the same command goes on */
    LOOP_FAILED,   /* err says why; what was saved before stays */
} LoopEnd;

/* Runs until one of these ends. Every validation saves last.gguf and, when it is the best so far, model.gguf; a stop
 * saves last.gguf (and model.gguf when there is none yet). stop: set by a signal handler; looked at after every step.
 */
LoopEnd loop_run(Trainer *trainer, ExactRate exact, Progress *progress, const volatile sig_atomic_t *stop, Error *err);

#endif
