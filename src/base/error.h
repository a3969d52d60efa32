/* Errors as values: whatever a user can cause is reported as one line of text.
 *
 * Unless its header says otherwise, a function that can fail takes `Error *err` as its last argument and returns bool
 * (false: failed) or a pointer (NULL: failed). On failure *err holds the message; on success its content means nothing.
 * The message names the file, the line or key, what was expected and what was found, without a newline at the end. The
 * commands in src/cli/ print it; the training loop prints the errors that do not end a run. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>

#include "base/exact.h"

typedef struct Error {
    char text[1024];
} Error;

/* Writes the message and returns false, so that a caller can write `return error_set(err, "%s: ...", path)`. What is
 * not plain (base/plain.h) becomes '?'; of a message that is too long, the middle is left out. An argument may be
 * err->text itself. */
bool error_set(Error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool error_set_list(Error *err, const char *format, va_list arguments) __attribute__((format(printf, 2, 0)));

/* The same, for functions that return a pointer. */
#define error_null(...) (error_set(__VA_ARGS__), (void *)0)
