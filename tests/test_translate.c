/* ./translate from outside: a line for each line, in order and as it comes; whatever the bytes; the same translation
 * however the texts arrive. */
#include <poll.h>

#include "command.h"

enum { TEXTS = 64 };

static char texts[TEXTS][64]; /* sentences of different lengths */
static char *all_lines;       /* each with its newline */
static char *expected;        /* their translations */
static const char *const plain[] = {"translate", "-m", "run/model.gguf", NULL};

/* What the command gives for an input; it must end with this code. Free it. */
static char *translate(const char *const *arguments, const char *input, size_t size, int code) {
    CommandRun run = command_run(arguments, &(CommandHow){.input = input, .input_size = size});
    if (run.code != code) TEST_FAIL("expected exit code %d, found %d: %s", code, run.code, run.err);
    if (code == 0 && *run.err) TEST_FAIL("expected nothing on stderr, found \"%s\"", run.err);
    free(run.err);
    return run.out;
}

static void expect_translation(const char *const *arguments, const char *input, const char *wanted) {
    char *out = translate(arguments, input, 0, 0);
    EXPECT_STR(out, wanted);
    free(out);
}

static size_t count_lines(const char *text) {
    size_t lines = 0;
    for (; (text = strchr(text, '\n')); text++) lines++;
    return lines;
}

/* Line number `at` (0, 1, ...) of a text, without its newline, in a fresh string. */
static char *line_of(const char *text, size_t at) {
    while (at-- > 0) text = strchr(text, '\n') + 1;
    return memory_string_n(text, strcspn(text, "\n"));
}

static void make_texts(void) {
    static const char *const parts[] = {"the red cat sleeps", "the sad king", "is there", "wolf",
                                        "the green bear eats"};
    all_lines = memory_new(TEXTS * 64, 1);
    for (size_t i = 0; i < TEXTS; i++) {
        const char *first = parts[i % 5], *second = parts[i / 5 % 5];
        snprintf(texts[i], sizeof texts[i], i % 3 ? "%s %s" : "%s", first, second);
        strcat(strcat(all_lines, texts[i]), "\n");
    }
}

/* The reference: one text at a time, each in a process of its own. */
static void test_one_by_one(void) {
    expected = memory_new(1 << 16, 1);
    for (size_t i = 0; i < TEXTS; i++) {
        char *out = translate(ARGS("translate", "-m", "run/model.gguf", texts[i]), NULL, 0, 0);
        EXPECT_INT(count_lines(out), 1);
        strcat(expected, out);
        free(out);
    }
    EXPECT_INT(count_lines(expected), TEXTS);
    size_t different = 0; /* or else order would not show */
    for (size_t i = 1; i < 5; i++) {
        char *a = line_of(expected, 0), *b = line_of(expected, i);
        different += strcmp(a, b) != 0;
        free(a);
        free(b);
    }
    EXPECT_INT(different, 4);
}

static void test_together(void) {
    const char *arguments[TEXTS + 5] = {"translate", "-m", "run/model.gguf"};
    for (size_t i = 0; i < TEXTS; i++) arguments[3 + i] = texts[i];
    expect_translation(arguments, NULL, expected);
    arguments[3 + TEXTS] = "--threads=8"; /* options may stand anywhere */
    expect_translation(arguments, NULL, expected);
    expect_translation(plain, all_lines, expected);
    expect_translation(ARGS("translate", "-m", "run/model.gguf", "--threads", "1"), all_lines, expected);
    expect_translation(ARGS("translate", "--model=run/model.gguf", "--threads=8"), all_lines, expected);
}

/* More lines than are taken together, and bytes that end in the middle of lines. */
static void test_many_lines(void) {
    enum { TIMES = 80 };
    char *input = memory_new(TIMES * (strlen(all_lines) + strlen(expected)) + 1, 1),
         *wanted = memory_new(TIMES, 1 << 12);
    for (int i = 0; i < TIMES; i++) strcat(input, all_lines), strcat(wanted, expected);
    EXPECT(strlen(input) > 65536);
    expect_translation(plain, input, wanted);
    free(input);
    free(wanted);
}

/* ---- Pipes ---- */

/* The next bytes up to a newline, waiting at most a minute. False when there are none. */
static bool read_line(int file, char *line, size_t size) {
    for (size_t length = 0; length + 1 < size; length++) {
        struct pollfd wait = {.fd = file, .events = POLLIN};
        if (poll(&wait, 1, 60000) != 1 || read(file, line + length, 1) != 1) return false;
        if (line[length] == '\n') {
            line[length] = 0;
            return true;
        }
    }
    return false;
}

static void test_interactive(void) {
    int in[2], out[2];
    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipes");
    CommandRun run = command_start(plain, &(CommandHow){.input_pipe = in[0], .output_pipe = out[1]});
    close(in[0]);
    close(out[1]);
    for (size_t i = 0; i < 12; i++) {
        char line[512], *wanted = i % 4 == 3 ? memory_string("") : line_of(expected, i);
        /* A line in two halves, a whole one, an empty one, and its answer before the next is sent. */
        const char *text = i % 4 == 3 ? "" : texts[i];
        const size_t half = i % 2 ? strlen(text) / 2 : 0;
        EXPECT(write(in[1], text, half) == (ssize_t)half);
        if (half) sleep_ms(5);
        EXPECT(write(in[1], text + half, strlen(text) - half) == (ssize_t)(strlen(text) - half));
        EXPECT(write(in[1], "\n", 1) == 1);
        const bool answered = read_line(out[0], line, sizeof line);
        EXPECT(answered);
        if (answered) EXPECT_STR(line, wanted);
        free(wanted);
        if (!answered) break;
    }
    close(in[1]);
    char rest;
    EXPECT(read(out[0], &rest, 1) == 0);
    close(out[0]);
    command_wait(&run);
    EXPECT_INT(run.code, 0);
    EXPECT_STR(run.err, "");
    command_free(&run);
}

/* The reader of stdout goes away in the middle: one line on stderr, and no signal. */
static void test_reader_goes(void) {
    int in[2], out[2];
    char line[512];
    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipes");
    CommandRun run = command_start(plain, &(CommandHow){.input_pipe = in[0], .output_pipe = out[1]});
    close(out[1]);
    EXPECT(write(in[1], "the cat\n", 8) == 8);
    EXPECT(read_line(out[0], line, sizeof line));
    close(out[0]);
    EXPECT(write(in[1], "the cat\n", 8) == 8);
    command_wait(&run);
    EXPECT_INT(run.code, 1);
    EXPECT_STR(run.err, "translate: standard output: cannot write: Broken pipe\n");
    close(in[0]);
    close(in[1]);
    command_free(&run);
}

/* ---- Lines of all kinds ---- */

static void test_empty_lines(void) {
    char *first = line_of(expected, 0), *second = line_of(expected, 1);
    char input[256], wanted[256];
    expect_translation(plain, "", "");
    expect_translation(plain, "\n", "\n");
    expect_translation(plain, "\n\n\n", "\n\n\n");
    expect_translation(plain, " \t \xC2\xA0\n", "\n");
    snprintf(input, sizeof input, "\n%s\n\n  \n%s\n\n", texts[0], texts[1]);
    snprintf(wanted, sizeof wanted, "\n%s\n\n\n%s\n\n", first, second);
    expect_translation(plain, input, wanted);
    expect_translation(ARGS("translate", "-m", "run/model.gguf", "", texts[0], "  "), NULL,
                       (snprintf(wanted, sizeof wanted, "\n%s\n\n", first), wanted));
    free(first);
    free(second);
}

static void test_line_ends(void) {
    char *first = line_of(expected, 0), *second = line_of(expected, 1);
    char input[256], wanted[256];
    snprintf(wanted, sizeof wanted, "%s\n%s\n", first, second);
    snprintf(input, sizeof input, "%s\n%s", texts[0], texts[1]); /* no newline at the end */
    expect_translation(plain, input, wanted);
    snprintf(input, sizeof input, "%s\r\n%s\r\n", texts[0], texts[1]);
    expect_translation(plain, input, wanted);
    snprintf(input, sizeof input, "%s\r\n%s", texts[0], texts[1]);
    expect_translation(plain, input, wanted);
    expect_translation(plain, "\r\n\r\n", "\n\n");
    /* A model that keeps white space as it is would see a CR that was left. */
    const char *const *exact = ARGS("translate", "-m", "exact/model.gguf");
    char *out = translate(exact, all_lines, 0, 0), *crlf = memory_new(2 * strlen(all_lines) + 1, 1), *end = crlf;
    for (const char *p = all_lines; *p; p++) {
        if (*p == '\n') *end++ = '\r';
        *end++ = *p;
    }
    expect_translation(exact, crlf, out);
    free(crlf);
    free(out);
    free(first);
    free(second);
}

/* Bytes that are no text: still a line for a line, and the lines around them are translated as ever. */
static void test_odd_bytes(void) {
    static const char *const odd[] = {"\xFF\xFE\xFD",
                                      "caf\xC3",
                                      "\xC0\xAF\xED\xA0\x80",
                                      "\033[2J\a\b",
                                      "\xF4\x90\x80\x80",
                                      "\xEF\xBB\xBFthe cat",
                                      "a\rb",
                                      "\xE2\x80\xA8\xE2\x80\xA9\xC2\x85",
                                      "<s></s>",
                                      "\x7F"};
    char *first = line_of(expected, 0);
    for (size_t i = 0; i <= sizeof odd / sizeof *odd; i++) {
        char input[256];
        size_t size;
        if (i < sizeof odd / sizeof *odd) {
            size = (size_t)snprintf(input, sizeof input, "%s\n%s\n%s\n", texts[0], odd[i], texts[0]);
        } else { /* NUL bytes, alone and among letters */
            size = (size_t)snprintf(input, sizeof input, "%s\nthe_cat_\n%s\n", texts[0], texts[0]);
            input[strlen(texts[0]) + 4] = input[strlen(texts[0]) + 8] = 0;
        }
        char *out = translate(plain, input, size, 0);
        EXPECT_INT(count_lines(out), 3);
        char *before = line_of(out, 0), *behind = line_of(out, 2);
        EXPECT_STR(before, first);
        EXPECT_STR(behind, first);
        free(before);
        free(behind);
        free(out);
    }
    free(first);
    char noise[20000]; /* and a heap of everything, the last line without its end */
    uint32_t state = 12345;
    size_t lines = 1;
    for (size_t i = 0; i < sizeof noise; i++) {
        state = state * 1664525 + 1013904223;
        noise[i] = (char)(i + 1 < sizeof noise ? state >> 24 : 'x');
        lines += noise[i] == '\n';
    }
    CommandRun run = command_run(plain, &(CommandHow){.input = noise, .input_size = sizeof noise});
    EXPECT(run.code == 0 || run.code == 1); /* 1: some line is too long for the model */
    size_t found = 0;
    for (size_t i = 0; i < run.out_size; i++) found += run.out[i] == '\n';
    EXPECT_INT(found, lines);
    command_free(&run);
}

/* Ten thousand words in a line, and before and behind it lines that are translated. */
static void test_long_line(void) {
    enum { WORDS = 10000 };
    char *input = memory_new(WORDS + 10, 12), *at = input, wanted[256];
    at += sprintf(at, "%s\n", texts[0]);
    for (int i = 0; i < WORDS; i++) at += sprintf(at, i ? " cat%d" : "cat%d", i % 10);
    sprintf(at, "\n%s\n", texts[1]);
    char *first = line_of(expected, 0), *second = line_of(expected, 1);
    snprintf(wanted, sizeof wanted, "%s\n\n%s\n", first, second);
    CommandRun run = command_run(plain, &(CommandHow){.input = input});
    EXPECT_INT(run.code, 1);
    EXPECT_STR(run.out, wanted);
    EXPECT_HAS(run.err, "translate: line 2: expected at most 63 tokens (the model's max_length), found ");
    EXPECT_INT(count_lines(run.err), 1);
    command_free(&run);
    at[0] = 0; /* as an argument, without the lines around it */
    run = command_run(ARGS("translate", "-m", "run/model.gguf", texts[0], strchr(input, '\n') + 1, texts[1]), NULL);
    EXPECT_INT(run.code, 1);
    EXPECT_STR(run.out, wanted);
    EXPECT_HAS(run.err, "translate: text 2: expected at most 63 tokens");
    command_free(&run);
    free(first);
    free(second);
    free(input);
}

/* A text of exactly as many tokens as the model takes, and of one more: 62 and 63 z behind the space in front. */
static void test_longest(void) {
    char text[65] = "";
    memset(text, 'z', 62);
    char *out = translate(ARGS("translate", "-m", "run/model.gguf", text), NULL, 0, 0);
    free(out);
    text[62] = 'z';
    CommandRun run = command_run(ARGS("translate", "-m", "run/model.gguf", text), NULL);
    EXPECT_INT(run.code, 1);
    EXPECT_STR(run.out, "\n");
    EXPECT_HAS(run.err, "expected at most 63 tokens (the model's max_length), found 64;");
    command_free(&run);
}

/* ---- Options ---- */

static void test_search_options(void) {
    char *greedy = translate(ARGS("translate", "-m", "run/model.gguf", "--beam", "1"), all_lines, 0, 0);
    char *two = translate(ARGS("translate", "-m", "run/model.gguf", "-b", "2", "--alpha", "1"), all_lines, 0, 0);
    char *eight = translate(ARGS("translate", "-m", "run/model.gguf", "--beam=8", "--alpha=0"), all_lines, 0, 0);
    char *long_ones = translate(ARGS("translate", "-m", "run/model.gguf", "--beam=8", "--alpha=10"), all_lines, 0, 0);
    EXPECT_STR(two, expected); /* as the model's config says */
    EXPECT_INT(count_lines(greedy), TEXTS);
    EXPECT_INT(count_lines(eight), TEXTS);
    EXPECT(strcmp(greedy, eight) != 0);
    EXPECT(strlen(long_ones) > strlen(eight)); /* a larger alpha favours longer translations */
    expect_translation(ARGS("translate", "-m", "run/model.gguf", "--beam=8", "--alpha=0", "--threads=1"), all_lines,
                       eight);
    free(greedy);
    free(two);
    free(eight);
    free(long_ones);
}

/* Without -m: the newest of runs/NAME/model.gguf. */
static void test_newest_model(void) {
    static const char *const models[] = {"runs/a/model.gguf", "runs/b/model.gguf", "runs/.hidden/model.gguf"};
    const char *const *arguments = ARGS("translate", texts[0]);
    CHECK(mkdir("runs", 0777) == 0 && mkdir("runs/a", 0777) == 0 && mkdir("runs/b", 0777) == 0, "mkdir");
    CHECK(mkdir("runs/.hidden", 0777) == 0 && mkdir("runs/empty", 0777) == 0, "mkdir");
    write_text("runs/file", "not a folder");
    char *old = translate(ARGS("translate", "-m", "young/model.gguf", texts[0]), NULL, 0, 0);
    char *good = line_of(expected, 0), wanted[512];
    snprintf(wanted, sizeof wanted, "%s\n", good);
    EXPECT(strcmp(old, wanted) != 0); /* or else the choice would not show */
    for (int i = 0; i < 2; i++) {
        copy_file("run/model.gguf", models[i]);
        copy_file("young/model.gguf", models[1 - i]);
        write_text(models[2], "the newest of all, but not to be seen");
        for (int nanoseconds = 0; nanoseconds < 2; nanoseconds++) { /* newer by a second, and by less */
            const struct timespec before[2] = {{1000, 5}, {1000, 5}},
                                  behind[2] = {{1001 - nanoseconds, 6 * nanoseconds},
                                               {1001 - nanoseconds, 6 * nanoseconds}};
            CHECK(utimensat(AT_FDCWD, models[i], behind, 0) == 0 && utimensat(AT_FDCWD, models[1 - i], before, 0) == 0,
                  "times of files");
            expect_translation(arguments, NULL, wanted);
        }
    }
    free(old);
    free(good);
}

static void test_help(void) {
    static const char *const names[] = {"train", "translate"};
    for (size_t i = 0; i < 2; i++) {
        char *help = translate(ARGS(names[i], "--help"), NULL, 0, 0);
        EXPECT_HAS(help, "usage: ");
        EXPECT_HAS(help, "example: ");
        EXPECT_HAS(help, "--version");
        char *version = translate(ARGS(names[i], "--version"), NULL, 0, 0);
        EXPECT_HAS(version, names[i]);
        EXPECT_INT(count_lines(version), 1);
        free(help);
        free(version);
    }
    /* Behind "--" everything is text. */
    char *out = translate(ARGS("translate", "-m", "run/model.gguf", "--", "--help"), NULL, 0, 0);
    EXPECT_INT(count_lines(out), 1);
    free(out);
}

int main(void) {
    world_enter();
    make_texts();
    if (!command_gives(0, ARGS("train", "tiny.ini", "train.max_steps=120"), NULL) ||
        !command_gives(0, ARGS("train", "tiny.ini", "train.max_steps=120", "run.dir=exact", "text.spaces=no"), NULL) ||
        !command_gives(0, ARGS("train", "tiny.ini", "train.max_steps=20", "run.dir=young"), NULL)) {
        world_leave();
        return 1;
    }
    RUN(test_one_by_one);
    RUN(test_together);
    RUN(test_many_lines);
    RUN(test_interactive);
    RUN(test_reader_goes);
    RUN(test_empty_lines);
    RUN(test_line_ends);
    RUN(test_odd_bytes);
    RUN(test_long_line);
    RUN(test_longest);
    RUN(test_search_options);
    RUN(test_newest_model);
    RUN(test_help);
    free(all_lines);
    free(expected);
    world_leave();
    return test_finish();
}
