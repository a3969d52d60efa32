#include "nn/linear.h"

#include "math/vector.h"
#include "nn/rows.h"

void linear_forward(Compute compute, real *out, const real *in, const real *weight, const real *bias, size_t N,
                    size_t I, size_t O) {
    matmul(compute, MATMUL_WRITE, out, O, matrix(in, I), transposed(weight, I), N, O, I, bias);
}

typedef struct BiasBackward {
    const real *dout;
    size_t O;
} BiasBackward;

static void bias_backward(void *context, real *partial, size_t first, size_t last) {
    const BiasBackward *b = context;
    for (size_t n = first; n < last; n++) vector_add(partial, b->dout + n * b->O, b->O);
}

static void backward(Compute compute, MatmulMode mode, real *din, real *dweight, real *dbias, const real *dout,
                     const real *in, const real *weight, size_t N, size_t I, size_t O) {
    /* forward: out = in weight^T + bias */
    if (din) matmul(compute, mode, din, I, matrix(dout, O), matrix(weight, I), N, I, O, NULL);
    matmul(compute, MATMUL_ADD, dweight, I, transposed(dout, O), matrix(in, I), O, I, N, NULL);
    BiasBackward b = {dout, O};
    if (dbias) rows_sum(compute.pool, "bias gradient", &dbias, 1, N, O, bias_backward, &b);
}

void linear_backward(Compute compute, real *din, real *dweight, real *dbias, const real *dout, const real *in,
                     const real *weight, size_t N, size_t I, size_t O) {
    backward(compute, MATMUL_WRITE, din, dweight, dbias, dout, in, weight, N, I, O);
}

void linear_backward_add(Compute compute, real *din, real *dweight, real *dbias, const real *dout, const real *in,
                         const real *weight, size_t N, size_t I, size_t O) {
    backward(compute, MATMUL_ADD, din, dweight, dbias, dout, in, weight, N, I, O);
}
