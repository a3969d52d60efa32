#include "math/kernels.h"

#include "math/product_few.h"
#include "math/product_pack.h"
#include "math/vector_rows.h"

const MathKernels ISA_TABLE(math_kernels) = {
    .float32 =
        {.mr = MR, .nr = NR, .run = 1, .per_cell = 1, .tile = tile, .few = few, .pack = pack, .slivers = slivers},
    .bfloat16 = {.mr = MR,
                 .nr = NR,
                 .run = 1,
                 .per_cell = 1,
                 .tile = tile,
                 .few = few,
                 .pack = pack_rounded,
                 .slivers = slivers_rounded},
    .peak = peak,
    MATH_KERNELS(ISA_VALUE)};
