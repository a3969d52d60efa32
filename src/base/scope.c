#include "base/scope.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCKS = 64, FIRST_TAKEN = 16 };

/* Something other than a block. */
typedef struct Taken {
    void *what;
    size_t size;
    ScopeRelease *release;
} Taken;

struct Scope {
    pthread_mutex_t mutex; /* the pool's threads share a scope */
    void **blocks;         /* (room) a hash table, open addressing; NULL: an empty place */
    size_t count, room;    /* room: a power of two, at least twice the count; 0 at first */
    Taken *taken;          /* (taken_count) in the order in which they were taken */
    size_t taken_count, taken_room;
    Error lack; /* the last failure that came from a lack of memory; empty: none did */
};

/* A use of a scope by a thread, on its stack. */
typedef struct Use {
    struct Use *outer;
    Scope *scope;
    Error *err;
    ScopeEnd end;
    jmp_buf landing;
} Use;

static _Thread_local Use *use; /* the innermost of this thread; NULL: none */

Scope *scope_create(void) {
    Scope *s = calloc(1, sizeof *s);
    if (s) pthread_mutex_init(&s->mutex, NULL);
    return s;
}

Scope *scope_current(void) { return use ? use->scope : NULL; }

void scope_short(const Error *err) {
    Scope *s = scope_current();
    if (!s) return;
    pthread_mutex_lock(&s->mutex);
    s->lack = *err;
    pthread_mutex_unlock(&s->mutex);
}

/* Whether a body failed, with this message, for lack of memory. It may also have done without it, and failed later for
 * another reason. */
static bool is_short(Scope *s, const Error *err) {
    pthread_mutex_lock(&s->mutex);
    const bool yes = s->lack.text[0] && strstr(err->text, s->lack.text);
    pthread_mutex_unlock(&s->mutex);
    return yes;
}

/* ---- Blocks ---- */

static size_t place_of(const Scope *s, const void *block) {
    return (size_t)(((uint64_t)(uintptr_t)block * 0x9E3779B97F4A7C15u) >> 32) & (s->room - 1);
}

static void insert(Scope *s, void *block) {
    size_t at = place_of(s, block);
    while (s->blocks[at]) at = (at + 1) & (s->room - 1);
    s->blocks[at] = block;
    s->count++;
}

/* Makes room for one more. */
static bool reserve(Scope *s) {
    if (2 * (s->count + 1) <= s->room) return true;
    const size_t old_room = s->room, room = old_room ? 2 * old_room : FIRST_BLOCKS;
    void **old = s->blocks, **larger = calloc(room, sizeof *larger);
    if (!larger) return false;
    s->blocks = larger, s->room = room, s->count = 0;
    for (size_t i = 0; i < old_room; i++)
        if (old[i]) insert(s, old[i]);
    free(old);
    return true;
}

/* Forgets a block; false: it is none of this scope's. What follows it in the table moves up, so that every block is
 * found from its place on without a gap. */
static bool forget(Scope *s, const void *block) {
    if (s->room == 0 || !block) return false;
    const size_t mask = s->room - 1;
    size_t gap = place_of(s, block);
    for (; s->blocks[gap] != block; gap = (gap + 1) & mask)
        if (!s->blocks[gap]) return false;
    for (size_t at = gap; s->blocks[at = (at + 1) & mask];) {
        const size_t home = place_of(s, s->blocks[at]);
        if (((at - home) & mask) < ((at - gap) & mask)) continue; /* it may not come before its home */
        s->blocks[gap] = s->blocks[at];
        gap = at;
    }
    s->blocks[gap] = NULL;
    s->count--;
    return true;
}

void *scope_calloc(size_t count, size_t size) {
    Scope *s = scope_current();
    if (!s) return calloc(count, size);
    pthread_mutex_lock(&s->mutex);
    void *block = reserve(s) ? calloc(count, size) : NULL;
    if (block) insert(s, block);
    pthread_mutex_unlock(&s->mutex);
    return block;
}

void *scope_realloc(void *block, size_t size) {
    Scope *s = scope_current();
    if (!s) return realloc(block, size);
    pthread_mutex_lock(&s->mutex); /* until the end: a block that was freed may be another thread's at once */
    void *moved = NULL;
    if (reserve(s)) {
        const bool own = forget(s, block);
        moved = realloc(block, size);
        if (moved || own) insert(s, moved ? moved : block);
    }
    pthread_mutex_unlock(&s->mutex);
    return moved;
}

void *scope_adopt(void *block) {
    Scope *s = scope_current();
    if (!s || !block) return block;
    pthread_mutex_lock(&s->mutex);
    const bool ok = reserve(s);
    if (ok) insert(s, block);
    pthread_mutex_unlock(&s->mutex);
    if (!ok) free(block);
    return ok ? block : NULL;
}

void scope_free_block(void *block) {
    Scope *s = scope_current();
    if (s) {
        pthread_mutex_lock(&s->mutex);
        forget(s, block);
        pthread_mutex_unlock(&s->mutex);
    }
    free(block);
}

/* ---- What else is taken ---- */

void scope_take(void *what, size_t size, ScopeRelease *release) {
    Scope *s = scope_current();
    if (!s) return;
    pthread_mutex_lock(&s->mutex);
    bool ok = true;
    if (s->taken_count == s->taken_room) {
        const size_t room = s->taken_room ? 2 * s->taken_room : FIRST_TAKEN;
        Taken *larger = realloc(s->taken, room * sizeof *larger);
        ok = larger;
        if (ok) s->taken = larger, s->taken_room = room;
    }
    if (ok) s->taken[s->taken_count++] = (Taken){what, size, release};
    pthread_mutex_unlock(&s->mutex);
    if (ok) return;
    Error err;
    release(what, size);
    error_set(&err, "out of memory: no room for %zu bytes", sizeof(Taken));
    scope_leave(SCOPE_NO_MEMORY, &err);
}

void scope_drop(void *what, ScopeRelease *release) {
    Scope *s = scope_current();
    if (!s) return;
    pthread_mutex_lock(&s->mutex);
    for (size_t i = s->taken_count; i-- > 0;) {
        if (s->taken[i].what != what || s->taken[i].release != release) continue;
        memmove(&s->taken[i], &s->taken[i + 1], (--s->taken_count - i) * sizeof *s->taken);
        break;
    }
    pthread_mutex_unlock(&s->mutex);
}

/* ---- Uses ---- */

void scope_leave(ScopeEnd end, const Error *err) {
    if (!use) abort();
    *use->err = *err;
    use->end = end;
    longjmp(use->landing, 1);
}

/* The use is the caller's: what changes in a function between setjmp and longjmp is lost there. */
static void run(Use *here, ScopeBody *body, void *context) {
    use = here;
    if (setjmp(here->landing) != 0) return;
    const bool ok = body(context, here->err);
    here->end = ok ? SCOPE_DONE : is_short(here->scope, here->err) ? SCOPE_NO_MEMORY : SCOPE_FAILED;
}

ScopeEnd scope_join(Scope *scope, ScopeBody *body, void *context, Error *err) {
    Use here = {.outer = use, .scope = scope, .err = err};
    run(&here, body, context);
    use = here.outer;
    return here.end;
}

/* What was taken last goes first: threads before what they use. What is given back may itself own blocks. */
static bool give_back(void *context, Error *err) {
    (void)err;
    Scope *s = context;
    while (s->taken_count > 0) {
        const Taken last = s->taken[--s->taken_count];
        last.release(last.what, last.size);
    }
    for (size_t i = 0; i < s->room; i++) free(s->blocks[i]);
    free(s->blocks);
    free(s->taken);
    s->blocks = NULL, s->taken = NULL;
    s->count = s->room = s->taken_room = 0;
    return true;
}

ScopeEnd scope_run(Scope *scope, ScopeBody *body, void *context, Error *err) {
    Error ignored;
    const ScopeEnd end = scope_join(scope, body, context, err);
    if (end != SCOPE_DONE) scope_join(scope, give_back, scope, &ignored);
    return end;
}

void scope_free(Scope *scope) {
    Error ignored;
    if (!scope) return;
    scope_join(scope, give_back, scope, &ignored);
    pthread_mutex_destroy(&scope->mutex);
    free(scope);
}
