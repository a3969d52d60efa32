#include "micro_real.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/pool.h"
#include "model/transformer.h"
#include "optim/adam.h"

static Pool *pool;
static Transformer model;
static real *w, *dw, *m, *v; /* blocks of the model's layout: parameters, gradient, Adam's moments */

void real_create(RealSizes sizes) {
    enum { SENTENCES = 8 };
    const Hyper hyper = {.vocab = sizes.vocab,
                         .width = sizes.width,
                         .heads = sizes.heads,
                         .feedforward = sizes.feedforward,
                         .encoder_layers = sizes.layers,
                         .decoder_layers = sizes.layers,
                         .max_length = sizes.max_length,
                         .norm = NORM_PRE,
                         .activation = ACTIVATION_RELU,
                         .tying = TYING_ALL,
                         .positions = POSITIONS_SINUSOIDAL};
    const size_t P = sizes.max_length;
    const TransformerLimits limits = {SENTENCES * P, SENTENCES * P, P, P};
    Error err;
    pool = pool_create(2, &err);
    CHECK(pool && hyper_check(&hyper, "test_micro", &err) &&
              transformer_create(&model, &hyper, (Compute){.pool = pool}, limits, TRAINING_ONCE, &err),
          "the real program takes micro.c's sizes");
    real **const blocks[] = {&w, &dw, &m, &v};
    for (size_t i = 0; i < 4; i++) *blocks[i] = memory_new(model.params.count, sizeof(real));
}

void real_free(void) {
    free(w), free(dw), free(m), free(v);
    transformer_free(&model);
    pool_free(pool);
}

size_t real_count(void) { return model.params.count; }

RealTensor real_tensor(const char *name) {
    for (size_t t = 0; t < model.params.tensor_count; t++) {
        const Tensor *tensor = &model.params.tensors[t];
        if (strcmp(tensor->name, name) == 0)
            return (RealTensor){w + tensor->offset, dw + tensor->offset, tensor->count};
    }
    return (RealTensor){0};
}

double real_learn(RealBatch batch, double smoothing) {
    const size_t P = model.params.hyper.max_length;
    const Packed source = {batch.B, batch.source, batch.source_start, P};
    const Packed target = {batch.B, batch.target_in, batch.target_start, P};
    return transformer_train(&model, w, dw, source, target, batch.target_out, (LossOptions){.smoothing = smoothing}, 1,
                             (TransformerStep){1, 1, 0})
        .loss;
}

void real_adam(int step, double rate, double scale, double beta1, double beta2, double epsilon) {
    adam_update(pool, &model.params, w, m, v, dw, (uint64_t)step, rate, scale,
                (AdamOptions){beta1, beta2, epsilon, .weight_decay = 0});
}
