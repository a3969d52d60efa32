/* Packed weights are, one after another: the scales of all outputs (columns of the product), their offsets, and slivers
 * of nr columns of bytes.
 *
 * Each task rounds the rows that it needs, as many as stay in the second-level cache, and multiplies them with one
 * sliver after another, so that weights are read once for each block of rows. */
#include "math/matmul_int8.h"

#include <string.h>

#include "base/check.h"
#include "base/size.h"
#include "math/kernels.h"

#ifdef NMT_DOUBLE

/* The double build has no integers: it is for gradients. */
size_t int8_bytes(size_t n, size_t k) { return n * k; }
size_t int8_scratch(void) { return 0; }
void int8_pack(Pool *pool, void *packed, const real *w, size_t stride, size_t n, size_t k) {
    (void)pool, (void)packed, (void)w, (void)stride, (void)n, (void)k;
}
bool int8_multiply(Pool *pool, bool add, real *c, size_t ldc, const real *x, size_t stride, const void *packed,
                   size_t m, size_t n, size_t k, const real *bias, Epilogue epilogue) {
    (void)pool, (void)add, (void)c, (void)ldc, (void)x, (void)stride, (void)packed, (void)m, (void)n, (void)k;
    (void)bias, (void)epilogue;
    return false;
}

#else

enum {
    ROWS = 192,      /* of a block, at most */
    BLOCK = 1 << 18, /* bytes of a block's rows, at most; no row is longer */
    COLUMNS = 64,    /* that a task packs */
    SPLIT = 1 << 18, /* products below this many multiply-adds stay on one thread */
};

static const Int8Kernels *int8_kernels(void) { return cpu_int8() ? cpu_int8() : &math_kernels()->int8; }

/* Bytes of a row of k integers, filled up to whole cells. */
static size_t row_bytes(size_t k) { return size_round_up(k, INT8_CELL); }

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

size_t int8_bytes(size_t n, size_t k) {
    return size_round_up(n, INT8_NR_MAX) * (sizeof(real) + sizeof(int32_t) + row_bytes(k));
}

size_t int8_scratch(void) { return ROWS * sizeof(real) + BLOCK; }

typedef struct Packing {
    Pool *pool;
    Parts parts;
    const real *w;
    size_t stride, n, k;
} Packing;

static void pack_task(void *context, size_t task, size_t worker) {
    const Packing *p = context;
    const Int8Kernels *kernel = int8_kernels();
    const size_t bytes = row_bytes(p->k), nr = kernel->nr;
    int8_t *row = pool_scratch(p->pool, worker, int8_scratch());
    memset(row, 0, bytes);
    for (size_t j = task * COLUMNS; j < size_min(p->n, (task + 1) * COLUMNS); j++) {
        int32_t sum = 0;
        p->parts.scale[j] = kernel->round((uint8_t *)row, p->w + j * p->stride, p->k, INT8_RIGHT, 0);
        int8_t *out = p->parts.bytes + j / nr * nr * bytes + j % nr * INT8_CELL;
        for (size_t i = 0; i < bytes; i += INT8_CELL) memcpy(out + i * nr, row + i, INT8_CELL);
        for (size_t i = 0; i < p->k; i++) sum += row[i];
        p->parts.offset[j] = INT8_ZERO * sum;
    }
}

void int8_pack(Pool *pool, void *packed, const real *w, size_t stride, size_t n, size_t k) {
    CHECK(row_bytes(k) <= BLOCK, "a row that fits into a block");
    Packing p = {pool, parts_of(packed, n), w, stride, n, k};
    pool_run(pool, "product packing", size_divide_up(n, COLUMNS), pack_task, &p);
}

typedef struct Product {
    Pool *pool;
    bool add;
    real *c;
    size_t ldc;
    const real *x;
    size_t stride;
    Parts w;
    size_t m, n, k;
    const real *bias;
    size_t rows, width; /* of a task's block of c */
    size_t blocks;      /* side by side */
    Epilogue epilogue;
} Product;

static void multiply_task(void *context, size_t task, size_t worker) {
    const Product *p = context;
    const Int8Kernels *kernel = int8_kernels();
    const size_t nr = kernel->nr, row = row_bytes(p->k);
    const size_t i = task / p->blocks * p->rows, rows = size_min(p->rows, p->m - i);
    const size_t left = task % p->blocks * p->width, right = size_min(p->n, left + p->width);
    real *scale = pool_scratch(p->pool, worker, int8_scratch());
    uint8_t *bytes = (uint8_t *)(scale + ROWS);
    for (size_t r = 0; r < rows; r++) {
        scale[r] = kernel->round(bytes + r * row, p->x + (i + r) * p->stride, p->k, INT8_LEFT, INT8_ZERO);
        memset(bytes + r * row + p->k, INT8_ZERO, row - p->k);
    }
    const Int8Rows a = {bytes, scale, row / INT8_CELL, rows};
    for (size_t j = left; j < right; j += nr) {
        const Int8Columns b = {p->w.bytes + j * row, p->w.scale + j, p->w.offset + j, p->bias ? p->bias + j : NULL,
                               size_min(nr, right - j)};
        kernel->strip(p->c + i * p->ldc + j, p->ldc, a, b, p->add);
    }
    if (p->epilogue.function)
        p->epilogue.function(p->epilogue.context,
                             (Block){p->c + i * p->ldc + left, p->ldc, i, rows, left, right - left});
}

bool int8_multiply(Pool *pool, bool add, real *c, size_t ldc, const real *x, size_t stride, const void *packed,
                   size_t m, size_t n, size_t k, const real *bias, Epilogue epilogue) {
    const size_t threads = pool_threads(pool);
    Product p = {pool, add, c, ldc, x, stride, parts_of(packed, n), m, n, k, bias, .epilogue = epilogue};
    const size_t most = size_min(ROWS, BLOCK / size_max(row_bytes(k), 1));
    const size_t high = m <= most ? 1 : size_round_up(size_divide_up(m, most), threads);
    const size_t wide = (uint64_t)m * n * k < SPLIT || high > 1 ? 1 : threads;
    p.rows = size_divide_up(m, high);
    p.width = size_round_up(size_divide_up(n, wide), int8_kernels()->nr);
    p.blocks = size_divide_up(n, p.width);
    if (epilogue.whole_rows && p.blocks > 1) p.epilogue.function = NULL;
    pool_run(pool, "product out = in W^T in 8 bits", size_divide_up(m, p.rows) * p.blocks, multiply_task, &p);
    return p.epilogue.function != NULL;
}

#endif
