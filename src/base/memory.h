/* Allocation that ends the process when memory runs out: one line on stderr, exit code 1. The product count * size is
 * checked for overflow.
 *
 * Large blocks come from an Arena instead, which reports failure as an Error: that is what other headers mean by "fails
 * when there is no memory". A few large blocks are allocated here all the same: the plan of an epoch, the bytes
 * of a model file, the pool's scratch. */
#pragma once

#include <stddef.h>

/* What these functions do when there is no memory for count * size bytes: says so, and ends the process. */
_Noreturn void memory_out(size_t count, size_t size);

/* The name that begins the line, which must outlive the process; NULL, at first: none. */
void memory_command(const char *name);

/* count * size zeroed bytes; never NULL. Free with free(). */
void *memory_new(size_t count, size_t size);

/* Grows or shrinks a block as realloc does; never NULL. */
void *memory_resize(void *block, size_t count, size_t size);

/* A copy of a string, or of its first length bytes with a NUL added. Free with free(). */
char *memory_string(const char *text);
char *memory_string_n(const char *text, size_t length);

/* `text` and `more`, with `between` between them unless one is empty, in a fresh string; frees both. */
char *memory_join(char *text, const char *between, char *more);

/* The next line of *text, without its end, in a fresh string, and *text put behind it; NULL when nothing is left. */
char *memory_line(const char **text);

/* A printf into a fresh string. Free with free(). */
char *memory_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
