/* Which words of a text a model never saw in training. It translates them, too, but it can only guess.
 *
 * A word here is a run of letters, in which capitals and small letters are the same. Every digit, and every letter of a
 * script that is written without spaces (Chinese, Japanese, Thai, ...), is a word of its own. Other marks do not count:
 * most sentences come out right with a full stop that the training never had.
 *
 * A word is known by 32 bits of its XXH64. A model file has those of all words in the sources of its training pairs. If
 * these are a million words, one in 4,000 other words is taken for one of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/table.h"
#include "text/normalise.h"
#include "text/utf8.h"

enum { WORDS_MOST = 1 << 20 }; /* in a model file; if there are more, it has none, and no word is reported */

/* The sums of the words seen, each larger than the one before. */
typedef struct WordsSeen {
    const uint32_t *sums; /* (count); NULL: it is not known what was seen */
    size_t count;
} WordsSeen;

/* words_add adds the words of a normalised text to a table; words_sums returns the sums in it, in order, as a fresh
 * array. */
void words_add(Table *words, const char *text, size_t length);
uint32_t *words_sums(const Table *words);

/* Adds words that are known by their sums. */
void words_add_seen(Table *words, WordsSeen seen);

/* Whether these are sums in order, at most WORDS_MOST. */
bool words_check(WordsSeen seen);

/* A word that was not seen: its place in the normalised text, with what an apostrophe joins to its front (it is "it's",
 * even if only the "s" was not seen); and the number, from 0, of the word between white space that it is part of (as
 * alignments number words). */
typedef struct UnseenWord {
    size_t start, length; /* bytes */
    size_t word;
    uint32_t sum;
} UnseenWord;

/* Appends the unseen words of a text to *unseen, and the normalised text to *normalised, both stb_ds arrays. There are
 * no unseen words when it is not known what was seen. */
void words_unseen(UnseenWord **unseen, char **normalised, WordsSeen seen, Text text, Normalisation how);
