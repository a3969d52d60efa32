/* Numbers for people, and a progress line that stays away from files. */
#include "base/terminal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "testlib.h"

static void test_count(void) {
    char text[32];
    EXPECT_STR(terminal_count(text, 0), "0");
    EXPECT_STR(terminal_count(text, 999), "999");
    EXPECT_STR(terminal_count(text, 41000), "41,000");
    EXPECT_STR(terminal_count(text, 123456789), "123,456,789");
    EXPECT_STR(terminal_count(text, -1000), "-1,000");
    EXPECT_STR(terminal_count(text, -999), "-999");
    EXPECT_STR(terminal_count(text, -9223372036854775807LL - 1), "-9,223,372,036,854,775,808");
}

static void test_duration(void) {
    char text[24];
    EXPECT_STR(terminal_duration(text, 0), "0:00");
    EXPECT_STR(terminal_duration(text, 59.6), "1:00");
    EXPECT_STR(terminal_duration(text, 245), "4:05");
    EXPECT_STR(terminal_duration(text, 3723), "1:02:03");
    EXPECT_STR(terminal_duration(text, 360000), "100:00:00");
    EXPECT_STR(terminal_duration(text, -5), "0:00");
    EXPECT_STR(terminal_duration(text, NAN), "0:00");
    EXPECT(strlen(terminal_duration(text, INFINITY)) < 24);
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
    rewind(file);
    char text[100] = "";
    EXPECT_INT(fread(text, 1, sizeof text - 1, file), 9);
    EXPECT_STR(text, "loss 2.5\n");
    fclose(file);
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

static void test_a_terminal_gets_a_moving_line(void) {
    FILE *file;
    int reader = open_terminal(&file, 20);
    if (reader < 0) SKIP("no pseudo-terminals here");
    setenv("TERM", "dumb", 1);
    EXPECT(!terminal_is_live(file));
    setenv("TERM", "xterm", 1);
    EXPECT(terminal_is_live(file));
    EXPECT_INT(terminal_width(file), 20);

    Progress progress = progress_start(file);
    progress_show(&progress, "\u00e9t\u00e9 %s", "01234567890123456789"); /* cut to 19 columns */
    progress_show(&progress, "too soon after the first");
    progress_line(&progress, "%s", "a plain line is never cut");
    char text[200] = "";
    ssize_t length = 0, got = 1; /* it may come in parts */
    for (; got > 0 && !strchr(text, '\n'); length += got)
        got = read(reader, text + length, sizeof text - 1 - (size_t)length);
    EXPECT(got > 0);
    EXPECT_STR(text, "\r\033[K\u00e9t\u00e9 012345678901234\r\033[Ka plain line is never cut\r\n");
    fclose(file);
    close(reader);
}

int main(void) {
    RUN(test_count);
    RUN(test_duration);
    RUN(test_clock_goes_forward);
    RUN(test_a_file_gets_plain_lines_only);
    RUN(test_a_terminal_gets_a_moving_line);
    return test_finish();
}
