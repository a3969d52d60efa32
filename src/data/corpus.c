#include "data/corpus.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/ds.h"
#include "base/file.h"
#include "base/lines.h"
#include "data/corpus_internal.h"

enum { READ_SIZE = 1 << 18 }; /* bytes */

/* One item of the list. */
typedef struct Item {
    char *names[2];     /* names[1]: NULL for a TSV */
    int descriptors[2]; /* -1: not open */
    struct stat before[2];
} Item;

/* 48 bits of the hash of a pair; 0: none. With some 10 of them looked at for a line, one line in 10^13 is taken for
 * another. */
typedef struct Fingerprint {
    uint16_t part[3];
} Fingerprint;

struct CorpusReader {
    char *list;
    CorpusRules rules;
    Item *items; /* stb_ds array */
    uint64_t checksum, lines;
    /* Where reading is: */
    size_t item;
    LineReader *open[2]; /* of the item; NULL: not begun */
    size_t good;         /* usable lines of the item, duplicates among them */
    Error flaw;          /* its first flaw */
    Fingerprint *seen;   /* unique: (slots), a hash table three quarters full at most: 8 bytes a line */
    size_t slots;
};

/* ---- The list ---- */

static void add_item(CorpusReader *r, char *source, char *target) {
    stbds_arrput(r->items, ((Item){.names = {source, target}, .descriptors = {-1, -1}}));
}

/* A file of this name, standard input, or two names with a `+` between. */
static bool add_name(CorpusReader *r, const char *name, Error *err) {
    if (file_exists(name) || strcmp(name, "-") == 0 || !strchr(name, '+')) {
        add_item(r, memory_string(name), NULL);
        return true;
    }
    for (const char *plus = name; (plus = strchr(plus, '+')); plus++) {
        char *source = memory_string_n(name, (size_t)(plus - name));
        if (file_exists(source) && file_exists(plus + 1)) {
            add_item(r, source, memory_string(plus + 1));
            return true;
        }
        free(source);
    }
    return error_set(err, "%s: expected a file of this name, or two files with a + between, found neither", name);
}

static bool split_list(CorpusReader *r, const char *list, Error *err) {
    if (file_exists(list)) return add_name(r, list, err);
    for (const char *at = list; *(at += strspn(at, " ")); at += strcspn(at, " ")) {
        char *name = memory_string_n(at, strcspn(at, " "));
        const bool ok = add_name(r, name, err);
        free(name);
        if (!ok) return false;
    }
    return stbds_arrlenu(r->items) > 0 || error_set(err, "expected a list of files, found \"%s\"", list);
}

/* ---- Opening ---- */

/* Copies standard input into a file without a name. */
static int copy_input(const char *folder, Error *err) {
    const int copy = file_scratch(folder, err);
    char *buffer = memory_new(READ_SIZE, 1);
    for (ssize_t got = 1; copy >= 0 && got > 0;) {
        do got = read(STDIN_FILENO, buffer, READ_SIZE);
        while (got < 0 && errno == EINTR);
        const char *failed = got < 0 ? "standard input: cannot read" : NULL;
        for (ssize_t done = 0, put; done < got && !failed; done += put) {
            do put = write(copy, buffer + done, (size_t)(got - done));
            while (put < 0 && errno == EINTR);
            if (put < 0) failed = "the copy of standard input: cannot write";
        }
        if (!failed) continue;
        error_set(err, "%s: %s", failed, strerror(errno));
        close(copy);
        free(buffer);
        return -1;
    }
    free(buffer);
    return copy;
}

/* Adds all of a file to the checksum and counts its lines. */
static bool scan_file(CorpusReader *r, int descriptor, const char *name, Checksum *sum, Error *err) {
    char *buffer = memory_new(READ_SIZE, 1);
    ssize_t got;
    while ((got = pread(descriptor, buffer, READ_SIZE, (off_t)(sum->total))) != 0) {
        if (got < 0 && errno != EINTR) break;
        if (got < 0) continue;
        checksum_add(sum, buffer, (size_t)got);
        for (char *at = buffer; (at = memchr(at, '\n', (size_t)(buffer + got - at))); at++) r->lines++;
    }
    r->lines++; /* the last one may lack its end */
    free(buffer);
    return got == 0 || error_set(err, "%s: cannot read: %s", name, strerror(errno));
}

static bool open_item(CorpusReader *r, Item *item, const char *folder, Checksum *all, Error *err) {
    for (int side = 0; side < 2 && item->names[side]; side++) {
        size_t size;
        int *descriptor = &item->descriptors[side];
        if (strcmp(item->names[side], "-") != 0) {
            *descriptor = file_open(item->names[side], &size, err);
        } else if (folder) {
            free(item->names[side]);
            item->names[side] = memory_string("standard input");
            *descriptor = copy_input(folder, err);
        } else {
            error_set(err, "-: expected a file; standard input can be the training pairs alone");
        }
        Checksum sum;
        checksum_start(&sum);
        if (*descriptor < 0 || !scan_file(r, *descriptor, item->names[side], &sum, err)) return false;
        if (fstat(*descriptor, &item->before[side]) != 0)
            return error_set(err, "%s: cannot read: %s", item->names[side], strerror(errno));
        const uint64_t content[2] = {checksum_end(&sum), item->names[1] ? 1 + (uint64_t)side : 0};
        checksum_add(all, content, sizeof content);
    }
    return true;
}

CorpusReader *corpus_open(const char *list, const char *folder, CorpusRules rules, Error *err) {
    CorpusReader *r = memory_new(1, sizeof *r);
    r->rules = rules;
    r->list = memory_string(list);
    Checksum all;
    checksum_start(&all);
    bool ok = split_list(r, list, err);
    for (size_t i = 0; ok && i < stbds_arrlenu(r->items); i++) ok = open_item(r, &r->items[i], folder, &all, err);
    r->checksum = checksum_end(&all);
    if (ok) return r;
    corpus_close(r);
    return NULL;
}

static void close_item(CorpusReader *r) {
    for (int side = 0; side < 2; side++) {
        lines_free(r->open[side]);
        r->open[side] = NULL;
    }
}

void corpus_close(CorpusReader *r) {
    if (!r) return;
    close_item(r);
    for (size_t i = 0; i < stbds_arrlenu(r->items); i++) {
        for (int side = 0; side < 2; side++) {
            free(r->items[i].names[side]);
            if (r->items[i].descriptors[side] >= 0) close(r->items[i].descriptors[side]);
        }
    }
    stbds_arrfree(r->items);
    free(r->seen);
    free(r->list);
    free(r);
}

const char *corpus_list(const CorpusReader *r) {
    return r->list;
}

uint64_t corpus_checksum(const CorpusReader *r) {
    return r->checksum;
}

/* ---- Flaws ---- */

void corpus_report_add(CorpusReport *report, CorpusFlaw flaw, CorpusPlace place) {
    if (report->count[flaw]++ == 0) report->first[flaw] = place;
}

/* Whether the pair is in the hash table; from now on it is. */
static bool was_seen(CorpusReader *r, Text source, Text target) {
    if (!r->seen) {
        r->slots = r->lines + r->lines / 3 + 2;
        r->seen = memory_new(r->slots, sizeof *r->seen);
    }
    Checksum sum;
    checksum_start(&sum);
    checksum_add(&sum, source.bytes, source.length);
    checksum_add(&sum, "\t", 1);
    checksum_add(&sum, target.bytes, target.length);
    const uint64_t hash = checksum_end(&sum), other = (hash ^ hash >> 29) * 0x9E3779B97F4A7C15u;
    const Fingerprint wanted = {{(uint16_t)(hash | 1), (uint16_t)(hash >> 16), (uint16_t)(hash >> 32)}}, none = {{0}};
    for (size_t at = other % r->slots;; at = at + 1 < r->slots ? at + 1 : 0) {
        if (memcmp(&r->seen[at], &wanted, sizeof wanted) == 0) return true;
        if (memcmp(&r->seen[at], &none, sizeof none) != 0) continue;
        r->seen[at] = wanted;
        return false;
    }
}

/* ---- Reading ---- */

static void begin_item(CorpusReader *r) {
    const Item *item = &r->items[r->item];
    for (int side = 0; side < 2 && item->names[side]; side++) {
        lseek(item->descriptors[side], 0, SEEK_SET);
        r->open[side] = lines_open(item->descriptors[side], item->names[side]);
    }
    r->good = 0;
    r->flaw.text[0] = 0;
}

static bool end_item(CorpusReader *r, Error *err) {
    const Item *item = &r->items[r->item];
    const size_t lines = lines_count(r->open[0]);
    if (lines == 0)
        return error_set(err, "%s: expected %s, found an empty file", item->names[0],
                         item->names[1] ? "lines of text" : "lines of `source TAB target`");
    if (r->good == 0) return error_set(err, "%s; and no line of the file can be used", r->flaw.text);
    for (int side = 0; side < 2 && item->names[side]; side++) {
        struct stat now;
        const struct stat *before = &item->before[side];
        if (fstat(item->descriptors[side], &now) != 0 || now.st_size != before->st_size ||
            now.st_mtim.tv_sec != before->st_mtim.tv_sec || now.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
            return error_set(err, "%s: expected it to stay as it was, but it changed while being read",
                             item->names[side]);
    }
    close_item(r);
    return true;
}

/* The next line of one side of the item. */
static LinesNext read_side(CorpusReader *r, int side, Text *line, Error *err) {
    const LinesNext next = lines_next(r->open[side], &line->bytes, &line->length, err);
    if (next != LINES_LINE) return next;
    const size_t number = lines_count(r->open[side]);
    if (number == 1 && line->length >= 3 && memcmp(line->bytes, "\xEF\xBB\xBF", 3) == 0)
        *line = (Text){line->bytes + 3, line->length - 3};
    const char *nul = memchr(line->bytes, 0, line->length);
    if (!nul) return LINES_LINE;
    error_set(err, "%s:%zu: expected UTF-8 text, found a NUL byte at byte %zu of the line",
              r->items[r->item].names[side], number, (size_t)(nul - line->bytes) + 1);
    return LINES_FAILED;
}

/* Appends text, TABs as spaces when they are not to part columns. */
static void append(Corpus *corpus, Text text, bool plain) {
    char *out = stbds_arraddnptr(corpus->text, text.length);
    memcpy(out, text.bytes, text.length);
    for (size_t i = 0; plain && i < text.length; i++)
        if (out[i] == '\t') out[i] = ' ';
}

/* Cuts off what is before the first TAB. */
static Text first_column(Text *rest) {
    const char *tab = memchr(rest->bytes, '\t', rest->length);
    const Text first = {rest->bytes, tab ? (size_t)(tab - rest->bytes) : rest->length};
    const size_t taken = first.length + (tab != NULL);
    *rest = (Text){rest->bytes + taken, rest->length - taken};
    return first;
}

/* Adds the pair, or the flaw. sides[1] is not used for a TSV. */
static void take_line(CorpusReader *r, Corpus *corpus, const Text sides[2], CorpusReport *report) {
    const Item *item = &r->items[r->item];
    const bool is_tsv = !item->names[1];
    const size_t number = lines_count(r->open[0]);
    CorpusPlace place = {2 * r->item, number};
    CorpusFlaw flaw;
    Error why;
    for (int side = 0; side < 2 && item->names[side]; side++) {
        place.file = 2 * r->item + (size_t)side;
        if (!corpus_flaw(&flaw, sides[side], is_tsv, item->names[side], number, &why)) continue;
        if (!*r->flaw.text) r->flaw = why;
        corpus_report_add(report, flaw, place);
        return;
    }
    place.file = 2 * r->item;
    r->good++;
    Text rest = sides[0], source = is_tsv ? first_column(&rest) : sides[0], targets = is_tsv ? rest : sides[1];
    if (r->rules.swap) {
        const Text target = is_tsv ? first_column(&rest) : targets;
        targets = source;
        source = target;
    }
    CorpusLine line = {.start = stbds_arrlenu(corpus->text),
                       .source_length = (uint32_t)source.length,
                       .targets_length = (uint32_t)targets.length,
                       .place = place};
    if (r->rules.unique) {
        Text others = targets;
        if (was_seen(r, source, is_tsv ? first_column(&others) : targets)) {
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
        const Item *item = &r->items[r->item];
        Text sides[2] = {{0}};
        LinesNext next[2] = {LINES_END, LINES_END};
        if (!r->open[0]) begin_item(r);
        for (int side = 0; side < 2 && item->names[side]; side++) {
            next[side] = read_side(r, side, &sides[side], err);
            if (next[side] == LINES_FAILED) return false;
        }
        if (item->names[1] && next[0] != next[1])
            return error_set(err, "%s:%zu: expected as many lines as in %s, which ends here",
                             item->names[next[0] == LINES_END], lines_count(r->open[next[0] == LINES_END]),
                             item->names[next[1] == LINES_END]);
        if (next[0] == LINES_LINE) {
            report->lines++;
            take_line(r, corpus, sides, report);
        } else {
            if (!end_item(r, err)) return false;
            r->item++;
        }
    }
    if (corpus->count == 0) {
        r->item = 0;
        free(r->seen);
        r->seen = NULL;
    }
    return true;
}

char *corpus_tell(const CorpusReader *r, const CorpusReport *report, const char *key) {
    static const char *const what[CORPUS_FLAWS] = {
        [CORPUS_NO_TAB] = "without a TAB",
        [CORPUS_EMPTY] = "without text on a side",
        [CORPUS_NOT_UTF8] = "with bytes that are not UTF-8",
        [CORPUS_DUPLICATE] = "that stood there before (data.unique)",
        [CORPUS_TOO_LONG] = "longer than model.max_length",
        [CORPUS_RATIO] = "with sides of too different length (data.max_ratio)",
    };
    char *text = memory_string("");
    for (int flaw = 0; flaw < CORPUS_FLAWS; flaw++) {
        const CorpusPlace first = report->first[flaw];
        if (!report->count[flaw]) continue;
        /* The report may come from a file. */
        const char *name =
            first.file / 2 < stbds_arrlenu(r->items) ? r->items[first.file / 2].names[first.file % 2] : "";
        char *more = memory_format("%s%s%s: left out %llu line%s %s, first %s:%llu", text, *text ? "\n" : "", key,
                                   (unsigned long long)report->count[flaw], report->count[flaw] > 1 ? "s" : "",
                                   what[flaw], name ? name : "", (unsigned long long)first.line);
        free(text);
        text = more;
    }
    return text;
}

bool corpus_none(const CorpusReader *r, const CorpusReport *report, const char *key, Error *err) {
    char *why = corpus_tell(r, report, key);
    for (char *end = why; (end = strchr(end, '\n'));) *end = ';';
    error_set(err, "%s: expected a pair that can be used, found none; %s", r->list, why);
    free(why);
    return false;
}

/* ---- Lines in memory ---- */

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

size_t corpus_targets(const Corpus *corpus, size_t line) {
    const Text rest = targets_of(corpus, line);
    size_t count = 1;
    for (size_t i = 0; i < rest.length; i++) count += rest.bytes[i] == '\t';
    return count;
}

Text corpus_target(const Corpus *corpus, size_t line, size_t target) {
    CHECK(target < corpus_targets(corpus, line), "a target of the line");
    Text rest = targets_of(corpus, line), text = first_column(&rest);
    while (target-- > 0) text = first_column(&rest);
    return text;
}
