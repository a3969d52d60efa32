/* What the commands say to somebody who sits at a terminal, and to nobody else. */
#include <sys/ioctl.h>

#include "base/terminal.h"
#include "command.h"

/* A pseudo-terminal of this many columns, by its name, which lasts until the next; the other end, or -1. */
static const char *terminal_name;
static int open_terminal(unsigned short columns) {
    static char name[64];
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    const struct winsize size = {.ws_row = 24, .ws_col = columns};
    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0 ||
        ptsname_r(terminal, name, sizeof name) != 0 || ioctl(terminal, TIOCSWINSZ, &size) != 0)
        return -1;
    terminal_name = name;
    return terminal;
}

static bool is_running(pid_t pid) {
    siginfo_t info = {.si_pid = 0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0;
}

/* Runs a command whose stderr is a terminal; all that it says there. A fresh string; NULL: no terminals here. */
static char *said_on_terminal(int code, unsigned short columns, const char *const *arguments) {
    const int terminal = open_terminal(columns);
    if (terminal < 0) return NULL;
    CommandRun run = command_start(arguments, &(CommandHow){.error_path = terminal_name});
    char *text = memory_string("");
    size_t length = 0;
    for (ssize_t got = 1; got > 0; length += got > 0 ? (size_t)got : 0) {
        text = memory_resize(text, length + 4097, 1);
        while ((got = read(terminal, text + length, 4096)) < 0 && length == 0 && is_running(run.pid))
            sleep_ms(1); /* the command has not opened its end yet */
    }
    text[length] = '\0';
    command_wait(&run);
    EXPECT_INT(run.code, code);
    command_free(&run);
    close(terminal);
    return text;
}

/* ---- train ---- */

/* The moving lines: the loss as a curve, and below it a validation sentence with its translation. */
static void test_moving_lines(void) {
    char *said = said_on_terminal(0, 110, ARGS("train", "tiny.ini", "run.dir=seen"));
    if (!said) SKIP("no pseudo-terminals here");
    EXPECT_HAS(said, ", loss ");
    EXPECT_HAS(said, " \u2588");
    EXPECT_HAS(said, " tokens/s\r\nthe red king sleeps -> ");
    EXPECT_HAS(said, "\033[K\033[A\033[K");
    EXPECT(!strstr(said, "norm"));
    free(said);
    /* Elsewhere than on a terminal nothing moves. The bits are the same. */
    CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=again"), NULL);
    EXPECT_HAS(run.err, ", learning rate ");
    EXPECT(!strchr(run.err, '\r'));
    EXPECT(same_bytes("seen/model.gguf", "again/model.gguf"));
    command_free(&run);
}

/* Both ends of a run say what to do next, with a sentence of the validation. */
static void test_next(void) {
    static const char *const ways[] = {"valid.patience=0", "valid.patience=1"};
    for (size_t i = 0; i < COUNT(ways); i++) {
        CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=next to", "--fresh", ways[i],
                                          "valid.every_steps=1", "train.max_steps=3", "train.learning_rate=0"),
                                     NULL);
        char *link = terminal_link("next to/report.html");
        EXPECT_INT(run.code, 0);
        EXPECT_HAS(run.err, i ? "\nstopped early" : "\ndone: 3 steps");
        EXPECT_HAS(run.err, ": next to/model.gguf\n"
                            "translate with it:  ./translate -m \"next to/model.gguf\" \"the red king sleeps\"\n"
                            "look into it:       ./inspect -m \"next to/model.gguf\" --open \"the red king sleeps\"\n"
                            "see how it learnt:  file:///");
        EXPECT_HAS(run.err, link);
        EXPECT_HAS(link, "/next%20to/report.html");
        free(link);
        command_free(&run);
    }
}

/* ---- translate, inspect ---- */

/* Which model it is, if there are several and nobody named one. */
static void test_which_model(void) {
    CHECK(mkdir("runs", 0777) == 0 && mkdir("runs/a", 0777) == 0 && mkdir("runs/b", 0777) == 0, "mkdir");
    copy_file("again/model.gguf", "runs/a/model.gguf");
    char *said = said_on_terminal(0, 80, ARGS("translate", "the red cat"));
    if (!said) SKIP("no pseudo-terminals here");
    EXPECT_STR(said, "");
    free(said);
    copy_file("again/model.gguf", "runs/b/model.gguf");
    const struct timespec old[2] = {{1000, 0}, {1000, 0}};
    CHECK(utimensat(AT_FDCWD, "runs/a/model.gguf", old, 0) == 0, "the time of a file");
    said = said_on_terminal(0, 80, ARGS("translate", "the red cat"));
    EXPECT_STR(said, "translate: with runs/b/model.gguf, the newest of 2 models (-m FILE takes another)\r\n");
    free(said);
    said = said_on_terminal(0, 80, ARGS("inspect", "--text", "the red cat"));
    EXPECT_STR(said, "inspect: with runs/b/model.gguf, the newest of 2 models (-m FILE takes another)\r\n");
    free(said);
    said = said_on_terminal(0, 80, ARGS("translate", "-m", "runs/a/model.gguf", "the red cat"));
    EXPECT_STR(said, "");
    free(said);
    CommandRun run = command_run(ARGS("translate", "the red cat"), NULL);
    EXPECT_STR(run.err, "");
    command_free(&run);
}

/* The program that opens links, which does this. */
static void write_opener(const char *does) {
    write_text("bin/xdg-open", does);
    write_text("bin/open", does);
    CHECK(chmod("bin/xdg-open", 0755) == 0 && chmod("bin/open", 0755) == 0, "chmod");
}

/* --open gives the page's link, as one argument and to no shell, to what opens links. */
static void test_open(void) {
    const CommandHow how = {.variable = "PATH", .value = "bin"};
    CHECK(mkdir("bin", 0777) == 0, "mkdir");
    const char *const arguments[] = {"inspect", "--example", "--open", "-o", "a b'$(id)`.html", NULL};
    CommandRun run = command_run(arguments, &how);
    EXPECT_INT(run.code, 1);
    EXPECT_HAS(run.err, "inspect: wrote a b'$(id)`.html; open file:///");
    EXPECT_HAS(run.err, "a%20b%27%24%28id%29%60.html\ninspect: --open: cannot start ");
    command_free(&run);
    write_opener("#!/bin/sh\nprintf '%s|' $# \"$@\" >opened\necho noise\n");
    run = command_run(arguments, &how);
    EXPECT_INT(run.code, 0);
    EXPECT_STR(run.out, "");
    command_free(&run);
    size_t size;
    char *opened = read_bytes("opened", &size), *link = terminal_link(arguments[4]),
         *wanted = memory_format("1|%s|", link);
    EXPECT_STR(opened ? opened : "", wanted);
    free(opened);
    free(link);
    free(wanted);
    write_opener("#!/bin/sh\nexit 3\n");
    run = command_run(arguments, &how);
    EXPECT_INT(run.code, 1);
    EXPECT_HAS(run.err, " could not open the page; open the link above by hand\n");
    command_free(&run);
    command_gives(2, ARGS("inspect", "--example", "--open", "--json"), &how);
    command_gives(2, ARGS("inspect", "--open", "--text", "the cat"), &how);
}

int main(void) {
    world_enter();
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "1", 1);
    RUN(test_moving_lines);
    RUN(test_next);
    RUN(test_which_model);
    RUN(test_open);
    world_leave();
    return test_finish();
}
