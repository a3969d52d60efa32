/* Allocation that never returns NULL. If memory runs out, a call into the library fails, and all that it took is given
 * back (base/scope.h); a command prints a message and ends. The product count * size is checked for overflow.
 *
 * Large blocks come from an Arena instead, which reports failure as an Error: that is what other headers mean by "fails
 * when there is no memory". A few large blocks are allocated here all the same: the plan of an epoch, the bytes of a
 * model file, the pool's scratch.
 *
 * A scope must know which blocks are given back. So a file that frees one includes this header, in which free means
 * memory_free. */
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

/* What these functions do when there is no memory for count * size bytes. */
_Noreturn void memory_out(size_t count, size_t size);

/* What ends the process where there is no scope to leave: it takes the message, and does not return. Without it the
 * process aborts. */
void memory_at_end(void (*end)(const char *message));

/* As free. */
void memory_free(void *block);
#define free(block) memory_free(block)

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
char *memory_format_list(const char *format, va_list arguments) __attribute__((format(printf, 1, 0)));
