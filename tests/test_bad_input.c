/* What users and disks do wrong: configs, corpora, folders, options, model files and streams that are not as they
 * should be. Each must end with the right exit code and exactly one line on stderr, which names the file and the line
 * or key; stdout stays empty, and what the run's folder holds stays as it was. */

#include "base/ds.h"
#include "base/ini.h"
#include "base/plain.h"
#include "base/rng.h"
#include "command.h"
#include "decode/modelfile.h"
#include "decode/translator.h"
#include "gguf/gguf_internal.h"
#include "train/config.h"

enum { MOST_PARTS = 3 };

static size_t kinds; /* of bad input, tried so far */

/* Whether the character that begins at p, or has begun before it, is one to be shown (base/plain.h). */
static bool is_plain(const char *p, const char *end) {
    return ((unsigned char)*p & 0xC0) == 0x80 || plain_character(p, (size_t)(end - p)) > 0;
}

/* Runs and expects this exit code, nothing on stdout, and one line on stderr that begins with the command's name and
 * has these parts. Files in the folders `run` (a finished run) and `new` (of a run that cannot begin) must not change.
 */
static void expect_failure(const char *name, int code, const char *const *arguments, const CommandHow *how,
                           const char *const *parts) {
    const uint64_t run_state = folder_state("run"), new_state = folder_state("new");
    const bool new_there = file_exists("new");
    CommandRun run = command_run(arguments, how);
    const char *end = strchr(run.err, '\n');
    const size_t length = strlen(arguments[0]);
    kinds++;
    if (run.code != code) TEST_FAIL("%s: expected exit code %d, found %d: %.300s", name, code, run.code, run.err);
    if (run.out_size) TEST_FAIL("%s: expected nothing on stdout, found \"%.100s\"", name, run.out);
    if (!end || end[1]) TEST_FAIL("%s: expected one line on stderr, found \"%.300s\"", name, run.err);
    if (strncmp(run.err, arguments[0], length) != 0 || strncmp(run.err + length, ": ", 2) != 0)
        TEST_FAIL("%s: expected \"%s: ...\" on stderr, found \"%.300s\"", name, arguments[0], run.err);
    const char *odd = run.err;
    while (end && odd < end && is_plain(odd, end)) odd++;
    if (end && odd < end) TEST_FAIL("%s: not plain text on stderr: %.300s", name, run.err);
    for (size_t i = 0; parts && i < MOST_PARTS && parts[i]; i++)
        if (!strstr(run.err, parts[i])) TEST_FAIL("%s: expected \"%s\" in \"%.300s\"", name, parts[i], run.err);
    if (folder_state("run") != run_state) TEST_FAIL("%s: the finished run's folder changed", name);
    if (folder_state("new") != new_state) TEST_FAIL("%s: it left files in run.dir", name);
    if (file_exists("new") != new_there) TEST_FAIL("%s: it left a folder", name);
    command_free(&run);
}

#define PARTS(...) ((const char *const[MOST_PARTS]){__VA_ARGS__})

/* ---- Configs ---- */

#define START "[data]\ntrain = train.tsv\nvalid = valid.tsv\n[run]\ndir = new\n" /* lines 1 to 5 */
#define WHOLE START "[train]\nmax_steps = 1\n"                                   /* lines 1 to 7 */

typedef struct TextRow {
    const char *name, *text;
    const char *parts[MOST_PARTS];
} TextRow;

static const TextRow configs[] = {
    {"unknown key", WHOLE "[model]\nwdith = 16\n", {"bad.ini:9: unknown key \"model.wdith\"", "mean \"model.width\"?"}},
    {"key of another section",
     WHOLE "width = 16\n",
     {"bad.ini:8: unknown key \"train.width\"", "mean \"model.width\"?"}},
    {"key like no other", WHOLE "zzzzzzzzzz = 16\n", {"bad.ini:8: unknown key \"train.zzzzzzzzzz\"\n"}},
    {"key in capitals", WHOLE "Seed = 16\n", {"bad.ini:8: unknown key \"train.Seed\"", "mean \"train.seed\"?"}},
    {"unknown section", WHOLE "[modle]\nwidth = 16\n", {"bad.ini:8: unknown section [modle]", "mean [model]?"}},
    {"section like no other", WHOLE "[zzzzzzzzzz]\n", {"bad.ini:8: unknown section [zzzzzzzzzz]\n"}},
    {"integer: a word", WHOLE "seed = abc\n", {"bad.ini:8: train.seed: expected an integer from 0", "found \"abc\""}},
    {"integer: a fraction", WHOLE "seed = 1.5\n", {"bad.ini:8: train.seed: expected an integer", "found \"1.5\""}},
    {"integer: nothing", WHOLE "seed =\n", {"bad.ini:8: train.seed: expected an integer", "found \"\""}},
    {"integer: two", WHOLE "seed = 1 2\n", {"bad.ini:8: train.seed: expected an integer", "found \"1 2\""}},
    {"integer: hexadecimal", WHOLE "seed = 0x10\n", {"bad.ini:8: train.seed: expected an integer", "found \"0x10\""}},
    {"integer: too many digits", WHOLE "seed = 99999999999999999999\n", {"bad.ini:8: train.seed: expected an integer"}},
    {"integer: -1", WHOLE "seed = -1\n", {"bad.ini:8: train.seed: expected an integer from 0", "found \"-1\""}},
    {"real: a word",
     WHOLE "beta1 = high\n",
     {"bad.ini:8: train.beta1: expected a number from 0 to 0.9999", "\"high\""}},
    {"real: NaN", WHOLE "beta1 = nan\n", {"bad.ini:8: train.beta1: expected a number", "found \"nan\""}},
    {"real: infinite", WHOLE "clip_norm = inf\n", {"bad.ini:8: train.clip_norm: expected a number", "found \"inf\""}},
    {"real: -infinite",
     WHOLE "clip_norm = -inf\n",
     {"bad.ini:8: train.clip_norm: expected a number", "found \"-inf\""}},
    {"real: beyond a double",
     WHOLE "clip_norm = 1e999\n",
     {"bad.ini:8: train.clip_norm: expected a number", "\"1e999\""}},
    {"real: a comma", WHOLE "beta1 = 0,9\n", {"bad.ini:8: train.beta1: expected a number", "found \"0,9\""}},
    {"real: nothing", WHOLE "beta1 = # 0.9\n", {"bad.ini:8: train.beta1: expected a number", "found \"\""}},
    {"switch", WHOLE "[text]\nlowercase = maybe\n", {"bad.ini:9: text.lowercase: expected true or false", "\"maybe\""}},
    {"choice",
     WHOLE "schedule = steep\n",
     {"bad.ini:8: train.schedule: expected one of constant|inverse_sqrt|", "\"steep\""}},
    {"choice: nothing", WHOLE "schedule =\n", {"bad.ini:8: train.schedule: expected one of", "found \"\""}},
    {"choice: the list", WHOLE "schedule = constant|noam\n", {"bad.ini:8: train.schedule: expected one of"}},
    {"key twice", WHOLE "max_steps = 2\n", {"bad.ini:8: train.max_steps is given twice", "line 7"}},
    {"key twice, section twice", WHOLE "[model]\n[train]\nmax_steps = 2\n", {"bad.ini:10: train.max_steps", "line 7"}},
    {"no data.train",
     "[data]\nvalid = v\n[run]\ndir = new\n",
     {"bad.ini: missing key \"data.train\" in section [data]"}},
    {"no data.valid",
     "[data]\ntrain = t\n[run]\ndir = new\n",
     {"bad.ini: missing key \"data.valid\" in section [data]"}},
    {"no run.dir", "[data]\ntrain = t\nvalid = v\n[run]\n", {"bad.ini: missing key \"run.dir\" in section [run]"}},
    {"no section", "[data]\ntrain = t\nvalid = v\n", {"bad.ini: missing key \"run.dir\" in section [run]"}},
    {"data.train: nothing",
     "[data]\ntrain =\nvalid = v\n[run]\ndir = new\n[train]\nmax_steps = 1\n",
     {"bad.ini: data.train: expected a path"}},
    {"empty file", "", {"bad.ini: missing key \"data.train\""}},
    {"comments alone", "# all\n; of this\n", {"bad.ini: missing key \"data.train\""}},
    {"a word alone", WHOLE "seed\n", {"bad.ini:8: expected \"[section]\" or \"key = value\"", "found \"seed\""}},
    {"no key", WHOLE "= 5\n", {"bad.ini:8: expected \"[section]\" or \"key = value\"", "found \"= 5\""}},
    {"key of two words",
     WHOLE "max steps = 5\n",
     {"bad.ini:8: expected \"[section]\" or \"key = value\"", "max steps"}},
    {"key with a dot", WHOLE "train.seed = 5\n", {"bad.ini:8: expected", "train.seed"}},
    {"section not closed", WHOLE "[model\nwidth = 8\n", {"bad.ini:8: expected \"[section]\"", "found \"[model\""}},
    {"section without name", WHOLE "[]\n", {"bad.ini:8: expected \"[section]\"", "found \"[]\""}},
    {"text behind a section", WHOLE "[model] width = 8\n", {"bad.ini:8: expected \"[section]\"", "width"}},
    {"key before any section", "seed = 1\n" WHOLE, {"bad.ini:1: expected a \"[section]\"", "seed = 1"}},
    {"quote not closed", "[data]\ntrain = \"a\n", {"bad.ini:2: expected a value with a \" at both its ends"}},
    {"text behind a quote", WHOLE "schedule = \"a\" b\n", {"bad.ini:8: expected a value with a \" at both its ends"}},
    {"escape character", WHOLE "seed = \033[31m\n", {"bad.ini:8: expected text, found the control character 0x1B"}},
    {"two commands for one line", WHOLE "seed = 1\rbeta1 = 0\n", {"bad.ini:8: expected text", "0x0D"}},
    {"both limits 0", START, {"bad.ini: expected train.max_steps or train.max_epochs above 0"}},
    {"width and heads",
     WHOLE "[model]\nwidth = 16\nheads = 3\n",
     {"bad.ini: model.width: expected a multiple", "(3), found 16"}},
    {"odd width", WHOLE "[model]\nwidth = 15\nheads = 3\n", {"bad.ini: model.width", "expected even", "found 15"}},
    {"odd feedforward", WHOLE "[model]\nfeedforward = 15\n", {"bad.ini:", "model.feedforward: expected even", "15"}},
    {"heads beyond width",
     WHOLE "[model]\nwidth = 4\nheads = 8\n",
     {"bad.ini: model.width: expected a multiple", "(8), found 4"}},
    {"cosine without its end",
     START "[train]\nschedule = cosine\nmax_epochs = 1\n",
     {"bad.ini:", "cosine", "train.max_steps"}},
    {"exact without translations",
     WHOLE "[valid]\nmetric = exact\ntranslate = 0\n",
     {"bad.ini: valid.metric", "valid.translate"}},
    {"more pieces than tokens",
     WHOLE "batch_tokens = 4\naccumulate = 5\n",
     {"bad.ini: train.pieces times train.accumulate", "train.batch_tokens (4), found 5"}},
    {"more pieces than random numbers for them",
     WHOLE "batch_tokens = 9000\npieces = 100\naccumulate = 50\n",
     {"bad.ini: train.pieces times train.accumulate", "(4096), found 5000"}},
};

static void test_configs(void) {
    for (size_t i = 0; i < COUNT(configs); i++) {
        write_text("bad.ini", configs[i].text);
        expect_failure(configs[i].name, 1, ARGS("train", "bad.ini"), NULL, configs[i].parts);
    }
}

static void test_config_files(void) {
    const struct {
        const char *name, *path;
        const char *parts[MOST_PARTS];
    } rows[] = {
        {"missing", "none.ini", {"none.ini: cannot open: No such file"}},
        {"in no folder", "none/tiny.ini", {"none/tiny.ini: cannot open: No such file"}},
        {"below a file", "tiny.ini/x", {"tiny.ini/x: cannot open: Not a directory"}},
        {"a folder", "run", {"run: expected a file, found a folder"}},
        {"a device", "/dev/zero", {"/dev/zero: expected at most 4194304 bytes, found more"}},
        {"a link to nothing", "link.ini", {"link.ini: cannot open: No such file"}},
        {"a model", "run/model.gguf", {"run/model.gguf: expected UTF-8 text, found a model file"}},
        {"an empty name", "", {"expected the name of a file, found an empty one"}},
        {"a corpus", "train.tsv", {"train.tsv:1: expected", "the red cat"}},
    };
    CHECK(symlink("nowhere", "link.ini") == 0, "a link");
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_failure(rows[i].name, 1, ARGS("train", rows[i].path), NULL, rows[i].parts);

    static const char zeros[] = WHOLE "seed = 1\0\0\n";
    write_bytes("bad.ini", zeros, sizeof zeros - 1);
    expect_failure("NUL bytes", 1, ARGS("train", "bad.ini"), NULL, PARTS("bad.ini:8: expected text", "0x00"));
    unlink("link.ini");
}

/* Lines and files far larger than any real one. */
static void test_long_configs(void) {
    enum { SIZE = 1 << 20 };
    char *text = memory_new(sizeof WHOLE + SIZE + 2, 1);
    const size_t start = strlen(WHOLE);
    memcpy(text, WHOLE, start);
    memset(text + start, 'x', SIZE);
    write_bytes("bad.ini", text, start + SIZE);
    expect_failure("long word", 1, ARGS("train", "bad.ini"), NULL, PARTS("bad.ini:8: expected", "xxx"));
    memcpy(text + start + SIZE - 4, " = 1", 4);
    write_bytes("bad.ini", text, start + SIZE);
    expect_failure("long key", 1, ARGS("train", "bad.ini"), NULL, PARTS("bad.ini:8: unknown key", "xxx"));
    memcpy(text + start, "seed = ", 7);
    write_bytes("bad.ini", text, start + SIZE);
    expect_failure("long value", 1, ARGS("train", "bad.ini"), NULL,
                   PARTS("bad.ini:8: train.seed: expected an integer"));
    for (size_t i = 0; i + 8 <= SIZE; i += 8) memcpy(text + start + i, "abc = 1\n", 8);
    write_bytes("bad.ini", text, start + SIZE);
    expect_failure("key again and again", 1, ARGS("train", "bad.ini"), NULL,
                   PARTS("bad.ini:9: train.abc is given twice"));
    FILE *file = fopen("bad.ini", "w");
    CHECK(file, "a file");
    fputs("[data]\n", file);
    for (int i = 0; i < 5000; i++) fprintf(file, "k%d = 1\n", i);
    fclose(file);
    expect_failure("too many keys", 1, ARGS("train", "bad.ini"), NULL, PARTS("bad.ini:4097: expected at most 4096"));
    static char overrides[5000][16];
    const char *arguments[5003] = {"train", "tiny.ini"};
    for (size_t i = 0; i < 5000; i++) {
        snprintf(overrides[i], sizeof overrides[i], "train.k%zu=1", i);
        arguments[i + 2] = overrides[i];
    }
    expect_failure("too many overrides", 1, arguments, NULL, PARTS("command line: expected at most 4096 keys"));
    free(text);
}

/* Every number of the table just outside its bounds, and every key with a value of no type. */
static void test_bounds(void) {
    Field *fields = config_fields();
    for (const Field *f = fields; f->key; f++) {
        if (f->type == FIELD_TEXT) continue;
        const bool number = f->type == FIELD_INTEGER || f->type == FIELD_REAL;
        const double past = f->type == FIELD_INTEGER ? 1 : 1e-4;
        const char *wish = f->type == FIELD_SWITCH   ? "expected true or false"
                           : f->type == FIELD_CHOICE ? "expected one of"
                                                     : "expected a";
        for (int kind = 0; kind < (number ? 3 : 1); kind++) {
            char assignment[128], value[64] = "?!", found[160];
            if (kind == 1) snprintf(value, sizeof value, "%.17g", f->min - past);
            /* Beyond 2^53 neighbouring doubles are two apart. */
            if (kind == 2) snprintf(value, sizeof value, "%.0f", f->max + (f->max > 9e15 ? 2 : 1));
            snprintf(assignment, sizeof assignment, "%s=%s", f->key, value);
            snprintf(found, sizeof found, "command line: %s: ", assignment);
            expect_failure(assignment, 1, ARGS("train", "tiny.ini", "run.dir=new", assignment), NULL,
                           PARTS(found, wish));
        }
    }
    free(fields);
}

static void test_overrides(void) {
    static const struct {
        const char *override;
        int code;
        const char *parts[MOST_PARTS];
    } rows[] = {
        {"model.wdith=16", 1, {"command line: model.wdith=16: unknown key", "mean \"model.width\"?"}},
        {"width=16", 1, {"command line: width=16: unknown key", "mean \"model.width\"?"}},
        {"train.width=16", 1, {"command line: train.width=16: unknown key", "mean \"model.width\"?"}},
        {"modle.width=16", 1, {"command line: modle.width=16: unknown key", "mean \"model.width\"?"}},
        {"zzzzzzzzzzzzzz=16", 1, {"command line: zzzzzzzzzzzzzz=16: unknown key\n"}},
        {"model=16", 1, {"command line: model=16: unknown key"}},
        {".=16", 1, {"command line: .=16: unknown key"}},
        {"=16", 1, {"command line: expected section.key=value, found \"=16\""}},
        {"=", 1, {"command line: expected section.key=value, found \"=\""}},
        {"model.width=", 1, {"command line: model.width=: expected an integer", "found \"\""}},
        {"model.width= 16", 1, {"command line: model.width= 16: expected an integer"}},
        {"model.width=16=16", 1, {"command line: model.width=16=16: expected an integer"}},
        {"model.width =16", 1, {"command line: model.width =16: unknown key", "mean \"model.width\"?"}},
        {"train.seed=1\n2", 1, {"command line: train.seed=1?2: expected text, found the control character 0x0A"}},
        {"train.schedule=\033[2J", 1, {"command line: train.schedule=?[2J: expected text", "0x1B"}},
        {"run.dir=", 1, {"tiny.ini: run.dir: expected a path"}},
        {"data.valid=", 1, {"tiny.ini: data.valid: expected a path"}},
        {"train.max_steps=0", 1, {"tiny.ini: expected train.max_steps or train.max_epochs"}},
        {"model.width", 2, {"model.width: expected model.width=VALUE, without spaces"}},
        {"tiny.ini", 2, {"expected one CONFIG.ini, found \"tiny.ini\" and \"tiny.ini\""}},
        {"", 2, {"expected one CONFIG.ini, found \"tiny.ini\" and \"\""}},
        {"a/lr=1/b.ini", 2, {"expected one CONFIG.ini, found \"tiny.ini\" and \"a/lr=1/b.ini\""}},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_failure(rows[i].override, rows[i].code, ARGS("train", "tiny.ini", "run.dir=new", rows[i].override), NULL,
                       rows[i].parts);
    expect_failure("R-Drop without dropout", 1,
                   ARGS("train", "tiny.ini", "run.dir=new", "model.dropout=0", "train.rdrop=2"), NULL,
                   PARTS("tiny.ini: train.rdrop: expected 0 without dropout", "found 2"));
}

/* ---- Corpora: each once for training and once for validation ---- */

#define PAIR "a cat\tun chat\n"

static void expect_bad_corpus(const char *name, const char *path, const char *const *parts) {
    char assignment[64];
    snprintf(assignment, sizeof assignment, "data.train=%s", path);
    expect_failure(name, 1, ARGS("train", "tiny.ini", "run.dir=new", assignment), NULL, parts);
    snprintf(assignment, sizeof assignment, "data.valid=%s", path);
    expect_failure(name, 1, ARGS("train", "tiny.ini", "run.dir=new", assignment), NULL, parts);
}

static void test_corpora(void) {
    static const TextRow rows[] = {
        {"no TAB", "a dog un chien\n", {"bad.tsv:1: expected `source TAB target`", "\"a dog un chien\""}},
        {"no TAB at the end", "a dog", {"bad.tsv:1: expected `source TAB target`", "\"a dog\""}},
        {"empty source", "\tun chien\n", {"bad.tsv:1: expected text in column 1 (the source)"}},
        {"empty target", "a dog\t\n", {"bad.tsv:1: expected text in column 2 (a target)"}},
        {"blank source", " \xC2\xA0 \tun chien\n", {"bad.tsv:1: expected text in column 1"}},
        {"blank target", "a dog\t  \r\n", {"bad.tsv:1: expected text in column 2"}},
        {"blank targets", "a dog\t\t  \t\n", {"bad.tsv:1: expected text in column 2"}},
        {"TAB alone", "\t\n", {"bad.tsv:1: expected text in column 1"}},
        {"blank line", "\n", {"bad.tsv:1: expected `source TAB target`, found no TAB"}},
        {"blank line at the end", "\n", {"bad.tsv:1: expected `source TAB target`, found no TAB"}},
        {"not UTF-8", "a d\xC3g\tun chien\n", {"bad.tsv:1: expected UTF-8 text, found 0xC3 at byte 4"}},
        {"nothing but bad lines", "a dog\n\tb\n", {"bad.tsv:1: expected `source TAB target`", "no line of the file"}},
        {"empty file", "", {"bad.tsv: expected lines of `source TAB target`, found an empty file"}},
        {"byte order mark alone", "\xEF\xBB\xBF", {"bad.tsv:1: expected `source TAB target`"}},
        {"newline alone", "\n", {"bad.tsv:1: expected `source TAB target`, found no TAB"}},
        {"escape character", "\033[2J\n", {"bad.tsv:1: expected", "found no TAB in \"\uFFFD[2J\""}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        write_text("bad.tsv", rows[i].text);
        expect_bad_corpus(rows[i].name, "bad.tsv", rows[i].parts);
    }
    static const char zeros[] = PAIR "a d\0g\tun chien\n";
    write_bytes("bad.tsv", zeros, sizeof zeros - 1);
    expect_bad_corpus("NUL", "bad.tsv", PARTS("bad.tsv:2: expected UTF-8 text, found a NUL byte at byte 4"));

    const size_t size = (1 << 20) + 100;
    char *text = memory_new(size, 1);
    memset(text, 'x', size);
    memcpy(text, "a\t", 2);
    write_bytes("bad.tsv", text, size);
    free(text);
    expect_bad_corpus("long line", "bad.tsv", PARTS("bad.tsv:1: expected a line of at most 1048576 bytes, found 1048"));

    expect_bad_corpus("missing", "none.tsv", PARTS("none.tsv: cannot open: No such file"));
    expect_bad_corpus("a recipe's", "data/tatoeba/train.tsv",
                      PARTS("train.tsv: cannot open: No such file or directory; `sh scripts/get-data.sh tatoeba` fet"));
    expect_bad_corpus("a recipe's, two files", "data/multi30k/a.en+data/multi30k/a.fr",
                      PARTS("found neither; `sh scripts/get-data.sh multi30k` fetches this corpus\n"));
    expect_bad_corpus("a folder", "run", PARTS("run: expected a file, found a folder"));
    expect_bad_corpus("a device", "/dev/null", PARTS("/dev/null: expected a file, found a device"));
    expect_bad_corpus("a model", "run/model.gguf", PARTS("run/model.gguf: expected UTF-8 text, found a model file"));
    write_text("bad.en", "a cat\na dog\n");
    write_text("bad.fr", "un chat\n");
    expect_bad_corpus("unequal files", "bad.en+bad.fr", PARTS("bad.en:2: expected as many lines as in bad.fr"));
    expect_bad_corpus("half a pair of files", "bad.en+none",
                      PARTS("none: cannot open: there is no such file beside bad.en"));
    expect_bad_corpus("one of two", "valid.tsv none.tsv", PARTS("none.tsv: cannot open: No such file"));
    expect_bad_corpus("blanks", "  ", PARTS("expected a list of files, found \"  \""));
    expect_failure("standard input for validation", 1, ARGS("train", "tiny.ini", "run.dir=new", "data.valid=-"), NULL,
                   PARTS("-: expected a file, found standard input; save what comes from it in a file: cat > FILE"));
    expect_failure("standard input twice", 1, ARGS("train", "tiny.ini", "run.dir=new", "data.train=- -"),
                   &(CommandHow){.input = PAIR}, PARTS("-: expected at most once, found twice"));
    expect_failure("standard input beside a file", 1,
                   ARGS("train", "tiny.ini", "run.dir=new", "data.train=\"valid.tsv\"+-"), &(CommandHow){.input = PAIR},
                   PARTS("-: expected it without a +", "found it beside valid.tsv"));
    expect_failure("nothing on standard input", 1, ARGS("train", "tiny.ini", "run.dir=new", "data.train=-"), NULL,
                   PARTS("standard input: expected lines of `source TAB target`, found an empty file"));
    expect_failure("no standard input", 1, ARGS("train", "tiny.ini", "run.dir=new", "data.train=-"),
                   &(CommandHow){.input_path = ""}, PARTS("standard input: cannot read"));

    expect_failure("all too long", 1, ARGS("train", "tiny.ini", "run.dir=new", "model.max_length=2"), NULL,
                   PARTS("valid.tsv: expected a pair that can be used, found none; data.valid: left out ",
                         " lines longer than model.max_length, first valid.tsv:1"));
    char words[200] = "";
    for (int i = 0; i < 80; i++) strcat(words, "a ");
    strcat(words, "\tb\n");
    write_text("bad.tsv", words);
    expect_bad_corpus("all too long", "bad.tsv",
                      PARTS("bad.tsv: expected a pair that can be used, found none; data.",
                            " 1 line longer than model.max_length, first bad.tsv:1"));
    words[140] = 0;
    strcat(words, "\tb\n");
    write_text("bad.tsv", words);
    expect_failure(
        "too different", 1,
        ARGS("train", "tiny.ini", "run.dir=new", "data.train=bad.tsv", "data.max_ratio=1", "model.max_length=256"),
        NULL,
        PARTS("bad.tsv: expected a pair that can be used, found none; data.train: left out 1 line with "
              "sides of too different length (data.max_ratio), first bad.tsv:1"));
}

/* ---- Folders and permissions ---- */

static void test_folders(void) {
    static const struct {
        const char *override;
        const char *parts[MOST_PARTS];
    } rows[] = {
        {"run.dir=train.tsv", {"train.tsv: expected a folder, found a file"}},
        {"run.dir=train.tsv/run", {"train.tsv: expected a folder, found a file"}},
        {"run.dir=/dev/null/run", {"/dev/null: expected a folder, found a file"}},
        {"run.dir=/proc/none/run", {"/proc/none: cannot make the folder: No such file"}},
        {"run.dir=odd/last", {"odd/last/last.gguf: expected a file, found a folder"}},
    };
    CHECK(mkdir("odd", 0777) == 0 && mkdir("odd/last", 0777) == 0 && mkdir("odd/last/last.gguf", 0777) == 0, "folders");
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_failure(rows[i].override, 1, ARGS("train", "tiny.ini", rows[i].override), NULL, rows[i].parts);

    /* These are found out when something is written; the last line says what. Without the model, what the run goes
     * on from is not saved either: it would never be made. */
    CHECK(mkdir("odd/log", 0777) == 0 && mkdir("odd/log/log.jsonl", 0777) == 0, "folders");
    CHECK(mkdir("odd/model", 0777) == 0 && mkdir("odd/model/model.gguf", 0777) == 0, "folders");
    static const char *const late[][3] = {
        {"run.dir=odd/log", "train: odd/log/log.jsonl: expected a file, found a folder\n", "odd/log/last.gguf"},
        {"run.dir=odd/model", "train: odd/model/model.gguf: cannot write: it is a folder\n", "odd/model/last.gguf"},
    };
    for (size_t i = 0; i < 2; i++) {
        CommandRun run = command_run(ARGS("train", "tiny.ini", "train.max_steps=2", late[i][0]), NULL);
        EXPECT_INT(run.code, 1);
        EXPECT_STR(run.out, "");
        EXPECT_HAS(run.err, late[i][1]);
        EXPECT(!file_exists(late[i][2]));
        command_free(&run);
    }
    kinds += 2;
}

/* Names of a run that are links to a file: the run writes its own files, and the file stays as it was. A lock that is a
 * link is refused. */
static void test_links(void) {
    static const char *const names[] = {"log.jsonl",   "film.jsonl",  "model.gguf",
                                        "report.html", "train.cache", "page.html"};
    size_t size = 0;
    write_text("victim", "precious");
    CHECK(mkdir("linked", 0777) == 0, "mkdir");
    for (size_t i = 0; i < COUNT(names); i++) {
        char *path = file_join("linked", names[i]);
        CHECK(symlink("../victim", path) == 0, "symlink");
        free(path);
    }
    EXPECT(command_gives(0, ARGS("train", "tiny.ini", "run.dir=linked", "train.max_steps=2"), NULL));
    EXPECT(command_gives(0, ARGS("inspect", "-m", "linked/model.gguf", "-o", "linked/page.html", "red"), NULL));
    for (size_t i = 0; i < COUNT(names); i++) {
        struct stat info;
        char *path = file_join("linked", names[i]);
        EXPECT(lstat(path, &info) == 0 && S_ISREG(info.st_mode));
        free(path);
    }
    for (int there = 0; there < 2; there++) {
        CHECK(symlink(there ? "../victim" : "../new", "linked/lock") == 0, "symlink");
        expect_failure("lock", 1, ARGS("train", "tiny.ini", "run.dir=linked"), NULL,
                       PARTS("linked/lock: expected a file, found a link"));
        unlink("linked/lock");
    }
    EXPECT(!file_exists("new"));
    char *victim = read_bytes("victim", &size);
    EXPECT(victim && size == 8 && memcmp(victim, "precious", 8) == 0);
    free(victim);
}

/* Names and texts that a terminal would obey, or turn round, in each place where a command tells them. */
static void test_odd_names(void) {
    static const char *const odd[] = {"\xC2\x9B[31m", "\xC2\x85", "\u202e",  "\u2066",
                                      "\xFF\xFE",     "\xE9",     "\033[2J", "\x7F"};
    for (size_t i = 0; i < COUNT(odd); i++) {
        char *name = memory_format("odd%sx", odd[i]), *key = memory_format("run.dir=%s", name);
        char *option = memory_format("--%s", name);
        expect_failure("run.dir", 1, ARGS("train", "tiny.ini", key), NULL, PARTS("command line: run.dir=odd?"));
        expect_failure("config", 1, ARGS("train", name), NULL, PARTS("odd?", "cannot open"));
        expect_failure("model", 1, ARGS("translate", "-m", name, "x"), NULL, PARTS("odd?", "cannot open"));
        expect_failure("file", 1, ARGS("score", name, "valid.tsv"), NULL, PARTS("odd?", "cannot open"));
        expect_failure("option", 2, ARGS("translate", option), NULL, PARTS("--odd?"));
        CommandRun run = command_run(ARGS("inspect", "-m", "run/model.gguf", "-o", name, "the cat"), NULL);
        const char *end = run.err + strlen(run.err);
        EXPECT_INT(run.code, 0);
        EXPECT_HAS(run.err, "inspect: wrote odd?");
        for (const char *p = run.err; p + 1 < end; p++) EXPECT(is_plain(p, end));
        command_free(&run);
        unlink(name);
        free(name);
        free(key);
        free(option);
    }
}

static void test_unreadable(void) {
    if (geteuid() == 0) SKIP("root may read everything");
    write_text("bad.ini", WHOLE);
    write_text("bad.tsv", PAIR);
    copy_file("run/model.gguf", "bad.gguf");
    CHECK(chmod("bad.ini", 0) == 0 && chmod("bad.tsv", 0) == 0 && chmod("bad.gguf", 0) == 0, "chmod");
    CHECK(mkdir("locked", 0555) == 0, "mkdir");
    const char *const denied = "cannot open: Permission denied";
    expect_failure("config", 1, ARGS("train", "bad.ini"), NULL, PARTS("bad.ini: ", denied));
    expect_bad_corpus("corpus", "bad.tsv", PARTS("bad.tsv: ", denied));
    expect_failure("model", 1, ARGS("translate", "-m", "bad.gguf", "x"), NULL, PARTS("bad.gguf: ", denied));
    expect_failure("folder", 1, ARGS("train", "tiny.ini", "run.dir=locked/run"), NULL,
                   PARTS("locked/run: cannot make"));
    unlink("bad.ini");
    unlink("bad.tsv");
    unlink("bad.gguf");
}

/* ---- Continuing a run that does not fit ---- */

static void test_changed_configs(void) {
    static const char *const overrides[] = {
        "text.vocab_size=310",
        "text.lowercase=true",
        "text.apostrophes=false",
        "text.spaces=false",
        "model.width=32",
        "model.heads=4",
        "model.feedforward=64",
        "model.encoder_layers=2",
        "model.decoder_layers=2",
        "model.max_length=65",
        "model.norm=post",
        "model.activation=gelu",
        "model.tying=none",
        "model.positions=learned",
        "model.dropout=0.2",
        "model.attention_dropout=0.1",
        "train.batch_tokens=300",
        "model.activation_dropout=0.1",
        "train.seed=2",
        "train.learning_rate=0.02",
        "train.schedule=constant",
        "train.warmup_steps=30",
        "train.final_rate=0.5",
        "train.label_smoothing=0",
        "train.beta1=0.8",
        "train.beta2=0.9",
        "train.epsilon=0.5",
        "train.weight_decay=0.01",
        "train.rdrop=2",
        "train.optimiser=muon",
        "train.clip_norm=2",
        "train.accumulate=2",
        "train.pieces=2",
        "data.swap=true",
        "data.unique=true",
        "data.max_ratio=3",
    };
    for (size_t i = 0; i < COUNT(overrides); i++) {
        char part[128];
        const size_t key = strcspn(overrides[i], "=");
        snprintf(part, sizeof part, "run/last.gguf: the run was begun with %.*s = ", (int)key, overrides[i]);
        expect_failure(overrides[i], 1, ARGS("train", "tiny.ini", "train.max_steps=400", overrides[i]), NULL,
                       PARTS(part, overrides[i] + key + 1, "--fresh"));
    }
}

/* The last step is part of a cosine's shape. */
static void test_changed_cosine(void) {
#define COSINE "train", "tiny.ini", "run.dir=cosine", "train.schedule=cosine", "train.warmup_steps=5"
    if (!command_gives(0, ARGS(COSINE, "train.max_steps=20"), NULL)) return;
    expect_failure("cosine", 1, ARGS(COSINE, "train.max_steps=40"), NULL,
                   PARTS("cosine/last.gguf: the run was begun with train.max_steps = 20", "now it is 40", "--fresh"));
}

static void test_changed_corpus(void) {
    size_t size;
    char *text = read_bytes("train.tsv", &size);
    text[5] = 'x';
    write_bytes("train.tsv", text, size);
    expect_failure("a letter", 1, ARGS("train", "tiny.ini"), NULL,
                   PARTS("run/last.gguf: expected the pairs that the run was begun with", "train.tsv", "--fresh"));
    text[5] = 'e';
    char *second = strchr(text, '\n') + 1;
    write_bytes("train.tsv", second, size - (size_t)(second - text));
    expect_failure("a line less", 1, ARGS("train", "tiny.ini"), NULL, PARTS("run/last.gguf: expected the pairs"));
    write_bytes("train.tsv", text, size);
    free(text);
}

/* ---- Model files ---- */

/* What to do to the copy of a model: leave out a key or tensor, or give it another value. */
typedef enum Act {
    DROP_KEY,
    SET_UINT,
    SET_REAL,
    SET_TEXT,
    SET_BOOL,
    SET_IDS,
    DROP_TENSOR,
    SET_DIMS,
    SET_LAST,
    ADD_BOOL,
    DROP_ALL
} Act;

typedef struct Change {
    const char *name; /* of the key or tensor */
    Act act;
    double number;
    const char *text;
    uint32_t ids[4];
    const char *parts[MOST_PARTS];
} Change;

static void copy_pair(GgufWriter *out, const GgufPair *p) {
    if (p->type == GGUF_ARRAY)
        gguf_set_array(out, p->key, p->element, p->values, p->count);
    else if (p->type == GGUF_STRING)
        gguf_set_string(out, p->key, ((const GgufString *)p->values)->text);
    else if (p->type == GGUF_UINT32)
        gguf_set_uint32(out, p->key, *(const uint32_t *)p->values);
    else if (p->type == GGUF_UINT64)
        gguf_set_uint64(out, p->key, *(const uint64_t *)p->values);
    else if (p->type == GGUF_FLOAT64)
        gguf_set_float64(out, p->key, *(const double *)p->values);
    else if (p->type == GGUF_BOOL)
        gguf_set_bool(out, p->key, *(const uint8_t *)p->values);
    else
        CHECK(false, "a type that model files have");
}

/* A well-formed file with a right checksum and one change. */
static void write_changed(const char *from, const char *to, const Change *change) {
    Error err;
    GgufFile *in = gguf_open(from, true, &err);
    CHECK(in, "the model to change");
    float *odd = NULL;
    GgufWriter *out = gguf_writer_new(GGUF_MIN_ALIGNMENT);
    for (size_t i = 0; i < in->n_pairs && change->act != DROP_ALL; i++) {
        const char *key = in->pairs[i].key;
        if (strcmp(key, GGUF_CHECKSUM_KEY) == 0 || strcmp(key, GGUF_ALIGNMENT_KEY) == 0) continue;
        if (strcmp(key, change->name) != 0) {
            copy_pair(out, &in->pairs[i]);
            continue;
        }
        switch (change->act) {
        case SET_UINT: gguf_set_uint64(out, key, (uint64_t)change->number); break;
        case SET_REAL: gguf_set_float64(out, key, change->number); break;
        case SET_TEXT: gguf_set_string(out, key, change->text); break;
        case SET_BOOL: gguf_set_bool(out, key, change->number != 0); break;
        case SET_IDS: {
            uint32_t ids[84]; /* 42 merges, as many as the model has, or 20 words */
            size_t count;
            const uint32_t *good = gguf_array(in, key, GGUF_UINT32, &count, &err);
            CHECK(good && count >= COUNT(change->ids) && count <= COUNT(ids), "the merges or words of the model");
            memcpy(ids, good, count * sizeof *ids);
            memcpy(ids, change->ids, sizeof change->ids);
            gguf_set_array(out, key, GGUF_UINT32, ids, change->number != 0 ? (size_t)change->number : count);
            break;
        }
        default: break;
        }
    }
    if (change->act == ADD_BOOL) gguf_set_bool(out, change->name, change->number != 0);
    for (size_t i = 0; i < in->n_tensors && change->act != DROP_ALL; i++) {
        const GgufTensor *t = &in->tensors[i];
        const bool it = strcmp(t->name, change->name) == 0;
        if (it && change->act == DROP_TENSOR) continue;
        const size_t turned[2] = {t->dims[t->n_dims - 1], t->dims[0]};
        if (it && change->act == SET_LAST) { /* its last number */
            const size_t n = t->dims[0] * (t->n_dims > 1 ? t->dims[1] : 1);
            odd = memory_new(n, sizeof *odd);
            memcpy(odd, t->data, n * sizeof *odd);
            odd[n - 1] = (float)change->number;
        }
        gguf_add_tensor(out, t->name, t->n_dims, it && change->act == SET_DIMS ? turned : t->dims,
                        it && odd ? odd : t->data);
    }
    CHECK(gguf_write(out, to, &err), "the changed model");
    free(odd);
    gguf_writer_free(out);
    gguf_close(in);
}

static const Change changes[] = {
    /* What a newer version may write: an older program ignored it, and said rubbish without a word
     * [ggml-org/llama.cpp#7476]. Keys of others are theirs. */
    {"nmt.text.some_switch", ADD_BOOL, 1, .parts = {"key nmt.text.some_switch: expected a key of version", "newer"}},
    {"nmt.decode.way", ADD_BOOL, 0, .parts = {"key nmt.decode.way: expected a key of version", "newer"}},
    {"nmt.gated", ADD_BOOL, 1, .parts = {"key nmt.gated: expected a key of version", "newer"}},
    {"nmt.tokenizer.unigram", ADD_BOOL, 1, .parts = {"key nmt.tokenizer.unigram: expected a key of", "newer"}},
    {"general.name", ADD_BOOL, 1, .parts = {NULL}},
    {"tokenizer.ggml.pre", ADD_BOOL, 1, .parts = {NULL}},
    {"", DROP_ALL, .parts = {"key general.architecture", "found no such key"}},
    {"general.architecture", DROP_KEY, .parts = {"key general.architecture", "found no such key"}},
    {"general.architecture", SET_TEXT, .text = "llama",
     .parts = {"general.architecture: expected \"nmt\", found \"llama\""}},
    {"general.architecture", SET_UINT, 1, .parts = {"key general.architecture: expected a string, found uint64 1"}},
    {"nmt.width", DROP_KEY, .parts = {"key nmt.width", "found no such key"}},
    {"nmt.width", SET_TEXT, .text = "16", .parts = {"key nmt.width: expected an integer", "found a string"}},
    {"nmt.width", SET_REAL, 16, .parts = {"key nmt.width: expected an integer", "found a float64"}},
    {"nmt.width", SET_UINT, 0, .parts = {"width: expected an integer from 2 to 8192, found 0"}},
    {"nmt.width", SET_UINT, 15, .parts = {"width: expected a multiple of", "found 15"}},
    {"nmt.width", SET_UINT, 32, .parts = {"tensor shared.weight: expected dims {32, 300}, found {16, 300}"}},
    {"nmt.width", SET_UINT, 8193, .parts = {"width: expected an integer from 2 to 8192, found 8193"}},
    {"nmt.width", SET_UINT, 1e19, .parts = {"width: expected an integer from 2 to 8192, found 10000000000000000000"}},
    {"nmt.heads", SET_UINT, 0, .parts = {"heads: expected an integer from 1 to 8192, found 0"}},
    {"nmt.heads", SET_UINT, 5, .parts = {"expected a multiple of", "(5), found 16"}},
    {"nmt.heads", SET_UINT, 17, .parts = {"expected a multiple of", "(17), found 16"}},
    {"nmt.feedforward", SET_UINT, 0, .parts = {"feedforward: expected an integer from 2 to 65536, found 0"}},
    {"nmt.feedforward", SET_UINT, 33, .parts = {"feedforward: expected even", "33"}},
    {"nmt.feedforward", SET_UINT, 64, .parts = {"tensor encoder.layers.0.fc1.weight: expected dims {16, 64}"}},
    {"nmt.feedforward", SET_UINT, 65538, .parts = {"feedforward: expected an integer from 2 to 65536, found 65538"}},
    {"nmt.encoder_layers", SET_UINT, 0, .parts = {"encoder_layers: expected an integer from 1 to 64, found 0"}},
    {"nmt.encoder_layers", SET_UINT, 2, .parts = {"tensor encoder.layers.1.", "found none"}},
    {"nmt.encoder_layers", SET_UINT, 65, .parts = {"encoder_layers: expected an integer from 1 to 64, found 65"}},
    {"nmt.decoder_layers", SET_UINT, 0, .parts = {"decoder_layers: expected an integer from 1 to 64, found 0"}},
    {"nmt.decoder_layers", SET_UINT, 64, .parts = {"tensor decoder.layers.1.", "found none"}},
    {"nmt.decoder_layers", SET_UINT, 4294967296.0,
     .parts = {"decoder_layers: expected an integer from 1 to 64, found 4294967296"}},
    {"nmt.max_length", SET_UINT, 1, .parts = {"max_length: expected an integer from 2 to 65536, found 1"}},
    {"nmt.max_length", SET_UINT, 1e18,
     .parts = {"max_length: expected an integer from 2 to 65536, found 1000000000000000000"}},
    {"nmt.vocab_size", SET_UINT, 257, .parts = {"text.vocab_size: expected an integer from 258 to 65536, found 257"}},
    {"nmt.vocab_size", SET_UINT, 258, .parts = {"nmt.tokenizer.merges: expected 0 numbers for a vocabulary of 258"}},
    {"nmt.vocab_size", SET_UINT, 65537,
     .parts = {"text.vocab_size: expected an integer from 258 to 65536, found 65537"}},
    {"nmt.norm", SET_TEXT, .text = "both", .parts = {"nmt.norm: expected pre|post, found \"both\""}},
    {"nmt.norm", SET_TEXT, .text = "", .parts = {"nmt.norm: expected pre|post, found \"\""}},
    {"nmt.norm", SET_TEXT, .text = "post", .parts = {NULL}}, /* a good file: two tensors of it are left unused */
    {"nmt.activation", SET_TEXT, .text = "swish", .parts = {"nmt.activation: expected relu|gelu, found \"swish\""}},
    {"nmt.tying", SET_TEXT, .text = "none", .parts = {"tensor encoder.embed_tokens.weight", "found none"}},
    {"nmt.positions", SET_TEXT, .text = "learned", .parts = {"tensor encoder.embed_positions.weight", "found none"}},
    {"nmt.dropout", SET_REAL, 1, .parts = {"dropout: expected a number from 0 to 0.9999", "found 1"}},
    {"nmt.dropout", SET_REAL, -0.5, .parts = {"dropout: expected a number from 0 to 0.9999", "found -0.5"}},
    {"nmt.dropout", SET_REAL, NAN, .parts = {"dropout: expected a number from 0 to 0.9999", "nan"}},
    {"nmt.text.spaces", SET_UINT, 1, .parts = {"key nmt.text.spaces: expected a bool, found uint64 1"}},
    {"nmt.decode.beam", SET_UINT, 0, .parts = {"decode.beam"}},
    {"nmt.decode.beam", SET_UINT, 65, .parts = {"decode.beam"}},
    {"nmt.decode.beam", SET_UINT, 1e15, .parts = {"decode.beam"}},
    {"nmt.decode.length_alpha", SET_REAL, NAN, .parts = {"decode.length_alpha"}},
    {"nmt.decode.length_alpha", SET_REAL, -1, .parts = {"decode.length_alpha"}},
    {"nmt.decode.max_ratio", SET_REAL, INFINITY, .parts = {"decode.max_ratio"}},
    {"nmt.decode.max_ratio", SET_REAL, -1, .parts = {"decode.max_ratio"}},
    {"nmt.decode.max_extra", SET_UINT, 1e12, .parts = {"decode.max_extra"}},
    {"nmt.heads", DROP_KEY, .parts = {"key nmt.heads", "found no such key"}},
    {"nmt.config", DROP_KEY, .parts = {"key nmt.config", "found no such key"}},
    {"nmt.step", SET_REAL, 2, .parts = {"key nmt.step: expected an integer", "found a float64"}},
    {"training.history", SET_UINT, 1, .parts = {"key training.history: expected an array of string"}},
    {"nmt.tokenizer.merges", DROP_KEY, .parts = {"key nmt.tokenizer.merges", "found no such key"}},
    {"nmt.tokenizer.merges", SET_TEXT, .text = "a b",
     .parts = {"key nmt.tokenizer.merges: expected an array of uint32"}},
    {"nmt.tokenizer.merges", SET_IDS, 83, .ids = {2, 3, 4, 5},
     .parts = {"nmt.tokenizer.merges: expected 84", "found 83"}},
    {"nmt.tokenizer.merges", SET_IDS, 82, .ids = {2, 3, 4, 5},
     .parts = {"nmt.tokenizer.merges: expected 84", "found 82"}},
    {"nmt.tokenizer.merges", SET_IDS, .ids = {0, 3, 4, 5},
     .parts = {"nmt.tokenizer.merges", "merge 0", "found 0 and 3"}},
    {"nmt.tokenizer.merges", SET_IDS, .ids = {2, 1, 4, 5},
     .parts = {"nmt.tokenizer.merges", "merge 0", "found 2 and 1"}},
    {"nmt.tokenizer.merges", SET_IDS, .ids = {2, 258, 4, 5},
     .parts = {"nmt.tokenizer.merges", "merge 0", "found 2 and 258"}},
    {"nmt.tokenizer.merges", SET_IDS, .ids = {2, 3, 4, 4294967295u}, .parts = {"merge 1", "4294967295"}},
    {"nmt.tokenizer.merges", SET_IDS, .ids = {2, 3, 2, 3}, .parts = {"nmt.tokenizer.merges", "merge 1", "again"}},
    {"training.words", DROP_KEY, .parts = {NULL}}, /* as in a file of an earlier version */
    {"training.longest_source", DROP_KEY, .parts = {NULL}},
    {"training.words", SET_TEXT, .text = "cat", .parts = {"key training.words: expected an array of uint32"}},
    {"training.words", SET_IDS, .ids = {1, 2, 3, 2}, .parts = {"training.words: expected at most 1048576 numbers"}},
    {"training.words", SET_IDS, .ids = {1, 2, 2, 3}, .parts = {"training.words: expected at most 1048576 numbers"}},
    {"training.words", SET_IDS, 3, .ids = {4294967293u, 4294967294u, 4294967295u}, .parts = {NULL}},
    {"training.longest_source", SET_REAL, 3, .parts = {"key training.longest_source: expected an integer"}},
    {"training.longest_source", SET_UINT, 4294967295.0, .parts = {NULL}},
    {"shared.weight", DROP_TENSOR, .parts = {"expected a tensor shared.weight, found none"}},
    {"shared.weight", SET_DIMS, .parts = {"tensor shared.weight: expected dims {16, 300}, found {300, 16}"}},
    {"encoder.layers.0.fc1.weight", SET_DIMS, .parts = {"tensor encoder.layers.0.fc1.weight: expected dims {16, 32}"}},
    {"decoder.layers.0.encoder_attn.k_proj.bias", DROP_TENSOR,
     .parts = {"a tensor decoder.layers.0.encoder_attn.k_proj.bias"}},
    {"decoder.layer_norm.bias", DROP_TENSOR, .parts = {"expected a tensor decoder.layer_norm.bias, found none"}},
};

static void test_changed_models(void) {
    for (size_t i = 0; i < COUNT(changes); i++) {
        const Change *c = &changes[i];
        char name[96];
        snprintf(name, sizeof name, "%s, change %zu", c->name, i);
        write_changed("run/model.gguf", "bad.gguf", c);
        const char *const parts[MOST_PARTS] = {"translate: bad.gguf: ", c->parts[0], c->parts[1]};
        if (c->parts[0])
            expect_failure(name, 1, ARGS("translate", "-m", "bad.gguf", "the cat"), NULL, parts);
        else
            command_gives(0, ARGS("translate", "-m", "bad.gguf", "the cat"), NULL);
    }
}

/* A file without one key of a table has its default, as far as the key is not one that every file has had. */
static void expect_defaults(const Field *fields, const char *prefix, size_t offset) {
    for (const Field *f = fields; f->key; f++) {
        if (f->essential) continue;
        char *key = memory_format("%s%s", prefix, field_name(f->key));
        write_changed("run/model.gguf", "bad.gguf", &(Change){.name = key, .act = DROP_KEY});
        ModelFile model;
        Error err = {""};
        CHECK(modelfile_open(&model, "bad.gguf", &err), err.text);
        EXPECT(!gguf_has(model.gguf, key));
        char *value = field_text(f, (const char *)&model.info + offset);
        EXPECT_STR(value, f->before ? f->before : f->standard);
        modelfile_close(&model);
        free(value);
        free(key);
    }
}

static void test_missing_keys(void) {
    expect_defaults(hyper_fields, "nmt.", offsetof(ModelInfo, hyper));
    expect_defaults(normalise_fields, "nmt.text.", offsetof(ModelInfo, text));
    expect_defaults(search_fields, "nmt.decode.", offsetof(ModelInfo, decode));
    write_changed("run/model.gguf", "bad.gguf", &(Change){.name = "nmt.decode.beam", .act = DROP_KEY});
    command_gives(0, ARGS("translate", "-m", "bad.gguf", "the cat"), NULL);
}

/* The model with `size` bytes at `at` replaced, cut to `length` bytes. */
static void write_patched(const char *path, size_t at, const void *bytes, size_t size, size_t length) {
    size_t whole = 0;
    char *file = read_bytes("run/model.gguf", &whole);
    memcpy(file + at, bytes, size);
    write_bytes(path, file, length < whole ? length : whole);
    free(file);
}

static void test_model_files(void) {
    static const struct {
        const char *name, *bytes;
        size_t at, size, length;
        const char *parts[MOST_PARTS];
    } rows[] = {
        {"empty", "", 0, 0, 0, {"bad.gguf: not a GGUF file"}},
        {"two bytes", "", 0, 0, 2, {"bad.gguf: not a GGUF file", "found \"GG\""}},
        {"magic", "GGML", 0, 4, -1, {"bad.gguf: not a GGUF file", "found \"GGML\""}},
        {"magic alone", "", 0, 0, 4, {"bad.gguf: header: expected a version"}},
        {"version 2", "\2\0\0\0", 4, 4, -1, {"bad.gguf: expected GGUF version 3, found version 2"}},
        {"version 4", "\4\0\0\0", 4, 4, -1, {"bad.gguf: expected GGUF version 3, found version 4"}},
        {"big-endian", "\0\0\0\3", 4, 4, -1, {"bad.gguf: expected a little-endian GGUF file"}},
        {"no counts", "", 0, 0, 8, {"bad.gguf: header: expected a tensor count"}},
        {"2^64 - 1 tensors",
         "\377\377\377\377\377\377\377\377",
         8,
         8,
         -1,
         {"bad.gguf: header: expected at most", "found a count of 18446744073709551615"}},
        {"2^63 keys", "\0\0\0\0\0\0\0\200", 16, 8, -1, {"bad.gguf: header: expected at most", "9223372036854775808"}},
        {"long key",
         "\377\377\377\377\377\377\377\177",
         24,
         8,
         -1,
         {"bad.gguf: key 0: expected a key (9223372036854775807 bytes)"}},
        {"no key", "\0\0\0\0\0\0\0\0", 24, 8, -1, {"bad.gguf: key 0: expected a key of 1 to"}},
        {"half", "", 0, 0, 20000, {"bad.gguf: tensor ", " bytes at offset", "found only"}},
        {"a corpus", "the red cat sleeps\tle chat", 0, 26, -1, {"bad.gguf: not a GGUF file", "found \"the \""}},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        write_patched("bad.gguf", rows[i].at, rows[i].bytes, rows[i].size, rows[i].length);
        expect_failure(rows[i].name, 1, ARGS("translate", "-m", "bad.gguf", "the cat"), NULL, rows[i].parts);
    }
    expect_failure("missing", 1, ARGS("translate", "-m", "none.gguf", "x"), NULL,
                   PARTS("none.gguf: cannot open: No such"));
    expect_failure("a folder", 1, ARGS("translate", "-m", "run", "x"), NULL,
                   PARTS("run: expected a file, found a folder"));
    expect_failure("a device", 1, ARGS("translate", "-m", "/dev/zero", "x"), NULL, PARTS("/dev/zero: expected a file"));
    expect_failure("a config", 1, ARGS("translate", "-m", "tiny.ini", "x"), NULL, PARTS("tiny.ini: not a GGUF file"));
    expect_failure("no name", 1, ARGS("translate", "-m", "", "x"), NULL,
                   PARTS("expected the name of a file, found an empty one"));
}

/* The size of the model file up to its tensor data. */
static size_t header_size(const char *path, size_t *whole) {
    ModelFile model;
    Error err;
    CHECK(modelfile_open(&model, path, &err), "the good model");
    struct stat info;
    CHECK(stat(path, &info) == 0, "the good model");
    *whole = (size_t)info.st_size;
    const size_t size = *whole - model.params.count * sizeof(float);
    modelfile_close(&model);
    return size;
}

/* Opening in this process is quick enough for every length of the header, and for a flipped bit in each byte of it. */
static void expect_refused(const char *what, size_t at) {
    ModelFile model;
    Error err = {""};
    if (modelfile_open(&model, "bad.gguf", &err)) {
        TEST_FAIL("%s %zu: the file was opened", what, at);
        modelfile_close(&model);
    } else if (strncmp(err.text, "bad.gguf: ", 10) != 0) {
        TEST_FAIL("%s %zu: expected \"bad.gguf: ...\", found \"%s\"", what, at, err.text);
    }
}

static void test_truncations(void) {
    size_t whole;
    const size_t header = header_size("run/model.gguf", &whole);
    copy_file("run/model.gguf", "bad.gguf");
    for (size_t length = whole; length-- > 0;) {
        if (length > header + 10 && length < whole - 10) length -= 97; /* samples of the data */
        CHECK(truncate("bad.gguf", (off_t)length) == 0, "truncate");
        expect_refused("length", length);
    }
    for (size_t i = 0; i < 8; i++) { /* and the whole command, a few times */
        write_patched("bad.gguf", 0, "", 0, i * header / 8 + i);
        expect_failure("cut model", 1, ARGS("translate", "-m", "bad.gguf", "x"), NULL, PARTS("translate: bad.gguf: "));
    }
}

static void test_flips(void) {
    size_t whole;
    const size_t header = header_size("run/model.gguf", &whole);
    char *bytes = read_bytes("run/model.gguf", &whole);
    write_bytes("bad.gguf", bytes, whole);
    int file = open("bad.gguf", O_WRONLY);
    for (size_t at = 0; at < whole; at += at < header ? 1 : 61) {
        const char flipped = (char)(bytes[at] ^ 1 << at % 8);
        CHECK(pwrite(file, &flipped, 1, (off_t)at) == 1, "pwrite");
        expect_refused("flipped byte", at);
        CHECK(pwrite(file, bytes + at, 1, (off_t)at) == 1, "pwrite");
    }
    close(file);
    char *name = memmem(bytes, whole, GGUF_CHECKSUM_KEY, strlen(GGUF_CHECKSUM_KEY));
    name[0] ^= 1; /* a bit less, and there is no checksum */
    write_bytes("bad.gguf", bytes, whole);
    expect_failure("no checksum", 1, ARGS("translate", "-m", "bad.gguf", "x"), NULL,
                   PARTS("bad.gguf: expected the key nmt.checksum, found none"));
    free(bytes);
    kinds++;
}

/* Headers with random bytes changed and the checksum made right again: whatever opens must also translate, or say why
 * not; nothing may crash. */
static void test_fuzz(void) {
    static const unsigned char odd[] = {0, 1, 2, 0x7F, 0x80, 0xFF, ' ', 'a'};
    size_t whole, opened = 0;
    const size_t header = header_size("run/model.gguf", &whole);
    char *good = read_bytes("run/model.gguf", &whole), *bytes = memory_string_n(good, whole);
    const size_t value = (size_t)((char *)memmem(good, whole, GGUF_CHECKSUM_KEY, 12) - good) + 12 + 4;
    const RngSite site = {7, 0, 0};
    for (uint64_t round = 0; round < 1500; round++) {
        memcpy(bytes, good, whole);
        for (uint64_t i = 0; i < 1 + round % 3; i++) {
            const uint64_t random = rng_bits(site, 3 * round + i);
            const size_t at = 24 + (random >> 8) % (header - 24);
            bytes[at] = (char)(random & 1 ? odd[random >> 1 & 7] : (unsigned char)(random >> 40));
        }
        memset(bytes + value, 0, 8);
        Checksum sum;
        checksum_start(&sum);
        checksum_add(&sum, bytes, whole);
        const uint64_t right = checksum_end(&sum);
        memcpy(bytes + value, &right, 8);
        write_bytes("bad.gguf", bytes, whole);

        ModelFile model;
        Error err = {""};
        if (!modelfile_open(&model, "bad.gguf", &err)) {
            if (strncmp(err.text, "bad.gguf: ", 10) != 0) TEST_FAIL("found \"%s\"", err.text);
            continue;
        }
        Tokenizer *tokenizer = modelfile_tokenizer(&model, &err);
        if (tokenizer && opened++ < 100) {
            Pool *pool = pool_create(1, &err);
            const SearchOptions how = model.info.decode;
            EXPECT(search_check(&how, &model.params.hyper, "bad.gguf", &err));
            Translator *translator = translator_create(&model.params, model.w, tokenizer, pool, how);
            const Text text = {"the red cat", 11};
            TranslatorResult result;
            EXPECT(translator_run(translator, &text, 1, &result, &err));
            translator_free(translator);
            pool_free(pool);
        }
        tokenizer_free(tokenizer);
        modelfile_close(&model);
    }
    EXPECT(opened > 10);
    free(good);
    free(bytes);
    kinds++;
}

/* Weights that are not numbers: there is a line for each line, and one that says so. */
static void test_nan_weights(void) {
    spoil_model("run/model.gguf", "bad.gguf");
    static const char *const beams[] = {"--beam=1", "--beam=4"};
    for (size_t i = 0; i < COUNT(beams); i++) {
        CommandRun run = command_run(ARGS("translate", "-m", "bad.gguf", beams[i], "the cat", "the dog"), NULL);
        EXPECT_INT(run.code, 1);
        EXPECT_STR(run.out, "\n\n");
        EXPECT_STR(run.err,
                   "translate: bad.gguf: the model's numbers are not finite for text 1: its translation is empty\n");
        command_free(&run);
    }
    CommandRun run = command_run(ARGS("translate", "-m", "bad.gguf", "--n-best=2", "--alignment=hard"),
                                 &(CommandHow){.input = "\nthe cat\n"});
    EXPECT_INT(run.code, 1);
    EXPECT_STR(run.out, "0 |||  |||  ||| F0= 0 ||| 0\n1 |||  |||  ||| F0= -inf ||| -inf\n");
    EXPECT_STR(run.err,
               "translate: bad.gguf: the model's numbers are not finite for line 2: its translation is empty\n");
    command_free(&run);
}

/* ---- last.gguf ---- */

static void expect_bad_last(const char *name, const char *const *parts) {
    const uint64_t before = folder_state("hurt");
    expect_failure(name, 1, ARGS("train", "tiny.ini", "run.dir=hurt", "train.max_steps=400"), NULL, parts);
    if (folder_state("hurt") != before) TEST_FAIL("%s: the run's folder changed", name);
}

static void test_bad_checkpoints(void) {
    static const Change rows[] = {
        {"general.architecture", SET_TEXT, .text = "llama", .parts = {"general.architecture: expected \"nmt\""}},
        {"nmt.train.step", DROP_KEY, .parts = {"key nmt.train.step", "found no such key"}},
        {"nmt.train.step", SET_REAL, 1, .parts = {"key nmt.train.step: expected an integer", "found a float64"}},
        {"nmt.train.batch", SET_UINT, 1e6,
         .parts = {"nmt.train.batch: expected a multiple of 1 below", "found 1000000"}},
        {"nmt.train.batch", SET_UINT, 1e19, .parts = {"nmt.train.batch: expected an integer from 0 to 4000000000"}},
        {"nmt.train.step", SET_UINT, 1.8e19, .parts = {"nmt.train.step: expected an integer from 0 to 4000000000"}},
        {"nmt.train.step", SET_UINT, 3, .parts = {": expected at most nmt.train.step (3), found "}},
        {"nmt.train.epoch", SET_UINT, 1e6, .parts = {"nmt.train.epoch: expected at most nmt.train.step", "1000000"}},
        {"nmt.train.epoch", SET_UINT, 0, .parts = {"nmt.train.step: expected about", "after 0 epochs of"}},
        {"nmt.train.epoch", SET_UINT, 30, .parts = {"nmt.train.step: expected about", "after 30 epochs of"}},
        {"nmt.train.step", SET_UINT, 1e5, .parts = {"nmt.step: expected nmt.train.step (100000), found "}},
        {"nmt.step", SET_UINT, 7, .parts = {"nmt.step: expected nmt.train.step (", "), found 7"}},
        {"nmt.heads", SET_UINT, 4, .parts = {"model.heads: expected 2, as nmt.config has it, found 4"}},
        {"nmt.max_length", SET_UINT, 65, .parts = {"model.max_length: expected 64, as nmt.config has it, found 65"}},
        {"nmt.dropout", SET_REAL, 0.75, .parts = {"model.dropout: expected ", ", as nmt.config has it, found 0.75"}},
        {"nmt.activation", SET_TEXT, .text = "gelu", .parts = {"model.activation: expected relu, as nmt.config has"}},
        {"nmt.text.lowercase", SET_BOOL, 1, .parts = {"text.lowercase: expected false, as nmt.config has it, found"}},
        {"nmt.step", SET_UINT, 1e19, .parts = {"nmt.step: expected at most 4294967295, found 10000000000000000000"}},
        {"nmt.train.best_step", SET_UINT, 1e6, .parts = {"nmt.train.best_step: expected at most nmt.train.step"}},
        {"nmt.train.stalled", SET_UINT, 1e19, .parts = {"nmt.train.stalled: expected an integer from 0 to", "found 1"}},
        {"nmt.train.stalled", SET_UINT, 1e6, .parts = {"nmt.train.stalled: expected at most", "found 1000000"}},
        {"nmt.train.saved", SET_UINT, 1e6, .parts = {"nmt.train.saved: expected at most", "found 1000000"}},
        {"nmt.train.skipped", SET_UINT, 1e6, .parts = {"nmt.train.skipped: expected at most", "found 1000000"}},
        {"nmt.train.streak", SET_UINT, 1, .parts = {"nmt.train.streak: expected at most nmt.train.skipped (0)"}},
        {"nmt.train.norm_steps", SET_UINT, 1e6, .parts = {"nmt.train.norm_steps: expected at most nmt.train.step"}},
        {"nmt.train.returns", SET_UINT, 4, .parts = {"nmt.train.returns: expected an integer from 0 to 3, found 4"}},
        {"nmt.train.tokens", SET_UINT, 1e19, .parts = {"nmt.train.tokens: expected an integer from 0 to"}},
        {"nmt.train.best_loss", SET_REAL, NAN, .parts = {"nmt.train.best_loss: expected a number from", "found nan"}},
        {"nmt.train.best_exact", SET_REAL, 1.5, .parts = {"nmt.train.best_exact: expected a number from 0 to 1,"}},
        {"nmt.train.best_bleu", SET_REAL, -1, .parts = {"nmt.train.best_bleu: expected a number from 0", "found -1"}},
        {"nmt.train.loss_sum", SET_REAL, INFINITY, .parts = {"nmt.train.loss_sum: expected a number", "found inf"}},
        {"nmt.train.nll_sum", SET_REAL, NAN, .parts = {"nmt.train.nll_sum: expected a number", "found nan"}},
        {"nmt.train.norm_log", SET_REAL, 1e30, .parts = {"nmt.train.norm_log: expected a number", "found 1e+30"}},
        {"shared.weight", SET_LAST, NAN, .parts = {": shared.weight: expected finite numbers, found nan at position"}},
        {"decoder.layer_norm.bias", SET_LAST, INFINITY, .parts = {": decoder.layer_norm.bias: expected finite", "inf"}},
        {"adam.m.shared.weight", SET_LAST, -INFINITY, .parts = {": adam.m.shared.weight: expected finite", "-inf at"}},
        {"adam.v.shared.weight", SET_LAST, NAN, .parts = {": adam.v.shared.weight: expected finite numbers of at"}},
        {"adam.v.shared.weight", SET_LAST, 3e38, .parts = {"no larger than train.clip_norm allows, found 3e+38 at"}},
        {"adam.v.shared.weight", SET_LAST, 2.1, .parts = {"no larger than train.clip_norm allows, found 2.1 at"}},
        {"adam.m.shared.weight", SET_LAST, -1e30, .parts = {"no larger than train.clip_norm allows, found -1e+30"}},
        {"adam.v.shared.weight", SET_LAST, -1e-9, .parts = {"clip_norm allows, found -1e-09 at position"}},
        {"nmt.train.best_loss", SET_TEXT, .text = "1",
         .parts = {"key nmt.train.best_loss: expected a float", "a string"}},
        {"nmt.train.corpus", DROP_KEY, .parts = {"key nmt.train.corpus", "found no such key"}},
        {"nmt.train.corpus", SET_UINT, 1, .parts = {"expected the pairs that the run was begun with", "train.tsv"}},
        {"nmt.config", SET_TEXT, .text = "", .parts = {"missing key \"data.train\""}},
        {"nmt.config", SET_TEXT, .text = "what is this?", .parts = {"expected \"[section]\""}},
        {"nmt.config", SET_TEXT, .text = "[mood]\n", .parts = {"unknown section [mood]"}},
        {"nmt.tokenizer.merges", SET_IDS, .ids = {0, 3, 4, 5}, .parts = {"merge 0", "found 0 and 3"}},
        {"shared.weight", SET_DIMS, .parts = {"tensor shared.weight: expected dims {16, 300}, found {300, 16}"}},
        {"adam.m.shared.weight", DROP_TENSOR, .parts = {"expected a tensor adam.m.shared.weight, found none"}},
        {"adam.v.shared.weight", SET_DIMS, .parts = {"tensor adam.v.shared.weight: expected dims {16, 300}"}},
    };
    CHECK(mkdir("hurt", 0777) == 0, "mkdir");
    copy_file("run/model.gguf", "hurt/model.gguf");
    copy_file("run/log.jsonl", "hurt/log.jsonl");
    copy_file("run/train.cache", "hurt/train.cache");
    for (size_t i = 0; i < COUNT(rows); i++) {
        char name[96];
        snprintf(name, sizeof name, "%s, change %zu", rows[i].name, i);
        write_changed("run/last.gguf", "hurt/last.gguf", &rows[i]);
        expect_bad_last(name, PARTS("train: hurt/last.gguf", rows[i].parts[0], rows[i].parts[1]));
    }
    copy_file("run/model.gguf", "hurt/last.gguf");
    expect_bad_last("model.gguf as last.gguf", PARTS("hurt/last.gguf: key nmt.train.corpus", "found no such key"));
    size_t size;
    char *bytes = read_bytes("run/last.gguf", &size);
    for (size_t i = 0; i < 8; i++) {
        write_bytes("hurt/last.gguf", bytes, i * size / 8);
        expect_bad_last("cut", PARTS("train: hurt/last.gguf: "));
        bytes[i * size / 8 + 40] ^= 4;
        write_bytes("hurt/last.gguf", bytes, size);
        expect_bad_last("flipped", PARTS("train: hurt/last.gguf: "));
        bytes[i * size / 8 + 40] ^= 4;
    }
    *(char *)memmem(bytes, size, GGUF_CHECKSUM_KEY, strlen(GGUF_CHECKSUM_KEY)) ^= 1;
    write_bytes("hurt/last.gguf", bytes, size);
    expect_bad_last("no checksum", PARTS("hurt/last.gguf: expected the key nmt.checksum, found none"));
    free(bytes);
}

/* ---- Options and streams ---- */

static void test_options(void) {
    static const struct {
        const char *arguments[7];
        const char *parts[MOST_PARTS];
    } rows[] = {
        {{"train"}, {"expected a CONFIG.ini", "configs/tiny.ini", "--help"}},
        {{"train", "--fresh"}, {"expected a CONFIG.ini"}},
        {{"train", "train.seed=1"}, {"expected a CONFIG.ini"}},
        {{"train", "tiny.ini", "other.ini"}, {"found \"tiny.ini\" and \"other.ini\""}},
        {{"train", "tiny.ini", "--frsh"}, {"unknown option \"--frsh\"; did you mean \"--fresh\"?"}},
        {{"train", "tiny.ini", "--hlep"}, {"unknown option \"--hlep\"; did you mean \"--help\"?"}},
        {{"train", "tiny.ini", "--nothing-of-the-kind"},
         {"unknown option \"--nothing-of-the-kind\" (--help lists all); a text"}},
        {{"train", "tiny.ini", "--fresh=1"}, {"--fresh: expected no argument, found \"1\""}},
        {{"train", "tiny.ini", "--train.seed=1"}, {"unknown option \"--train.seed\""}},
        {{"train", "-x"}, {"unknown option \"-x\""}},
        {{"train", "-\033[2J"}, {"unknown option \"-?[2J\""}},
        {{"translate", "--beem", "2"}, {"unknown option \"--beem\"; did you mean \"--beam\"?"}},
        {{"translate", "--modle=x"}, {"unknown option \"--modle\"; did you mean \"--model\"?"}},
        {{"translate", "-m"}, {"--model: expected FILE after it, found nothing"}},
        {{"translate", "x", "--beam"}, {"--beam: expected N after it, found nothing"}},
        {{"translate", "--alpha"}, {"--alpha: expected A after it, found nothing"}},
        {{"translate", "--beam", "two"}, {"--beam: expected an integer from 1 to 64, found \"two\""}},
        {{"translate", "--beam", ""}, {"--beam: expected an integer from 1 to 64, found \"\""}},
        {{"translate", "--beam="}, {"--beam: expected an integer from 1 to 64, found \"\""}},
        {{"translate", "--beam", "2.5"}, {"--beam: expected an integer from 1 to 64, found \"2.5\""}},
        {{"translate", "--beam", "0"}, {"--beam: expected an integer from 1 to 64, found \"0\""}},
        {{"translate", "-b", "65"}, {"--beam: expected an integer from 1 to 64, found \"65\""}},
        {{"translate", "-b=65"}, {"--beam: expected an integer from 1 to 64, found \"65\""}},
        {{"translate", "--beam", "-1"}, {"--beam: expected an integer from 1 to 64, found \"-1\""}},
        {{"translate", "--beam", "99999999999999999999"}, {"--beam: expected an integer from 1 to 64"}},
        {{"translate", "--alpha", "x"}, {"--alpha: expected a number from 0 to 10, found \"x\""}},
        {{"translate", "--alpha", "-0.1"}, {"--alpha: expected a number from 0 to 10, found \"-0.1\""}},
        {{"translate", "--alpha", "10.1"}, {"--alpha: expected a number from 0 to 10, found \"10.1\""}},
        {{"translate", "--alpha", "nan"}, {"--alpha: expected a number from 0 to 10, found \"nan\""}},
        {{"translate", "--threads", "-1"}, {"--threads: expected an integer from 0 to 1024, found \"-1\""}},
        {{"translate", "--threads=1025"}, {"--threads: expected an integer from 0 to 1024, found \"1025\""}},
        {{"translate", "--threads=1e3"}, {"--threads: expected an integer from 0 to 1024, found \"1e3\""}},
        {{"inspect", "the cat", "--text", "--word", "cat"}, {"--text does not show --word", "expected -o FILE"}},
        {{"inspect", "the cat", "--text", "--compare=a cat"},
         {"--text does not show", "--compare", "expected -o FILE"}},
        {{"inspect", "--group", "few=cat,dog", "--text", "the cat"},
         {"--text does not show", "--group", "expected -o FILE"}},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        expect_failure(rows[i].arguments[1] ? rows[i].arguments[1] : "no argument", 2, rows[i].arguments, NULL,
                       rows[i].parts);
}

static void test_environment(void) {
    static const char *const values[] = {"sse9", "AVX2", "generic ", "all", ""};
    for (size_t i = 0; i < COUNT(values); i++) {
        const CommandHow how = {.variable = "NMT_ISA", .value = values[i]};
        char found[32];
        snprintf(found, sizeof found, "found \"%s\"", values[i]);
        expect_failure("NMT_ISA", 1, ARGS("train", "tiny.ini", "run.dir=new"), &how,
                       PARTS("NMT_ISA", "generic", found));
        expect_failure("NMT_ISA", 1, ARGS("translate", "-m", "run/model.gguf", "x"), &how, PARTS("NMT_ISA", found));
    }
}

static void test_no_model(void) {
    expect_failure("no model", 1, ARGS("translate", "x"), NULL,
                   PARTS("no model yet", "./train configs/tiny.ini", "-m FILE"));
    CHECK(mkdir("runs", 0777) == 0 && mkdir("runs/a", 0777) == 0, "mkdir");
    expect_failure("empty run", 1, ARGS("translate", "x"), NULL, PARTS("no model yet", "./train configs/tiny.ini"));
    CHECK(mkdir("runs/a/model.gguf", 0777) == 0, "mkdir");
    expect_failure("folder as model", 1, ARGS("translate", "x"), NULL, PARTS("runs/a/model.gguf: expected a file"));
    remove_folder("runs");
}

static void test_streams(void) {
    const char *const *argument = ARGS("translate", "-m", "run/model.gguf", "the cat");
    const char *const *lines = ARGS("translate", "-m", "run/model.gguf");
    expect_failure("stdout full", 1, argument, &(CommandHow){.output_path = "/dev/full"},
                   PARTS("standard output: cannot write: No space left"));
    expect_failure("stdout full, stdin", 1, lines,
                   &(CommandHow){.output_path = "/dev/full", .input = "the cat\n\nthe cat\n"},
                   PARTS("standard output: cannot write: No space left"));
    expect_failure("stdout closed", 1, argument, &(CommandHow){.output_path = ""},
                   PARTS("standard output: cannot write"));
    expect_failure("help, stdout full", 1, ARGS("train", "--help"), &(CommandHow){.output_path = "/dev/full"},
                   PARTS("standard output: cannot write: No space left"));
    expect_failure("keys, stdout full", 1, ARGS("train", "--keys"), &(CommandHow){.output_path = "/dev/full"},
                   PARTS("standard output: cannot write: No space left"));
    expect_failure("version, stdout full", 1, ARGS("translate", "--version"), &(CommandHow){.output_path = "/dev/full"},
                   PARTS("standard output: cannot write: No space left"));
    int ends[2];
    CHECK(pipe2(ends, O_CLOEXEC) == 0, "pipe");
    close(ends[0]);
    expect_failure("reader gone", 1, argument, &(CommandHow){.output_pipe = ends[1]},
                   PARTS("standard output: cannot write: Broken pipe"));
    expect_failure("help, reader gone", 1, ARGS("train", "--help"), &(CommandHow){.output_pipe = ends[1]},
                   PARTS("standard output: cannot write: Broken pipe"));
    close(ends[1]);
    expect_failure("stdin a folder", 1, lines, &(CommandHow){.input_path = "run"},
                   PARTS("standard input: cannot read: Is a directory"));
    expect_failure("stdin closed", 1, lines, &(CommandHow){.input_path = ""}, PARTS("standard input: cannot read"));
    const size_t size = (1 << 24) + (1 << 20);
    char *text = memory_new(size, 1);
    memset(text, 'x', size);
    expect_failure("line without end", 1, lines, &(CommandHow){.input = text, .input_size = size},
                   PARTS("standard input:1: expected a line of at most 16777216 bytes"));
    free(text);
    CHECK(mkdir("small", 0777) == 0, "mkdir");
    expect_failure("file above the limit", 1, ARGS("train", "--quantize", "run/model.gguf", "small/model.gguf"),
                   &(CommandHow){.largest_file = 8192}, PARTS("small/model.gguf: cannot write: File too large"));
    EXPECT(folder_state("small") == 0); /* nothing is left there */
}

/* Files that a command opens must not land in the place of a closed stderr, or messages would be written into them. */
static void test_closed_stderr(void) {
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=loud", "train.max_steps=20"), NULL);
    for (int all = 0; all < 2; all++) {
        const CommandHow how = {.no_stderr = true, .input_path = all ? "" : NULL, .output_path = all ? "" : NULL};
        command_gives(0, ARGS("train", "tiny.ini", "run.dir=quiet", "train.max_steps=20"), &how);
        size_t size, lines = 0;
        char *log = read_bytes("quiet/log.jsonl", &size);
        for (const char *p = log; p && *p; p += strcspn(p, "\n") + 1, lines++) EXPECT(*p == '{');
        EXPECT_INT(lines, 3); /* two of training and one of validation, and nothing else */
        EXPECT(same_bytes("quiet/last.gguf", "loud/last.gguf"));
        free(log);
        remove_folder("quiet");
    }
}

int main(void) {
    world_enter();
    if (!command_gives(0, ARGS("train", "tiny.ini", "train.max_steps=40"), NULL)) {
        world_leave();
        return 1;
    }
    RUN(test_configs);
    RUN(test_config_files);
    RUN(test_long_configs);
    RUN(test_bounds);
    RUN(test_overrides);
    RUN(test_corpora);
    RUN(test_folders);
    RUN(test_links);
    RUN(test_odd_names);
    RUN(test_unreadable);
    RUN(test_changed_configs);
    RUN(test_changed_cosine);
    RUN(test_changed_corpus);
    RUN(test_changed_models);
    RUN(test_missing_keys);
    RUN(test_model_files);
    RUN(test_truncations);
    RUN(test_flips);
    RUN(test_fuzz);
    RUN(test_nan_weights);
    RUN(test_bad_checkpoints);
    RUN(test_options);
    RUN(test_environment);
    RUN(test_no_model);
    RUN(test_streams);
    RUN(test_closed_stderr);
    printf("%zu kinds of bad input\n", kinds);
    world_leave();
    return test_finish();
}
