/* What users of other translation tools, tokenizers and scorers met, tried on this program. The names in brackets are
 * the public reports, as repository#number. Each case says what went wrong there, and what must come out here. */
#include <stdio.h>

#include "base/ds.h"
#include "command.h"
#include "text/bpe_train.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

static size_t count_of(const char *text, size_t size, char one) {
    size_t count = 0;
    for (size_t i = 0; i < size; i++) count += text[i] == one;
    return count;
}

/* Whether both runs said the same on stdout. */
static bool same_answers(const char *const *a, const char *const *b, const char *input) {
    CommandRun x = command_run(a, &(CommandHow){.input = input}), y = command_run(b, &(CommandHow){.input = input});
    const bool same = x.code == 0 && y.code == 0 && x.out_size == y.out_size && memcmp(x.out, y.out, x.out_size) == 0;
    command_free(&x);
    command_free(&y);
    return same;
}

/* The command ends with the code and says all the parts on stderr. */
static void expect_said(int code, const char *const *arguments, const CommandHow *how, const char *const *parts) {
    CommandRun run = command_run(arguments, how);
    EXPECT_INT(run.code, code);
    for (; *parts; parts++) EXPECT_HAS(run.err, *parts);
    command_free(&run);
}

/* ---- What comes out is text ---- */

/* Half an emoji in the output, and readers that die of it [ggml-org/llama.cpp#2231, abetlen/llama-cpp-python#118]; a CR
 * in a translation, which makes two lines of one for many readers. The model knows single bytes only, and almost
 * nothing about them. */
static void test_output_is_text(void) {
    static const char *const ways[][9] = {
        {"translate", "-m", "bytes/model.gguf", "--sample", "--seed", "1"},
        {"translate", "-m", "bytes/model.gguf", "--sample", "--seed", "2"},
        {"translate", "-m", "bytes/model.gguf", "--sample", "--temperature", "3", "--max-length", "7"},
        {"translate", "-m", "bytes/model.gguf", "-b", "1"},
        {"translate", "-m", "bytes/model.gguf", "-n", "4"},
        {"translate", "-m", "bytes/model.gguf", "-n", "2", "--alignment", "hard"},
    };
    static const size_t each[] = {1, 1, 1, 1, 4, 2}; /* most lines for a line */
    char input[1024] = "";
    for (size_t i = 0; i < 100; i++) snprintf(input + strlen(input), 8, "%zu é\n", i);
    for (size_t i = 0; i < COUNT(ways); i++) {
        CommandRun run = command_run(ways[i], &(CommandHow){.input = input});
        EXPECT_INT(run.code, 0);
        EXPECT_INT(utf8_valid(run.out, run.out_size), run.out_size);
        for (char c = 0; c < ' '; c++)
            if (c != '\n' && c != '\t') EXPECT_INT(count_of(run.out, run.out_size, c), 0);
        EXPECT_INT(count_of(run.out, run.out_size, 0x7F), 0);
        const size_t lines = count_of(run.out, run.out_size, '\n');
        EXPECT(each[i] == 1 ? lines == 100 : lines >= 100 && lines <= 100 * each[i]);
        command_free(&run);
    }
}

/* ---- What goes in is not what it should be ---- */

typedef struct Foreign {
    const char *bytes;
    size_t size;
    const char *part;
} Foreign;

/* A packed file, or one in another encoding, was taken for text: a decoding error without a hint, or garbage without a
 * word [OpenNMT/OpenNMT-tf#886, OpenNMT/OpenNMT-py#784, rsennrich/subword-nmt#86]. */
static void test_foreign_files(void) {
    static const Foreign files[] = {
        {"\x1F\x8B\x08\x00\x01\n\tb\n", 9, "found gzip data (zcat"},
        {"BZh91AY&SY\n\tb\n", 14, "found bzip2 data"},
        {"\xFD"
         "7zXZ\0\n\tb\n",
         10, "found xz data"},
        {"\x28\xB5\x2F\xFD\n\tb\n", 8, "found zstd data"},
        {"PK\3\4\n\tb\n", 8, "found a zip archive"},
        {"GGUF\3\0\0\0\n\tb\n", 12, "found a model file"},
        {"\xFF\xFEt\0h\0\t\0e\0\n\0", 12, "found UTF-16 (iconv"},
        {"\xFE\xFF\0t\0h\0\t\0e\0\n", 12, "found UTF-16 (iconv"},
        {"t\0h\0\t\0e\0\n\0", 10, "found UTF-16LE (iconv"},
        {"\0t\0h\0\t\0e\0\n", 10, "found UTF-16BE (iconv"},
    };
    write_text("good.txt", "a\n");
    for (size_t i = 0; i < COUNT(files); i++) {
        const CommandHow how = {.input = files[i].bytes, .input_size = files[i].size};
        write_bytes("odd", files[i].bytes, files[i].size);
        expect_said(1, ARGS("translate", "-m", "run/model.gguf"), &how,
                    ARGS("standard input: expected UTF-8 text, ", files[i].part));
        expect_said(1, ARGS("score", "odd", "good.txt"), NULL, ARGS("odd: expected UTF-8 text, ", files[i].part));
        expect_said(1, ARGS("score", "good.txt", "odd"), NULL, ARGS("odd: expected UTF-8 text, ", files[i].part));
        expect_said(1, ARGS("train", "odd"), NULL, ARGS("odd: expected UTF-8 text, ", files[i].part));
        expect_said(1, ARGS("train", "tiny.ini", "run.dir=no", "data.train=odd"), NULL, ARGS("odd: ", files[i].part));
        expect_said(1, ARGS("train", "tiny.ini", "run.dir=no", "data.valid=odd"), NULL, ARGS("odd: ", files[i].part));
    }
    /* Text that looks a little like it stays text. */
    static const char *const texts[] = {"PK is a name\n", "BZh what\n", "GGUF is a format\n", "\xEF\xBB\xBFthe cat\n"};
    for (size_t i = 0; i < COUNT(texts); i++)
        command_gives(0, ARGS("translate", "-m", "run/model.gguf"), &(CommandHow){.input = texts[i]});
}

/* Bytes that are not UTF-8 in the middle of a file: taken as they are, but not without a word [OpenNMT/OpenNMT-py#784].
 */
static void test_bad_bytes_are_told(void) {
    expect_said(0, ARGS("translate", "-m", "run/model.gguf"), &(CommandHow){.input = "the cat\ncaf\xE9\n\xE9\n"},
                ARGS("translate: line 2: expected UTF-8 text, found 0xE9 at byte 4"));
    expect_said(0, ARGS("translate", "-m", "run/model.gguf", "a", "b\xC3"), NULL,
                ARGS("translate: text 2: expected UTF-8 text, found 0xC3 at byte 2"));
    write_text("latin", "caf\xE9\n");
    write_text("utf", "café\n");
    expect_said(0, ARGS("score", "latin", "utf"), NULL, ARGS("score: latin:1: expected UTF-8 text, found 0xE9"));
    expect_said(0, ARGS("score", "utf", "latin"), NULL, ARGS("score: latin:1: expected UTF-8 text, found 0xE9"));
    CommandRun run = command_run(ARGS("translate", "-m", "run/model.gguf", "café"), NULL);
    command_drop_unseen(run.err);
    EXPECT_STR(run.err, "");
    command_free(&run);
}

/* ---- Messages that say the way on ---- */

static void test_the_way_on(void) {
    write_text("side.en", "a cat\na dog\n");
    write_text("side.fr", "un chat\nun chien\n");
    /* Two files as a list, where they should be side by side [stefan-it/nmt-en-vi#6]. */
    expect_said(1, ARGS("train", "tiny.ini", "run.dir=no", "data.train=side.en side.fr"), NULL,
                ARGS("side.en:1: ", "found no TAB", "Two files side by side are written side.en+side.fr"));
    expect_said(1, ARGS("train", "tiny.ini", "run.dir=no", "data.valid=side.en side.fr"), NULL,
                ARGS("Two files side by side are written side.en+side.fr"));
    expect_said(0, ARGS("train", "tiny.ini", "run.dir=no", "data.train=side.en+side.fr", "train.max_steps=1"), NULL,
                ARGS("2 pairs"));
    /* A negative number taken for an option [pallets/click#555]. */
    expect_said(2, ARGS("translate", "-3,14"), NULL, ARGS("unknown option \"-3,14\"", "comes after --"));
    expect_said(2, ARGS("score", "-ref", "x"), NULL, ARGS("unknown option \"-ref\"", "comes after --"));
    command_gives(0, ARGS("translate", "-m", "run/model.gguf", "--", "-3,14"), NULL);
    /* A length limit against a given beginning: the limit was silently passed [OpenNMT/CTranslate2#186]. */
    expect_said(1, ARGS("translate", "-m", "run/model.gguf", "--prefix", "le chat", "--max-length", "2", "x"), NULL,
                ARGS("--prefix: expected fewer than --max-length 2 tokens, found "));
    expect_said(1, ARGS("translate", "-m", "run/model.gguf", "--prefix", "l", "--max-length", "1", "x"), NULL,
                ARGS("--prefix: expected fewer than --max-length 1 tokens, found "));
    command_gives(0, ARGS("translate", "-m", "run/model.gguf", "--prefix", "l", "--max-length", "3", "x"), NULL);
}

/* A program that seems to hang, as it waits for lines that nobody types [marian-nmt/marian#419, bert-nmt/bert-nmt#5].
 */
static void test_terminal(void) {
    const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char name[64];
    if (terminal < 0 || grantpt(terminal) != 0 || unlockpt(terminal) != 0 ||
        ptsname_r(terminal, name, sizeof name) != 0)
        SKIP("no pseudo-terminal");
    CommandRun run = command_start(ARGS("translate", "-m", "run/model.gguf"), &(CommandHow){.input_path = name});
    EXPECT_INT(write(terminal, "the cat\n\004", 9), 9);
    command_wait(&run);
    EXPECT_INT(run.code, 0);
    EXPECT_STR(run.err, "translate: type a sentence and press Enter; Ctrl-D ends\n");
    EXPECT_INT(count_of(run.out, run.out_size, '\n'), 1);
    command_free(&run);
    close(terminal);
    run = command_run(ARGS("translate", "-m", "run/model.gguf"), &(CommandHow){.input = "the cat\n"});
    EXPECT_STR(run.err, "");
    command_free(&run);
}

/* ---- Lines in, lines out ---- */

/* A line without words ended the output [marian-nmt/marian-dev#667]; empty lines crashed or shifted the rest
 * [joeynmt/joeynmt#183, awslabs/sockeye#477]; lines after the first shards were lost [OpenNMT/OpenNMT-py#1317]. */
static void test_lines(void) {
    static const char *const odd[] = {"&apos;&apos;&apos;&apos;&apos;&apos;&apos;&apos;",
                                      "!!!???",
                                      "",
                                      "   ",
                                      "....",
                                      "salad salad salad salad salad salad salad",
                                      "</s>",
                                      "1,000,000.00",
                                      "\t"};
    char *input = NULL;
    for (size_t i = 0; i < 1300; i++) {
        const char *line = i % 2 ? odd[i / 2 % COUNT(odd)] : "the red cat sleeps";
        memcpy(stbds_arraddnptr(input, strlen(line)), line, strlen(line));
        stbds_arrput(input, '\n');
    }
    stbds_arrput(input, 0);
    CommandRun run = command_run(ARGS("translate", "-m", "run/model.gguf"), &(CommandHow){.input = input}),
               alone = command_run(ARGS("translate", "-m", "run/model.gguf", "the red cat sleeps"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_INT(count_of(run.out, run.out_size, '\n'), 1300);
    size_t number = 0, wrong = 0;
    for (const char *at = run.out; *at; at = strchr(at, '\n') + 1, number++) {
        const char *source = number % 2 ? odd[number / 2 % COUNT(odd)] : "x";
        if (number % 2 == 0) wrong += strncmp(at, alone.out, alone.out_size) != 0;
        if (source[strspn(source, " \t")] == 0) wrong += *at != '\n';
    }
    EXPECT_INT(wrong, 0);
    command_free(&run);
    command_free(&alone);
    stbds_arrfree(input);
}

/* The second sentence of a line was left out [Helsinki-NLP/Opus-MT#60, marian-nmt/marian#389,
 * argosopentech/argos-translate#409]. --sentences gives what the sentences give one by one. */
static void test_sentences(void) {
    static const struct {
        const char *text;
        const char *const parts[5];
    } cases[] = {
        {"the red cat sleeps. the black dog eats!", {"the red cat sleeps.", "the black dog eats!"}},
        {"is the king there?  he runs. 3.5 birds sing...  x",
         {"is the king there?", "he runs.", "3.5 birds sing...", "x"}},
        {"the red cat sleeps", {"the red cat sleeps"}},
        {"a.b.c!d?e", {"a.b.c!d?e"}},
        {"", {NULL}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char wanted[1024] = "";
        for (size_t k = 0; cases[i].parts[k]; k++) {
            CommandRun run = command_run(ARGS("translate", "-m", "run/model.gguf", cases[i].parts[k]), NULL);
            snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), "%s%.*s", k ? " " : "",
                     (int)run.out_size - 1, run.out);
            command_free(&run);
        }
        strcat(wanted, "\n");
        CommandRun run = command_run(ARGS("translate", "-m", "run/model.gguf", "--sentences", cases[i].text), NULL);
        EXPECT_INT(run.code, 0);
        EXPECT_STR(run.out, wanted);
        command_drop_unseen(run.err);
        EXPECT_STR(run.err, "");
        command_free(&run);
    }
}

/* One alignment too few for a word [marian-nmt/marian#168], or none in an n-best list [marian-nmt/marian#159]. */
static void test_alignments(void) {
    CommandRun run = command_run(ARGS("translate", "-m", "run/model.gguf", "-n", "3", "--alignment", "hard"),
                                 &(CommandHow){.input = "the red cat sleeps\n&apos; !!! x\nthe black dog\n"});
    EXPECT_INT(run.code, 0);
    for (char *at = run.out, *end; (end = strchr(at, '\n')); at = end + 1) {
        *end = 0;
        char *text = strstr(at, " ||| "), *pairs = text ? strstr(text + 5, " ||| ") : NULL;
        EXPECT(text && pairs);
        if (!pairs) break;
        size_t words = 0, aligned = 0;
        *pairs = 0;
        for (char *p = text + 5; *(p += strspn(p, " ")); p += strcspn(p, " ")) words++;
        for (char *p = pairs + 5; *p && *p != '|'; p++) aligned += *p == '-';
        EXPECT_INT(aligned, words);
    }
    command_free(&run);
}

/* A file gave other translations than its lines one by one [joeynmt/joeynmt#143, OpenNMT/OpenNMT-py#502]; a seed that
 * seeds nothing [OpenNMT/CTranslate2#1757]; decimal commas by locale [ggml-org/llama.cpp#10613]. */
static void test_same_again(void) {
    const char *const beam[] = {"translate", "-m", "run/model.gguf", "-b", "4", "the red cat sings", "a dog", NULL};
    CommandRun alone = command_run(beam, NULL), file = command_run(ARGS("translate", "-m", "run/model.gguf", "-b", "4"),
                                                                   &(CommandHow){.input = "the red cat sings\na dog"});
    EXPECT_STR(alone.out, file.out);
    command_free(&alone);
    command_free(&file);
    const char *const one[] = {"translate", "-m", "run/model.gguf", "--sample", "--seed", "1", NULL},
                      *const two[] = {"translate", "-m", "run/model.gguf", "--sample", "--seed", "2", NULL};
    const char *const lines = "the red cat\nthe dog\nthe bird sings\nthe king runs\n";
    EXPECT(same_answers(one, one, lines));
    EXPECT(!same_answers(one, two, lines));
    const char *const scored[] = {"translate", "-m", "run/model.gguf", "-n", "1", "the cat", NULL};
    CommandRun plain = command_run(scored, NULL),
               german = command_run(scored, &(CommandHow){.variable = "LC_ALL", .value = "de_DE.UTF-8"});
    EXPECT_STR(plain.out, german.out);
    command_free(&plain);
    command_free(&german);
}

/* ---- Text and its tokens ---- */

/* Soft hyphens, other white space and marks that nobody sees made rubbish of a sentence
 * [browsermt/bergamot-translator#337, mozilla/translations#26, moses-smt/mosesdecoder#233]. A joiner is not of these:
 * it makes letters and emoji [google/sentencepiece#629]. */
static void test_unseen_characters(void) {
    static const char *const same[] = {"the\u00A0red cat sleeps",        "the red\u2009\u3000cat sleeps",
                                       "\u200Bthe red\u200B cat sleeps", "the r\u00ADed ca\u00ADt sleeps",
                                       "\u200Ethe red cat\u200F sleeps", "the \uFEFFred \u2060cat sleeps",
                                       " the\tred  cat sleeps \u2028"};
    CommandRun plain = command_run(ARGS("translate", "-m", "run/model.gguf", "the red cat sleeps"), NULL);
    for (size_t i = 0; i < COUNT(same); i++) {
        CommandRun run = command_run(ARGS("translate", "-m", "run/model.gguf", same[i]), NULL);
        EXPECT_STR(run.out, plain.out);
        command_free(&run);
    }
    command_free(&plain);
    char *text = NULL;
    static const char family[] = "👩\u200D👩\u200D👧 ශ\u0DCA\u200Dරී ❤\uFE0F";
    normalise_text(&text, family, strlen(family), (Normalisation){.spaces = true, .nfc = true, .invisible = true});
    stbds_arrput(text, 0);
    EXPECT_STR(text, family);
    stbds_arrfree(text);
}

/* Text came back changed: the tokenizer's own signs in the text, its marks, white space, joined emoji
 * [google/sentencepiece#514, #863, #838, #629, LibreTranslate/LibreTranslate#33, rsennrich/subword-nmt#71]. */
static void test_text_comes_back(void) {
    static const char *const texts[] = {"▁the▁cat",
                                        "abc▁d d",
                                        "</s> <s> <unk> <pad>",
                                        "a@@ b@@",
                                        "&amp; &lt;b&gt;",
                                        "👩‍👩‍👧‍👦 👍🏽 🇫🇷",
                                        "ශ්‍රී ක්‍ෂ",
                                        "{{name}} %1$s ${x} ###T01###",
                                        "1,5e-3 −7 ½ ١٢٣",
                                        "a ||| b",
                                        "ﬁ ﬀ ｗｉｄｅ",
                                        "<0x0A> ⁇ �",
                                        "x​y­z"};
    BpeTrainer *trainer = bpe_train_create((Normalisation){.spaces = true});
    for (size_t twice = 0; twice < 2; twice++)
        for (size_t i = 0; i < COUNT(texts); i += 2) bpe_train_add(trainer, texts[i], strlen(texts[i]));
    uint32_t *merges = bpe_train_finish(trainer, 400);
    Error err;
    Tokenizer *tokenizer = tokenizer_create(merges, stbds_arrlenu(merges) / 2, (Normalisation){.spaces = true}, &err);
    for (size_t i = 0; tokenizer && i < COUNT(texts); i++) {
        int32_t *ids = NULL;
        char *back = NULL;
        tokenizer_encode(tokenizer, &ids, texts[i], strlen(texts[i]));
        for (size_t k = 0; k < stbds_arrlenu(ids); k++) EXPECT(ids[k] != TOKEN_BEGIN && ids[k] != TOKEN_END);
        tokenizer_decode(tokenizer, &back, ids, stbds_arrlenu(ids));
        stbds_arrput(back, 0);
        EXPECT_STR(back, texts[i]);
        stbds_arrfree(back);
        stbds_arrfree(ids);
    }
    tokenizer_free(tokenizer);
    stbds_arrfree(merges);
}

/* The vocabulary depended on how the text was read [rsennrich/subword-nmt#13]. */
static void test_ways_of_reading(void) {
    size_t size;
    char *tsv = read_bytes("train.tsv", &size);
    FILE *crlf = fopen("crlf.tsv", "w"), *en = fopen("all.en", "w"), *fr = fopen("all.fr", "w");
    fputs("\xEF\xBB\xBF", crlf);
    for (char *line = strtok(tsv, "\n"); line; line = strtok(NULL, "\n")) {
        char *tab = strchr(line, '\t');
        fprintf(crlf, "%s\r\n", line);
        fprintf(en, "%.*s\n", (int)(tab - line), line);
        fprintf(fr, "%s\n", tab + 1);
    }
    EXPECT(fclose(crlf) == 0 && fclose(en) == 0 && fclose(fr) == 0);
    free(tsv);
    const char *const lists[] = {"data.train=train.tsv", "data.train=crlf.tsv", "data.train=all.en+all.fr",
                                 "data.train=-"};
    char *answers[COUNT(lists)];
    for (size_t i = 0; i < COUNT(lists); i++) {
        char dir[32], model[48];
        snprintf(dir, sizeof dir, "run.dir=way%zu", i);
        snprintf(model, sizeof model, "way%zu/model.gguf", i);
        command_gives(0, ARGS("train", "tiny.ini", dir, lists[i], "train.max_steps=5"),
                      &(CommandHow){.input_path = "train.tsv"});
        CommandRun run = command_run(ARGS("translate", "-m", model, "-n", "2", "the red cat"), NULL);
        answers[i] = memory_string(run.out);
        command_free(&run);
        EXPECT_STR(answers[i], answers[0]);
    }
    for (size_t i = 0; i < COUNT(lists); i++) free(answers[i]);
}

/* ---- Training ---- */

/* A run of a few steps with some settings changed: what must be on stderr. */
typedef struct Training {
    const char *settings[6];
    int code;
    const char *part, *never; /* never: must not be there; NULL: nothing */
} Training;

static void test_training(void) {
    static const Training runs[] = {
        /* Early stopping that worked with one schedule only [joeynmt/joeynmt#215]. */
        {{"train.schedule=inverse_sqrt", "train.learning_rate=1e-12", "valid.patience=2"},
         0,
         "stopped early at step 60",
         0},
        {{"train.schedule=cosine", "train.learning_rate=1e-12", "valid.patience=2"}, 0, "stopped early at step 60", 0},
        {{"train.schedule=constant", "train.learning_rate=1e-12", "valid.patience=2"},
         0,
         "stopped early at step 60",
         0},
        {{"train.schedule=noam", "train.learning_rate=1e-12", "valid.patience=2"}, 0, "stopped early at step 60", 0},
        /* The end fell between two validations, and nothing was saved [marian-nmt/marian#155]. */
        {{"train.max_steps=3", "valid.every_steps=1000"}, 0, "done: 3 steps, best at step 3", 0},
        {{"train.max_steps=0", "train.max_epochs=1", "valid.every_steps=1000"}, 0, "new best", 0},
        /* The logged rate was that of another step; division by zero without warm-up [OpenNMT/OpenNMT-py#1666,
         * facebookresearch/fairseq#1408]. */
        {{"train.max_steps=1", "train.warmup_steps=0", "train.log_every=1"}, 0, "step 1: loss ", "nan"},
        {{"train.max_steps=1", "train.warmup_steps=0", "train.log_every=1"}, 0, "rate 1.0e-02", 0},
        {{"train.max_steps=1", "train.warmup_steps=1", "train.log_every=1"}, 0, "rate 1.0e-02", 0},
        {{"train.max_steps=1", "train.warmup_steps=10", "train.log_every=1"}, 0, "rate 1.0e-03", 0},
        /* A sentence larger than a batch [facebookresearch/fairseq#2650]. */
        {{"train.max_steps=2", "train.batch_tokens=1"}, 0, "200 pairs", "left out"},
        /* A vocabulary smaller than the alphabet, or larger than the text gives [google/sentencepiece#885]. */
        {{"train.max_steps=1", "text.vocab_size=258"}, 0, "vocabulary 258", 0},
        {{"train.max_steps=1", "text.vocab_size=30000"}, 0, " instead of 30,000", 0},
        /* A warm-up longer than the run, without a word [whr94621/NJUNMT-pytorch#27]. */
        {{"train.max_steps=10", "train.warmup_steps=1000"}, 0, "does not end before the last step (10)", 0},
        {{"train.max_steps=10", "train.warmup_steps=1000"}, 0, "the learning rate rises to 0.0001 only", 0},
        {{"train.max_steps=20", "train.warmup_steps=20", "train.schedule=noam"},
         0,
         "warmup_steps (20) does not end",
         0},
        {{"train.max_steps=0", "train.max_epochs=1", "train.warmup_steps=500"}, 0, "train.warmup_steps (500)", 0},
        {{"train.max_steps=20", "train.warmup_steps=200", "train.schedule=cosine", "--dry-run"}, 0, "", 0},
        /* Two limits, of which one shapes the schedule and the other ends the run [mlfoundations/open_clip#413]. */
        {{"train.max_steps=1000", "train.max_epochs=1", "train.schedule=cosine", "train.warmup_steps=5"},
         0,
         "(train.max_epochs), before the",
         0},
        {{"train.max_steps=1000", "train.max_epochs=1", "train.schedule=cosine", "train.warmup_steps=5"},
         0,
         "rate only falls to 0.01",
         "nan"},
        {{"train.max_steps=1000", "train.max_epochs=1", "train.schedule=cosine"},
         0,
         "rate rises to 0.00",
         "only falls"},
        {{"train.max_steps=20", "train.max_epochs=9", "train.schedule=cosine"}, 0, "done: 20 steps", "only falls"},
        {{"train.max_steps=20", "train.max_epochs=9", "train.warmup_steps=1"}, 0, "done: 20 steps", "rises to"},
        {{"train.max_steps=20", "train.warmup_steps=19"}, 0, "done: 20 steps", "warmup"},
        {{"text.vocab_size=257"}, 1, "text.vocab_size=257: expected an integer from 258 to 65536", 0},
        /* Numbers as people write them. */
        {{"train.max_steps=1,000"}, 1, "expected an integer", 0},
        {{"train.max_steps=1e3"}, 1, "expected an integer", 0},
        {{"train.learning_rate=0,01"}, 1, "expected a number", 0},
        {{"train.max_steps=0"}, 1, "above 0, found both 0", 0},
    };
    for (size_t i = 0; i < COUNT(runs); i++) {
        const char *arguments[12] = {"train", "tiny.ini", "--fresh", "run.dir=some"};
        for (size_t k = 0; runs[i].settings[k]; k++) arguments[4 + k] = runs[i].settings[k];
        CommandRun run = command_run(arguments, NULL);
        EXPECT_INT(run.code, runs[i].code);
        EXPECT_HAS(run.err, runs[i].part);
        if (runs[i].never) EXPECT(!strstr(run.err, runs[i].never));
        command_free(&run);
    }
}

/* ---- Scores ---- */

/* Scores of nothing, and of next to nothing [mjpost/sacrebleu#141, #161, #239, #15, browsermt/students#10,
 * rsennrich/subword-nmt#3]: each line's BLEU and chrF2 as sacreBLEU has them. */
static void test_scores(void) {
    static const struct {
        const char *hypothesis, *reference, *scores;
    } lines[] = {
        {"yes", "no", "0.0000\t0.0000\n"},
        {"", "a b c d", "0.0000\t0.0000\n"},
        {"a b c d", "", "0.0000\t0.0000\n"},
        {"", "", "0.0000\t0.0000\n"},
        {"x", "x", "100.0000\t100.0000\n"},
        {"Generaldirektion Informationsgesellschaft", "Generaldirektion Informationsgesellschaft",
         "100.0000\t100.0000\n"},
        {"&quot;a&quot; &lt;b&gt; &amp;c", "\"a\" <b> &c", "100.0000\t"},
        {"&lt;", "\"", "0.0000\t"},
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        char text[128];
        snprintf(text, sizeof text, "%s\n", lines[i].hypothesis);
        write_text("h", text);
        snprintf(text, sizeof text, "%s\n", lines[i].reference);
        write_text("r", text);
        CommandRun run = command_run(ARGS("score", "--per-line", "-m", "bleu", "-m", "chrf", "h", "r"), NULL);
        EXPECT_INT(run.code, 0);
        EXPECT(strncmp(run.out, lines[i].scores, strlen(lines[i].scores)) == 0);
        command_free(&run);
    }
    write_text("h", "a\nb\n");
    write_text("r", "a\nb\nc\n");
    expect_said(1, ARGS("score", "h", "r"), NULL, ARGS("r: expected 2 lines, as in h, found 3"));
}

/* Tokenised text scored as if it were plain [mjpost/sacrebleu#162, facebookresearch/fairseq#1300]. */
static void test_tokenised(void) {
    static const struct {
        const char *line;
        size_t lines;
        const char *option;
        bool told;
    } cases[] = {{"the cat sat .", 100, "-l", true},
                 {"the cat sat .", 99, "-l", false},
                 {"the cat sat.", 300, "-l", false},
                 {"the cat sat ?", 300, "-l", false},
                 {"the cat sat .", 300, "--tokenize=none", false},
                 {".", 300, "-l", false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *text = NULL;
        for (size_t k = 0; k < cases[i].lines; k++) {
            memcpy(stbds_arraddnptr(text, strlen(cases[i].line)), cases[i].line, strlen(cases[i].line));
            stbds_arrput(text, '\n');
        }
        write_bytes("h", text, stbds_arrlenu(text));
        CommandRun run = command_run(ARGS("score", cases[i].option, "h", "h"), NULL);
        EXPECT_INT(run.code, 0);
        EXPECT((strstr(run.err, "seems to be tokenised") != NULL) == cases[i].told);
        command_free(&run);
        stbds_arrfree(text);
    }
}

int main(void) {
    world_enter();
    command_gives(0, ARGS("train", "tiny.ini"), NULL);
    command_gives(
        0, ARGS("train", "tiny.ini", "run.dir=bytes", "text.vocab_size=258", "text.spaces=false", "train.max_steps=1"),
        NULL);
    RUN(test_output_is_text);
    RUN(test_foreign_files);
    RUN(test_bad_bytes_are_told);
    RUN(test_the_way_on);
    RUN(test_terminal);
    RUN(test_lines);
    RUN(test_sentences);
    RUN(test_alignments);
    RUN(test_same_again);
    RUN(test_unseen_characters);
    RUN(test_text_comes_back);
    RUN(test_ways_of_reading);
    RUN(test_training);
    RUN(test_scores);
    RUN(test_tokenised);
    world_leave();
    return test_finish();
}
