/* Splitting a text that is too long for the model.
 *
 * Parts end, in this order of preference, behind a word that ends in . ! or ?; where a sentence is too long, at the
 * last white space that fits; within a word that is too long alone. */
#ifndef NMT_DECODE_SPLIT_H
#define NMT_DECODE_SPLIT_H

#include "text/tokenizer.h"

/* The length of the next part: how many of the first `count` ids, at least 1 and at most `most`. count: at least 1. */
size_t split_next(const Tokenizer *tokenizer, const int32_t *ids, size_t count, size_t most);

#endif
