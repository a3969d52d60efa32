/* The products of a training step: of stored factors (math/stored.h) and weights.
 *
 * In float32 they are those of matmul.h. In bfloat16 both factors are rounded and products are summed in float: an
 * element is one chain of sums in order of k, a weight's gradient one for every GRADIENT_ROWS rows. Weights are rounded
 * and packed once a step. CPUs without instructions for bfloat16 compute the same sums with floats. */
#pragma once

#include "math/matmul.h"
#include "math/stored.h"

/* out (m, n) = or += a (m, k) b (k, n), b in the block of weights. bias: (n), added to each row of a written product,
 * or NULL. Only an `out` of floats is added to; its epilogue sees the sum. */
void matmul_stored(Compute compute, MatmulMode mode, Stored out, Stored a, Matrix b, size_t m, size_t n, size_t k,
                   const real *bias, Epilogue epilogue);

/* The gradient of weights (O, I), and of a bias (O) unless NULL, that N rows had as factors in (N, I):
 * dweight += dout^T in, dbias += sum of dout's rows. In bfloat16 only. */
void matmul_stored_gradient(Compute compute, real *dweight, real *dbias, Stored dout, Stored in, size_t O, size_t I,
                            size_t N);

/* Weights as products in bfloat16 read them, packed when a product first meets them after rounded_weights_forget, which
 * is called when they have changed, or when those that are packed are not needed any more. Used by one thread at a
 * time. `bytes`: of all weights that will be packed in between, each by rounded_bytes. */
typedef struct RoundedWeights RoundedWeights;
RoundedWeights *rounded_weights_create(uint64_t bytes, Error *err);
void rounded_weights_free(RoundedWeights *rounded); /* NULL is fine */
void rounded_weights_forget(RoundedWeights *rounded);
/* Of one right factor (k, n); a linear layer's weights are one going forward and another going backward. */
uint64_t rounded_bytes(uint64_t k, uint64_t n);

/* Bytes of scratch of a thread in bfloat16. n: columns of the widest product with whole rows. */
size_t matmul_stored_scratch(size_t n);
