/* Learns the vocabulary of a run from exactly those pairs that it will train on.
 *
 * Whether a pair is left out for its length is known only when it is cut into tokens, thus with a vocabulary. A pair
 * that even tokens of TOKEN_LONGEST bytes could not make short enough does not count from the start. For the others it
 * is learnt, checked, and learnt again: those pairs that are beyond the limits by more than half of what the worst one
 * is are taken out, until none is beyond them. So one odd line, which takes many merges for itself, goes before those
 * that it made too long. In the end, those that fit the vocabulary after all are put back; one that has to go a second
 * time is not counted again. */
#pragma once

#include "base/error.h"
#include "base/pool.h"
#include "data/corpus.h"
#include "text/tokenizer.h"

/* Reads all lines, once or several times. size: of the vocabulary. Free with tokenizer_free. */
Tokenizer *vocabulary_learn(CorpusReader *reader, CorpusRules rules, size_t size, Pool *pool, Error *err);
