/* Products in 8-bit integers for x86-64 with AVX512-VNNI: an instruction adds the four products of a cell. */
#include "math/int8.h"

#if (defined(__AVX512VNNI__) || defined(NMT_ONE_FILE)) && !defined(NMT_DOUBLE)
#include <immintrin.h>
#define INT8_DOT(sum, a, b) ((vint)_mm512_dpbusd_epi32((__m512i)(sum), (__m512i)(a), (__m512i)(b)))
#define VECTOR              64
#define TILE_ROWS           14
#define TILE_VECTORS        2
#include "math/product_int8.h"

static const Int8Kernels kernels = {.nr = INT8_NR, .round = int8_round, .strip = int8_strip};
const Int8Kernels *const int8_avx512_vnni = &kernels;
#else
const Int8Kernels *const int8_avx512_vnni = NULL;
#endif
