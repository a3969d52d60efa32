#include "math/kernels.h"

#include "math/product_few.h"
#include "math/product_int8.h"
#include "math/product_pack.h"
#include "math/product_pairs_tile.h"
#include "math/vector_rows.h"

const MathKernels ISA_TABLE(math_kernels) = {
    .float32 = {.mr = MR, .nr = NR, .strip = strip, .few = few, .pack = pack, .slivers = slivers},
#ifndef NMT_DOUBLE
    .pairs = {.mr = PAIRS_MR,
              .nr = PAIRS_NR,
              .tile = pairs_tile,
              .pack = pairs_pack,
              .pack_rows = pairs_pack_rows,
              .turn = pairs_turn},
    .int8 = {.nr = INT8_NR, .round = int8_round, .strip = int8_strip},
#endif
    .peak = peak,
    MATH_KERNELS(ISA_VALUE)};
