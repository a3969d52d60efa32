/* What the commands say to somebody who sits at a terminal, and to nobody else. */
#include <sys/ioctl.h>

#include "command.h"

/* A pseudo-terminal of so many columns, by its name, which lasts until the next; the other end, or -1. */
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

/* Runs a command whose stderr is a terminal; all that it says there. A fresh string; NULL: no terminals here. */
static char *said_on_terminal(int code, unsigned short columns, const char *const *arguments) {
    const int terminal = open_terminal(columns);
    if (terminal < 0) return NULL;
    CommandRun run = command_start(arguments, &(CommandHow){.error_path = terminal_name});
    char *text = memory_string("");
    size_t length = 0;
    for (ssize_t got = 1; got > 0; length += got > 0 ? (size_t)got : 0) {
        text = memory_resize(text, length + 4097, 1);
        while ((got = read(terminal, text + length, 4096)) < 0 && length == 0 && waitpid(run.pid, NULL, WNOHANG) == 0)
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
    /* valid.translate = 0: no translating is wanted. Elsewhere than on a terminal nothing moves. The bits are the same.
     */
    said = said_on_terminal(0, 110, ARGS("train", "tiny.ini", "run.dir=unseen", "valid.translate=0"));
    EXPECT(!strstr(said ? said : " -> ", " -> "));
    free(said);
    CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=again"), NULL);
    EXPECT_HAS(run.err, ", learning rate ");
    EXPECT(!strchr(run.err, '\r'));
    EXPECT(same_bytes("seen/model.gguf", "again/model.gguf"));
    command_free(&run);
}

int main(void) {
    world_enter();
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "1", 1);
    RUN(test_moving_lines);
    world_leave();
    return test_finish();
}
