#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/ds.h"
#include "base/fields.h"
#include "base/file.h"
#include "base/file_write.h"
#include "base/ini.h"
#include "data/corpus_internal.h"

enum { READ_SIZE = 1 << 18 }; /* bytes */

#define BLANKS  " \t"
#define QUOTING " (a name with a blank, a + or a quote is written in double quotes: \"my data/a.en\"+\"my data/a.fr\")"

static const Field weight_field = ROW_REAL("weight", CorpusItem, weight, "1", CORPUS_WEIGHT_LEAST, CORPUS_WEIGHT_MOST,
                                           "how many times an epoch takes each pair");

/* Cuts the weight off the end of an item: the number behind its last `*`. whole: the item, for the message. */
static bool cut_weight(char *item, double *weight, const char *whole, Error *err) {
    char *star = strrchr(item, '*');
    CorpusItem value = {0};
    if (!star) return true;
    if (!field_set(&weight_field, star + 1, &value)) {
        char *wish = field_wish(&weight_field);
        error_set(err,
                  "%.200s: expected a file of this name, or behind the * how many times an epoch takes each pair, %s, "
                  "found \"%s\"",
                  whole, wish, star + 1);
        free(wish);
        return false;
    }
    *star = 0;
    *weight = value.weight;
    return true;
}

static bool is_input(const char *name) { return strcmp(name, "-") == 0; }

/* A ~ in a name becomes the home folder. target: NULL for a TSV. Standard input is read once, and has both sides. */
static bool add_item(CorpusReader *r, const char *source, const char *target, double weight, Error *err) {
    if (target && (is_input(source) || is_input(target)))
        return error_set(err, "-: expected it without a +, as its lines are `source TAB target`, found it beside %s",
                         is_input(source) ? target : source);
    for (size_t i = 0; i < stbds_arrlenu(r->items) && is_input(source); i++)
        if (is_input(r->items[i].names[0])) return error_set(err, "-: expected at most once, found twice");
    CorpusItem item = {.names = {file_home(source, err)}, .copy = -1, .weight = weight};
    if (item.names[0] && target) item.names[1] = file_home(target, err);
    stbds_arrput(r->items, item);
    return item.names[0] && (!target || item.names[1]);
}

/* Whether there is such a file, also under the home folder. Standard input is there. */
static bool exists(const char *name) {
    Error ignored;
    if (is_input(name)) return true;
    char *home = file_home(name, &ignored);
    const bool found = home && file_exists(home);
    free(home);
    return found;
}

/* The `+` between two names of files that are there; NULL: it is not that. */
static const char *find_plus(const char *name) {
    for (const char *plus = name; (plus = strchr(plus, '+')); plus++) {
        char *source = memory_string_n(name, (size_t)(plus - name));
        const bool both = exists(source) && exists(plus + 1);
        free(source);
        if (both) return plus;
    }
    return NULL;
}

/* Adds a file of this name, standard input, or two names with a `+` between them; perhaps with a weight, which is cut
 * off. */
static bool add_name(CorpusReader *r, char *name, Error *err) {
    double weight = 1;
    const char *plus = exists(name) ? NULL : find_plus(name);
    if (!exists(name) && !plus) {
        if (!cut_weight(name, &weight, name, err)) return false;
        plus = exists(name) ? NULL : find_plus(name);
    }
    if (plus) {
        char *source = memory_string_n(name, (size_t)(plus - name));
        const bool ok = add_item(r, source, plus + 1, weight, err);
        free(source);
        return ok;
    }
    if (exists(name) || !strchr(name, '+')) return add_item(r, name, NULL, weight, err);
    for (const char *at = name; (at = strchr(at, '+')); at++) { /* one of two files is there */
        char *source = memory_string_n(name, (size_t)(at - name));
        const bool first = exists(source), second = exists(at + 1);
        if (first || second)
            error_set(err, "%s: cannot open: there is no such file beside %s", first ? at + 1 : source,
                      first ? source : at + 1);
        free(source);
        if (first || second) return false;
    }
    return error_set(err, "%s: expected a file of this name, or two files with a + between, found neither%s", name,
                     strpbrk(r->list, BLANKS) ? QUOTING : "");
}

/* The name in the quotes that open at *at, in a fresh string; *at is put behind it. NULL when they are not closed. A
 * "-" in quotes is a file of this name. */
static char *take_quoted(const char **at) {
    const char *open = *at, *close = ini_closing(open, open + strlen(open));
    if (!close) return NULL;
    char *name = memory_new((size_t)(close - open), 1);
    ini_unquote(name, open, close);
    *at = close + 1;
    if (!is_input(name)) return name;
    free(name);
    return memory_string("./-");
}

/* What follows the names of an item with quotes: its weight, or nothing. A last name without quotes ends in it. */
static bool take_weight(const char **at, char *last, double *weight, const char *whole, Error *err) {
    if (**at != '*') return !last || exists(last) || cut_weight(last, weight, whole, err);
    char *text = memory_string_n(*at, strcspn(*at, BLANKS));
    const bool ok = cut_weight(text, weight, whole, err);
    *at += strcspn(*at, BLANKS);
    free(text);
    return ok;
}

/* The next item of the list, where a quote opens at its beginning or behind a `+`. */
static bool take_item(CorpusReader *r, const char **at, Error *err) {
    char *names[2] = {NULL, NULL};
    const char *start = *at;
    char *plain = NULL; /* the last name, if it has no quotes */
    double weight = 1;
    bool quoted = false, ok = true;
    for (int side = 0; ok && side < 2; side++) {
        if (**at == '"') {
            quoted = true;
            plain = NULL;
            ok = (names[side] = take_quoted(at)) != NULL && *names[side];
        } else {
            size_t length = strcspn(*at, BLANKS);
            const char *next = side == 0 ? strstr(*at, "+\"") : NULL;
            if (next && next < *at + length) length = (size_t)(next - *at);
            plain = names[side] = memory_string_n(*at, length);
            *at += length;
            ok = length > 0;
        }
        if (side == 1 || **at != '+') break;
        ++*at;
    }
    const bool weighs = !ok || !quoted || take_weight(at, plain, &weight, start, err);
    ok = ok && (!**at || strchr(BLANKS, **at));
    if (!weighs) {
        ok = false;
    } else if (!ok) {
        error_set(
            err,
            "%.200s: expected a name in double quotes, or two with a + between, and then a blank or the end" QUOTING,
            start);
    } else if (!quoted) {
        ok = add_name(r, names[0], err);
    } else {
        ok = add_item(r, names[0], names[1], weight, err);
    }
    free(names[0]);
    free(names[1]);
    return ok;
}

static bool split_list(CorpusReader *r, Error *err) {
    if (exists(r->list)) return add_item(r, r->list, NULL, 1, err);
    for (const char *at = r->list; *(at += strspn(at, BLANKS));)
        if (!take_item(r, &at, err)) return false;
    return stbds_arrlenu(r->items) > 0 || error_set(err, "expected a list of files, found \"%s\"", r->list);
}

/* Copies standard input into a file without a name. */
static int copy_input(const char *folder, Error *err) {
    const int copy = file_scratch(folder, err);
    bool ok = copy >= 0;
    char *buffer = memory_new(READ_SIZE, 1);
    for (ssize_t got; ok && (got = file_get(STDIN_FILENO, buffer, READ_SIZE)) != 0;) {
        if (got < 0)
            ok = error_set(err, "standard input: cannot read: %s", strerror(errno));
        else if (!file_put(copy, buffer, (size_t)got))
            ok = error_set(err, "the copy of standard input: cannot write: %s", strerror(errno));
    }
    free(buffer);
    if (ok) return copy;
    if (copy >= 0) file_close(copy);
    return -1;
}

/* Adds all of a file to the checksum and counts its lines. */
static bool scan_file(CorpusReader *r, int descriptor, const char *name, Checksum *sum, Error *err) {
    char *buffer = memory_new(READ_SIZE, 1);
    ssize_t got;
    lseek(descriptor, 0, SEEK_SET);
    while ((got = file_get(descriptor, buffer, READ_SIZE)) > 0) {
        checksum_add(sum, buffer, (size_t)got);
        for (ssize_t i = 0; i < got; i++)
            r->lines += buffer[i] == '\n' || (buffer[i] == '\r' && (i + 1 == got || buffer[i + 1] != '\n'));
    }
    r->lines++; /* the last line may lack its LF */
    free(buffer);
    return got == 0 || error_set(err, "%s: cannot read: %s", name, strerror(errno));
}

/* The error for a file that cannot be opened, with the way on. */
static bool explain(const CorpusReader *r, const char *name, const char *folder, Error *err) {
    struct stat info;
    if (!file_exists(name) && strpbrk(r->list, BLANKS) && !strchr(r->list, '"'))
        return error_set(err, "%s" QUOTING, err->text);
    if (!folder || stat(name, &info) != 0 || !S_ISFIFO(info.st_mode)) return false;
    return error_set(err, "%s, or give it as standard input: -", err->text);
}

static bool open_item(CorpusReader *r, CorpusItem *item, const char *folder, Checksum *all, Error *err) {
    for (int side = 0; side < 2 && item->names[side]; side++) {
        size_t size;
        int descriptor = -1;
        if (!is_input(item->names[side])) {
            descriptor = file_open(item->names[side], &size, err);
            if (descriptor < 0) return explain(r, item->names[side], folder, err);
        } else if (folder) {
            free(item->names[side]);
            item->names[side] = memory_string("standard input");
            descriptor = item->copy = copy_input(folder, err);
        } else {
            error_set(err, "-: expected a file, found standard input; save what comes from it in a file: cat > FILE");
        }
        if (descriptor < 0) return false;
        Checksum sum;
        checksum_start(&sum);
        bool ok = fstat(descriptor, &item->before[side]) == 0 ||
                  error_set(err, "%s: cannot read: %s", item->names[side], strerror(errno));
        ok = ok && scan_file(r, descriptor, item->names[side], &sum, err);
        if (descriptor != item->copy) file_close(descriptor);
        if (!ok) return false;
        item->sums[side] = checksum_end(&sum);
        const uint64_t content[2] = {item->sums[side], item->names[1] ? 1 + (uint64_t)side : 0};
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
    bool ok = split_list(r, err);
    for (size_t i = 0; ok && i < stbds_arrlenu(r->items); i++) ok = open_item(r, &r->items[i], folder, &all, err);
    r->checksum = checksum_end(&all);
    if (ok) return r;
    corpus_close(r);
    return NULL;
}

bool corpus_changed(const char *name, Error *err) {
    return error_set(err, "%s: expected it to stay as it was, but it changed since it was first read", name);
}

bool corpus_check_item(const CorpusReader *r, Error *err) {
    const CorpusItem *item = &r->items[r->item];
    for (int side = 0; side < 2 && item->names[side]; side++) {
        struct stat now;
        const struct stat *before = &item->before[side];
        if (fstat(r->descriptors[side], &now) != 0 || now.st_dev != before->st_dev || now.st_ino != before->st_ino ||
            now.st_size != before->st_size || now.st_mtim.tv_sec != before->st_mtim.tv_sec ||
            now.st_mtim.tv_nsec != before->st_mtim.tv_nsec)
            return corpus_changed(item->names[side], err);
    }
    return true;
}

bool corpus_open_item(CorpusReader *r, Error *err) {
    const CorpusItem *item = &r->items[r->item];
    r->good = 0;
    r->flaw.text[0] = 0;
    for (int side = 0; side < 2 && item->names[side]; side++) {
        size_t size;
        const int descriptor = item->copy >= 0 ? item->copy : file_open(item->names[side], &size, err);
        if (descriptor < 0) return false;
        lseek(descriptor, 0, SEEK_SET);
        r->descriptors[side] = descriptor;
        r->open[side] = lines_open(descriptor, item->names[side]);
    }
    return corpus_check_item(r, err);
}

void corpus_close_item(CorpusReader *r) {
    for (int side = 0; side < 2; side++) {
        if (r->open[side] && r->items[r->item].copy < 0) file_close(r->descriptors[side]);
        lines_free(r->open[side]);
        r->open[side] = NULL;
    }
}

void corpus_close(CorpusReader *r) {
    if (!r) return;
    corpus_close_item(r);
    for (size_t i = 0; i < stbds_arrlenu(r->items); i++) {
        if (r->items[i].copy >= 0) file_close(r->items[i].copy);
        free(r->items[i].names[0]);
        free(r->items[i].names[1]);
    }
    stbds_arrfree(r->items);
    free(r->seen);
    free(r->list);
    free(r);
}

bool corpus_names_input(const char *list) {
    Error ignored;
    CorpusReader *r = memory_new(1, sizeof *r);
    bool found = false;
    r->list = memory_string(list);
    split_list(r, &ignored);
    for (size_t i = 0; i < stbds_arrlenu(r->items); i++)
        found = found || (r->items[i].names[0] && is_input(r->items[i].names[0]));
    corpus_close(r);
    return found;
}

const char *corpus_list(const CorpusReader *r) { return r->list; }

size_t corpus_items(const CorpusReader *r) { return stbds_arrlenu(r->items); }

double corpus_weight(const CorpusReader *r, size_t item) { return r->items[item].weight; }

bool corpus_is_weighted(const CorpusReader *r) {
    for (size_t i = 0; i < corpus_items(r); i++)
        if (corpus_weight(r, i) != 1) return true;
    return false;
}

char *corpus_item(const CorpusReader *r, size_t item) {
    char *const *names = r->items[item].names;
    return memory_format("%s%s%s", names[0], names[1] ? "+" : "", names[1] ? names[1] : "");
}

char *corpus_files(const CorpusReader *r) {
    char *all = memory_string("");
    for (size_t i = 0; i < corpus_items(r); i++) {
        const CorpusItem *item = &r->items[i];
        for (int side = 0; side < 2 && item->names[side]; side++)
            all = memory_join(all, side ? " + " : ", ",
                              memory_format("%s %016llx", item->names[side], (unsigned long long)item->sums[side]));
        if (item->weight != 1) all = memory_join(all, " * ", field_text(&weight_field, item));
    }
    return all;
}

uint64_t corpus_checksum(const CorpusReader *r) { return r->checksum; }
