/* Files of earlier versions, in tests/old/: they open, translate to the same texts and train on. */
#include <math.h>

#include "command.h"
#include "decode/modelfile.h"

static char home[PATH_MAX];

/* Copies a file of tests/old/ to the working folder. */
static void take(const char *name, const char *to) {
    char *folder = file_join(home, "tests/old"), *path = file_join(folder, name);
    copy_file(path, to);
    free(path);
    free(folder);
}

static void test_translates(void) {
    CommandRun run = command_run(ARGS("translate", "-m", "old.gguf", "the cat sat", "A dog  ran", "the dog ran"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_STR(run.err, "");
    EXPECT_STR(run.out, "le chat est assis\nun chien a couru\nle chien a couru\n");
    command_free(&run);
}

/* What its keys say, none of which is the default. */
static void test_keys(void) {
    ModelFile file;
    Error err = {""};
    EXPECT(modelfile_open(&file, "old.gguf", &err));
    EXPECT_STR(err.text, "");
    const Hyper *h = &file.info.hyper;
    EXPECT(h->vocab == 280 && h->width == 8 && h->heads == 2 && h->feedforward == 16);
    EXPECT(h->encoder_layers == 1 && h->decoder_layers == 1 && h->max_length == 32 && h->dropout == 0.05);
    EXPECT(file.info.text.lowercase && !file.info.text.nfc && !file.info.text.invisible);
    EXPECT_INT(file.info.decode.beam, 3);
    EXPECT_INT(file.info.step, 300);
    modelfile_close(&file);
}

/* From its last.gguf of step 200 a run comes to the weights that the version of that time had at step 300: the same
 * bits on the same instruction set and compiler, and on all others nearly so. */
static void test_resumes(void) {
    ModelFile old, now;
    Error err = {""};
    mkdir("run", 0777);
    take("last.gguf", "run/last.gguf");
    CommandRun run = command_run(ARGS("train", "old.ini"), &(CommandHow){.variable = "NMT_ISA", .value = "generic"});
    EXPECT_INT(run.code, 0);
    EXPECT_HAS(run.err, "continuing from step 200");
    EXPECT_HAS(run.err, "an earlier version began the run, which keeps text.nfc = false, text.invisible = false");
    command_free(&run);
    const bool open = modelfile_open(&old, "old.gguf", &err);
    CHECK(open && modelfile_open(&now, "run/model.gguf", &err), err.text);
    EXPECT_INT(now.info.step, 300);
    EXPECT(!now.info.text.nfc && !now.info.text.invisible);
    EXPECT_INT(now.params.count, old.params.count);
    double most = 0;
    for (size_t i = 0; i < old.params.count; i++) most = fmax(most, fabs((double)now.w[i] - (double)old.w[i]));
    if (most > 1e-3) TEST_FAIL("weights: expected the same to 0.001, found %g between two", most);
    modelfile_close(&old);
    modelfile_close(&now);
}

/* It stays an old run when a new version has saved it. A new run knows what it was begun with. */
static void test_resumes_again(void) {
    CommandRun run = command_run(ARGS("train", "old.ini", "train.max_steps=301"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_HAS(run.err, "which keeps text.nfc = false, text.invisible = false");
    command_free(&run);
    command_gives(0, ARGS("train", "old.ini", "train.max_steps=1", "text.nfc=false", "--fresh"), NULL);
    run = command_run(ARGS("train", "old.ini", "train.max_steps=2"), NULL);
    EXPECT_INT(run.code, 1);
    EXPECT_HAS(run.err, "the run was begun with text.nfc = false, and now it is true");
    command_free(&run);
}

/* It was begun when there were three options more: its config has them, as 0. */
static void test_removed_options(void) {
    CommandRun run = command_run(ARGS("train", "old.ini", "train.source_word_dropout=0.1"), NULL);
    EXPECT_INT(run.code, 1);
    EXPECT_HAS(run.err, "command line: train.source_word_dropout=0.1: this option is gone (nothing measured showed");
    command_free(&run);
}

int main(void) {
    CHECK(getcwd(home, sizeof home), "a working folder");
    world_enter();
    take("model.gguf", "old.gguf");
    take("train.tsv", "train.tsv");
    take("old.ini", "old.ini");
    RUN(test_translates);
    RUN(test_keys);
    RUN(test_resumes);
    RUN(test_resumes_again);
    RUN(test_removed_options);
    world_leave();
    return test_finish();
}
