#include "base/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/scope.h"

static void (*end_process)(const char *message);

void memory_at_end(void (*end)(const char *message)) { end_process = end; }

void memory_out(size_t count, size_t size) {
    Error err;
    error_set(&err, "out of memory: no room for %zu x %zu bytes", count, size);
    if (scope_current()) scope_leave(SCOPE_NO_MEMORY, &err);
    if (end_process) end_process(err.text);
    abort();
}

void *memory_new(size_t count, size_t size) {
    if (count == 0 || size == 0) count = size = 1; /* calloc(0, ...) may return NULL */
    void *block = scope_calloc(count, size);       /* which checks the product */
    if (!block) memory_out(count, size);
    return block;
}

void *memory_resize(void *block, size_t count, size_t size) {
    if (count == 0 || size == 0) count = size = 1;
    if (count > SIZE_MAX / size) memory_out(count, size);
    void *moved = scope_realloc(block, count * size);
    if (!moved) memory_out(count, size);
    return moved;
}

void memory_free(void *block) { scope_free_block(block); }

char *memory_string(const char *text) { return memory_string_n(text, strlen(text)); }

char *memory_string_n(const char *text, size_t length) {
    if (length == SIZE_MAX) memory_out(length, 1);
    char *copy = memory_new(length + 1, 1);
    if (length > 0) memcpy(copy, text, length);
    return copy;
}

char *memory_format_list(const char *format, va_list arguments) {
    char *text;
    if (vasprintf(&text, format, arguments) < 0 || !(text = scope_adopt(text))) memory_out(1, strlen(format));
    return text;
}

char *memory_format(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = memory_format_list(format, arguments);
    va_end(arguments);
    return text;
}

char *memory_join(char *text, const char *between, char *more) {
    char *both = memory_format("%s%s%s", text, *text && *more ? between : "", more);
    free(text);
    free(more);
    return both;
}

char *memory_line(const char **text) {
    if (!**text) return NULL;
    char *line = memory_string_n(*text, strcspn(*text, "\n"));
    *text += strlen(line);
    *text += **text == '\n';
    return line;
}
