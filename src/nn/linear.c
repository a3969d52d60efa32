#include "nn/linear.h"

#include "math/vector.h"
#include "nn/rows.h"

void linear_forward(Compute compute, real *out, const real *in, const real *weight, const real *bias, size_t N,
                    size_t I, size_t O) {
    matmul(compute, MATMUL_WRITE, out, O, matrix(in, I), transposed(weight, I), N, O, I, bias);
}

void linear_forward_stored(Compute compute, Stored out, Stored in, const real *weight, const real *bias, size_t N,
                           size_t I, size_t O, Epilogue epilogue) {
    matmul_stored(compute, MATMUL_WRITE, out, in, transposed(weight, I), N, O, I, bias, epilogue);
}

static void bias_backward(void *context, real *partial, size_t first, size_t last) {
    const Stored *dout = context;
    for (size_t n = first; n < last; n++) vector_add(partial, stored_floats(*dout) + n * dout->stride, dout->width);
}

static void backward(Compute compute, MatmulMode mode, Stored din, real *dweight, real *dbias, Stored dout, Stored in,
                     const real *weight, size_t N, size_t I, size_t O, Epilogue epilogue) {
    /* forward: out = in weight^T + bias */
    if (din.data) matmul_stored(compute, mode, din, dout, matrix(weight, I), N, I, O, NULL, epilogue);
    if (compute.precision == PRECISION_BFLOAT16) {
        matmul_stored_gradient(compute, dweight, dbias, dout, in, O, I, N);
        return;
    }
    matmul(compute, MATMUL_ADD, dweight, I, transposed(stored_floats(dout), dout.stride),
           matrix(stored_floats(in), in.stride), O, I, N, NULL);
    if (dbias) rows_sum(compute.pool, "bias gradient", &dbias, 1, N, O, bias_backward, &dout);
}

void linear_backward(Compute compute, Stored din, real *dweight, real *dbias, Stored dout, Stored in,
                     const real *weight, size_t N, size_t I, size_t O, Epilogue epilogue) {
    backward(compute, MATMUL_WRITE, din, dweight, dbias, dout, in, weight, N, I, O, epilogue);
}

void linear_backward_add(Compute compute, real *din, real *dweight, real *dbias, Stored dout, Stored in,
                         const real *weight, size_t N, size_t I, size_t O) {
    backward(compute, MATMUL_ADD, stored_reals(din, I), dweight, dbias, dout, in, weight, N, I, O, (Epilogue){0});
}
