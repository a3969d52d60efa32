#include "cli/scoring.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/file.h"
#include "base/lines.h"

enum {
    LINES_TOGETHER = 2048, /* the most pairs that are scored together, if they arrive together */
    FLAWS_TOLD = 10,       /* pairs without a score that are reported one by one */
};

typedef struct Job {
    Scorer *scorer;
    const Tokenizer *tokenizer;
    const Command *command;
    LineReader *readers[2]; /* the second only for two files */
    const char *names[2];
    size_t done, flawed; /* pairs */
    bool odd, wide;      /* a text was not UTF-8; a line had more columns than are used: each is reported once */
    bool failed;
    /* Of the pairs that are scored together; stb_ds arrays. */
    Text *sources, *targets;
    char *kinds; /* of each line, a Kind */
} Job;

typedef enum Kind { KIND_PAIR, KIND_EMPTY, KIND_NO_TAB } Kind;

/* White space is shown as tokens are usually shown, so that spaces are only between tokens. */
static void print_token(const Tokenizer *tokenizer, int32_t id) {
    char shown[4 * TOKEN_LONGEST];
    size_t length;
    const char *bytes = tokenizer_token_bytes(tokenizer, id, &length);
    utf8_show(shown, sizeof shown, bytes, length);
    for (const char *c = shown; *c; c++)
        if (*c == ' ')
            fputs("\u2581", stdout);
        else
            putchar(*c);
}

static void print_score(const Job *job, const PairScore *score) {
    printf("%.6g\t%.6g\t", score->log_probability,
           score->tokens > 0 ? score->log_probability / (double)score->tokens : score->log_probability);
    for (size_t t = 0; t < score->tokens; t++) {
        if (t > 0) putchar(' ');
        print_token(job->tokenizer, score->ids[t]);
        printf(":%.6g", score->log_probabilities[t]);
    }
    putchar('\n');
}

/* side: 0 if it is about the source, 1 if about the translation, which may be in a file of its own. */
static const char *name_of(const Job *job, int side) { return job->names[job->readers[1] ? side : 0]; }

static void tell_flaw(Job *job, const char *what, int side, size_t line) {
    if (job->flawed++ >= FLAWS_TOLD) return;
    options_note(job->command, "%s:%zu: %s: the log probability is -inf%s", name_of(job, side), line, what,
                 job->flawed == FLAWS_TOLD ? "; from here on such are only counted" : "");
}

/* Texts that are scored as they are, though they may be other than was meant. text: the source and the translation. */
static void tell_oddities(Job *job, const Text text[2], size_t line) {
    for (int side = 0; side < 2; side++) {
        const size_t valid = utf8_valid(text[side].bytes, text[side].length);
        if (!job->odd && valid < text[side].length) {
            options_note(job->command,
                         "%s:%zu: expected UTF-8 text, found 0x%02X at byte %zu of the %s; scored as it is (only the "
                         "first such text is reported)",
                         name_of(job, side), line, (unsigned char)text[side].bytes[valid], valid + 1,
                         side == 0 ? "source" : "translation");
            job->odd = true;
        }
        if (!job->wide && memchr(text[side].bytes, '\t', text[side].length)) {
            options_note(job->command,
                         "%s:%zu: the line has a TAB and is scored as one text (only the first such line is reported); "
                         "cut -f1 takes the first column of a file",
                         name_of(job, side), line);
            job->wide = true;
        }
    }
}

static void print_line(Job *job, Kind kind, const PairScore *score, size_t line) {
    static const char *const flaws[] = {
        [SCORING_NO_SOURCE] = "the source has no words",
        [SCORING_LONG_SOURCE] = "the source has more tokens than the model takes",
        [SCORING_LONG_TARGET] = "the translation has more tokens than the model can say",
        [SCORING_NOT_FINITE] = "the model's numbers are not finite",
    };
    if (kind == KIND_EMPTY) {
        putchar('\n');
        return;
    }
    if (kind == KIND_NO_TAB) {
        tell_flaw(job, "expected source TAB translation, found no TAB", 0, line);
        job->failed = true;
    } else if (score->flaw != SCORING_FINE) {
        tell_flaw(job, flaws[score->flaw], score->flaw == SCORING_LONG_TARGET, line);
        job->failed = job->failed || score->flaw == SCORING_NOT_FINITE;
    }
    print_score(job, score);
}

/* Takes what one line of a TSV file, or of both files, says as the next pair. */
static void take(Job *job, const Text *line) {
    const size_t number = job->done + stbds_arrlenu(job->kinds) + 1;
    Text source = line[0], target = line[1];
    char kind = KIND_PAIR;
    if (!job->readers[1]) {
        Text rest = line[0];
        source = utf8_column(&rest);
        target = utf8_column(&rest);
        if (line[0].length == 0)
            kind = KIND_EMPTY;
        else if (source.length == line[0].length)
            kind = KIND_NO_TAB, source = (Text){"", 0}, target = (Text){"-", 1};
        if (rest.length > 0 && !job->wide) {
            options_note(job->command,
                         "%s:%zu: more than two columns: only the first two are used (only the first such line is "
                         "reported)",
                         name_of(job, 0), number);
            job->wide = true;
        }
    }
    tell_oddities(job, (Text[]){source, target}, number);
    stbds_arrput(job->sources, source);
    stbds_arrput(job->targets, target);
    stbds_arrput(job->kinds, kind);
}

static bool answer(Job *job, Error *err) {
    const size_t count = stbds_arrlenu(job->kinds);
    PairScore *scores = memory_new(count, sizeof *scores);
    const bool ok = scorer_run(job->scorer, job->sources, job->targets, count, scores, err);
    for (size_t i = 0; ok && i < count; i++) print_line(job, (Kind)job->kinds[i], &scores[i], job->done + i + 1);
    job->done += count;
    free(scores);
    return ok && options_flush(err);
}

/* The next line of each file. *more: there is one. */
static bool next_lines(Job *job, Text line[2], bool *more, Error *err) {
    bool ended[2] = {false, false};
    for (size_t i = 0; i < 2 && job->readers[i]; i++) {
        const LinesNext next = lines_next(job->readers[i], &line[i].bytes, &line[i].length, err);
        if (next != LINES_LINE && next != LINES_END) return false;
        ended[i] = next == LINES_END;
    }
    *more = !ended[0] && !ended[1];
    if (!job->readers[1] || ended[0] == ended[1]) return true;
    return error_set(err, "%s: expected as many lines as %s has, found only %zu", job->names[ended[0] ? 0 : 1],
                     job->names[ended[0] ? 1 : 0], job->done + stbds_arrlenu(job->kinds));
}

static bool is_ready(const Job *job) {
    return lines_ready(job->readers[0]) && (!job->readers[1] || lines_ready(job->readers[1]));
}

static bool score_lines(Job *job, Error *err) {
    bool ok = true;
    for (bool more = true; more && ok;) {
        stbds_arrsetlen(job->sources, 0);
        stbds_arrsetlen(job->targets, 0);
        stbds_arrsetlen(job->kinds, 0);
        do {
            Text line[2] = {{"", 0}, {"", 0}};
            ok = next_lines(job, line, &more, err);
            if (ok && more) take(job, line);
        } while (ok && more && is_ready(job) && stbds_arrlenu(job->kinds) < LINES_TOGETHER);
        Error why; /* what came before a failure is answered all the same */
        if (stbds_arrlenu(job->kinds) > 0 && !answer(job, ok ? err : &why)) ok = false;
    }
    if (job->flawed > 1) options_note(job->command, "%zu of %zu pairs have no log probability", job->flawed, job->done);
    return ok;
}

bool scoring_run(Scorer *scorer, const Tokenizer *tokenizer, const Command *command, const char *const *paths,
                 size_t count, bool *failed, Error *err) {
    static const char *const standard[] = {"-"};
    Job job = {.scorer = scorer, .tokenizer = tokenizer, .command = command};
    int files[2] = {-1, -1};
    bool ok = true;
    if (count == 0) paths = standard, count = 1;
    for (size_t i = 0; ok && i < count; i++) {
        job.names[i] = file_stream_name(paths[i]);
        files[i] = file_open_stream(paths[i], err);
        ok = files[i] >= 0;
        if (ok) job.readers[i] = lines_open(files[i], job.names[i]);
    }
    if (ok && count == 1 && strcmp(paths[0], "-") == 0)
        options_tell_input(command, "a sentence, a TAB and its translation");
    ok = ok && score_lines(&job, err);
    *failed = job.failed;
    for (size_t i = 0; i < count; i++) {
        if (job.readers[i]) lines_free(job.readers[i]);
        if (files[i] >= 0) file_close(files[i]);
    }
    stbds_arrfree(job.sources);
    stbds_arrfree(job.targets);
    stbds_arrfree(job.kinds);
    return ok;
}

/* It has no use for what says how to search. */
void scoring_check(const OptionReader *r, const Text *files, size_t count, const Knockout *knockout) {
    static const char *const others[] = {"--model", "--score", "--int8", "--threads", "--without", NULL};
    options_only(r, others, "--score scores translations that are given");
    if (knockout->mask)
        options_usage(r->command, "--without mask: expected it without --score, which computes all positions at once");
    if (count > 2)
        options_usage(r->command,
                      "--score: expected a file of pairs, or one of sources and one of translations, found "
                      "%zu files",
                      count);
    if (count == 2 && strcmp(files[0].bytes, "-") == 0 && strcmp(files[1].bytes, "-") == 0)
        options_usage(r->command, "-: expected at most once, found twice");
}
