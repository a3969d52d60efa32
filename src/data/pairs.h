/* Encoded sentence pairs: a corpus as token ids, what training and the validation loss run over.
 *
 * All tokens lie in one array, pair after pair: source, </s>, target, </s>. The decoder's input, <s> and the target
 * without its </s>, is made where batches are filled (data/batches.h). */
#ifndef NMT_DATA_PAIRS_H
#define NMT_DATA_PAIRS_H

#include <stddef.h>
#include <stdint.h>

#include "data/corpus.h"
#include "text/tokenizer.h"

typedef struct PairSet {
    size_t count;          /* pairs kept */
    size_t dropped;        /* pairs left out because a side was too long */
    uint16_t *tokens;      /* stb_ds array of ids; TOKENIZER_VOCAB_MAX makes 16 bits enough */
    size_t *start;         /* (2 count + 1), a stb_ds array: source i at start[2i], its target at start[2i + 1] */
    size_t longest_source; /* tokens, </s> included */
    size_t longest_target;
    size_t source_tokens; /* of all pairs, </s> included */
    size_t target_tokens;
} PairSet;

/* Encodes each line's source and first target. A pair with a side of more than max_length tokens, </s> included, is
 * dropped and counted; the caller says so, and that nothing is left when count is 0. Release with pairs_free. */
PairSet pairs_encode(const Corpus *corpus, const Tokenizer *tokenizer, size_t max_length);
void pairs_free(PairSet *pairs);

/* Tokens of one side, </s> included. */
size_t pairs_source_length(const PairSet *pairs, size_t pair);
size_t pairs_target_length(const PairSet *pairs, size_t pair);

#endif
