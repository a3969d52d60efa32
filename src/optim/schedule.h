/* Learning-rate schedules: the rate of step 1, 2, ... With peak p and W warm-up steps, the rate rises in a straight
 * line to p at step W and then
 *
 *     constant         stays p
 *     inverse_sqrt     falls as p sqrt(W / step)
 *     cosine           falls along half a cosine to `final` p at the last step
 *
 * Only noam has another peak: it is the paper's D^-0.5 min(step^-0.5, step W^-1.5), times p (Vaswani et al. 2017,
 * section 5.3), which rises in a straight line to p (D W)^-0.5 at step W, and falls as inverse_sqrt does. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/exact.h"

typedef enum ScheduleKind { SCHEDULE_CONSTANT, SCHEDULE_INVERSE_SQRT, SCHEDULE_NOAM, SCHEDULE_COSINE } ScheduleKind;
#define SCHEDULE_NAMES                                                                                                 \
    ((const char *const[]){[SCHEDULE_CONSTANT] = "constant",                                                           \
                           [SCHEDULE_INVERSE_SQRT] = "inverse_sqrt",                                                   \
                           [SCHEDULE_NOAM] = "noam",                                                                   \
                           [SCHEDULE_COSINE] = "cosine",                                                               \
                           NULL})

typedef struct Schedule {
    ScheduleKind kind;
    double peak;
    uint64_t warmup; /* steps; 0: none (inverse_sqrt and noam then count as 1) */
    uint64_t last;   /* cosine: the last step */
    double final;    /* cosine: the last rate, as a share of the peak */
    size_t width;    /* noam: D */
} Schedule;

double schedule_rate(const Schedule *schedule, uint64_t step);
