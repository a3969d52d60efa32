/* The matrix product: everything in this program that is not element by element.
 *
 * A Matrix is a view: element (i, j) is data[i * row + j * col], so a transpose costs nothing. An output is
 * row-major with a row stride. Every element of the output is the sum of its k products in order, in runs of MATMUL_KC,
 * by one thread, so its bits depend neither on the number of threads nor on how many other rows there are, and
 * appending zeros to both factors along k changes nothing. */
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

/* Weights w (count) that stay as they are for a while: those of a trained model, or during a training step. A product
 * that has them in its Compute, and whose b lies in w, packs b (see matmul.c) the first time only: the same bits, a
 * third of the time for a single row, and as much memory again as the weights it meets. Without memory for that, b is
 * packed each time, as all others are. Used by one thread at a time. Free with packed_weights_free (NULL is fine).
 *
 * int8: what is packed is rounded to 8-bit integers, and multiplied so (math/int8.h): faster and in a quarter of the
 * memory, but less exact. That is for b whose columns, and a whose rows, are contiguous, as a layer's weights and
 * inputs are; other products stay in float32. */
typedef struct PackedWeights PackedWeights;
PackedWeights *packed_weights_create(const real *w, size_t count, bool int8);
void packed_weights_free(PackedWeights *packed);
/* Begins anew, with these weights. Memory is kept for them. */
void packed_weights_forget(PackedWeights *packed, const real *w, size_t count);

/* How products are computed. Everything that multiplies matrices on all threads takes one. {.pool = pool}: in float32,
 * with nothing packed. */
typedef struct Compute {
    Pool *pool;
    Precision precision;
    PackedWeights *packed;          /* NULL: none */
    struct RoundedWeights *rounded; /* of products in bfloat16: math/matmul_stored.h */
} Compute;

/* Whether the CPU in use multiplies bfloat16 numbers; otherwise floats are rounded, which is slower than leaving them.
 */
bool matmul_has_bfloat16(void);

/* bfloat16 where the CPU multiplies it many times as fast as floats (AMX), else float32. */
Precision matmul_fast_precision(void);

/* c (m, n) = or += a (m, k) b (k, n); c's rows are ldc elements apart. Split over the pool's threads if it is large
 * enough. bias: (n), added to each row of a written product, or NULL. k = 0 writes the bias or zeros. */
void matmul(Compute compute, MatmulMode mode, real *c, size_t ldc, Matrix a, Matrix b, size_t m, size_t n, size_t k,
            const real *bias);

/* The same, and then the epilogue, which sees what c is when the product is done. */
void matmul_and(Compute compute, MatmulMode mode, real *c, size_t ldc, Matrix a, Matrix b, size_t m, size_t n, size_t k,
                const real *bias, Epilogue epilogue);

/* The same product in float32 on the calling thread, inside a pool task; scratch: matmul_scratch() bytes of the
 * caller's. */
void matmul_alone(void *scratch, MatmulMode mode, real *c, size_t ldc, Matrix a, Matrix b, size_t m, size_t n, size_t k,
                  const real *bias);

/* c = a b with rows of matmul_padded(n) elements, of which those from n on are 0. A narrow product is faster so,
 * because it needs no code for the edge of its last tile. */
void matmul_alone_padded(void *scratch, real *c, Matrix a, Matrix b, size_t m, size_t n, size_t k);

/* n rounded up to the columns of whole tiles, which are MATMUL_NR_MAX at most. */
size_t matmul_padded(size_t n);

/* Bytes of memory that a product needs, of each thread and of the pool: pool_reserve(pool, matmul_scratch(),
 * matmul_shared()) comes before the first matmul on it. */
size_t matmul_scratch(void);
size_t matmul_shared(void);

/* For benchmarks: the multiply-add limit of a core. Runs multiply-adds in registers, `rounds` times some dozens, and
 * returns how many floating-point operations that was. */
double matmul_peak(size_t rounds);
