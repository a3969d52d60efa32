/* The cache of a training corpus: its pairs as tokens in one file beside the run, so that a run that continues need
 * not read and encode the corpus again, and so that the pairs can be mapped instead of held in memory.
 *
 *     tokens   (tokens) uint16, and zeros up to a multiple of 8 bytes
 *     start    (2 count + 1) uint64, as in PairSet
 *     merges   (merges, 2) uint32, the tokenizer's
 *     parts    (items of the list) uint64, the pairs of each; nothing if no item has a weight
 *     CacheEnd (cache.c): magic, version, key, these sizes, the report, and checksums over all but the zeros
 *
 * Little-endian, like all files of the program. The key is a checksum of all that it was made from: the text, the
 * settings, and the model that the vocabulary was taken from, if it was not learnt from the text. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "base/file_write.h"
#include "base/pool.h"
#include "data/corpus.h"
#include "data/pairs.h"
#include "text/tokenizer.h"

/* Maps the file and looks at all of it. Its parts have the weight 1 until pairs_weigh. False, with nothing opened, when
 * it is not there, was made from something else or for another tokenizer, or is damaged or nothing that cache_write
 * would write: then it must be written again. part_count: the files of a list with weights, else 0. *tokenizer: the
 * run's; NULL: set to the file's own. vocab: most tokens of its vocabulary. rules: their max_length and text matter.
 * Release with pairs_free. */
bool cache_open(PairSet *pairs, const char *path, uint64_t key, size_t part_count, Tokenizer **tokenizer, size_t vocab,
                CorpusRules rules);

/* Reads all lines, encodes them and writes the file. Returns the writer, whose file_commit puts the file in place, or
 * NULL. *made: what cache_open will give as checksum and parts; release it with pairs_free. folder: for a scratch file.
 */
FileWriter *cache_write(const char *path, const char *folder, uint64_t key, CorpusReader *reader,
                        const Tokenizer *tokenizer, CorpusRules rules, Pool *pool, PairSet *made, Error *err);
