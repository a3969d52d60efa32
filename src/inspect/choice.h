/* What a page opens on. A word with two meanings: of the other words that pull it towards the meaning it ends with,
 * those count that pull at least half as far as the strongest. The page opens on the head, and the one of these words,
 * where the word's attention is largest. In a sentence without such a word: the strongest look of a word at one of the
 * rarer half that is not its neighbour, such as that of a pronoun at its noun. What was asked for comes before both. */
#pragma once

#include "inspect/meaning.h"

typedef struct Choice {
    size_t word;             /* a source token */
    size_t block, head, row; /* block: the number of an attention */
    char *why;               /* one or two sentences; free it */
} Choice;

/* kind, layer and head as asked for, or negative. */
Choice choice_make(const Observation *o, const Meaning *meaning, int kind, int layer, int head);

/* The whole word that a source token is part of, in a fresh string. */
char *choice_word(const Observation *o, size_t token);

/* The strongest look of one head, or of all (head negative), from one row, or any (row negative), to another word at
 * least `apart` words away whose token is `least` or later, both with a letter; the same word elsewhere does not count.
 * Rows of the decoder to the encoder are what is said there. p 0: there is none. */
typedef struct Look {
    size_t head, row, column;
    double p;
} Look;
Look choice_look(const Observation *o, const AttentionView *view, int head, ptrdiff_t row, ptrdiff_t apart,
                 int32_t least);
