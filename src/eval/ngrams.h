/* Counting n-grams without comparing texts: what BLEU and chrF share.
 *
 * A sequence of symbols has a number: that of the sequence without its last symbol, together with this symbol, is
 * looked up in a hash table (a trie, that is). A character n-gram is a sequence of code points; so is a word, and a
 * word n-gram is a sequence of words' numbers. Equal n-grams have equal numbers, others never do. */
#ifndef NMT_EVAL_NGRAMS_H
#define NMT_EVAL_NGRAMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/table.h"

enum { NGRAMS_ORDERS = 8 };

/* What a sentence adds to a score, order by order: n-grams of the hypothesis, of the reference, and those that match,
 * each at most as often as the reference has it. A corpus' score is that of the sum over its sentences. */
typedef struct NgramCounts {
    uint64_t match[NGRAMS_ORDERS], hypothesis[NGRAMS_ORDERS], reference[NGRAMS_ORDERS];
} NgramCounts;

void ngrams_add(NgramCounts *sum, const NgramCounts *more);

/* Every n-gram of a text, those of the lowest order first. */
typedef struct NgramList {
    uint32_t *numbers;           /* a stb_ds array */
    size_t count[NGRAMS_ORDERS]; /* how many of each order */
    size_t orders;
} NgramList;

/* Room to work in, for one sentence after another. */
typedef struct Ngrams {
    struct NgramNode *nodes; /* (count), a stb_ds array: the sequences seen, by their numbers */
    Table table;             /* their numbers, by the sequence without its last symbol and this symbol */
    NgramList hypothesis, reference;
    uint32_t *codes, *symbols; /* stb_ds arrays for a text's characters and its words' numbers */
} Ngrams;

Ngrams *ngrams_create(void);
void ngrams_free(Ngrams *ngrams);

/* Before each sentence: forgets every sequence, and with it what was allowed. */
void ngrams_clear(Ngrams *ngrams);

/* The sequences without symbols: characters, which spell words, too; and words. */
enum { NGRAMS_CHARACTERS, NGRAMS_WORDS, NGRAMS_ROOTS };

/* Adds the number of a word, spelled by codes (length), to ngrams->symbols. */
void ngrams_put_word(Ngrams *ngrams, const uint32_t *codes, size_t length);

/* Empties a list; adds the n-grams of orders 1 .. orders of symbols (count) to it, as its next orders. */
void ngrams_start(NgramList *list);
void ngrams_list(Ngrams *ngrams, NgramList *list, uint32_t root, const uint32_t *symbols, size_t count, size_t orders);

/* Allows every n-gram as often as the list has it, if it is not allowed more often already; forbids those of a list. */
void ngrams_allow(Ngrams *ngrams, const NgramList *list);
void ngrams_forbid(Ngrams *ngrams, const NgramList *list);

/* Adds to match (orders) how many of the list's n-grams are allowed. */
void ngrams_match(Ngrams *ngrams, const NgramList *list, uint64_t *match);

#endif
