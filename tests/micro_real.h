/* The real program's model and optimiser for test_micro.c, which compares micro.c with them. They are in a file of
 * their own because both programs use the same names. There is one model at a time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "math/real.h"

typedef struct RealSizes {
    size_t vocab, width, heads, feedforward, layers, max_length;
} RealSizes;

/* Sentence b is tokens start[b] .. start[b + 1] - 1, in all three lists. */
typedef struct RealBatch {
    size_t B;
    const int32_t *source, *target_in, *target_out;
    const uint32_t *source_start, *target_start;
} RealBatch;

/* A tensor of the model. */
typedef struct RealTensor {
    real *w, *dw; /* (count) value and gradient; NULL if the model has no tensor of that name */
    size_t count;
} RealTensor;

/* A pre-norm model with ReLU, sinusoidal positions and one table of embeddings; every number is 0. */
void real_create(RealSizes sizes);
void real_free(void);
size_t real_count(void); /* parameters of the model */
RealTensor real_tensor(const char *name);

/* Adds to the gradients those of a batch, without dropout; returns the loss. Both are sums over target tokens. */
double real_learn(RealBatch batch, double smoothing);

/* Step 1, 2, ... of Adam; leaves the gradients as they are. */
void real_adam(int step, double rate, double scale, double beta1, double beta2, double epsilon);
