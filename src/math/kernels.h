/* The loops of math/, compiled once for each instruction set (math/isa.h): those of vector.h and the matrix product's.
 * Only files of src/math/ include this; everybody else uses matmul.h and vector.h. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "math/int8.h"
#include "math/isa.h"
#include "math/pairs.h"
#include "math/product.h"
#include "math/real.h"

/* KERNEL(returns, name, (parameters), (arguments)): the loops are in math/vector_rows.h, the public functions in
 * math/vector.h. */
/* clang-format off */
#define MATH_KERNELS(KERNEL)                                                                                           \
    KERNEL(real,   dot,        (const real *x, const real *y, size_t n),             (x, y, n))                        \
    KERNEL(real,   sum,        (const real *x, size_t n),                            (x, n))                           \
    KERNEL(real,   max,        (const real *x, size_t n),                            (x, n))                           \
    KERNEL(real,   max_and_sum, (real *total, const real *x, size_t n),              (total, x, n))                    \
    KERNEL(double, square_sum, (const real *x, size_t n),                            (x, n))                           \
    KERNEL(void,   scale,      (real *x, real a, size_t n),                          (x, a, n))                        \
    KERNEL(void,   add,        (real *y, const real *x, size_t n),                   (y, x, n))                        \
    KERNEL(void,   plus,       (real *out, const real *x, const real *y, size_t n),  (out, x, y, n))                   \
    KERNEL(void,   axpy,       (real *y, real a, const real *x, size_t n),           (y, a, x, n))                     \
    KERNEL(void,   affine,     (real *x, real a, real b, size_t n),                  (x, a, b, n))                     \
    KERNEL(real,   exp_sum,    (real *out, const real *x, real shift, size_t n),     (out, x, shift, n))              \
    KERNEL(real,   softmax,    (real *out, const real *x, size_t n),                 (out, x, n))                      \
    KERNEL(void,   softmax_rows, (real *x, real *log_sum, size_t stride, size_t rows, size_t n),                       \
                                                                                     (x, log_sum, stride, rows, n))    \
    KERNEL(void,   softmax_again, (real *x, const real *log_sum, size_t stride, size_t rows, size_t n),                \
                                                                                     (x, log_sum, stride, rows, n))    \
    KERNEL(void,   softmax_backward, (real *ds, const real *p, const real *dp, real scale, size_t rows, size_t n),     \
                                                                                     (ds, p, dp, scale, rows, n))      \
    KERNEL(void,   round_to_halves, (uint16_t *out, const real *x, size_t n),        (out, x, n))                      \
    KERNEL(void,   halves_to_reals, (real *out, const uint16_t *x, size_t n),        (out, x, n))
/* clang-format on */

typedef struct MathKernels {
    MATH_KERNELS(ISA_FIELD)
    ProductKernels float32;
    PairKernels pairs; /* products in bfloat16 of CPUs without instructions for them; not in the double build */
    Int8Kernels int8;  /* products in 8-bit integers; not in the double build */
    /* Nothing but multiply-adds in registers, `rounds` times; returns how many floating-point operations that was. */
    double (*peak)(size_t rounds);
} MathKernels;
ISA_CHOICE(MathKernels, math_kernels)
