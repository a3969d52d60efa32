/* base/pool.h with one thread, in place of base/pool.c: a page that is opened from the disk gets no others. The caller
 * runs every task, in order. */
#include <stdint.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/terminal.h"

enum { SINGLE_ALIGNMENT = 64 };

typedef struct SingleMemory {
    void *block;
    size_t size;
} SingleMemory;

struct Pool {
    bool busy;
    PoolWatch *watch;
    void *watch_context;
    SingleMemory scratch, shared;
};

Pool *pool_create(size_t threads, Error *err) {
    if (threads > 1) return error_null(err, "threads: expected 1 in a page, found %zu", threads);
    return memory_new(1, sizeof(Pool));
}

void pool_free(Pool *pool) {
    if (!pool) return;
    free(pool->scratch.block);
    free(pool->shared.block);
    free(pool);
}

size_t pool_threads(const Pool *pool) { return (void)pool, 1; }

void pool_run(Pool *pool, const char *part, size_t tasks, PoolTask *function, void *context) {
    CHECK(!pool->busy, "pool_run: regions do not nest");
    pool->busy = true;
    const double began = pool->watch ? terminal_seconds() : 0;
    for (size_t task = 0; task < tasks; task++) function(context, task, 0);
    if (pool->watch) pool->watch(pool->watch_context, part, terminal_seconds() - began);
    pool->busy = false;
}

void pool_watch(Pool *pool, PoolWatch *watch, void *context) {
    pool->watch = watch;
    pool->watch_context = context;
}

static void single_grow(SingleMemory *memory, size_t bytes) {
    if (bytes <= memory->size) return;
    CHECK(bytes <= SIZE_MAX - SINGLE_ALIGNMENT, "pool_reserve: bytes overflow");
    const size_t whole = (bytes + SINGLE_ALIGNMENT - 1) / SINGLE_ALIGNMENT * SINGLE_ALIGNMENT;
    free(memory->block);
    memory->block = aligned_alloc(SINGLE_ALIGNMENT, whole);
    if (!memory->block) memory_out(1, whole);
    memory->size = bytes;
}

void pool_reserve(Pool *pool, size_t bytes, size_t shared) {
    CHECK(!pool->busy, "pool_reserve: inside a region");
    single_grow(&pool->scratch, bytes);
    single_grow(&pool->shared, shared);
}

void *pool_scratch(const Pool *pool, size_t worker, size_t bytes) {
    CHECK(worker == 0, "pool_scratch: no such worker");
    CHECK(bytes <= pool->scratch.size, "pool_scratch: more than was reserved");
    return pool->scratch.block;
}

void *pool_shared(const Pool *pool, size_t bytes) {
    CHECK(bytes <= pool->shared.size, "pool_shared: more than was reserved");
    return pool->shared.block;
}
