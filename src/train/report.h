/* report.html of a training run: a self-contained page, written again at each validation, that shows the film, the
 * curves, the same few validation sentences over time, the config and the machine.
 *
 * Its data are run.dir/log.jsonl and run.dir/film.jsonl, which a resumed run continues, and what the trainer knows:
 *
 *     {"format":"nmt.run","version":1,"name":run.dir,"status":"running|finished|stalled|stopped|unsaved|failed",
 *      "state":{"step":..,"last_step":..,"epoch":..,"best_step":..,"stalled":..,"skipped":..},
 *      "machine":{"cpu":"..","instruction_set":"..","threads":..,"precision":"..","version":".."},
 *      "model":{"parameters":..,"vocabulary":..,"pairs":..,"target_tokens":..,"valid_pairs":..},
 *      "config":"INI text","log":["a line of log.jsonl, as a string", ..],"log_each":..,
 *      "film":["a line of film.jsonl (train/film.h), as a string", ..]}
 *
 * The page gets about RUN_LINES of the log's training lines (one of each log_each), about RUN_FRAMES of the film's
 * frames, evenly spread, and all validations. */
#pragma once

#include "base/error.h"
#include "train/run.h"
#include "train/trainer.h"

enum { RUN_LINES = 4000, RUN_FRAMES = 250 };

/* Writes run.dir/report.html, whole or not at all. */
bool report_write(const Trainer *trainer, RunStatus status, Error *err);
