/* The innermost loops, compiled once for each instruction set and chosen at run time.
 *
 * src/math/kernels_impl.h holds their one implementation, in GNU C vectors of a width the including file sets;
 * kernels_generic.c, kernels_avx2.c, kernels_avx512.c and kernels_neon.c are that text compiled for one instruction set
 * each. Only files of src/math/ include this header; everybody else uses matmul.h and vector.h.
 *
 * Order of summation: a sum over n elements puts element i into partial sum i mod P and adds the partial sums up in a
 * fixed tree, so appended elements that add 0 do not change a bit of it: zeros in dot, sum and square_sum, -infinity in
 * exp_sum. With vectors of W elements, which is fixed within an instruction set, P is 4 W in dot and sum, 2 W in the
 * squares that moments adds up, W in exp_sum and normalise_backward, and 16 in square_sum. */
#ifndef NMT_MATH_KERNELS_H
#define NMT_MATH_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "math/matmul.h"
#include "math/real.h"
#include "math/vector.h"

enum {
    MATMUL_MR_MAX = 32, /* no kernel's tile is larger than this */
    MATMUL_NR_MAX = 64,
};

/* Rows of a product's left factor as its tiles take them, mr rows a sliver: cell (i, p) of sliver s at
 * data[s * sliver + i * row + p * col]. */
typedef struct Slivers {
    const real *data;
    size_t sliver, row, col;
} Slivers;

/* The matrix product in one precision. Factors are packed into cells of a real's size, which hold one number, or two
 * bfloat16 numbers that follow each other along k, the first in the lower half. A packed run of k numbers is filled up
 * with zeros to a multiple of `run` (which divides MATMUL_KC), and so takes cells(k) = that / per_cell cells. */
typedef struct ProductKernels {
    size_t mr, nr; /* rows and columns of the register tile */
    size_t run, per_cell;
    bool preferred; /* faster than float32 by so much that train.precision = auto takes it */

    /* c (mr, nr; row stride ldc) = [c or bias +] a (mr, cells) times b (cells, nr).
     * a: cell (i, p) at a[i * a_row + p * a_col]. b: packed, row p at b + p * nr. Only the first `rows` rows of a and c
     * and the first `cols` columns of c exist. add: the product is added to c; else it is written, plus bias (cols) if
     * not NULL. */
    void (*tile)(real *c, size_t ldc, const real *a, size_t a_row, size_t a_col, const real *b, size_t cells,
                 size_t rows, size_t cols, bool add, const real *bias);
    /* Packs b (k, cols), element (p, j) at b[p * row + j * col], into slivers of nr columns one after another: row p of
     * that from column j on at out + j * cells(k) + p * nr. Columns that do not exist are zeros. */
    void (*pack)(real *out, const real *b, size_t row, size_t col, size_t k, size_t cols);
    /* a (rows, k), element (i, p) at a[i * row + p * col], as the tile takes it: where it stands, or packed at out,
     * which has room for cells(k) * (rows + MATMUL_MR_MAX) cells. */
    Slivers (*slivers)(real *out, const real *a, size_t row, size_t col, size_t k, size_t rows);
    /* Come before and after the tiles of a task, on its thread; or NULL. */
    void (*begin)(void);
    void (*end)(void);
} ProductKernels;

typedef struct Kernels {
    const char *name;          /* "generic", "avx2", "avx512", "avx512_bf16", "amx", "neon" */
    ProductKernels product[2]; /* by Precision */

    /* Nothing but multiply-adds in registers, `rounds` times; returns how many floating-point operations that was. */
    double (*peak)(size_t rounds);

    real (*dot)(const real *x, const real *y, size_t n);
    real (*sum)(const real *x, size_t n);
    real (*max)(const real *x, size_t n);
    double (*square_sum)(const real *x, size_t n);
    void (*scale)(real *x, real a, size_t n);
    void (*add)(real *y, const real *x, size_t n);
    void (*sum_of)(real *out, const real *x, const real *y, size_t n);
    void (*axpy)(real *y, real a, const real *x, size_t n);
    void (*affine)(real *x, real a, real b, size_t n);
    real (*exp_sum)(real *out, const real *x, real shift, size_t n);
    void (*softmax_backward)(real *ds, const real *p, const real *dp, real mean, real scale, size_t n);
    void (*gelu)(real *out, const real *in, size_t n);
    void (*gelu_backward)(real *din, const real *dout, const real *in, size_t n);
    void (*relu)(real *out, const real *in, size_t n);
    void (*relu_backward)(real *din, const real *dout, const real *in, size_t n);
    void (*normalise)(real *out, const real *in, real mean, real rstd, const real *w, const real *b, size_t n);
    void (*normalise_backward)(real *din, real *dw, real *db, const real *dout, const real *in, real mean, real rstd,
                               const real *w, size_t n);
    void (*moments)(const real *x, real *mean, real *variance, size_t n);
    void (*dropout)(real *out, const real *in, const real *add, uint32_t keep, real scale, RngSite site, uint64_t index,
                    size_t n);
    void (*adam)(real *w, real *m, real *v, const real *gradient, const AdamStep *step, size_t n);
} Kernels;

/* The kernels in use: the best the CPU has, or those that the environment variable NMT_ISA names. Found once. */
const Kernels *kernels(void);

/* The tables, one an instruction set; NULL where the compiler does not target it. */
extern const Kernels *const kernels_generic;
extern const Kernels *const kernels_avx2;
extern const Kernels *const kernels_avx512;
extern const Kernels *const kernels_neon;

/* Products in bfloat16 of CPUs that have AVX-512, too; the rest of their tables is AVX-512's. */
extern const ProductKernels *const products_avx512_bf16;
extern const ProductKernels *const products_amx;

#endif
