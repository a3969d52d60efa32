/* Linear layer: three matrix products and a sum over rows. */
#include "nn/linear.h"

#include "math/matmul.h"
#include "math/vector.h"

void linear_forward(Pool *pool, real *out, const real *in, const real *weight, const real *bias, size_t N, size_t I,
                    size_t O) {
    matmul(pool, MATMUL_WRITE, out, O, matrix(in, I), transposed(weight, I), N, O, I, bias);
}

/* The sum over rows is one chain for each column, so threads take columns, never rows. */
typedef struct BiasBackward {
    real *dbias;
    const real *dout;
    size_t N, O;
} BiasBackward;

enum { COLUMNS = 64 };

static void bias_backward(void *context, size_t task, size_t worker) {
    (void)worker;
    const BiasBackward *b = context;
    size_t first = task * COLUMNS, count = b->O - first < COLUMNS ? b->O - first : COLUMNS;
    for (size_t n = 0; n < b->N; n++) vector_add(b->dbias + first, b->dout + n * b->O + first, count);
}

/* dbias (O) += the sum of the N rows of dout (N, O). */
static void add_row_sum(Pool *pool, real *dbias, const real *dout, size_t N, size_t O) {
    BiasBackward b = {dbias, dout, N, O};
    pool_run(pool, (O + COLUMNS - 1) / COLUMNS, bias_backward, &b);
}

void linear_backward(Pool *pool, real *din, real *dweight, real *dbias, const real *dout, const real *in,
                     const real *weight, size_t N, size_t I, size_t O) {
    /* forward: out = in weight^T + bias */
    if (din) matmul(pool, MATMUL_ADD, din, I, matrix(dout, O), matrix(weight, I), N, I, O, NULL);
    matmul(pool, MATMUL_ADD, dweight, I, transposed(dout, O), matrix(in, I), O, I, N, NULL);
    if (dbias) add_row_sum(pool, dbias, dout, N, O);
}
