/* Kernels for x86-64 with AVX-512 (F, BW, DQ, VL): 32 registers of 64 bytes, of which the tile takes 28. */
#include "math/kernels.h"

#ifdef __AVX512F__
#include <immintrin.h>
#define ISA            avx512
#define VECTOR         64
#define TILE_ROWS      14
#define TILE_VECTORS   2
#define MUL_WIDE(a, b) ((vlong)_mm512_mul_epu32((__m512i)(a), (__m512i)(b)))
#include "math/kernels_impl.h"
#else
const Kernels *const kernels_avx512 = NULL;
#endif
