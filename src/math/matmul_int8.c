/* Packed weights are, one after another: the scales of all columns, their offsets, and slivers of nr columns of bytes.
 *
 * Each task rounds the rows that it needs, as many as stay in the second-level cache, and multiplies them with one
 * sliver after another, so that weights are read once for each block of rows. */
#include "math/matmul_int8.h"

#include <string.h>

#include "base/size.h"
#include "math/kernels.h"

#ifdef NMT_DOUBLE

/* The double build is for gradients alone. */
size_t int8_bytes(size_t k, size_t n) { return k * n; }
void int8_pack(Pool *pool, void *packed, Matrix b, size_t k, size_t n) {
    (void)pool, (void)packed, (void)b, (void)k, (void)n;
}
bool int8_multiply(Pool *pool, MatmulMode mode, real *c, size_t ldc, Matrix a, const void *packed, size_t m, size_t n,
                   size_t k, const real *bias, Epilogue epilogue) {
    (void)pool, (void)mode, (void)c, (void)ldc, (void)a, (void)packed, (void)m, (void)n, (void)k, (void)bias;
    (void)epilogue;
    return false;
}

#else

enum {
    ROWS = 192,         /* of a block, at most */
    BLOCK = 1 << 18,    /* bytes of a block's rows, at most, if it has more than one row */
    COLUMNS = 64,       /* that a task packs */
    SPLIT = 1 << 18,    /* products below this many multiply-adds stay on one thread */
    EPILOGUE = 1 << 15, /* elements of c that an epilogue is done to at a time */
};

static const Int8Kernels *int8_kernels(void) { return cpu_int8() ? cpu_int8() : &math_kernels()->int8; }

static size_t cells_of(size_t k) { return size_divide_up(k, INT8_CELL); }

/* Where the parts of packed weights are. */
typedef struct Parts {
    real *scale;     /* (columns) */
    int32_t *offset; /* (columns) */
    int8_t *bytes;   /* (columns / nr, cells, nr, INT8_CELL) */
} Parts;

static Parts parts_of(const void *packed, size_t n) {
    const size_t columns = size_round_up(n, INT8_NR_MAX);
    real *scale = (real *)(uintptr_t)packed;
    int32_t *offset = (int32_t *)(scale + columns);
    return (Parts){scale, offset, (int8_t *)(offset + columns)};
}

size_t int8_bytes(size_t k, size_t n) {
    return size_round_up(n, INT8_NR_MAX) * (sizeof(real) + sizeof(int32_t) + INT8_CELL * cells_of(k));
}

typedef struct Packing {
    Parts parts;
    Matrix b;
    size_t k, n;
    Pool *pool;
} Packing;

static void pack_task(void *context, size_t task, size_t worker) {
    const Packing *p = context;
    const Int8Kernels *kernel = int8_kernels();
    const size_t cells = cells_of(p->k), nr = kernel->nr;
    int8_t *row = pool_scratch(p->pool, worker, matmul_scratch());
    memset(row, 0, cells * INT8_CELL);
    for (size_t j = task * COLUMNS; j < size_min(p->n, (task + 1) * COLUMNS); j++) {
        int32_t sum = 0;
        p->parts.scale[j] = kernel->round((uint8_t *)row, p->b.data + j * p->b.col, p->k, INT8_RIGHT, 0);
        int8_t *out = p->parts.bytes + (j / nr * nr * cells + j % nr) * INT8_CELL;
        for (size_t cell = 0; cell < cells; cell++)
            memcpy(out + cell * nr * INT8_CELL, row + cell * INT8_CELL, INT8_CELL);
        for (size_t i = 0; i < p->k; i++) sum += row[i];
        p->parts.offset[j] = INT8_ZERO * sum;
    }
}

void int8_pack(Pool *pool, void *packed, Matrix b, size_t k, size_t n) {
    Packing p = {parts_of(packed, n), b, k, n, pool};
    pool_run(pool, "product packing", size_divide_up(n, COLUMNS), pack_task, &p);
}

typedef struct Product {
    Pool *pool;
    bool add;
    real *c;
    size_t ldc;
    Matrix a;
    Parts b;
    size_t m, n, cells, k;
    const real *bias;
    size_t rows, width; /* of a task's block of c */
    size_t blocks;      /* side by side */
    Epilogue epilogue;
} Product;

static void multiply_task(void *context, size_t task, size_t worker) {
    const Product *p = context;
    const Int8Kernels *kernel = int8_kernels();
    const size_t nr = kernel->nr, row = p->cells * INT8_CELL;
    const size_t i = task / p->blocks * p->rows, rows = size_min(p->rows, p->m - i);
    const size_t left = task % p->blocks * p->width, right = size_min(p->n, left + p->width);
    real *scale = pool_scratch(p->pool, worker, matmul_scratch());
    uint8_t *bytes = (uint8_t *)(scale + ROWS);
    for (size_t r = 0; r < rows; r++) {
        scale[r] = kernel->round(bytes + r * row, p->a.data + (i + r) * p->a.row, p->k, INT8_LEFT, INT8_ZERO);
        memset(bytes + r * row + p->k, INT8_ZERO, row - p->k);
    }
    for (size_t j = left; j < right; j += nr)
        kernel->strip(p->c + i * p->ldc + j, p->ldc, (Int8Rows){bytes, scale, p->cells, rows},
                      (Int8Columns){p->b.bytes + j * row, p->b.scale + j, p->b.offset + j, p->bias ? p->bias + j : NULL,
                                    size_min(nr, right - j)},
                      p->add);
    if (p->epilogue.function)
        p->epilogue.function(p->epilogue.context,
                             (Block){p->c + i * p->ldc + left, p->ldc, i, rows, left, right - left});
}

bool int8_multiply(Pool *pool, MatmulMode mode, real *c, size_t ldc, Matrix a, const void *packed, size_t m, size_t n,
                   size_t k, const real *bias, Epilogue epilogue) {
    const size_t cells = cells_of(k), nr = int8_kernels()->nr, threads = pool_threads(pool);
    Product p = {pool, mode == MATMUL_ADD, c, ldc, a, parts_of(packed, n), m, n, cells, k, bias, .epilogue = epilogue};
    const size_t most = size_min(ROWS, size_max(BLOCK / (cells * INT8_CELL + 1), 1));
    const size_t high = m <= most ? 1 : size_round_up(size_divide_up(m, most), threads);
    const size_t wide = m * n * k < SPLIT || high > 1 ? 1 : threads;
    p.rows = size_divide_up(m, high);
    p.width = size_round_up(size_divide_up(n, wide), nr);
    p.blocks = size_divide_up(n, p.width);
    if (epilogue.whole_rows && p.blocks > 1) p.epilogue.function = NULL;
    pool_run(pool, "product out = in W^T in 8 bits", size_divide_up(m, p.rows) * p.blocks, multiply_task, &p);
    return p.epilogue.function != NULL;
}

#endif
