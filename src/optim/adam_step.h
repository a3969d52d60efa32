#pragma once

#include "math/real.h"

/* The constants of a step of Adam. */
typedef struct AdamStep {
    real rate;               /* learning rate */
    real beta1, beta2;       /* decay of the moments */
    real correct1, correct2; /* 1 / (1 - beta^t) */
    real epsilon;
    real decay; /* rate * weight decay; 0: none */
    real scale; /* multiplies the gradient first (clipping) */
} AdamStep;
