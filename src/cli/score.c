/* ./score [options] HYPOTHESIS REFERENCE...: BLEU, chrF2 and chrF++ as sacreBLEU computes them. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ds.h"
#include "base/file.h"
#include "base/lines.h"
#include "base/memory.h"
#include "base/plain.h"
#include "base/size.h"
#include "cli/options.h"
#include "eval/bleu.h"
#include "eval/score.h"
#include "text/normalise.h"

static const Option options[] = {
    {"--metric", "-m", "NAME", "bleu, chrf, chrf++ or all; can be repeated (default: bleu)", NULL},
    {"--tokenize", NULL, "NAME", "BLEU's words: 13a, or none: split at white space (default: 13a)", NULL},
    {"--lowercase", "-l", NULL, "lower-case both sides first", NULL},
    {"--tsv", NULL, NULL, "REFERENCE has lines \"source TAB reference TAB reference ...\"", NULL},
    {"--per-line", NULL, NULL, "print only each line's score, TABs between metrics", NULL},
    {"--paired", NULL, "FILE", "compare with the hypotheses of another system", NULL},
    {"--resamples", NULL, "N", "test sets to draw for --paired (default: 1000)", NULL},
    {"--seed", NULL, "N", "seed of these draws (default: 12345)", NULL},
};

static const Command command = {
    .name = "score",
    .usage = "score [options] HYPOTHESIS REFERENCE...",
    .about =
        "Scores the lines of HYPOTHESIS (-: stdin) against the same lines of each REFERENCE, as sacreBLEU does, and\n"
        "prints sacreBLEU's signature. In a file for --tsv, lines may have different numbers of references; blank\n"
        "columns are ignored. --paired tests by bootstrap resampling whether two systems differ by more than chance:\n"
        "it adds the mean and the half width of the 95% interval to each score, and p.\n\n"
        "example: ./score french.txt reference.fr\n"
        "         cut -f1 test.tsv | ./translate | ./score -m all --tsv - test.tsv",
    .options = options,
    .option_count = COUNT(options),
};

typedef struct Request {
    bool metrics[SCORE_METRICS];
    ScoreOptions how;
    bool tsv, per_line;
    const char *other; /* the second system's hypotheses, or NULL */
    ScoreResampling resampling;
    const char **paths; /* stb_ds array: hypotheses, references */
} Request;

/* All lines of a file. */
typedef struct Lines {
    char *bytes; /* stb_ds array */
    Text *lines; /* stb_ds array */
} Lines;

typedef struct TestSet {
    Lines systems[2];
    Lines *files;       /* of references; stb_ds array */
    Text *references;   /* of the first line, of the second, ...; stb_ds array */
    size_t *start;      /* (lines + 1), stb_ds array: where each line's are */
    size_t lines, each; /* lines: those with a reference; each: references of every line; 0: varying */
} TestSet;

static bool read_lines(Lines *l, const char *path, Error *err) {
    const char *name = file_stream_name(path);
    const int file = file_open_stream(path, err);
    if (file < 0) return false;
    LineReader *reader = lines_open(file, name);
    LinesNext next;
    Text line;
    bool odd = false;
    while ((next = lines_next(reader, &line.bytes, &line.length, err)) == LINES_LINE) {
        ds_append(l->bytes, line.bytes, line.length);
        stbds_arrput(l->lines, line);
        const size_t valid = odd ? line.length : utf8_valid(line.bytes, line.length);
        if (valid == line.length) continue;
        options_note(&command,
                     "%s:%zu: expected UTF-8 text, found 0x%02X at byte %zu; scored as it is (only the first such line "
                     "is reported)",
                     name, lines_count(reader), (unsigned char)line.bytes[valid], valid + 1);
        odd = true;
    }
    lines_free(reader);
    file_close(file);
    const size_t count = stbds_arrlenu(l->lines);
    for (size_t i = 0, at = 0; i < count; at += l->lines[i++].length) /* now the bytes stay where they are */
        l->lines[i].bytes = l->bytes ? l->bytes + at : "";
    if (next != LINES_END) return false;
    return count > 0 || error_set(err, "%s: expected at least one line, found an empty file", name);
}

/* As many lines as the first hypotheses have. */
static bool read_as_many(Lines *l, const char *path, const TestSet *t, const char *first, Error *err) {
    if (!read_lines(l, path, err)) return false;
    const size_t expected = stbds_arrlenu(t->systems[0].lines), found = stbds_arrlenu(l->lines);
    return expected == found || error_set(err, "%s: expected %zu lines, as in %s, found %zu", file_stream_name(path),
                                          expected, file_stream_name(first), found);
}

/* The columns after the first that are not blank. */
static void put_columns(Text **references, Text line) {
    utf8_column(&line);
    while (line.length > 0) {
        const Text column = utf8_column(&line);
        if (!utf8_is_blank(column)) stbds_arrput(*references, column);
    }
}

/* As sacreBLEU does: 100 lines that end in a word "." are hardly text as people write it. */
static void tell_tokenised(const TestSet *t, const Request *r) {
    size_t lines = 0;
    for (size_t i = 0; i < t->lines; i++) {
        const Text line = t->systems[0].lines[i];
        lines += line.length > 2 && memcmp(line.bytes + line.length - 2, " .", 2) == 0;
    }
    if (lines >= 100 && !r->how.split_on_space)
        options_note(&command,
                     "%s: %zu lines end in \" .\": it seems to be tokenised, and BLEU and chrF are of text as it is "
                     "read; if it is meant to be, --tokenize none takes the words as they are",
                     file_stream_name(r->paths[0]), lines);
}

static bool has_tab(Text line) { return line.length > 0 && memchr(line.bytes, '\t', line.length); }

/* References that look like the lines of a TSV file. */
static void tell_columns(const TestSet *t, const Request *r) {
    size_t here = 0, there = 0;
    for (size_t i = 0; i < t->lines; i++) here += has_tab(t->systems[0].lines[i]);
    for (size_t i = 0; i < stbds_arrlenu(t->references); i++) there += has_tab(t->references[i]);
    if (!r->tsv && here == 0 && there > 0 && there == stbds_arrlenu(t->references))
        options_note(&command, "%s: each line has a TAB and is taken whole; --tsv takes the columns behind the first",
                     file_stream_name(stbds_arrlast(r->paths)));
}

static size_t count_decomposed(const Text *texts, size_t count) {
    size_t others = 0;
    for (size_t i = 0; i < count; i++) others += !normalise_is_composed(texts[i].bytes, texts[i].length);
    return others;
}

/* BLEU and chrF compare code points, so an accented letter differs from the letter followed by its accent. */
static void tell_decomposed(const TestSet *t) {
    const size_t here = count_decomposed(t->systems[0].lines, t->lines);
    const size_t there = count_decomposed(t->references, stbds_arrlenu(t->references));
    if ((here == 0) != (there == 0))
        options_note(&command,
                     "%zu of the %s are not in Unicode's normal form C, and all %s are: what looks the same may count "
                     "as different (uconv -x nfc makes them alike)",
                     here + there, here ? "hypotheses" : "references", here ? "references" : "hypotheses");
}

/* Whether any of these lines has text. */
static bool have_text(const Text *lines, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!utf8_is_blank(lines[i])) return true;
    return false;
}

static bool read_test_set(TestSet *t, const Request *r, Error *err) {
    const char *first = r->paths[0];
    if (!read_lines(&t->systems[0], first, err)) return false;
    if (r->other && !read_as_many(&t->systems[1], r->other, t, first, err)) return false;
    for (size_t f = 1; f < stbds_arrlenu(r->paths); f++) {
        const Lines none = {0};
        stbds_arrput(t->files, none);
        if (!read_as_many(&stbds_arrlast(t->files), r->paths[f], t, first, err)) return false;
    }
    const size_t lines = stbds_arrlenu(t->systems[0].lines);
    size_t without = 0; /* the first line without a reference, from 1 */
    stbds_arrput(t->start, 0);
    for (size_t i = 0; i < lines; i++) {
        for (size_t f = 0; f < stbds_arrlenu(t->files); f++) {
            if (r->tsv)
                put_columns(&t->references, t->files[f].lines[i]);
            else
                stbds_arrput(t->references, t->files[f].lines[i]);
        }
        const size_t here = stbds_arrlenu(t->references) - t->start[t->lines];
        if (here == 0 && !without) without = i + 1;
        if (here == 0) continue;
        for (size_t s = 0; s < (r->other ? 2 : 1); s++) t->systems[s].lines[t->lines] = t->systems[s].lines[i];
        t->each = t->lines == 0 || t->each == here ? here : 0;
        stbds_arrput(t->start, t->start[t->lines++] + here);
    }
    const char *last = file_stream_name(stbds_arrlast(r->paths));
    if (without && (t->lines == 0 || r->per_line))
        return error_set(err, "%s:%zu: expected \"source TAB reference\", found no reference", last, without);
    if (without)
        options_note(&command, "left out %zu line%s without a reference, first %s:%zu", lines - t->lines,
                     lines - t->lines > 1 ? "s" : "", last, without);
    tell_tokenised(t, r);
    tell_columns(t, r);
    tell_decomposed(t);
    if (!have_text(t->systems[0].lines, t->lines) && !have_text(t->references, stbds_arrlenu(t->references)))
        options_note(&command, "neither the hypotheses nor the references have text: a score of nothing is 0");
    return true;
}

static void free_lines(Lines *l) {
    stbds_arrfree(l->bytes);
    stbds_arrfree(l->lines);
}

static void free_test_set(TestSet *t) {
    for (size_t s = 0; s < 2; s++) free_lines(&t->systems[s]);
    for (size_t f = 0; f < stbds_arrlenu(t->files); f++) free_lines(&t->files[f]);
    stbds_arrfree(t->files);
    stbds_arrfree(t->references);
    stbds_arrfree(t->start);
}

/* What each line of a system adds to the score: (lines). */
static NgramCounts *count_lines(const TestSet *t, size_t system, ScoreOptions how) {
    NgramCounts *counts = memory_new(t->lines, sizeof *counts);
    Ngrams *work = ngrams_create();
    for (size_t i = 0; i < t->lines; i++)
        score_add(&counts[i], work, how, t->systems[system].lines[i], t->references + t->start[i],
                  t->start[i + 1] - t->start[i]);
    ngrams_free(work);
    return counts;
}

/* Returns whether BLEU is 0 because no hypothesis has as many words as its longest n-grams. */
static bool print_score(const TestSet *t, ScoreOptions how, const NgramCounts *counts, const ScoreSystem *resampled,
                        const char *path) {
    NgramCounts sum = {{0}, {0}, {0}};
    for (size_t i = 0; i < t->lines; i++) ngrams_add(&sum, &counts[i]);
    printf("%s", score_name(how.metric));
    if (resampled) {
        char *shown = plain_clean(memory_string(path));
        printf(" of %s", shown);
        free(shown);
    }
    printf(" = %.4f", score_value(how, &sum));
    if (resampled) printf(" (μ = %.4f ± %.4f)", resampled->mean, resampled->half_width);
    if (how.metric == SCORE_BLEU) {
        const BleuScore s = bleu_score(&sum, false);
        for (size_t k = 0; k < BLEU_ORDERS; k++) printf("%c%.1f", k ? '/' : ' ', s.precision[k]);
        printf(" (BP = %.3f ratio = %.3f hyp_len = %llu ref_len = %llu)", s.penalty,
               s.reference ? (double)s.length / (double)s.reference : 0.0, (unsigned long long)s.length,
               (unsigned long long)s.reference);
    }
    putchar('\n');
    return how.metric == SCORE_BLEU && sum.hypothesis[0] > 0 && sum.hypothesis[BLEU_ORDERS - 1] == 0;
}

static void score_all(const Request *r, const TestSet *t, ScoreOptions how) {
    const size_t systems = r->other ? 2 : 1;
    NgramCounts *counts[2] = {NULL, NULL};
    for (size_t s = 0; s < systems; s++) counts[s] = count_lines(t, s, how);
    ScoreSystem resampled[2];
    double p = 1;
    if (r->other)
        p = score_paired(resampled, how, (const NgramCounts *const[]){counts[0], counts[1]}, t->lines, r->resampling);
    bool short_lines = false;
    for (size_t s = 0; s < systems; s++)
        short_lines |= print_score(t, how, counts[s], r->other ? &resampled[s] : NULL, s ? r->other : r->paths[0]);
    if (r->other) printf("difference = %+.4f, p = %.4f\n", resampled[1].score - resampled[0].score, p);
    if (short_lines)
        options_note(&command, "BLEU needs lines of %d words or more, found none; for text without spaces: -m chrf",
                     BLEU_ORDERS);
    char *signature = score_signature(how, t->each, r->resampling);
    printf("%s\n", signature);
    free(signature);
    for (size_t s = 0; s < systems; s++) free(counts[s]);
}

static void score_lines(const Request *r, const TestSet *t) {
    NgramCounts *counts[SCORE_METRICS] = {NULL};
    ScoreOptions how = r->how;
    for (how.metric = 0; how.metric < SCORE_METRICS; how.metric++)
        if (r->metrics[how.metric]) counts[how.metric] = count_lines(t, 0, how);
    for (size_t i = 0; i < t->lines; i++) {
        const char *between = "";
        for (how.metric = 0; how.metric < SCORE_METRICS; how.metric++) {
            if (!counts[how.metric]) continue;
            printf("%s%.4f", between, score_value(how, &counts[how.metric][i]));
            between = "\t";
        }
        putchar('\n');
    }
    for (size_t m = 0; m < SCORE_METRICS; m++) free(counts[m]);
}

static void set_metric(Request *r, const char *value) {
    static const char *const names[] = {"bleu", "chrf", "chrf++"};
    bool known = false;
    for (size_t m = 0; m < SCORE_METRICS; m++)
        if (strcmp(value, names[m]) == 0 || strcmp(value, "all") == 0) r->metrics[m] = known = true;
    if (!known) options_usage(&command, "--metric: expected bleu, chrf, chrf++ or all, found \"%s\"", value);
}

/* Standard input or a pipe. */
static bool is_read_once(const char *path) {
    struct stat status;
    return strcmp(path, "-") == 0 || (stat(path, &status) == 0 && S_ISFIFO(status.st_mode));
}

static void check_request(Request *r, const OptionReader *reader) {
    static const char *const tokenizers[] = {"13a", "none", NULL};
    r->how.split_on_space = options_choice(reader, "--tokenize", tokenizers) == 1;
    r->how.lowercase = options_given(reader, "--lowercase") != NULL;
    r->per_line = r->how.effective_order = options_given(reader, "--per-line") != NULL;
    r->tsv = options_given(reader, "--tsv") != NULL;
    r->other = options_given(reader, "--paired");
    r->resampling.resamples = (size_t)options_integer(reader, "--resamples", 1, 1000000, 1000);
    r->resampling.seed = (uint64_t)options_integer(reader, "--seed", 0, INT64_MAX, 12345);
    const size_t files = stbds_arrlenu(r->paths);
    if (files < 2)
        options_usage(&command, "expected HYPOTHESIS and at least one REFERENCE, found %s",
                      files ? r->paths[0] : "neither");
    for (size_t i = 0; i < files; i++) {
        size_t times = r->other && strcmp(r->other, r->paths[i]) == 0;
        for (size_t j = 0; j < files; j++) times += strcmp(r->paths[j], r->paths[i]) == 0;
        if (times > 1 && is_read_once(r->paths[i]))
            options_usage(&command, "%s: expected at most once, found %zu times", r->paths[i], times);
    }
    if (r->other && r->per_line) options_usage(&command, "expected --per-line or --paired, found both");
    if (!r->other && (options_given(reader, "--resamples") || options_given(reader, "--seed")))
        options_usage(&command, "--resamples and --seed go with --paired");
    if (!r->other) r->resampling.resamples = 0;
    bool any = false;
    for (size_t m = 0; m < SCORE_METRICS; m++) any = any || r->metrics[m];
    if (!any) r->metrics[SCORE_BLEU] = true;
}

static int run(const Request *r) {
    Error err;
    TestSet test_set = {0};
    bool ok = read_test_set(&test_set, r, &err);
    if (ok && r->per_line) score_lines(r, &test_set);
    ScoreOptions how = r->how;
    for (how.metric = 0; ok && !r->per_line && how.metric < SCORE_METRICS; how.metric++)
        if (r->metrics[how.metric]) score_all(r, &test_set, how);
    free_test_set(&test_set);
    ok = ok && options_flush(&err);
    return ok ? EXIT_DONE : options_fail(&command, &err);
}

int main(int argc, char **argv) {
    Request request = {0};
    OptionReader reader = options_start(&command, argc, argv);
    const char *value;
    for (const char *option; (option = options_next(&reader, &value));) {
        if (strcmp(option, "--metric") == 0) set_metric(&request, value);
        if (!*option) stbds_arrput(request.paths, value);
    }
    check_request(&request, &reader);
    const int code = run(&request);
    stbds_arrfree(request.paths);
    return code;
}
