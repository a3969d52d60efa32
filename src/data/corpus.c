#include "data/corpus.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/ds.h"
#include "data/corpus_internal.h"

/* Adds the text as it will be read; without nfc, its bytes, which is the rule of older runs. */
static void add_text(Checksum *sum, Text text, Normalisation how) {
    char *read = NULL;
    if (how.nfc) {
        normalise_text(&read, text.bytes, text.length, how);
        text = (Text){read, stbds_arrlenu(read)};
    }
    checksum_add(sum, text.bytes, text.length);
    stbds_arrfree(read);
}

/* Whether the pair is in the hash table; adds it if not. */
static bool was_seen(CorpusReader *r, Text source, Text target) {
    if (!r->seen) {
        r->slots = r->lines + r->lines / 3 + 2;
        r->seen = memory_new(r->slots, sizeof *r->seen);
    }
    Checksum sum;
    checksum_start(&sum);
    add_text(&sum, source, r->rules.text);
    checksum_add(&sum, "\t", 1);
    add_text(&sum, target, r->rules.text);
    const uint64_t hash = checksum_end(&sum), other = (hash ^ hash >> 29) * 0x9E3779B97F4A7C15u;
    const Fingerprint wanted = {{(uint16_t)(hash | 1), (uint16_t)(hash >> 16), (uint16_t)(hash >> 32)}}, none = {{0}};
    for (size_t at = other % r->slots;; at = at + 1 < r->slots ? at + 1 : 0) {
        if (memcmp(&r->seen[at], &wanted, sizeof wanted) == 0) return true;
        if (memcmp(&r->seen[at], &none, sizeof none) != 0) continue;
        r->seen[at] = wanted;
        return false;
    }
}

static bool end_item(CorpusReader *r, Error *err) {
    const CorpusItem *item = &r->items[r->item];
    const size_t lines = lines_count(r->open[0]);
    if (lines == 0)
        return error_set(err, "%s: expected %s, found an empty file", item->names[0],
                         item->names[1] ? "lines of text" : "lines of `source TAB target`");
    const CorpusItem *next = r->item + 1 < stbds_arrlenu(r->items) ? item + 1 : NULL;
    if (r->good == 0 && next && !item->names[1] && !next->names[1])
        return error_set(err, "%s; and no line of the file can be used. Two files side by side are written %s+%s",
                         r->flaw.text, item->names[0], next->names[0]);
    if (r->good == 0) return error_set(err, "%s; and no line of the file can be used", r->flaw.text);
    if (!corpus_check_item(r, err)) return false;
    corpus_close_item(r);
    return true;
}

/* The first two columns of a line. */
static Text two_columns(Text line) {
    Text rest = line;
    utf8_column(&rest);
    const Text target = utf8_column(&rest);
    return (Text){line.bytes, (size_t)(target.bytes + target.length - line.bytes)};
}

/* The next line of one side of the item; of a TSV, those columns that are used. */
static LinesNext read_side(CorpusReader *r, int side, Text *line, CorpusReport *report, Error *err) {
    const LinesNext next = lines_next(r->open[side], &line->bytes, &line->length, err);
    const size_t number = lines_count(r->open[side]);
    const CorpusPlace place = {2 * r->item + (size_t)side, number};
    if (next == LINES_LONG && !*r->flaw.text) r->flaw = *err;
    if (next != LINES_LINE) return next;
    if (memchr(line->bytes, '\r', line->length) && report->returns++ == 0) report->first_return = place;
    if (!r->items[r->item].names[1] && (!r->rules.keep || r->rules.swap)) *line = two_columns(*line);
    const char *nul = memchr(line->bytes, 0, line->length);
    if (!nul) return LINES_LINE;
    error_set(err, "%s:%zu: expected UTF-8 text, found a NUL byte at byte %zu of the line",
              r->items[r->item].names[side], number, (size_t)(nul - line->bytes) + 1);
    return LINES_FAILED;
}

/* Appends text. plain: TABs become spaces, because they separate no columns. */
static void append(Corpus *corpus, Text text, bool plain) {
    const size_t start = stbds_arrlenu(corpus->text);
    ds_append(corpus->text, text.bytes, text.length);
    for (size_t i = start; plain && i < stbds_arrlenu(corpus->text); i++)
        if (corpus->text[i] == '\t') corpus->text[i] = ' ';
}

/* Whether a line with this flaw is one that rules.keep takes: of a TSV one with a target, of two files any. */
static bool is_kept(const CorpusReader *r, CorpusFlaw flaw, const Text sides[2], bool is_tsv) {
    if (!r->rules.keep || (flaw != CORPUS_EMPTY && flaw != CORPUS_NOT_UTF8)) return false;
    if (!is_tsv) return sides[0].length <= CORPUS_LONGEST_LINE && sides[1].length <= CORPUS_LONGEST_LINE;
    Text rest = sides[0];
    const Text first = utf8_column(&rest);
    if (r->rules.swap) return !utf8_is_blank(first);
    return !utf8_is_blank(rest); /* a TAB is white space */
}

/* Adds the pair to the corpus, or its flaw to the report, or both. sides[1] is not used for a TSV. */
static void take_line(CorpusReader *r, Corpus *corpus, const Text sides[2], CorpusReport *report) {
    const CorpusItem *item = &r->items[r->item];
    const bool is_tsv = !item->names[1];
    const size_t number = lines_count(r->open[0]);
    CorpusPlace place = {2 * r->item, number};
    CorpusFlaw flaw;
    Error why;
    bool flawed = false;
    for (int side = 0; side < 2 && item->names[side] && !flawed; side++) {
        place.file = 2 * r->item + (size_t)side;
        flawed = corpus_flaw(&flaw, is_tsv ? two_columns(sides[0]) : sides[side], is_tsv, r->rules.text,
                             item->names[side], number, &why);
    }
    if (flawed) {
        if (!*r->flaw.text) r->flaw = why;
        corpus_report_add(report, flaw, place);
        if (!is_kept(r, flaw, sides, is_tsv)) return;
    }
    place.file = 2 * r->item;
    r->good += !flawed;
    Text rest = sides[0], source = is_tsv ? utf8_column(&rest) : sides[0], targets = is_tsv ? rest : sides[1];
    if (r->rules.swap) {
        const Text target = is_tsv ? utf8_column(&rest) : targets;
        targets = source;
        source = target;
    }
    CorpusLine line = {.start = stbds_arrlenu(corpus->text),
                       .source_length = (uint32_t)source.length,
                       .targets_length = (uint32_t)targets.length,
                       .place = place,
                       .flawed = flawed};
    if (r->rules.unique && !flawed) {
        Text others = targets;
        if (was_seen(r, source, is_tsv ? utf8_column(&others) : targets)) {
            corpus_report_add(report, CORPUS_DUPLICATE, place);
            return;
        }
    }
    append(corpus, source, !is_tsv);
    stbds_arrput(corpus->text, '\t');
    append(corpus, targets, !is_tsv);
    stbds_arrput(corpus->lines, line);
    corpus->count++;
}

bool corpus_next(CorpusReader *r, Corpus *corpus, size_t most, CorpusReport *report, Error *err) {
    stbds_arrsetlen(corpus->text, 0);
    stbds_arrsetlen(corpus->lines, 0);
    corpus->count = 0;
    while (corpus->count < most && r->item < stbds_arrlenu(r->items)) {
        const CorpusItem *item = &r->items[r->item];
        Text sides[2] = {{0}};
        LinesNext next[2] = {LINES_END, LINES_END};
        if (!r->open[0] && !corpus_open_item(r, err)) return false;
        for (int side = 0; side < 2 && item->names[side]; side++) {
            next[side] = read_side(r, side, &sides[side], report, err);
            if (next[side] == LINES_FAILED) return false;
        }
        if (item->names[1] && (next[0] == LINES_END) != (next[1] == LINES_END))
            return error_set(err, "%s:%zu: expected as many lines as in %s, which ends here",
                             item->names[next[0] == LINES_END], lines_count(r->open[next[0] == LINES_END]),
                             item->names[next[1] == LINES_END]);
        if (next[0] == LINES_END) {
            if (!end_item(r, err)) return false;
            r->item++;
            continue;
        }
        /* The file grew, and the table of `unique` has no room for more lines than there were. */
        if (++r->taken > r->lines) return corpus_changed(item->names[0], err);
        report->lines++;
        const size_t side = next[0] != LINES_LONG;
        if (next[side] == LINES_LONG)
            corpus_report_add(report, CORPUS_LONG_LINE, (CorpusPlace){2 * r->item + side, lines_count(r->open[side])});
        else
            take_line(r, corpus, sides, report);
    }
    if (corpus->count == 0) {
        r->item = 0;
        r->taken = 0;
        free(r->seen);
        r->seen = NULL;
    }
    return true;
}

void corpus_free(Corpus *corpus) {
    stbds_arrfree(corpus->lines);
    stbds_arrfree(corpus->text);
    *corpus = (Corpus){0};
}

Text corpus_source(const Corpus *corpus, size_t line) {
    CHECK(line < corpus->count, "a line of the corpus");
    return (Text){corpus->text + corpus->lines[line].start, corpus->lines[line].source_length};
}

/* All targets of a line, with the TABs between them. */
static Text targets_of(const Corpus *corpus, size_t line) {
    const Text source = corpus_source(corpus, line);
    return (Text){source.bytes + source.length + 1, corpus->lines[line].targets_length};
}

Text corpus_target(const Corpus *corpus, size_t line) {
    Text rest = targets_of(corpus, line);
    return utf8_column(&rest);
}

void corpus_targets(const Corpus *corpus, size_t line, Text **targets) {
    const size_t before = stbds_arrlenu(*targets);
    for (Text rest = targets_of(corpus, line); rest.length > 0;) {
        const Text target = utf8_column(&rest);
        if (!utf8_is_blank(target)) stbds_arrput(*targets, target);
    }
    if (stbds_arrlenu(*targets) == before) stbds_arrput(*targets, corpus_target(corpus, line));
}
