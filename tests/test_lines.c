/* Lines of any ends and lengths, however their bytes arrive. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/ds.h"
#include "base/lines.h"
#include "base/memory.h"
#include "testlib.h"

typedef struct Writer {
    const char *bytes;
    size_t size, piece; /* bytes written at a time */
    int descriptor;
} Writer;

static void *write_pieces(void *context) {
    const Writer *w = context;
    for (size_t at = 0; at < w->size; at += w->piece) {
        const size_t size = w->size - at < w->piece ? w->size - at : w->piece;
        EXPECT(write(w->descriptor, w->bytes + at, size) == (ssize_t)size);
    }
    close(w->descriptor);
    return NULL;
}

/* All lines with a / behind each, a * for one that is too long and a ! for an error: a stb_ds array with a NUL. */
static char *lines_from(int descriptor) {
    LineReader *reader = lines_open(descriptor, "the input");
    const char *line;
    char *all = NULL;
    size_t length, count = 0;
    Error err;
    for (LinesNext next; (next = lines_next(reader, &line, &length, &err)) != LINES_END; count++) {
        if (next == LINES_LINE && length > 0) memcpy(stbds_arraddnptr(all, length), line, length);
        stbds_arrput(all, next == LINES_LINE ? '/' : next == LINES_LONG ? '*' : '!');
        if (next == LINES_LONG) EXPECT_HAS(err.text, "expected a line of at most 16777216 bytes, found a longer one");
        if (next == LINES_FAILED) break;
    }
    EXPECT_INT(lines_count(reader), count);
    stbds_arrput(all, 0);
    lines_free(reader);
    return all;
}

static char *lines_of(const char *bytes, size_t size, size_t piece) {
    int ends[2];
    pthread_t thread;
    EXPECT(pipe(ends) == 0);
    Writer writer = {bytes, size, piece, ends[1]};
    EXPECT(pthread_create(&thread, NULL, write_pieces, &writer) == 0);
    char *all = lines_from(ends[0]);
    pthread_join(thread, NULL);
    close(ends[0]);
    return all;
}

static void test_ends(void) {
    static const char *const rows[][2] = {
        {"", ""},
        {"a", "a/"},
        {"a\nb\n", "a/b/"},
        {"a\r\nb\r\n\r\nc", "a/b//c/"},
        {"a\rb\rc\r", "a/b/c/"}, /* no LF at all */
        {"a\rb\r\rc", "a/b//c/"},
        {"\ra", "/a/"},
        {"a\r", "a/"},
        {"a\rb\nc\rd\n", "a\rb/c\rd/"}, /* a CR inside a line */
        {"a\nb\rc", "a/b\rc/"},
        {"a\rb\r\nc\r", "a\rb/c/"},
        {"a\r\r\n", "a\r/"},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (size_t piece = 1; piece < 4; piece++) {
            char *found = lines_of(rows[i][0], strlen(rows[i][0]), piece);
            EXPECT_STR(found, rows[i][1]);
            stbds_arrfree(found);
        }
}

/* 40,000 lines that end in CR, of which no block holds the LF; then LFs, which end lines, too. */
static void test_many_returns(void) {
    static const char *const ends[] = {"\r", "\r\n", "\n"};
    for (size_t e = 0; e < COUNT(ends); e++) {
        char *text = NULL, *expected = NULL, line[32];
        for (int i = 0; i < 40000; i++) {
            const char *end = i < 30000 ? "\r" : ends[e];
            int length = snprintf(line, sizeof line, "line %d%s", i, end);
            memcpy(stbds_arraddnptr(text, length), line, (size_t)length);
            length = snprintf(line, sizeof line, "line %d/", i);
            memcpy(stbds_arraddnptr(expected, length), line, (size_t)length);
        }
        stbds_arrput(expected, 0);
        static const size_t pieces[] = {1 << 20, 4096, 777};
        for (size_t p = 0; p < COUNT(pieces); p++) {
            char *found = lines_of(text, stbds_arrlenu(text), pieces[p]);
            if (strcmp(found, expected) != 0) TEST_FAIL("ends %zu, pieces of %zu: other lines", e, pieces[p]);
            stbds_arrfree(found);
        }
        stbds_arrfree(text);
        stbds_arrfree(expected);
    }
}

/* A line that is too long is passed over, wherever it is, and the lines after it are read. */
static void test_long_lines(void) {
    static const char *const rows[][2] = {
        {"%\na\n", "*a/"},
        {"a\n%\nb", "a/*b/"},
        {"a\n%", "a/*"},
        {"%", "*"},
        {"a\r\n%\r\n\r\n%\r\nb\r\n", "a/*/*b/"},
        {"a\rb\r%\rc", "a/b/*c/"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char *text = NULL;
        for (const char *at = rows[i][0]; *at; at++)
            if (*at == '%')
                memset(stbds_arraddnptr(text, LINES_LONGEST + 100000), 'x', LINES_LONGEST + 100000);
            else
                stbds_arrput(text, *at);
        char *found = lines_of(text, stbds_arrlenu(text), 1 << 20);
        if (strlen(found) > 100) found[100] = 0;
        EXPECT_STR(found, rows[i][1]);
        stbds_arrfree(found);
        stbds_arrfree(text);
    }
}

/* A line that is too long, whose CR is the last byte of a block: only the next block says whether an LF follows. */
static void test_long_line_to_the_end_of_a_block(void) {
    static const char *const ends[][2] = {
        {"b\rc", "a/*b/c/"}, {"\nb\rc", "a/*b/c/"}, {"\r\rb\r", "a/*//b/"}, {"", "a/*"}};
    enum { SIZE = LINES_LONGEST + (1 << 20) };
    char *text = memory_new(SIZE, 1);
    memset(text, 'x', SIZE);
    memcpy(text, "a\r", 2);
    text[SIZE - 1] = '\r';
    for (size_t i = 0; i < COUNT(ends); i++) {
        FILE *file = tmpfile();
        fwrite(text, 1, SIZE, file);
        fputs(ends[i][0], file);
        rewind(file);
        char *found = lines_from(fileno(file));
        EXPECT_STR(found, ends[i][1]);
        stbds_arrfree(found);
        fclose(file);
    }
    free(text);
}

/* The longest line that is read, and the shortest that is not, wherever blocks end. */
static void test_longest_line(void) {
    static const char *const starts[] = {"", "\xEF\xBB\xBF"}, *const ends[] = {"\nb\n", "\r\nb\r\n", ""};
    for (size_t way = 0; way < 12; way++) {
        const char *start = starts[way % 2], *end = ends[way / 2 % 3];
        const bool longer = way >= 6;
        char *text = memory_new(LINES_LONGEST + 16, 1);
        strcpy(text, start);
        memset(text + strlen(start), 'x', LINES_LONGEST + longer);
        strcpy(text + strlen(start) + LINES_LONGEST + longer, end);
        char *found = lines_of(text, strlen(text), 1 << 20);
        const char *rest = *end ? "/b/" : "/";
        if (longer)
            EXPECT_STR(found, *end ? "*b/" : "*");
        else
            EXPECT(strlen(found) == LINES_LONGEST + strlen(rest) && strcmp(found + LINES_LONGEST, rest) == 0);
        stbds_arrfree(found);
        free(text);
    }
}

int main(void) {
    RUN(test_ends);
    RUN(test_many_returns);
    RUN(test_long_lines);
    RUN(test_long_line_to_the_end_of_a_block);
    RUN(test_longest_line);
    return test_finish();
}
