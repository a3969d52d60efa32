/* ./translate from outside: a line for each line, in order and as it comes; whatever the bytes; the same translation
 * however the texts arrive. */
#include <poll.h>

#include "command.h"
#include "text/utf8.h"

enum { TEXTS = 64 };

static char texts[TEXTS][64]; /* sentences of different lengths */
static char *all_lines;       /* each with its newline */
static char *expected;        /* their translations */
static const char *const plain[] = {"translate", "-m", "run/model.gguf", NULL};

/* What the command gives for an input; it must end with this code. Free it. */
static char *translate(const char *const *arguments, const char *input, size_t size, int code) {
    CommandRun run = command_run(arguments, &(CommandHow){.input = input, .input_size = size});
    if (run.code != code) TEST_FAIL("expected exit code %d, found %d: %s", code, run.code, run.err);
    command_drop_unseen(run.err);
    /* A model that has learnt for a few seconds does not end every translation by itself. */
    for (const char *line = run.err; code == 0 && *line; line += strcspn(line, "\n"), line += *line == '\n')
        if (!memmem(line, strcspn(line, "\n"), " cut", 4)) TEST_FAIL("expected no such message: \"%s\"", line);
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
    arguments[3 + TEXTS] = "--threads=8"; /* options may be anywhere */
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
    command_drop_unseen(run.err);
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
    command_drop_unseen(run.err);
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
    snprintf(input, sizeof input, "\xEF\xBB\xBF%s\n%s\n", texts[0], texts[1]); /* a byte order mark */
    expect_translation(plain, input, wanted);
    expect_translation(plain, "\xEF\xBB\xBF", "\n");
    /* A model that keeps invisible characters sees such a mark elsewhere. */
    const char *const *exact = ARGS("translate", "-m", "exact/model.gguf");
    char *marked = translate(exact, "wolf\n\xEF\xBB\xBFwolf\n", 0, 0), *bare = translate(exact, "wolf\nwolf\n", 0, 0);
    EXPECT(strcmp(marked, bare) != 0);
    free(marked);
    free(bare);
    /* A model that keeps white space as it is would see a CR that was left. */
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
    for (size_t i = 0; i <= COUNT(odd); i++) {
        char input[256];
        size_t size;
        if (i < COUNT(odd)) {
            size = (size_t)snprintf(input, sizeof input, "%s\n%s\n%s\n", texts[0], odd[i], texts[0]);
        } else { /* NUL bytes, alone and among letters */
            size = (size_t)snprintf(input, sizeof input, "%s\nthe_cat_\n%s\n", texts[0], texts[0]);
            input[strlen(texts[0]) + 4] = input[strlen(texts[0]) + 8] = 0;
        }
        CommandRun run = command_run(plain, &(CommandHow){.input = input, .input_size = size});
        EXPECT_INT(run.code, 0);
        EXPECT_INT(count_lines(run.out), 3);
        char *before = line_of(run.out, 0), *behind = line_of(run.out, 2);
        EXPECT_STR(before, first);
        EXPECT_STR(behind, first);
        command_drop_unseen(run.err);
        if (utf8_valid(input, size) == size)
            EXPECT_STR(run.err, "");
        else
            EXPECT_HAS(run.err, "translate: line 2: expected UTF-8 text, found 0x");
        free(before);
        free(behind);
        command_free(&run);
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
    EXPECT_INT(run.code, 0);
    size_t found = 0;
    for (size_t i = 0; i < run.out_size; i++) found += run.out[i] == '\n';
    EXPECT_INT(found, lines);
    command_free(&run);
}

/* A text of more tokens than the model takes, and what its parts come to when they are translated one by one. */
static void expect_parts(const char *const *parts, const char *note) {
    char text[2048] = "", wanted[4096] = "";
    for (size_t i = 0; parts[i]; i++) {
        char *out = translate(ARGS("translate", "-m", "run/model.gguf", parts[i]), NULL, 0, 0);
        out[strlen(out) - 1] = 0;
        if (*wanted && *out) strcat(wanted, " ");
        strcat(wanted, out);
        if (i > 0) strcat(text, " ");
        strcat(text, parts[i]);
        free(out);
    }
    strcat(wanted, "\n");
    CommandRun run = command_run(ARGS("translate", "-m", "run/model.gguf", text), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_STR(run.out, wanted);
    command_drop_unseen(run.err);
    EXPECT_STR(run.err, note);
    command_free(&run);
}

/* It is cut behind the ends of sentences, or else at the last white space that fits. A z is a token, and so is the
 * space before it; the model takes 63. */
static void test_parts(void) {
    char z62[63] = "", two[64], third[32];
    memset(z62, 'z', 62);
    snprintf(two, sizeof two, "%.30s %.30s", z62, z62); /* 62 tokens */
    snprintf(third, sizeof third, "%.30s", z62);
    expect_parts(ARGS("zz z.", "z 3.5 z.z?", "zzz!", z62),
                 "translate: text 1: 85 tokens, and the model takes 63 at a time: translated in 4 parts\n");
    expect_parts(ARGS(two, two, third),
                 "translate: text 1: 155 tokens, and the model takes 63 at a time: translated in 3 parts\n");
    expect_parts(ARGS("z.", two, "z z z."),
                 "translate: text 1: 72 tokens, and the model takes 63 at a time: translated in 3 parts\n");
    expect_parts(ARGS(z62, "z"),
                 "translate: text 1: 65 tokens, and the model takes 63 at a time: translated in 2 parts\n");
}

/* Ten thousand words in a line, and before and behind it lines that are translated as ever. Then a word of 200 letters.
 */
static void test_long_line(void) {
    enum { WORDS = 10000 };
    char *input = memory_new(WORDS + 10, 12), *at = input;
    at += sprintf(at, "%s\n", texts[0]);
    for (int i = 0; i < WORDS; i++) at += sprintf(at, i ? " cat%d" : "cat%d", i % 10);
    sprintf(at, "\n%s\n", texts[1]);
    char *first = line_of(expected, 0), *second = line_of(expected, 1);
    CommandRun run = command_run(plain, &(CommandHow){.input = input});
    EXPECT_INT(run.code, 0);
    EXPECT_INT(count_lines(run.out), 3);
    char *before = line_of(run.out, 0), *long_one = line_of(run.out, 1), *behind = line_of(run.out, 2);
    EXPECT_STR(before, first);
    EXPECT_STR(behind, second);
    EXPECT(strlen(long_one) > 1000);
    EXPECT_HAS(run.err, "translate: line 2: ");
    command_drop_unseen(run.err);
    EXPECT_INT(count_lines(run.err), 1);
    command_free(&run);
    free(before), free(long_one), free(behind), free(first), free(second), free(input);

    char word[201] = "";
    memset(word, 'z', 200);
    run = command_run(ARGS("translate", "-m", "run/model.gguf", word), NULL);
    EXPECT_INT(run.code, 0);
    command_drop_unseen(run.err);
    EXPECT_STR(run.err, "translate: text 1: 201 tokens, and the model takes 63 at a time: translated in 4 parts\n");
    EXPECT_INT(count_lines(run.out), 1);
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

/* Output lines with everything that can be asked for, to be the same however the texts arrive. */
static const char *const ways[][8] = {
    {"--n-best=4"},
    {"--alignment=hard", "--beam=1"},
    {"--alignment=soft", "--n-best=3", "--beam=5"},
    {"--no-repeat-ngram=2", "--min-length=9", "--max-length=12"},
    {"--prefix=le chat", "--no-repeat-ngram=1", "--beam=3"},
    {"--sample", "--temperature=1.5", "--top-k=20", "--seed=3"},
    {"--sample", "--alignment=hard", "--n-best=1"},
};
enum { WAYS = COUNT(ways) };

static char *translate_way(size_t way, const char *more, const char *input) {
    const char *arguments[16] = {"translate", "-m", "run/model.gguf"};
    size_t count = 3;
    for (size_t i = 0; ways[way][i]; i++) arguments[count++] = ways[way][i];
    arguments[count] = more;
    return translate(arguments, input, 0, 0);
}

/* Every text is the only one with words among lines that are empty, at its own line number. */
static void test_ways_alone(void) {
    for (size_t way = 0; way < WAYS; way++) {
        char *all = translate_way(way, "--threads=1", all_lines), *eight = translate_way(way, "--threads=8", all_lines);
        EXPECT_STR(eight, all);
        EXPECT(count_lines(all) >= TEXTS);
        for (size_t text = way; text < TEXTS; text += 13) {
            char input[TEXTS + 64];
            memset(input, '\n', text);
            snprintf(input + text, sizeof input - text, "%s\n", texts[text]);
            char *alone = translate_way(way, "--threads=2", input), *last = alone;
            size_t first = text; /* the text's first line in both outputs */
            if (way == 0 || way == 2) {
                char number[32];
                snprintf(number, sizeof number, "\n%zu ||| ", text);
                last = text > 0 ? strstr(alone, number) + 1 : alone;
                const char *there = text > 0 ? strstr(all, number) + 1 : all;
                EXPECT(strncmp(last, there, strlen(last)) == 0);
            } else {
                char *a = line_of(alone, first), *b = line_of(all, first);
                EXPECT_STR(a, b);
                free(a), free(b);
            }
            free(alone);
        }
        free(all), free(eight);
    }
}

/* Line by line through a pipe: what comes has the bits it has when all come together. */
static void test_ways_line_by_line(void) {
    for (size_t way = 0; way < WAYS; way++) {
        char *together = translate_way(way, NULL, all_lines), line[4096];
        const char *arguments[16] = {"translate", "-m", "run/model.gguf"};
        for (size_t i = 0; ways[way][i]; i++) arguments[3 + i] = ways[way][i];
        int in[2], out[2];
        CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipes");
        CommandRun run = command_start(arguments, &(CommandHow){.input_pipe = in[0], .output_pipe = out[1]});
        close(in[0]), close(out[1]);
        const char *wanted = together;
        for (size_t text = 0; text < 9; text++) {
            EXPECT(write(in[1], texts[text], strlen(texts[text])) > 0 && write(in[1], "\n", 1) == 1);
            do { /* n-best lists: lines with this number */
                EXPECT(read_line(out[0], line, sizeof line));
                EXPECT(strncmp(line, wanted, strcspn(wanted, "\n")) == 0);
                wanted += strcspn(wanted, "\n") + 1;
            } while ((way == 0 || way == 2) && (size_t)atoi(wanted) == text);
        }
        close(in[1]);
        command_wait(&run);
        EXPECT_INT(run.code, 0);
        close(out[0]);
        command_free(&run);
        free(together);
    }
}

static size_t words_of(const char *text, size_t length) {
    size_t words = 0;
    for (size_t i = 0; i < length; i++) words += text[i] != ' ' && (i == 0 || text[i - 1] == ' ');
    return words;
}

/* Numbers from 0, the best first and with the plain translation's text, scores that fall and are the log probability
 * by the number of tokens. An empty line has its list, too. */
static void test_n_best(void) {
    char *out = translate(ARGS("translate", "-m", "run/model.gguf", "-n", "5", "--alpha=0", texts[0], "", texts[1]),
                          NULL, 0, 0);
    char *best = translate(ARGS("translate", "-m", "run/model.gguf", "--beam=5", "--alpha=0", texts[0]), NULL, 0, 0);
    size_t at[3] = {0}, number;
    double before = 0, probability, score;
    for (char *line = out; *line; line += strcspn(line, "\n") + 1) {
        char *f0 = strstr(line, " ||| F0= ");
        EXPECT(sscanf(line, "%zu |||", &number) == 1 && number < 3 && f0 && f0 < line + strcspn(line, "\n"));
        if (!f0 || number >= 3) break;
        EXPECT(sscanf(f0, " ||| F0= %lf ||| %lf\n", &probability, &score) == 2);
        EXPECT_NEAR(score, probability, 1e-9); /* alpha = 0 */
        if (at[number]++ > 0) EXPECT(score <= before);
        before = score;
        if (number == 0 && at[0] == 1) EXPECT(strncmp(line + 6, best, strlen(best) - 1) == 0);
        if (number == 1) EXPECT(strncmp(line, "1 |||  ||| F0= 0 ||| 0\n", 23) == 0);
    }
    EXPECT_INT(at[0], 5);
    EXPECT_INT(at[1], 1);
    EXPECT_INT(at[2], 5);
    free(out), free(best);
}

/* Every word of the translation has its link, or its shares, which do not exceed 1; also where a text was cut. */
static void test_alignments(void) {
    char cut[800] = "";
    for (int i = 0; i < 24; i++) strcat(cut, i % 4 == 3 ? "the red cat sleeps. " : "the sad king ");
    const char *const sources[] = {texts[0], "  the  red\tcat sleeps ", "", cut, "wolf"};
    for (size_t i = 0; i < 5; i++) {
        const size_t source_words = i == 1 ? 4 : words_of(sources[i], strlen(sources[i]));
        for (int soft = 0; soft < 2; soft++) {
            CommandRun run = command_run(
                ARGS("translate", "-m", "run/model.gguf", soft ? "--alignment=soft" : "--alignment=hard", sources[i]),
                NULL);
            EXPECT_INT(run.code, 0);
            char *links = strstr(run.out, " ||| ");
            EXPECT(links != NULL);
            if (!links) continue;
            const size_t words = words_of(run.out, (size_t)(links - run.out));
            size_t found = 0, source, target;
            for (char *link = strtok(links + 5, " \n"); link; link = strtok(NULL, " \n"), found++) {
                if (!soft) {
                    EXPECT(sscanf(link, "%zu-%zu", &source, &target) == 2 && source < source_words && target == found);
                    if (i == 3 && found == 0) EXPECT(source < 13); /* of its own part: the first 13 words */
                    if (i == 3 && found + 1 == words) EXPECT(source >= 65);
                    continue;
                }
                double sum = 0, value;
                size_t before = SIZE_MAX;
                for (char *share = link; share; share = strchr(share, ','), share += share != NULL, before = source) {
                    EXPECT(sscanf(share, "%zu:%lf", &source, &value) == 2 && source < source_words && value >= 0.0001);
                    EXPECT(before == SIZE_MAX || source > before);
                    if (i == 3 && found == 0) EXPECT(source < 13);
                    sum += value;
                }
                EXPECT(sum > 0 && sum < 1.01);
            }
            EXPECT_INT(found, words);
            EXPECT_INT(strstr(run.err, "in 6 parts") != NULL, i == 3);
            command_free(&run);
        }
    }
}

/* Output grows with the line, not with its square, however many parts it has; also in lists. */
static void test_alignments_of_long_lines(void) {
    static const char *const ways_of_listing[] = {"--beam=1", "--beam=3", "--n-best=2"};
    for (size_t way = 0; way < COUNT(ways_of_listing); way++) {
        size_t before = 0;
        for (size_t words = 250; words <= 1000; words *= 2) {
            char *line = memory_new(words + 1, 12), *at = line;
            for (size_t i = 0; i < words; i++) at += sprintf(at, i % 9 == 8 ? "sleeps. " : i % 3 ? "cat " : "wolf ");
            CommandRun run = command_run(
                ARGS("translate", "-m", "run/model.gguf", "--alignment=soft", ways_of_listing[way], line), NULL);
            EXPECT_INT(run.code, 0);
            EXPECT_HAS(run.out, " ||| ");
            if (before > 0 && run.out_size > 2 * before + before / 4)
                TEST_FAIL("%zu words: expected about twice %zu bytes, found %zu", words, before, run.out_size);
            before = run.out_size;
            command_free(&run);
            free(line);
        }
    }
}

/* Whoever prints a number gets it, and the translation is the same, whether one is printed or not. */
static void test_numbers_of_greedy_search(void) {
    char *greedy = translate(ARGS("translate", "-m", "run/model.gguf", "--beam=1", texts[0]), NULL, 0, 0);
    static const char *const printing[][2] = {{"--n-best=1", "--beam=1"}, {"--confidence", "--calibration=1,1"}};
    for (size_t i = 0; i < COUNT(printing); i++) {
        char *out =
            translate(ARGS("translate", "-m", "run/model.gguf", "--beam=1", printing[i][0], printing[i][1], texts[0]),
                      NULL, 0, 0);
        const char *text = i == 0 ? out + strlen("0 ||| ") : out, *last = strrchr(out, '|');
        EXPECT(strncmp(text, greedy, strlen(greedy) - 1) == 0);
        EXPECT(last && isfinite(atof(last + 1)) && atof(last + 1) != 0);
        free(out);
    }
    free(greedy);
}

static void test_lengths_prefix_and_repetition(void) {
    char *out = translate(ARGS("translate", "-m", "run/model.gguf", "--prefix", "  Le  chat ", texts[0], "", "wolf"),
                          NULL, 0, 0);
    EXPECT(strncmp(out, "Le chat", 7) == 0);
    EXPECT_HAS(out, "\n\nLe chat"); /* nothing comes of nothing */
    free(out);
    out = translate(ARGS("translate", "-m", "run/model.gguf", "--max-length", "1", texts[0]), NULL, 0, 0);
    EXPECT(strlen(out) < 12);
    free(out);
    char *sampled = translate(ARGS("translate", "-m", "run/model.gguf", "--sample", "--seed=1"), all_lines, 0, 0);
    char *again = translate(ARGS("translate", "-m", "run/model.gguf", "--sample"), all_lines, 0, 0);
    char *other = translate(ARGS("translate", "-m", "run/model.gguf", "--sample", "--seed=2"), all_lines, 0, 0);
    char *greedy = translate(ARGS("translate", "-m", "run/model.gguf", "--beam=1"), all_lines, 0, 0);
    char *top = translate(ARGS("translate", "-m", "run/model.gguf", "--sample", "--top-k=1"), all_lines, 0, 0);
    EXPECT_STR(sampled, again);
    EXPECT(strcmp(sampled, other) != 0);
    EXPECT_STR(top, greedy);
    free(sampled), free(again), free(other), free(greedy), free(top);
}

static void test_wrong_options(void) {
    static const struct {
        const char *options[3], *message;
    } cases[] = {
        {{"--n-best=0"}, "--n-best: expected an integer from 1 to 64, found \"0\""},
        {{"--n-best", "65"}, "--n-best: expected an integer from 1 to 64, found \"65\""},
        {{"--alignment=firm"}, "--alignment: expected hard|soft, found \"firm\""},
        {{"--no-repeat-ngram=0"}, "--no-repeat-ngram: expected an integer from 1 to "},
        {{"--min-length=-1"}, "--min-length: expected an integer from 0 to "},
        {{"--max-length=x"}, "--max-length: expected an integer from 1 to "},
        {{"--min-length=4", "--max-length=4"}, "--min-length: expected less than --max-length 4, found 4"},
        {{"--sample", "--temperature=0"}, "--temperature: expected a number from 0.01 to 100, found \"0\""},
        {{"--sample", "--temperature=nan"}, "--temperature: expected a number from 0.01 to 100"},
        {{"--sample", "--top-k=65"}, "--top-k: expected an integer from 1 to 64, found \"65\""},
        {{"--sample", "--seed=-1"}, "--seed: expected an integer from 0 to "},
        {{"--sample=yes"}, "--sample: expected no argument, found \"yes\""},
        {{"--seed=1"}, "--temperature, --top-k and --seed go with --sample"},
        {{"--sample", "--beam=2"}, "--sample draws one translation"},
        {{"--sample", "--n-best=2"}, "--sample draws one translation"},
        {{"--prefix"}, "--prefix: expected TEXT after it, found nothing"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CommandRun run = command_run(ARGS("translate", cases[i].options[0], cases[i].options[1]), NULL);
        EXPECT_INT(run.code, 2);
        EXPECT_STR(run.out, "");
        EXPECT_HAS(run.err, cases[i].message);
        command_drop_unseen(run.err);
        EXPECT_INT(count_lines(run.err), 1);
        command_free(&run);
    }
    char prefix[80] = "";
    memset(prefix, 'z', 63); /* 64 tokens */
    CommandRun run = command_run(ARGS("translate", "-m", "run/model.gguf", "--prefix", prefix, "wolf"), NULL);
    EXPECT_INT(run.code, 1);
    command_drop_unseen(run.err);
    EXPECT_STR(run.err, "translate: --prefix: expected fewer than 64 tokens (the model's max_length), found 64\n");
    command_free(&run);
    prefix[62] = 0; /* and one that leaves room for </s> alone */
    char *out = translate(ARGS("translate", "-m", "run/model.gguf", "--prefix", prefix, "wolf"), NULL, 0, 0);
    EXPECT(strncmp(out, prefix, 62) == 0);
    free(out);
    run = command_run(ARGS("translate", "-m", "run/model.gguf", "--min-length=64", "wolf"), NULL);
    EXPECT_INT(run.code, 1);
    command_drop_unseen(run.err);
    EXPECT_STR(run.err, "translate: --min-length: expected less than 64 (the model's max_length), found 64\n");
    command_free(&run);
    out = translate(ARGS("translate", "-m", "run/model.gguf", "--min-length=63", "wolf"), NULL, 0, 0);
    EXPECT(strlen(out) >= 63); /* a token is a byte at least, the first may be a space that is left out */
    free(out);
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
    static const char *const by_part[] = {"--no-repeat-ngram N", "--min-length N", "--max-length N"};
    char *help = translate(ARGS("translate", "--help"), NULL, 0, 0);
    EXPECT_HAS(help, "in parts");
    for (size_t i = 0; i < 3; i++) {
        const char *line = strstr(help, by_part[i]), *part = line ? strstr(line, "translated in parts") : NULL;
        EXPECT(part && part < strchr(line, '\n'));
    }
    free(help);
    /* Behind "--" everything is text. */
    char *out = translate(ARGS("translate", "-m", "run/model.gguf", "--", "--help"), NULL, 0, 0);
    EXPECT_INT(count_lines(out), 1);
    free(out);
}

int main(void) {
    world_enter();
    make_texts();
    if (!command_gives(0, ARGS("train", "tiny.ini", "train.max_steps=120"), NULL) ||
        !command_gives(
            0, ARGS("train", "tiny.ini", "train.max_steps=120", "run.dir=exact", "text.spaces=no", "text.invisible=no"),
            NULL) ||
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
    RUN(test_parts);
    RUN(test_search_options);
    RUN(test_ways_alone);
    RUN(test_ways_line_by_line);
    RUN(test_n_best);
    RUN(test_alignments);
    RUN(test_alignments_of_long_lines);
    RUN(test_numbers_of_greedy_search);
    RUN(test_lengths_prefix_and_repetition);
    RUN(test_wrong_options);
    RUN(test_newest_model);
    RUN(test_help);
    free(all_lines);
    free(expected);
    world_leave();
    return test_finish();
}
