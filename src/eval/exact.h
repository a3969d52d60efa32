/* Exact-match rate: the share of sentences whose greedy translation is, byte for byte, one of the accepted targets
 * (normalised as the tokenizer does). A hard measure, and the right one for a corpus with one right answer. */
#ifndef NMT_EVAL_EXACT_H
#define NMT_EVAL_EXACT_H

#include "base/error.h"
#include "data/corpus.h"
#include "decode/translator.h"
#include "train/trainer.h"

/* Of the first `limit` lines of a corpus. right: (limit), which ones, or NULL. */
bool exact_rate(double *rate, bool *right, Translator *translator, const Tokenizer *tokenizer, const Corpus *corpus,
                size_t limit, Error *err);

/* The trainer's present parameters on its validation corpus, valid.translate lines; for ExactRate of train/loop.h. */
bool exact_measure(void *context, const Trainer *trainer, double *rate, Error *err);

#endif
