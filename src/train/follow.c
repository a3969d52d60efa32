#include "train/follow.h"

#include "train/checkpoint.h"
#include "train/measure.h"
#include "train/ranks.h"

bool follow_run(Trainer *t, int *code, Error *err) {
    Ranks *const r = t->config->ranks;
    RankOrder order;
    uint64_t value;
    while (ranks_take(r, &order, &value)) {
        Measured measured;
        Error ignored; /* rank 0 gets the message, too */
        switch (order) {
        case ORDER_STEP: trainer_step(t); break;
        case ORDER_TRY: trainer_step_from(t, (size_t)value); break;
        case ORDER_LOSS: trainer_valid_loss(t); break;
        case ORDER_TRANSLATE: measure_together(t, (size_t)value, &measured, &ignored); break;
        case ORDER_STATE: checkpoint_share(t, &ignored); break;
        case ORDER_END: *code = (int)value; return true;
        }
    }
    return !ranks_lost(r, err);
}
