/* Nothing of an activation is converted or copied here, with one exception: a weight's gradient reads both factors
 * along their columns, and packs a piece of them at a time, which stays in the second-level cache. */
#include "math/matmul_stored.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/check.h"
#include "base/ds.h"
#include "base/memory.h"
#include "math/kernels.h"
#include "math/vector.h"

enum {
    ROWS = 96,            /* of a task's block of the output, at most */
    COLUMNS = 256,        /* of a panel of weights, at most */
    GRADIENT_ROWS = 512,  /* rows of both factors that a gradient packs at a time */
    GRADIENT_BLOCK = 128, /* rows and columns of a task's block of a gradient, at most */
    SPREAD = 16,          /* cells between packed rows, that they do not meet in the cache */
    PACK_COLUMNS = 64,    /* columns of weights that a task packs, about */
};

_Static_assert((int)PAIRS_RUN == (int)STORED_RUN, "a stored row is what a tile reads");

static const PairKernels *pair_kernels(void) { return cpu_pairs() ? cpu_pairs() : &math_kernels()->pairs; }

static void begin_tiles(const PairKernels *kernel) {
    if (kernel->begin) kernel->begin();
}
static void end_tiles(const PairKernels *kernel) {
    if (kernel->end) kernel->end();
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

typedef struct RoundedFactor {
    const PairKernels *kernel;
    Matrix b;
    size_t n, k;
    Cell *cells;
} RoundedFactor;

struct RoundedWeights {
    Arena arena;
    RoundedFactor *factors; /* a stb_ds array, in the order in which they were met */
    size_t next;            /* the one that follows what was asked for last: they come in turn, or in reverse */
};

uint64_t rounded_bytes(uint64_t k, uint64_t n) {
    return (n + PAIRS_NR_MAX) * ((k + STORED_RUN) / 2) * sizeof(Cell) + ARENA_ALIGNMENT;
}

RoundedWeights *rounded_weights_create(uint64_t bytes, Error *err) {
    Arena arena;
    if (!arena_create(&arena, bytes, err)) return NULL;
    RoundedWeights *rounded = memory_new(1, sizeof *rounded);
    *rounded = (RoundedWeights){.arena = arena};
    return rounded;
}

void rounded_weights_free(RoundedWeights *rounded) {
    if (!rounded) return;
    arena_free(&rounded->arena);
    stbds_arrfree(rounded->factors);
    free(rounded);
}

void rounded_weights_forget(RoundedWeights *rounded) {
    arena_release(&rounded->arena, 0);
    if (rounded->factors) stbds_arrsetlen(rounded->factors, 0);
    rounded->next = 0;
}

/* Columns that a task packs. */
static size_t pack_width(const PairKernels *kernel) { return size_max(PACK_COLUMNS / kernel->nr, 1) * kernel->nr; }

static void pack_task(void *context, size_t task, size_t worker) {
    (void)worker;
    const RoundedFactor *f = context;
    const size_t width = pack_width(f->kernel), j = task * width;
    f->kernel->pack(f->cells + j * pairs_cells(f->k), f->b.data + j * f->b.col, f->b.row, f->b.col, f->k,
                    size_min(width, f->n - j));
}

static bool same_factor(const RoundedFactor *f, const RoundedFactor *g) {
    return f->b.data == g->b.data && f->b.row == g->b.row && f->b.col == g->b.col && f->n == g->n && f->k == g->k &&
           f->kernel == g->kernel;
}

/* b as tiles read it. */
static const Cell *rounded_weights(Compute compute, const PairKernels *kernel, Matrix b, size_t n, size_t k) {
    RoundedWeights *rounded = compute.rounded;
    RoundedFactor factor = {kernel, b, n, k, NULL};
    const size_t count = stbds_arrlenu(rounded->factors);
    for (size_t i = 0; i < count; i++) {
        const size_t at = (rounded->next + i) % count;
        if (!same_factor(&rounded->factors[at], &factor)) continue;
        rounded->next = at + 1;
        return rounded->factors[at].cells;
    }
    factor.cells = arena_push(&rounded->arena, size_round_up(n, kernel->nr) * pairs_cells(k), sizeof(Cell));
    pool_run(compute.pool, "weight packing", size_divide_up(n, pack_width(kernel)), pack_task, &factor);
    stbds_arrput(rounded->factors, factor);
    return factor.cells;
}

/* ---- products with weights --------------------------------------------------------------------------------------- */

/* A left factor: rows of cells, `stride` cells apart. */
static const Cell *cells_of(Stored s, size_t row) { return (const Cell *)s.data + row * (s.stride / 2); }

typedef struct StoredProduct {
    const PairKernels *kernel;
    Pool *pool;
    MatmulMode mode;
    Stored out, a;
    const Cell *b;
    size_t m, n, k;
    const real *bias;
    Epilogue epilogue;
    size_t rows, columns; /* of a block; of a panel */
    size_t scratch;
} StoredProduct;

/* x (rows, cols) = or += rows of a times packed columns. */
static void multiply_block(const PairKernels *kernel, real *x, size_t stride, const Cell *a, size_t a_row,
                           const Cell *b, size_t cells, size_t rows, size_t cols, bool add, const real *bias) {
    for (size_t i = 0; i < rows; i += kernel->mr)
        for (size_t j = 0; j < cols; j += kernel->nr)
            kernel->tile(x + i * stride + j, stride, a + i * a_row, a_row, b + j * cells, cells,
                         size_min(kernel->mr, rows - i), size_min(kernel->nr, cols - j), add, bias ? bias + j : NULL);
}

static void stored_product_task(void *context, size_t task, size_t worker) {
    const StoredProduct *p = context;
    const size_t first = task * p->rows, rows = size_min(p->rows, p->m - first), cells = pairs_cells(p->k);
    real *room = pool_scratch(p->pool, worker, p->scratch);
    begin_tiles(p->kernel);
    for (size_t j = 0; j < p->n; j += p->columns) {
        Block block = {room, size_min(p->columns, p->n - j), first, rows, j, size_min(p->columns, p->n - j)};
        if (p->out.precision == PRECISION_FLOAT32)
            block.x = (real *)p->out.data + first * p->out.stride + j, block.stride = p->out.stride;
        multiply_block(p->kernel, block.x, block.stride, cells_of(p->a, first), p->a.stride / 2, p->b + j * cells,
                       cells, rows, block.cols, p->mode == MATMUL_ADD, p->bias ? p->bias + j : NULL);
        if (p->epilogue.function) p->epilogue.function(p->epilogue.context, block);
        if (p->out.precision == PRECISION_BFLOAT16)
            for (size_t r = 0; r < rows; r++)
                stored_write(p->out, first + r, j, block.x + r * block.stride, block.cols);
    }
    end_tiles(p->kernel);
}

/* Rows rounded down to whole tiles. */
static size_t whole_tiles(const PairKernels *kernel, size_t rows) { return rows / kernel->mr * kernel->mr; }

/* Rows of a block that is as wide as the output, so that it stays in the second-level cache: whole tiles. */
static size_t whole_rows(const PairKernels *kernel, size_t n) {
    return size_max(kernel->mr, whole_tiles(kernel, size_min(cpu_second_level_cache() / (n * sizeof(real)), ROWS)));
}

/* Columns of a panel: with the rows of a and of the output that meet it, it fills three quarters of the second-level
 * cache. */
static size_t panel_columns(const PairKernels *kernel, size_t k) {
    const size_t cache = cpu_second_level_cache() / 4 * 3, row = pairs_cells(k) * sizeof(Cell);
    const size_t left = cache > ROWS * row ? cache - ROWS * row : 0;
    const size_t fit = left / (row + ROWS * sizeof(real)) / kernel->nr * kernel->nr;
    return size_max(kernel->nr, size_min(fit, COLUMNS / kernel->nr * kernel->nr));
}

static void product_bfloat16(Compute compute, MatmulMode mode, Stored out, Stored a, Matrix b, size_t m, size_t n,
                             size_t k, const real *bias, Epilogue epilogue) {
    const PairKernels *kernel = pair_kernels();
    CHECK(!bias || mode == MATMUL_WRITE, "a bias belongs to a product that is written");
    CHECK(a.precision == PRECISION_BFLOAT16 && compute.rounded, "a factor as products in bfloat16 read it");
    StoredProduct p = {kernel, compute.pool, mode, out, a, NULL, m, n, k, bias, epilogue, whole_tiles(kernel, ROWS), 0,
                       0};
    p.b = rounded_weights(compute, kernel, b, n, k);
    const char *part = b.col != 1 ? "product out = in W^T" : "product din = dout W";
    if (epilogue.whole_rows)
        p.rows = whole_rows(kernel, n), p.columns = n;
    else
        p.columns = panel_columns(kernel, k);
    /* As many blocks for each thread as for the others. */
    const size_t threads = pool_threads(compute.pool), blocks = size_round_up(size_divide_up(m, p.rows), threads);
    p.rows = size_min(p.rows, size_round_up(size_divide_up(m, blocks), kernel->mr));
    p.scratch = out.precision == PRECISION_BFLOAT16 ? p.rows * size_min(p.columns, n) * sizeof(real) : 0;
    pool_run(compute.pool, part, size_divide_up(m, p.rows), stored_product_task, &p);
}

void matmul_stored(Compute compute, MatmulMode mode, Stored out, Stored a, Matrix b, size_t m, size_t n, size_t k,
                   const real *bias, Epilogue epilogue) {
    if (m == 0 || n == 0) return;
    if (compute.precision == PRECISION_BFLOAT16) {
        product_bfloat16(compute, mode, out, a, b, m, n, k, bias, epilogue);
        return;
    }
    matmul_and(compute, mode, stored_floats(out), out.stride, matrix(stored_floats(a), a.stride), b, m, n, k, bias,
               epilogue);
}

/* ---- gradients of weights ---------------------------------------------------------------------------------------- */

typedef struct Gradient {
    const PairKernels *kernel;
    Pool *pool;
    real *dweight, *dbias;
    Stored dout, in;
    size_t O, I, N;
    size_t rows, columns; /* of a task's block of the gradient */
    size_t blocks;        /* side by side */
} Gradient;

/* Cells between rows of a packed left factor; bytes of both packed factors. */
enum {
    TURNED = GRADIENT_ROWS / 2 + SPREAD,
    LEFT = (GRADIENT_BLOCK + PAIRS_MR_MAX) * TURNED,
    RIGHT = (GRADIENT_BLOCK + PAIRS_NR_MAX) * GRADIENT_ROWS / 2,
    GRADIENT_SCRATCH = (LEFT + RIGHT) * sizeof(Cell),
};

static void gradient_task(void *context, size_t task, size_t worker) {
    const Gradient *g = context;
    const PairKernels *kernel = g->kernel;
    const size_t o = task / g->blocks * g->rows, i = task % g->blocks * g->columns;
    const size_t rows = size_min(g->rows, g->O - o), columns = size_min(g->columns, g->I - i);
    Cell *a = pool_scratch(g->pool, worker, GRADIENT_SCRATCH), *b = a + LEFT;
    const uint16_t *dout = (const uint16_t *)g->dout.data + o, *in = (const uint16_t *)g->in.data + i;
    real *dweight = g->dweight + o * g->I + i;
    begin_tiles(kernel);
    for (size_t n = 0; n < g->N; n += GRADIENT_ROWS) {
        const size_t count = size_min(GRADIENT_ROWS, g->N - n);
        kernel->turn(a, TURNED, dout + n * g->dout.stride, g->dout.stride, count, rows);
        kernel->pack_rows(b, in + n * g->in.stride, g->in.stride, count, columns);
        multiply_block(kernel, dweight, g->I, a, TURNED, b, pairs_cells(count), rows, columns, true, NULL);
        if (!g->dbias || i > 0) continue;
        for (size_t r = 0; r < count; r++) {
            real row[GRADIENT_BLOCK];
            vector_halves_to_reals(row, dout + (n + r) * g->dout.stride, rows);
            vector_add(g->dbias + o, row, rows);
        }
    }
    end_tiles(kernel);
}

void matmul_stored_gradient(Compute compute, real *dweight, real *dbias, Stored dout, Stored in, size_t O, size_t I,
                            size_t N) {
    if (O == 0 || I == 0 || N == 0) return;
    const PairKernels *kernel = pair_kernels();
    Gradient g = {kernel, compute.pool, dweight, dbias, dout, in, O, I, N, 0, 0, 0};
    /* Blocks as large as they may be, but one for each thread, and as large as the others. */
    const size_t threads = pool_threads(compute.pool);
    const size_t most = whole_tiles(kernel, GRADIENT_BLOCK);
    size_t high = size_divide_up(O, most), wide = size_divide_up(I, GRADIENT_BLOCK);
    const size_t highest = size_divide_up(O, kernel->mr);
    if (high * wide < threads) high = size_min(highest, size_divide_up(threads, wide));
    g.rows = size_min(most, size_round_up(size_divide_up(O, high), kernel->mr));
    g.columns = size_min(GRADIENT_BLOCK, size_round_up(size_divide_up(I, wide), kernel->nr));
    g.blocks = size_divide_up(I, g.columns);
    pool_run(compute.pool, "product dW += dout^T in", size_divide_up(O, g.rows) * g.blocks, gradient_task, &g);
}

size_t matmul_stored_scratch(size_t n) {
    const size_t row = n * sizeof(real),
                 whole = size_max(PAIRS_MR_MAX * row, size_min(cpu_second_level_cache(), ROWS * row));
    return size_max(size_max(ROWS * COLUMNS * sizeof(real), whole), GRADIENT_SCRATCH);
}
