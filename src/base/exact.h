/* What the numeric code needs of the compiler: arithmetic as it is written. Files that compute with floating-point
 * numbers include this, most of them by way of math/real.h or base/error.h. */
#pragma once

#include <float.h>

#if defined(__FAST_MATH__) || (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__) ||                               \
    defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__)
#error "-ffast-math, -Ofast and their parts may change the order of sums and lose NaN: build without them"
#endif

#if FLT_EVAL_METHOD != 0
#error "float and double are computed in another precision here; on 32-bit x86, add -msse2 -mfpmath=sse"
#endif

_Static_assert(sizeof 1.0 == sizeof(double), "build without -fsingle-precision-constant");

enum ExactEnum { EXACT_ENUM };
_Static_assert(sizeof(enum ExactEnum) == sizeof(int), "build without -fshort-enums");
