/* log.jsonl: one JSON object a line, for each logged step and each validation.
 *
 *     {"kind":"train","step":100,"epoch":0,"loss":..,"nll":..,"rate":..,"norm":..,"tokens":..,"tokens_per_second":..}
 *     {"kind":"valid","step":100,"epoch":0,"loss":..,"nll":..,"perplexity":..,"bleu":..,"exact":..,"best":true}
 *
 *     {"kind":"skip","step":57,"epoch":0,"loss":..,"norm":..}              a step that updated nothing
 *     {"kind":"back","step":41,"from":57,"scale":0.5}                      back to step 40; the learning rate times 0.5
 *
 * loss is label-smoothed, nll is not; both are means a target token. `bleu` and `exact` are missing where nothing was
 * translated. A number that is not finite is null. */
#ifndef NMT_TRAIN_LOG_H
#define NMT_TRAIN_LOG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

typedef struct Log {
    FILE *file;
    char *path;
} Log;

/* Opens path for appending. step: where the run stands; lines of later steps, left by a run that died after its last
 * save, are taken out first (0: all are). */
bool log_open(Log *log, const char *path, uint64_t step, Error *err);

/* Appends one line (a newline is added) and flushes it. */
bool log_line(Log *log, Error *err, const char *format, ...) __attribute__((format(printf, 3, 4)));

void log_close(Log *log);

#endif
