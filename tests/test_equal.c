/* Texts that look the same are the same text, in training, validation, translating and ./inspect. */
#include "base/ds.h"
#include "command.h"
#include "decode/modelfile.h"

/* How a text may be written: composed; as macOS writes it; with characters that nobody sees. */
typedef enum Spelling { COMPOSED, DECOMPOSED, HIDDEN, BOTH, SPELLINGS } Spelling;

/* Writes a composed text in another way, into a fresh string. */
static char *spell(const char *text, Spelling how) {
    static const char *const letters[][2] = {
        {"\u00e9", "e\u0301"}, {"\u00e8", "e\u0300"}, {"\u00ea", "e\u0302"},           {"\u00e7", "c\u0327"},
        {"\u00e0", "a\u0300"}, {"\u00c5", "\u212b"},  {"\ud55c", "\u1112\u1161\u11ab"}};
    char *out = NULL;
    for (; *text; text++) {
        const char *part = NULL;
        for (size_t i = 0; i < COUNT(letters) && (how & DECOMPOSED); i++)
            if (strncmp(text, letters[i][0], strlen(letters[i][0])) == 0) {
                part = letters[i][1];
                text += strlen(letters[i][0]) - 1;
                break;
            }
        if (part)
            memcpy(stbds_arraddnptr(out, strlen(part)), part, strlen(part));
        else
            stbds_arrput(out, *text);
        const char *hidden = *text == ' '   ? "\u200b"
                             : *text == 'o' ? "\u00ad"
                             : *text == 'n' ? "\u2060\u200e\ufeff"
                                            : "";
        if ((how & HIDDEN) && *hidden) memcpy(stbds_arraddnptr(out, strlen(hidden)), hidden, strlen(hidden));
    }
    stbds_arrput(out, '\0');
    char *copy = memory_string(out);
    stbds_arrfree(out);
    return copy;
}

static const char *const sentences[] = {"l'\u00e9l\u00e8ve a \u00e9t\u00e9 l\u00e0",
                                        "le gar\u00e7on r\u00eave \u00e0 \u00c5lesund",
                                        "\ud55c \ud55c d\u00e9j\u00e0 vu", "nous avons mang\u00e9 des p\u00eaches"};

/* Pairs in which both sides have accents. */
static void write_pairs(const char *path, size_t count, Spelling how) {
    FILE *file = fopen(path, "w");
    CHECK(file, path);
    for (size_t i = 0; i < count; i++) {
        char *line = memory_format("%s %zu\t%s %zu\n", sentences[i % 4], i % 7, sentences[(i + 1) % 4], i % 7);
        char *text = spell(line, how);
        fputs(text, file);
        free(text);
        free(line);
    }
    CHECK(fclose(file) == 0, path);
}

static void train(Spelling how, const char *override) {
    char *path = memory_format("%d.tsv", (int)how), *data = memory_format("data.train=%s", path);
    char *valid = memory_format("data.valid=%s", path), *dir = memory_format("run.dir=run%d", (int)how);
    write_pairs(path, 60, how);
    CommandRun run = command_run(ARGS("train", "tiny.ini", data, valid, dir, "train.max_steps=40", override), NULL);
    EXPECT_INT(run.code, 0);
    const char *note = strstr(run.err, "data.valid: 60 lines with targets that are not in Unicode's normal form C");
    EXPECT((note != NULL) == ((how & DECOMPOSED) != 0));
    command_free(&run);
    free(path);
    free(data);
    free(valid);
    free(dir);
}

/* However the corpus is written, the same vocabulary is learnt and the same weights. */
static void test_training(void) {
    ModelFile first, other;
    Error err = {""};
    train(COMPOSED, NULL);
    CHECK(modelfile_open(&first, "run0/model.gguf", &err), err.text);
    for (int how = DECOMPOSED; how < SPELLINGS; how++) {
        char *path = memory_format("run%d/model.gguf", how);
        train(how, NULL);
        CHECK(modelfile_open(&other, path, &err), err.text);
        EXPECT_INT(other.info.merge_count, first.info.merge_count);
        if (other.params.count != first.params.count ||
            memcmp(other.w, first.w, first.params.count * sizeof *first.w) != 0)
            TEST_FAIL("spelling %d: other weights", how);
        modelfile_close(&other);
        free(path);
    }
    modelfile_close(&first);
}

/* However a line is written, it is translated alike, behind a prefix too. */
static void test_translating(void) {
    for (size_t i = 0; i < COUNT(sentences); i++) {
        char *wanted = NULL;
        for (int how = COMPOSED; how < SPELLINGS; how++) {
            char *text = spell(sentences[i], how), *prefix = spell("l'\u00e9l\u00e8ve", how);
            CommandRun run = command_run(ARGS("translate", "-m", "run0/model.gguf", "--prefix", prefix, "-n", "2"),
                                         &(CommandHow){.input = text});
            EXPECT_INT(run.code, 0);
            EXPECT_STR(run.err, "");
            if (wanted)
                EXPECT_STR(run.out, wanted);
            else
                wanted = memory_string(run.out);
            command_free(&run);
            free(text);
            free(prefix);
        }
        free(wanted);
    }
}

/* With the switches off, what is written otherwise is another text. */
static void test_switches(void) {
    static const char *const switches[] = {"text.nfc=false", "text.invisible=false"};
    for (size_t i = 0; i < COUNT(switches); i++) {
        train(COMPOSED, switches[i]);
        ModelFile file;
        Error err = {""};
        CHECK(modelfile_open(&file, "run0/model.gguf", &err), err.text);
        EXPECT(file.info.text.nfc == (i != 0) && file.info.text.invisible == (i != 1));
        modelfile_close(&file);
        remove_folder("run0");
    }
}

/* A word is found in its sentence, and told from the others of its group, however each of them is written. */
static void test_inspect_word(void) {
    char *wanted = NULL;
    for (int how = 0; how < SPELLINGS * SPELLINGS; how++) {
        char *word = spell("gar\u00e7on", how % SPELLINGS), *sentence = spell(sentences[1], how / SPELLINGS);
        char *group = memory_format("people=gar\u00e7on,nous,%s,\u00e9l\u00e8ve,roi", word);
        char *both = spell("\u00e9l\u00e8ve", how % SPELLINGS), *others = memory_format("others=%s,vu,r\u00eave", both);
        CommandRun run = command_run(ARGS("inspect", "-m", "run0/model.gguf", "--json", sentence, "--word", word,
                                          "--group", group, "--group", others),
                                     NULL);
        EXPECT_INT(run.code, 0);
        EXPECT_STR(run.err, "");
        EXPECT_HAS(run.out, "\"from\":\"people\",\"to\":\"others\"");
        EXPECT(!strstr(run.out, "{\"name\":\"gar\u00e7on\",\"role\":\"reference\""));
        EXPECT_HAS(run.out, "{\"name\":\"roi\",\"role\":\"reference\"");
        EXPECT_HAS(run.out, "{\"name\":\"people\",\"words\":[\"gar\u00e7on\",\"nous\",\"roi\"]}"); /* of the maps */
        const char *context = strstr(run.out, "\"context\":"); /* its words are as the user writes them */
        const size_t size = context ? (size_t)(context - run.out) : 0;
        if (how == 0) wanted = memory_string_n(run.out, size);
        if (size != strlen(wanted) || memcmp(run.out, wanted, size) != 0) TEST_FAIL("spelling %d: other numbers", how);
        command_free(&run);
        free(word);
        free(sentence);
        free(group);
        free(both);
        free(others);
    }
    free(wanted);
}

/* Scores are of the texts as they are; if only one side is decomposed, a message says so. */
static void test_score(void) {
    for (int how = 0; how < 4; how++) {
        char *said = spell("l'\u00e9l\u00e8ve r\u00eave \u00e0 lui\nun roi\n", how & 1),
             *right = spell("l'\u00e9l\u00e8ve r\u00eave \u00e0 lui\nun roi\n", how >> 1);
        write_text("said.txt", said);
        write_text("right.txt", right);
        CommandRun run = command_run(ARGS("score", "said.txt", "right.txt"), NULL);
        EXPECT_INT(run.code, 0);
        const bool same = how == 0 || how == 3;
        EXPECT((strstr(run.out, "BLEU = 100.0000") != NULL) == same);
        if (same)
            EXPECT_STR(run.err, "");
        else
            EXPECT_HAS(run.err, how == 1
                                    ? "1 of the hypotheses are not in Unicode's normal form C, and all references are"
                                    : "1 of the references are not in Unicode's normal form C, and all hypotheses are");
        command_free(&run);
        free(said);
        free(right);
    }
}

int main(void) {
    world_enter();
    RUN(test_training);
    RUN(test_translating);
    RUN(test_inspect_word);
    remove_folder("run0");
    RUN(test_switches);
    RUN(test_score);
    world_leave();
    return test_finish();
}
