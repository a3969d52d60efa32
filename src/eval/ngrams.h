/* Counting n-grams without comparing texts, for BLEU and chrF.
 *
 * Each sequence of symbols gets a number, by a trie in a hash table: the key is the number of the sequence without its
 * last symbol, together with this symbol.
 *
 *     number("cat") = table[number("ca"), 't']
 *
 * A character n-gram is a sequence of code points. A word is such a sequence, too, and a word n-gram is a sequence of
 * numbers of words. Two n-grams have the same number only if they are equal. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/exact.h"
#include "base/table.h"

enum { NGRAMS_ORDERS = 8 };

/* What a sentence adds to a score, for each order: how many n-grams the hypothesis and the reference have, and how many
 * match, each at most as often as it is in the reference. A corpus's score is that of the sum over its sentences. */
typedef struct NgramCounts {
    uint64_t match[NGRAMS_ORDERS], hypothesis[NGRAMS_ORDERS], reference[NGRAMS_ORDERS];
} NgramCounts;

void ngrams_add(NgramCounts *sum, const NgramCounts *more);

/* Every n-gram of a text, the lowest order first. */
typedef struct NgramList {
    uint32_t *numbers;           /* a stb_ds array */
    size_t count[NGRAMS_ORDERS]; /* how many of each order */
    size_t orders;
} NgramList;

/* Working memory, used for one sentence after another. */
typedef struct Ngrams {
    struct NgramNode *nodes; /* a stb_ds array: counts of the sequences, by their numbers */
    Table table;             /* the numbers of the sequences */
    NgramList hypothesis, reference;
    uint32_t *codes, *symbols; /* stb_ds arrays for a text's characters and its words' numbers */
} Ngrams;

Ngrams *ngrams_create(void);
void ngrams_free(Ngrams *ngrams);

/* To be called before each sentence: forgets all sequences, and what was allowed. */
void ngrams_clear(Ngrams *ngrams);

/* The numbers of the empty sequences: of characters, which also spell words, and of words. */
enum { NGRAMS_CHARACTERS, NGRAMS_WORDS, NGRAMS_ROOTS };

/* Appends the number of the word with these code points, codes (length), to ngrams->symbols. */
void ngrams_put_word(Ngrams *ngrams, const uint32_t *codes, size_t length);

/* ngrams_start empties a list. ngrams_list appends the n-grams of orders 1 .. orders of symbols (count), as its next
 * orders. */
void ngrams_start(NgramList *list);
void ngrams_list(Ngrams *ngrams, NgramList *list, uint32_t root, const uint32_t *symbols, size_t count, size_t orders);

/* ngrams_allow allows every n-gram as often as it is in the list, unless it is allowed more often already.
 * ngrams_forbid allows none of those in the list. */
void ngrams_allow(Ngrams *ngrams, const NgramList *list);
void ngrams_forbid(Ngrams *ngrams, const NgramList *list);

/* Adds to match (orders) how many n-grams of the list are allowed. */
void ngrams_match(Ngrams *ngrams, const NgramList *list, uint64_t *match);
