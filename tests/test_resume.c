/* What a run continues from: texts are known by their content, not by their names; what is not as it was is said on
 * stderr and in the log. */
#include "command.h"
#include "math/cpu.h"

/* ./train with a small config and these overrides; expects this exit code. Free with command_free. */
#define TRAIN(code, ...) train(code, ARGS("train", "tiny.ini", __VA_ARGS__), NULL)
static CommandRun train(int code, const char *const *arguments, const char *set) {
    CommandRun run = command_run(arguments, &(CommandHow){.variable = set ? "NMT_ISA" : NULL, .value = set});
    if (run.code != code) TEST_FAIL("expected exit code %d, found %d: %s", code, run.code, run.err);
    return run;
}

/* A file has this part, or not. */
static void expect_in_file(const char *path, const char *part, bool there) {
    size_t size;
    char *text = read_bytes(path, &size);
    if (!text || !strstr(text, part) == there)
        TEST_FAIL("%s: expected %s\"%s\", found %s", path, there ? "" : "no ", part, text ? text : "no file");
    free(text);
}

/* ---- Content, not names ---- */

/* The sides of a TSV file as two files, with other line ends. */
static void split(const char *from, const char *source, const char *target) {
    size_t size;
    char *text = read_bytes(from, &size);
    FILE *a = fopen(source, "w"), *b = fopen(target, "w");
    CHECK(text && a && b, "files to split into");
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        const int tab = (int)strcspn(line, "\t");
        fprintf(a, "%.*s\r\n", tab, line);
        fprintf(b, "%s\n", line + tab + 1);
    }
    CHECK(fclose(a) == 0 && fclose(b) == 0, "files that were split");
    free(text);
}

/* Under any name the same text is the same: in the end it is the run that never heard of another name. */
static void test_other_names(void) {
    char *here = memory_format("data.train=%s/train.tsv", world_folder),
         *there = memory_format("data.valid=%s/valid.tsv", world_folder);
    CHECK(mkdir("moved", 0777) == 0 && symlink("../train.tsv", "moved/a.tsv") == 0, "a folder");
    copy_file("valid.tsv", "moved/b.tsv");
    split("train.tsv", "train.en", "train.fr");
    split("valid.tsv", "valid.en", "valid.fr");
    const char *const names[][2] = {
        {"data.train=./train.tsv", "data.valid=./valid.tsv"},
        {here, there},
        {"data.train=moved/a.tsv", "data.valid=moved/b.tsv"},
        {"data.train=train.en+train.fr", "data.valid=valid.en+valid.fr"},
    };
    CommandRun run = TRAIN(0, "run.dir=stays", "train.max_steps=60");
    command_free(&run);
    for (size_t i = 0; i < COUNT(names); i++) {
        run = TRAIN(0, "run.dir=named", "train.max_steps=20");
        command_free(&run);
        run = TRAIN(0, "run.dir=named", "train.max_steps=40", names[i][0], names[i][1]);
        EXPECT_HAS(run.err, "continuing from step 20\n");
        if (strstr(run.err, "than when")) TEST_FAIL("%s: %s", names[i][1], run.err);
        command_free(&run);
        run = TRAIN(0, "run.dir=named", "train.max_steps=60");
        command_free(&run);
        EXPECT(same_bytes("stays/last.gguf", "named/last.gguf") && same_bytes("stays/model.gguf", "named/model.gguf"));
        expect_in_file("named/log.jsonl", "\"note\"", false);
        remove_folder("named");
    }
    free(here);
    free(there);
}

/* Other training pairs are refused under any name. */
static void test_other_pairs(void) {
    size_t size;
    char *text = read_bytes("train.tsv", &size);
    static const char *const names[] = {"data.train=other.tsv", "data.train=./other.tsv",
                                        "data.train=train.tsv other.tsv"};
    CommandRun run = TRAIN(0, "run.dir=pairs", "train.max_steps=20");
    command_free(&run);
    write_bytes("other.tsv", text, (size_t)(strrchr(text, '\t') - text) + 3);
    for (size_t i = 0; i < COUNT(names); i++) {
        run = TRAIN(1, "run.dir=pairs", "train.max_steps=40", names[i]);
        EXPECT_HAS(run.err, "pairs/last.gguf: expected the pairs that the run was begun with, found others in ");
        command_free(&run);
    }
    free(text);
}

/* ---- Another validation ---- */

typedef struct Change {
    const char *override[2]; /* before and after */
    const char *text;        /* of own.tsv after; NULL: as before */
    const char *said;        /* NULL: nothing */
} Change;

static void test_other_validation(void) {
    static const char *const own = "the red cat sleeps\tle chat rouge dort\nthe sad dog eats\tle chien triste mange\n";
    static const Change changes[] = {
        {{"valid.metric=loss", "valid.metric=loss"},
         "the sad cat is there\tle chat triste est là\n",
         "data.valid has another text"},
        {{"valid.metric=exact", "valid.metric=exact"},
         "the red cat sleeps\tle chat rouge dort\nthe sad dog eats\tle chien triste mangea\n",
         "data.valid has another text"},
        {{"data.swap=false", "data.valid=valid.tsv"}, NULL, "data.valid has another text"},
        {{"valid.translate=1", "valid.metric=bleu"}, NULL, "valid.translate is another number"},
        {{"valid.translate=0", "valid.metric=exact"}, NULL, "valid.translate is another number"},
        {{"valid.translate=5", "valid.translate=50"}, NULL, NULL}, /* of two */
        {{"valid.translate=0", "valid.metric=loss"}, NULL, NULL},
        {{"data.swap=false", "data.swap=false"},
         "the red cat sleeps\tle chat rouge dort\r\n\nthe sad dog eats\tle chien triste mange",
         NULL},
    };
    for (size_t i = 0; i < COUNT(changes); i++) {
        const Change *c = &changes[i];
        /* The learning rate is so small that nothing gets better: what is best is the first. */
        write_text("own.tsv", own);
#define FIXED "run.dir=judged", "train.learning_rate=1e-30", "valid.every_steps=10"
        CommandRun run = TRAIN(0, FIXED, "data.valid=own.tsv", "train.max_steps=30", c->override[0]);
        EXPECT_HAS(run.err, "stalled 2 (best ");
        command_free(&run);
        if (c->text) write_text("own.tsv", c->text);
        run = TRAIN(0, FIXED, "data.valid=own.tsv", "train.max_steps=40", "valid.patience=4", c->override[1]);
        if (c->said) {
            EXPECT_HAS(run.err, c->said);
            EXPECT_HAS(run.err, "than when judged/last.gguf was saved: the best model and valid.patience start anew\n");
            EXPECT_HAS(run.err, "new best");
            expect_in_file("judged/log.jsonl", "{\"kind\":\"note\",\"after\":30,\"text\":\"", true);
            expect_in_file("judged/log.jsonl", c->said, true);
        } else {
            EXPECT_HAS(run.err, "stalled 3 (best ");
            expect_in_file("judged/log.jsonl", "\"note\"", false);
        }
        command_free(&run);
        remove_folder("judged");
    }
}

/* ---- Another model ---- */

/* model.gguf is the best model of this run, or a later one that a crash left. Another is reported, and stays. */
static void test_other_model(void) {
    static const char *const models[][2] = {
        {"own.gguf", NULL},
        {"later.gguf", NULL},
        {"earlier.gguf", ": expected the best model of this run, of step 30, found another, of step 10"},
        {"words.gguf", ": expected the best model of this run, of step 30, found another, of step 90"},
        {"half.gguf", ": changed since it was written, or damaged"},
        {"train.tsv", ": not a GGUF file"},
    };
    static const int steps[] = {30, 40, 10, 90};
    for (size_t i = 0; i < COUNT(steps); i++) {
        char *stop = memory_format("train.max_steps=%d", steps[i]);
        CommandRun run = TRAIN(0, "run.dir=other", stop, i == 3 ? "text.vocab_size=270" : "train.seed=1");
        command_free(&run);
        copy_file("other/model.gguf", models[i][0]);
        remove_folder("other");
        free(stop);
    }
    size_t size;
    char *bytes = read_bytes("own.gguf", &size);
    bytes[size / 2] ^= 1;
    write_bytes("half.gguf", bytes, size);
    free(bytes);
    for (size_t i = 0; i < COUNT(models); i++) {
        CommandRun run = TRAIN(0, "run.dir=other", "train.max_steps=30");
        command_free(&run);
        copy_file(models[i][0], "other/model.gguf");
        run = TRAIN(0, "run.dir=other", "train.max_steps=30");
        if (models[i][1]) EXPECT_HAS(run.err, models[i][1]);
        EXPECT(!models[i][1] == !strstr(run.err, "; it stays until a validation finds a better one"));
        EXPECT(same_bytes(models[i][0], "other/model.gguf"));
        command_free(&run);
        remove_folder("other");
    }
}

/* ---- Another instruction set ---- */

static void test_other_set(void) {
    const char *const *sets;
    const size_t count = cpu_instruction_sets(&sets);
    if (count < 2) SKIP("this CPU has one instruction set");
    for (size_t i = 0; i < 2 * count; i++) {
        const char *then = sets[i / 2], *now = sets[(i / 2 + 1) % count];
        const char *precision = i % 2 ? "train.precision=bfloat16" : "train.precision=float32";
        const bool family = strncmp(then, "a", 1) == 0 && strcmp(then, "avx2") != 0 && strcmp(now, "avx2") != 0 &&
                            strcmp(now, "generic") != 0;
        CommandRun run = train(0, ARGS("train", "tiny.ini", "run.dir=set", "train.max_steps=20", precision), then);
        command_free(&run);
        run = train(0, ARGS("train", "tiny.ini", "run.dir=set", "train.max_steps=30", precision), then);
        EXPECT(!strstr(run.err, "was saved on"));
        command_free(&run);
        run = train(0, ARGS("train", "tiny.ini", "run.dir=set", "train.max_steps=40", precision), now);
        char said[256];
        snprintf(said, sizeof said, "set/last.gguf was saved on %s, this is %s: %s", then, now,
                 family && i % 2 == 0 ? "in float32 both give the same bits"
                                      : "the bits of this run will differ from those of a run on one of them alone");
        EXPECT_HAS(run.err, said);
        expect_in_file("set/log.jsonl", said, true);
        command_free(&run);
        remove_folder("set");
    }
}

int main(void) {
    world_enter();
    RUN(test_other_names);
    RUN(test_other_pairs);
    RUN(test_other_validation);
    RUN(test_other_model);
    RUN(test_other_set);
    world_leave();
    return test_finish();
}
