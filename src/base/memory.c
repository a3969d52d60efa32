#include "base/memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *command;

void memory_command(const char *name) { command = name; }

void memory_out(size_t count, size_t size) {
    fprintf(stderr, "%s%sout of memory: no room for %zu x %zu bytes\n", command ? command : "", command ? ": " : "",
            count, size);
    exit(1);
}

void *memory_new(size_t count, size_t size) {
    if (count == 0 || size == 0) count = size = 1; /* calloc(0, ...) may return NULL */
    void *block = calloc(count, size);             /* calloc checks the product */
    if (!block) memory_out(count, size);
    return block;
}

void *memory_resize(void *block, size_t count, size_t size) {
    if (count == 0 || size == 0) count = size = 1;
    if (count > SIZE_MAX / size) memory_out(count, size);
    void *moved = realloc(block, count * size);
    if (!moved) memory_out(count, size);
    return moved;
}

char *memory_string(const char *text) { return memory_string_n(text, strlen(text)); }

char *memory_string_n(const char *text, size_t length) {
    if (length == SIZE_MAX) memory_out(length, 1);
    char *copy = memory_new(length + 1, 1);
    if (length > 0) memcpy(copy, text, length);
    return copy;
}

char *memory_format(const char *format, ...) {
    char *text;
    va_list arguments;
    va_start(arguments, format);
    if (vasprintf(&text, format, arguments) < 0) memory_out(1, strlen(format));
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
