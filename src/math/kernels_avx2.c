/* Kernels for x86-64 with AVX2 and FMA: 16 registers of 32 bytes, of which the tile takes 12. */
#include "math/kernels.h"

#ifdef __AVX2__
#include <immintrin.h>
#define ISA            avx2
#define VECTOR         32
#define TILE_ROWS      6
#define TILE_VECTORS   2
#define MUL_WIDE(a, b) ((vlong)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))
#include "math/kernels_impl.h"
#else
const Kernels *const kernels_avx2 = NULL;
#endif
