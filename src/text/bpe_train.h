/* Learns the merges of a tokenizer (text/tokenizer.h) from text.
 *
 * Sennrich, Haddow, Birch, ACL 2016: the pair of neighbouring tokens that occurs most often becomes one new token,
 * again and again. Of equally frequent pairs, the one with the smaller left id comes first, then the smaller right id.
 * In a run of one token, as in `aaa`, pairs are counted without overlap. Learning ends when the vocabulary has the size
 * asked for, or when every pair that still occurs twice would make a token of more than TOKEN_LONGEST bytes.
 *
 * Text is added sentence by sentence. Only its distinct pieces and their counts are kept, so memory grows with the
 * number of different words, not with the corpus. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "text/normalise.h"

typedef struct BpeTrainer BpeTrainer;

BpeTrainer *bpe_train_create(Normalisation how);

/* How many tokens a text may have, whatever the vocabulary. */
typedef struct TokenBounds {
    size_t least, most;
} TokenBounds;

/* Counts the pieces of one sentence. Sentences of both languages are added to the same trainer. */
TokenBounds bpe_train_add(BpeTrainer *trainer, const char *text, size_t length);
/* Takes back a sentence that was added. */
void bpe_train_remove(BpeTrainer *trainer, const char *text, size_t length);

/* Learns merges until the vocabulary has vocab_size tokens, and frees the trainer. Returns a stb_ds array of 2 * count
 * ids (free it with stbds_arrfree; NULL when there are none). The vocabulary has 258 + count tokens: fewer than asked
 * for when there are no more such pairs, which the caller should report. */
uint32_t *bpe_train_finish(BpeTrainer *trainer, size_t vocab_size);

/* Frees a trainer without learning. */
void bpe_train_free(BpeTrainer *trainer);
