/* Scopes: everything that a call into the library took can be given back, wherever the call fails.
 *
 * A scope owns every block of memory (base/memory.h), memory map, file, thread and lock that is taken while it is in
 * use, until it is given back. scope_run uses it for one function. If memory runs out there, at any depth and on any of
 * the pool's threads, scope_leave goes straight back to scope_run, which gives all back that the scope owns: no
 * function on the way has to know. The commands use no scope: there, the process ends.
 *
 *     scope_run -> body -> ... -> memory_new -> no memory: scope_leave
 *         ^                                            |
 *         +-------------- everything given back -------+
 *
 * A scope may be used again and again: the next run finds what one run took, such as a translator's arrays. Scopes
 * nest: a callback of the program may call the library, which then uses another scope. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct Scope Scope;

/* NULL when there is no memory. Free with scope_free, which gives back all that it owns. */
Scope *scope_create(void);
void scope_free(Scope *scope); /* NULL is fine */

typedef enum ScopeEnd {
    SCOPE_DONE,
    SCOPE_FAILED,    /* the body returned false */
    SCOPE_NO_MEMORY, /* memory ran out: the body returned false with the message given to scope_short, or it was left */
    SCOPE_BUG,       /* it was left because a CHECK failed */
} ScopeEnd;

/* Runs the body in the scope. If it failed, the scope owns nothing any more, and *err says why. */
typedef bool ScopeBody(void *context, Error *err);
ScopeEnd scope_run(Scope *scope, ScopeBody *body, void *context, Error *err);

/* ---- For what runs in a scope ---- */

/* The scope that this thread uses; NULL: none. */
Scope *scope_current(void);

/* Gives up: goes back to where this thread began to use its scope. There must be one. */
_Noreturn void scope_leave(ScopeEnd end, const Error *err);

/* Says that the failure in *err comes from a lack of memory. The call's status says so, too, if it fails with this
 * message, or one that has it as a part. */
void scope_short(const Error *err);

/* Like scope_run, for another thread that works for one in the scope: nothing is given back. If the body was left, the
 * other thread is the one that must leave. */
ScopeEnd scope_join(Scope *scope, ScopeBody *body, void *context, Error *err);

/* As calloc, realloc and free, with the block owned by the scope, if there is one. scope_adopt makes a block of malloc
 * the scope's; on failure it is freed, and NULL is returned. NULL when there is no memory; realloc's block then stays.
 */
void *scope_calloc(size_t count, size_t size);
void *scope_realloc(void *block, size_t size);
void *scope_adopt(void *block);
void scope_free_block(void *block);

/* What else is taken: the scope gives it back by release(what, size). Without memory to note it, it is given back at
 * once, and the scope is left. scope_drop: it has been given back, or is no longer the scope's. */
typedef void ScopeRelease(void *what, size_t size);
void scope_take(void *what, size_t size, ScopeRelease *release);
void scope_drop(void *what, ScopeRelease *release);
