#include "base/arena.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/size.h"

/* In a build with AddressSanitizer, only pushed memory may be accessed, and memory that is given back is filled with
 * the bits of NaN. So values that are read after a release, or before they are written, are noticed. */
#if defined(__SANITIZE_ADDRESS__)
#define ARENA_GUARDED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_GUARDED 1
#endif
#endif
#ifdef ARENA_GUARDED
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(block, size)   ((void)(block), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(block, size) ((void)(block), (void)(size))
#endif

/* Blocks of this size and above ask for large pages, for fewer misses in the processor's address cache. */
enum { ARENA_LARGE = 1 << 22 };

Arena arena_measure(void) { return (Arena){NULL, SIZE_MAX, 0}; }

bool arena_create(Arena *arena, size_t size, Error *err) {
    *arena = (Arena){0};
    size_t room = size > 0 ? size : ARENA_ALIGNMENT; /* mapping nothing is an error to the system */
    void *base = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED)
        return error_set(err, "out of memory: no room for a block of %.1f MiB (%s)", (double)size / (1 << 20),
                         strerror(errno));
#ifdef MADV_HUGEPAGE
    if (room >= ARENA_LARGE) madvise(base, room, MADV_HUGEPAGE); /* only a hint: small pages work, too */
#endif
    *arena = (Arena){base, room, 0};
    ASAN_POISON_MEMORY_REGION(base, room);
    return true;
}

void arena_free(Arena *arena) {
    if (arena->base) {
        ASAN_UNPOISON_MEMORY_REGION(arena->base, arena->size);
        munmap(arena->base, arena->size);
    }
    *arena = (Arena){0};
}

void *arena_push(Arena *arena, size_t count, size_t size) {
    CHECK(size == 0 || count <= (SIZE_MAX - ARENA_ALIGNMENT) / size, "arena_push: count * size overflows");
    size_t bytes = count * size;
    size_t padded = size_round_up(bytes, ARENA_ALIGNMENT);
    CHECK(padded <= arena->size - arena->used, "arena_push: more than was measured");
    unsigned char *block = arena->base ? arena->base + arena->used : NULL;
    arena->used += padded;
    if (block) ASAN_UNPOISON_MEMORY_REGION(block, bytes);
    return block;
}

size_t arena_mark(const Arena *arena) { return arena->used; }

void arena_release(Arena *arena, size_t mark) {
    CHECK(mark <= arena->used && mark % ARENA_ALIGNMENT == 0, "arena_release: not a mark of this arena");
#ifdef ARENA_GUARDED
    if (arena->base) {
        unsigned char *from = arena->base + mark;
        ASAN_UNPOISON_MEMORY_REGION(from, arena->used - mark);
        memset(from, 0xFF, arena->used - mark);
        ASAN_POISON_MEMORY_REGION(from, arena->used - mark);
    }
#endif
    arena->used = mark;
}
