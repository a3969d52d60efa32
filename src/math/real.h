/* real: the number the numeric code computes in. float in the product; double in the gradient-check build, which
 * compiles the very same files with -DNMT_DOUBLE so that a backward pass is checked far below float noise. */
#ifndef NMT_MATH_REAL_H
#define NMT_MATH_REAL_H

#ifdef NMT_DOUBLE
typedef double real;
#else
typedef float real;
#endif

#endif
