#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/scope.h"

void check_failed(const char *file, int line, const char *condition, const char *message) {
    Error err;
    error_set(&err, "%s:%d: bug: %s (%s)", file, line, message, condition);
    if (scope_current()) scope_leave(SCOPE_BUG, &err);
    fprintf(stderr, "%s\n", err.text);
    abort();
}
