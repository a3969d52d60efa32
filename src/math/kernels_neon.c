/* Kernels for 64-bit ARM with NEON: 32 registers of 16 bytes, of which the tile takes 24. */
#include "math/kernels.h"

#if defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#define ISA            neon
#define VECTOR         16
#define TILE_ROWS      6
#define TILE_VECTORS   4
#define MUL_WIDE(a, b) ((vlong)vmull_u32(vmovn_u64((uint64x2_t)(a)), vmovn_u64((uint64x2_t)(b))))
#include "math/kernels_impl.h"
#else
const Kernels *const kernels_neon = NULL;
#endif
