/* The matrix product: everything in this program that is not element by element.
 *
 * A Matrix is a view: element (i, j) is data[i * row + j * col], so a transpose costs nothing. An output is row-major
 * with a row stride. One thread computes an element of the output: it adds up the k products in order, in runs of
 * MATMUL_KC. So the bits of an element depend neither on the number of threads nor on how many other rows there are.
 * Zeros appended to both factors along k do not change them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/pool.h"
#include "math/real.h"
#include "math/stored.h"

enum { MATMUL_KC = 256 }; /* longest run of products summed before being added to the output */

typedef struct Matrix {
    const real *data;
    size_t row, col; /* strides, in elements */
} Matrix;

/* A row-major matrix whose rows are `stride` elements apart, and its transpose. */
static inline Matrix matrix(const real *data, size_t stride) { return (Matrix){data, stride, 1}; }
static inline Matrix transposed(const real *data, size_t stride) { return (Matrix){data, 1, stride}; }

typedef enum MatmulMode {
    MATMUL_WRITE, /* c = a b */
    MATMUL_ADD,   /* c += a b */
} MatmulMode;

/* Weights w (count) that stay as they are for a while: those of a trained model, or during a training step. If they are
 * in the Compute of a product, and its b lies in w, the product packs b (see matmul.c) only the first time. The bits
 * are the same, and a single row takes a third of the time. The packed weights take as much memory as the weights
 * themselves, or twice that if products use them both as they are and transposed. If there is no memory for them, b is
 * packed each time, like any other factor. Used by one thread at a time. Free with packed_weights_free (NULL is fine).
 *
 * int8: packed weights are rounded to 8-bit integers, and products are computed with them (math/int8.h). That is
 * faster, takes a quarter of the memory, and is less exact. It applies only if the columns of b and the rows of a are
 * contiguous, as a layer's weights and inputs are; other products stay in float32. */
typedef struct PackedWeights PackedWeights;
PackedWeights *packed_weights_create(const real *w, size_t count, bool int8);
void packed_weights_free(PackedWeights *packed);
/* Forgets what is packed; from now on the weights are w. The memory is kept for them. */
void packed_weights_forget(PackedWeights *packed, const real *w, size_t count);

/* How products are computed: a parameter of all functions that multiply matrices on all threads. {.pool = pool}: in
 * float32, with nothing packed. */
typedef struct Compute {
    Pool *pool;
    Precision precision;
    PackedWeights *packed;          /* NULL: none */
    struct RoundedWeights *rounded; /* of products in bfloat16: math/matmul_stored.h */
} Compute;

/* bfloat16 where the CPU computes with it faster than with floats (cpu_fast_pairs), else float32. */
Precision matmul_fast_precision(void);

/* c (m, n) = or += a (m, k) b (k, n); c's rows are ldc elements apart. Split over the pool's threads if it is large
 * enough. bias: (n), added to each row of c, only with MATMUL_WRITE; or NULL. With k = 0, MATMUL_WRITE writes the bias
 * or zeros. */
void matmul(Compute compute, MatmulMode mode, real *c, size_t ldc, Matrix a, Matrix b, size_t m, size_t n, size_t k,
            const real *bias);

/* The same, and then the epilogue, on the finished c. */
void matmul_and(Compute compute, MatmulMode mode, real *c, size_t ldc, Matrix a, Matrix b, size_t m, size_t n, size_t k,
                const real *bias, Epilogue epilogue);

/* The same product in float32 on the calling thread, inside a pool task; scratch: matmul_scratch() bytes of the
 * caller's. */
void matmul_alone(void *scratch, MatmulMode mode, real *c, size_t ldc, Matrix a, Matrix b, size_t m, size_t n, size_t k,
                  const real *bias);

/* c = a b with rows of matmul_padded(n) elements, of which those from n on are 0. A narrow product is faster this way,
 * because it needs no code for the edge of its last tile. */
void matmul_alone_padded(void *scratch, real *c, Matrix a, Matrix b, size_t m, size_t n, size_t k);

/* n rounded up to a multiple of a tile's columns, of which there are at most MATMUL_NR_MAX. */
size_t matmul_padded(size_t n);

/* Bytes of memory that a product needs, of each thread and of the pool. Call pool_reserve(pool, matmul_scratch(),
 * matmul_shared()) before the first matmul on a pool. */
size_t matmul_scratch(void);
size_t matmul_shared(void);

/* For benchmarks: the multiply-add limit of a core. Runs multiply-adds in registers, `rounds` times some dozens, and
 * returns how many floating-point operations that was. */
double matmul_peak(size_t rounds);
