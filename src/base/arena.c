#include "base/arena.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "base/check.h"
#include "base/scope.h"

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

/* Blocks of this size and above ask for large pages, for fewer misses in the processor's address cache. Whole ones:
 * from version 6.7 on, Linux then begins the block at the start of one. Before that, it may begin elsewhere, and then
 * the block's ends are small pages, which are taken one by one. */
enum { ARENA_LARGE = 1 << 20, ARENA_PAGE = 1 << 21 };

/* Bytes that a block is mapped with. */
static uint64_t mapped_size(uint64_t size) {
    const uint64_t most = UINT64_MAX - ARENA_PAGE;
    return size < ARENA_LARGE || size > most ? size : (size + ARENA_PAGE - 1) / ARENA_PAGE * ARENA_PAGE;
}

static void unmap(void *base, size_t size) {
    ASAN_UNPOISON_MEMORY_REGION(base, size);
    munmap(base, (size_t)mapped_size(size));
}

Arena arena_measure(void) { return (Arena){NULL, UINT64_MAX, 0}; }

bool arena_create(Arena *arena, uint64_t size, Error *err) {
    *arena = (Arena){0};
    const uint64_t room = size > 0 ? size : ARENA_ALIGNMENT; /* mapping nothing is an error to the system */
    errno = ENOMEM;
    const uint64_t mapped = mapped_size(room);
    void *base = mapped > SIZE_MAX
                     ? MAP_FAILED
                     : mmap(NULL, (size_t)mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) {
        error_set(err, "out of memory: no room for a block of %.1f MiB (%s)", (double)size / (1 << 20),
                  strerror(errno));
        scope_short(err);
        return false;
    }
    scope_take(base, (size_t)room, unmap);
#ifdef MADV_HUGEPAGE
    if (room >= ARENA_LARGE) madvise(base, mapped, MADV_HUGEPAGE); /* only a hint: small pages work, too */
#endif
    *arena = (Arena){base, room, 0};
    ASAN_POISON_MEMORY_REGION(base, room);
    return true;
}

void arena_free(Arena *arena) {
    if (arena->base) {
        scope_drop(arena->base, unmap);
        unmap(arena->base, (size_t)arena->size);
    }
    *arena = (Arena){0};
}

void *arena_push(Arena *arena, uint64_t count, size_t size) {
    CHECK(size == 0 || count <= (UINT64_MAX - ARENA_ALIGNMENT) / size, "arena_push: count * size overflows");
    const uint64_t bytes = count * size;
    const uint64_t padded = (bytes + ARENA_ALIGNMENT - 1) / ARENA_ALIGNMENT * ARENA_ALIGNMENT;
    CHECK(padded <= arena->size - arena->used, "arena_push: more than was measured");
    unsigned char *block = arena->base ? arena->base + arena->used : NULL;
    arena->used += padded;
    if (block) ASAN_UNPOISON_MEMORY_REGION(block, (size_t)bytes);
    return block;
}

uint64_t arena_mark(const Arena *arena) { return arena->used; }

void arena_release(Arena *arena, uint64_t mark) {
    CHECK(mark <= arena->used && mark % ARENA_ALIGNMENT == 0, "arena_release: not a mark of this arena");
#ifdef ARENA_GUARDED
    if (arena->base) {
        unsigned char *from = arena->base + mark;
        const size_t size = (size_t)(arena->used - mark);
        ASAN_UNPOISON_MEMORY_REGION(from, size);
        memset(from, 0xFF, size);
        ASAN_POISON_MEMORY_REGION(from, size);
    }
#endif
    arena->used = mark;
}
