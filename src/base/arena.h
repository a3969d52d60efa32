/* Arena: one block of memory, handed out from the front, given back all at once.
 *
 * A training step takes every activation and scratch array from one arena whose size was found once by laying the
 * largest step out in a measuring arena; the step itself allocates nothing. Pages are touched only when used. The debug
 * build reports any touch of what is not handed out, and fills what was given back with NaN. */
#ifndef NMT_BASE_ARENA_H
#define NMT_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { ARENA_ALIGNMENT = 64 };

typedef struct Arena {
    unsigned char *base; /* NULL in a measuring arena */
    size_t size;         /* bytes */
    size_t used;         /* bytes handed out, a multiple of ARENA_ALIGNMENT */
} Arena;

/* A measuring arena: pushes only count (and return NULL); `used` is then the size a real one needs. */
Arena arena_measure(void);

/* A block of `size` bytes, zeroed. Fails when the system has no memory. Release with arena_free. */
bool arena_create(Arena *arena, size_t size, Error *err);
void arena_free(Arena *arena);

/* count * size bytes aligned to ARENA_ALIGNMENT, contents undefined. Asking for more than was measured is a bug
 * (CHECK), and so is an overflowing product. */
void *arena_push(Arena *arena, size_t count, size_t size);

/* Everything pushed since a mark is given back by releasing to it; mark 0 is the empty arena. */
size_t arena_mark(const Arena *arena);
void arena_release(Arena *arena, size_t mark);

#endif
