/* Messages are one printable line, cut where they are too long, and may quote an earlier one. */
#include "base/error.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "testlib.h"

static void test_message(void) {
    Error err;
    EXPECT(!error_set(&err, "%s:%d: expected %s", "a.ini", 3, "more"));
    EXPECT_STR(err.text, "a.ini:3: expected more");
    EXPECT(error_null(&err, "none of %d", 4) == NULL);
    EXPECT_STR(err.text, "none of 4");
}

static void test_quotes_the_old_message(void) {
    Error err;
    error_set(&err, "disk full");
    error_set(&err, "%s: %s", "runs/a", err.text);
    EXPECT_STR(err.text, "runs/a: disk full");
}

static void test_control_characters(void) {
    Error err;
    error_set(&err, "a\nb\033[31mc\x7F"
                    "d\re\tf");
    EXPECT_STR(err.text, "a?b?[31mc?d?e?f");
    error_set(&err, "caf\u00e9 \u0153uvre");
    EXPECT_STR(err.text, "caf\u00e9 \u0153uvre");
    error_set(&err, "x\xC2\x9B"
                    "31my\xC2"); /* U+009B opens a command of some terminals */
    EXPECT_STR(err.text, "x??31my?");
}

/* The middle goes, at the ends of characters. */
static void test_cut_at_a_character(void) {
    char text[3000];
    Error err;
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3) memcpy(text + i, "\u20ac", 4); /* three bytes */
        error_set(&err, "%s", text);
        size_t length = strlen(err.text);
        EXPECT(length < sizeof err.text && length >= sizeof err.text - 8);
        EXPECT_INT((length - shift - 5) % 3, 0);
        EXPECT(!strchr(err.text, '?'));
        EXPECT_HAS(err.text, " ... ");
    }
}

/* What a message says before and after something long stays. */
static void test_long_parts(void) {
    static const char *const rows[][2] = {
        {"%s: cannot open: File name too long", "cannot open: File name too long"},
        {"--beam: expected an integer, found \"%s\"", "--beam: expected an integer"},
        {"a.ini:3: %s: unknown key", "a.ini:3: "},
        {"command line: %s: expected a number from 1 to 9", ": expected a number from 1 to 9"}};
    static char text[200000];
    memset(text, 'p', sizeof text - 1);
    for (size_t size = 1000; size < sizeof text; size = size * 2 + 1) {
        for (size_t i = 0; i < COUNT(rows); i++) {
            Error err;
            text[size] = 0;
            const size_t at = strcspn(rows[i][0], "%");
            error_set(&err, "%.*s%s%s", (int)at, rows[i][0], text, rows[i][0] + at + 2);
            text[size] = 'p';
            EXPECT_HAS(err.text, rows[i][1]);
            EXPECT(strncmp(err.text, rows[i][0], at) == 0);
        }
    }
}

/* Memory runs out without a scope: the function that ends the process has the message; without one, it aborts. */
static void end_process(const char *message) {
    _exit(strcmp(message, "out of memory: no room for 3 x 5 bytes") ? 2 : 1);
}

static void test_out_of_memory(void) {
    for (int handled = 0; handled < 2; handled++) {
        int status;
        fflush(stdout);
        const pid_t child = fork();
        if (child == 0) {
            if (handled) memory_at_end(end_process);
            memory_out(3, 5);
        }
        EXPECT(waitpid(child, &status, 0) == child);
        EXPECT(handled ? WIFEXITED(status) && WEXITSTATUS(status) == 1
                       : WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

int main(void) {
    RUN(test_message);
    RUN(test_quotes_the_old_message);
    RUN(test_control_characters);
    RUN(test_cut_at_a_character);
    RUN(test_long_parts);
    RUN(test_out_of_memory);
    return test_finish();
}
