#include "data/corpus.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/ds.h"
#include "data/pairs.h"
#include "testlib.h"

static char folder[200], path[220];

/* Writes the bytes to the test's file, whatever was there. */
static void write_file(const char *bytes, size_t length) {
    FILE *file = fopen(path, "wb");
    EXPECT(file && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
}

static bool same(Text text, const char *expected) {
    return text.length == strlen(expected) && memcmp(text.bytes, expected, text.length) == 0;
}

/* Reads the bytes as a corpus and expects an error that contains `part`. */
static void expect_error(const char *bytes, size_t length, const char *part) {
    write_file(bytes, length);
    Corpus corpus;
    Error err = {"no error"};
    EXPECT(!corpus_read(&corpus, path, &err));
    EXPECT_HAS(err.text, part);
    EXPECT_HAS(err.text, path);
}

static bool read_good(Corpus *corpus, const char *bytes, size_t length) {
    write_file(bytes, length);
    Error err;
    if (corpus_read(corpus, path, &err)) return true;
    TEST_FAIL("%s", err.text);
    return false;
}

static void test_columns(void) {
    const char text[] = "\xEF\xBB\xBF"
                        "a b\tc d\r\n \xFF x\ty\tz\t\xC3\xA9 \nlast\tline";
    Corpus corpus;
    if (!read_good(&corpus, text, sizeof text - 1)) return;
    EXPECT_INT(corpus.count, 3);
    EXPECT(same(corpus_source(&corpus, 0), "a b"));
    EXPECT_INT(corpus_targets(&corpus, 0), 1);
    EXPECT(same(corpus_target(&corpus, 0, 0), "c d"));
    EXPECT(same(corpus_source(&corpus, 1), " \xFF x"));
    EXPECT_INT(corpus_targets(&corpus, 1), 3);
    EXPECT(same(corpus_target(&corpus, 1, 0), "y"));
    EXPECT(same(corpus_target(&corpus, 1, 1), "z"));
    EXPECT(same(corpus_target(&corpus, 1, 2), "\xC3\xA9 "));
    EXPECT(same(corpus_source(&corpus, 2), "last"));
    EXPECT(same(corpus_target(&corpus, 2, 0), "line"));
    corpus_free(&corpus);
    EXPECT_INT(corpus.count, 0);
}

static void test_line_ends(void) {
    static const char *const texts[] = {"a\tb", "a\tb\n", "a\tb\r\n", "a\tb\r"};
    for (size_t i = 0; i < 4; i++) {
        Corpus corpus;
        if (!read_good(&corpus, texts[i], strlen(texts[i]))) return;
        EXPECT_INT(corpus.count, 1);
        EXPECT(same(corpus_target(&corpus, 0, 0), "b"));
        corpus_free(&corpus);
    }
}

static void test_bad_lines(void) {
    expect_error("", 0, "found an empty file");
    expect_error("\xEF\xBB\xBF", 3, "found an empty file");
    expect_error("a\tb\nno tab here\n", 16, ":2: expected `source TAB target`, found no TAB in \"no tab here\"");
    expect_error("a\tb\n\nc\td\n", 9, ":2: expected `source TAB target`, found no TAB in \"\"");
    expect_error("a\tb\n\tb\n", 7, ":2: expected text in column 1 (the source)");
    expect_error("a\tb\nb\t\n", 7, ":2: expected text in column 2 (a target)");
    expect_error("a\tb\nb\t\r\n", 8, ":2: expected text in column 2");
    expect_error("a\t\tb\n", 5, ":1: expected text in column 2");
    expect_error("a\tb\t\n", 5, ":1: expected text in column 3");
    expect_error("a\t \xC2\xA0\n", 6, ":1: expected text in column 2"); /* white space alone is no text */
    expect_error("a\tb\nc\0\td\n", 9, ":2: expected UTF-8 text, found a NUL byte at byte 2");
    expect_error("a\xFF\x01 no \xC3\xA9", 9, "found no TAB in \"a?? no \xC3\xA9\"");
    expect_error("0123456789012345678901234567890123456789 and more", 49,
                 "\"0123456789012345678901234567890123456789...\"");
}

static void test_long_lines(void) {
    size_t most = CORPUS_LONGEST_LINE;
    char *text = malloc(most + 2);
    memset(text, 'x', most + 2);
    text[1] = '\t';
    text[most] = '\n';
    Corpus corpus;
    if (read_good(&corpus, text, most + 1)) corpus_free(&corpus);
    text[most] = 'x';
    expect_error(text, most + 1, ":1: expected a line of at most 1048576 bytes, found 1048577");
    free(text);
}

static void test_missing_file(void) {
    unlink(path);
    Corpus corpus;
    Error err = {"no error"};
    EXPECT(!corpus_read(&corpus, path, &err));
    EXPECT_HAS(err.text, path);
    EXPECT(!corpus_read(&corpus, folder, &err));
    EXPECT_HAS(err.text, folder);
}

/* Without merges a text has a token for each byte, and one for the space in front. */
static void test_pairs(void) {
    Corpus corpus;
    const char text[] = "ab\tc\tother\nabcdef\tx\nx\tabcdef\n\xFF\tde\n";
    if (!read_good(&corpus, text, sizeof text - 1)) return;
    Error err;
    Tokenizer *tokenizer = tokenizer_create(NULL, 0, (Normalisation){0}, &err);
    PairSet pairs = pairs_encode(&corpus, tokenizer, 7);
    EXPECT_INT(pairs.count, 2);
    EXPECT_INT(pairs.dropped, 2);
    EXPECT_INT(pairs.longest_source, 4);
    EXPECT_INT(pairs.longest_target, 4);
    EXPECT_INT(pairs.source_tokens, 7);
    EXPECT_INT(pairs.target_tokens, 7);
    EXPECT_INT(pairs_source_length(&pairs, 0), 4);
    EXPECT_INT(pairs_target_length(&pairs, 0), 3);
    EXPECT_INT(pairs_source_length(&pairs, 1), 3);
    EXPECT_INT(pairs_target_length(&pairs, 1), 4);
    const uint16_t expected[] = {' ' + 2, 'a' + 2,  'b' + 2,   TOKEN_END, ' ' + 2, 'c' + 2, TOKEN_END,
                                 ' ' + 2, 0xFF + 2, TOKEN_END, ' ' + 2,   'd' + 2, 'e' + 2, TOKEN_END};
    EXPECT_INT(stbds_arrlen(pairs.tokens), 14);
    EXPECT(memcmp(pairs.tokens, expected, sizeof expected) == 0);
    EXPECT_INT(pairs.start[4], 14);
    pairs_free(&pairs);
    pairs = pairs_encode(&corpus, tokenizer, 8); /* </s> counts */
    EXPECT_INT(pairs.count, 4);
    EXPECT_INT(pairs.dropped, 0);
    pairs_free(&pairs);
    pairs = pairs_encode(&corpus, tokenizer, 2);
    EXPECT_INT(pairs.count, 0);
    EXPECT_INT(pairs.dropped, 4);
    pairs_free(&pairs);
    tokenizer_free(tokenizer);
    corpus_free(&corpus);
}

int main(void) {
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/nmt-corpus-XXXXXX", base && *base ? base : "/tmp");
    if (!mkdtemp(folder)) return perror(folder), 1;
    snprintf(path, sizeof path, "%s/pairs.tsv", folder);
    RUN(test_columns);
    RUN(test_line_ends);
    RUN(test_bad_lines);
    RUN(test_long_lines);
    RUN(test_pairs);
    RUN(test_missing_file);
    unlink(path);
    rmdir(folder);
    return test_finish();
}
