/* In place of base/scope.c: there are no scopes in a page, and no setjmp to leave them with. */
#include <stdlib.h>

#include "base/scope.h"

Scope *scope_current(void) { return NULL; }

_Noreturn void scope_leave(ScopeEnd end, const Error *err) {
    (void)end, (void)err;
    abort();
}

void scope_short(const Error *err) { (void)err; }

void *scope_calloc(size_t count, size_t size) { return calloc(count, size); }

void *scope_realloc(void *block, size_t size) { return realloc(block, size); }

void *scope_adopt(void *block) { return block; }

void scope_free_block(void *block) { free(block); }

void scope_take(void *what, size_t size, ScopeRelease *release) { (void)what, (void)size, (void)release; }

void scope_drop(void *what, ScopeRelease *release) { (void)what, (void)release; }
