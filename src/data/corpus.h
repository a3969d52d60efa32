/* Reads parallel text: one or several files with a pair of sentences on each line.
 *
 * A list names the files, with spaces between them:
 *
 *     pairs.tsv            lines of `source TAB target`; validation takes further columns that have text as further
 *                          accepted targets, training does not look at them
 *     train.en+train.fr    two files side by side: line i of the second translates line i of the first
 *     -                    standard input, with lines as in a TSV; only once, and not joined to a file by a +
 *
 * A `*` and a number behind an item is its weight: `old.tsv*0.1 new.en+new.fr*2` takes a tenth of the pairs of the
 * first file in each epoch, and those of the others twice.
 *
 * If there is a file whose name is exactly the item, or the whole list, that file is meant. So a file name may contain
 * `+` and `*`, and if the list is one file, spaces. A name in double quotes may contain anything (\" and \\ are a quote
 * and a backslash): "a 1.en"+"a 1.fr". A ~ before a slash is the home folder. The files are opened one after another.
 * Lines end as base/lines.h says; a byte order mark at the start of a file is skipped. A line that cannot be used is
 * left out and counted by its flaw; the first line with each flaw is remembered (CorpusReport). Text is read in blocks,
 * so memory does not grow with it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "text/normalise.h"
#include "text/utf8.h"

enum { CORPUS_LONGEST_LINE = 1 << 20, CORPUS_RATIO_FREE = 16 };

/* What a weight may be. */
#define CORPUS_WEIGHT_LEAST 0.001
#define CORPUS_WEIGHT_MOST  1000

/* Why a line is left out: of several reasons, the first in this order. Of two files side by side, the reasons of the
 * first file come before those of the second. */
typedef enum CorpusFlaw {
    CORPUS_LONG_LINE, /* more than CORPUS_LONGEST_LINE bytes; of a TSV, in columns 1 and 2 */
    CORPUS_NO_TAB,
    CORPUS_EMPTY,     /* column 1 or 2 has nothing but white space and what is left out (text.invisible) */
    CORPUS_NOT_UTF8,  /* somewhere in these */
    CORPUS_DUPLICATE, /* unique: source and first target read as those of an earlier line (without nfc: its bytes) */
    CORPUS_TOO_LONG,  /* a side of more than max_length tokens, counting </s> */
    CORPUS_RATIO, /* a side of more than CORPUS_RATIO_FREE tokens and more than max_ratio times those of the other */
    CORPUS_FLAWS
} CorpusFlaw;

typedef struct CorpusRules {
    bool swap;   /* exchange source and target: columns 1 and 2 */
    bool unique; /* take only the first of equal lines */
    bool keep; /* take all targets of a line, not that of column 2 alone. And take lines that only have no source, or no
                  target in column 2, or bytes that are not UTF-8: of a TSV those with a target, of two files any.
                  They are counted by their flaw all the same (CorpusLine.flawed) */
    size_t max_length;
    double max_ratio;   /* 0: any */
    Normalisation text; /* how the text will be read: lines count as equal, or as empty, if they are so after it */
} CorpusRules;

/* Where a line is. file: 2 i for item i of the list (from 0), or for its first file; 2 i + 1 for its second file. line:
 * from 1. */
typedef struct CorpusPlace {
    uint64_t file, line;
} CorpusPlace;

typedef struct CorpusReport {
    uint64_t lines;               /* read */
    uint64_t count[CORPUS_FLAWS]; /* left out */
    CorpusPlace first[CORPUS_FLAWS];
    uint64_t returns; /* lines with a CR inside, perhaps several that end in CR; not left out for it */
    CorpusPlace first_return;
} CorpusReport;

void corpus_report_add(CorpusReport *report, CorpusFlaw flaw, CorpusPlace place);

/* A line in memory: the source, a TAB, and the targets with TABs between them. */
typedef struct CorpusLine {
    uint64_t start;          /* of the source, in `text` */
    uint32_t source_length;  /* bytes */
    uint32_t targets_length; /* bytes, the TABs included */
    CorpusPlace place;
    bool flawed; /* with `keep`: not a pair to learn from, or to take a loss of */
} CorpusLine;

/* Lines in memory. Release with corpus_free. */
typedef struct Corpus {
    char *text;        /* stb_ds array */
    CorpusLine *lines; /* (count), a stb_ds array */
    size_t count;
} Corpus;

void corpus_free(Corpus *corpus);

/* Line 0 .. count-1, and its target in column 2, which a flawed line may lack. */
Text corpus_source(const Corpus *corpus, size_t line);
Text corpus_target(const Corpus *corpus, size_t line);
/* Appends all targets of the line that have text, or, if none has, its empty one, to *targets, a stb_ds array. */
void corpus_targets(const Corpus *corpus, size_t line, Text **targets);

typedef struct CorpusReader CorpusReader;

/* Opens all files of a list and reads them once for their checksum. Standard input is copied to a file without a name
 * in `folder`, so that it can be read several times; with folder NULL it must not be in the list. Release with
 * corpus_close. */
CorpusReader *corpus_open(const char *list, const char *folder, CorpusRules rules, Error *err);
void corpus_close(CorpusReader *reader);

/* Whether standard input is in a list. */
bool corpus_names_input(const char *list);

/* The list as given, for messages. */
const char *corpus_list(const CorpusReader *reader);

/* The error for a file, or a list, that is not what it was: sets it and returns false. */
bool corpus_changed(const char *name, Error *err);

/* The items of the list, and the weight of each, 1 where it has none; whether any has another than 1. */
size_t corpus_items(const CorpusReader *reader);
double corpus_weight(const CorpusReader *reader, size_t item);
bool corpus_is_weighted(const CorpusReader *reader);
/* "a.en+a.fr", a fresh string. */
char *corpus_item(const CorpusReader *reader, size_t item);

/* The files with the XXH64 of each and the weights: "a.en 0123456789abcdef + a.fr fedcba9876543210 * 0.1, b.tsv ...". A
 * fresh string. */
char *corpus_files(const CorpusReader *reader);

/* A checksum of all bytes of all files, and of which files form a pair, but not of their names or weights. */
uint64_t corpus_checksum(const CorpusReader *reader);

/* Replaces the lines in *corpus by the next usable ones, at most `most`. Gives no lines at the end; the call after that
 * begins again at the start. Fails, with file and line, at a NUL byte, when two files side by side have different
 * numbers of lines, when a file has no usable line, and when a file has changed since it was opened. */
bool corpus_next(CorpusReader *reader, Corpus *corpus, size_t most, CorpusReport *report, Error *err);

/* One line of text for each flaw in the report, with the place of its first line; "" when there is none. key: the name
 * of the list in messages. A fresh string. */
char *corpus_tell(const CorpusReader *reader, const CorpusReport *report, const char *key);

/* The error for a list without a usable pair: sets it, with the reasons, and returns false. */
bool corpus_none(const CorpusReader *reader, const CorpusReport *report, const char *key, Error *err);
