/* Reading parallel text: one or several files, a pair of sentences on each line.
 *
 * A list names them, with spaces between:
 *
 *     pairs.tsv        lines of `source TAB target`; further columns are further accepted targets
 *     train.en+train.fr    two files side by side: line i of the second translates line i of the first
 *     -                standard input, lines as in a TSV
 *
 * A name that a file has is that file, whatever is in it: so may a name have a `+`, and a list of one file spaces.
 * Lines end in LF or CRLF, the last one need not end; a byte order mark at the start of a file is skipped. A line that
 * cannot be used is left out, counted by what is wrong with it, and the first of each kind remembered (CorpusReport).
 * Text is read block by block, so that memory does not grow with it. */
#ifndef NMT_DATA_CORPUS_H
#define NMT_DATA_CORPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "text/utf8.h"

enum { CORPUS_LONGEST_LINE = 1 << 20, CORPUS_RATIO_FREE = 16 };

/* Why a line is left out; of several reasons the first. */
typedef enum CorpusFlaw {
    CORPUS_NO_TAB,
    CORPUS_EMPTY,     /* a column without text: nothing, or white space alone */
    CORPUS_NOT_UTF8,  /* somewhere in the line */
    CORPUS_DUPLICATE, /* unique: source and first target are, byte for byte, those of a line before */
    CORPUS_TOO_LONG,  /* a side above max_length tokens, </s> included, or a line above CORPUS_LONGEST_LINE bytes */
    CORPUS_RATIO,     /* a side of more than CORPUS_RATIO_FREE tokens and max_ratio times those of the other */
    CORPUS_FLAWS
} CorpusFlaw;

typedef struct CorpusRules {
    bool swap;   /* source and first target change places; further targets are left out */
    bool unique; /* of lines that are the same only the first is taken */
    size_t max_length;
    double max_ratio; /* 0: any */
} CorpusRules;

/* Where a line is: file 2 i for item i of the list, from 0, or its first file, 2 i + 1 for its second one; and which
 * line of it, from 1. */
typedef struct CorpusPlace {
    uint64_t file, line;
} CorpusPlace;

typedef struct CorpusReport {
    uint64_t lines;               /* read */
    uint64_t count[CORPUS_FLAWS]; /* left out */
    CorpusPlace first[CORPUS_FLAWS];
} CorpusReport;

void corpus_report_add(CorpusReport *report, CorpusFlaw flaw, CorpusPlace place);

/* A line in memory: the source, a TAB, the targets with TABs between them. */
typedef struct CorpusLine {
    uint64_t start;          /* of the source, in `text` */
    uint32_t source_length;  /* bytes */
    uint32_t targets_length; /* bytes, the TABs included */
    CorpusPlace place;
} CorpusLine;

/* Lines in memory. Release with corpus_free. */
typedef struct Corpus {
    char *text;        /* stb_ds array */
    CorpusLine *lines; /* (count), a stb_ds array */
    size_t count;
} Corpus;

void corpus_free(Corpus *corpus);

/* Line 0 .. count-1; target 0 .. corpus_targets-1. */
Text corpus_source(const Corpus *corpus, size_t line);
size_t corpus_targets(const Corpus *corpus, size_t line); /* at least 1 */
Text corpus_target(const Corpus *corpus, size_t line, size_t target);

typedef struct CorpusReader CorpusReader;

/* Opens all files of a list and reads them once for their checksum. folder: where standard input is copied to, into a
 * file without a name, to be read several times; NULL: it may not be in the list. Release with corpus_close. */
CorpusReader *corpus_open(const char *list, const char *folder, CorpusRules rules, Error *err);
void corpus_close(CorpusReader *reader);

/* The list as given, for messages. */
const char *corpus_list(const CorpusReader *reader);

/* Of all bytes of all files, and of which files make a pair; not of their names. */
uint64_t corpus_checksum(const CorpusReader *reader);

/* Reads on: at most `most` usable lines in place of those in *corpus, none at the end, after which reading begins again
 * at the start. Fails, naming file and line, at a NUL byte, at two files with different numbers of lines, at a file
 * without a usable line, and at the end when a file has changed since it was opened. */
bool corpus_next(CorpusReader *reader, Corpus *corpus, size_t most, CorpusReport *report, Error *err);

/* A line of text for each kind of flaw in the report, with the first place; "" when there is none. key: what the list
 * is called. A fresh string. */
char *corpus_tell(const CorpusReader *reader, const CorpusReport *report, const char *key);

/* For a list of which no pair is left: sets the error, with the reasons, and returns false. */
bool corpus_none(const CorpusReader *reader, const CorpusReport *report, const char *key, Error *err);

#endif
