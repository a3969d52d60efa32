/* The inside of a corpus reader, which is in three files: corpus_open.c opens the files of a list, corpus.c reads
 * their lines, corpus_flaws.c says what is wrong with a line. */
#pragma once

#include <sys/stat.h>

#include "base/lines.h"
#include "data/corpus.h"

/* One item of the list: a TSV, or two files side by side. */
typedef struct CorpusItem {
    char *names[2]; /* names[1]: NULL for a TSV */
    double weight;
    int copy;              /* standard input: the descriptor of its copy; -1: files, which are open while being read */
    struct stat before[2]; /* as they were when the corpus was opened */
    uint64_t sums[2];      /* of their bytes */
} CorpusItem;

/* 48 bits of the hash of a pair; 0: none. A line is compared with about 10 of them, so one line in 10^13 is mistaken
 * for another. */
typedef struct Fingerprint {
    uint16_t part[3];
} Fingerprint;

struct CorpusReader {
    char *list;
    CorpusRules rules;
    CorpusItem *items; /* stb_ds array */
    uint64_t checksum; /* of all files */
    uint64_t lines;    /* at most as many as the files have together */
    uint64_t taken;    /* since the last beginning; a line of two files counts once */
    /* Where reading is: */
    size_t item;
    LineReader *open[2]; /* of the item; NULL: not begun */
    int descriptors[2];  /* that they read from */
    size_t good;         /* usable lines of the item, duplicates among them */
    Error flaw;          /* its first flaw */
    Fingerprint *seen;   /* unique: (slots), a hash table, at most three quarters full: 8 bytes a line */
    size_t slots;
};

/* Begins and ends reading the item; only its files are open then. */
bool corpus_open_item(CorpusReader *reader, Error *err);
void corpus_close_item(CorpusReader *reader);

/* Whether the files of the item, which are open, are as they were when the corpus was opened. */
bool corpus_check_item(const CorpusReader *reader, Error *err);

/* Whether a line of one file has a flaw; *why is a message about it. name, number: of the file and the line. */
bool corpus_flaw(CorpusFlaw *flaw, Text line, bool is_tsv, Normalisation how, const char *name, size_t number,
                 Error *why);
