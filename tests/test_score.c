/* Scores against what sacreBLEU gives (tests/score_reference.h, and for test sets that are there, known values), paired
 * resampling, and ./score from outside. */
#include <stdlib.h>

#include "base/ds.h"
#include "command.h"
#include "eval/bleu.h"
#include "eval/score.h"
#include "eval/tokenise.h"
#include "text/utf8.h"

typedef struct ScoreLine {
    const char *hypothesis, *references[4];
    size_t count;
    double bleu_chrf_chrfpp[3];
} ScoreLine;

typedef struct ScoreCase {
    const char *name;
    size_t first, lines;
    double scores[6]; /* of the kinds below */
    uint64_t lengths[2];
    double penalty, precision[BLEU_ORDERS];
    const char *signature; /* BLEU's, without the version */
} ScoreCase;

#include "score_reference.h"

static const ScoreOptions kinds[] = {{.metric = SCORE_BLEU},
                                     {.metric = SCORE_BLEU, .split_on_space = true},
                                     {.metric = SCORE_BLEU, .lowercase = true},
                                     {.metric = SCORE_CHRF},
                                     {.metric = SCORE_CHRFPP},
                                     {.metric = SCORE_CHRF, .lowercase = true}};

static const NgramCounts nothing;
static Ngrams *work; /* the same for all, so that nothing may be left from the sentence before */

static Text text(const char *bytes) { return (Text){bytes, strlen(bytes)}; }

static void add(NgramCounts *sum, ScoreOptions how, const ScoreLine *line) {
    Text references[4];
    for (size_t r = 0; r < line->count; r++) references[r] = text(line->references[r]);
    score_add(sum, work, how, text(line->hypothesis), references, line->count);
}

static void test_corpora(void) {
    for (size_t c = 0; c < COUNT(score_cases); c++) {
        const ScoreCase *known = &score_cases[c];
        for (size_t k = 0; k < COUNT(kinds); k++) {
            NgramCounts sum = nothing;
            for (size_t i = 0; i < known->lines; i++) add(&sum, kinds[k], &score_lines[known->first + i]);
            const double found = score_value(kinds[k], &sum);
            if (!(fabs(found - known->scores[k]) < 1e-8))
                TEST_FAIL("%s, kind %zu: expected %.9f, found %.9f", known->name, k, known->scores[k], found);
            if (k > 0) continue;
            const BleuScore bleu = bleu_score(&sum, false);
            EXPECT_INT(bleu.length, known->lengths[0]);
            EXPECT_INT(bleu.reference, known->lengths[1]);
            EXPECT_NEAR(bleu.penalty, known->penalty, 1e-9);
            for (size_t n = 0; n < BLEU_ORDERS; n++) EXPECT_NEAR(bleu.precision[n], known->precision[n], 1e-8);
        }
    }
}

static void test_sentences(void) {
    for (size_t i = 0; i < COUNT(score_lines); i++) {
        for (ScoreMetric metric = 0; metric < SCORE_METRICS; metric++) {
            const ScoreOptions how = {.metric = metric, .effective_order = true};
            NgramCounts sum = nothing;
            add(&sum, how, &score_lines[i]);
            const double found = score_value(how, &sum), expected = score_lines[i].bleu_chrf_chrfpp[metric];
            if (!(fabs(found - expected) < 1e-8))
                TEST_FAIL("\"%s\", %s: expected %.9f, found %.9f", score_lines[i].hypothesis, score_name(metric),
                          expected, found);
        }
    }
}

static void test_signatures(void) {
    for (size_t c = 0; c < COUNT(score_cases); c++) {
        const ScoreCase *known = &score_cases[c];
        size_t each = score_lines[known->first].count;
        for (size_t i = 0; i < known->lines; i++)
            if (score_lines[known->first + i].count != each) each = 0;
        char *found = score_signature(kinds[0], each, (ScoreResampling){0}),
             *expected = memory_format("%s|version:2.x", known->signature);
        EXPECT_STR(found, expected);
        free(found);
        free(expected);
    }
    const ScoreOptions how[] = {
        {.metric = SCORE_BLEU, .lowercase = true, .split_on_space = true, .effective_order = true},
        {.metric = SCORE_CHRFPP}};
    static const char *const expected[] = {"nrefs:2|bs:300|seed:7|case:lc|eff:yes|tok:none|smooth:exp|version:2.x",
                                           "nrefs:2|bs:300|seed:7|case:mixed|eff:yes|nc:6|nw:2|space:no|version:2.x"};
    for (size_t i = 0; i < 2; i++) {
        char *found = score_signature(how[i], 2, (ScoreResampling){300, 7});
        EXPECT_STR(found, expected[i]);
        free(found);
    }
}

/* One long line of different words, so that the table of n-grams grows, and a short one after it. */
static void test_long_line(void) {
    enum { WORDS = 20000 };
    char *line = memory_new(WORDS, 8);
    for (size_t i = 0, at = 0; i < WORDS; i++) at += (size_t)sprintf(line + at, "%zu ", 10000 + i);
    for (ScoreMetric metric = 0; metric < SCORE_METRICS; metric++) {
        const ScoreOptions how = {.metric = metric};
        NgramCounts sum = nothing;
        Text whole = text(line), half = {line, WORDS * 3}, small = text("a b c d");
        score_add(&sum, work, how, whole, &whole, 1);
        EXPECT_NEAR(score_value(how, &sum), 100, 1e-9);
        sum = nothing;
        score_add(&sum, work, how, half, &whole, 1);
        if (metric == SCORE_BLEU) {
            EXPECT_NEAR(score_value(how, &sum), 100 * exp(-1), 1e-6);
            EXPECT_INT(sum.match[3], WORDS / 2 - 3);
        }
        sum = nothing;
        score_add(&sum, work, how, small, &small, 1);
        EXPECT_NEAR(score_value(how, &sum), 100, 1e-9);
    }
    free(line);
}

/* ---- Paired resampling ---- */

enum { MANY = 200 };

/* Sentences with a wrong word in every k-th, so the smaller k, the worse. */
static void make_system(NgramCounts *counts, ScoreOptions how, size_t k, size_t shift) {
    for (size_t i = 0; i < MANY; i++) {
        char line[64], reference[64];
        snprintf(reference, sizeof reference, "un deux trois quatre %zu six", i % 7);
        snprintf(line, sizeof line, "un deux trois %s %zu six", (i + shift) % k ? "quatre" : "cinq", i % 7);
        const Text one = text(reference);
        counts[i] = nothing;
        score_add(&counts[i], work, how, text(line), &one, 1);
    }
}

static void test_paired(void) {
    static NgramCounts a[MANY], same[MANY], alike[MANY], worse[MANY];
    const ScoreResampling often = {400, 1}, other = {400, 2};
    for (ScoreMetric metric = 0; metric < SCORE_METRICS; metric++) {
        const ScoreOptions how = {.metric = metric};
        make_system(a, how, 5, 0);
        make_system(same, how, 5, 0);
        make_system(alike, how, 5, 1);
        make_system(worse, how, 2, 0);
        ScoreSystem s[2], again[2];
        EXPECT(score_paired(s, how, (const NgramCounts *const[]){a, same}, MANY, often) == 1);
        EXPECT(s[0].score == s[1].score && s[0].mean == s[1].mean && s[0].half_width == s[1].half_width);
        EXPECT(score_paired(s, how, (const NgramCounts *const[]){a, alike}, MANY, often) > 0.05);
        EXPECT_NEAR(score_paired(s, how, (const NgramCounts *const[]){a, worse}, MANY, often), 1.0 / 401, 1e-12);
        EXPECT(s[0].score > s[1].score);
        for (size_t k = 0; k < 2; k++) {
            EXPECT(s[k].half_width > 0.2 && s[k].half_width < 8);
            EXPECT_NEAR(s[k].mean, s[k].score, s[k].half_width / 4);
        }
        score_paired(again, how, (const NgramCounts *const[]){a, worse}, MANY, often);
        EXPECT(memcmp(s, again, sizeof s) == 0);
        score_paired(again, how, (const NgramCounts *const[]){a, worse}, MANY, other);
        EXPECT(s[0].score == again[0].score && s[0].mean != again[0].mean);
    }
}

/* ---- Known values on a test set: two spoilt copies of 1,000 reference lines ---- */

/* Deletes or doubles every k-th word of a line; *bytes, a stb_ds array, holds the result. */
static Text spoil(char **bytes, Text line, size_t k, bool delete_it) {
    tokenise_decode(&work->codes, line, false);
    const size_t count = stbds_arrlenu(work->codes);
    size_t words = 0;
    stbds_arrsetlen(*bytes, 0);
    for (size_t at = 0, length; (length = tokenise_word(work->codes, count, &at)) > 0; at += length) {
        const size_t times = ++words % k ? 1 : delete_it ? 0 : 2;
        for (size_t i = 0; i < times * length; i++) {
            if (i % length == 0) stbds_arrput(*bytes, ' ');
            char *character = stbds_arraddnptr(*bytes, UTF8_LONGEST);
            const size_t size = utf8_encode(character, work->codes[at + i % length]);
            stbds_arrsetlen(*bytes, stbds_arrlenu(*bytes) - UTF8_LONGEST + size);
        }
    }
    return (Text){*bytes, stbds_arrlenu(*bytes)};
}

static void test_known_values(void) {
    static const double known[2][4] = {{52.0725, 50.1570, 77.1939, 77.3008}, {77.2902, 76.4220, 96.3564, 96.5764}};
    static const ScoreOptions how[] = {{.metric = SCORE_BLEU},
                                       {.metric = SCORE_BLEU, .split_on_space = true},
                                       {.metric = SCORE_CHRF},
                                       {.metric = SCORE_CHRFPP}};
    static const double half_widths[2] = {0.3944, 0.2018}; /* BLEU's, by sacreBLEU with other draws */
    const char *folder = getenv("NMT_COPIES");
    char *path = file_join(folder ? folder : "data", "multi30k/test_2016_flickr.fr");
    size_t size;
    char *file = read_bytes(path, &size);
    free(path);
    if (!file) SKIP("no multi30k/test_2016_flickr.fr in data/ (or NMT_COPIES)");
    static NgramCounts counts[2][1000];
    char *bytes = NULL;
    for (size_t k = 0; k < 4; k++) {
        for (size_t s = 0; s < 2; s++) {
            NgramCounts sum = nothing;
            size_t lines = 0;
            for (char *at = file, *end; (end = strchr(at, '\n')) && lines < 1000; at = end + 1, lines++) {
                const Text reference = {at, (size_t)(end - at)}, line = spoil(&bytes, reference, s ? 6 : 5, s == 0);
                counts[s][lines] = nothing;
                score_add(&counts[s][lines], work, how[k], line, &reference, 1);
                ngrams_add(&sum, &counts[s][lines]);
            }
            EXPECT_INT(lines, 1000);
            EXPECT_NEAR(score_value(how[k], &sum), known[s][k], 5.1e-5);
        }
        if (k > 0) continue;
        ScoreSystem found[2];
        score_paired(found, how[0], (const NgramCounts *const[]){counts[0], counts[1]}, 1000,
                     (ScoreResampling){1000, 1});
        for (size_t s = 0; s < 2; s++) EXPECT_NEAR(found[s].half_width / half_widths[s], 1, 0.1);
    }
    stbds_arrfree(bytes);
    free(file);
}

/* ---- The command ---- */

static void expect_run(const char *const *arguments, const char *input, int code, const char *out, const char *err) {
    CommandRun run = command_run(arguments, &(CommandHow){.input = input});
    EXPECT_INT(run.code, code);
    EXPECT_STR(run.out, out);
    if (code == 0)
        EXPECT_STR(run.err, err);
    else
        EXPECT_HAS(run.err, err);
    const char *newline = strchr(run.err, '\n');
    EXPECT(!newline || newline[1] == 0);
    command_free(&run);
}

static void write_files(void) {
    write_text("hyp", "le chat est là\nbonjour\n\noui\n");
    write_text("worse", "un chat est là\nbonsoir\n\nnon\n");
    write_text("ref", "le chat est ici\r\nbonjour\r\nrien\r\noui");
    write_text("ref2", "le chat est là\nsalut\nvide\nnon\n");
    write_text("test.tsv", "a\tle chat est ici\tle chat est là\nb\tbonjour\t\nc\trien\t \xC2\xA0\t\nd\t\toui\n");
    write_text("short", "un\ndeux\n");
    write_text("empty", "");
    write_text("no-reference.tsv", "a\tx\nb\t\t\nc\tx\nd\tx\n");
    write_text("no-tab.tsv", "a\tx\nb\tx\nc\nd\tx\n");
}

/* These, too, are what sacreBLEU gives, except the resampling. */
static void test_command(void) {
    expect_run(ARGS("score", "hyp", "ref"), NULL, 0,
               "BLEU = 51.6755 83.3/66.7/50.0/50.0 (BP = 0.846 ratio = 0.857 hyp_len = 6 ref_len = 7)\n"
               "nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.x\n",
               "");
    expect_run(ARGS("score", "-m", "all", "hyp", "ref", "ref2"), NULL, 0,
               "BLEU = 84.6482 100.0/100.0/100.0/100.0 (BP = 0.846 ratio = 0.857 hyp_len = 6 ref_len = 7)\n"
               "nrefs:2|case:mixed|eff:no|tok:13a|smooth:exp|version:2.x\n"
               "chrF2 = 93.2558\n"
               "nrefs:2|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.x\n"
               "chrF2++ = 93.4930\n"
               "nrefs:2|case:mixed|eff:yes|nc:6|nw:2|space:no|version:2.x\n",
               "");
    expect_run(ARGS("score", "--tsv", "-", "test.tsv", "--metric=chrf++", "-m", "bleu", "-l"),
               "LE chat est là\nbonjour\n\noui", 0,
               "BLEU = 84.6482 100.0/100.0/100.0/100.0 (BP = 0.846 ratio = 0.857 hyp_len = 6 ref_len = 7)\n"
               "nrefs:var|case:lc|eff:no|tok:13a|smooth:exp|version:2.x\n"
               "chrF2++ = 93.4930\n"
               "nrefs:var|case:lc|eff:yes|nc:6|nw:2|space:no|version:2.x\n",
               "");
    expect_run(ARGS("score", "--per-line", "-m", "all", "hyp", "ref"), NULL, 0,
               "59.4604\t68.8188\t69.3483\n"
               "100.0000\t100.0000\t100.0000\n"
               "0.0000\t0.0000\t0.0000\n"
               "100.0000\t100.0000\t100.0000\n",
               "");
    expect_run(ARGS("score", "--per-line", "--tokenize", "none", "hyp", "ref"), NULL, 0,
               "59.4604\n100.0000\n0.0000\n100.0000\n", "");
    expect_run(
        ARGS("score", "--paired", "worse", "hyp", "ref", "--resamples", "50", "--seed=3"), NULL, 0,
        "BLEU of hyp = 51.6755 (μ = 27.8317 ± 30.7394) 83.3/66.7/50.0/50.0 (BP = 0.846 ratio = 0.857 hyp_len = 6 "
        "ref_len = 7)\n"
        "BLEU of worse = 24.4358 (μ = 12.9884 ± 13.8881) 33.3/33.3/25.0/25.0 (BP = 0.846 ratio = 0.857 hyp_len = "
        "6 ref_len = 7)\n"
        "difference = -27.2397, p = 0.0196\n"
        "nrefs:1|bs:50|seed:3|case:mixed|eff:no|tok:13a|smooth:exp|version:2.x\n",
        "");
}

/* Lines without a reference are left out, with a message: the rest has the score that it has alone. */
static void test_lines_without_reference(void) {
    static const struct {
        const char *lines, *some, *both, *rest, *said;
    } rows[] = {
        {"a b c d\nx\ne f g h\n", "a b c d\ne f g h\n", "1\ta b c e\n2\n3\te f g h\n", "1\ta b c e\n3\te f g h\n",
         "score: left out 1 line without a reference, first both.tsv:2\n"},
        {"x\na b c d\nx\n", "a b c d\n", "1\t\t\n2\ta b c d\ta\n\n", "2\ta b c d\ta\n",
         "score: left out 2 lines without a reference, first both.tsv:1\n"},
        {"a b c d\nx\n", "a b c d\n", "1\ta b d\ta b c d e\n2\t \u00A0\t\u3000", "1\ta b d\ta b c d e\n",
         "score: left out 1 line without a reference, first both.tsv:2\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        write_text("both.tsv", rows[i].both);
        write_text("rest.tsv", rows[i].rest);
        write_text("lines", rows[i].lines);
        write_text("some", rows[i].some);
        for (int paired = 0; paired < 2; paired++) {
            CommandRun rest = command_run(paired ? ARGS("score", "--paired", "some", "--tsv", "some", "rest.tsv")
                                                 : ARGS("score", "-m", "all", "--tsv", "some", "rest.tsv"),
                                          NULL);
            CommandRun both = command_run(paired ? ARGS("score", "--paired", "lines", "--tsv", "lines", "both.tsv")
                                                 : ARGS("score", "-m", "all", "--tsv", "lines", "both.tsv"),
                                          NULL);
            EXPECT_INT(both.code, 0);
            EXPECT_STR(both.err, rows[i].said);
            if (!paired) EXPECT_STR(both.out, rest.out);
            EXPECT_STR(strrchr(both.out, 'p'), strrchr(rest.out, 'p'));
            command_free(&both);
            command_free(&rest);
        }
    }
}

/* A byte order mark at the start of a file is no part of its text. */
static void test_byte_order_marks(void) {
    static const char *const texts[][2] = {
        {"\uFEFFa b c d\n", "a b c d\n"}, {"a b c d\n", "\uFEFFa b c d"}, {"\uFEFFa b c d\r\n", "\uFEFFa b c d\r\n"}};
    for (size_t i = 0; i < COUNT(texts); i++) {
        write_text("marked", texts[i][1]);
        expect_run(ARGS("score", "--per-line", "-", "marked"), texts[i][0], 0, "100.0000\n", "");
    }
}

/* Who forgets --tsv is told, unless a TAB is meant. */
static void test_forgotten_columns(void) {
    static const struct {
        const char *hypotheses, *references;
        bool told;
    } rows[] = {{"a b\nc d\n", "x\ta b\ny\tc d\n", true},
                {"a b\nc d\n", "x\ta b\nc d\n", false},
                {"x\ta b\nc d\n", "x\ta b\ny\tc d\n", false}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        write_text("said", rows[i].hypotheses);
        write_text("pairs.tsv", rows[i].references);
        for (int tsv = 0; tsv < 2; tsv++) {
            CommandRun run = command_run(tsv ? ARGS("score", "-m", "chrf", "said", "--tsv", "pairs.tsv")
                                             : ARGS("score", "-m", "chrf", "said", "pairs.tsv"),
                                         NULL);
            EXPECT_INT(run.code, 0);
            EXPECT((strstr(run.err, "score: pairs.tsv: each line has a TAB and is taken whole; --tsv takes") != NULL) ==
                   (rows[i].told && !tsv));
            command_free(&run);
        }
    }
}

static void test_command_errors(void) {
    static const struct Wrong {
        const char *arguments[6];
        int code;
        const char *message;
    } wrong[] = {
        {{"hyp", "ref", "short"}, 1, "score: short: expected 4 lines, as in hyp, found 2\n"},
        {{"short", "ref"}, 1, "score: ref: expected 2 lines, as in short, found 4\n"},
        {{"-", "ref"}, 1, "score: standard input: expected at least one line, found an empty file\n"},
        {{"hyp", "ref", "--paired", "short"}, 1, "score: short: expected 4 lines, as in hyp, found 2\n"},
        {{"empty", "ref"}, 1, "score: empty: expected at least one line, found an empty file\n"},
        {{"hyp", "empty"}, 1, "score: empty: expected at least one line, found an empty file\n"},
        {{"none", "ref"}, 1, "score: none: cannot open: No such file or directory\n"},
        {{"hyp", "none"}, 1, "score: none: cannot open: No such file or directory\n"},
        {{"hyp", "."}, 1, "score: .: expected a file, found a folder\n"},
        {{"hyp", "--tsv", "no-reference.tsv", "--per-line"},
         1,
         "score: no-reference.tsv:2: expected \"source TAB reference\", found"},
        {{"hyp", "--tsv", "no-tab.tsv", "--per-line"},
         1,
         "score: no-tab.tsv:3: expected \"source TAB reference\", found"},
        {{"hyp", "--tsv", "ref"}, 1, "score: ref:1: expected \"source TAB reference\", found no reference\n"},
        {{NULL}, 2, "score: expected HYPOTHESIS and at least one REFERENCE, found neither"},
        {{"hyp"}, 2, "score: expected HYPOTHESIS and at least one REFERENCE, found hyp"},
        {{"-", "-"}, 2, "score: -: expected at most once, found 2 times"},
        {{"hyp", "ref", "-m", "blue"}, 2, "score: --metric: expected bleu, chrf, chrf++ or all, found \"blue\""},
        {{"hyp", "ref", "--tokenize", "intl"}, 2, "score: --tokenize: expected 13a|none, found \"intl\""},
        {{"hyp", "ref", "--resamples", "0"}, 2, "score: --resamples: expected an integer from 1 to 1000000, found"},
        {{"hyp", "ref", "--seed", "-1"}, 2, "score: --seed: expected an integer from 0"},
        {{"hyp", "ref", "--pairde", "x"}, 2, "did you mean \"--paired\"?"},
        {{"hyp", "ref", "--per-line", "--paired=hyp"}, 2, "score: expected --per-line or --paired, found both"},
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        const char *arguments[8] = {"score"};
        memcpy(arguments + 1, wrong[i].arguments, sizeof wrong[i].arguments);
        expect_run(arguments, NULL, wrong[i].code, "", wrong[i].message);
    }
    CommandRun run = command_run(ARGS("score", "hyp", "ref"), &(CommandHow){.output_path = "/dev/full"});
    EXPECT_INT(run.code, 1);
    EXPECT_STR(run.err, "score: standard output: cannot write: No space left on device\n");
    command_free(&run);
}

int main(void) {
    work = ngrams_create();
    RUN(test_corpora);
    RUN(test_sentences);
    RUN(test_signatures);
    RUN(test_long_line);
    RUN(test_paired);
    RUN(test_known_values);
    world_enter();
    write_files();
    RUN(test_command);
    RUN(test_lines_without_reference);
    RUN(test_byte_order_marks);
    RUN(test_forgotten_columns);
    RUN(test_command_errors);
    world_leave();
    ngrams_free(work);
    return test_finish();
}
