/* A packed, blocked matrix product (the scheme of Goto and van de Geijn, "Anatomy of high-performance matrix
 * multiplication", ACM TOMS 2008).
 *
 * The output is cut into tiles of mr x nr elements whose sums live in registers (Kernels.tile). For a panel of b, KC
 * rows by NC columns, copied once into slivers of nr columns so that the tile reads it in order, all rows of a pass by.
 * a is read where it stands when its rows are contiguous, and copied in slivers of mr rows when it is a transpose,
 * whose elements would otherwise lie a whole row apart. */
#include "math/matmul.h"

#include "math/kernels.h"

enum {
    KC = MATMUL_KC,
    NC = 256,        /* columns of a packed panel: KC * NC floats are 256 KiB, within a second-level cache */
    SPLIT = 1 << 16, /* products below this many multiply-adds stay on one thread */
    BLOCKS = 2,      /* tasks a thread, so that a slow core can leave one to a fast one */
    ROWS_MIN = 64,   /* a task packs its own panel of b, which this many rows repay */
};

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

size_t matmul_scratch(void) {
    return (KC * (NC + MATMUL_NR_MAX) + KC * MATMUL_MR_MAX) * sizeof(real);
}

void matmul_alone(void *scratch, MatmulMode mode, real *c, size_t ldc, Matrix a, Matrix b, size_t m, size_t n, size_t k,
                  const real *bias) {
    const Kernels *kernel = kernels();
    const size_t mr = kernel->mr, nr = kernel->nr;
    real *panel = scratch, *sliver = panel + KC * (NC + MATMUL_NR_MAX);
    const size_t nc = NC / nr * nr;

    for (size_t j0 = 0; j0 < n; j0 += nc) {
        size_t columns = least(nc, n - j0);
        for (size_t p0 = 0; p0 == 0 || p0 < k; p0 += KC) {
            size_t depth = least(KC, k - p0);
            bool add = mode == MATMUL_ADD || p0 > 0;
            for (size_t j = 0; j < columns; j += nr)
                kernel->pack(panel + j * KC, b.data + p0 * b.row + (j0 + j) * b.col, b.row, b.col, depth,
                             least(nr, columns - j));
            for (size_t i = 0; i < m; i += mr) {
                size_t rows = least(mr, m - i);
                const real *from = a.data + i * a.row + p0 * a.col;
                size_t a_row = a.row, a_col = a.col;
                if (a.col != 1) {
                    for (size_t p = 0; p < depth; p++)
                        for (size_t r = 0; r < rows; r++) sliver[p * mr + r] = from[r * a.row + p * a.col];
                    from = sliver, a_row = 1, a_col = mr;
                }
                for (size_t j = 0; j < columns; j += nr)
                    kernel->tile(c + i * ldc + j0 + j, ldc, from, a_row, a_col, panel + j * KC, depth, rows,
                                 least(nr, columns - j), add, bias ? bias + j0 + j : NULL);
            }
        }
    }
}

typedef struct Product {
    Pool *pool;
    MatmulMode mode;
    real *c;
    size_t ldc;
    Matrix a, b;
    size_t m, n, k;
    const real *bias;
    size_t rows, columns; /* of one task's block of c */
    size_t across;        /* blocks side by side */
} Product;

static void product_task(void *context, size_t task, size_t worker) {
    const Product *p = context;
    size_t i = task / p->across * p->rows, j = task % p->across * p->columns;
    Matrix a = p->a, b = p->b;
    a.data += i * a.row;
    b.data += j * b.col;
    matmul_alone(pool_scratch(p->pool, worker, matmul_scratch()), p->mode, p->c + i * p->ldc + j, p->ldc, a, b,
                 least(p->rows, p->m - i), least(p->columns, p->n - j), p->k, p->bias ? p->bias + j : NULL);
}

static size_t round_up(size_t x, size_t unit) {
    return (x + unit - 1) / unit * unit;
}

void matmul(Pool *pool, MatmulMode mode, real *c, size_t ldc, Matrix a, Matrix b, size_t m, size_t n, size_t k,
            const real *bias) {
    if (m == 0 || n == 0) return;
    const Kernels *kernel = kernels();
    Product p = {pool, mode, c, ldc, a, b, m, n, k, bias, m, n, 1};
    size_t threads = pool_threads(pool), down = 1;
    if (threads > 1 && m * n * k >= SPLIT) {
        /* Blocks of rows where there are many, else of columns. The cut changes no bits: an element is one thread's. */
        size_t blocks = threads * BLOCKS;
        if (m >= blocks * ROWS_MIN || m >= n)
            p.rows = round_up((m + blocks - 1) / blocks, kernel->mr);
        else
            p.columns = round_up((n + blocks - 1) / blocks, kernel->nr);
        down = (m + p.rows - 1) / p.rows;
        p.across = (n + p.columns - 1) / p.columns;
    }
    pool_run(pool, down * p.across, product_task, &p);
}

double matmul_peak(size_t rounds) {
    return kernels()->peak(rounds);
}

void matmul_reference(MatmulMode mode, real *c, size_t ldc, Matrix a, Matrix b, size_t m, size_t n, size_t k,
                      const real *bias) {
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = mode == MATMUL_ADD ? c[i * ldc + j] : bias ? bias[j] : 0;
            for (size_t p = 0; p < k; p++)
                sum += (double)a.data[i * a.row + p * a.col] * (double)b.data[p * b.row + j * b.col];
            c[i * ldc + j] = (real)sum;
        }
}
