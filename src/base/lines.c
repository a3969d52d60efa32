#include "base/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/size.h"

enum { BLOCK = 1 << 16 }; /* bytes asked for at a time */

struct LineReader {
    int descriptor;
    const char *name;
    char *buffer;
    size_t size;       /* of the buffer */
    size_t start, end; /* of the bytes not yet taken */
    bool ended;
    bool known, returns; /* how lines end; returns: in CR */
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

static char *line_end(const LineReader *r) {
    char *from = r->buffer + r->start, *cr = NULL, *lf;
    if (r->returns) cr = memchr(from, '\r', r->end - r->start);
    lf = memchr(from, '\n', cr ? (size_t)(cr - from) : r->end - r->start);
    if (lf || !cr) return lf;
    return cr + 1 < r->buffer + r->end || r->ended ? cr : NULL; /* a LF may follow it */
}

/* Finds out how lines end, when the first is not ended by LF although all is there, or a block. True: in CR. */
static bool learn_end(LineReader *r) {
    if (r->known || (!r->ended && r->end - r->start < BLOCK)) return false;
    r->known = true;
    return r->returns = r->count == 0 && memchr(r->buffer + r->start, '\r', r->end - r->start);
}

bool lines_ready(const LineReader *r) { return line_end(r) != NULL; }

size_t lines_count(const LineReader *r) { return r->count; }

/* Moves what is not yet taken to the front, and reads more behind it. */
static bool read_more(LineReader *r, Error *err) {
    if (r->start > 0) memmove(r->buffer, r->buffer + r->start, r->end - r->start);
    r->end -= r->start;
    r->start = 0;
    if (r->size - r->end < BLOCK) r->buffer = memory_resize(r->buffer, r->size *= 2, 1);
    const ssize_t got = file_get(r->descriptor, r->buffer + r->end, BLOCK);
    if (got < 0) return error_set(err, "%s: cannot read: %s", r->name, strerror(errno));
    r->end += (size_t)got;
    r->ended = got == 0;
    return true;
}

LinesNext lines_next(LineReader *r, const char **line, size_t *length, Error *err) {
    char *end;
    bool skipping = false;
    while (!(end = line_end(r))) {
        if (learn_end(r)) continue;
        if (r->ended) break;
        skipping = skipping || r->end - r->start > LINES_LONGEST + 4; /* a byte order mark and a CR do not count */
        if (skipping) r->start = r->end - (r->returns && r->buffer[r->end - 1] == '\r'); /* a LF may follow it */
        if (!read_more(r, err)) return LINES_FAILED;
    }
    if (!end && r->start == r->end && !skipping) return LINES_END;
    *line = r->buffer + r->start;
    const char *foreign = r->count == 0 && !skipping ? lines_foreign(*line, r->end - r->start) : NULL;
    if (foreign) {
        error_set(err, "%s: expected UTF-8 text, found %s", r->name, foreign);
        return LINES_FAILED;
    }
    *length = end ? (size_t)(end - *line) : r->end - r->start;
    r->start += *length + (end != NULL);
    if (end && *end == '\r' && r->start < r->end && r->buffer[r->start] == '\n') r->start++;
    if (*length > 0 && (*line)[*length - 1] == '\r') --*length;
    const size_t mark = r->count++ == 0 ? lines_mark(*line, *length) : 0;
    *line += mark, *length -= mark;
    if (!skipping && *length <= LINES_LONGEST) return LINES_LINE;
    error_set(err, "%s:%zu: expected a line of at most %d bytes, found a longer one", r->name, r->count, LINES_LONGEST);
    return LINES_LONG;
}

size_t lines_mark(const char *text, size_t length) {
    return length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
}

const char *lines_foreign(const char *bytes, size_t size) {
    static const struct {
        const char *mark;
        size_t size, at;
        const char *what;
    } kinds[] = {
        {"\x1F\x8B", 2, 0, "gzip data (zcat unpacks it)"},
        {"1AY&SY", 6, 4, "bzip2 data (bzcat unpacks it)"},
        {"\xFD"
         "7zXZ",
         5, 0, "xz data (xzcat unpacks it)"},
        {"\x28\xB5\x2F\xFD", 4, 0, "zstd data (zstdcat unpacks it)"},
        {"PK\3\4", 4, 0, "a zip archive (unzip -p unpacks it)"},
        {"GGUF\3\0\0\0", 8, 0, "a model file"},
        {"\xFF\xFE", 2, 0, "UTF-16 (iconv -f UTF-16 -t UTF-8 converts it)"},
        {"\xFE\xFF", 2, 0, "UTF-16 (iconv -f UTF-16 -t UTF-8 converts it)"},
    };
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (size >= kinds[i].at + kinds[i].size && memcmp(bytes + kinds[i].at, kinds[i].mark, kinds[i].size) == 0)
            return kinds[i].what;
    if (size < 4) return NULL;
    if (bytes[0] && !bytes[1] && bytes[2] && !bytes[3]) return "UTF-16LE (iconv -f UTF-16LE -t UTF-8 converts it)";
    if (!bytes[0] && bytes[1] && !bytes[2] && bytes[3]) return "UTF-16BE (iconv -f UTF-16BE -t UTF-8 converts it)";
    return NULL;
}
