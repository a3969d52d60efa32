/* log.jsonl: one JSON object a line, for each logged step and each validation.
 *
 *     {"kind":"train","step":100,"epoch":1,"loss":..,"nll":..,"rate":..,"norm":..,"tokens":..,"skipped":0,
 *      "tokens_per_second":..}
 *     {"kind":"valid","step":100,"epoch":1,"loss":..,"nll":..,"perplexity":..,"best":true,"bleu":..,"exact":..,
 *      "sentences":500,"cut":0,"samples":[{"source":"..","reference":"..","said":"..","right":true}, ..]}
 *
 *     {"kind":"skip","step":57,"epoch":1,"loss":..,"norm":..}              a step that updated nothing
 *     {"kind":"back","step":41,"from":57,"scale":0.5}                      back to step 40; the learning rate times 0.5
 *     {"kind":"note","after":40,"text":".."}        what was not as before when the run continued after step 40
 *
 * epoch: that of the step, from 1. loss is label-smoothed, nll is not; both are means a target token, and null when
 * all steps since the last line were skipped. skipped: steps without an update, so far. sentences: how many were
 * translated; cut: how many of them the length limit cut. These, `bleu`, `exact` and `samples` (the same few sentences
 * each time) are missing where nothing was translated; train/measure.h says what bleu and exact compare. A number that
 * is not finite is null.
 *
 * A line that cannot be written, not even in part, is kept, and tried again before the next one, or by log_write. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "page/json.h"
#include "train/measure.h"
#include "train/trainer.h"

typedef struct Log {
    int file;
    char *path;
    Json waiting; /* lines that could not be written yet */
} Log;

/* Opens path for appending. step: the step of the run; lines of later steps, left by a run that died after its last
 * save, are taken out first (0: all are). */
bool log_open(Log *log, const char *path, uint64_t step, Error *err);
void log_close(Log *log);

/* Takes the lines of steps after `step` out (0: all) of an open log, which stays open, whole, when that fails. */
bool log_cut(Log *log, uint64_t step, Error *err);

/* Each appends one line. measured: NULL when nothing was translated. */
bool log_step(Log *log, const TrainState *state, const StepReport *step, double tokens_per_second, Error *err);
bool log_skip(Log *log, const TrainState *state, const StepReport *step, Error *err);
bool log_valid(Log *log, const TrainState *state, Loss loss, bool best, const Measured *measured, Error *err);
bool log_back(Log *log, const TrainState *state, uint64_t from, double scale, Error *err);
bool log_note(Log *log, uint64_t after, const char *text, Error *err);

/* A line that is made already: a JSON object whose first "step" is that of the run. */
bool log_line(Log *log, const Json *line, Error *err);

bool log_write(Log *log, Error *err);
