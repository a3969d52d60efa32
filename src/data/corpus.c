#include "data/corpus.h"

#include <string.h>

#include "base/check.h"
#include "base/ds.h"
#include "text/utf8.h"

/* A line's first characters for a message, bad bytes shown as '?'. */
enum { EXCERPT_LONGEST = 40 };

typedef struct Excerpt {
    char text[EXCERPT_LONGEST + UTF8_LONGEST + 4];
} Excerpt;

static Excerpt excerpt_of(const char *text, size_t length) {
    Excerpt excerpt = {0};
    size_t used = 0, at = 0;
    while (at < length && used < EXCERPT_LONGEST) {
        uint32_t code;
        at += utf8_decode(&code, text + at, length - at);
        used += utf8_encode(excerpt.text + used, code >= UTF8_BAD || code < ' ' ? '?' : code);
    }
    if (at < length) memcpy(excerpt.text + used, "...", 3);
    return excerpt;
}

static bool is_blank(const char *text, size_t length) {
    for (size_t at = 0; at < length;) {
        uint32_t code;
        at += utf8_decode(&code, text + at, length - at);
        if (utf8_class(code) != UTF8_SPACE) return false;
    }
    return true;
}

/* Splits one line, without its end, at its first TAB and looks at every column. */
static bool split_line(CorpusLine *line, const char *text, size_t length, const char *path, size_t number, Error *err) {
    if (length > CORPUS_LONGEST_LINE)
        return error_set(err, "%s:%zu: expected a line of at most %d bytes, found %zu", path, number,
                         CORPUS_LONGEST_LINE, length);
    const char *nul = memchr(text, 0, length);
    if (nul)
        return error_set(err, "%s:%zu: expected UTF-8 text, found a NUL byte at byte %zu of the line", path, number,
                         (size_t)(nul - text) + 1);
    const char *tab = memchr(text, '\t', length);
    if (!tab)
        return error_set(err, "%s:%zu: expected `source TAB target`, found no TAB in \"%s\"", path, number,
                         excerpt_of(text, length).text);
    size_t column = 1;
    for (const char *at = text, *end = text + length; at <= end; column++) {
        tab = memchr(at, '\t', (size_t)(end - at));
        size_t size = (size_t)((tab ? tab : end) - at);
        if (is_blank(at, size))
            return error_set(err, "%s:%zu: expected text in column %zu (%s), found none in \"%s\"", path, number,
                             column, column == 1 ? "the source" : "a target", excerpt_of(text, length).text);
        if (column == 1) line->source_length = (uint32_t)size;
        at += size + 1;
    }
    line->targets_length = (uint32_t)(length - line->source_length - 1);
    return true;
}

bool corpus_read(Corpus *corpus, const char *path, Error *err) {
    *corpus = (Corpus){0};
    if (!file_read(&corpus->file, path, err)) return false;
    const char *data = (const char *)corpus->file.data;
    size_t size = corpus->file.size, at = size >= 3 && memcmp(data, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    bool good = true;
    if (at == size) good = error_set(err, "%s: expected lines of `source TAB target`, found an empty file", path);
    while (good && at < size) {
        const char *end = memchr(data + at, '\n', size - at);
        size_t length = end ? (size_t)(end - data) - at : size - at;
        size_t bare = length > 0 && data[at + length - 1] == '\r' ? length - 1 : length;
        CorpusLine line = {.start = at};
        if (corpus->count == UINT32_MAX)
            good = error_set(err, "%s: expected at most %u lines, found more", path, UINT32_MAX);
        else
            good = split_line(&line, data + at, bare, path, corpus->count + 1, err);
        if (!good) break;
        stbds_arrput(corpus->lines, line);
        corpus->count++;
        at += length + 1;
    }
    if (!good) corpus_free(corpus);
    return good;
}

void corpus_free(Corpus *corpus) {
    stbds_arrfree(corpus->lines);
    file_unmap(&corpus->file);
    *corpus = (Corpus){0};
}

Text corpus_source(const Corpus *corpus, size_t line) {
    CHECK(line < corpus->count, "a line of the corpus");
    return (Text){(const char *)corpus->file.data + corpus->lines[line].start, corpus->lines[line].source_length};
}

/* All targets of a line, with the TABs between them. */
static Text targets_of(const Corpus *corpus, size_t line) {
    Text source = corpus_source(corpus, line);
    return (Text){source.bytes + source.length + 1, corpus->lines[line].targets_length};
}

size_t corpus_targets(const Corpus *corpus, size_t line) {
    Text rest = targets_of(corpus, line);
    size_t count = 1;
    for (size_t i = 0; i < rest.length; i++) count += rest.bytes[i] == '\t';
    return count;
}

Text corpus_target(const Corpus *corpus, size_t line, size_t target) {
    Text rest = targets_of(corpus, line);
    for (;; target--) {
        const char *tab = memchr(rest.bytes, '\t', rest.length);
        size_t length = tab ? (size_t)(tab - rest.bytes) : rest.length;
        if (target == 0) return (Text){rest.bytes, length};
        CHECK(tab, "a target of the line");
        rest = (Text){tab + 1, rest.length - length - 1};
    }
}
