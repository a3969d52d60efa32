/* The products of a training step: of stored factors (math/stored.h) and weights.
 *
 * In float32 they are those of matmul.h. In bfloat16 both factors are rounded, and products are summed in float. An
 * element is one chain of sums in order of k (with AMX, of 32 products each); an element of a weight's gradient is one
 * chain for every GRADIENT_ROWS rows. Weights are rounded and packed once a batch. CPUs without instructions for
 * bfloat16 compute the same products, and sum them with floats. */
#pragma once

#include "math/matmul.h"
#include "math/stored.h"

/* out (m, n) = or += a (m, k) b (k, n), where b is part of the block of weights. bias: (n), added to each row, only
 * with MATMUL_WRITE; or NULL. With MATMUL_ADD, `out` has to be floats, and the epilogue sees the sum. */
void matmul_stored(Compute compute, MatmulMode mode, Stored out, Stored a, Matrix b, size_t m, size_t n, size_t k,
                   const real *bias, Epilogue epilogue);

/* The gradients of weights (O, I), and of a bias (O) unless NULL, in a product with N rows: dweight += dout^T in, dbias
 * += sum of dout's rows. dout: (N, O); in: (N, I). In bfloat16 only. */
void matmul_stored_gradient(Compute compute, real *dweight, real *dbias, Stored dout, Stored in, size_t O, size_t I,
                            size_t N);

/* Weights as products in bfloat16 read them. They are packed when a product first needs them. Call
 * rounded_weights_forget when they have changed, or when the packed ones are not needed any more. `bytes`: the sum of
 * rounded_bytes of all weights that are packed before they are forgotten. Used by one thread at a time. */
typedef struct RoundedWeights RoundedWeights;
RoundedWeights *rounded_weights_create(uint64_t bytes, Error *err);
void rounded_weights_free(RoundedWeights *rounded); /* NULL is fine */
void rounded_weights_forget(RoundedWeights *rounded);
/* For one right factor (k, n). A linear layer's weights are two: one for forward, and one for backward. */
uint64_t rounded_bytes(uint64_t k, uint64_t n);

/* Bytes of scratch of a thread in bfloat16. n: columns of the widest product with whole rows. */
size_t matmul_stored_scratch(size_t n);
