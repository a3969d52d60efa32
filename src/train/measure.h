/* How well the present parameters translate the validation sentences, greedily: the exact-match rate, which is a hard
 * measure, and the right one for a corpus with one right answer; and BLEU (eval/bleu.h, tokenisation 13a). Accepted
 * targets are normalised as the tokenizer does. */
#ifndef NMT_TRAIN_MEASURE_H
#define NMT_TRAIN_MEASURE_H

#include "base/error.h"
#include "train/trainer.h"

/* The first valid.translate lines of the trainer's validation corpus; for Measure of train/loop.h. */
bool measure_translations(void *context, const Trainer *trainer, Measured *measured, Error *err);

#endif
