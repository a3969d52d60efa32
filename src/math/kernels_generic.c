/* Kernels for any CPU: vectors of 16 bytes, which the compiler maps to what its baseline has (SSE2, or plain code). */
#define ISA          generic
#define VECTOR       16
#define TILE_ROWS    4
#define TILE_VECTORS 2
#ifdef __SSE2__
#include <emmintrin.h>
#define MUL_WIDE(a, b) ((vlong)_mm_mul_epu32((__m128i)(a), (__m128i)(b)))
#else
#define MUL_WIDE(a, b) (((vlong)(a)&0xffffffffu) * ((vlong)(b)&0xffffffffu))
#endif
#include "math/kernels_impl.h"
