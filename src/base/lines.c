#include "base/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

enum { BLOCK = 1 << 16 }; /* bytes asked for at a time */

struct LineReader {
    int descriptor;
    const char *name;
    char *buffer;
    size_t size;       /* of the buffer */
    size_t start, end; /* of the bytes not yet taken */
    bool ended;
    size_t count;
};

LineReader *lines_open(int descriptor, const char *name) {
    LineReader *r = memory_new(1, sizeof *r);
    r->descriptor = descriptor;
    r->name = name;
    r->size = 2 * BLOCK;
    r->buffer = memory_new(r->size, 1);
    return r;
}

void lines_free(LineReader *r) {
    if (!r) return;
    free(r->buffer);
    free(r);
}

static char *line_end(const LineReader *r) { return memchr(r->buffer + r->start, '\n', r->end - r->start); }

bool lines_ready(const LineReader *r) { return line_end(r) != NULL; }

size_t lines_count(const LineReader *r) { return r->count; }

/* Moves what is not yet taken to the front, and reads more behind it. */
static bool read_more(LineReader *r, Error *err) {
    memmove(r->buffer, r->buffer + r->start, r->end - r->start);
    r->end -= r->start;
    r->start = 0;
    if (r->end > LINES_LONGEST)
        return error_set(err, "%s:%zu: expected a line of at most %d bytes, found a longer one", r->name, r->count + 1,
                         LINES_LONGEST);
    if (r->size - r->end < BLOCK) r->buffer = memory_resize(r->buffer, r->size *= 2, 1);
    ssize_t got;
    do got = read(r->descriptor, r->buffer + r->end, BLOCK);
    while (got < 0 && errno == EINTR);
    if (got < 0) return error_set(err, "%s: cannot read: %s", r->name, strerror(errno));
    r->end += (size_t)got;
    r->ended = got == 0;
    return true;
}

LinesNext lines_next(LineReader *r, const char **line, size_t *length, Error *err) {
    char *end;
    while (!(end = line_end(r)) && !r->ended)
        if (!read_more(r, err)) return LINES_FAILED;
    if (!end && r->start == r->end) return LINES_END;
    *line = r->buffer + r->start;
    *length = end ? (size_t)(end - *line) : r->end - r->start;
    r->start += *length + (end != NULL);
    if (*length > 0 && (*line)[*length - 1] == '\r') --*length;
    r->count++;
    return LINES_LINE;
}

size_t lines_mark(const char *text, size_t length) {
    return length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}
