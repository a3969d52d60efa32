/* Exact-match rate: the share of sentences whose greedy translation is, byte for byte, one of the accepted targets
 * (normalised as the tokenizer does). A hard measure, and the right one for a corpus with one right answer. */
#ifndef NMT_EVAL_EXACT_H
#define NMT_EVAL_EXACT_H

#include "base/error.h"
#include "train/trainer.h"

/* The trainer's present parameters on its validation corpus, valid.translate lines; for ExactRate of train/loop.h. */
bool exact_measure(void *context, const Trainer *trainer, double *rate, Error *err);

#endif
