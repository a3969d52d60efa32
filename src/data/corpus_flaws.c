#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/terminal.h"
#include "data/corpus_internal.h"
#include "text/unicode.h"

/* The beginning of a line for a message. */
typedef struct Excerpt {
    char text[44];
} Excerpt;

static Excerpt excerpt_of(Text line) {
    Excerpt excerpt;
    utf8_show(excerpt.text, sizeof excerpt.text, line.bytes, line.length);
    return excerpt;
}

static bool is_blank(const char *text, size_t length, Normalisation how) {
    for (size_t at = 0; at < length;) {
        uint32_t code;
        at += utf8_decode(&code, text + at, length - at);
        if (utf8_class(code) != UTF8_SPACE && !(how.invisible && unicode_hidden(code))) return false;
    }
    return true;
}

bool corpus_flaw(CorpusFlaw *flaw, Text line, bool is_tsv, Normalisation how, const char *name, size_t number,
                 Error *why) {
    *flaw = CORPUS_LONG_LINE;
    if (line.length > CORPUS_LONGEST_LINE)
        return !error_set(why, "%s:%zu: expected a line of at most %d bytes, found %zu", name, number,
                          CORPUS_LONGEST_LINE, line.length);
    *flaw = CORPUS_NO_TAB;
    if (is_tsv && !memchr(line.bytes, '\t', line.length))
        return !error_set(why, "%s:%zu: expected `source TAB target`, found no TAB in \"%s\"", name, number,
                          excerpt_of(line).text);
    *flaw = CORPUS_EMPTY;
    const char *tab = is_tsv ? memchr(line.bytes, '\t', line.length) : NULL;
    const size_t first = tab ? (size_t)(tab - line.bytes) : line.length;
    const bool no_source = is_blank(line.bytes, first, how);
    if (!is_tsv && no_source) return !error_set(why, "%s:%zu: expected text, found none", name, number);
    if (is_tsv && (no_source || is_blank(line.bytes + first, line.length - first, how)))
        return !error_set(why, "%s:%zu: expected text in column %d (%s), found none in \"%s\"", name, number,
                          no_source ? 1 : 2, no_source ? "the source" : "a target", excerpt_of(line).text);
    *flaw = CORPUS_NOT_UTF8;
    const size_t bad = utf8_valid(line.bytes, line.length);
    if (bad < line.length)
        return !error_set(why, "%s:%zu: expected UTF-8 text, found 0x%02X at byte %zu of the line", name, number,
                          (unsigned char)line.bytes[bad], bad + 1);
    return false;
}

void corpus_report_add(CorpusReport *report, CorpusFlaw flaw, CorpusPlace place) {
    if (report->count[flaw]++ == 0) report->first[flaw] = place;
}

/* Appends a line to the text; frees `what`. */
static char *tell_more(char *text, const CorpusReader *r, const char *key, char *what, CorpusPlace first) {
    /* A report may come from a file, so its place may be wrong. */
    const char *name = first.file / 2 < stbds_arrlenu(r->items) ? r->items[first.file / 2].names[first.file % 2] : "";
    char *line = memory_format("%s: %s, first %s:%llu", key, what, name ? name : "", (unsigned long long)first.line);
    free(what);
    return memory_join(text, "\n", line);
}

char *corpus_tell(const CorpusReader *r, const CorpusReport *report, const char *key) {
    static const char *const what[CORPUS_FLAWS] = {
        [CORPUS_LONG_LINE] = "longer than 1 MiB",
        [CORPUS_NO_TAB] = "without a TAB",
        [CORPUS_EMPTY] = "without text on a side",
        [CORPUS_NOT_UTF8] = "with bytes that are not UTF-8",
        [CORPUS_DUPLICATE] = "that came before (data.unique)",
        [CORPUS_TOO_LONG] = "longer than model.max_length",
        [CORPUS_RATIO] = "with sides of too different length (data.max_ratio)",
    };
    char *text = memory_string("");
    for (int flaw = 0; flaw < CORPUS_FLAWS; flaw++) {
        if (!report->count[flaw]) continue;
        const bool kept = r->rules.keep && flaw != CORPUS_LONG_LINE && flaw != CORPUS_NO_TAB;
        char *start =
            memory_format("left out%s %s line%s %s", kept ? " of the loss" : "",
                          terminal_count(report->count[flaw]).text, report->count[flaw] > 1 ? "s" : "", what[flaw]);
        text = tell_more(text, r, key, start, report->first[flaw]);
    }
    if (report->returns)
        text = tell_more(text, r, key,
                         memory_format("%s line%s with a CR inside, which ends a line only where there is no LF",
                                       terminal_count(report->returns).text, report->returns > 1 ? "s" : ""),
                         report->first_return);
    return text;
}

bool corpus_none(const CorpusReader *r, const CorpusReport *report, const char *key, Error *err) {
    char *why = corpus_tell(r, report, key);
    for (char *end = why; (end = strchr(end, '\n'));) *end = ';';
    error_set(err, "%.200s%s: expected a pair that can be used, found none; %s", r->list,
              strlen(r->list) > 200 ? "..." : "", why);
    free(why);
    return false;
}
