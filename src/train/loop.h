/* The training loop: steps, progress, validation, saving, early stop. */
#ifndef NMT_TRAIN_LOOP_H
#define NMT_TRAIN_LOOP_H

#include <signal.h>
#include <stdbool.h>

#include "base/terminal.h"
#include "train/trainer.h"

/* How translations of the validation sentences are measured. It translates, which is below this folder, so whoever runs
 * the loop brings it (train/measure.h). */
typedef struct Measure {
    bool (*run)(void *context, const Trainer *trainer, Measured *measured, Error *err);
    void *context;
} Measure;

typedef enum LoopEnd {
    LOOP_FINISHED, /* max_steps or max_epochs */
    LOOP_STALLED,  /* valid.patience */
    LOOP_STOPPED,  /* *stop was set: saved, and the same command goes on */
    LOOP_UNSAVED,  /* one of these, but the last save failed; err says why */
    LOOP_FAILED,   /* err says why; what was saved before stays */
} LoopEnd;

/* What shows people how the run goes. It is told after each validation (end: NULL, it goes on) and when the run ends;
 * it may read log.jsonl. Its failing is told, and ends nothing. It stands below this folder, too (train/report.h); run
 * may be NULL. */
typedef struct Reporter {
    bool (*run)(void *context, const Trainer *trainer, const LoopEnd *end, Error *err);
    void *context;
} Reporter;

/* Runs until one of these ends. Every validation that counts saves last.gguf and, when it is the best so far,
 * model.gguf; a stop saves last.gguf (and model.gguf when there is none yet). A save that fails is told, and tried
 * again at the next.
 *
 * After ten steps in a row that updated nothing (trainer_step), or a validation loss that is not finite, the run goes
 * back to the last validation that it saved, or to its beginning, and on from there with half the learning rate; after
 * three times it fails. A state among such steps is not one to go back to.
 *
 * stop: set by a signal handler; looked at after every step.
 */
LoopEnd loop_run(Trainer *trainer, Measure measure, Reporter reporter, Progress *progress,
                 const volatile sig_atomic_t *stop, Error *err);

#endif
