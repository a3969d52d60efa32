/* The optimiser's loop, compiled once for each instruction set (math/isa.h). Only files of src/optim/ include this. */
#pragma once

#include <stddef.h>

#include "math/isa.h"
#include "optim/adam_step.h"

/* clang-format off */
#define OPTIM_KERNELS(KERNEL)                                                                                          \
    /* optim/adam_rows.h */                                                                                            \
    KERNEL(void, adam, (real *w, real *m, real *v, const real *gradient, const AdamStep *step, size_t n))
/* clang-format on */

typedef struct OptimKernels {
    OPTIM_KERNELS(ISA_FIELD)
} OptimKernels;
ISA_CHOICE(OptimKernels, optim_kernels)
