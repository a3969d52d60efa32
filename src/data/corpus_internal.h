/* What is wrong with a line of a corpus, for its reader (corpus.c) alone. */
#ifndef NMT_DATA_CORPUS_INTERNAL_H
#define NMT_DATA_CORPUS_INTERNAL_H

#include "data/corpus.h"

/* Whether something is wrong with the line of one file, and what; says so in *why. name, number: of the file and the
 * line, for the message. */
bool corpus_flaw(CorpusFlaw *flaw, Text line, bool is_tsv, const char *name, size_t number, Error *why);

#endif
