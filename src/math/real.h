/* real: the number the numeric code computes in. float, or double in the gradient-check build, which
 * compiles the same files with -DNMT_DOUBLE, so that rounding does not hide an error in a backward pass. */
#ifndef NMT_MATH_REAL_H
#define NMT_MATH_REAL_H

#ifdef NMT_DOUBLE
typedef double real;
#else
typedef float real;
#endif

#endif
