/* The layers' loops, compiled once for each instruction set (math/isa.h): nn_kernels()->relu is relu() of
 * nn/activation_rows.h, compiled for the CPU in use. Only files of src/nn/ include this. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "math/isa.h"
#include "math/real.h"

/* clang-format off */
#define NN_KERNELS(KERNEL)                                                                                             \
    /* nn/layernorm_rows.h */                                                                                          \
    KERNEL(void, layernorm_row,          (real *out, real *mean, real *rstd, const real *in, const real *w,            \
                                          const real *b, size_t n))                                                    \
    KERNEL(void, layernorm_row_again,    (real *out, const real *in, real mean, real rstd, const real *w,              \
                                          const real *b, size_t n))                                                    \
    KERNEL(void, layernorm_row_backward, (real *din, real *dw, real *db, const real *dout, const real *in, real mean,  \
                                          real rstd, const real *w, size_t n))                                         \
    /* nn/activation_rows.h */                                                                                         \
    KERNEL(void, relu,                   (real *out, const real *in, size_t n))                                        \
    KERNEL(void, relu_backward,          (real *din, const real *dout, const real *in, size_t n))                      \
    KERNEL(void, gelu,                   (real *out, const real *in, size_t n))                                        \
    KERNEL(void, gelu_backward,          (real *din, const real *dout, const real *in, size_t n))                      \
    /* nn/dropout_rows.h */                                                                                            \
    KERNEL(void, dropout,                (real *out, const real *in, const real *add, uint32_t keep, real scale,       \
                                          RngSite site, uint64_t index, size_t n))                                     \
    KERNEL(void, dropout_spans,          (real *out, const real *in, uint32_t keep, real scale, RngSite site,          \
                                          uint64_t index, uint64_t apart, size_t rows, size_t n))                      \
    /* nn/loss_rows.h */                                                                                               \
    KERNEL(void, loss_pair,              (real *dp, real *dq, const real *p, const real *q, real own_p, real own_q,    \
                                          real pull, real smooth, size_t n))                                           \
    /* nn/attention_rows.h */                                                                                          \
    KERNEL(void, attention_score,        (real *score, const real *q, const real *keys, size_t stride, real scale,     \
                                          size_t T, size_t K))                                                         \
    KERNEL(void, attention_weigh,        (real *out, const real *weight, const real *v, size_t stride, size_t T,       \
                                          size_t K))
/* clang-format on */

typedef struct NnKernels {
    NN_KERNELS(ISA_FIELD)
} NnKernels;
ISA_CHOICE(NnKernels, nn_kernels)
