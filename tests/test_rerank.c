/* Reranking with other models, tuning its weights, and confidence: the library and the command. */
#include "decode/rerank.h"

#include <math.h>

#include "base/ds.h"
#include "base/size.h"
#include "command.h"
#include "decode/modelfile.h"

#define MODEL "-m", "run/model.gguf"
#define BACK  "--reverse=back/model.gguf"

/* ---- Weights ----------------------------------------------------------------------------------------------------- */

/* Lists in which the second value says which hypothesis is right, if it is believed enough; the third says nothing. */
static RerankList make_list(size_t sentences) {
    RerankList list = {.values = 4};
    stbds_arrput(list.start, 0);
    for (size_t i = 0; i < sentences; i++) {
        const size_t right = i * 7 % 5;
        for (size_t h = 0; h < 5; h++) {
            const double values[] = {-1 - (double)h, h == right ? -1 : -4, -(double)((i * 3 + h) % 4), 10};
            NgramCounts counts = {{0}, {0}, {0}};
            for (size_t k = 0; k < 4; k++) {
                counts.hypothesis[k] = counts.reference[k] = 10 - k;
                counts.match[k] = h == right ? 10 - k : 5 - k;
            }
            ds_append(list.value, values, 4);
            stbds_arrput(list.cut, false);
            stbds_arrput(list.counts, counts);
        }
        stbds_arrput(list.start, stbds_arrlenu(list.cut));
    }
    return list;
}

static void test_tuning_finds_what_helps(void) {
    RerankList list = make_list(60);
    static const double search_only[] = {1, 0, 0, 0};
    double weights[RERANK_MOST_VALUES], again[RERANK_MOST_VALUES];
    const double before = rerank_bleu(&list, search_only), after = rerank_tune(&list, weights);
    EXPECT(before < 70 && after > 99.9);
    EXPECT(after == rerank_bleu(&list, weights) && after == rerank_tune(&list, again));
    EXPECT(memcmp(weights, again, 4 * sizeof *weights) == 0);
    EXPECT(weights[0] == 1 && weights[1] > 1 && weights[2] >= 0);
    /* One that was cut comes last, whatever its score; and a value that only some have puts them first. */
    const size_t best = rerank_best(&list, weights, 3);
    list.cut[best] = true;
    EXPECT(rerank_best(&list, weights, 3) != best);
    list.cut[best] = false;
    list.value[best * 4 + 1] = -INFINITY;
    EXPECT(rerank_best(&list, weights, 3) != best);
    for (size_t h = list.start[4]; h < list.start[5]; h++) list.value[h * 4 + 1] = -INFINITY;
    EXPECT_INT(rerank_best(&list, weights, 4), list.start[4]); /* that of all the others, the search's own */
    rerank_list_free(&list);
}

/* ---- The library ------------------------------------------------------------------------------------------------- */

static const char *const texts[] = {"the red cat sleeps", "the black wolf sings", "", "the king eats", "zzz"};
enum { TEXTS = COUNT(texts), BEAM = 5 };

static void test_reranker(void) {
    Error err;
    ModelFile there, back;
    CHECK(modelfile_open(&there, "run/model.gguf", &err) && modelfile_open(&back, "back/model.gguf", &err), "models");
    Tokenizer *a = modelfile_tokenizer(&there, &err), *b = modelfile_tokenizer(&back, &err);
    Pool *pool = pool_create(2, &err);
    SearchOptions how = there.info.decode;
    how.beam = how.n_best = BEAM;
    Translator *translator = translator_create(&there.params, there.w, a, pool, how);
    Scorer *scorer = scorer_create(&back.params, back.w, b, pool, NULL, false);
    Reranker *r = reranker_create();
    reranker_add(r, scorer, true);
    EXPECT_INT(reranker_values(r), 3);
    Text in[TEXTS];
    TranslatorResult results[TEXTS], before[TEXTS];
    static const double weights[] = {0.5, 2, 0.25};
    for (size_t i = 0; i < TEXTS; i++) in[i] = (Text){texts[i], strlen(texts[i])};
    reranker_set_weights(r, weights);
    EXPECT(translator_run(translator, in, TEXTS, results, &err));
    memcpy(before, results, sizeof results);
    EXPECT(reranker_run(r, in, results, TEXTS, &err));
    size_t moved = 0;
    for (size_t i = 0; i < TEXTS; i++) {
        EXPECT_INT(results[i].count, before[i].count);
        EXPECT(results[i].bytes == results[i].hypotheses[0].bytes);
        moved += results[i].bytes != before[i].bytes;
        for (size_t h = 0; h < results[i].count; h++) {
            const TranslatorHypothesis *one = &results[i].hypotheses[h];
            const double *value = reranker_value(r, one);
            EXPECT(value[0] == one->log_probability && value[2] == (double)one->tokens);
            if (isfinite(value[1])) EXPECT_NEAR(one->score, 0.5 * value[0] + 2 * value[1] + 0.25 * value[2], 1e-12);
            if (h > 0 && !one->cut) EXPECT(one->score <= results[i].hypotheses[h - 1].score);
            size_t there_too = 0;
            for (size_t k = 0; k < before[i].count; k++) there_too += before[i].hypotheses[k].bytes == one->bytes;
            EXPECT_INT(there_too, 1);
        }
    }
    EXPECT(moved > 0);
    EXPECT(results[2].count == 1 && results[2].length == 0);
    reranker_free(r);
    scorer_free(scorer);
    translator_free(translator);
    pool_free(pool);
    tokenizer_free(a);
    tokenizer_free(b);
    modelfile_close(&there);
    modelfile_close(&back);
}

/* ---- The command ------------------------------------------------------------------------------------------------- */

static const char *const lines = "the red cat sleeps\nthe black wolf sings\n\nthe king eats\nzzz\n";

static void expect_same_output(const char *const *a, const char *const *b) {
    char *x = command_says(a, lines, 0, NULL), *y = command_says(b, lines, 0, NULL);
    EXPECT_STR(x, y);
    EXPECT(*x);
    free(x);
    free(y);
}

static size_t count_of(const char *text, const char *what) {
    size_t count = 0;
    for (; (text = strstr(text, what)); text++) count++;
    return count;
}

static void test_command_reranks(void) {
    char *list = command_says(ARGS("translate", MODEL, BACK, "--beam=4", "--n-best=2"), lines, 0, NULL);
    EXPECT_INT(count_of(list, "\n"), 9); /* two of each, one of the empty line */
    EXPECT_INT(count_of(list, " F2= "), 9);
    /* F1 is what the other model's --score prints for the pair the other way round. */
    char *text = strstr(list, " ||| ") + 5, *behind = strstr(text, " ||| F0= "), *value = strstr(behind, "F1= ") + 4;
    char *pair = memory_format("%.*s\tthe red cat sleeps\n", (int)(behind - text), text);
    char *score = command_says(ARGS("translate", "-m", "back/model.gguf", "--score"), pair, 0, NULL);
    EXPECT(strcspn(value, " ") == strcspn(score, "\t") && strncmp(value, score, strcspn(value, " ")) == 0);
    free(score);
    free(pair);
    free(list);
    /* With the search's log probability alone, it is the search without division by length. */
    expect_same_output(ARGS("translate", MODEL, BACK, "--weights=1,0,0", "--alpha=0"),
                       ARGS("translate", MODEL, "--alpha=0"));
    expect_same_output(ARGS("translate", MODEL, BACK, "--threads=1", "-n", "3"),
                       ARGS("translate", MODEL, BACK, "--threads=3", "-n", "3"));
    /* A model of the same direction, given for both, changes nothing but the scores. */
    expect_same_output(ARGS("translate", MODEL, "--rerank=run/model.gguf", "--alpha=0", "--alignment=hard"),
                       ARGS("translate", MODEL, "--alpha=0", "--alignment=hard"));
    /* Line by line as all together. */
    char *all = command_says(ARGS("translate", MODEL, BACK, "-n", "2"), "the king eats\nthe red cat sleeps\n", 0, NULL);
    char *one = command_says(ARGS("translate", MODEL, BACK, "-n", "2"), "the king eats\n", 0, NULL);
    EXPECT(strncmp(all, one, strlen(one)) == 0);
    free(all);
    free(one);
}

static void test_command_tunes(void) {
    char *said, *again_said;
    char *out =
        command_says(ARGS("translate", MODEL, BACK, "--beam=4", "--confidence", "--tune=train.tsv"), NULL, 0, &said);
    char *again =
        command_says(ARGS("translate", MODEL, BACK, "--beam=4", "--confidence", "--tune=train.tsv", "--threads=1"),
                     NULL, 0, &again_said);
    EXPECT_STR(out, again);
    EXPECT_STR(said, again_said);
    EXPECT(strncmp(out, "--weights 1,", 12) == 0);
    EXPECT_HAS(out, " --calibration ");
    EXPECT_HAS(said, "BLEU of 200 sentences: ");
    EXPECT_HAS(said, "(20 sentences)\n");
    /* What is printed can be used. */
    char *weights = out + strlen("--weights "), *end = strchr(weights, ' ');
    *end = 0;
    char *calibration = end + 1 + strlen("--calibration ");
    *strchr(calibration, '\n') = 0;
    free(
        command_says(ARGS("translate", MODEL, BACK, "--weights", weights, "--confidence", "--calibration", calibration),
                     lines, 0, NULL));
    free(out);
    free(said);
    free(again);
    free(again_said);
    out = command_says(ARGS("translate", MODEL, "--confidence", "--tune=valid.tsv"), NULL, 1, &said);
    EXPECT_STR(said,
               "translate: valid.tsv: expected at least 100 sentences with a source to calibrate with, found 8\n");
    EXPECT_STR(out, "");
    free(out);
    free(said);
    /* Without the one part, the other is not printed either. */
    FILE *file = fopen("hollow.tsv", "w");
    CHECK(file, "a file");
    fputs("the red cat sleeps\tle chat rouge dort\n", file);
    for (int i = 0; i < 120; i++) fputs("\tle chat\n", file);
    CHECK(fclose(file) == 0, "a file");
    out = command_says(ARGS("translate", MODEL, BACK, "--beam=2", "--confidence", "--tune=hollow.tsv"), NULL, 1, &said);
    EXPECT_HAS(said, "hollow.tsv: expected at least 100 sentences with a source to calibrate with, found 1\n");
    EXPECT_STR(out, "");
    free(out);
    free(said);
    /* What is left out is told; nothing is weighted. */
    write_text("flawed.tsv", "the cat sat\tle chat est assis\nno tab\n\tle chat\nthe dog\tle chien\n");
    out = command_says(ARGS("translate", MODEL, BACK, "--tune=flawed.tsv"), NULL, 0, &said);
    EXPECT_HAS(said, "translate: --tune: left out 1 line without a TAB, first flawed.tsv:2\n"
                     "translate: BLEU of 3 sentences");
    free(out);
    free(said);
    out = command_says(ARGS("translate", MODEL, BACK, "--tune=flawed.tsv*0.5"), NULL, 1, &said);
    EXPECT_STR(said, "translate: --tune: expected files without weights, because each line counts once, "
                     "found flawed.tsv*0.5\n");
    free(out);
    free(said);
}

static void test_command_confidence(void) {
    char *said, *out = command_says(ARGS("translate", MODEL, "--confidence", "x"), NULL, 1, &said);
    EXPECT_HAS(said, "translate: run/model.gguf: --confidence: expected training.confidence_bias and _slope");
    EXPECT_STR(out, "");
    free(out);
    free(said);
    out = command_says(ARGS("translate", "-m", "sure/model.gguf", "--confidence"), lines, 0, NULL);
    EXPECT_INT(count_of(out, " ||| 0."), 4);
    EXPECT_HAS(out, "\n ||| 1.0000\n"); /* the empty line */
    free(out);
    out = command_says(ARGS("translate", MODEL, "--confidence", "--calibration=0.5,-1", "-n", "2"), lines, 0, NULL);
    EXPECT_INT(count_of(out, " ||| 0."), 8);
    free(out);
    /* The formula of decode/confidence.h: with --alpha=1, the score is the log probability for each token. */
    out = command_says(ARGS("translate", MODEL, "--confidence", "--calibration=0.5,-1", "-n", "1", "--alpha=1"),
                       "the red cat sleeps\n", 0, NULL);
    char *at = strstr(out, "F0= ");
    CHECK(at && (at = strstr(at, " ||| ")), "a score");
    const double score = strtod(at + strlen(" ||| "), &at), confidence = strtod(at + strlen(" ||| "), NULL);
    EXPECT(score < -0.001);
    EXPECT_NEAR(confidence, 1 / (1 + exp(-(0.5 - log(-score)))), 1e-3);
    free(out);
}

/* What --tune calibrates with is what anybody finds who translates the same sentences and scores them one by one. */
static void test_command_calibrates(void) {
    enum { SENTENCES = 200 };
    static ConfidenceSample samples[SENTENCES];
    size_t size;
    char *pairs = read_bytes("train.tsv", &size), *sources = memory_string(""), *said = memory_string("");
    for (const char *line = pairs; *line; line = strchr(line, '\n') + 1)
        sources = memory_join(sources, "", memory_format("%.*s\n", (int)strcspn(line, "\t"), line));
    char *list = command_says(ARGS("translate", MODEL, "-n", "1", "--alpha=1", "--beam=2"), sources, 0, NULL);
    const char *at = list;
    for (size_t i = 0; i < SENTENCES; i++, at = strchr(at, '\n') + 1) { /* 0 ||| text ||| F0= -1.5 ||| -0.3 */
        char *text = strstr(at, " ||| ") + 5, *end = strstr(text, " ||| "), *number = strstr(end, "F0= ") + 4;
        said = memory_join(said, "", memory_format("%.*s\n", (int)(end - text), text));
        samples[i].log_probability = strtod(number, &number);
        samples[i].tokens = (size_t)round(samples[i].log_probability / strtod(number + 5, NULL));
    }
    char *scores = command_says(ARGS("score", "--per-line", "-m", "chrf", "--tsv", "-", "train.tsv"), said, 0, NULL);
    at = scores;
    for (size_t i = 0; i < SENTENCES; i++, at = strchr(at, '\n') + 1) samples[i].quality = strtod(at, NULL) / 100;
    const Confidence expected = confidence_fit(samples, SENTENCES);
    char *out = command_says(ARGS("translate", MODEL, "--alpha=1", "--beam=2", "--confidence", "--tune=train.tsv"),
                             NULL, 0, NULL);
    char *found = strstr(out, "--calibration ");
    CHECK(found, "a calibration");
    EXPECT_NEAR(strtod(found + strlen("--calibration "), &found), expected.bias, 0.01);
    EXPECT_NEAR(strtod(found + 1, NULL), expected.slope, 0.01);
    free(pairs), free(sources), free(said), free(list), free(scores), free(out);
}

/* A model whose numbers are not finite has no say, and a message says so. Of several models with one, none has. */
static void test_command_unsound(void) {
    spoil_model("back/model.gguf", "nan.gguf");
    spoil_model("run/model.gguf", "one.gguf");
    char *said, *plain = command_says(ARGS("translate", MODEL), lines, 0, NULL),
                *out = command_says(ARGS("translate", MODEL, "--reverse=nan.gguf", BACK), lines, 1, &said);
    EXPECT_HAS(said, "translate: nan.gguf: the model's numbers are not finite for some translations: they are ranked "
                     "without it\n");
    EXPECT_INT(count_of(out, "\n"), count_of(plain, "\n"));
    free(said), free(plain), free(out);
    out = command_says(ARGS("translate", MODEL, BACK, "--reverse=nan.gguf", "--tune=valid.tsv"), NULL, 1, &said);
    EXPECT_STR(said, "translate: --rerank, --reverse: model 2: its numbers are not finite for some translations\n");
    EXPECT_STR(out, "");
    free(said), free(out);
    out = command_says(ARGS("translate", MODEL, "-m", "one.gguf", "x"), NULL, 1, &said);
    EXPECT_HAS(said, "translate: one of the models: the model's numbers are not finite for text 1: its translation is "
                     "empty\n");
    free(said), free(out);
}

static void test_command_wrong_options(void) {
    static const struct {
        int code;
        const char *arguments[4], *message;
    } cases[] = {
        {2, {"--weights=1,2,3", "x"}, "--weights goes with --rerank or --reverse"},
        {2,
         {BACK, "--weights=1,x,3", "x"},
         "--weights: expected up to 10 numbers from -1000000 to 1000000, with commas"},
        {2, {BACK, "--weights=1,,3", "x"}, "found \"1,,3\""},
        {2, {BACK, "--weights=", "x"}, "found \"\""},
        {2, {BACK, "--weights=1,nan,3", "x"}, "found \"1,nan,3\""},
        {2, {"--calibration=1,2", "x"}, "--calibration goes with --confidence"},
        {2, {"--confidence", "--calibration=1", "x"}, "--calibration: expected two numbers, found one"},
        {2, {"--sample", BACK, "x"}, "--sample draws one translation: expected no --rerank or --reverse with it"},
        {2, {"--tune=train.tsv"}, "--tune finds --weights for --rerank or --reverse, and --calibration"},
        {2, {"--tune=train.tsv", "--confidence", "x"}, "--tune: expected no text with it, found \"x\""},
        {2, {"--tune=train.tsv", "--confidence", "--alignment=hard"}, "expected no --alignment with it"},
        {2, {"--score", "--confidence"}, "expected no --confidence with it"},
        {1, {BACK, "--tune=-"}, "-: expected a file, found standard input; save what comes from it in a file"},
        {1,
         {BACK, "--weights=1,2", "x"},
         "--weights: expected 3 numbers (of the search, of 1 model, of a token), found 2"},
        {1, {"--reverse=nowhere.gguf", "x"}, "nowhere.gguf: cannot open"},
        {1, {BACK, "--tune=nowhere.tsv"}, "nowhere.tsv: cannot open"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *const *a = cases[i].arguments;
        char *said, *out = command_says(ARGS("translate", MODEL, a[0], a[1], a[2], a[3]), NULL, cases[i].code, &said);
        EXPECT_STR(out, "");
        EXPECT_HAS(said, cases[i].message);
        EXPECT_INT(count_of(said, "\n"), 1);
        free(out);
        free(said);
    }
}

int main(void) {
    world_enter();
    if (command_gives(0, ARGS("train", "tiny.ini", "train.max_steps=60"), NULL) &&
        command_gives(0, ARGS("train", "tiny.ini", "run.dir=back", "data.swap=true"), NULL) &&
        command_gives(0, ARGS("train", "tiny.ini", "run.dir=sure", "data.valid=train.tsv", "valid.translate=100"),
                      NULL)) {
        RUN(test_tuning_finds_what_helps);
        RUN(test_reranker);
        RUN(test_command_reranks);
        RUN(test_command_tunes);
        RUN(test_command_confidence);
        RUN(test_command_calibrates);
        RUN(test_command_unsound);
        RUN(test_command_wrong_options);
    }
    world_leave();
    return test_finish();
}
