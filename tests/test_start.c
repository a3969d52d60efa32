/* A run that starts from a trained model, train.init: what it takes from it, what is refused, and how it continues. */
#include "base/ds.h"
#include "command.h"
#include "train/checkpoint.h"

static const char *const more =
    "the blue whale swims\tla baleine bleue nage\nthe old whale sleeps\tla vieille baleine dort\n"
    "the blue cat swims\tle chat bleu nage\nthe old king sings\tle vieux roi chante\n";

/* No sizes and no [text]: they are the model's. */
static const char *const config = "[data]\ntrain = more.tsv\nvalid = valid.tsv\n"
                                  "[train]\ninit = base/model.gguf\nbatch_tokens = 32\nlearning_rate = 0.001\n"
                                  "warmup_steps = 5\nmax_steps = 40\nlog_every = 10\nthreads = 2\n"
                                  "[valid]\nevery_steps = 20\ntranslate = 8\n[run]\ndir = next\n";

#define TRAIN(code, ...) train(code, ARGS("train", __VA_ARGS__))
static CommandRun train(int code, const char *const *arguments) {
    CommandRun run = command_run(arguments, NULL);
    if (run.code != code) TEST_FAIL("expected exit code %d, found %d: %s", code, run.code, run.err);
    return run;
}

static ModelFile open_model(const char *path) {
    ModelFile file;
    Error err;
    CHECK(modelfile_open(&file, path, &err), err.text);
    return file;
}

static char *base_said; /* its last validation: loss, perplexity, BLEU, exact matches */

/* What was said of the validation of this step, up to the verdict. A fresh string. */
static char *validation(const char *said, const char *step) {
    const char *at = strstr(said, step), *end = at ? strstr(at, "exactly right") : NULL;
    return end ? memory_string_n(at + strlen(step), (size_t)(end - at) - strlen(step)) : memory_string("none");
}

/* The base: a model of its own sizes, which saw train.tsv, in small letters. */
static void make_base(void) {
    write_text("more.tsv", more);
    write_text("next.ini", config);
    CommandRun run =
        TRAIN(0, "tiny.ini", "run.dir=base", "train.max_steps=40", "text.lowercase=true", "model.norm=post");
    base_said = validation(run.err, "validation at step 40: ");
    command_free(&run);
}

/* ---- What it takes ---- */

/* Before it begins, the run says how good the model is: as good as it was. */
static void test_before(void) {
    CommandRun run = TRAIN(0, "next.ini", "run.dir=before");
    char *said = validation(run.err, "validation at step 0: ");
    EXPECT_STR(said, base_said);
    EXPECT_HAS(run.err, "exactly right, before training\n");
    command_free(&run);
    run = TRAIN(0, "next.ini", "run.dir=before", "train.max_steps=60");
    EXPECT(!strstr(run.err, "step 0"));
    command_free(&run);
    free(said);
    free(base_said);
}

/* A run that makes nothing better than what it started from says so. */
static void test_no_gain(void) {
    CommandRun run = TRAIN(0, "next.ini", "run.dir=worse", "train.learning_rate=1", "data.valid=train.tsv");
    EXPECT_HAS(run.err, ", best so far, but no better than before training\n");
    EXPECT_HAS(run.err, "no model of this run is better on data.valid than base/model.gguf, from which it started");
    command_free(&run);
    run = TRAIN(0, "next.ini", "run.dir=worse", "train.learning_rate=1", "data.valid=train.tsv", "train.max_steps=60");
    EXPECT_HAS(run.err, "no model of this run is better on data.valid than base/model.gguf"); /* also when resumed */
    command_free(&run);
    run = TRAIN(0, "next.ini", "run.dir=better", "data.valid=more.tsv");
    EXPECT_HAS(run.err, ", new best\n");
    EXPECT(!strstr(run.err, "no better") && !strstr(run.err, "is better"));
    command_free(&run);
}

/* Before its first step a run has the model's weights; so it has again when it goes back to the beginning. */
static void test_weights(void) {
    Config c;
    Trainer t;
    Error err;
    bool resumed;
    ModelFile base = open_model("base/model.gguf");
    Pool *pool = pool_create(1, &err);
    static const char *const overrides[] = {"run.dir=weights", "train.average=0.5", "model.dropout=0.25"};
    mkdir("weights", 0777);
    CHECK(config_read(&c, "next.ini", (char *const *)(uintptr_t)overrides, COUNT(overrides), &err), err.text);
    CHECK(checkpoint_open(&t, &c, pool, true, &resumed, &err), err.text);
    const size_t size = base.params.count * sizeof *base.w;
    EXPECT_INT(t.model.params.count, base.params.count);
    EXPECT(memcmp(t.w, base.w, size) == 0 && memcmp(t.average, base.w, size) == 0);
    EXPECT(t.model.params.hyper.norm == NORM_POST && t.model.params.hyper.width == 16 && c.rules.text.lowercase);
    EXPECT_NEAR(t.model.params.hyper.dropout, 0.25, 0);
    for (int i = 0; i < 3; i++) trainer_step(&t);
    EXPECT(memcmp(t.w, base.w, size) != 0);
    EXPECT(checkpoint_go_back(&t, &err));
    EXPECT(t.state.step == 0 && memcmp(t.w, base.w, size) == 0 && memcmp(t.average, base.w, size) == 0);
    trainer_free(&t);
    config_free(&c);
    pool_free(pool);
    modelfile_close(&base);
}

static bool knows(const ModelFile *file, const char *word) {
    UnseenWord *unseen = NULL;
    char *text = NULL;
    words_unseen(&unseen, &text, file->info.seen, (Text){word, strlen(word)}, file->info.text);
    const bool known = stbds_arrlenu(unseen) == 0;
    stbds_arrfree(unseen);
    stbds_arrfree(text);
    return known;
}

/* The words of both texts are known, and no others; the limits are those of the longer text. */
static void test_words(void) {
    CommandRun run = TRAIN(0, "next.ini", "run.dir=words");
    command_free(&run);
    ModelFile base = open_model("base/model.gguf"), next = open_model("words/model.gguf");
    static const char *const words[] = {"red", "wolf", "whale", "swims", "zebra"};
    static const bool then[] = {true, true, false, false, false}, now[] = {true, true, true, true, false};
    for (size_t i = 0; i < COUNT(words); i++)
        if (knows(&base, words[i]) != then[i] || knows(&next, words[i]) != now[i]) TEST_FAIL("%s", words[i]);
    EXPECT_INT(next.info.seen.count, base.info.seen.count + 4); /* blue, whale, swims, old */
    EXPECT(words_check(next.info.seen));
    EXPECT(next.info.longest_source >= base.info.longest_source);
    EXPECT(next.info.decode.max_extra >= base.info.decode.max_extra);
    modelfile_close(&base);
    modelfile_close(&next);
}

/* ---- Where it comes from ---- */

static void expect_line(const ModelFile *file, size_t line, const char *expected) {
    EXPECT(line < file->info.history_count);
    if (line < file->info.history_count) EXPECT_STR(file->info.history[line].text, expected);
}

/* The file knows what it was trained on, from the beginning, by checksum. */
static void test_history(void) {
    CommandRun run = TRAIN(0, "next.ini", "run.dir=second");
    EXPECT_HAS(run.err, "starting from base/model.gguf, of 40 steps: its vocabulary, sizes and [text]\n");
    command_free(&run);
    run = TRAIN(0, "next.ini", "run.dir=third", "train.init=second/model.gguf", "data.train=train.tsv more.tsv");
    command_free(&run);
    ModelFile files[] = {open_model("base/model.gguf"), open_model("second/model.gguf"),
                         open_model("third/model.gguf")};
    uint64_t sums[2];
    static const char *const texts[] = {"train.tsv", "more.tsv"};
    for (size_t i = 0; i < COUNT(texts); i++) {
        size_t size = 0;
        char *text = read_bytes(texts[i], &size);
        Checksum sum;
        checksum_start(&sum);
        checksum_add(&sum, text, size);
        sums[i] = checksum_end(&sum);
        free(text);
    }
#define ULL(x) (unsigned long long)(x)
    char *lines[] = {
        memory_format("40 steps, 200 pairs: train.tsv %016llx", ULL(sums[0])),
        memory_format("from model %016llx, %llu steps, 4 pairs: more.tsv %016llx", ULL(modelfile_checksum(&files[0])),
                      ULL(files[1].info.step), ULL(sums[1])),
        memory_format("from model %016llx, %llu steps, 204 pairs: train.tsv %016llx, more.tsv %016llx",
                      ULL(modelfile_checksum(&files[1])), ULL(files[2].info.step), ULL(sums[0]), ULL(sums[1])),
    };
    for (size_t i = 0; i < COUNT(files); i++) {
        EXPECT_INT(files[i].info.history_count, i + 1);
        for (size_t line = 0; line <= i; line++) expect_line(&files[i], line, lines[line]);
    }
    run = command_run(ARGS("inspect", "-m", "third/model.gguf", "--json", "the red cat"), NULL);
    for (size_t i = 0; i < COUNT(lines); i++) EXPECT_HAS(run.out, lines[i]);
    command_free(&run);
    for (size_t i = 0; i < COUNT(files); i++) {
        modelfile_close(&files[i]);
        free(lines[i]);
    }
}

/* ---- How it continues ---- */

/* Stopped or not, on one thread or two, under this name of the model or that: the same bits. */
static void test_resume(void) {
    CommandRun run = TRAIN(0, "next.ini", "run.dir=whole", "train.average=0.9", "train.max_steps=60");
    command_free(&run);
    run = TRAIN(0, "next.ini", "run.dir=parts", "train.average=0.9", "train.max_steps=20", "train.threads=1");
    command_free(&run);
    copy_file("base/model.gguf", "moved.gguf");
    unlink("parts/train.cache");
    run = TRAIN(0, "next.ini", "run.dir=parts", "train.average=0.9", "train.init=moved.gguf");
    EXPECT_HAS(run.err, "continuing from step 20\n");
    EXPECT(!strstr(run.err, "starting from"));
    command_free(&run);
    run = TRAIN(0, "next.ini", "run.dir=parts", "train.average=0.9", "train.max_steps=60");
    command_free(&run);
    ModelFile whole = open_model("whole/last.gguf"), parts = open_model("parts/last.gguf");
    EXPECT(memcmp(whole.w, parts.w, whole.params.count * sizeof *whole.w) == 0);
    EXPECT(same_bytes("whole/last.gguf", "parts/last.gguf"));
    modelfile_close(&whole);
    modelfile_close(&parts);
}

/* A cache with the tokens of a model's vocabulary is none for a run from nothing, which learns its own. */
static void test_cache_of_another_vocabulary(void) {
    CommandRun run = TRAIN(0, "tiny.ini", "run.dir=few", "data.train=valid.tsv", "train.max_steps=2");
    command_free(&run);
    run = TRAIN(0, "tiny.ini", "run.dir=dirty", "train.init=few/model.gguf", "--dry-run");
    EXPECT_HAS(run.out, "starting from few/model.gguf, of 2 steps");
    EXPECT(file_exists("dirty/train.cache"));
    command_free(&run);
    static const char *const folders[] = {"run.dir=dirty", "run.dir=clean"};
    for (size_t i = 0; i < COUNT(folders); i++) {
        run = TRAIN(0, "tiny.ini", folders[i], "train.max_steps=4");
        command_free(&run);
    }
    EXPECT(same_bytes("dirty/train.cache", "clean/train.cache"));
    EXPECT(same_bytes("dirty/model.gguf", "clean/model.gguf"));
}

/* ---- What is refused ---- */

typedef struct Refused {
    const char *override, *said;
} Refused;

static void test_refused(void) {
    static const Refused table[] = {
        {"model.width=32", "next.ini: model.width: expected 16, as in base/model.gguf (train.init), found 32 ("},
        {"model.heads=4", "model.heads: expected 2, as in base/model.gguf (train.init), found 4 ("},
        {"model.feedforward=64", "model.feedforward: expected 32, as in base/model.gguf (train.init), found 64 ("},
        {"model.encoder_layers=2", "model.encoder_layers: expected 1, as in "},
        {"model.decoder_layers=3", "model.decoder_layers: expected 1, as in base/model.gguf (train.init), found 3 ("},
        {"model.max_length=65", "model.max_length: expected 64, as in base/model.gguf (train.init), found 65 ("},
        {"model.norm=pre", "model.norm: expected post, as in base/model.gguf (train.init), found pre ("},
        {"model.activation=gelu", "model.activation: expected relu, as in "},
        {"model.tying=none", "model.tying: expected all, as in base/model.gguf (train.init), found none ("},
        {"model.positions=learned", "model.positions: expected sinusoidal, as in "},
        {"text.vocab_size=301", "text.vocab_size: expected 300, as in base/model.gguf (train.init), found 301 ("},
        {"text.lowercase=false", "text.lowercase: expected true, as in base/model.gguf (train.init), found false ("},
        {"text.nfc=false", "text.nfc: expected true, as in base/model.gguf (train.init), found false ("},
        {"train.init=none.gguf", "train.init: none.gguf: "},
        {"train.init=more.tsv", "train.init: more.tsv: not a GGUF file"},
        {"run.dir=base",
         "next.ini: train.init: expected a model in another folder than run.dir, found base/model.gguf"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        CommandRun run = TRAIN(1, "next.ini", table[i].override);
        EXPECT_HAS(run.err, table[i].said);
        EXPECT(!file_exists("next"));
        command_free(&run);
    }
    /* A model is not written over, whatever it is called. */
    static const char *const own[] = {"model.gguf", "last.gguf",   "back.gguf",   "log.jsonl",
                                      "film.jsonl", "report.html", "train.cache", "lock"};
    CHECK(mkdir("own", 0777) == 0, "mkdir");
    for (size_t i = 0; i < COUNT(own); i++) {
        char *path = file_join("own", own[i]), *override = memory_format("train.init=%s", path);
        CHECK(link("base/model.gguf", path) == 0, "link");
        CommandRun run = TRAIN(1, "next.ini", "run.dir=own", override);
        EXPECT_HAS(run.err, "next.ini: train.init: expected a model in another folder than run.dir, found own/");
        CHECK(unlink(path) == 0, "unlink");
        command_free(&run);
        free(path), free(override);
    }
    /* What is as in the model may be there. */
    CommandRun run = TRAIN(0, "next.ini", "model.width=16", "model.norm=post", "text.vocab_size=300",
                           "text.lowercase=true", "--dry-run");
    EXPECT_HAS(run.out, "starting from base/model.gguf, of 40 steps");
    command_free(&run);
}

/* A run continues from the model that it was begun with, or from none. */
static void test_other_start(void) {
    CommandRun run = TRAIN(0, "next.ini", "run.dir=other", "train.max_steps=20");
    command_free(&run);
    run = TRAIN(0, "tiny.ini", "run.dir=plain", "train.max_steps=20");
    command_free(&run);
    copy_file("other/model.gguf", "wrong.gguf");
    ModelFile base = open_model("base/model.gguf"), wrong = open_model("wrong.gguf");
    char *begun = memory_format("other/last.gguf: the run was begun from a model with the checksum %016llx, and "
                                "train.init is now one with the checksum %016llx (wrong.gguf); a resumed run must keep "
                                "it (or start over with --fresh)",
                                ULL(modelfile_checksum(&base)), ULL(modelfile_checksum(&wrong)));
    run = TRAIN(1, "next.ini", "run.dir=other", "train.init=wrong.gguf");
    EXPECT_HAS(run.err, begun);
    command_free(&run);
    run = TRAIN(1, "next.ini", "run.dir=other", "train.init=");
    EXPECT_HAS(run.err, ", and train.init is now nothing; a resumed run must keep it");
    command_free(&run);
    run = TRAIN(1, "tiny.ini", "run.dir=plain", "train.init=plain/model.gguf", "run.dir=other");
    command_free(&run);
    copy_file("plain/model.gguf", "plain.gguf");
    run = TRAIN(1, "tiny.ini", "run.dir=plain", "train.init=plain.gguf");
    EXPECT_HAS(run.err,
               "plain/last.gguf: the run was begun from nothing, and train.init is now one with the checksum ");
    command_free(&run);
    run = TRAIN(0, "next.ini", "run.dir=other", "train.init=wrong.gguf", "--fresh");
    command_free(&run);
    free(begun);
    modelfile_close(&base);
    modelfile_close(&wrong);
}

/* ---- Weights of corpora ---- */

/* Old text and new, each by its weight: the same bits on one thread and two, resumed or not, with the cache or without;
 * and a weight of 1 is none. */
static void test_weights_resume(void) {
    CommandRun run = TRAIN(0, "next.ini", "run.dir=mixed", "data.train=more.tsv*3 train.tsv*0.1", "train.max_steps=60");
    EXPECT_HAS(run.err, "data.train: more.tsv: 4 pairs, an epoch takes 12\n"
                        "data.train: train.tsv: 200 pairs, an epoch takes about 20\n");
    command_free(&run);
    run = TRAIN(0, "next.ini", "run.dir=again", "data.train=more.tsv*3 train.tsv*0.1", "train.threads=1");
    command_free(&run);
    unlink("again/train.cache");
    copy_file("train.tsv", "a*3.tsv");
    run = TRAIN(0, "next.ini", "run.dir=again", "data.train=\"more.tsv\"*3 \"a*3.tsv\"*0.1");
    EXPECT_HAS(run.err, "continuing from step 40\n");
    command_free(&run);
    EXPECT(same_bytes("mixed/train.cache", "again/train.cache"));
    static const char *const others[] = {"data.train=more.tsv*3 train.tsv*0.2", "data.train=more.tsv train.tsv",
                                         "data.train=train.tsv*0.1 more.tsv*3"};
    for (size_t i = 0; i < COUNT(others); i++) {
        run = TRAIN(1, "next.ini", "run.dir=again", others[i], "train.max_steps=60");
        EXPECT_HAS(run.err, "again/last.gguf: expected the pairs that the run was begun with, found others");
        command_free(&run);
    }
    run = TRAIN(0, "next.ini", "run.dir=again", "data.train=more.tsv*3 train.tsv*0.1", "train.max_steps=60");
    command_free(&run);
    EXPECT(same_bytes("mixed/last.gguf", "again/last.gguf"));
    ModelFile mixed = open_model("mixed/model.gguf");
    CHECK(mixed.info.history_count > 0, "a history");
    const char *line = mixed.info.history[mixed.info.history_count - 1].text;
    EXPECT_HAS(line, "204 pairs: more.tsv ");
    EXPECT_HAS(line, " * 3, train.tsv ");
    EXPECT_HAS(line, " * 0.1");
    modelfile_close(&mixed);

    run = TRAIN(0, "next.ini", "run.dir=one", "data.train=more.tsv train.tsv");
    command_free(&run);
    run = TRAIN(0, "next.ini", "run.dir=ones", "data.train=more.tsv*1 train.tsv*1.0");
    command_free(&run);
    EXPECT(same_bytes("one/train.cache", "ones/train.cache"));
    ModelFile one = open_model("one/last.gguf"), ones = open_model("ones/last.gguf");
    EXPECT(memcmp(one.w, ones.w, one.params.count * sizeof *one.w) == 0);
    modelfile_close(&one);
    modelfile_close(&ones);
}

static void test_weights_refused(void) {
    static const Refused table[] = {
        {"data.train=more.tsv*x", "more.tsv*x: expected a file of this name, or behind the * how many times an epoch "
                                  "takes each pair, a number from 0.001 to 1000, found \"x\""},
        {"data.train=train.tsv more.tsv*0", "more.tsv*0: expected a file of this name, or behind the * how many "},
        {"data.train=more.tsv*", "a number from 0.001 to 1000, found \"\""},
        {"data.train=\"more.tsv\"*1e9", "\"more.tsv\"*1e9: expected a file of this name, or behind the * how many "},
        {"data.train=\"more.tsv\"*2x", "a number from 0.001 to 1000, found \"2x\""},
        {"data.train=\"more.tsv\"+more.tsv*-1", "a number from 0.001 to 1000, found \"-1\""},
        {"data.train=nothing.tsv*2", "nothing.tsv: cannot open: "},
        {"data.train=more.tsv*0.001",
         "data.train: expected weights with which an epoch takes at least 2 pairs of one of the files, found 0.004 "
         "pairs of more.tsv*0.001"},
        {"data.valid=valid.tsv*2", "data.valid: expected files without weights, because each line counts once, found "
                                   "valid.tsv*2"},
    };
    for (size_t i = 0; i < COUNT(table); i++) {
        CommandRun run = TRAIN(1, "next.ini", "run.dir=small", table[i].override);
        EXPECT_HAS(run.err, table[i].said);
        EXPECT(!file_exists("small"));
        command_free(&run);
    }
}

int main(void) {
    world_enter();
    make_base();
    RUN(test_before);
    RUN(test_no_gain);
    RUN(test_weights);
    RUN(test_words);
    RUN(test_history);
    RUN(test_resume);
    RUN(test_cache_of_another_vocabulary);
    RUN(test_refused);
    RUN(test_other_start);
    RUN(test_weights_resume);
    RUN(test_weights_refused);
    world_leave();
    return test_finish();
}
