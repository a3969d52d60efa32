/* INI: what is read, how each mistake is named, and that what is written reads back the same. */
#include "base/ini.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "testlib.h"

#define LONG "over and over, until the line of the template has as many characters as it may have: xx."

typedef struct Config {
    size_t width;
    double dropout;
    enum { PRE, POST } norm;
    bool tied;
    uint64_t seed;
    double rate;
    char *train, *note;
    size_t last;
} Config;

#define NORMS ((const char *const[]){[POST] = "post", [PRE] = "pre", [2] = NULL}) /* in any order */

static const Field fields[] = {
    ROW_INTEGER("model.width", Config, width, "512", 2, 8192, "help"),
    ROW_REAL("model.dropout", Config, dropout, "0.1", 0, 0.9, "help"),
    ROW_CHOICE("model.norm", Config, norm, "pre", NORMS, "help"),
    ROW_SWITCH("model.tied", Config, tied, "true", "help"),
    ROW_INTEGER("train.seed", Config, seed, "1", 0, 0x1p64, "help"),
    ROW_REAL("train.rate", Config, rate, "0.001", -DBL_MAX, DBL_MAX, "help"),
    ROW_TEXT("data.train", Config, train, NULL, "help", .example = "a.tsv", .list = true),
    ROW_TEXT("data.note", Config, note, "", "help"),
    ROW_INTEGER("run.last", Config, last, "1", 1, 9, "help that is long: " LONG, .example = "3"),
    ROW_END,
};

/* Parses, overrides (up to a NULL) and binds. */
static bool bind(Config *config, const char *text, const char *const *overrides, Error *err) {
    *config = (Config){0};
    Ini *ini = ini_parse("x.ini", text, strlen(text), err);
    if (!ini) return false;
    bool good = true;
    for (; overrides && *overrides && good; overrides++) good = ini_override(ini, *overrides, err);
    good = good && ini_bind(ini, fields, config, err);
    ini_free(ini);
    return good;
}

#define OVERRIDES(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect_error(const char *text, const char *const *overrides, const char *message) {
    Config config;
    Error err = {"no error"};
    if (bind(&config, text, overrides, &err)) fields_release(fields, &config);
    EXPECT_STR(err.text, message);
    EXPECT(!config.train && !config.note);
}

/* Reads `line` in section [data] as one string. */
static void expect_note(const char *line, const char *note) {
    Config config;
    Error err = {"no error"};
    char *text = memory_format("[data]\ntrain=x\n%s\n", line);
    EXPECT(bind(&config, text, NULL, &err));
    EXPECT_STR(err.text, "no error");
    if (config.note) EXPECT_STR(config.note, note);
    fields_release(fields, &config);
    free(text);
}

static void test_values_and_defaults(void) {
    Config config;
    Error err = {"fine"};
    EXPECT(bind(&config,
                "# a comment\n\n[model] ; another\n  width = 64 # wide\n\tdropout=.25\nnorm = post\ntied = off\n"
                "[data]\ntrain = a/b c.tsv\n[train]\nseed = 18446744073709551615",
                NULL, &err));
    EXPECT_STR(err.text, "fine");
    EXPECT_INT(config.width, 64);
    EXPECT(config.dropout == 0.25);
    EXPECT_INT(config.norm, 1);
    EXPECT(!config.tied);
    EXPECT(config.seed == UINT64_MAX);
    EXPECT(config.rate == 0.001);
    EXPECT_STR(config.train, "a/b c.tsv");
    EXPECT_STR(config.note, "");
    fields_release(fields, &config);
    EXPECT(!config.train);
}

static void test_byte_order_mark_and_crlf(void) {
    Config config;
    Error err;
    EXPECT(bind(&config, "\xEF\xBB\xBF[data]\r\ntrain = x \t \r\nnote =\r\n[model]\r\nwidth=8", NULL, &err));
    EXPECT_STR(config.train, "x");
    EXPECT_STR(config.note, "");
    EXPECT_INT(config.width, 8);
    fields_release(fields, &config);
}

static void test_strings(void) {
    expect_note("note = a#b;c", "a#b;c");
    expect_note("note = a #b", "a");
    expect_note("note = a\t;b", "a");
    expect_note("note =#a", "#a");
    expect_note("note = # a", "");
    expect_note("note = a = b", "a = b");
    expect_note("note = \" a # b \"  # c", " a # b ");
    expect_note("note = \"\"", "");
    expect_note("note = \"say \\\"so\\\" \\\\ \\n\"", "say \"so\" \\ \\n");
    expect_note("note = c:\\new \"x\"", "c:\\new \"x\"");
    expect_note("note = \xC3\xA9t\xC3\xA9", "\xC3\xA9t\xC3\xA9");
}

static void test_words_for_bool(void) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < 8; i++) {
        Config config;
        Error err;
        char *assignment = memory_format("model.tied=%s", words[i]);
        EXPECT(bind(&config, "", OVERRIDES("data.train=x", assignment), &err));
        EXPECT_INT(config.tied, i % 2);
        fields_release(fields, &config);
        free(assignment);
    }
}

static void test_overrides_win(void) {
    Config config;
    Error err;
    EXPECT(bind(&config, "[model]\nwidth = bad\n[data]\ntrain = x\n",
                OVERRIDES("model.width=16", "model.width=32", "data.note=a # b=\"c\" "), &err));
    EXPECT_INT(config.width, 32);
    EXPECT_STR(config.note, "a # b=\"c\" ");
    fields_release(fields, &config);
}

/* As in a file: a value in one pair of quotes is what is between them. */
static void test_override_quotes(void) {
    static const char *const rows[][2] = {
        {"data.note=\"a b\"", "a b"},
        {"data.note=\"\"", ""},
        {"data.note=\"a \\\"b\\\\\"", "a \"b\\"},
        {"data.note=\"a\"+\"b\"", "\"a\"+\"b\""},
        {"data.note=\"a b", "\"a b"},
        {"data.note=\"", "\""},
        {"data.note=a \"b\"", "a \"b\""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Config config;
        Error err;
        EXPECT(bind(&config, "", OVERRIDES("data.train=x", rows[i][0]), &err));
        EXPECT_STR(config.note, rows[i][1]);
        fields_release(fields, &config);
    }
}

static void test_bad_values(void) {
    expect_error("[model]\n\nwidth = abc\n", NULL,
                 "x.ini:3: model.width: expected an integer from 2 to 8192, found \"abc\"");
    static const char *const integers[] = {"",      "1", "8193", "12x", "1.5", "0x10",
                                           "1_000", "+", "--5",  " 7",  "7 ",  "99999999999999999999"};
    for (size_t i = 0; i < COUNT(integers); i++) {
        char *assignment = memory_format("model.width=%s", integers[i]);
        char *message = memory_format("command line: %s: expected an integer from 2 to 8192, found \"%s\"", assignment,
                                      integers[i]);
        expect_error("", OVERRIDES(assignment), message);
        free(assignment);
        free(message);
    }
    static const char *const reals[] = {"", "-0.1", "0.91", "nan", "inf", "0x1p-3", "1e400", "0,1", ".", "1e", "0.1f"};
    for (size_t i = 0; i < COUNT(reals); i++) {
        char *assignment = memory_format("model.dropout=%s", reals[i]);
        char *message =
            memory_format("command line: %s: expected a number from 0 to 0.9, found \"%s\"", assignment, reals[i]);
        expect_error("", OVERRIDES(assignment), message);
        free(assignment);
        free(message);
    }
    expect_error("", OVERRIDES("train.seed=18446744073709551616"),
                 "command line: train.seed=18446744073709551616: expected an integer from 0 to "
                 "18446744073709551615, found \"18446744073709551616\"");
    expect_error("", OVERRIDES("train.seed=-1"),
                 "command line: train.seed=-1: expected an integer from 0 to 18446744073709551615, found \"-1\"");
    expect_error("[model]\ntied = maybe\n", NULL, "x.ini:2: model.tied: expected true or false, found \"maybe\"");
    expect_error("[model]\nnorm = pr\n", NULL, "x.ini:2: model.norm: expected one of pre|post, found \"pr\"");
    expect_error("[model]\nnorm = pre|post\n", NULL,
                 "x.ini:2: model.norm: expected one of pre|post, found \"pre|post\"");
    expect_error("[model]\nnorm =\n", NULL, "x.ini:2: model.norm: expected one of pre|post, found \"\"");
}

/* The strings bound before the mistake are released, and the message names the place that set the key last. */
static void test_mistake_after_strings(void) {
    expect_error("[data]\ntrain = x\n[run]\nlast = 0\n", NULL,
                 "x.ini:4: run.last: expected an integer from 1 to 9, found \"0\"");
    expect_error("[data]\ntrain = x\n[run]\nlast = 1\n", OVERRIDES("run.last=10"),
                 "command line: run.last=10: expected an integer from 1 to 9, found \"10\"");
}

static void test_bad_lines(void) {
    expect_error("[model]\nfoo\n", NULL, "x.ini:2: expected \"[section]\" or \"key = value\", found \"foo\"");
    expect_error("[model]\n= 3\n", NULL, "x.ini:2: expected \"[section]\" or \"key = value\", found \"= 3\"");
    expect_error("[train]\ntrain.seed = 3\n", NULL,
                 "x.ini:2: expected \"seed = ...\" below a line \"[train]\", found \"train.seed = 3\"");
    expect_error("[model]\na b = 3\n", NULL, "x.ini:2: expected \"[section]\" or \"key = value\", found \"a b = 3\"");
    expect_error("\nwidth = 3\n", NULL, "x.ini:2: expected a \"[section]\" before the first key, found \"width = 3\"");
    expect_error("[model\n", NULL, "x.ini:1: expected \"[section]\", found \"[model\"");
    expect_error("[]\n", NULL, "x.ini:1: expected \"[section]\", found \"[]\"");
    expect_error("[model] width = 3\n", NULL, "x.ini:1: expected \"[section]\", found \"[model] width = 3\"");
    expect_error("[data]\nnote = \"a\n", NULL,
                 "x.ini:2: expected a value with a \" at both its ends, found \"note = \"a\"");
    expect_error("[data]\ntrain = a\nnote = \"a\" b\n", NULL,
                 "x.ini:3: expected a value with a \" at both its ends, found \"note = \"a\" b\"");
    expect_error("[data]\nnote = \"a\\\"", NULL,
                 "x.ini:2: expected a value with a \" at both its ends, found \"note = \"a\\\"\"");
    expect_error("[train]\nseed = 1\n[model]\n[train]\nseed = 2\n", NULL,
                 "x.ini:5: train.seed is given twice (first at line 2); remove one");
    expect_error("[data]\nnote = a\x1B[0m\n", NULL, "x.ini:2: expected text, found the control character 0x1B");
    expect_error("[data]\nnote = a\xC2\x9B"
                 "31m\n",
                 NULL, "x.ini:2: expected text, found the control character U+009B");
    expect_error("[data]\nnote = \xC2\x85\n", NULL, "x.ini:2: expected text, found the control character U+0085");
    expect_error("# \u202e\n[data]\n", NULL, "x.ini:1: expected text, found the control character U+202E");
    expect_error("[data]\nnote = caf\xE9\n", NULL, "x.ini:2: expected UTF-8 text, found the byte 0xE9");
    expect_error("[data]\nnote = \xED\xA0\x80\n", NULL, "x.ini:2: expected UTF-8 text, found the byte 0xED");
    expect_error("[data]\rtrain = x\r", NULL, "x.ini:1: expected text, found the control character 0x0D");
    Error err;
    EXPECT(!ini_parse("x.ini", "[data]\n\0train = x\n", 18, &err));
    EXPECT_STR(err.text, "x.ini:2: expected text, found the control character 0x00");
}

static void test_unknown_keys(void) {
    expect_error("[model]\ndropuot = 0.1\n", NULL,
                 "x.ini:2: unknown key \"model.dropuot\"; did you mean \"model.dropout\"?");
    expect_error("[train]\nwidth = 4\n", NULL, "x.ini:2: unknown key \"train.width\"; did you mean \"model.width\"?");
    expect_error("[train]\nsomething = 4\n", NULL, "x.ini:2: unknown key \"train.something\"");
    expect_error("[modle]\nwidth = 4\n", NULL, "x.ini:1: unknown section [modle]; did you mean [model]?");
    expect_error("[elsewhere]\n", NULL, "x.ini:1: unknown section [elsewhere]");
    expect_error("[mode]\n", NULL, "x.ini:1: unknown section [mode]; did you mean [model]?");
    expect_error("", OVERRIDES("model.widht=3"),
                 "command line: model.widht=3: unknown key; did you mean \"model.width\"?");
    expect_error("", OVERRIDES("width=3"), "command line: width=3: unknown key; did you mean \"model.width\"?");
    expect_error("", OVERRIDES("rnu.lats=3"), "command line: rnu.lats=3: unknown key; did you mean \"run.last\"?");
    expect_error("", OVERRIDES("model=3"), "command line: model=3: unknown key");
    expect_error("", OVERRIDES("model.width"), "command line: expected section.key=value, found \"model.width\"");
    expect_error("", OVERRIDES("=3"), "command line: expected section.key=value, found \"=3\"");
    expect_error("", OVERRIDES("data.note=a\nb"),
                 "command line: data.note=a?b: expected text, found the control character 0x0A");
    char longest[300];
    memset(longest, 'x', sizeof longest);
    memcpy(longest + 290, "=1", 3);
    char *message = memory_format("command line: %s: unknown key", longest);
    expect_error("", OVERRIDES(longest), message);
    free(message);
}

static void test_missing_key(void) {
    expect_error("[model]\nwidth = 4\n", NULL, "x.ini: missing key \"data.train\" in section [data]");
    expect_error("", NULL, "x.ini: missing key \"data.train\" in section [data]");
}

static void test_too_many_keys(void) {
    char *text = memory_new(5000, 16);
    size_t length = (size_t)sprintf(text, "[a]\n");
    for (int i = 0; i < 5000; i++) length += (size_t)sprintf(text + length, "k%d=1\n", i);
    Error err;
    EXPECT(!ini_parse("x.ini", text, length, &err));
    EXPECT_HAS(err.text, "x.ini:4097: expected at most 4096 keys");
    free(text);
}

/* Formats, parses and binds again. */
static void expect_round_trip(const Config *config) {
    char *text = ini_format(fields, config);
    Config again;
    Error err = {"fine"};
    EXPECT(bind(&again, text, NULL, &err));
    EXPECT_STR(err.text, "fine");
    EXPECT_INT(again.width, config->width);
    EXPECT(memcmp(&again.dropout, &config->dropout, sizeof again.dropout) == 0);
    EXPECT(memcmp(&again.rate, &config->rate, sizeof again.rate) == 0);
    EXPECT_INT(again.norm, config->norm);
    EXPECT_INT(again.tied, config->tied);
    EXPECT_INT(again.seed, config->seed);
    if (again.train) EXPECT_STR(again.train, config->train);
    if (again.note) EXPECT_STR(again.note, config->note);
    fields_release(fields, &again);
    free(text);
}

/* A list keeps the quotes of its names, unless they are around all of it; what is quoted is no comment. */
static void test_lists(void) {
    static const char *const rows[][2] = {
        {"\"a b\"+\"c d\"", "\"a b\"+\"c d\""},
        {"\"a #b\"+\"c ;d\" # \"e\"", "\"a #b\"+\"c ;d\""},
        {"a \"b # c\"\t\"d\\\"\" # e", "a \"b # c\"\t\"d\\\"\""},
        {"a+\"b # c\"", "a+\"b # c\""},
        {"\"a\" b", "\"a\" b"},
        {"\"a b\"", "a b"},
        {"\"\\\"a b\\\"+c\" # d", "\"a b\"+c"},
        {"a b\"c # d\"", "a b\"c"},
        {"a \"b # c", "a \"b"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Config config;
        Error err = {"fine"};
        char *text = memory_format("[data]\ntrain = %s\n", rows[i][0]);
        EXPECT(bind(&config, text, NULL, &err));
        EXPECT_STR(err.text, "fine");
        if (config.train) {
            EXPECT_STR(config.train, rows[i][1]);
            expect_round_trip(&config);
        }
        fields_release(fields, &config);
        free(text);
    }
}

static void test_format(void) {
    char train[] = "a.tsv", note[] = " x";
    const Config config = {64, 0.1, POST, true, 3, 7e-4, train, note, 2};
    char *text = ini_format(fields, &config);
    EXPECT_STR(text,
               "[model]\nwidth = 64\ndropout = 0.1\nnorm = post\ntied = true\n\n[train]\nseed = 3\nrate = 0.0007\n\n"
               "[data]\ntrain = a.tsv\nnote = \" x\"\n\n[run]\nlast = 2\n");
    free(text);
}

static void test_template(void) {
    static const IniSection sections[] = {{"mode", "not this"}, {"model", "the net"}, {NULL, NULL}};
    char *text = ini_template(fields, "# a head\n", sections);
    EXPECT_STR(text, "# a head\n\n[model]   # ---- the net ----\nwidth = 512     # help [2 to 8192]\ndropout = 0.1   # "
                     "help [0 to 0.9]\n"
                     "norm = pre      # help [pre|post]\ntied = true     # help [true or false]\n\n[train]\n"
                     "seed = 1       # help [0 to 18446744073709551615]\n"
                     "rate = 0.001   # help [-1.79769313486232e+308 to 1.79769313486232e+308]\n\n[data]\n"
                     "train = a.tsv   # help; required\nnote =          # help\n\n[run]\n"
                     "last = 3   # help that is long: " LONG "\n           # [1 to 9]; default 1\n");
    Config config;
    Error err = {"fine"};
    EXPECT(bind(&config, text, NULL, &err));
    EXPECT_STR(err.text, "fine");
    EXPECT_INT(config.width, 512);
    EXPECT_STR(config.train, "a.tsv");
    EXPECT_INT(config.last, 3);
    fields_release(fields, &config);
    free(text);
}

/* A key that is gone: 0 is what there is without it; anything else is refused. */
static void test_removed_key(void) {
    static const struct {
        const char *text, *override, *message;
    } rows[] = {
        {"[data]\ntrain = x\ngone = 0\n", NULL, ""},
        {"[data]\ntrain = x\ngone = 0.0\n", "data.gone=0", ""},
        {"[data]\ntrain = x\ngone = 0.1\n", "data.gone=0", ""},
        {"[data]\ntrain = x\n", NULL, ""},
        {"[data]\ntrain = x\ngone = 0.1\n", NULL, "x.ini:3: data.gone = 0.1: this option is gone (no gain); remove it"},
        {"[data]\ntrain = x\ngone =\n", NULL, "x.ini:3: data.gone = : this option is gone (no gain); remove it"},
        {"[data]\ntrain = x\n", "data.gone=1", "command line: data.gone=1: this option is gone (no gain); remove it"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        Config config = {0};
        Error err = {""};
        Ini *ini = ini_parse("x.ini", rows[i].text, strlen(rows[i].text), &err);
        CHECK(ini, err.text);
        if (rows[i].override) EXPECT(ini_override(ini, rows[i].override, &err));
        const bool ok = ini_drop_removed(ini, "data.gone", "no gain", &err) && ini_bind(ini, fields, &config, &err);
        EXPECT_INT(ok, !*rows[i].message);
        if (!ok) EXPECT_STR(err.text, rows[i].message);
        fields_release(fields, &config);
        ini_free(ini);
    }
}

/* The bounds hold for values that were not read from text, too. */
static void test_fields_check(void) {
    Config config = {.width = 2, .seed = UINT64_MAX, .dropout = 0.9, .last = 9};
    Error err = {"fine"};
    EXPECT(fields_check(fields, &config, "x", &err));
    EXPECT_STR(err.text, "fine");
    config.width = 8193;
    EXPECT(!fields_check(fields, &config, "x", &err));
    EXPECT_STR(err.text, "x: model.width: expected an integer from 2 to 8192, found 8193");
    config.width = 2, config.dropout = NAN;
    EXPECT(!fields_check(fields, &config, "x", &err));
    EXPECT_STR(err.text, "x: model.dropout: expected a number from 0 to 0.9, found nan");
    config.dropout = 0, config.rate = INFINITY;
    EXPECT(!fields_check(fields, &config, "x", &err));
    EXPECT_HAS(err.text, "x: train.rate: expected a number");
    config.rate = 0, config.last = 0;
    EXPECT(!fields_check(fields, &config, "x", &err));
    EXPECT_STR(err.text, "x: run.last: expected an integer from 1 to 9, found 0");
}

static void test_format_reads_back(void) {
    static const double rates[] = {0, -0.0, 1.0 / 3, 0.1 + 0.2, DBL_MIN, DBL_MAX, -5e-324, 1e22, 123456789.123456789};
    static const char *const notes[] = {"",   "a",     " a",   "a ",  "\ta",  "a #b",   "a#b", "#",     ";x",
                                        "\"", "\"a\"", "a\"b", "a\\", " a\\", "\\\" #", "[x]", "a = b", "\xC3\xA9"};
    char train[] = "x";
    for (size_t i = 0; i < COUNT(notes); i++) {
        char *note = memory_string(notes[i]);
        double rate = rates[i % COUNT(rates)];
        Config config = {
            2 + i, 0.9 / (double)(i + 1), i % 2 ? POST : PRE, i % 3 == 0, UINT64_MAX - i, rate, train, note, 9};
        expect_round_trip(&config);
        free(note);
    }
}

/* Damaged texts: any answer will do but a crash (which the sanitizers of the debug build sharpen). */
static void test_damaged_texts(void) {
    const char whole[] = "[model]\nwidth = 64 # w\n[data]\ntrain = \"a\\\" b\"\nnote = x\r\n";
    char text[sizeof whole];
    uint32_t random = 1;
    int good = 0;
    for (int round = 0; round < 20000; round++) {
        memcpy(text, whole, sizeof whole);
        for (int i = 0; i <= round % 3; i++) {
            random = random * 1664525 + 1013904223;
            text[(random >> 8) % (sizeof whole - 1)] = "[]=\"\\#; \n\r\0ax."[(random >> 24) % 14];
        }
        size_t length = round % 5 ? sizeof whole - 1 : (random >> 4) % sizeof whole;
        char *exact = malloc(length + 1);
        memcpy(exact, text, length);
        Error err;
        Ini *ini = ini_parse("x", exact, length, &err);
        free(exact);
        Config config = {0};
        if (ini && ini_bind(ini, fields, &config, &err)) {
            good++;
            fields_release(fields, &config);
        }
        ini_free(ini);
    }
    EXPECT(good > 100 && good < 19900);
}

static void test_read_file(void) {
    Error err;
    EXPECT(!ini_read("/no/such.ini", &err));
    EXPECT_HAS(err.text, "/no/such.ini: ");
    char path[300];
    test_temporary(path, sizeof path);
    int descriptor = mkstemp(path);
    EXPECT(descriptor >= 0 && write(descriptor, "[data]\nfoo", 10) == 10);
    close(descriptor);
    EXPECT(!ini_read(path, &err));
    char *message = memory_format("%s:2: expected \"[section]\" or \"key = value\", found \"foo\"", path);
    EXPECT_STR(err.text, message);
    free(message);
    unlink(path);
}

int main(void) {
    RUN(test_values_and_defaults);
    RUN(test_byte_order_mark_and_crlf);
    RUN(test_strings);
    RUN(test_words_for_bool);
    RUN(test_overrides_win);
    RUN(test_override_quotes);
    RUN(test_bad_values);
    RUN(test_mistake_after_strings);
    RUN(test_bad_lines);
    RUN(test_unknown_keys);
    RUN(test_missing_key);
    RUN(test_too_many_keys);
    RUN(test_lists);
    RUN(test_format);
    RUN(test_template);
    RUN(test_removed_key);
    RUN(test_fields_check);
    RUN(test_format_reads_back);
    RUN(test_damaged_texts);
    RUN(test_read_file);
    return test_finish();
}
