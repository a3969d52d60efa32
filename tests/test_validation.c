/* Validation's BLEU is what anybody finds who translates the same file and scores it: of odd files, `./translate -b 1 |
 * ./score --tsv - FILE` gives the figure in log.jsonl to the last digit. What is exactly right is counted after both
 * sides were normalised as the model does. */

#include "command.h"

/* The value of a key in the last line of a run's log.jsonl that has it; NaN when none has. */
static double logged(const char *folder, const char *key) {
    char name[32];
    size_t size;
    char *path = file_join(folder, "log.jsonl"), *text = read_bytes(path, &size);
    double value = NAN;
    snprintf(name, sizeof name, "\"%s\":", key);
    for (const char *at = text; at && (at = strstr(at, name)); at++) value = strtod(at + strlen(name), NULL);
    free(text);
    free(path);
    return value;
}

/* The first `most` lines of a text, up to the first TAB of each, as `head | cut -f1` gives them; most 0: all lines. */
static char *first_column(const char *text, size_t most) {
    char *out = memory_new(strlen(text) + 2, 1), *end = out;
    for (size_t line = 0; *text && (most == 0 || line < most); line++) {
        const size_t length = strcspn(text, "\n"), column = strcspn(text, "\t\n");
        memcpy(end, text, column);
        end += column;
        *end++ = '\n';
        text += length + (text[length] == '\n');
    }
    return out;
}

typedef struct Row {
    const char *name, *text; /* of valid.tsv; or sources, and `targets` */
    const char *targets;     /* in a file of their own */
    const char *setting, *other;
    const char *said; /* on the way by ./train; NULL: nothing to look for */
} Row;

#define LONG8 "the red cat sleeps and the red dog eats and the black boy sings and the green bird runs and "
#define PAIR  "the red cat sleeps\tle chat rouge dort\n"
#define MORE  "the black dog eats\tle chien noir mange\nthe green boy sings\tle garçon vert chante\n"

static const Row rows[] = {
    {"plain", PAIR MORE, NULL, NULL, NULL, NULL},
    {"typographic apostrophes",
     "the red cat’s dog\tl’ chat rouge dort\nthe black dog eats\tl‘ chien noir mange\nthe green boy sings\tl' garçon "
     "vert "
     "chante\n",
     NULL, "data.train=elided.tsv", NULL, NULL},
    {"typographic apostrophes, kept by the model",
     "the red cat’s dog\tl’ chat rouge dort\nthe black dog eats\tl‘ chien noir mange\nthe green boy sings\tl' garçon "
     "vert "
     "chante\n",
     NULL, "data.train=elided.tsv", "text.apostrophes=false", NULL},
    {"capitals and a lower-case model", "THE RED CAT SLEEPS\tLE CHAT ROUGE DORT\n" MORE "The sad king\tLe Roi triste\n",
     NULL, "text.lowercase=true", NULL, NULL},
    {"decomposed accents",
     "the green boy sings\tle garc\u0327on vert chante\n" MORE "e\u0301te\u0301\tle e\u0301te\u0301\n", NULL, NULL,
     NULL, NULL},
    {"several targets", "the red cat sleeps\tun chat rouge dort\tle chat rouge dort là\tle chat dort\n" MORE, NULL,
     NULL, NULL, NULL},
    {"empty and blank further columns",
     "the red cat sleeps\tle chat rouge\t\n" MORE
     "the sad bear runs\tun ours triste\t \tun ours triste court\t\u00A0\n",
     NULL, NULL, NULL, NULL},
    {"blanks", "the red cat sleeps \tle chat rouge dort  \nthe  black   dog eats\t le  chien noir\n" MORE, NULL, NULL,
     NULL, NULL},
    {"blanks, kept by the model",
     "the red cat sleeps \tle chat rouge dort  \nthe  black   dog eats\t le  chien noir\n" MORE, NULL,
     "text.spaces=false", NULL, NULL},
    {"CRLF, byte order mark, no last line end",
     "\uFEFFthe red cat sleeps\tle chat rouge dort\r\nthe black dog eats\tle chien noir mange\r\nthe king\tle roi "
     "triste "
     "dort",
     NULL, NULL, NULL, NULL},
    {"other white space",
     "the red\u2028cat sleeps\tle chat\u2028rouge dort\nthe\u00A0black dog eats\tle chien\u00A0noir "
     "mange\nthe\vdog\tle\f"
     "chien\u3000noir mange\n" PAIR,
     NULL, NULL, NULL, NULL},
    {"no spaces", "猫在睡觉，狗在吃东西。\t猫は眠っている。犬は食べている。\n赤い猫\t赤い猫が眠る\n" PAIR, NULL, NULL,
     NULL, NULL},
    {"one line", "the black dog eats\tle chien noir mange\n", NULL, NULL, NULL, NULL},
    {"longer than the model takes",
     PAIR LONG8 LONG8 "the sad king sleeps\tle chat rouge dort et le chien rouge mange\n", NULL, NULL, NULL,
     "left out of the loss 1 line longer than model.max_length"},
    {"sides of different lengths", PAIR "the red cat\t" LONG8 LONG8 "\n", NULL, "data.max_ratio=2",
     "model.max_length=200", "left out of the loss 1 line with sides"},
    {"lines without a source", PAIR "\tle chien noir mange ici\n \u00A0\tle garçon vert chante\n" MORE, NULL, NULL,
     NULL, "left out of the loss 2 lines without text on a side"},
    {"lines without a target", PAIR "the red cat\nthe black dog\t\nthe sad king\t \t\t\n\n\t\n" MORE, NULL, NULL, NULL,
     "left out 2 lines without a TAB"},
    {"a target in column 3 alone", PAIR "the black dog eats\t\tle chien noir mange ici\n", NULL, NULL, NULL, NULL},
    {"not UTF-8",
     PAIR "the r\xE9"
          "d cat sleeps\tle chat rouge dort l\xE0\n" MORE,
     NULL, NULL, NULL, "left out of the loss 1 line with bytes that are not UTF-8"},
    {"the same lines", PAIR PAIR MORE PAIR, NULL, "data.unique=true", NULL, NULL},
    {"entities, control characters",
     "the &quot;red&quot; cat\tle &quot;chat&quot; rouge, dort.\n<a> 1.5 \x1b b\tle 1,5-2 "
     "\x1c est <skipped> là\n" MORE,
     NULL, NULL, NULL, NULL},
    {"the first lines alone", PAIR MORE "the sad king\tune horreur\nthe bear\tune autre horreur ici\n", NULL,
     "valid.translate=3", NULL, NULL},
    {"two files", "\uFEFFthe red cat sleeps\nthe black dog eats\n\nthe sad king\n",
     "\uFEFFle chat rouge dort\nle chien\t"
     "noir\nle roi triste est là\n\n",
     NULL, NULL, "left out of the loss 2 lines without text on a side"},
    {"two files, lines that end in CR", "the red cat sleeps\rthe black dog eats\r",
     "le chat rouge dort là\rle chien noir\r", NULL, NULL, NULL},
    {"two files, CRLF, not UTF-8", "the red cat sleeps\r\nthe bl\xFF dog\r\n",
     "le chat rouge dort\r\nle chien noir est\r\n", NULL, NULL, "left out of the loss 1 line with bytes"},
};

static void check_row(const Row *row) {
    write_text("odd.tsv", row->text);
    if (row->targets) write_text("odd.fr", row->targets);
    const char *valid = row->targets ? "data.valid=odd.tsv+odd.fr" : "data.valid=odd.tsv";
    const char *setting = row->setting ? row->setting : "train.seed=1";
    CommandRun train = command_run(ARGS("train", "tiny.ini", "run.dir=odd", "train.max_steps=100",
                                        "valid.every_steps=100", "valid.translate=500", "train.batch_tokens=512",
                                        "train.learning_rate=0.02", valid, setting, row->other ? row->other : setting),
                                   NULL);
    if (train.code != 0) TEST_FAIL("%s: %s", row->name, train.err);
    if (row->said && !strstr(train.err, row->said))
        TEST_FAIL("%s: expected \"%s\", found %s", row->name, row->said, train.err);
    const size_t most = row->setting && strstr(row->setting, "valid.translate") ? 3 : 0;
    char *sources = row->targets ? memory_string(row->text) : first_column(row->text, most);
    CommandRun translate =
        command_run(ARGS("translate", "-m", "odd/model.gguf", "-b", "1"), &(CommandHow){.input = sources});
    if (most) { /* head -n 3 */
        char *at = strchr(strchr(strchr(row->text, '\n') + 1, '\n') + 1, '\n');
        write_bytes("odd.tsv", row->text, (size_t)(at + 1 - row->text));
    }
    const CommandHow how = {.input = translate.out, .input_size = translate.out_size};
    CommandRun score = row->targets ? command_run(ARGS("score", "-", "odd.fr"), &how)
                                    : command_run(ARGS("score", "--tsv", "-", "odd.tsv"), &how);
    char expected[64];
    snprintf(expected, sizeof expected, "BLEU = %.4f ", logged("odd", "bleu"));
    if (strncmp(score.out, expected, strlen(expected)) != 0)
        TEST_FAIL("%s: validation says %s, ./score %.40s%s", row->name, expected, score.out, score.err);
    if (strncmp(score.out, "BLEU = 0.0000", 13) == 0) TEST_FAIL("%s: expected a BLEU above 0", row->name);
    command_free(&score);
    command_free(&translate);
    command_free(&train);
    free(sources);
    remove_folder("odd");
}

/* The training pairs, with an apostrophe in each target. */
static void write_elided(void) {
    size_t size;
    char *text = read_bytes("train.tsv", &size);
    for (char *at = text; (at = strstr(at, "\tle "));) at[2] = '\'';
    write_text("elided.tsv", text);
    free(text);
}

static void test_same_figure(void) {
    write_elided();
    for (size_t i = 0; i < COUNT(rows); i++) check_row(&rows[i]);
}

/* The training pairs do not depend on data.valid, so a second run makes the same model. Its own translations are its
 * targets here, spelt in ways that its normalisation takes away. */
static void test_exactly_right(void) {
    static const struct {
        const char *setting, *blank, *end;
        double exact;
    } spellings[] = {{"text.lowercase=false", "  ", " ", 1},
                     {"text.lowercase=true", "\u00A0", "", 1},
                     {"text.apostrophes=true", "\u2028 ", "\u3000", 1},
                     {"text.spaces=false", " ", "", 1},
                     {"text.spaces=false", "  ", "", 0}};
    static const char sources[] = "the red cat sleeps\nthe black dog eats\nthe green boy sings\n";
    for (size_t i = 0; i < COUNT(spellings); i++) {
        CommandRun translate = {0};
        for (int second = 0; second < 2; second++) {
            if (!second) write_text("odd.fr", "un\ndeux\ntrois\n");
            write_text("odd.en", sources);
            CommandRun train =
                command_run(ARGS("train", "tiny.ini", "run.dir=odd", "train.max_steps=40", "valid.every_steps=40",
                                 "train.learning_rate=0.02", "data.valid=odd.en+odd.fr", spellings[i].setting),
                            NULL);
            EXPECT_INT(train.code, 0);
            if (second) EXPECT_NEAR(logged("odd", "exact"), spellings[i].exact, 0);
            command_free(&train);
            if (!second) {
                translate =
                    command_run(ARGS("translate", "-m", "odd/model.gguf", "-b", "1"), &(CommandHow){.input = sources});
                FILE *file = fopen("odd.fr", "w");
                CHECK(file, "a file");
                EXPECT_HAS(translate.out, " ");
                for (const char *at = translate.out; *at; at++) {
                    const char one[2] = {*at, 0};
                    if (*at == '\n') fputs(spellings[i].end, file);
                    fputs(*at == ' ' ? spellings[i].blank : one, file);
                }
                fclose(file);
                command_free(&translate);
            }
            remove_folder("odd");
        }
    }
}

/* Where BLEU is 0 because it needs four words in a row, validation and ./score say what to use instead. */
static void test_no_words(void) {
    static const char *const pairs[] = {"a\t猫は眠っている。犬は食べている。\n", "a\tแมวกำลังนอนหลับ\n",
                                        "a\tle chat dort\n"};
    for (size_t i = 0; i < COUNT(pairs); i++) {
        write_text("odd.tsv", pairs[i]);
        CommandRun train = command_run(ARGS("train", "tiny.ini", "run.dir=odd", "train.max_steps=60",
                                            "valid.every_steps=60", "data.train=odd.tsv", "data.valid=odd.tsv"),
                                       NULL);
        EXPECT_HAS(train.err, "BLEU 0.00 (it needs lines of four words; for text without spaces: ./score -m chrf)");
        CommandRun score =
            command_run(ARGS("score", "-", "--tsv", "odd.tsv"), &(CommandHow){.input = strchr(pairs[i], '\t') + 1});
        EXPECT_HAS(score.out, "BLEU = 0.0000");
        EXPECT_HAS(score.err,
                   "score: BLEU needs lines of 4 words or more, found none; for text without spaces: -m chrf\n");
        command_free(&score);
        command_free(&train);
        remove_folder("odd");
    }
}

/* Where there is no text at all, a score of 0 says nothing, and ./score says that. */
static void test_no_text(void) {
    static const char *const metrics[] = {"--metric=bleu", "--metric=chrf", "--metric=chrf++"};
    write_text("none.txt", "\n\n");
    write_text("some.txt", "\nle chat\n");
    for (size_t i = 0; i < COUNT(metrics); i++)
        for (int texts = 0; texts < 3; texts++) {
            CommandRun run = command_run(
                ARGS("score", metrics[i], texts == 1 ? "some.txt" : "none.txt", texts == 2 ? "some.txt" : "none.txt"),
                NULL);
            EXPECT_INT(run.code, 0);
            EXPECT_HAS(run.out, " = 0.0000");
            EXPECT(!strstr(run.err, "neither the hypotheses nor the references have text") == (texts > 0));
            command_free(&run);
        }
}

/* With train.average, model.gguf has the weights that were validated: `./translate --score` of the validation text
 * gives the loss per token that the log has. The perplexity is e to its power, and stderr has the same. */
static void test_same_loss(void) {
    CommandRun train = command_run(
        ARGS("train", "tiny.ini", "run.dir=odd", "train.max_steps=60", "train.average=0.95", "valid.every_steps=60"),
        NULL);
    EXPECT_INT(train.code, 0);
    size_t size;
    char *pairs = read_bytes("valid.tsv", &size), said[64];
    char *scores = command_says(ARGS("translate", "-m", "odd/model.gguf", "--score"), pairs, 0, NULL);
    double sum = 0, tokens = 0;
    for (char *at = scores; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        sum += strtod(at, NULL);
        for (const char *p = strchr(strchr(at, '\t') + 1, '\t'); *p && *p != '\n'; p++)
            tokens += *p == '\t' || *p == ' ';
    }
    EXPECT(tokens > 8);
    EXPECT_NEAR(logged("odd", "nll"), -sum / tokens, 1e-4);
    EXPECT_NEAR(logged("odd", "perplexity") / exp(logged("odd", "nll")), 1, 1e-4);
    EXPECT(logged("odd", "loss") > logged("odd", "nll")); /* with label smoothing, a loss is larger */
    snprintf(said, sizeof said, ", perplexity %.3f", exp(logged("odd", "nll")));
    EXPECT_HAS(train.err, said);
    command_free(&train);
    free(scores);
    free(pairs);
    remove_folder("odd");
}

int main(void) {
    world_enter();
    RUN(test_same_figure);
    RUN(test_same_loss);
    RUN(test_exactly_right);
    RUN(test_no_words);
    RUN(test_no_text);
    world_leave();
    return test_finish();
}
