#include "model/pass.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "nn/embedding.h"

Dropout pass_dropout(const Pass *pass, StackName stack, size_t layer, DropoutPlace place) {
    if (!pass->training) return dropout_none();
    const Hyper *h = &pass->params->hyper;
    double rate = place == PLACE_SELF_WEIGHTS || place == PLACE_CROSS_WEIGHTS ? h->attention_dropout
                  : place == PLACE_ACTIVATION                                 ? h->activation_dropout
                                                                              : h->dropout;
    if (rate == 0) return dropout_none();
    CHECK(pass->piece < PASS_MAX_PIECES && layer < HYPER_MAX_LAYERS, "a dropout site has its own number");
    /* piece: 12 bits; stack: 1; layer: 6; place: 4. Below RNG_SITE_SHUFFLE. */
    uint32_t site = pass->piece << 11 | (uint32_t)stack << 10 | (uint32_t)layer << 4 | (uint32_t)place;
    return dropout_make(rate, (RngSite){pass->seed, pass->step, site});
}

const real *pass_sinusoidal(PositionTable *t, const Hyper *h, size_t positions) {
    if (h->positions != POSITIONS_SINUSOIDAL || positions <= t->positions) return t->table;
    free(t->table);
    t->table = memory_new(positions * h->width, sizeof *t->table);
    t->positions = positions;
    embedding_positions(t->table, positions, h->width);
    return t->table;
}

/* The offset of a stack's learned positions. */
static size_t learned(const Pass *pass, StackName stack) {
    return stack == STACK_ENCODER ? pass->params->encoder_positions : pass->params->decoder_positions;
}

const real *pass_positions(const Pass *pass, StackName stack) {
    if (pass->knockout && pass->knockout->positions) return NULL;
    return pass->params->hyper.positions == POSITIONS_LEARNED ? pass->net.w + learned(pass, stack) : pass->sinusoidal;
}

real *pass_dpositions(const Pass *pass, StackName stack) {
    return pass->params->hyper.positions == POSITIONS_LEARNED ? pass->net.dw + learned(pass, stack) : NULL;
}
