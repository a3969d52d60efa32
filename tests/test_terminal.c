/* Numbers for people, and a progress line that stays away from files. */
#include "base/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "testlib.h"

static void expect_text(NumberText found, const char *expected) { EXPECT_STR(found.text, expected); }

static void test_count(void) {
    expect_text(terminal_count(0), "0");
    expect_text(terminal_count(999), "999");
    expect_text(terminal_count(1000), "1,000");
    expect_text(terminal_count(41000), "41,000");
    expect_text(terminal_count(123456789), "123,456,789");
    expect_text(terminal_count(UINT64_MAX), "18,446,744,073,709,551,615");
}

static void test_duration(void) {
    expect_text(terminal_duration(0), "0:00");
    expect_text(terminal_duration(59.6), "1:00");
    expect_text(terminal_duration(245), "4:05");
    expect_text(terminal_duration(3723), "1:02:03");
    expect_text(terminal_duration(360000), "100:00:00");
    expect_text(terminal_duration(-5), "0:00");
    expect_text(terminal_duration(NAN), "0:00");
    EXPECT(strlen(terminal_duration(INFINITY).text) < 24);
}

static void test_clock_goes_forward(void) {
    double before = terminal_seconds();
    usleep(2000);
    double passed = terminal_seconds() - before;
    EXPECT(passed >= 0.002 && passed < 10);
}

static void test_a_file_gets_plain_lines_only(void) {
    FILE *file = tmpfile();
    EXPECT(!terminal_is_live(file));
    EXPECT_INT(terminal_width(file), 80);
    Progress progress = progress_start(file);
    progress_show(&progress, "step %d", 1);
    progress_line(&progress, "loss %.1f", 2.5);
    progress_show(&progress, "step %d", 2);
    progress_note(&progress, "a note");
    rewind(file);
    char text[100] = "";
    EXPECT_INT(fread(text, 1, sizeof text - 1, file), 9);
    EXPECT_STR(text, "loss 2.5\n");
    EXPECT(!terminal_has_colours(file));
    EXPECT_STR(progress_style(&progress, STYLE_GOOD), "");
    fclose(file);
}

static void test_bar(void) {
    char bar[3 * 4 + 1];
    EXPECT_STR(terminal_bar(bar, 0, 4), "\u2500\u2500\u2500\u2500");
    EXPECT_STR(terminal_bar(bar, 0.5, 4), "\u2501\u2501\u2500\u2500");
    EXPECT_STR(terminal_bar(bar, 7, 4), "\u2501\u2501\u2501\u2501");
    EXPECT_STR(terminal_bar(bar, NAN, 1), "\u2500");
    EXPECT_STR(terminal_bar(bar, 1, 0), "");
}

/* A pseudo-terminal: what the program prints on one end is read at the other. */
static int open_terminal(FILE **program, unsigned short columns) {
    int reader = posix_openpt(O_RDWR | O_NOCTTY);
    if (reader < 0 || grantpt(reader) != 0 || unlockpt(reader) != 0) return -1;
    struct winsize size = {.ws_row = 24, .ws_col = columns};
    *program = fopen(ptsname(reader), "w");
    if (!*program || ioctl(reader, TIOCSWINSZ, &size) != 0) return -1;
    return reader;
}

/* All that was printed, when the program's end is closed; it may come in pieces. Closes both. */
static void read_all(int reader, FILE *program, char *text, size_t size) {
    size_t length = 0;
    fclose(program);
    for (ssize_t got; length + 1 < size && (got = read(reader, text + length, size - 1 - length)) > 0;)
        length += (size_t)got;
    text[length] = '\0';
    close(reader);
}

static void test_a_terminal_gets_a_moving_line(void) {
    FILE *file;
    int reader = open_terminal(&file, 20);
    if (reader < 0) SKIP("no pseudo-terminals here");
    unsetenv("NO_COLOR");
    setenv("TERM", "dumb", 1);
    EXPECT(!terminal_is_live(file));
    setenv("TERM", "xterm", 1);
    EXPECT(terminal_is_live(file));
    EXPECT_INT(terminal_width(file), 20);

    Progress progress = progress_start(file);
    progress_show(&progress, "\u00e9t\u00e9 %s", "01234567890123456789"); /* cut to 19 columns */
    progress_show(&progress, "too soon after the first");
    progress_line(&progress, "%s", "a plain line is never cut");
    char text[200];
    read_all(reader, file, text, sizeof text);
    EXPECT_STR(text, "\r\033[K\u00e9t\u00e9 012345678901234\r\033[Ka plain line is never cut\r\n");
}

/* Two moving lines: the second is cut too, both are erased together, and it can be taken away. */
static void test_a_line_below(void) {
    FILE *file;
    int reader = open_terminal(&file, 10);
    if (reader < 0) SKIP("no pseudo-terminals here");
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "1", 1);
    Progress progress = progress_start(file);
    progress_below(&progress, "%s", "the cat -> le\nchat");
    for (int i = 1; i <= 2; i++) {
        progress_show(&progress, "step %d", i);
        progress.last_draw = -1;
    }
    progress_line(&progress, "kept");
    progress_show(&progress, "step 3");
    progress.last_draw = -1;
    progress_below(&progress, "%s", "");
    progress_show(&progress, "step 4");
    progress_line(&progress, "kept");
    char text[300];
    read_all(reader, file, text, sizeof text);
    EXPECT_STR(text, "\r\033[Kstep 1\r\nthe cat -"
                     "\r\033[K\033[A\033[Kstep 2\r\nthe cat -"
                     "\r\033[K\033[A\033[Kkept\r\n"
                     "\r\033[Kstep 3\r\nthe cat -"
                     "\r\033[K\033[A\033[Kstep 4"
                     "\r\033[Kkept\r\n");
    unsetenv("NO_COLOR");
}

/* Characters of East Asia and pictures take two columns, and none is cut in half. */
static void test_wide_characters(void) {
    static const char *const rows[][2] = {
        {"\u65e5\u672c\u8a9e\u306e\u30c6\u30ad", "\u65e5\u672c\u8a9e\u306e"},
        {"a\u65e5\u672c\u8a9e\u306e\u30c6", "a\u65e5\u672c\u8a9e\u306e"},
        {"\ud55c\uad6d\uc5b4\uff01\uff01b", "\ud55c\uad6d\uc5b4\uff01"},
        {"\U0001f600\U0001f680\U00020000\U0001f1e9\u2728", "\U0001f600\U0001f680\U00020000\U0001f1e9"},
        {"\u20ac\u00e9\u0436\u0645\u2501\u2588\u2192\u2014\uff71b",
         "\u20ac\u00e9\u0436\u0645\u2501\u2588\u2192\u2014\uff71"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        FILE *file;
        int reader = open_terminal(&file, 10);
        if (reader < 0) SKIP("no pseudo-terminals here");
        setenv("TERM", "xterm", 1);
        Progress progress = progress_start(file);
        progress_below(&progress, "%s", rows[i][0]);
        progress_show(&progress, "%s", rows[i][0]);
        progress_line(&progress, "%s", rows[i][0]); /* whole */
        char text[300], expected[300];
        read_all(reader, file, text, sizeof text);
        snprintf(expected, sizeof expected, "\r\033[K%s\r\n%s\r\033[K\033[A\033[K%s\r\n", rows[i][1], rows[i][1],
                 rows[i][0]);
        EXPECT_STR(text, expected);
    }
}

static void test_curve(void) {
    char text[3 * CURVE_POINTS + 1];
    Curve curve = {0};
    EXPECT_STR(curve_text(text, &curve), "");
    curve_add(&curve, NAN);
    curve_add(&curve, 5);
    EXPECT_STR(curve_text(text, &curve), "\u2581");
    curve_add(&curve, 1);
    curve_add(&curve, INFINITY);
    curve_add(&curve, 3);
    EXPECT_STR(curve_text(text, &curve), "\u2588\u2581\u2585");
    /* A line that falls by one each time, however many values it has. */
    for (size_t count = 2; count < 5000; count += 1 + count / 7) {
        curve = (Curve){0};
        for (size_t i = 0; i < count; i++) curve_add(&curve, -(double)i);
        curve_text(text, &curve);
        const size_t points = strlen(text) / 3;
        EXPECT_INT(points, count < CURVE_POINTS ? count : points);
        EXPECT(2 * points >= (count < CURVE_POINTS ? 2 * count : CURVE_POINTS));
        EXPECT(strncmp(text, "\u2588", 3) == 0 && strcmp(text + 3 * points - 3, "\u2581") == 0);
        for (size_t i = 1; i < points; i++) EXPECT(memcmp(text + 3 * i, text + 3 * i - 3, 3) <= 0);
    }
}

/* What can be pasted into a shell is the same text there. */
static void test_pasting(void) {
    static const char *const words[][2] = {
        {"runs/tiny/model.gguf", "runs/tiny/model.gguf"},
        {"the cat", "\"the cat\""},
        {"the cat's", "\"the cat's\""},
        {"", "\"\""},
        {"$(touch x)", "'$(touch x)'"},
        {"a\"b`c'd\\!", "'a\"b`c'\\''d\\!'"},
        {"$'", "'$'\\''"
               "'"},
        {"chaise \u00e9lev\u00e9e; x", "\"chaise \u00e9lev\u00e9e; x\""},
    };
    for (size_t i = 0; i < COUNT(words); i++) {
        char *word = terminal_word(words[i][0]), command[200], said[200] = "";
        EXPECT_STR(word, words[i][1]);
        snprintf(command, sizeof command, "printf %%s %s", word);
        FILE *shell = popen(command, "r");
        said[fread(said, 1, sizeof said - 1, shell)] = '\0';
        pclose(shell);
        EXPECT_STR(said, words[i][0]);
        free(word);
    }
    char *link = terminal_link("/");
    EXPECT_STR(link, "file:///");
    free(link);
    link = terminal_link("/nowhere/a b#c%\u00e9?d'\"");
    EXPECT_STR(link, "file:///nowhere/a%20b%23c%25%C3%A9%3Fd%27%22");
    free(link);
}

/* NO_COLOR, a dumb terminal, one of no kind, and no terminal at all: no colours. */
static void test_colours(void) {
    static const struct {
        const char *kind, *no;
        bool expected;
    } cases[] = {{"xterm", NULL, true}, {"xterm", "", true}, {"xterm", "1", false}, {"xterm", "0", false},
                 {"dumb", NULL, false}, {"", NULL, false},   {NULL, NULL, false}};
    FILE *file, *plain = tmpfile();
    int reader = open_terminal(&file, 80);
    if (reader < 0) SKIP("no pseudo-terminals here");
    for (size_t i = 0; i < COUNT(cases); i++) {
        unsetenv("TERM"), unsetenv("NO_COLOR");
        if (cases[i].kind) setenv("TERM", cases[i].kind, 1);
        if (cases[i].no) setenv("NO_COLOR", cases[i].no, 1);
        const Progress progress = progress_start(file);
        if (terminal_has_colours(file) != cases[i].expected) TEST_FAIL("case %zu", i);
        EXPECT_INT(progress_style(&progress, STYLE_GOOD)[0] != 0, cases[i].expected);
        EXPECT(!terminal_has_colours(plain));
    }
    unsetenv("NO_COLOR");
    fclose(plain);
    fclose(file);
    close(reader);
}

/* A style takes no column, and one that the cut leaves open is ended. */
static void test_cut_styles(void) {
    FILE *file;
    int reader = open_terminal(&file, 8);
    if (reader < 0) SKIP("no pseudo-terminals here");
    setenv("TERM", "xterm", 1);
    Progress progress = progress_start(file);
    const char *good = progress_style(&progress, STYLE_GOOD), *end = progress_style(&progress, STYLE_NONE);
    progress_show(&progress, "%sabc%s4567", good, end);
    progress.last_draw = -1;
    progress_show(&progress, "%sabc4567%s", good, end);
    progress.last_draw = -1;
    progress_show(&progress, "%sabc4567890%s", good, end);
    progress_note(&progress, "a note is cut");
    progress_line(&progress, "kept");
    char text[300];
    read_all(reader, file, text, sizeof text);
    EXPECT_STR(text, "\r\033[K\033[32mabc\033[m4567\r\033[K\033[32mabc4567\033[m\r\033[K\033[32mabc4567\033[m"
                     "\r\033[Ka note \r\nkept\r\n");
}

/* A style is also ended where its end did not fit into the memory of a line, or was left out. */
static void test_lost_ends(void) {
    FILE *file;
    int reader = open_terminal(&file, 3000);
    if (reader < 0) SKIP("no pseudo-terminals here");
    setenv("TERM", "xterm", 1);
    Progress progress = progress_start(file);
    const char *good = progress_style(&progress, STYLE_GOOD), *end = progress_style(&progress, STYLE_NONE);
    char x[1501], text[3000];
    memset(x, 'x', sizeof x - 1), x[sizeof x - 1] = '\0';
    progress_below(&progress, "%s%s%s", good, x, end);
    progress_show(&progress, "%s%s%s", good, x, end);
    progress_line(&progress, "%skept", good);
    read_all(reader, file, text, sizeof text);
    EXPECT_HAS(text, "xxx\033[m\r\n\033[32mxxx");
    EXPECT_HAS(text, "xxx\033[m\r\033[K\033[A\033[K\033[32mkept\033[m\r\n");
}

/* Text that a terminal would obey is shown, in all three kinds of lines, where there are no colours. */
static void test_harmless(void) {
    static const char *const rows[][2] = {{"\xC2\x9B"
                                           "31m",
                                           "??31m"},
                                          {"a\xC2\x85"
                                           "b",
                                           "a??b"},
                                          {"\u202eabc", "???abc"},
                                          {"\u2066x", "???x"},
                                          {"\033[2J", "?[2J"},
                                          {"\r\n\t\b", "????"},
                                          {"\x7F", "?"},
                                          {"caf\xE9", "caf?"},
                                          {"\xF8\xFA", "??"},
                                          {"\xC0\x80", "??"},
                                          {"\xED\xA0\x80", "???"},
                                          {"\xF4\x90\x80\x80", "????"},
                                          {"\u2028", "???"},
                                          {"\xE2\x82", "??"},
                                          {"\x80", "?"},
                                          {"\xFF\xFE", "??"},
                                          {"\u20ac \U0001f600 \u0645", "\u20ac \U0001f600 \u0645"}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        FILE *file = tmpfile();
        Progress progress = progress_start(file);
        progress_line(&progress, "%s", rows[i][0]);
        char text[300] = "", expected[300];
        rewind(file);
        if (!fgets(text, sizeof text, file)) TEST_FAIL("nothing printed");
        snprintf(expected, sizeof expected, "%s\n", rows[i][1]);
        EXPECT_STR(text, expected);
        fclose(file);
        int reader = open_terminal(&file, 80);
        if (reader < 0) SKIP("no pseudo-terminals here");
        setenv("TERM", "xterm", 1);
        setenv("NO_COLOR", "1", 1);
        progress = progress_start(file);
        progress_show(&progress, "%s", rows[i][0]);
        progress_note(&progress, "%s", rows[i][0]);
        read_all(reader, file, text, sizeof text);
        snprintf(expected, sizeof expected, "\r\033[K%s\r\033[K%s\r\n", rows[i][1], rows[i][1]);
        EXPECT_STR(text, expected);
        unsetenv("NO_COLOR");
    }
}

int main(void) {
    RUN(test_count);
    RUN(test_duration);
    RUN(test_clock_goes_forward);
    RUN(test_a_file_gets_plain_lines_only);
    RUN(test_a_terminal_gets_a_moving_line);
    RUN(test_a_line_below);
    RUN(test_wide_characters);
    RUN(test_bar);
    RUN(test_curve);
    RUN(test_pasting);
    RUN(test_colours);
    RUN(test_cut_styles);
    RUN(test_lost_ends);
    RUN(test_harmless);
    return test_finish();
}
