/* Alignment: which source tokens and words the tokens and words of a translation come from, by cross-attention.
 *
 * The finished translations are run through the whole model once more, all positions at a time, with the probabilities
 * of the last layer's cross-attention written down (Pass.shown). A token's shares of the source are the mean over the
 * heads, in the row that predicts the token, whose input is the token before it. This row aligns best on the shipped
 * corpus (scripts/check_alignment.py): it finds more than 99 of 100 nouns; the row whose input is the token, 1 in 10.
 *
 * S, T: tokens of a source sentence with its </s>, and of its translation without. */
#pragma once

#include "decode/search.h"
#include "model/transformer.h"
#include "text/tokenizer.h"

/* shares: (T, S) for each sentence, one after another; each row's sum is 1. The model's arena grows with the largest
 * batch so far; fails when there is no more memory. */
bool align_run(Transformer *model, const real *w, Packed source, const Translation *translations, real *shares,
               Error *err);

/* word (count): the number of the word, among those that white space separates, which each token is part of; -1: it is
 * white space alone, <s> or </s>. Returns how many words there are. */
size_t align_words(const Tokenizer *tokenizer, int32_t *word, const int32_t *ids, size_t count);

/* How many words a translation has, and which source words they have shares of. */
typedef struct AlignedWords {
    size_t count;                      /* words of the translation */
    size_t source_first, source_count; /* numbers of the source words: those of the sentence that was translated */
} AlignedWords;

/* From tokens to words: a source word's share is the sum of its tokens', a translated word's shares are the mean of its
 * tokens'. Appends shares (words.count, words.source_count) to *out, a stb_ds array. shares: (T, S) from align_run.
 * source_word: (count) of the sentence's tokens without </s>, from align_words. */
AlignedWords align_word_shares(real **out, const Tokenizer *tokenizer, const Translation *found, const real *shares,
                               const int32_t *source_word, size_t count);
