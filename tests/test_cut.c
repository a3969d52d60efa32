/* Translations and the limit of their length: the training pairs set it; what it cuts is reported and counted, and
 * never comes before what has ended by itself; options lift it. */
#include "command.h"

/* Short sources with long targets, as in a list of abbreviations. */
static const char *const pairs[][2] = {
    {"MRI", "imagerie par résonance magnétique nucléaire"},
    {"NGO", "organisation non gouvernementale"},
    {"VAT", "taxe sur la valeur ajoutée en vigueur"},
    {"HTML", "langage de balisage d'hypertexte"},
    {"R&D", "recherche et développement"},
    {"ATM", "guichet automatique bancaire"},
};

static const char *const config = "[data]\ntrain = short.tsv\nvalid = valid.tsv\n[text]\nvocab_size = 320\n"
                                  "[model]\nwidth = 16\nheads = 2\nfeedforward = 16\nencoder_layers = 1\n"
                                  "decoder_layers = 1\nmax_length = 64\ndropout = 0\n"
                                  "[train]\nmax_steps = 400\nbatch_tokens = 10000\nlearning_rate = 0.01\n"
                                  "warmup_steps = 10\nthreads = 1\n[valid]\nevery_steps = 400\ntranslate = 3\n"
                                  "[run]\ndir = short\n";

static size_t count_lines(const char *text) {
    size_t lines = 0;
    for (; (text = strchr(text, '\n')); text++) lines++;
    return lines;
}

/* Whether a text has this line. */
static bool has_line(const char *text, const char *line) {
    const size_t length = strlen(line);
    for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
        if (strcspn(text, "\n") == length && memcmp(text, line, length) == 0) return true;
    return false;
}

/* Without a word in the config, every pair that was learnt can be said: greedily and with a beam. */
static void test_every_pair_is_within_reach(void) {
    for (int beam = 1; beam <= 4; beam += 3)
        for (size_t i = 0; i < COUNT(pairs); i++) {
            CommandRun run = command_run(
                ARGS("translate", "-m", "short/model.gguf", beam == 1 ? "--beam=1" : "--beam=4", pairs[i][0]), NULL);
            EXPECT_INT(run.code, 0);
            EXPECT(has_line(run.out, pairs[i][1]));
            EXPECT_STR(run.err, "");
            command_free(&run);
        }
}

/* A dry run counts the pairs that a limit in the config would cut, a run says so once, and validation counts them. */
static void test_config_still_rules(void) {
    static const struct {
        const char *keys[2], *told, *cut;
    } cases[] = {
        {{"decode.max_ratio=2", "decode.max_extra=10"}, "2 times the source's tokens and 10 more", "2"},
        {{"decode.max_ratio=2", "decode.max_extra=0"}, "2 times the source's tokens and 0 more", "6"},
        {{"decode.max_ratio=0", "decode.max_extra=17"}, "0 times the source's tokens and 17 more", "5"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        CommandRun run = command_run(ARGS("train", "short.ini", "run.dir=dry", "train.max_steps=1", cases[i].keys[0],
                                          cases[i].keys[1], "--dry-run"),
                                     NULL);
        EXPECT_INT(run.code, 0);
        EXPECT_HAS(run.out, cases[i].told);
        char wanted[80];
        snprintf(wanted, sizeof wanted, "training pairs with a longer target, which would be cut: %s (", cases[i].cut);
        EXPECT_HAS(run.out, wanted);
        EXPECT_HAS(run.out, "validations translate the first 3 of 8 sentences");
        command_free(&run);
    }
    CommandRun run = command_run(ARGS("train", "short.ini", "run.dir=dry", "--dry-run"), NULL);
    EXPECT_HAS(run.out, "; no training pair has a longer target\n");
    command_free(&run);
    run = command_run(ARGS("train", "short.ini", "run.dir=cut", "decode.max_extra=0"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_HAS(run.err, "training pairs with a longer target, which would be cut: 6 (");
    EXPECT_HAS(run.err, " of 3 cut, ");
    command_free(&run);
    char *log = read_bytes("cut/log.jsonl", &(size_t){0});
    EXPECT_HAS(log, "\"sentences\":3,\"cut\":");
    free(log);
}

/* Every way to lift a limit of the model's own. */
static void test_options_lift_the_limit(void) {
    static const char *const lifts[] = {"--max-length=60", "--max-ratio=20", "--max-extra=50"};
    for (size_t i = 0; i < COUNT(pairs); i++) {
        CommandRun run = command_run(ARGS("translate", "--beam=1", "-m", "cut/model.gguf", pairs[i][0]), NULL);
        EXPECT_INT(run.code, 0);
        EXPECT(!has_line(run.out, pairs[i][1]));
        EXPECT_HAS(run.err, "translate: text 1: its translation is cut after ");
        EXPECT_HAS(run.err, "the limit (--max-length, --max-ratio or --max-extra raises it)");
        EXPECT_INT(count_lines(run.err), 1);
        command_free(&run);
        for (size_t lift = 0; lift < COUNT(lifts); lift++) {
            run = command_run(ARGS("translate", "--beam=1", "-m", "cut/model.gguf", lifts[lift], pairs[i][0]), NULL);
            EXPECT(has_line(run.out, pairs[i][1]));
            EXPECT_STR(run.err, "");
            command_free(&run);
        }
    }
}

/* Lists are full, and what was cut comes after what was not, even where its score is higher. */
static void test_lists_are_full(void) {
    static const char *const models[] = {"cut/model.gguf", "short/model.gguf"};
    static const char *const counts[] = {"--n-best=2", "--n-best=4", "--n-best=7", "--n-best=20"};
    for (size_t m = 0; m < 2; m++)
        for (size_t n = 0; n < COUNT(counts); n++)
            for (size_t i = 0; i < COUNT(pairs); i++) {
                const size_t wanted = (size_t)atoi(strchr(counts[n], '=') + 1);
                CommandRun run = command_run(ARGS("translate", "-m", models[m], counts[n],
                                                  m ? "--max-extra=auto" : "--max-extra=9", pairs[i][0]),
                                             NULL);
                EXPECT_INT(count_lines(run.out), wanted);
                char *lines[20];
                size_t count = 0;
                for (char *line = strtok(run.out, "\n"); line && count < 20; line = strtok(NULL, "\n")) {
                    *strstr(line, " ||| F0=") = 0;
                    lines[count++] = line;
                }
                for (size_t a = 0; a < count; a++)
                    for (size_t b = a + 1; b < count; b++)
                        if (strcmp(lines[a], lines[b]) == 0) TEST_FAIL("twice in a list: %s", lines[a]);
                if (m == 1) EXPECT_STR(lines[0] + 6, pairs[i][1]);
                command_free(&run);
            }
}

/* Also where the limit leaves next to nothing to say. */
static void test_short_lists_are_full(void) {
    static const char *const limits[] = {"--max-length=1", "--max-length=2", "--max-length=4"};
    for (size_t i = 0; i < COUNT(limits); i++) {
        CommandRun run = command_run(ARGS("translate", "-m", "short/model.gguf", "-n", "20", limits[i], "MRI"), NULL);
        EXPECT_INT(count_lines(run.out), 20);
        command_free(&run);
    }
}

/* The first lines are named, all are counted. */
static void test_cuts_are_counted(void) {
    char input[400] = "";
    for (size_t i = 0; i < 12; i++) strcat(strcat(input, i == 3 ? "" : pairs[i % COUNT(pairs)][0]), "\n");
    CommandRun run = command_run(ARGS("translate", "--beam=1", "-m", "cut/model.gguf"), &(CommandHow){.input = input});
    EXPECT_INT(run.code, 0);
    EXPECT_INT(count_lines(run.out), 12);
    EXPECT_HAS(run.err, "translate: line 3: its translation is cut");
    EXPECT(strstr(run.err, "line 4: ") == NULL);
    EXPECT_HAS(run.err, "translate: line 11: its translation is cut");
    EXPECT_HAS(run.err, "; from here on such are only counted\n");
    EXPECT(strstr(run.err, "line 12: ") == NULL);
    EXPECT_HAS(run.err, "translate: translations of 11 of 12 lines were cut\n");
    command_free(&run);
}

/* Where the model's own size is the limit, and where other options leave no token, it says that instead. */
static void test_other_limits(void) {
    static const struct {
        const char *options[3], *told;
    } cases[] = {
        {{"--min-length=63", "--beam=1"}, "cut after 64 tokens, the most that the model can say"},
        {{"--max-length=65536", "--min-length=63", "--beam=1"}, "cut after 64 tokens, the most that the model can say"},
        {{"--max-length=5", "--beam=2"}, "cut after 5 tokens, the limit (--max-length"},
        {{"--max-ratio=0", "--max-extra=3", "--beam=4"}, "cut after 3 tokens, the limit (--max-length"},
        {{"--sample", "--max-length=2"}, "cut after 2 tokens, the limit (--max-length"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *const *o = cases[i].options;
        CommandRun run = command_run(ARGS("translate", "-m", "short/model.gguf", "MRI", o[0], o[1], o[2]), NULL);
        EXPECT_INT(run.code, 0);
        EXPECT_HAS(run.err, cases[i].told);
        command_free(&run);
    }
}

/* A page of a translation that was cut says so. */
static void test_inspect_says_so(void) {
    for (size_t i = 0; i < 3; i++) {
        CommandRun run = command_run(ARGS("inspect", "-m", "cut/model.gguf", "--json", pairs[i][0]), NULL);
        EXPECT_INT(run.code, 0);
        EXPECT_HAS(run.err, "inspect: the translation is cut after ");
        EXPECT_HAS(run.out, "\"finished\":false}");
        command_free(&run);
        run = command_run(ARGS("inspect", "-m", "short/model.gguf", "--json", pairs[i][0]), NULL);
        EXPECT_STR(run.err, "");
        EXPECT_HAS(run.out, "\"finished\":true}");
        command_free(&run);
    }
}

int main(void) {
    world_enter();
    FILE *file = fopen("short.tsv", "w");
    for (size_t i = 0; i < COUNT(pairs); i++) fprintf(file, "%s\t%s\n", pairs[i][0], pairs[i][1]);
    CHECK(fclose(file) == 0, "a corpus");
    write_text("short.ini", config);
    if (!command_gives(0, ARGS("train", "short.ini"), NULL)) {
        world_leave();
        return 1;
    }
    RUN(test_every_pair_is_within_reach);
    RUN(test_config_still_rules);
    RUN(test_options_lift_the_limit);
    RUN(test_lists_are_full);
    RUN(test_short_lists_are_full);
    RUN(test_cuts_are_counted);
    RUN(test_other_limits);
    RUN(test_inspect_says_so);
    world_leave();
    return test_finish();
}
