/* Arena: one block of memory that is handed out from the front.
 *
 *     base            mark                used                     size
 *      |---------------|-------------------|------------------------|
 *        pushed before   given back by       not handed out yet
 *                        arena_release(mark)
 *
 * A training step takes every activation and scratch array from one arena. Its size was found before training, by the
 * same pushes into a measuring arena, so the step itself allocates nothing. The debug build reports any access outside
 * what is handed out, and fills what is given back with NaN. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { ARENA_ALIGNMENT = 64 };

typedef struct Arena {
    unsigned char *base; /* NULL in a measuring arena */
    uint64_t size;       /* bytes; measuring counts more than a 32-bit computer can have */
    uint64_t used;       /* bytes handed out, a multiple of ARENA_ALIGNMENT */
} Arena;

/* A measuring arena: pushes only count (and return NULL); `used` is then the size a real one needs. */
Arena arena_measure(void);

/* A block of `size` bytes, zeroed. Fails when the system has no memory. Release with arena_free. */
bool arena_create(Arena *arena, uint64_t size, Error *err);
void arena_free(Arena *arena);

/* count * size bytes aligned to ARENA_ALIGNMENT, contents undefined. Asking for more than was measured is a bug
 * (CHECK), and so is an overflowing product. */
void *arena_push(Arena *arena, uint64_t count, size_t size);

/* arena_release gives back everything that was pushed since arena_mark returned this mark. 0 marks the empty arena. */
uint64_t arena_mark(const Arena *arena);
void arena_release(Arena *arena, uint64_t mark);
