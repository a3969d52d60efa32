#include "data/corpus.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/ds.h"
#include "data/pairs.h"
#include "testlib.h"
#include "train/vocabulary.h"

static char folder[200];

/* Writes the bytes to a file of the test's folder. */
static void write_file(const char *name, const char *bytes, size_t length) {
    FILE *file = fopen(name, "wb");
    EXPECT(file && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
}

static void write_line(const char *name, const char *text) { write_file(name, text, strlen(text)); }

static bool same(Text text, const char *expected) {
    return text.length == strlen(expected) && memcmp(text.bytes, expected, text.length) == 0;
}

static size_t count_targets(const Corpus *corpus, size_t line) {
    Text *targets = NULL;
    corpus_targets(corpus, line, &targets);
    const size_t count = stbds_arrlenu(targets);
    stbds_arrfree(targets);
    return count;
}

static Text target_of(const Corpus *corpus, size_t line, size_t target) {
    Text *targets = NULL;
    corpus_targets(corpus, line, &targets);
    const Text text = target < stbds_arrlenu(targets) ? targets[target] : (Text){"missing", 7};
    stbds_arrfree(targets);
    return text;
}

static bool read_all(Corpus *corpus, const char *list, CorpusRules rules, CorpusReport *report, Error *err) {
    *corpus = (Corpus){0};
    *report = (CorpusReport){0};
    CorpusReader *reader = corpus_open(list, NULL, rules, err);
    const bool ok = reader && corpus_next(reader, corpus, SIZE_MAX, report, err);
    corpus_close(reader);
    return ok;
}

/* Reads the list and expects an error that contains `part`. */
static void expect_error(const char *list, const char *part) {
    Corpus corpus;
    CorpusReport report;
    Error err = {"no error"};
    EXPECT(!read_all(&corpus, list, (CorpusRules){0}, &report, &err));
    EXPECT_HAS(err.text, part);
    corpus_free(&corpus);
}

static void expect_bad(const char *bytes, size_t length, const char *part) {
    write_file("bad.tsv", bytes, length);
    expect_error("bad.tsv", part);
}

static bool read_good(Corpus *corpus, const char *list, CorpusRules rules, CorpusReport *report) {
    Error err = {"no error"};
    if (read_all(corpus, list, rules, report, &err)) return true;
    TEST_FAIL("%s", err.text);
    corpus_free(corpus);
    return false;
}

static void test_columns(void) {
    static const char text[] = "\xEF\xBB\xBF"
                               "a b\tc d\r\n x\ty\tz\t\xC3\xA9 \nlast\tline";
    Corpus corpus;
    CorpusReport report;
    write_line("pairs.tsv", text);
    if (!read_good(&corpus, "pairs.tsv", (CorpusRules){.keep = true}, &report)) return;
    EXPECT_INT(corpus.count, 3);
    EXPECT_INT(report.lines, 3);
    EXPECT(same(corpus_source(&corpus, 0), "a b"));
    EXPECT_INT(count_targets(&corpus, 0), 1);
    EXPECT(same(target_of(&corpus, 0, 0), "c d"));
    EXPECT(same(corpus_source(&corpus, 1), " x"));
    EXPECT_INT(count_targets(&corpus, 1), 3);
    EXPECT(same(target_of(&corpus, 1, 0), "y"));
    EXPECT(same(target_of(&corpus, 1, 1), "z"));
    EXPECT(same(target_of(&corpus, 1, 2), "\xC3\xA9 "));
    EXPECT(same(corpus_source(&corpus, 2), "last"));
    EXPECT(same(target_of(&corpus, 2, 0), "line"));
    corpus_free(&corpus);
    EXPECT_INT(corpus.count, 0);
}

static void test_line_ends(void) {
    static const char *const texts[] = {"a\tb", "a\tb\n", "a\tb\r\n", "a\tb\r"};
    for (size_t i = 0; i < 4; i++) {
        Corpus corpus;
        CorpusReport report;
        write_line("pairs.tsv", texts[i]);
        if (!read_good(&corpus, "pairs.tsv", (CorpusRules){0}, &report)) return;
        EXPECT_INT(corpus.count, 1);
        EXPECT(same(target_of(&corpus, 0, 0), "b"));
        corpus_free(&corpus);
    }
}

/* Each kind of bad line is left out, counted, and its first place kept; the good lines stay. */
static void test_flaws(void) {
    static const struct {
        const char *line;
        CorpusFlaw flaw;
    } rows[] = {
        {"no tab here", CORPUS_NO_TAB},
        {"", CORPUS_NO_TAB},
        {"\tb", CORPUS_EMPTY},
        {"b\t", CORPUS_EMPTY},
        {"b\t\r", CORPUS_EMPTY},
        {"a\t\tb", CORPUS_EMPTY},
        {"a\t \xC2\xA0", CORPUS_EMPTY},
        {" \ta", CORPUS_EMPTY},
        {"a\xFF\tb", CORPUS_NOT_UTF8},
        {"a\tb\xC3", CORPUS_NOT_UTF8},
        {"12345678\xFF\tb", CORPUS_NOT_UTF8},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[100];
        snprintf(text, sizeof text, "a\tb\n%s\nc\td\n%s\n", rows[i].line, rows[i].line);
        write_line("pairs.tsv", text);
        Corpus corpus;
        CorpusReport report;
        if (!read_good(&corpus, "pairs.tsv", (CorpusRules){0}, &report)) continue;
        EXPECT_INT(corpus.count, 2);
        EXPECT_INT(report.lines, 4);
        for (int flaw = 0; flaw < CORPUS_FLAWS; flaw++)
            EXPECT_INT(report.count[flaw], (CorpusFlaw)flaw == rows[i].flaw ? 2 : 0);
        EXPECT_INT(report.first[rows[i].flaw].line, 2);
        EXPECT(same(corpus_source(&corpus, 1), "c"));
        EXPECT_INT(corpus.lines[1].place.line, 3);
        corpus_free(&corpus);
    }
}

/* Columns that are not used may be anything, and empty ones are no targets. */
static void test_further_columns(void) {
    static const struct {
        const char *line;
        const char *targets; /* with a / behind each; NULL: left out */
        bool training;       /* whether columns 1 and 2 can be used */
    } rows[] = {
        {"a\tb\t", "b/", true},
        {"a\tb\t\t \t", "b/", true},
        {"a\tb\t\r", "b/", true},
        {"a\tb\t\tc", "b/c/", true},
        {"a\tb\t\xC2\xA0\tc\t", "b/c/", true},
        {"a\tb\tc\xFF", "b/c\xFF/", true},
        {"a\tb\t\xED\xA0\x80\tc", "b/\xED\xA0\x80/c/", true},
        {"a\t\tc", "c/", false},
        {"a\t \t\td", "d/", false},
        {"a\t\t", NULL, false},
        {"\tb\tc", "b/c/", false},
        {"\t\t", NULL, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        for (int way = 0; way < 3; way++) {
            char text[100], found[100] = "";
            snprintf(text, sizeof text, "x\ty\n%s\nx\ty\n", rows[i].line);
            write_line("pairs.tsv", text);
            Corpus corpus;
            CorpusReport report;
            Error err = {"fine"};
            const bool keep = way == 1, used = keep ? rows[i].targets != NULL : rows[i].training;
            if (!read_all(&corpus, "pairs.tsv", (CorpusRules){.keep = keep, .swap = way == 2}, &report, &err))
                TEST_FAIL("row %zu: %s", i, err.text);
            if (corpus.count != (used ? 3 : 2)) TEST_FAIL("row %zu, way %d: %zu lines", i, way, corpus.count);
            Text *targets = NULL;
            if (used && corpus.count == 3) corpus_targets(&corpus, 1, &targets);
            for (size_t t = 0; t < stbds_arrlenu(targets); t++)
                snprintf(found + strlen(found), 50, "%.*s/", (int)targets[t].length, targets[t].bytes);
            if (used && keep) EXPECT(corpus.lines[1].flawed == !rows[i].training);
            if (used) EXPECT_STR(found, keep ? rows[i].targets : way == 2 ? "a/" : "b/");
            stbds_arrfree(targets);
            corpus_free(&corpus);
        }
    write_file("pairs.tsv", "a\tb\tc\0\n", 7); /* a NUL byte, and far too much */
    Corpus corpus;
    CorpusReport report;
    if (read_good(&corpus, "pairs.tsv", (CorpusRules){0}, &report)) EXPECT_INT(corpus.count, 1);
    corpus_free(&corpus);
    char *line = malloc(CORPUS_LONGEST_LINE + 10);
    memset(line, 'x', CORPUS_LONGEST_LINE + 10);
    memcpy(line, "a\tb\t", 4);
    write_file("pairs.tsv", line, CORPUS_LONGEST_LINE + 10);
    if (read_good(&corpus, "pairs.tsv", (CorpusRules){0}, &report)) EXPECT_INT(corpus.count, 1);
    corpus_free(&corpus);
    free(line);
}

/* The targets of a line are found in one walk: 500,000 of them take no longer than as many lines of one. */
static void test_many_targets(void) {
    enum { TARGETS = 500000 };
    char *text = malloc(2 * TARGETS + 3);
    size_t length = 0;
    text[length++] = 'a';
    for (int t = 0; t < TARGETS; t++) text[length++] = '\t', text[length++] = 'b';
    text[length++] = '\n';
    write_file("pairs.tsv", text, length);
    free(text);
    Corpus corpus;
    CorpusReport report;
    if (!read_good(&corpus, "pairs.tsv", (CorpusRules){.keep = true}, &report)) return;
    EXPECT_INT(count_targets(&corpus, 0), TARGETS);
    EXPECT(same(corpus_target(&corpus, 0), "b"));
    corpus_free(&corpus);
}

/* A file without a usable line is an error that names the first, and so is one that is not text. */
static void test_bad_files(void) {
    expect_bad("", 0, "bad.tsv: expected lines of `source TAB target`, found an empty file");
    expect_bad("\xEF\xBB\xBF", 3, "bad.tsv:1: expected `source TAB target`, found no TAB in \"\"");
    expect_bad("\n\tb\n", 4, "bad.tsv:1: expected `source TAB target`, found no TAB in \"\"");
    expect_bad("\tb\nno\n", 6, "bad.tsv:1: expected text in column 1 (the source), found none");
    expect_bad("b\t\n", 3, "bad.tsv:1: expected text in column 2 (a target)");
    expect_bad("a\tb\xC3\n", 5, "bad.tsv:1: expected UTF-8 text, found 0xC3 at byte 4");
    expect_bad("a\tb\nc\0\td\n", 9, "bad.tsv:2: expected UTF-8 text, found a NUL byte at byte 2");
    expect_bad("a\xFF\x01 no \xC3\xA9", 9, "found no TAB in \"a\uFFFD\uFFFD no \xC3\xA9\"");
    expect_bad("0123456789012345678901234567890123456789 and more", 49,
               "\"0123456789012345678901234567890123456789\u2026\"");
    write_line("good.tsv", "a\tb\n");
    write_line("bad.tsv", "nothing\n");
    expect_error("good.tsv bad.tsv", "bad.tsv:1: expected");
    expect_error("good.tsv none.tsv", "none.tsv: cannot open");
    expect_error("", "expected a list of files");
    expect_error("  ", "expected a list of files");
    expect_error("-", "-: expected a file, found standard input; save what comes from it in a file: cat > FILE");
    expect_error(folder, folder);
}

static void test_long_lines(void) {
    const size_t most = CORPUS_LONGEST_LINE;
    char *text = malloc(most + 8);
    memset(text, 'x', most + 8);
    memcpy(text, "a\tb\n", 4);
    text[5] = '\t';
    text[most + 4] = '\n';
    Corpus corpus;
    CorpusReport report;
    write_file("pairs.tsv", text, most + 5);
    if (read_good(&corpus, "pairs.tsv", (CorpusRules){0}, &report)) EXPECT_INT(corpus.count, 2);
    corpus_free(&corpus);
    text[most + 4] = 'x';
    write_file("pairs.tsv", text, most + 5);
    if (read_good(&corpus, "pairs.tsv", (CorpusRules){0}, &report)) EXPECT_INT(corpus.count, 1);
    EXPECT_INT(report.count[CORPUS_LONG_LINE], 1);
    corpus_free(&corpus);
    Error err = {"fine"}; /* also where lines are kept that there is no loss of */
    CorpusReader *reader = corpus_open("pairs.tsv", NULL, (CorpusRules){.keep = true}, &err);
    report = (CorpusReport){0};
    EXPECT(reader && corpus_next(reader, &corpus, SIZE_MAX, &report, &err));
    EXPECT_INT(corpus.count, 1);
    char *told = corpus_tell(reader, &report, "data.valid");
    EXPECT_STR(told, "data.valid: left out 1 line longer than 1 MiB, first pairs.tsv:2");
    free(told);
    corpus_close(reader);
    corpus_free(&corpus);
    expect_bad(text + 4, most + 1, ":1: expected a line of at most 1048576 bytes, found 1048577");
    free(text);
}

/* Lines that end in CR are lines where there is no LF; where there is, they are reported. */
static void test_returns(void) {
    static const struct {
        const char *text;
        size_t lines;
        const char *told;
    } rows[] = {
        {"a\tb\rc\td\re\tf\r", 3, ""},
        {"a\tb\rc\td\re\tf\tnote", 3, ""},
        {"a\tb\r\nc\td\r\n", 2, ""},
        {"a\tb\rc\td\re\tf\r\n", 1,
         "data.train: 1 line with a CR inside, which ends a line only where there is no LF, first pairs.tsv:1"},
        {"a\tb\nc\td\tnote\re\tf\ng\rh\ti\n", 3,
         "data.train: 2 lines with a CR inside, which ends a line only where there is no LF, first pairs.tsv:2"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Corpus corpus = {0};
        CorpusReport report = {0};
        Error err = {"fine"};
        write_line("pairs.tsv", rows[i].text);
        CorpusReader *reader = corpus_open("pairs.tsv", NULL, (CorpusRules){.unique = true}, &err);
        EXPECT(reader && corpus_next(reader, &corpus, SIZE_MAX, &report, &err));
        EXPECT_INT(corpus.count, rows[i].lines);
        EXPECT_INT(report.lines, rows[i].lines);
        char *told = corpus_tell(reader, &report, "data.train");
        EXPECT_STR(told, rows[i].told);
        free(told);
        corpus_close(reader);
        corpus_free(&corpus);
    }
    Corpus corpus;
    CorpusReport report;
    write_line("a.en", "one\rtwo\r"); /* two files may differ in this */
    write_line("a.fr", "un\ndeux\n");
    if (read_good(&corpus, "a.en+a.fr", (CorpusRules){0}, &report)) EXPECT_INT(corpus.count, 2);
    corpus_free(&corpus);
    FILE *file = fopen("pairs.tsv", "w"); /* as many as a table of `unique` must hold */
    for (int i = 0; i < 20000; i++) fprintf(file, "line %d\tnumber %d\r", i, i);
    EXPECT(fclose(file) == 0);
    if (read_good(&corpus, "pairs.tsv", (CorpusRules){.unique = true}, &report)) EXPECT_INT(corpus.count, 20000);
    corpus_free(&corpus);
}

/* A line that is too long even to be read is left out like any other, in each way that a corpus may be written. */
static void test_endless_lines(void) {
    const size_t size = ((size_t)1 << 24) + 70000;
    char *text = malloc(size + 100);
    memset(text, 'x', size + 100);
    Corpus corpus;
    CorpusReport report;
    memcpy(text, "a\tb\nc\td", 7);
    memcpy(text + size, "\ne\tf", 5);
    write_file("pairs.tsv", text, size + 4);
    if (read_good(&corpus, "pairs.tsv", (CorpusRules){0}, &report)) EXPECT_INT(corpus.count, 2);
    EXPECT_INT(report.lines, 3);
    EXPECT_INT(report.count[CORPUS_LONG_LINE], 1);
    EXPECT_INT(report.first[CORPUS_LONG_LINE].line, 2);
    corpus_free(&corpus);
    write_line("a.en", "one\ntwo\nthree\n");
    for (int side = 0; side < 2; side++) {
        if (read_good(&corpus, side ? "a.en+pairs.tsv" : "pairs.tsv+a.en", (CorpusRules){0}, &report)) {
            EXPECT_INT(corpus.count, 2);
            EXPECT_INT(report.count[CORPUS_LONG_LINE], 1);
            EXPECT_INT(report.first[CORPUS_LONG_LINE].file, side);
        }
        corpus_free(&corpus);
    }
    write_file("bad.tsv", text + 4, size - 4);
    expect_error("bad.tsv", "bad.tsv:1: expected a line of at most 16777216 bytes, found a longer one; and no line");
    free(text);
}

/* Two files side by side: a TAB in them is white space. */
static void test_pair_of_files(void) {
    Corpus corpus;
    CorpusReport report;
    write_line("a.en", "\xEF\xBB\xBFone\ntwo\tand more\n\nfour\nfive");
    write_line("a.fr", "\xEF\xBB\xBFun\r\ndeux\tet plus\ntrois\n \ncinq\n");
    if (!read_good(&corpus, "a.en+a.fr", (CorpusRules){0}, &report)) return;
    EXPECT_INT(corpus.count, 3);
    EXPECT_INT(report.lines, 5);
    EXPECT(same(corpus_source(&corpus, 0), "one") && same(target_of(&corpus, 0, 0), "un"));
    EXPECT(same(corpus_source(&corpus, 1), "two and more") && same(target_of(&corpus, 1, 0), "deux et plus"));
    EXPECT_INT(count_targets(&corpus, 1), 1);
    EXPECT(same(corpus_source(&corpus, 2), "five") && same(target_of(&corpus, 2, 0), "cinq"));
    EXPECT_INT(report.count[CORPUS_EMPTY], 2);
    EXPECT_INT(report.first[CORPUS_EMPTY].file, 0);
    EXPECT_INT(report.first[CORPUS_EMPTY].line, 3);
    corpus_free(&corpus);
    if (!read_good(&corpus, "a.fr+a.en", (CorpusRules){0}, &report)) return;
    EXPECT(same(corpus_source(&corpus, 2), "cinq") && same(target_of(&corpus, 2, 0), "five"));
    EXPECT_INT(report.first[CORPUS_EMPTY].file, 1);
    corpus_free(&corpus);
}

static void test_unequal_files(void) {
    write_line("a.en", "one\ntwo\n");
    write_line("a.fr", "un\n");
    expect_error("a.en+a.fr", "a.en:2: expected as many lines as in a.fr, which ends here");
    expect_error("a.fr+a.en", "a.en:2: expected as many lines as in a.fr");
    expect_error("a.en+none", "none: cannot open: there is no such file beside a.en");
    write_line("a.fr", "un\n\xFF\n");
    Corpus corpus;
    CorpusReport report;
    if (read_good(&corpus, "a.en+a.fr", (CorpusRules){0}, &report)) EXPECT_INT(report.first[CORPUS_NOT_UTF8].file, 1);
    corpus_free(&corpus);
}

/* A file that has the name is meant, whatever the name looks like. */
static void test_odd_names(void) {
    static const char *const names[] = {"a+b", "two words.tsv", "a.en+a.fr"};
    write_line("a.en", "one\n");
    write_line("a.fr", "un\n");
    for (size_t i = 0; i < 3; i++) {
        Corpus corpus;
        CorpusReport report;
        write_line(names[i], "x\ty\n");
        if (read_good(&corpus, names[i], (CorpusRules){0}, &report)) EXPECT(same(corpus_source(&corpus, 0), "x"));
        corpus_free(&corpus);
        unlink(names[i]);
    }
}

/* A name in quotes may be any name, anywhere in a list. */
static void test_quoted_names(void) {
    static const struct {
        const char *list;
        size_t lines;
    } rows[] = {
        {"\"my data.en\"+\"my data.fr\"", 1},
        {"\"my data.en\"+a.fr", 1},
        {"a.en+\"my data.fr\"", 1},
        {"  \"one 1.tsv\" a.en+a.fr\t\"a+b\"  ", 3},
        {"a+b \"my data.en\"+\"my data.fr\"", 2},
        {"\"say \\\"x\\\", \\\\.tsv\"", 1},
        {"\"a.en+a.fr\"", 0},
        {"it\"s.tsv \"a #1, 2.tsv\"", 2},
    };
    write_line("a.en", "one\n"), write_line("my data.en", "one\n");
    write_line("a.fr", "un\n"), write_line("my data.fr", "un\n");
    static const char *const names[] = {"one 1.tsv", "a+b", "say \"x\", \\.tsv", "it\"s.tsv", "a #1, 2.tsv"};
    for (size_t i = 0; i < COUNT(names); i++) write_line(names[i], "x\ty\n");
    for (size_t i = 0; i < COUNT(rows); i++) {
        Corpus corpus;
        CorpusReport report;
        if (rows[i].lines == 0)
            expect_error(rows[i].list, "a.en+a.fr: cannot open"); /* one file, which is not there */
        else if (read_good(&corpus, rows[i].list, (CorpusRules){0}, &report)) {
            EXPECT_INT(corpus.count, rows[i].lines);
            corpus_free(&corpus);
        }
    }
    expect_error("my data.en+my data.fr", "written in double quotes: \"my data/a.en\"+\"my data/a.fr\"");
    expect_error("one 2.tsv", "one: cannot open: No such file or directory (a name with a blank, a + or a quote is");
    expect_error("a.en+b.fr", "b.fr: cannot open: there is no such file beside a.en");
    expect_error("b.en+a.fr*2", "b.en: cannot open: there is no such file beside a.fr");
    expect_error("a+c a.en+a.fr", "a+c: expected a file of this name, or two files with a + between, found neither (a");
    static const char *const bad[] = {"\"a.en", "\"a.en\"+\"a.fr",  "\"a.en\"x", "\"a.en\"+",
                                      "\"\"",   "\"a\"+\"b\"+\"c\""};
    for (size_t i = 0; i < COUNT(bad); i++) expect_error(bad[i], "expected a name in double quotes");
    for (size_t i = 0; i < COUNT(names); i++) unlink(names[i]);
    unlink("my data.en"), unlink("my data.fr");
}

/* Standard input is read once, and has both sides. In quotes, - is a file of this name. */
static void test_standard_input_in_lists(void) {
    static const struct {
        const char *list, *part;
    } rows[] = {
        {"- -", "-: expected at most once, found twice"},
        {"-*2 a.en+a.fr -*0.5", "-: expected at most once, found twice"},
        {"\"a.en\"+-", "-: expected it without a +, as its lines are `source TAB target`, found it beside a.en"},
        {"\"a.en\"+-*2", "-: expected it without a +, as its lines are `source TAB target`, found it beside a.en"},
        {"-+\"a.fr\"", "-: expected it without a +, as its lines are `source TAB target`, found it beside a.fr"},
        {"a.en+-", "-: expected it without a +, as its lines are `source TAB target`, found it beside a.en"},
    };
    static const char *const quoted[] = {"\"a.en\"+\"-\"", "\"-\"+\"a.fr\"", "a.en+\"-\"", "\"-\"+a.fr*2"};
    write_line("a.en", "one\n"), write_line("a.fr", "un\n"), write_line("-", "x\n");
    for (size_t i = 0; i < COUNT(rows); i++) expect_error(rows[i].list, rows[i].part);
    for (size_t i = 0; i < COUNT(quoted); i++) {
        Corpus corpus;
        CorpusReport report;
        if (!read_good(&corpus, quoted[i], (CorpusRules){0}, &report)) continue;
        EXPECT_INT(corpus.count, 1);
        EXPECT(same(corpus_source(&corpus, 0), "x") != same(corpus_target(&corpus, 0), "x"));
        corpus_free(&corpus);
    }
    unlink("-");
}

/* A list may have far more files than may be open at once. */
static void test_many_files(void) {
    enum { FILES = 60 };
    struct rlimit before, few = {0};
    char *list = NULL, name[32];
    for (int i = 0; i < FILES; i++) {
        for (int side = 0; side < 2; side++) {
            snprintf(name, sizeof name, "part%d.%d", i, side);
            write_line(name, i % 3 ? "a\tb\n" : "a\n");
            if (i % 3 && side) continue;
            const char *between = i % 3 || !side ? " " : "+";
            memcpy(stbds_arraddnptr(list, strlen(between)), between, strlen(between));
            memcpy(stbds_arraddnptr(list, strlen(name)), name, strlen(name));
        }
    }
    stbds_arrput(list, 0);
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0, "getrlimit");
    few = before;
    few.rlim_cur = 16;
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0, "setrlimit");
    Error err = {"fine"};
    CorpusReader *reader = corpus_open(list, NULL, (CorpusRules){0}, &err);
    for (int pass = 0; pass < 3 && reader; pass++) {
        Corpus corpus = {0};
        CorpusReport report = {0};
        EXPECT(corpus_next(reader, &corpus, SIZE_MAX, &report, &err));
        EXPECT_INT(corpus.count, pass == 1 ? 0 : FILES);
        corpus_free(&corpus);
    }
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0, "setrlimit");
    EXPECT_STR(err.text, "fine");
    corpus_close(reader);
    stbds_arrfree(list);
    for (int i = 0; i < 2 * FILES; i++) {
        snprintf(name, sizeof name, "part%d.%d", i / 2, i % 2);
        unlink(name);
    }
}

/* What is not a file is refused with the way on; a file that was replaced by another is found out. */
static void test_no_files(void) {
    CHECK(mkfifo("pipe", 0600) == 0, "mkfifo");
    write_line("one.tsv", "a\tb\n");
    expect_error("pipe", "pipe: expected a file, found a pipe; save what comes from it in a file: cat pipe > FILE");
    expect_error("one.tsv pipe", "save what comes from it in a file");
    expect_error("/dev/null", "save what comes from it in a file");
    Error err = {"no error"};
    EXPECT(!corpus_open("pipe", ".", (CorpusRules){0}, &err));
    EXPECT_HAS(err.text, "cat pipe > FILE, or give it as standard input: -");
    unlink("pipe");
    CorpusReader *reader = corpus_open("one.tsv", NULL, (CorpusRules){0}, &err);
    write_line("two.tsv", "c\td\n");
    CHECK(rename("two.tsv", "one.tsv") == 0, "rename");
    Corpus corpus = {0};
    CorpusReport report = {0};
    EXPECT(!corpus_next(reader, &corpus, SIZE_MAX, &report, &err));
    EXPECT_HAS(err.text, "one.tsv: expected it to stay as it was");
    corpus_free(&corpus);
    corpus_close(reader);
}

static void test_several_files(void) {
    Corpus corpus;
    CorpusReport report;
    Error err;
    write_line("one.tsv", "a\tb\nbad\n");
    write_line("a.en", "c\n\n");
    write_line("a.fr", "d\nx\n");
    write_line("two.tsv", "e\tf\nbad");
    if (!read_good(&corpus, " one.tsv  a.en+a.fr two.tsv ", (CorpusRules){0}, &report)) return;
    EXPECT_INT(corpus.count, 3);
    EXPECT(same(corpus_source(&corpus, 2), "e"));
    EXPECT_INT(report.lines, 6);
    EXPECT_INT(report.count[CORPUS_NO_TAB], 2);
    EXPECT_INT(report.first[CORPUS_NO_TAB].file, 0);
    EXPECT_INT(report.first[CORPUS_EMPTY].file, 2);
    EXPECT_INT(corpus.lines[2].place.file, 4);
    corpus_free(&corpus);
    CorpusReader *reader = corpus_open("one.tsv a.en+a.fr two.tsv", NULL, (CorpusRules){0}, &err);
    char *told = corpus_tell(reader, &report, "data.train");
    EXPECT_STR(told, "data.train: left out 2 lines without a TAB, first one.tsv:2\n"
                     "data.train: left out 1 line without text on a side, first a.en:2");
    free(told);
    report.count[CORPUS_NO_TAB] = 3000;
    told = corpus_tell(reader, &report, "data.train");
    EXPECT_HAS(told, "data.train: left out 3,000 lines without a TAB, first one.tsv:2\n");
    free(told);
    corpus_close(reader);
    char list[100 * 9 + 1] = ""; /* longer than a name can be */
    for (int i = 0; i < 100; i++) strcat(list, "one.tsv  ");
    if (read_good(&corpus, list, (CorpusRules){0}, &report)) EXPECT_INT(corpus.count, 100);
    corpus_free(&corpus);
}

/* Blocks of any size give the same lines, twice over. */
static void test_blocks(void) {
    Error err;
    write_line("one.tsv", "a\tb\nc\td\nbad\ne\tf\n");
    write_line("two.tsv", "g\th\na\tb\n");
    for (size_t most = 1; most < 8; most++) {
        CorpusReader *reader = corpus_open("one.tsv two.tsv", NULL, (CorpusRules){.unique = true}, &err);
        for (int pass = 0; pass < 2; pass++) {
            Corpus corpus = {0};
            CorpusReport report = {0};
            char all[20] = "";
            bool ok;
            while ((ok = corpus_next(reader, &corpus, most, &report, &err)) && corpus.count > 0) {
                EXPECT(corpus.count <= most);
                for (size_t i = 0; i < corpus.count; i++) strncat(all, corpus_source(&corpus, i).bytes, 3);
            }
            EXPECT(ok);
            EXPECT_STR(all, "a\tbc\tde\tfg\th");
            EXPECT_INT(report.lines, 6);
            EXPECT_INT(report.count[CORPUS_DUPLICATE], 1);
            EXPECT_INT(report.first[CORPUS_DUPLICATE].file, 2);
            corpus_free(&corpus);
        }
        corpus_close(reader);
    }
}

static void test_swap(void) {
    Corpus corpus;
    CorpusReport report;
    const CorpusRules swap = {.swap = true};
    write_line("one.tsv", "a\tb\tc\n");
    write_line("a.en", "d\n");
    write_line("a.fr", "e\n");
    if (!read_good(&corpus, "one.tsv a.en+a.fr", swap, &report)) return;
    EXPECT(same(corpus_source(&corpus, 0), "b") && same(target_of(&corpus, 0, 0), "a"));
    EXPECT_INT(count_targets(&corpus, 0), 1);
    EXPECT(same(corpus_source(&corpus, 1), "e") && same(target_of(&corpus, 1, 0), "d"));
    corpus_free(&corpus);
}

/* Of equal pairs the first stays; other targets of the same source do, too. Ten thousand lines fill the table. */
static void test_unique(void) {
    Corpus corpus;
    CorpusReport report;
    write_line("pairs.tsv", "a\tb\na\tc\na\tb\nab\t\x63\na\tb\tx\nb\ta\na\tbc\n");
    if (!read_good(&corpus, "pairs.tsv", (CorpusRules){.unique = true}, &report)) return;
    EXPECT_INT(corpus.count, 5);
    EXPECT_INT(report.count[CORPUS_DUPLICATE], 2);
    EXPECT_INT(report.first[CORPUS_DUPLICATE].line, 3);
    corpus_free(&corpus);
    if (!read_good(&corpus, "pairs.tsv", (CorpusRules){0}, &report)) return;
    EXPECT_INT(corpus.count, 7);
    corpus_free(&corpus);
    write_line("same.tsv", "a\tb\n"); /* all known: no error */
    if (!read_good(&corpus, "pairs.tsv same.tsv", (CorpusRules){.unique = true}, &report)) return;
    EXPECT_INT(report.count[CORPUS_DUPLICATE], 3);
    corpus_free(&corpus);
    FILE *file = fopen("pairs.tsv", "w");
    for (int i = 0; i < 10000; i++) fprintf(file, "line %d\tnumber %d\n", i % 7000, i % 7000);
    EXPECT(fclose(file) == 0);
    if (!read_good(&corpus, "pairs.tsv", (CorpusRules){.unique = true}, &report)) return;
    EXPECT_INT(corpus.count, 7000);
    EXPECT_INT(report.count[CORPUS_DUPLICATE], 3000);
    corpus_free(&corpus);
}

/* Lines that will be read alike are equal, and a side of which nothing will be read is empty. Without the switches the
 * bytes count. */
static void test_unique_as_read(void) {
    Corpus corpus;
    CorpusReport report;
    CorpusRules rules = {.unique = true, .text = {.apostrophes = true, .spaces = true, .nfc = true, .invisible = true}};
    write_line("pairs.tsv", "caf\u00e9\tl'\u00e9t\u00e9\n"
                            "cafe\u0301\tl'e\u0301te\u0301\n"
                            "caf\u00e9\u200b\tl\u2019\u00e9\u00adt\u00e9\n"
                            "caf\u00e9\tl'ete\u0301\n"
                            "\ufeff\tb\n"
                            "a\t\u200b \u00ad\n"
                            "a\tb\n"
                            "a\u200d\tb\n"); /* a joiner is read */
    if (!read_good(&corpus, "pairs.tsv", rules, &report)) return;
    EXPECT_INT(corpus.count, 4);
    EXPECT_INT(report.count[CORPUS_DUPLICATE], 2);
    EXPECT_INT(report.first[CORPUS_DUPLICATE].line, 2);
    EXPECT_INT(report.count[CORPUS_EMPTY], 2);
    EXPECT_INT(report.first[CORPUS_EMPTY].line, 5);
    corpus_free(&corpus);
    rules.text.nfc = rules.text.invisible = false;
    if (!read_good(&corpus, "pairs.tsv", rules, &report)) return;
    EXPECT_INT(corpus.count, 8);
    EXPECT_INT(report.count[CORPUS_EMPTY], 0);
    corpus_free(&corpus);
}

static uint64_t checksum_of(const char *list) {
    Error err = {"no error"};
    CorpusReader *reader = corpus_open(list, NULL, (CorpusRules){0}, &err);
    if (!reader) TEST_FAIL("%s", err.text);
    const uint64_t sum = reader ? corpus_checksum(reader) : 0;
    corpus_close(reader);
    return sum;
}

/* It depends on the text, and on how the files go together, not on their names. */
static void test_checksum(void) {
    write_line("a.en", "one\n");
    write_line("a.fr", "un\n");
    const uint64_t pair = checksum_of("a.en+a.fr");
    EXPECT(pair != checksum_of("a.fr+a.en"));
    EXPECT(pair != checksum_of("a.en a.fr"));
    write_line("b.en", "one\n");
    EXPECT(pair == checksum_of("b.en+a.fr"));
    write_line("b.en", "onE\n");
    EXPECT(pair != checksum_of("b.en+a.fr"));
    write_line("b.en", "one");
    EXPECT(pair != checksum_of("b.en+a.fr"));
}

static void test_changed_while_read(void) {
    Error err = {"no error"};
    write_line("pairs.tsv", "a\tb\n");
    CorpusReader *reader = corpus_open("pairs.tsv", NULL, (CorpusRules){0}, &err);
    write_line("pairs.tsv", "a\tb\nc\td\n");
    Corpus corpus = {0};
    CorpusReport report = {0};
    EXPECT(!corpus_next(reader, &corpus, SIZE_MAX, &report, &err));
    EXPECT_HAS(err.text, "pairs.tsv: expected it to stay as it was");
    corpus_free(&corpus);
    corpus_close(reader);
}

/* A file that grows while it is open: that is found out at its end, or at the first line that there was no room for. */
static void test_grown_while_read(void) {
    for (int more = 1; more <= 1000; more += 999) {
        Error err = {"no error"};
        write_line("pairs.tsv", "a\tb\n");
        CorpusReader *reader = corpus_open("pairs.tsv", NULL, (CorpusRules){.unique = true}, &err);
        Corpus corpus = {0};
        CorpusReport report = {0};
        EXPECT(reader && corpus_next(reader, &corpus, 1, &report, &err));
        FILE *file = fopen("pairs.tsv", "a");
        for (int i = 0; i < more; i++) fprintf(file, "line %d\tnumber %d\n", i, i);
        EXPECT(fclose(file) == 0);
        alarm(20); /* in a full table the search for a pair would not end */
        EXPECT(!corpus_next(reader, &corpus, SIZE_MAX, &report, &err));
        alarm(0);
        EXPECT_HAS(err.text, "pairs.tsv: expected it to stay as it was, but it changed since it was first read");
        corpus_free(&corpus);
        corpus_close(reader);
    }
}

/* A vocabulary is not learnt from a text that has more lines when it is read again. Here that is so because the first
 * reading begins behind a line. */
static void test_vocabulary_of_more_lines(void) {
    Error err = {"no error"};
    const CorpusRules rules = {.max_length = 10};
    write_line("pairs.tsv", "a\tb\nc\td\nabcdefabcdefabcdefabcdef\tb\n"); /* the last may have 10 tokens or more */
    CorpusReader *reader = corpus_open("pairs.tsv", NULL, rules, &err);
    Pool *pool = pool_create(1, &err);
    Corpus corpus = {0};
    CorpusReport report = {0};
    EXPECT(reader && corpus_next(reader, &corpus, 1, &report, &err));
    Tokenizer *tokenizer = vocabulary_learn(reader, rules, 300, pool, &err);
    EXPECT(!tokenizer);
    EXPECT_HAS(err.text, "pairs.tsv: expected it to stay as it was, but it changed since it was first read");
    if (tokenizer) tokenizer_free(tokenizer);
    corpus_free(&corpus);
    pool_free(pool);
    corpus_close(reader);
}

/* Without merges a text has a token for each byte, and one for the space in front. */
static void test_pairs(void) {
    Corpus corpus;
    CorpusReport report;
    Error err;
    write_line("pairs.tsv", "ab\tc\tother\nabcdef\tx\nx\tabcdef\ny\tde\n");
    if (!read_good(&corpus, "pairs.tsv", (CorpusRules){0}, &report)) return;
    Pool *pool = pool_create(2, &err);
    Tokenizer *tokenizer = tokenizer_create(NULL, 0, (Normalisation){0}, &err);
    PairSet pairs = {0};
    pairs_add(&pairs, pool, &corpus, tokenizer, (CorpusRules){.max_length = 7});
    EXPECT_INT(pairs.count, 2);
    EXPECT_INT(pairs.report.count[CORPUS_TOO_LONG], 2);
    EXPECT_INT(pairs.report.first[CORPUS_TOO_LONG].line, 2);
    EXPECT_INT(pairs.longest_source, 4);
    EXPECT_INT(pairs.longest_target, 4);
    EXPECT_INT(pairs.source_tokens, 7);
    EXPECT_INT(pairs.target_tokens, 7);
    EXPECT_INT(pairs_source_length(&pairs, 0), 4);
    EXPECT_INT(pairs_target_length(&pairs, 0), 3);
    EXPECT_INT(pairs_source_length(&pairs, 1), 3);
    EXPECT_INT(pairs_target_length(&pairs, 1), 4);
    const uint16_t expected[] = {' ' + 2, 'a' + 2, 'b' + 2,   TOKEN_END, ' ' + 2, 'c' + 2, TOKEN_END,
                                 ' ' + 2, 'y' + 2, TOKEN_END, ' ' + 2,   'd' + 2, 'e' + 2, TOKEN_END};
    EXPECT_INT(stbds_arrlen(pairs.tokens), 14);
    EXPECT(memcmp(pairs.tokens, expected, sizeof expected) == 0);
    EXPECT_INT(pairs.start[4], 14);
    pairs_free(&pairs);
    pairs_add(&pairs, pool, &corpus, tokenizer, (CorpusRules){.max_length = 8}); /* </s> counts */
    EXPECT_INT(pairs.count, 4);
    pairs_add(&pairs, pool, &corpus, tokenizer, (CorpusRules){.max_length = 8}); /* behind the others */
    EXPECT_INT(pairs.count, 8);
    EXPECT_INT(pairs_source_length(&pairs, 5), 8);
    pairs_free(&pairs);
    pairs_add(&pairs, pool, &corpus, tokenizer, (CorpusRules){.max_length = 2});
    EXPECT_INT(pairs.count, 0);
    EXPECT_INT(pairs.report.count[CORPUS_TOO_LONG], 4);
    pairs_free(&pairs);
    tokenizer_free(tokenizer);
    pool_free(pool);
    corpus_free(&corpus);
}

/* Sides of 5 and 16 tokens are used, of 5 and 17 not, and of 9 and 18. */
static void test_ratio(void) {
    Corpus corpus;
    CorpusReport report;
    Error err;
    write_line("pairs.tsv", "abc\t12345678901234\nabc\t123456789012345\n123456789012345\tabc\n"
                            "1234567\t1234567890123456\n");
    if (!read_good(&corpus, "pairs.tsv", (CorpusRules){0}, &report)) return;
    Pool *pool = pool_create(1, &err);
    Tokenizer *tokenizer = tokenizer_create(NULL, 0, (Normalisation){0}, &err);
    PairSet pairs = {0};
    pairs_add(&pairs, pool, &corpus, tokenizer, (CorpusRules){.max_length = 100, .max_ratio = 2});
    EXPECT_INT(pairs.count, 2);
    EXPECT_INT(pairs.report.count[CORPUS_RATIO], 2);
    EXPECT_INT(pairs.report.first[CORPUS_RATIO].line, 2);
    pairs_free(&pairs);
    pairs_add(&pairs, pool, &corpus, tokenizer, (CorpusRules){.max_length = 100});
    EXPECT_INT(pairs.count, 4);
    pairs_free(&pairs);
    tokenizer_free(tokenizer);
    pool_free(pool);
    corpus_free(&corpus);
}

/* Many lines, many tasks: the same on any number of threads. */
static void test_threads(void) {
    Corpus corpus;
    CorpusReport report;
    Error err;
    FILE *file = fopen("pairs.tsv", "w");
    for (int i = 0; i < 1000; i++) fprintf(file, "source %d\ttarget %d\n", i * i, i);
    EXPECT(fclose(file) == 0);
    if (!read_good(&corpus, "pairs.tsv", (CorpusRules){0}, &report)) return;
    Tokenizer *tokenizer = tokenizer_create(NULL, 0, (Normalisation){0}, &err);
    PairSet one = {0};
    for (size_t threads = 1; threads < 5; threads++) {
        Pool *pool = pool_create(threads, &err);
        PairSet many = {0};
        PairSet *pairs = threads == 1 ? &one : &many;
        pairs_add(pairs, pool, &corpus, tokenizer, (CorpusRules){.max_length = 14});
        EXPECT(pairs->count > 100 && pairs->count < 1000);
        EXPECT(pairs->count == one.count && stbds_arrlenu(pairs->tokens) == stbds_arrlenu(one.tokens));
        EXPECT(memcmp(pairs->tokens, one.tokens, stbds_arrlenu(one.tokens) * sizeof *one.tokens) == 0);
        pairs_free(&many);
        pool_free(pool);
    }
    pairs_free(&one);
    tokenizer_free(tokenizer);
    corpus_free(&corpus);
}

int main(void) {
    test_temporary(folder, sizeof folder);
    if (!mkdtemp(folder) || chdir(folder) != 0) return perror(folder), 1;
    RUN(test_columns);
    RUN(test_line_ends);
    RUN(test_flaws);
    RUN(test_further_columns);
    RUN(test_many_targets);
    RUN(test_bad_files);
    RUN(test_long_lines);
    RUN(test_returns);
    RUN(test_endless_lines);
    RUN(test_pair_of_files);
    RUN(test_unequal_files);
    RUN(test_odd_names);
    RUN(test_quoted_names);
    RUN(test_standard_input_in_lists);
    RUN(test_many_files);
    RUN(test_no_files);
    RUN(test_several_files);
    RUN(test_blocks);
    RUN(test_swap);
    RUN(test_unique);
    RUN(test_unique_as_read);
    RUN(test_checksum);
    RUN(test_changed_while_read);
    RUN(test_grown_while_read);
    RUN(test_vocabulary_of_more_lines);
    RUN(test_pairs);
    RUN(test_ratio);
    RUN(test_threads);
    static const char *const names[] = {"pairs.tsv", "bad.tsv", "good.tsv", "one.tsv", "two.tsv",
                                        "same.tsv",  "a.en",    "a.fr",     "b.en"};
    for (size_t i = 0; i < COUNT(names); i++) unlink(names[i]);
    rmdir(folder);
    return test_finish();
}
