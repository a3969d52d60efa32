/* ./translate --tune: finds the numbers of --weights and --calibration, by translating sentences with references. */
#pragma once

#include "cli/options.h"
#include "decode/rerank.h"
#include "decode/translator.h"

typedef struct Tuning {
    const Command *command;
    const char *list; /* of files with the sentences (data/corpus.h) */
    Translator *translator;
    Reranker *reranker;    /* NULL: none */
    const double *weights; /* those to keep; NULL: they are to be found */
    bool confidence;       /* a calibration is to be found */
    Normalisation text;
} Tuning;

/* Refuses, by options_usage, what does not go with --tune. reranks: there is a --rerank or --reverse; texts: (count)
 * the arguments. */
void tuning_check(const OptionReader *reader, bool reranks, const Text *texts, size_t count);

/* Prints the options that were found as a line on stdout, and how good they are on stderr. */
bool tuning_run(const Tuning *tuning, Error *err);
