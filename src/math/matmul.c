/* A packed, blocked matrix product (the scheme of Goto and van de Geijn, "Anatomy of high-performance matrix
 * multiplication", ACM TOMS 2008).
 *
 * The output is cut into tiles of mr x nr elements whose sums live in registers (ProductKernels.strip). b is first
 * copied into slivers of nr columns, so that a tile reads it in order; a is read where it is when its rows are
 * contiguous, and copied into slivers of mr rows when it is a transpose, whose elements would otherwise lie a whole row
 * apart.
 *
 * Loops around the tile, from the inside: all rows of a block of a, which stays in the second-level cache; the columns
 * of b, whose sliver stays in the first-level cache; k; the next rows. So b is read once for each block of rows.
 *
 * On a pool, b is packed once, by all threads, into memory they share; then each task takes a block of the output. An
 * epilogue is done to some rows at a time, while they are in the cache. A model whose weights stay has them packed for
 * good. A small output with a long k, such as the gradient of a layer's weights, stays in the cache instead: all its
 * rows meet a run of k before the next run, and b is read where it is. */
#include "math/matmul.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/ds.h"
#include "base/size.h"
#include "math/kernels.h"
#include "math/matmul_int8.h"

enum {
    KC = MATMUL_KC,
    NC = 256,           /* columns of a panel: KC * NC floats are 256 KiB, within a second-level cache */
    MC = 132,           /* rows of a block of a, KC deep: 132 KiB, beside the panel; less deep, it has more rows */
    SHARED = 1 << 20,   /* elements of b packed at a time */
    SPLIT = 1 << 16,    /* products below this many multiply-adds stay on one thread */
    PACK_COLUMNS = 64,  /* columns a task packs, about: whole slivers */
    STAY = 1 << 16,     /* elements of c that stay in a second-level cache over several runs of k */
    EPILOGUE = 1 << 15, /* elements of c that an epilogue is done to at a time */
};

static const ProductKernels *product_kernels(void) { return &math_kernels()->float32; }

/* A task's slivers of a, and, for matmul_alone, its panel of b. */
static const size_t SLIVERS = KC * (MC + MATMUL_MR_MAX), PANEL = KC * (NC + MATMUL_NR_MAX);

size_t matmul_scratch(void) { return size_max((SLIVERS + PANEL) * sizeof(real), int8_scratch()); }
size_t matmul_shared(void) { return (SHARED + KC * MATMUL_NR_MAX) * sizeof(real); }

/* `columns` rounded down to whole slivers. */
static size_t whole_slivers(const ProductKernels *kernel, size_t columns) { return columns / kernel->nr * kernel->nr; }

/* Packs rows p0 .. p0 + depth - 1 of b, columns j0 .. j0 + columns - 1. */
static void pack_panel(const ProductKernels *kernel, real *out, Matrix b, size_t p0, size_t depth, size_t j0,
                       size_t columns) {
    kernel->pack(out, b.data + p0 * b.row + j0 * b.col, b.row, b.col, depth, columns);
}

/* Rows i0 .. i0 + rows - 1 of a, from column p0 on. */
static Slivers slivers_of(const ProductKernels *kernel, real *scratch, Matrix a, size_t i0, size_t rows, size_t p0,
                          size_t depth) {
    return kernel->slivers(scratch, a.data + i0 * a.row + p0 * a.col, a.row, a.col, depth, rows);
}

/* Rows of a block of a that is `depth` deep: whole tiles. */
static size_t block_rows(const ProductKernels *kernel, size_t depth) {
    return MC * KC / size_max(depth, 1) / MC * MC / kernel->mr * kernel->mr;
}

/* tiles: during which they are fetched, the same share in each. */
static Ahead ahead_new(const real *data, size_t stride, size_t rows, size_t width, size_t tiles) {
    const size_t lines = rows * size_divide_up(width * sizeof(real), AHEAD_LINE);
    return (Ahead){data, stride, rows, width, 0, size_divide_up(lines, tiles)};
}

/* Packed columns, `depth` cells deep. */
static Columns columns_packed(const ProductKernels *kernel, const real *packed, size_t depth) {
    return (Columns){packed, depth * kernel->nr, kernel->nr};
}

/* c (m, n) = or += rows of a times columns of b. deep: cells along k. A sliver of columns stays in the first-level
 * cache while it meets all rows, which stay in the second-level cache. */
static void multiply_block(const ProductKernels *kernel, real *c, size_t ldc, Slivers a, Columns b, size_t m, size_t n,
                           size_t deep, bool add, bool whole, const real *bias, Ahead ahead) {
    const size_t nr = kernel->nr;
    const bool packed = b.row == nr && b.sliver == deep * nr;
    /* Columns that kernel->few does at once; n + 1: it is not used. */
    const size_t wide = kernel->few && packed && m <= 2 ? 4 / m * nr : n + 1;
    size_t j = 0;
    for (; j + wide <= n; j += wide)
        kernel->few(c + j, ldc, a.data, a.row, a.col, b.data + j * deep, deep, m, add, bias ? bias + j : NULL);
    for (b.data += j / nr * b.sliver; j < n; j += nr, b.data += b.sliver)
        kernel->strip(c + j, ldc, a, b.data, b.row, deep, m, whole ? nr : size_min(nr, n - j), add,
                      bias ? bias + j : NULL, &ahead);
}

/* The whole product on one thread. whole: the last tile of a row is written with all its columns. Contiguous rows of
 * b and contiguous columns of a are read where they are: so small a product reads them too few times to repay a copy.
 */
static void multiply_alone(const ProductKernels *kernel, real *scratch, MatmulMode mode, real *c, size_t ldc, Matrix a,
                           Matrix b, size_t m, size_t n, size_t k, bool whole, const real *bias) {
    real *panel = scratch + SLIVERS;
    const size_t nc = whole_slivers(kernel, NC);
    const bool in_place = b.col == 1 && n % kernel->nr == 0;
    for (size_t j = 0; j < n; j += nc)
        for (size_t p = 0; p == 0 || p < k; p += KC) {
            const size_t columns = size_min(nc, n - j), depth = size_min(KC, k - p);
            Columns right = {b.data + p * b.row + j, kernel->nr, b.row};
            if (!in_place) {
                pack_panel(kernel, panel, b, p, depth, j, columns);
                right = columns_packed(kernel, panel, depth);
            }
            for (size_t i = 0; i < m; i += MC) {
                const size_t rows = size_min(MC, m - i);
                const Slivers left = a.row == 1 ? (Slivers){a.data + i + p * a.col, kernel->mr, 1, a.col}
                                                : slivers_of(kernel, scratch, a, i, rows, p, depth);
                multiply_block(kernel, c + i * ldc + j, ldc, left, right, rows, columns, depth,
                               mode == MATMUL_ADD || p > 0, whole, bias ? bias + j : NULL, (Ahead){0});
            }
        }
}

void matmul_alone(void *scratch, MatmulMode mode, real *c, size_t ldc, Matrix a, Matrix b, size_t m, size_t n, size_t k,
                  const real *bias) {
    multiply_alone(product_kernels(), scratch, mode, c, ldc, a, b, m, n, k, false, bias);
}

size_t matmul_padded(size_t n) { return size_round_up(n, product_kernels()->nr); }

void matmul_alone_padded(void *scratch, real *c, Matrix a, Matrix b, size_t m, size_t n, size_t k) {
    multiply_alone(product_kernels(), scratch, MATMUL_WRITE, c, matmul_padded(n), a, b, m, n, k, true, NULL);
}

typedef struct Product {
    const ProductKernels *kernel;
    Pool *pool;
    MatmulMode mode;
    real *c;
    size_t ldc;
    Matrix a, b;
    size_t m, n, k;
    const real *bias;
    real *packed;       /* rows p .. of b for each p = 0, KC, ...: panels of `columns` columns, in cells; NULL: b is
                           read where it is */
    size_t columns;     /* n rounded up to whole slivers */
    size_t rows, width; /* of one task's block of c */
    size_t blocks;      /* side by side in a row of blocks */
    size_t most;        /* rows of a block of c that are worked on at a time */
    size_t stay;        /* rows that meet a run of k before the next run comes */
    Epilogue epilogue;
    size_t column; /* of the whole product: the first of c */
} Product;

/* A task packs some columns of b, over all its rows. */
static void pack_task(void *context, size_t task, size_t worker) {
    (void)worker;
    const Product *p = context;
    const size_t width = whole_slivers(p->kernel, PACK_COLUMNS), j = task * width, columns = size_min(width, p->n - j);
    for (size_t row = 0; row < p->k; row += KC) {
        const size_t depth = size_min(KC, p->k - row);
        real *out = p->packed + row * p->columns + j * depth;
        pack_panel(p->kernel, out, p->b, row, depth, j, columns);
    }
}

/* What a task reads of a after rows i to i + rows - 1 at `row` of k: the next of the rows from `top` to `bottom` - 1,
 * or the first of them further along k, or the rows from `bottom` on. */
static Ahead next_of(const Product *p, size_t i, size_t rows, size_t top, size_t bottom, size_t end, size_t row,
                     size_t columns) {
    const size_t tiles = size_divide_up(rows, p->kernel->mr) * size_divide_up(columns, p->kernel->nr);
    i += rows;
    if (i >= bottom) {
        row += KC, i = top;
        if (row >= p->k) row = 0, i = bottom, bottom = end;
    }
    const size_t depth = size_min(KC, p->k - row);
    rows = size_min(p->most, bottom - i);
    const real *data = p->a.data + i * p->a.row + row * p->a.col;
    return p->a.col == 1 ? ahead_new(data, p->a.row, rows, depth, tiles)
                         : ahead_new(data, p->a.col, rows > 0 ? depth : 0, rows, tiles);
}

static void multiply_task(void *context, size_t task, size_t worker) {
    const Product *p = context;
    const ProductKernels *kernel = p->kernel;
    real *scratch = pool_scratch(p->pool, worker, matmul_scratch());
    const size_t first = task / p->blocks * p->rows, end = size_min(p->m, first + p->rows);
    const size_t left = task % p->blocks * p->width, right = size_min(p->n, left + p->width);
    for (size_t top = first, bottom; top < end; top = bottom) {
        bottom = size_min(end, top + p->stay);
        for (size_t row = 0; row == 0 || row < p->k; row += KC) {
            const size_t depth = size_min(KC, p->k - row);
            const Columns b = p->packed ? columns_packed(kernel, p->packed + row * p->columns + left * depth, depth)
                                        : (Columns){p->b.data + row * p->b.row + left, kernel->nr, p->b.row};
            for (size_t i = top, rows; i < bottom; i += rows) {
                rows = size_min(p->most, bottom - i);
                multiply_block(kernel, p->c + i * p->ldc + left, p->ldc,
                               slivers_of(kernel, scratch, p->a, i, rows, row, depth), b, rows, right - left, depth,
                               p->mode == MATMUL_ADD || row > 0, false, p->bias ? p->bias + left : NULL,
                               next_of(p, i, rows, top, bottom, end, row, right - left));
            }
        }
        if (p->epilogue.function)
            p->epilogue.function(p->epilogue.context, (Block){p->c + top * p->ldc + left, p->ldc, top, bottom - top,
                                                              p->column + left, right - left});
    }
}

static void pack_all(Pool *pool, Product *p) {
    pool_run(pool, "product packing", size_divide_up(p->n, whole_slivers(p->kernel, PACK_COLUMNS)), pack_task, p);
}

/* ---- weights that stay ------------------------------------------------------------------------------------------- */

/* A right factor, and its packed copy; NULL: there was no memory. */
typedef struct Factor {
    const ProductKernels *kernel;
    Matrix b;
    size_t n, k;
    void *packed;
} Factor;

struct PackedWeights {
    const real *w, *end;
    bool int8;
    Arena *arenas;   /* a stb_ds array: where packed copies are; an arena has large pages, which are read faster */
    Factor *factors; /* a stb_ds array, in the order in which they were met first */
    size_t next;     /* the one that follows what was asked for last: mostly they come in turn */
};

PackedWeights *packed_weights_create(const real *w, size_t count, bool int8) {
    PackedWeights *weights = memory_new(1, sizeof *weights);
    *weights = (PackedWeights){.w = w, .end = w + count, .int8 = int8};
    return weights;
}

/* Weights in 8 bits are a block each, which cannot be missing: without it, products would be others. */
static void free_int8(PackedWeights *weights) {
    for (size_t i = 0; weights->int8 && i < stbds_arrlenu(weights->factors); i++) free(weights->factors[i].packed);
}

void packed_weights_forget(PackedWeights *weights, const real *w, size_t count) {
    weights->w = w, weights->end = w + count, weights->next = 0;
    free_int8(weights);
    for (size_t i = 0; i < stbds_arrlenu(weights->arenas); i++) arena_release(&weights->arenas[i], 0);
    if (weights->factors) stbds_arrsetlen(weights->factors, 0);
}

void packed_weights_free(PackedWeights *weights) {
    if (!weights) return;
    free_int8(weights);
    for (size_t i = 0; i < stbds_arrlenu(weights->arenas); i++) arena_free(&weights->arenas[i]);
    stbds_arrfree(weights->arenas);
    stbds_arrfree(weights->factors);
    free(weights);
}

static bool same_factor(const Factor *f, const Factor *g) {
    return f->b.data == g->b.data && f->b.row == g->b.row && f->b.col == g->b.col && f->n == g->n && f->k == g->k &&
           f->kernel == g->kernel;
}

/* Room for a packed copy; NULL: there is no memory. An arena is as large as the weights, and its pages are taken as
 * they are written to. */
static real *room_for(PackedWeights *weights, size_t elements) {
    const uint64_t bytes = (uint64_t)elements * sizeof(real) + ARENA_ALIGNMENT;
    const uint64_t all = (uint64_t)(weights->end - weights->w) * sizeof(real);
    for (size_t i = stbds_arrlenu(weights->arenas); i-- > 0;)
        if (weights->arenas[i].size - weights->arenas[i].used >= bytes)
            return arena_push(&weights->arenas[i], elements, sizeof(real));
    Error err;
    Arena arena;
    if (!arena_create(&arena, all > bytes ? all : bytes, &err) && !arena_create(&arena, bytes, &err)) return NULL;
    stbds_arrput(weights->arenas, arena);
    return arena_push(&stbds_arrlast(weights->arenas), elements, sizeof(real));
}

/* b as it was packed once and for all; NULL: it is none of the weights that stay, or there was no memory. */
static void *packed_weights(Compute compute, const ProductKernels *kernel, Matrix b, size_t n, size_t k) {
    PackedWeights *weights = compute.packed;
    if (!weights || b.data < weights->w || b.data >= weights->end || k == 0) return NULL;
    Factor factor = {kernel, b, n, k, NULL};
    const size_t count = stbds_arrlenu(weights->factors);
    for (size_t i = 0; i < count; i++) {
        const size_t at = (weights->next + i) % count;
        if (!same_factor(&weights->factors[at], &factor)) continue;
        weights->next = at + 1;
        return weights->factors[at].packed;
    }
    if (weights->int8) {
        factor.packed = memory_new(1, int8_bytes(n, k));
        int8_pack(compute.pool, factor.packed, b.data, b.col, n, k);
    } else {
        Product p = {.kernel = kernel, .b = b, .n = n, .k = k, .columns = size_round_up(n, kernel->nr)};
        factor.packed = p.packed = room_for(weights, p.columns * k);
        if (p.packed) pack_all(compute.pool, &p);
    }
    stbds_arrput(weights->factors, factor);
    return factor.packed;
}

Precision matmul_fast_precision(void) { return cpu_fast_pairs() ? PRECISION_BFLOAT16 : PRECISION_FLOAT32; }

/* Rows of a block of c that an epilogue is done to: it leaves half of a second-level cache to the factors. */
static size_t epilogue_rows(const ProductKernels *kernel, size_t columns) {
    return size_max(EPILOGUE / columns, kernel->mr) / kernel->mr * kernel->mr;
}

/* The product of `all`, whose sizes and factors are given, on all threads. packed: NULL, if b is still to be packed.
 *
 * As much of b at a time as the shared memory holds, whole rows if it can be; the rows of c in blocks, as many for each
 * thread as for the others, and where they are too few for that, its columns, too. Few rows are one block: b, then
 * mostly the weights of a decoding step, is read once for all of them. No cut changes a bit: an element is one
 * thread's, and its sum is taken in order.
 *
 * Returns whether the epilogue is done. It is not where sums are taken in several rounds, or whole rows are wanted. */
static bool multiply_together(Product all) {
    const char *part = all.a.col != 1   ? "product dW += dout^T in"
                       : all.b.col != 1 ? "product out = in W^T"
                                        : "product din = dout W";
    const size_t mr = all.kernel->mr, nr = all.kernel->nr, threads = pool_threads(all.pool);
    const size_t most = block_rows(all.kernel, size_min(KC, all.k));
    const size_t largest = all.epilogue.function || all.k <= KC ? most : size_max(STAY / all.n / most, 1) * most;
    const size_t blocks = all.m <= most && all.m < all.n ? 1 : size_round_up(size_divide_up(all.m, largest), threads);
    const size_t rows = size_round_up(size_divide_up(all.m, blocks), mr), high = size_divide_up(all.m, rows);
    const bool in_place = !all.packed && all.b.col == 1 && all.n % nr == 0 && all.n <= NC && all.m * all.n <= STAY;
    size_t columns = size_round_up(all.n, nr), depth = all.k;
    if (!all.packed && !in_place) {
        columns = size_min(columns, SHARED / size_min(all.k, KC) / nr * nr);
        if (all.k > KC) depth = SHARED / columns / KC * KC;
    }
    const bool together = all.epilogue.function && depth >= all.k && !all.epilogue.whole_rows;
    for (size_t p0 = 0; p0 < all.k; p0 += depth)
        for (size_t j = 0; j < all.n; j += columns) {
            Product p = all;
            p.mode = p0 > 0 ? MATMUL_ADD : all.mode;
            p.c += j, p.column = j;
            if (p.bias) p.bias += j;
            p.n = size_min(columns, all.n - j), p.k = size_min(depth, all.k - p0);
            p.a.data += p0 * p.a.col;
            p.b.data += p0 * p.b.row + j * p.b.col;
            p.columns = size_round_up(p.n, nr);
            p.width =
                size_divide_up(p.columns / nr, (uint64_t)p.m * p.n * p.k < SPLIT ? 1 : size_divide_up(threads, high)) *
                nr;
            p.blocks = size_divide_up(p.n, p.width);
            p.rows = p.stay = rows, p.most = most;
            if (together)
                p.most = p.stay = size_min(most, epilogue_rows(p.kernel, p.width));
            else
                p.epilogue.function = NULL;
            if (!all.packed && !in_place) {
                p.packed = pool_shared(p.pool, matmul_shared());
                pack_all(p.pool, &p);
            }
            pool_run(p.pool, part, high * p.blocks, multiply_task, &p);
        }
    return together;
}

void matmul_and(Compute compute, MatmulMode mode, real *c, size_t ldc, Matrix a, Matrix b, size_t m, size_t n, size_t k,
                const real *bias, Epilogue epilogue) {
    CHECK(!bias || mode == MATMUL_WRITE, "a bias belongs to a product that is written");
    if (m == 0 || n == 0) return;
    Pool *const pool = compute.pool;
    const ProductKernels *kernel = product_kernels();
    const bool int8 = compute.packed && compute.packed->int8;
    void *const packed = int8 && (a.col != 1 || b.row != 1) ? NULL : packed_weights(compute, kernel, b, n, k);
    bool finished = false;
    if (packed && int8)
        finished = int8_multiply(pool, mode == MATMUL_ADD, c, ldc, a.data, a.row, packed, m, n, k, bias, epilogue);
    else if (!packed && (uint64_t)m * n * k < SPLIT)
        multiply_alone(kernel, pool_scratch(pool, 0, matmul_scratch()), mode, c, ldc, a, b, m, n, k, false, bias);
    else
        finished = multiply_together((Product){.kernel = kernel,
                                               .pool = pool,
                                               .mode = mode,
                                               .c = c,
                                               .ldc = ldc,
                                               .a = a,
                                               .b = b,
                                               .m = m,
                                               .n = n,
                                               .k = k,
                                               .bias = bias,
                                               .packed = packed,
                                               .epilogue = epilogue});
    if (epilogue.function && !finished)
        stored_fill(pool, epilogue.part, (Stored){c, ldc, n, PRECISION_FLOAT32}, m, epilogue.function,
                    epilogue.context);
}

void matmul(Compute compute, MatmulMode mode, real *c, size_t ldc, Matrix a, Matrix b, size_t m, size_t n, size_t k,
            const real *bias) {
    matmul_and(compute, mode, c, ldc, a, b, m, n, k, bias, (Epilogue){0});
}

double matmul_peak(size_t rounds) { return math_kernels()->peak(rounds); }
