/* The four commands read their command line and their streams in the same way: the table in src/cli/README.md, each row
 * of which is tried with each command. */

#include "command.h"
#include "decode/modelfile.h"
#include "gguf/gguf.h"
#include "gguf/q8_0.h"

#pragma GCC diagnostic ignored "-Wmissing-field-initializers" /* most rows have no CommandHow */

#define MODEL "run/model.gguf"

/* One thing that is done to a command, or to all four in a row. */
typedef struct Row {
    const char *arguments[7];
    int code;
    const char *out, *err; /* parts of what is said; "": nothing is; "!x": x is not; NULL: anything */
    CommandHow how;
} Row;

static void expect_said(const Row *row, const char *where, const char *said, const char *expected) {
    if (!expected || (*expected == '!' ? !strstr(said, expected + 1)
                      : *expected      ? strstr(said, expected) != NULL
                                       : !*said))
        return;
    TEST_FAIL("%s %s %s: expected \"%s\" on %s, found \"%.400s\"", row->arguments[0],
              row->arguments[1] ? row->arguments[1] : "", row->arguments[2] ? row->arguments[2] : "", expected, where,
              said);
}

static void expect_rows(const Row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const Row *row = &rows[i];
        CommandRun run = command_run(row->arguments, &row->how);
        if (run.code != row->code)
            TEST_FAIL("row %zu, %s %s: expected exit code %d, found %d: %.300s", i, row->arguments[0],
                      row->arguments[1] ? row->arguments[1] : "", row->code, run.code, run.err);
        expect_said(row, "stdout", run.out, row->out);
        expect_said(row, "stderr", run.err, row->err);
        command_free(&run);
    }
}

#define TRY(...)                                                                                                       \
    do {                                                                                                               \
        static const Row rows[] = {__VA_ARGS__};                                                                       \
        expect_rows(rows, COUNT(rows));                                                                                \
    } while (0)

#define WORDS "the red cat\nthe black dog\n"
#define CONFIG                                                                                                         \
    "[data]\ntrain = train.tsv\nvalid = valid.tsv\n[model]\nwidth = 8\nheads = 1\nfeedforward = 8\nencoder_layers = "  \
    "1\n"                                                                                                              \
    "decoder_layers = 1\nmax_length = 64\n[text]\nvocab_size = 280\n[train]\nbatch_tokens = 256\nmax_steps = 4\n"      \
    "[run]\ndir = piped\n"

/* `-`, and after `--`, too. */
static void test_standard_input(void) {
    TRY({{"train", "-"}, 0, "", "done: 4 steps", {.input = CONFIG}},
        {{"train", "-", "train.max_steps=6"}, 0, "", "continuing from step 4", {.input = CONFIG}},
        {{"train", "--", "-", "train.max_steps=6"}, 0, "", "nothing left to do", {.input = CONFIG}},
        {{"train", "-", "model.width=16"}, 1, "", "the run was begun with model.width = 8", {.input = CONFIG}},
        {{"train", "-"}, 1, "", "train: standard input:18: unknown key \"run.x\"", {.input = CONFIG "x = 1\n"}},
        {{"train", "-"}, 1, "", "train: standard input: missing key \"data.train\"", {.input = ""}},
        {{"train", "-", "data.train=-"}, 1, "", "data.train: -: standard input is the config", {.input = CONFIG}},
        {{"train", "-", "data.valid=-", "run.dir=new"}, 1, "", "-: expected a file", {.input = CONFIG}},
        {{"translate", "-m", "-", "the cat"},
         1,
         "",
         "-: expected a file, found standard input; save",
         {.input = WORDS}},
        {{"translate", "--model=-"}, 1, "", "-: expected a file, found standard input; save", {.input = WORDS}},
        {{"inspect", "-m", "-", "the cat"}, 1, "", "-: expected a file, found standard input; save", {.input = WORDS}},
        {{"translate", "-m", MODEL, "-"}, 0, "\n", "!taken as text", {.input = WORDS}},
        {{"translate", "-m", MODEL, "--", "-"}, 0, "\n", "!taken as text", {.input = WORDS}},
        {{"translate", "-m", MODEL}, 0, "\n", "!taken as text", {.input = WORDS}},
        {{"translate", "-m", MODEL, "-"}, 0, "", "", {.input = ""}},
        {{"score", "-", "words"}, 0, "BLEU", NULL, {.input = WORDS}},
        {{"score", "--", "words", "-"}, 0, "BLEU", NULL, {.input = WORDS}},
        {{"score", "-", "words"}, 1, "", "score: standard input: expected at least one line", {.input = ""}},
        {{"inspect", "-m", MODEL, "--text", "-"}, 0, "where the translation", NULL, {.input = "\uFEFFthe red cat\r\n"}},
        {{"inspect", "-m", MODEL, "--text", "--", "-"}, 0, "where the translation", NULL, {.input = "the red cat"}},
        {{"inspect", "-m", MODEL, "--json", "-o", "-", "-"}, 0, "{\"format\"", NULL, {.input = "the red cat"}},
        {{"inspect", "-m", MODEL, "--text", "-"}, 1, "", "standard input:2: expected one line", {.input = WORDS}},
        {{"inspect", "-m", MODEL, "--text", "-"}, 1, "", "standard input: expected a line, found", {.input = ""}},
        {{"inspect", "-m", MODEL, "-o", "-", "-"}, 2, "", "-o -: expected a file", {.input = "the cat"}}, );
    /* What `-` gives is what the arguments give. */
    CommandRun lines = command_run(ARGS("translate", "-m", MODEL, "-"), &(CommandHow){.input = WORDS});
    CommandRun texts = command_run(ARGS("translate", "-m", MODEL, "the red cat", "the black dog"), NULL);
    EXPECT_STR(lines.out, texts.out);
    command_free(&lines);
    command_free(&texts);
}

static void test_closed_streams(void) {
    TRY({{"train", "-"}, 1, "", "standard input: cannot read", {.input_path = ""}},
        {{"translate", "-m", MODEL, "-"}, 1, "", "standard input: cannot read", {.input_path = ""}},
        {{"score", "-", "words"}, 1, "", "standard input: cannot read", {.input_path = ""}},
        {{"inspect", "-m", MODEL, "-"}, 1, "", "standard input: cannot read", {.input_path = ""}},
        {{"train", "-"}, 1, "", "standard input: cannot read: Is a directory", {.input_path = "."}},
        {{"translate", "-m", MODEL, "-"}, 1, "", "standard input: cannot read: Is a dir", {.input_path = "."}},
        {{"score", "-", "words"}, 1, "", "standard input: cannot read: Is a directory", {.input_path = "."}},
        {{"inspect", "-m", MODEL, "-"}, 1, "", "standard input: cannot read: Is a dir", {.input_path = "."}}, );
    static const char *const full[] = {"/dev/full", ""};
    for (size_t i = 0; i < COUNT(full); i++) {
        const CommandHow how = {.output_path = full[i]};
        const Row rows[] = {
            {{"train", "tiny.ini", "run.dir=dry", "--dry-run"}, 1, NULL, "standard output: cannot write", how},
            {{"train", "--keys"}, 1, NULL, "train: standard output: cannot write", how},
            {{"translate", "-m", MODEL, "the cat"}, 1, NULL, "translate: standard output: cannot write", how},
            {{"score", "words", "words"}, 1, NULL, "score: standard output: cannot write", how},
            {{"inspect", "-m", MODEL, "the cat", "--text"}, 1, NULL, "inspect: standard output: cannot write", how},
            {{"inspect", "--example", "--json"}, 1, NULL, "inspect: standard output: cannot write", how},
            {{"train", "--help"}, 1, NULL, "train: standard output: cannot write", how},
            {{"translate", "--version"}, 1, NULL, "translate: standard output: cannot write", how},
            {{"score", "--help"}, 1, NULL, "score: standard output: cannot write", how},
            {{"inspect", "--version"}, 1, NULL, "inspect: standard output: cannot write", how},
        };
        expect_rows(rows, COUNT(rows));
    }
}

/* Text comes through pipes; what is read more than once does not, and the message says what to do. */
static void test_pipes(void) {
    CHECK(mkfifo("pipe", 0600) == 0, "a pipe");
    TRY({{"translate", "-m", "pipe", "x"},
         1,
         "",
         "pipe: expected a file, found a pipe; save what comes from it in a file: cat"},
        {{"inspect", "-m", "pipe", "x"},
         1,
         "",
         "pipe: expected a file, found a pipe; save what comes from it in a file: cat"},
        {{"train", "tiny.ini", "run.dir=new", "data.valid=pipe"}, 1, "", "pipe: expected a file, found a pipe"},
        {{"train", "tiny.ini", "run.dir=new", "data.train=pipe"}, 1, "", "cat pipe > FILE"}, );
    static const struct {
        const char *input;
        Row row;
    } through[] = {
        {CONFIG, {{"train", "pipe", "train.max_steps=6"}, 0, "", "nothing left to do", {0}}},
        {CONFIG "x = 1\n", {{"train", "pipe"}, 1, "", "pipe:18: unknown key", {0}}},
        {WORDS, {{"score", "pipe", "words"}, 0, "BLEU", NULL, {0}}},
        {WORDS, {{"score", "words", "pipe"}, 0, "BLEU", NULL, {0}}},
        {WORDS, {{"score", "--paired", "pipe", "words", "words"}, 0, "BLEU", NULL, {0}}},
    };
    for (size_t i = 0; i < COUNT(through); i++) {
        const pid_t writer = fork();
        if (writer == 0) {
            write_text("pipe", through[i].input);
            _exit(0);
        }
        expect_rows(&through[i].row, 1);
        CHECK(waitpid(writer, NULL, 0) == writer, "waitpid");
    }
    TRY({{"score", "pipe", "pipe"}, 2, "", "score: pipe: expected at most once, found 2 times"},
        {{"score", "words", "pipe", "pipe"}, 2, "", "score: pipe: expected at most once, found 2 times"},
        {{"score", "pipe", "words", "--paired=pipe"}, 2, "", "score: pipe: expected at most once, found 2 times"}, );
    unlink("pipe");
}

static void test_wrong_files(void) {
    TRY({{"train", "."}, 1, "", "train: .: expected a file, found a folder\n"},
        {{"translate", "-m", ".", "x"}, 1, "", "translate: .: expected a file, found a folder\n"},
        {{"translate", "-m", "run", "x"}, 1, "", "run: expected a file, found a folder; did you mean run/model.gguf?"},
        {{"inspect", "-m", "run", "x"}, 1, "", "run: expected a file, found a folder; did you mean run/model.gguf?"},
        {{"train", "--quantize", "run", "small.gguf"}, 1, "", "found a folder; did you mean run/model.gguf?"},
        {{"score", ".", "words"}, 1, "", "score: .: expected a file, found a folder\n"},
        {{"score", "words", "."}, 1, "", "score: .: expected a file, found a folder\n"},
        {{"score", "words", "words", "--paired", "."}, 1, "", "score: .: expected a file, found a folder\n"},
        {{"inspect", "--example", "-o", "."}, 1, "", "inspect: .: cannot write: it is a folder\n"},
        {{"train", "none"}, 1, "", "train: none: cannot open: No such file or directory\n"},
        {{"translate", "-m", "none", "x"}, 1, "", "translate: none: cannot open: No such file or directory\n"},
        {{"score", "none", "words"}, 1, "", "score: none: cannot open: No such file or directory\n"},
        {{"inspect", "-m", "none", "x"}, 1, "", "inspect: none: cannot open: No such file or directory\n"},
        {{"train", ""}, 1, "", "train: expected the name of a file, found an empty one\n"},
        {{"translate", "-m", "", "x"}, 1, "", "translate: expected the name of a file, found an empty one\n"},
        {{"translate", "--model=", "x"}, 1, "", "translate: expected the name of a file, found an empty one\n"},
        {{"score", "", "words"}, 1, "", "score: expected the name of a file, found an empty one\n"},
        {{"score", "words", ""}, 1, "", "score: expected the name of a file, found an empty one\n"},
        {{"score", "words", "words", "--paired="}, 1, "", "score: expected the name of a file, found an empty one\n"},
        {{"inspect", "-m", "", "x"}, 1, "", "inspect: expected the name of a file, found an empty one\n"},
        {{"inspect", "--example", "-o", ""}, 1, "", "inspect: expected the name of a file, found an empty one\n"}, );
}

/* What was mistyped, and what was meant. */
static void test_near_misses(void) {
    CHECK(mkdir("configs", 0777) == 0 && mkdir("runs", 0777) == 0 && mkdir("runs/best", 0777) == 0, "folders");
    write_text("configs/small.ini", "");
    write_text("runs/best/model.gguf", "");
    TRY({{"train", "config/small.ini"}, 1, "", "No such file or directory; did you mean configs/small.ini?\n"},
        {{"train", "small.ini"}, 1, "", "did you mean configs/small.ini?\n"},
        {{"train", "small"}, 1, "", "did you mean configs/small.ini?\n"},
        {{"train", "tinny.ini"}, 1, "", "did you mean tiny.ini?\n"},
        {{"train", "something.ini"}, 1, "", "!did you mean"}, {{"train", "-"}, 1, "", "!did you mean"},
        {{"train", "tiny.ini", "train.max_stps=1"}, 1, "", "!.ini?"},
        {{"translate", "-m", "run/best/model.gguf", "x"}, 1, "", "directory; did you mean runs/best/model.gguf?\n"},
        {{"translate", "-m", "bets", "x"}, 1, "", "directory; did you mean runs/best/model.gguf?\n"},
        {{"inspect", "-m", "runs/bets/model.gguf", "x"}, 1, "", "directory; did you mean runs/best/model.gguf?\n"}, );
    remove_folder("configs");
    remove_folder("runs");
    static const char *const spaces = "train.max_steps: expected train.max_steps=6, without spaces around the =";
    const Row rows[] = {
        {{"train", "tiny.ini", "train.max_steps", "=", "6"}, 2, "", spaces},
        {{"train", "tiny.ini", "train.max_steps", "=6"}, 2, "", spaces},
        {{"train", "tiny.ini", "train.max_steps=", "6"}, 2, "", spaces},
        {{"train", "tiny.ini", "train.max_steps", "6"}, 2, "", spaces},
        {{"train", "train.max_steps", "=", "6", "tiny.ini"}, 2, "", spaces},
        {{"train", "tiny.ini", "train.max_steps"}, 2, "", "train.max_steps: expected train.max_steps=VALUE"},
        {{"train", "tiny.ini", "train.max_stps", "=", "6"}, 2, "", "train.max_stps: expected train.max_stps=6"},
        {{"train", "tiny.ini", "a.ini"}, 2, "", "expected one CONFIG.ini, found \"tiny.ini\" and \"a.ini\""},
        {{"train", "data.test=", "tiny.ini", "--dry-run", "run.dir=dry"}, 0, "time: about", ""},
    };
    expect_rows(rows, COUNT(rows));
}

/* As root, a file without permissions can be read all the same. */
static void test_permissions(void) {
    if (geteuid() == 0) SKIP("root may read everything");
    write_text("secret", WORDS);
    CHECK(chmod("secret", 0) == 0, "chmod");
    TRY({{"train", "secret"}, 1, "", "train: secret: cannot open: Permission denied\n"},
        {{"translate", "-m", "secret", "x"}, 1, "", "translate: secret: cannot open: Permission denied\n"},
        {{"score", "secret", "words"}, 1, "", "score: secret: cannot open: Permission denied\n"},
        {{"inspect", "-m", "secret", "x"}, 1, "", "inspect: secret: cannot open: Permission denied\n"}, );
    CHECK(mkdir("shut", 0555) == 0, "a folder");
    TRY({{"train", "tiny.ini", "run.dir=shut"},
         1,
         "",
         "Permission denied; run.dir must be a folder that can be written\n"});
    rmdir("shut");
    CHECK(mkdir("runs", 0777) == 0 && mkdir("runs/a", 0777) == 0, "folders");
    write_text("runs/a/model.gguf", WORDS);
    for (int all = 0; all < 3; all++) {
        CHECK(chmod(all == 0 ? "runs/a/model.gguf" : all == 1 ? "runs/a" : "runs", 0) == 0, "chmod");
        CommandRun run = command_run(ARGS(all == 1 ? "inspect" : "translate", "x"), NULL);
        EXPECT_INT(run.code, 1);
        EXPECT_HAS(run.err, "Permission denied");
        EXPECT(!strstr(run.err, "no model yet"));
        command_free(&run);
        CHECK(chmod("runs", 0777) == 0 && chmod("runs/a", 0777) == 0, "chmod");
    }
    remove_folder("runs");
}

/* A model that is there but cannot be reached is not "no model yet". */
static void test_models_out_of_reach(void) {
    CHECK(mkdir("runs", 0777) == 0 && mkdir("runs/a", 0777) == 0, "folders");
    CHECK(symlink("nowhere", "runs/a/model.gguf") == 0, "a link");
    TRY({{"translate", "x"},
         1,
         "",
         "translate: runs/a/model.gguf: cannot open: No such file or directory; name another"},
        {{"inspect", "x"},
         1,
         "",
         "inspect: runs/a/model.gguf: cannot open: No such file or directory; name another"}, );
    unlink("runs/a/model.gguf");
    CHECK(symlink("model.gguf", "runs/a/model.gguf") == 0, "a link to itself");
    TRY({{"translate", "x"}, 1, "", "translate: runs/a/model.gguf: cannot open: Too many levels"});
    remove_folder("runs");
    write_text("runs", "");
    TRY({{"translate", "x"}, 1, "", "runs: cannot look for a model there: Not a directory; name one with -m FILE"});
    unlink("runs");
    TRY({{"translate", "x"}, 1, "", "no model yet: expected runs/*/model.gguf in this folder"},
        {{"inspect", "x"}, 1, "", "no model yet: expected runs/*/model.gguf in this folder"}, );
}

/* A file's name where text is expected. */
static void test_files_as_text(void) {
    TRY({{"translate", "-m", MODEL, "words"},
         0,
         "\n",
         "translate: words: taken as text, although a file has this name; its "
         "lines: translate - < words\n"},
        {{"translate", "-m", MODEL, "./run/model.gguf"}, 0, "\n", "taken as text"},
        {{"translate", "-m", MODEL, "--", "run"}, 0, "\n", "run: taken as text, although a folder has this name\n"},
        {{"translate", "-m", MODEL, "the cat", "words"}, 0, "\n", "words: taken as text"},
        {{"translate", "-m", MODEL, "the cat", ".", ""}, 0, "\n", "!taken as text"},
        {{"inspect", "-m", MODEL, "--text", "words"}, 0, "where the translation", "inspect: words: taken as text"},
        {{"inspect", "-m", MODEL, "--text", "the cat"}, 0, "where the translation", "!taken as text"}, );
}

static void test_given_twice(void) {
    TRY({{"train", "tiny.ini", "tiny.ini"}, 2, "", "expected one CONFIG.ini, found \"tiny.ini\" and \"tiny.ini\""},
        {{"train", "-", "-"}, 2, "", "expected one CONFIG.ini, found \"-\" and \"-\""},
        {{"translate", "-", "-"}, 2, "", "-: expected it alone"},
        {{"translate", "the cat", "-"}, 2, "", "-: expected it alone"},
        {{"translate", "-", "the cat"}, 2, "", "-: expected it alone"},
        {{"score", "-", "-"}, 2, "", "-: expected at most once, found 2 times"},
        {{"score", "words", "-", "--paired", "-"}, 2, "", "-: expected at most once, found 2 times"},
        {{"inspect", "the cat", "the dog"}, 2, "", "expected one sentence, found \"the cat\" and \"the dog\""},
        {{"inspect", "-", "-"}, 2, "", "expected one sentence, found \"-\" and \"-\""},
        /* Files are read as often as they are given. */
        {{"score", "words", "words", "words"}, 0, "nrefs:2", NULL},
        {{"train", "tiny.ini", "run.dir=dry", "data.train=train.tsv train.tsv", "--dry-run"},
         0,
         "400 pairs from 400",
         NULL},
        {{"translate", "-m", MODEL, "the cat", "the cat"}, 0, "\n", "!taken as text"},
        /* Of an option, the last counts. */
        {{"train", "tiny.ini", "--fresh", "--fresh", "--dry-run", "run.dir=none", "run.dir=dry"}, 0, "pairs", NULL},
        {{"translate", "--beam", "x", "--beam=2", "-m", MODEL, "the cat"}, 0, "\n", "!taken as text"},
        {{"translate", "-m", "none", "-m", MODEL, "the cat"}, 1, "", "none: cannot open"}, /* models add up */
        {{"score", "--tokenize=x", "--tokenize=none", "words", "words"}, 0, "BLEU", NULL},
        {{"inspect", "-m", "none", "--model=" MODEL, "--text", "the cat"}, 0, "where the translation", NULL}, );
}

static void test_options(void) {
    static const char *const commands[] = {"train", "translate", "score", "inspect"};
    for (size_t c = 0; c < COUNT(commands); c++) {
        char usage[64], version[64];
        snprintf(usage, sizeof usage, "usage: %s ", commands[c]);
        snprintf(version, sizeof version, "%s (nmt.c) ", commands[c]);
        const Row rows[] = {
            {{commands[c], "--help"}, 0, usage, "", {0}},
            {{commands[c], "-h"}, 0, usage, "", {0}},
            {{commands[c], "--help"}, 0, "\n  -h, --help             this text\n", "", {0}},
            {{commands[c], "words", "--help"}, 0, usage, "", {0}},
            {{commands[c], "--version"}, 0, version, "", {0}},
            {{commands[c], "--help=x"}, 2, "", "--help: expected no argument, found \"x\"", {0}},
            {{commands[c], "--version="}, 2, "", "--version: expected no argument, found \"\"", {0}},
            {{commands[c], "--hepl"}, 2, "", "unknown option \"--hepl\"; did you mean \"--help\"?", {0}},
            {{commands[c], "--vers"}, 2, "", "unknown option \"--vers\"; did you mean \"--version\"?", {0}},
            {{commands[c], "--qqqqqqqqqqq"}, 2, "", "a text or a file that begins with - comes after --", {0}},
            {{commands[c], "-5 degrees"}, 2, "", "a text or a file that begins with - comes after --", {0}},
        };
        expect_rows(rows, COUNT(rows));
    }
    TRY({{"train", "--frehs", "tiny.ini"}, 2, "", "did you mean \"--fresh\"?"},
        {{"translate", "--thr", "2"}, 2, "", "unknown option \"--thr\"; did you mean \"--threads\"?"},
        {{"translate", "-b4", "x"}, 2, "", "unknown option \"-b4\"; did you mean \"-b 4\"?"},
        {{"inspect", "-model", "x"}, 2, "", "unknown option \"-model\"; did you mean \"--model\"?"},
        {{"train", "tiny.ini", "train.seed", "2"}, 2, "", "train.seed: expected train.seed=2, without"},
        {{"train", "--keys", "decode"}, 0, "[decode]   # ", ""},
        {{"train", "--keys", "decode"}, 0, "!decoder_layers", ""}, {{"train", "beam", "--keys"}, 0, "beam = 4 ", ""},
        {{"train", "--keys", "beam"}, 0, "!max_ratio", ""},
        {{"train", "--keys", "train.max_steps"}, 0, "[train]   # ---- how it learns ----\nmax_steps = 0   # ", ""},
        {{"train", "--keys", "modle"}, 2, "", "found \"modle\"; did you mean \"model\"?"},
        {{"train", "--keys", "zzzz"}, 2, "", "found \"zzzz\" (./train --keys prints all keys)"},
        {{"train", "--keys", "data", "text"}, 2, "", "expected one"},
        {{"train", "--keys=1"}, 2, "", "--keys: expected no argument, found \"1\""},
        {{"translate", "--sample=1"}, 2, "", "--sample: expected no argument, found \"1\""},
        {{"score", "--tsv=words"}, 2, "", "--tsv: expected no argument, found \"words\""},
        {{"inspect", "--text="}, 2, "", "--text: expected no argument, found \"\""},
        {{"translate", "x", "--model"}, 2, "", "--model: expected FILE after it, found nothing"},
        {{"score", "words", "words", "-m"}, 2, "", "--metric: expected NAME after it, found nothing"},
        {{"inspect", "x", "--layer"}, 2, "", "--layer: expected L after it, found nothing"},
        {{"translate", "--model", "--beam", "4"}, 2, "", "--model: expected FILE after it, found the option --beam"},
        {{"score", "--paired", "-l", "words"}, 2, "", "--paired: expected FILE after it, found the option -l"},
        {{"inspect", "--word", "--text", "x"}, 2, "", "--word: expected WORD after it, found the option --text"},
        {{"translate", "-m", MODEL, "--prefix=--beam", "the cat"}, 0, "--beam", "!taken as text"},
        {{"train"}, 2, "", "expected a CONFIG.ini (for a start: configs/tiny.ini; -: standard input), found none"},
        {{"score"}, 2, "", "expected HYPOTHESIS and at least one REFERENCE"},
        {{"inspect"}, 2, "", "expected a sentence (in quotes; or - to read it from standard input), found none"},
        /* In both forms, and behind the arguments. */
        {{"translate", "the cat", "--model", MODEL, "--beam=2"}, 0, "\n", "!taken as text"},
        {{"score", "words", "words", "--metric", "chrf"}, 0, "chrF2 = 100", ""},
        {{"score", "--metric=chrf", "words", "words"}, 0, "chrF2 = 100", ""},
        {{"inspect", "--text", "the cat", "-m", MODEL}, 0, "where the translation", NULL},
        {{"inspect", "--text", "the cat", "--model=" MODEL, "--beam", "1"}, 0, "where the translation", NULL},
        {{"train", "run.dir=dry", "--dry-run", "tiny.ini"}, 0, "pairs", NULL},
        /* What begins with - after --. */
        {{"translate", "-m", MODEL, "--", "-5 degrees", "--beam"}, 0, "\n", "!taken as text"},
        {{"inspect", "-m", MODEL, "--text", "--", "-5 degrees"}, 0, "where the translation", NULL},
        {{"score", "--", "-words", "-words"}, 0, "BLEU", NULL},
        {{"train", "--", "-none.ini"}, 1, "", "-none.ini: cannot open"}, );
}

/* What would have no effect is refused. */
static void test_options_without_effect(void) {
    TRY({{"train", "--quantize", MODEL, "small.gguf", "train.seed=2"},
         2,
         "",
         "--quantize: expected no train.seed=2 with"},
        {{"train", "--quantize", MODEL, "small.gguf", "--fresh"}, 2, "", "--quantize: expected no --fresh with it"},
        {{"train", "--quantize", MODEL, "-"}, 2, "", "--quantize: expected a file to write after the model, found -"},
        {{"train", "--quantize", MODEL}, 2, "", "--quantize: expected a file to write after the model, found none"},
        {{"train", "--keys", "beam", "train.seed=2"}, 2, "", "--keys: expected no train.seed=2 with it"},
        {{"train", "--keys", "beam", "--dry-run"}, 2, "", "--keys: expected no --dry-run with it"},
        {{"score", "--seed=7", "words", "words"}, 2, "", "--resamples and --seed go with --paired"},
        {{"score", "--resamples=5", "words", "words"}, 2, "", "--resamples and --seed go with --paired"},
        {{"translate", "--tune=words", "--confidence", "--alignment=hard"},
         2,
         "",
         "--tune prints no translations: expected no --alignment with it"},
        {{"translate", "--score", "--alignment=hard", "words"},
         2,
         "",
         "--score scores translations that are given: expected no --alignment with it"}, );
    EXPECT(!file_exists("small.gguf") && !file_exists("-"));
    static const char *const others[][2] = {
        {"--model", MODEL}, {"--word", "x"}, {"--compare", "x"}, {"--group", "few=x,y"}, {"--kind", "cross"},
        {"--layer", "0"},   {"--head", "0"}, {"--beam", "2"},    {"--without", "mask"},  {"--threads", "2"}};
    for (size_t i = 0; i < COUNT(others); i++) {
        char said[96];
        snprintf(said, sizeof said, "--example shows an attention of its own: expected no %s with", others[i][0]);
        const Row row = {{"inspect", "--example", others[i][0], others[i][1]}, 2, "", said, {0}};
        expect_rows(&row, 1);
    }
    TRY({{"inspect", "--example", "--text"}, 2, "", "expected no --text with it"},
        {{"inspect", "--example", "the cat"}, 2, "", "--example: expected no sentence with it"}, );
}

/* A run that is over names the limit that ended it. */
static void test_which_limit(void) {
    TRY({{"train", "tiny.ini", "train.max_steps=20"},
         0,
         "",
         "nothing left to do: step 20 is the last (train.max_steps); raise it, or start over with --fresh\n"},
        {{"train", "tiny.ini", "train.max_steps=0", "train.max_epochs=1"},
         0,
         "",
         "nothing left to do: step 20 is the last (train.max_epochs); raise it, or start over with --fresh\n"}, );
}

/* ./train --quantize: vectors have the same bits, and each number of a matrix is near what it was. */
static void test_quantize(void) {
    Error err;
    ModelFile from, to;
    command_gives(
        0, ARGS("train", "tiny.ini", "run.dir=wide", "model.width=32", "model.feedforward=64", "train.max_steps=40"),
        NULL);
    command_gives(0, ARGS("train", "--quantize", "wide/model.gguf", "small.gguf"), NULL);
    CHECK(modelfile_open(&from, "wide/model.gguf", &err), err.text);
    CHECK(modelfile_open(&to, "small.gguf", &err), err.text);
    EXPECT(gguf_has_tensor(to.gguf, "shared.weight", GGUF_TENSOR_Q8_0));
    for (size_t t = 0; t < from.params.tensor_count; t++) {
        const Tensor *tensor = &from.params.tensors[t];
        const float *a = from.w + tensor->offset, *b = to.w + tensor->offset;
        if (tensor->rows == 0 && memcmp(a, b, tensor->count * sizeof *a) != 0)
            TEST_FAIL("%s: expected the same bits", tensor->name);
        for (size_t block = 0; tensor->rows > 0 && block < tensor->count; block += Q8_0_BLOCK) {
            double most = 0, error = 0;
            for (size_t i = block; i < block + Q8_0_BLOCK; i++) {
                most = fmax(most, fabs((double)a[i]));
                error = fmax(error, fabs((double)a[i] - (double)b[i]));
            }
            if (!(error <= 0.0045 * most + 1e-5))
                TEST_FAIL("%s, number %zu: off by %g of %g", tensor->name, block, error, most);
        }
    }
    float *broken = memory_new(from.params.count, sizeof *broken);
    memcpy(broken, from.w, from.params.count * sizeof *broken);
    broken[0] = 1e7f; /* of the embedding */
    from.w = broken;
    EXPECT(!modelfile_write_q8_0(&from, "broken.gguf", &err) && access("broken.gguf", F_OK) != 0);
    EXPECT_HAS(err.text, "wide/model.gguf: tensor shared.weight: expected finite numbers below 8321040");
    free(broken);
    modelfile_close(&from);
    modelfile_close(&to);
    command_gives(0, ARGS("translate", "-m", "small.gguf", "the red cat"), NULL);
}

int main(void) {
    world_enter();
    write_text("words", WORDS);
    write_text("-words", WORDS);
    if (!command_gives(0, ARGS("train", "tiny.ini", "train.max_steps=20"), NULL)) {
        world_leave();
        return 1;
    }
    RUN(test_standard_input);
    RUN(test_closed_streams);
    RUN(test_pipes);
    RUN(test_wrong_files);
    RUN(test_near_misses);
    RUN(test_permissions);
    RUN(test_models_out_of_reach);
    RUN(test_files_as_text);
    RUN(test_given_twice);
    RUN(test_options);
    RUN(test_options_without_effect);
    RUN(test_which_limit);
    RUN(test_quantize);
    world_leave();
    return test_finish();
}
