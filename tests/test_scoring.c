/* Scores of given pairs: the bits of the search, alone and in any company; and what cannot be scored. */
#include "decode/scoring.h"

#include <math.h>
#include <poll.h>

#include "base/ds.h"
#include "base/size.h"
#include "command.h"
#include "decode/modelfile.h"
#include "decode/translator.h"

enum { SENTENCES = 24, BEAM = 6, MOST = SENTENCES * BEAM };

static ModelFile model;
static float *other; /* (model.params.count) weights of a model that is much the same */
static Tokenizer *tokenizer;
static char sources[SENTENCES][64];

static void make_sources(void) {
    static const char *const nouns[] = {"cat", "dog", "wolf", "king", "xylophone"};
    static const char *const verbs[] = {"sleeps", "eats", "sings and sleeps", "zzz"};
    for (size_t i = 0; i < SENTENCES; i++)
        snprintf(sources[i], sizeof sources[i], "the %s %s%s", nouns[i % 5], verbs[i % 4], i % 3 ? " there" : "");
}

static Text text_of(const char *text) { return (Text){text, strlen(text)}; }

static Pool *new_pool(size_t threads) {
    Error err;
    Pool *pool = pool_create(threads, &err);
    CHECK(pool, "a pool");
    return pool;
}

static bool same_double(double a, double b) { return memcmp(&a, &b, sizeof a) == 0; }

/* What the search finds for the sources: hypotheses with their tokens and texts. */
typedef struct Found {
    int32_t *ids[MOST]; /* stb_ds arrays, with </s> */
    char *text[MOST];   /* and of the text */
    double log_p[MOST];
    Text source[MOST];
    size_t count;
} Found;

static void search_all(Found *found, bool both, bool int8) {
    Error err;
    Pool *pool = new_pool(2);
    SearchOptions how = model.info.decode;
    how.beam = how.n_best = BEAM;
    how.int8 = int8;
    Search *search = search_create(&model.params, model.w, pool, how);
    if (both) search_add(search, &model.params, other);
    *found = (Found){.count = 0};
    for (size_t i = 0; i < SENTENCES; i++) {
        int32_t *ids = NULL;
        tokenizer_encode(tokenizer, &ids, sources[i], strlen(sources[i]));
        stbds_arrput(ids, TOKEN_END);
        const uint32_t start[2] = {0, (uint32_t)stbds_arrlenu(ids)};
        Translation best;
        EXPECT(search_run(search, (Packed){1, ids, start, start[1]}, &best, &err));
        size_t count;
        const Translation *all = search_hypotheses(search, 0, &count);
        for (size_t h = 0; h < count && h < BEAM; h++) {
            if (!all[h].finished) continue;
            const size_t at = found->count++;
            ds_append(found->ids[at], all[h].ids, all[h].length);
            stbds_arrput(found->ids[at], TOKEN_END);
            search_text(tokenizer, &found->text[at], &all[h]);
            found->log_p[at] = all[h].log_probability;
            found->source[at] = text_of(sources[i]);
        }
        stbds_arrfree(ids);
    }
    search_free(search);
    pool_free(pool);
}

static void found_free(Found *found) {
    for (size_t i = 0; i < found->count; i++) {
        stbds_arrfree(found->ids[i]);
        stbds_arrfree(found->text[i]);
    }
}

static Text found_text(const Found *found, size_t i) { return (Text){found->text[i], stbds_arrlenu(found->text[i])}; }

/* Whether the tokenizer makes of the text the tokens that the search said. */
static bool is_said_so(const Found *found, size_t i, const PairScore *score) {
    return score->tokens == stbds_arrlenu(found->ids[i]) &&
           memcmp(score->ids, found->ids[i], score->tokens * sizeof *score->ids) == 0;
}

static Found found;

/* Where the tokens are the same, so is every bit. With one model, and with two; in floats, and in 8-bit integers. */
static void test_the_bits_of_the_search(void) {
    Error err;
    Pool *pool = new_pool(3);
    Text targets[MOST];
    PairScore scores[MOST];
    for (int way = 0; way < 4; way++) {
        const bool both = way & 1, int8 = way & 2;
        Found all;
        size_t same = 0;
        search_all(&all, both, int8);
        Scorer *scorer = scorer_create(&model.params, model.w, tokenizer, pool, NULL, int8);
        if (both) scorer_add(scorer, &model.params, other);
        for (size_t i = 0; i < all.count; i++) targets[i] = found_text(&all, i);
        EXPECT(scorer_run(scorer, all.source, targets, all.count, scores, &err));
        for (size_t i = 0; i < all.count; i++) {
            double sum = 0;
            EXPECT_INT(scores[i].flaw, SCORING_FINE);
            for (size_t t = 0; t < scores[i].tokens; t++) sum += scores[i].log_probabilities[t];
            EXPECT(same_double(sum, scores[i].log_probability));
            if (!is_said_so(&all, i, &scores[i])) continue;
            EXPECT(same_double(scores[i].log_probability, all.log_p[i]));
            same++;
        }
        EXPECT(all.count >= 100 && same * 10 >= all.count * 8);
        scorer_free(scorer);
        found_free(&all);
    }
    pool_free(pool);
}

/* One by one, on one thread and in another order. */
static void test_alone_as_together(void) {
    Error err;
    Pool *pools[] = {new_pool(1), new_pool(2)};
    Scorer *alone = scorer_create(&model.params, model.w, tokenizer, pools[0], NULL, false);
    Scorer *together = scorer_create(&model.params, model.w, tokenizer, pools[1], NULL, false);
    Text from[MOST], to[MOST];
    PairScore scores[MOST], one;
    for (size_t i = 0; i < found.count; i++) {
        const size_t at = (i * 7) % found.count;
        from[i] = found.source[at], to[i] = found_text(&found, at);
    }
    EXPECT(scorer_run(together, from, to, found.count, scores, &err));
    for (size_t i = 0; i < found.count; i++) {
        EXPECT(scorer_run(alone, &from[i], &to[i], 1, &one, &err));
        EXPECT_INT(one.tokens, scores[i].tokens);
        EXPECT(same_double(one.log_probability, scores[i].log_probability));
        EXPECT(memcmp(one.log_probabilities, scores[i].log_probabilities, one.tokens * sizeof(double)) == 0);
    }
    scorer_free(alone);
    scorer_free(together);
    for (size_t i = 0; i < 2; i++) pool_free(pools[i]);
}

static void test_flaws(void) {
    Error err;
    Pool *pool = new_pool(1);
    Scorer *scorer = scorer_create(&model.params, model.w, tokenizer, pool, NULL, false);
    char *longest = memory_new(4000, 1);
    memset(longest, 'x', 3999);
    const Text empty = {"", 0}, cat = text_of("the cat sleeps"), chat = text_of("le chat dort"), blank = {" \t ", 3},
               bytes = {"\xFF\x00\x80 \xE2\x82", 6}, much = text_of(longest);
    const Text from[] = {empty, empty, cat, much, cat, blank, cat, bytes},
               to[] = {empty, chat, empty, chat, much, chat, bytes, chat};
    static const ScoringFlaw flaws[] = {SCORING_FINE,        SCORING_NO_SOURCE, SCORING_FINE, SCORING_LONG_SOURCE,
                                        SCORING_LONG_TARGET, SCORING_NO_SOURCE, SCORING_FINE, SCORING_FINE};
    PairScore scores[COUNT(flaws)];
    EXPECT(scorer_run(scorer, from, to, COUNT(flaws), scores, &err));
    for (size_t i = 0; i < COUNT(flaws); i++) {
        EXPECT_INT(scores[i].flaw, flaws[i]);
        EXPECT((scores[i].log_probability > -INFINITY) == (flaws[i] == SCORING_FINE));
    }
    EXPECT(scores[0].log_probability == 0 && scores[0].tokens == 0);
    EXPECT_INT(scores[2].tokens, 1);
    EXPECT_INT(scores[2].ids[0], TOKEN_END);
    EXPECT(scores[2].log_probability < 0);
    EXPECT(scorer_run(scorer, NULL, NULL, 0, NULL, &err));
    free(longest);
    scorer_free(scorer);
    pool_free(pool);
}

static void test_not_finite(void) {
    Error err;
    Pool *pool = new_pool(1);
    float *w = memory_new(model.params.count, sizeof *w);
    for (size_t i = 0; i < model.params.count; i++) w[i] = i % 2 ? NAN : INFINITY;
    Scorer *scorer = scorer_create(&model.params, w, tokenizer, pool, NULL, false);
    const Text from = text_of("the cat"), to = text_of("le chat");
    PairScore score;
    EXPECT(scorer_run(scorer, &from, &to, 1, &score, &err));
    EXPECT_INT(score.flaw, SCORING_NOT_FINITE);
    EXPECT(score.log_probability == -INFINITY);
    scorer_free(scorer);
    free(w);
    pool_free(pool);
}

/* The same model several times is that model; two models are the mean of their probabilities. */
static void test_several_models(void) {
    Error err;
    Pool *pool = new_pool(2);
    Scorer *one = scorer_create(&model.params, model.w, tokenizer, pool, NULL, false);
    Scorer *three = scorer_create(&model.params, model.w, tokenizer, pool, NULL, false);
    Scorer *second = scorer_create(&model.params, other, tokenizer, pool, NULL, false);
    Scorer *both = scorer_create(&model.params, model.w, tokenizer, pool, NULL, false);
    scorer_add(three, &model.params, model.w);
    scorer_add(three, &model.params, model.w);
    scorer_add(both, &model.params, other);
    Text to[MOST];
    PairScore a[MOST], b[MOST], thrice[MOST], mixed[MOST];
    for (size_t i = 0; i < found.count; i++) to[i] = found_text(&found, i);
    EXPECT(scorer_run(one, found.source, to, found.count, a, &err));
    EXPECT(scorer_run(three, found.source, to, found.count, thrice, &err));
    EXPECT(scorer_run(second, found.source, to, found.count, b, &err));
    EXPECT(scorer_run(both, found.source, to, found.count, mixed, &err));
    for (size_t i = 0; i < found.count; i++) {
        EXPECT(same_double(a[i].log_probability, thrice[i].log_probability));
        for (size_t t = 0; t < a[i].tokens; t++) {
            const double mean = (exp(a[i].log_probabilities[t]) + exp(b[i].log_probabilities[t])) / 2;
            EXPECT(fabs(exp(mixed[i].log_probabilities[t]) - mean) < 1e-12);
        }
    }
    scorer_free(one);
    scorer_free(three);
    scorer_free(second);
    scorer_free(both);
    pool_free(pool);
}

/* ---- The command ------------------------------------------------------------------------------------------------- */

#define MODEL "-m", "run/model.gguf"

static void expect_same_output(const char *const *a, const char *const *b, const char *input) {
    char *x = command_says(a, input, 0, NULL), *y = command_says(b, input, 0, NULL);
    EXPECT_STR(x, y);
    EXPECT(*x);
    free(x);
    free(y);
}

/* In a line of --score, the second column is the first for each token, and the first is the sum of the tokens' in the
 * third. Each number has six digits. */
static void expect_columns(const char *line) {
    char *at;
    const double sum = strtod(line, &at), each = strtod(at, &at);
    double all = 0;
    size_t tokens = 0;
    while (*at == '\t' || *at == ' ') {
        const char *token = at + 1, *end = token + strcspn(token, " \n"), *colon = end;
        while (colon > token && *colon != ':') colon--;
        all += strtod(colon + 1, &at);
        tokens++;
        EXPECT(at == end);
    }
    EXPECT(*at == '\n' && tokens > 0 && sum < 0);
    EXPECT_NEAR(all / sum, 1, 2e-5);
    EXPECT_NEAR(each * (double)tokens / sum, 1, 2e-5);
}

/* The log probabilities that --n-best prints are those that --score prints for its texts, as long as these are said in
 * the tokenizer's tokens, which one or two of a hundred are not. */
static void expect_same_scores(const char *int8) {
    char *all = memory_new(SENTENCES * 80, 1), *pairs = NULL, *log_p = NULL;
    for (size_t i = 0; i < SENTENCES; i++) strcat(strcat(all, sources[i]), "\n");
    char *list = command_says(ARGS("translate", MODEL, "-n", "2", int8), all, 0, NULL);
    size_t count = 0, same = 0;
    for (char *line = list, *end; (end = strchr(line, '\n')); line = end + 1) {
        char *text = strstr(line, " ||| ") + 5, *behind = strstr(text, " ||| F0= ");
        const char *source = sources[strtoul(line, NULL, 10)];
        ds_append(pairs, source, strlen(source));
        stbds_arrput(pairs, '\t');
        ds_append(pairs, text, (size_t)(behind - text));
        stbds_arrput(pairs, '\n');
        behind += strlen(" ||| F0= ");
        ds_append(log_p, behind, strcspn(behind, " "));
        stbds_arrput(log_p, '\n');
        count++;
    }
    stbds_arrput(pairs, 0);
    stbds_arrput(log_p, 0);
    char *scores = command_says(ARGS("translate", MODEL, "--score", "--threads=2", int8), pairs, 0, NULL);
    const char *expected = log_p;
    for (char *line = scores, *end; (end = strchr(line, '\n')); line = end + 1, expected = strchr(expected, '\n') + 1) {
        same += strncmp(line, expected, strcspn(expected, "\n")) == 0 && line[strcspn(expected, "\n")] == '\t';
        expect_columns(line);
    }
    EXPECT(count == 2 * SENTENCES && same >= count - 2);
    free(scores);
    free(list);
    free(all);
    stbds_arrfree(pairs);
    stbds_arrfree(log_p);
}

static void test_command_scores_what_it_says(void) {
    expect_same_scores(NULL);
    expect_same_scores("--int8");
}

static void test_command_reads_pairs(void) {
    char *said, *longest = memory_new(200, 1);
    memset(longest, 'x', 199);
    char *input = memory_format(
        "the cat\tle chat\n\nthe cat\n\tle chat\n\t\nthe cat\t\r\n%s\tle chat\nthe cat\t%s\na\tb\tc", longest, longest);
    char *out = command_says(ARGS("translate", MODEL, "--score"), input, 1, &said);
    static const char *const begins[] = {"-", "", "-inf\t-inf\t", "-inf\t-inf\t", "0\t0\t", "-", "-inf", "-inf", "-"};
    const char *line = out;
    for (size_t i = 0; i < COUNT(begins); i++) {
        EXPECT(strncmp(line, begins[i], strlen(begins[i])) == 0 && (*begins[i] || *line == '\n'));
        line = strchr(line, '\n') ? strchr(line, '\n') + 1 : "";
    }
    EXPECT_STR(line, "");
    EXPECT_HAS(
        said,
        "translate: standard input:3: expected source TAB translation, found no TAB: the log probability is -inf\n");
    EXPECT_HAS(said, "translate: standard input:4: the source has no words: the log probability is -inf\n");
    EXPECT_HAS(said, "translate: standard input:7: the source has more tokens than the model takes: ");
    EXPECT_HAS(said, "translate: standard input:8: the translation has more tokens than the model can say: ");
    EXPECT_HAS(said, "translate: standard input:9: more than two columns: only the first two are used");
    EXPECT_HAS(said, "translate: 4 of 9 pairs have no log probability\n");
    free(out);
    free(said);
    free(input);
    free(longest);
    /* Files: one of pairs, or one of each side. */
    write_text("pairs.tsv", "the cat sleeps\tle chat dort\nthe wolf\tle loup\n");
    write_text("sources", "the cat sleeps\nthe wolf\n");
    write_text("targets", "le chat dort\nle loup\n");
    write_text("more", "le chat dort\nle loup\nle roi\n");
    expect_same_output(ARGS("translate", MODEL, "--score", "pairs.tsv"), ARGS("translate", MODEL, "--score", "-"),
                       "the cat sleeps\tle chat dort\nthe wolf\tle loup\n");
    expect_same_output(ARGS("translate", MODEL, "--score", "pairs.tsv"),
                       ARGS("translate", MODEL, "--score", "sources", "targets"), NULL);
    out = command_says(ARGS("translate", MODEL, "--score", "sources", "more"), NULL, 1, &said);
    EXPECT_STR(said, "translate: sources: expected as many lines as more has, found only 2\n");
    EXPECT(*out); /* of the lines that both have */
    free(out);
    free(said);
    /* What may be a mistake is reported once, and scored as it is. */
    write_text("odd", "le \xFF chat\nle loup\n");
    out = command_says(ARGS("translate", MODEL, "--score", "pairs.tsv", "odd"), NULL, 0, &said);
    EXPECT_HAS(said, "translate: pairs.tsv:1: the line has a TAB and is scored as one text (only the first such line");
    EXPECT_HAS(said, "translate: odd:1: expected UTF-8 text, found 0xFF at byte 4 of the translation; scored as it is");
    EXPECT(*out && strchr(out, '\n')[1] == '-'); /* both have a log probability */
    free(out);
    free(said);
    write_text("hollow", "the cat\n\n");
    out = command_says(ARGS("translate", MODEL, "--score", "hollow", "targets"), NULL, 0, &said);
    EXPECT_STR(said, "translate: hollow:2: the source has no words: the log probability is -inf\n");
    free(out);
    free(said);
    out = command_says(ARGS("translate", MODEL, "--score", "nowhere"), NULL, 1, &said);
    EXPECT_STR(said, "translate: nowhere: cannot open: No such file or directory\n");
    free(out);
    free(said);
}

/* Each pair is answered before the next is sent. */
static void test_command_answers_at_once(void) {
    int in[2], out[2];
    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipes");
    CommandRun run =
        command_start(ARGS("translate", MODEL, "--score"), &(CommandHow){.input_pipe = in[0], .output_pipe = out[1]});
    close(in[0]);
    close(out[1]);
    for (size_t i = 0; i < 4; i++) {
        const char *line = i % 2 ? "\n" : "the cat\tle chat\n";
        char c = 0;
        struct pollfd wait = {.fd = out[0], .events = POLLIN};
        EXPECT(write(in[1], line, strlen(line)) == (ssize_t)strlen(line));
        while (c != '\n' && poll(&wait, 1, 60000) == 1 && read(out[0], &c, 1) == 1) {
        }
        EXPECT(c == '\n');
    }
    close(in[1]);
    close(out[0]);
    command_wait(&run);
    EXPECT_INT(run.code, 0);
    command_free(&run);
}

static void test_command_with_several_models(void) {
    const char *input = "the cat sleeps\nthe wolf sings and sings\n\nthe bear eats\n";
    expect_same_output(ARGS("translate", MODEL, "-n", "3"), ARGS("translate", MODEL, MODEL, "-n", "3"), input);
    expect_same_output(ARGS("translate", MODEL, "--sample", "--temperature=2"),
                       ARGS("translate", MODEL, MODEL, MODEL, "--sample", "--temperature=2"), input);
    expect_same_output(ARGS("translate", MODEL, "--beam=1", "--alignment=soft"),
                       ARGS("translate", MODEL, MODEL, "--beam=1", "--alignment=soft"), input);
    expect_same_output(ARGS("translate", MODEL, "--score", "pairs.tsv"),
                       ARGS("translate", MODEL, MODEL, "--score", "pairs.tsv"), NULL);
    expect_same_output(ARGS("translate", MODEL, "-m", "second/model.gguf", "--n-best=2", "--threads=1"),
                       ARGS("translate", MODEL, "-m", "second/model.gguf", "--n-best=2", "--threads=3"), input);
    static const struct {
        const char *model, *parts[2];
    } refused[] = {
        {"larger/model.gguf",
         {"larger/model.gguf: expected the vocabulary of run/model.gguf, 300 tokens, found another "
          "one of 310\n"}},
        {"other/model.gguf",
         {"other/model.gguf: token 26", "\", as in the vocabulary of run/model.gguf, "
                                        "found \""}},
        {"lower/model.gguf", {"lower/model.gguf: text.lowercase: expected false, as in run/model.gguf, found true\n"}},
        {"nowhere.gguf", {"nowhere.gguf: cannot open"}},
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        char *said, *out = command_says(ARGS("translate", MODEL, "-m", refused[i].model), input, 1, &said);
        EXPECT_STR(out, "");
        for (size_t j = 0; j < 2 && refused[i].parts[j]; j++) EXPECT_HAS(said, refused[i].parts[j]);
        free(out);
        free(said);
    }
}

static void test_command_wrong_options(void) {
    static const struct {
        const char *arguments[4], *message;
    } cases[] = {
        {{"--score", "--beam=3"}, "--score scores translations that are given: expected no --beam with it"},
        {{"--score", "-n", "3"}, "expected no --n-best with it"},
        {{"--score", "--prefix=x"}, "expected no --prefix with it"},
        {{"--score", "--without=mask"}, "--without mask: expected it without --score"},
        {{"--score", "a", "b", "c"}, "found 3 files"},
        {{"--score", "-", "-"}, "-: expected at most once, found twice"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *const *a = cases[i].arguments;
        char *said, *out = command_says(ARGS("translate", a[0], a[1], a[2], a[3]), NULL, 2, &said);
        EXPECT_STR(out, "");
        EXPECT_HAS(said, cases[i].message);
        free(out);
        free(said);
    }
}

/* Whether all models could be trained. */
static bool train_all(void) {
#define SHORT "train", "tiny.ini", "train.max_steps=2"
    return command_gives(0, ARGS("train", "tiny.ini"), NULL) &&
           command_gives(0, ARGS("train", "tiny.ini", "run.dir=second", "train.seed=5", "train.max_steps=150"), NULL) &&
           command_gives(0, ARGS(SHORT, "run.dir=larger", "text.vocab_size=310"), NULL) &&
           command_gives(0, ARGS(SHORT, "run.dir=lower", "text.lowercase=true"), NULL) &&
           command_gives(0, ARGS(SHORT, "run.dir=other", "data.train=valid.tsv"), NULL);
}

int main(void) {
    Error err;
    world_enter();
    if (train_all()) {
        CHECK(modelfile_open(&model, "run/model.gguf", &err), "the model of the run");
        tokenizer = modelfile_tokenizer(&model, &err);
        make_sources();
        other = memory_new(model.params.count, sizeof *other);
        for (size_t i = 0; i < model.params.count; i++) other[i] = model.w[i] * (i % 3 ? 1.05F : 0.95F);
        search_all(&found, false, false);
        RUN(test_the_bits_of_the_search);
        RUN(test_alone_as_together);
        RUN(test_flaws);
        RUN(test_not_finite);
        RUN(test_several_models);
        RUN(test_command_scores_what_it_says);
        RUN(test_command_reads_pairs);
        RUN(test_command_answers_at_once);
        RUN(test_command_with_several_models);
        RUN(test_command_wrong_options);
        found_free(&found);
        free(other);
        tokenizer_free(tokenizer);
        modelfile_close(&model);
    }
    world_leave();
    return test_finish();
}
