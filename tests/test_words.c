/* Words that a training did not have: which there are, what the model file has of those it had, and what is said. */
#include "decode/words.h"

#include "base/ds.h"
#include "command.h"
#include "decode/modelfile.h"

static Table table;
static uint32_t *sums;

static void forget(void) {
    if (table.size) table_free(&table);
    free(sums);
    sums = NULL;
}

/* What the sources of a training had. */
static WordsSeen seen_of(const char *const *texts) {
    forget();
    table = table_create();
    for (; *texts; texts++) words_add(&table, *texts, strlen(*texts));
    sums = words_sums(&table);
    return (WordsSeen){sums, table.count};
}

/* Expects these words of the text, each with its number: "1 zebra|4 yak|". */
static void expect_unseen(WordsSeen seen, const char *text, const char *expected) {
    UnseenWord *unseen = NULL;
    char *normalised = NULL, *found = memory_string("");
    words_unseen(&unseen, &normalised, seen, (Text){text, strlen(text)}, (Normalisation){.spaces = true, .nfc = true});
    for (size_t i = 0; i < stbds_arrlenu(unseen); i++)
        found = memory_join(
            found, "", memory_format("%zu %.*s|", unseen[i].word, (int)unseen[i].length, normalised + unseen[i].start));
    if (strcmp(found, expected) != 0) TEST_FAIL("\"%s\": expected %s, found %s", text, expected, found);
    free(found);
    stbds_arrfree(unseen);
    stbds_arrfree(normalised);
}

static void test_words(void) {
    const WordsSeen seen = seen_of((const char *const[]){"The cat sat, 1", "it is l'arbre du café", "猫。", NULL});
    EXPECT_INT(seen.count, 11);
    EXPECT(words_check(seen));
    static const char *const cases[][2] = {
        {"the CAT sat", ""},
        {"  the zebra\tsat on  the mat ", "1 zebra|3 on|5 mat|"},
        {"the zebra sees the zebra", "1 zebra|2 sees|4 zebra|"},
        {"\"the cat!\" -- ... 😀 \xFF", ""},
        {"11 12", "1 2|"},
        {"2 cats, 340 dogs", "0 2|1 cats|2 340|3 dogs|"},
        {"it's the cat's l'arbre l\u2019arbre's", "0 it's|2 cat's|4 l\u2019arbre's|"},
        {"'tis the zebra's", "0 'tis|2 zebra's|"},
        {"cat 'n' cat", "1 n|"},
        {"CAFE\u0301 cafe", "1 cafe|"},
        {"猫犬猫 cat猫dog", "0 犬|1 dog|"},
        {"cat-dog cat/cat", "0 dog|"},
        {"", ""},
        {"...", ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) expect_unseen(seen, cases[i][0], cases[i][1]);
    expect_unseen((WordsSeen){0}, "zebra", ""); /* an old model knows nothing, one of no words that it saw none */
    expect_unseen(seen_of((const char *const[]){"?", NULL}), "zebra", "0 zebra|");
    forget();
}

/* Texts that are appended to one another stay apart. */
static void test_appended(void) {
    const WordsSeen seen = seen_of((const char *const[]){"year cats", NULL});
    static const char *const texts[] = {"year 7", "8 cats"};
    UnseenWord *unseen = NULL;
    char *normalised = NULL;
    for (size_t i = 0; i < COUNT(texts); i++)
        words_unseen(&unseen, &normalised, seen, (Text){texts[i], strlen(texts[i])}, (Normalisation){.spaces = true});
    EXPECT_INT(stbds_arrlenu(unseen), 2);
    for (size_t i = 0; i < stbds_arrlenu(unseen); i++) {
        EXPECT_INT(unseen[i].length, 1);
        EXPECT_INT(normalised[unseen[i].start], "78"[i]);
    }
    stbds_arrfree(unseen);
    stbds_arrfree(normalised);
    forget();
}

/* One of a hundred thousand words passes for another: none, or one. */
static void test_sums(void) {
    Table words = table_create();
    char text[16];
    for (int i = 0; i < 100000; i++) {
        size_t length = 0;
        for (int rest = i; rest > 0 || length == 0; rest /= 26) text[length++] = (char)('a' + rest % 26);
        words_add(&words, text, length);
    }
    EXPECT(words.count > 99990);
    uint32_t *all = words_sums(&words);
    EXPECT(words_check((WordsSeen){all, words.count}));
    all[7] = all[6];
    EXPECT(!words_check((WordsSeen){all, words.count}));
    EXPECT(words_check((WordsSeen){all, 7}) && words_check((WordsSeen){all, 0}));
    free(all);
    table_free(&words);
}

/* What ./train writes: the words of the pairs that it trained on, and the most tokens; the same when it continues. */
static void test_model(void) {
    ModelFile model;
    Error err;
    write_text("few.tsv", "the cat\tle chat\nThe dog's bone\tl'os du chien\nno target\t\nthe cat\tle chat\n");
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=few", "data.train=few.tsv", "train.max_steps=2"), NULL);
    for (int again = 0; again < 2; again++) {
        if (!modelfile_open(&model, "few/model.gguf", &err)) TEST_FAIL("%s", err.text);
        EXPECT_INT(model.info.seen.count, 5);
        expect_unseen(model.info.seen, "the cat dog s bone no target le chat", "5 no|6 target|7 le|8 chat|");
        Tokenizer *tokenizer = modelfile_tokenizer(&model, &err);
        int32_t *ids = NULL;
        tokenizer_encode(tokenizer, &ids, "The dog's bone", 14);
        EXPECT_INT(model.info.longest_source, stbds_arrlenu(ids));
        stbds_arrfree(ids);
        tokenizer_free(tokenizer);
        modelfile_close(&model);
        command_gives(0, ARGS("train", "tiny.ini", "run.dir=few", "data.train=few.tsv", "train.max_steps=40"), NULL);
    }
}

static void expect_note(const char *const *arguments, const char *input, const char *expected) {
    CommandRun run = command_run(arguments, &(CommandHow){.input = input});
    EXPECT_INT(run.code, 0);
    if (*expected)
        EXPECT_HAS(run.err, expected);
    else
        EXPECT_STR(run.err, "");
    command_free(&run);
}

/* A note for what is asked; for a file, one at its end. */
static void test_notes(void) {
#define TRANSLATE "translate", "-m", "run/model.gguf"
    command_gives(0, ARGS("train", "tiny.ini", "train.max_steps=40"), NULL);
    expect_note(ARGS(TRANSLATE, "The red cat sleeps."), NULL, "");
    expect_note(ARGS(TRANSLATE, "the red zebra sleeps"), NULL,
                "translate: the model never saw \"zebra\" in its training: its translation is a guess\n");
    expect_note(ARGS(TRANSLATE, "The zebra", "a yak, a zebra", "the cat"), NULL,
                "translate: the model never saw \"zebra\", \"a\", \"yak\" in its training (2 of 3 texts have such "
                "words): their translations are guesses\n");
    expect_note(
        ARGS(TRANSLATE), "the cat\nthe yak\n\n",
        "translate: the model never saw \"yak\" in its training (1 of 3 lines have such words): its translation "
        "is a guess\n");
    expect_note(
        ARGS(TRANSLATE), "b c d e f\ng h i j k\033\n",
        "translate: the model never saw \"b\", \"c\", \"d\", \"e\", \"f\", \"g\", \"h\", \"i\" and 2 more in its "
        "training (2 of 2 lines have such words): their translations are guesses\n");
    expect_note(
        ARGS(TRANSLATE, "the cat the dog the boy the bird the king the bear the wolf the red horse"), NULL,
        "translate: the text has more tokens than the longest sentence of its training (15): parts may go wrong "
        "or be left out\n");
    expect_note(ARGS(TRANSLATE), "the cat\nthe cat\tthe dog\nthe dog\tthe cat\n",
                "translate: line 2 has a TAB and is translated as one text (only the first such text is reported); "
                "cut -f1 takes the first column of a file\n");
    CommandRun run = command_run(
        ARGS("inspect", "-m", "run/model.gguf", "--json", "the red zebra", "--compare", "a red yak", "--word", "red"),
        NULL);
    EXPECT_HAS(run.err,
               "inspect: the model never saw \"zebra\", \"a\", \"yak\" in its training (2 of 2 sentences have such");
    command_free(&run);
    run = command_run(ARGS("inspect", "-m", "run/model.gguf", "--json", "the red zebra's cat, yak"), NULL);
    EXPECT_HAS(run.out, ",\"unseen\":[{\"side\":\"source\",\"word\":2,\"text\":\"zebra's\"},"
                        "{\"side\":\"source\",\"word\":4,\"text\":\"yak\"}],");
    command_free(&run);
    run = command_run(ARGS("inspect", "-m", "run/model.gguf", "--json", "the red cat"), NULL);
    EXPECT_HAS(run.out, ",\"unseen\":[],");
    EXPECT_STR(run.err, "");
    command_free(&run);
}

static size_t columns_of(const char *line) {
    size_t columns = 0;
    for (; *line && *line != '\n'; line++) columns += ((unsigned char)*line & 0xC0) != 0x80;
    return columns;
}

/* inspect --text: each column of the grid is as wide as its name, so all lines end where the name of the last does. */
static void test_grid(void) {
    CommandRun run = command_run(ARGS("inspect", "-m", "run/model.gguf", "--text", "the red cat"), NULL);
    const char *line = strstr(run.out, "\n\n");
    EXPECT_HAS(line ? line : "", " the r  ed c  at </s>\n");
    size_t rows = 0;
    for (line += 2; *line != '\n'; line = strchr(line, '\n') + 1) {
        const size_t wide = columns_of(strstr(run.out, "\n\n") + 2);
        if (rows++ > 0) EXPECT_INT(columns_of(line), wide);
    }
    EXPECT(rows > 2);
    command_free(&run);
}

int main(void) {
    world_enter();
    RUN(test_words);
    RUN(test_appended);
    RUN(test_sums);
    RUN(test_model);
    RUN(test_notes);
    RUN(test_grid);
    world_leave();
    return test_finish();
}
