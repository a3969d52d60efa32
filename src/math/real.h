/* real: the number the numeric code computes in. float, or double in the gradient-check build, which
 * compiles the same files with -DNMT_DOUBLE, so that rounding does not hide an error in a backward pass. */
#pragma once

#include "base/exact.h"

#ifdef NMT_DOUBLE
typedef double real;
#else
typedef float real;
#endif
