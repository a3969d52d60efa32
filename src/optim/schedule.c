#include "optim/schedule.h"

#include <math.h>

double schedule_rate(const Schedule *s, uint64_t step) {
    const double t = (double)step, warmup = s->warmup ? (double)s->warmup : 1;
    if (s->kind == SCHEDULE_NOAM)
        return s->peak * pow((double)s->width, -0.5) * fmin(pow(t, -0.5), t * pow(warmup, -1.5));
    if (step < s->warmup) return s->peak * t / warmup;
    switch (s->kind) {
    case SCHEDULE_INVERSE_SQRT: return s->peak * sqrt(warmup / t);
    case SCHEDULE_COSINE: {
        if (step >= s->last) return s->peak * s->final;
        const double share = (t - (double)s->warmup) / ((double)s->last - (double)s->warmup);
        return s->peak * (s->final + (1 - s->final) * 0.5 * (1 + cos(acos(-1) * share)));
    }
    default: return s->peak;
    }
}
