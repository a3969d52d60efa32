/* Encoded sentence pairs: a corpus as token ids, what training and the validation loss run over.
 *
 * All tokens lie in one array, pair after pair: source, </s>, target, </s>. The decoder's input, <s> and the target
 * without its </s>, is made where batches are filled (data/batches.h). The arrays are in memory, or in a file that is
 * mapped (data/cache.h). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/file.h"
#include "base/pool.h"
#include "data/corpus.h"
#include "text/tokenizer.h"

/* The pairs of one item of the corpus's list. An epoch takes each of them `weight` times. If that is no whole number,
 * it takes some of them, spread over the part, once more than the rest; in the next epoch it is others. After n epochs,
 * every pair has come n * weight times, rounded up or down. */
typedef struct PairPart {
    size_t count;
    double weight;
} PairPart;

typedef struct PairSet {
    size_t count;          /* pairs */
    uint16_t *tokens;      /* ids; TOKENIZER_VOCAB_MAX makes 16 bits enough */
    uint64_t *start;       /* (2 count + 1): source i at start[2i], its target at start[2i + 1] */
    size_t longest_source; /* tokens, </s> included */
    size_t longest_target;
    size_t source_tokens; /* of all pairs, </s> included */
    size_t target_tokens;
    CorpusReport report; /* of the lines they were made from */
    PairPart *parts;     /* stb_ds array, in the order of the pairs; empty: all pairs have the weight 1 */
    uint64_t checksum;   /* of tokens, start and, after pairs_weigh, parts; from a cache only */
    FileMap map;         /* size 0: the arrays are stb_ds arrays */
} PairSet;

/* Encodes each line's source and first target, on all threads, and appends them to a set in memory. Pairs that are too
 * long, or whose sides differ too much, are left out and counted in pairs->report; flawed ones are left out. Release
 * with pairs_free. */
void pairs_add(PairSet *pairs, Pool *pool, const Corpus *corpus, const Tokenizer *tokenizer, CorpusRules rules);
void pairs_free(PairSet *pairs);

/* By how many tokens a side of `length`, </s> included, is too long beside one of `other`; 0: it is not. */
size_t pairs_excess(size_t length, size_t other, const CorpusRules *rules);
/* The same of each pair's longer side, with these tokens. excess: (corpus->count); 0 leaves a pair alone. */
void pairs_measure(size_t *excess, Pool *pool, const Corpus *corpus, const Tokenizer *tokenizer, CorpusRules rules);

/* Tokens of one side, </s> included. */
size_t pairs_source_length(const PairSet *pairs, size_t pair);
size_t pairs_target_length(const PairSet *pairs, size_t pair);

/* Gives the parts their weights. (parts) */
void pairs_weigh(PairSet *pairs, const double *weights);
/* How many times an epoch takes pair `index` of a part with this weight; and how many pairs an epoch takes at most,
 * with those that come several times. */
size_t pairs_times(double weight, size_t index, uint32_t epoch);
uint64_t pairs_most(const PairSet *pairs);

/* Counts one more pair of these lengths in count, longest_* and *_tokens. */
void pairs_count(PairSet *pairs, size_t source_length, size_t target_length);

/* Gives back the memory of what was read of a large map, so that memory does not grow with the corpus. */
void pairs_forget(const PairSet *pairs);
