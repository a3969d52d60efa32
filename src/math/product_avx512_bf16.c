/* Products in bfloat16 for x86-64 with AVX512-BF16: the tile of kernels.c, where an instruction multiplies pairs
 * and adds both products to a float.
 *
 * TILE_ADD is the one thing here that needs the instruction; tests/test_pairs.c compiles the file with one in plain C,
 * and so tries everything else on any machine. */
#include "math/product.h"

#if (defined(__AVX512BF16__) || defined(NMT_ONE_FILE)) && !defined(NMT_DOUBLE)
#include <immintrin.h>
#define TILE_ADD(sum, x, y) ((vreal)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(x), (__m512bh)(y)))
#endif

#ifdef TILE_ADD
#define VECTOR       64
#define TILE_ROWS    14
#define TILE_VECTORS 2

#include "math/product_pairs.h"

typedef uint32_t Cell __attribute__((may_alias));
/* As integers: a pair, looked at as a float, may be a NaN that arithmetic changes. */
#define TILE_SPREAD(a) ((vreal)(*(const Cell *)(a) - (vword){0}))
#include "math/product_tile.h"

static Slivers slivers(real *out, const real *a, size_t row, size_t col, size_t k, size_t rows) {
    return pairs_slivers(out, a, row, col, k, rows, MR);
}

static const ProductKernels product = {
    .mr = MR,
    .nr = NR,
    .run = PAIRS_RUN,
    .per_cell = 2,
    .tile = tile,
    .pack = pairs_pack,
    .slivers = slivers,
};
const ProductKernels *const products_avx512_bf16 = &product;
#else
const ProductKernels *const products_avx512_bf16 = NULL;
#endif
