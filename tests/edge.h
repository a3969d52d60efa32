/* Memory that ends at a page that may not be touched: whoever reads or writes beyond an array there dies of it, in
 * every build. */
#pragma once

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/size.h"

typedef struct Edge {
    char *block;
    size_t size; /* without the last page */
} Edge;

static inline Edge edge_new(size_t size) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    Edge e = {NULL, size_round_up(size, page)};
    e.block = mmap(NULL, e.size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (e.block == MAP_FAILED || mprotect(e.block + e.size, page, PROT_NONE) != 0) abort();
    return e;
}

static inline void edge_free(Edge e) { munmap(e.block, e.size + (size_t)sysconf(_SC_PAGESIZE)); }

/* A copy of x (size bytes) that ends where the memory ends. */
static inline void *edge_put(Edge e, const void *x, size_t size) { return memcpy(e.block + e.size - size, x, size); }
