/* Products in bfloat16 for x86-64 with AVX512-BF16: an instruction multiplies pairs and adds both products to a float.
 *
 * PAIR_ADD is the one thing here that needs the instruction; tests/test_pairs.c compiles the file with one in plain C,
 * and so tries everything else on any machine. */
#include "math/pairs.h"

#if (defined(__AVX512BF16__) || defined(NMT_ONE_FILE)) && !defined(NMT_DOUBLE)
#include <immintrin.h>
#define PAIR_ADD(sum, x, y) ((vreal)_mm512_dpbf16_ps((__m512)(sum), (__m512bh)(x), (__m512bh)(y)))
#endif

#ifdef PAIR_ADD
#define VECTOR       64
#define TILE_ROWS    14
#define TILE_VECTORS 2
#include "math/product_pairs_tile.h"

static const PairKernels kernels = {
    .mr = PAIRS_MR,
    .nr = PAIRS_NR,
    .tile = pairs_tile,
    .pack = pairs_pack,
    .pack_rows = pairs_pack_rows,
    .turn = pairs_turn,
};
const PairKernels *const pairs_avx512_bf16 = &kernels;
#else
const PairKernels *const pairs_avx512_bf16 = NULL;
#endif
