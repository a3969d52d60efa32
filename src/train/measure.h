/* How well the present parameters translate the validation sentences, greedily. Two figures:
 *
 * BLEU (eval/bleu.h, tokenisation 13a) compares with the targets as they are in the file. It is the BLEU of
 * `./translate -b 1 | ./score --tsv - FILE`, to the last digit. So it counts every line that has a target, also those
 * that are left out of the loss.
 *
 * The share that is exactly right fits a corpus with one right answer. Translations and targets are normalised, as the
 * model does, before they are compared. */
#pragma once

#include "base/error.h"
#include "decode/confidence.h"
#include "page/json.h"
#include "train/trainer.h"

/* A validation sentence and its translation, for people to see (utf8_show). reference: the first accepted target,
 * normalised; right: the translation is an accepted target. */
enum { SAMPLES = 5, SAMPLE_BYTES = 400 };
typedef struct Sample {
    char source[SAMPLE_BYTES], reference[SAMPLE_BYTES], said[SAMPLE_BYTES];
    bool right;
} Sample;

/* "samples: [...]", for log.jsonl and film.jsonl. */
void samples_write(Json *out, const Sample *samples, size_t count);

/* Translations of the validation sentences: the share that is exactly right, 0 .. 1, their BLEU, 0 .. 100, and a few of
 * them, the same ones each time. */
typedef struct Measured {
    double exact, bleu;
    bool no_words;         /* BLEU is 0 because it needs four words in a row, and lines have fewer */
    size_t cut, count;     /* translations that the limit cut, of all */
    Confidence confidence; /* fitted to them */
    Sample samples[SAMPLES];
    size_t sample_count;
} Measured;

/* The lines that samples are of, numbers of Trainer.data.valid_lines: spread evenly over those that validations
 * translate, or that they would translate by default. */
size_t measure_sample_count(const Trainer *trainer);
size_t measure_sample_line(const Trainer *trainer, size_t sample);

/* Translates these lines alone. samples: (SAMPLES) */
bool measure_samples(const Trainer *trainer, Sample *samples, size_t *count, Error *err);

/* Translates the first `count` (1, 2, ...) validation sentences, or all when there are fewer. */
bool measure_translations(const Trainer *trainer, size_t count, Measured *measured, Error *err);
/* The same, by all ranks (train/ranks.h) together, each of which translates some; all get the same figures. */
bool measure_together(const Trainer *trainer, size_t count, Measured *measured, Error *err);
