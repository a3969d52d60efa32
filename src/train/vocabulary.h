/* Learns the vocabulary of a run from exactly those pairs that it will train on.
 *
 * Pairs that are too long are left out; but how long a pair is depends on the vocabulary, because that decides its
 * tokens. Pairs that would be too long even with tokens of TOKEN_LONGEST bytes are left out from the start. With the
 * others, the vocabulary is learnt. If some pairs are then too long, those that exceed the limits by more than half as
 * much as the worst pair are taken out, and the vocabulary is learnt again, until no pair is too long. So an odd line
 * that takes many merges for itself goes first, before the pairs that are too long only because of it. At the end,
 * pairs that fit the final vocabulary are put back. A pair that has to be taken out a second time stays out. */
#pragma once

#include "base/error.h"
#include "base/pool.h"
#include "data/corpus.h"
#include "text/tokenizer.h"

/* Reads all lines, once or several times. size: of the vocabulary. Free with tokenizer_free. */
Tokenizer *vocabulary_learn(CorpusReader *reader, CorpusRules rules, size_t size, Pool *pool, Error *err);
