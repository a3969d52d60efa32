#include "math/vector.h"

#include <string.h>

#include "math/kernels.h"

/* vector_dot and its kin: each calls the loop of that name, as it was compiled for the instruction set in use. */
#define DOOR(type, name, parameters, arguments)                                                                        \
    type vector_##name parameters { return math_kernels()->name arguments; }
MATH_KERNELS(DOOR)

void vector_clear(real *x, size_t n) { memset(x, 0, n * sizeof *x); }
void vector_copy(real *out, const real *in, size_t n) { memcpy(out, in, n * sizeof *out); }
