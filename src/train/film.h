/* The film of a run: every few steps, what the model says and how it sees words. report.html plays it.
 *
 * run.dir/film.jsonl has a line for each frame. A frame is whole by itself:
 *
 *     {"step":40,"loss":..,"samples":[{"source":"..","reference":"..","said":"..","right":false}, ..],
 *      "shown":2,"source":["the","cat",..],"target":["le","chat",..],"attention":"..",
 *      "words":["house",..],"width":96,"places":".."}
 *
 * loss: of that step, label-smoothed, a target token; null before the first step.
 * samples: the sentences that validations show (train/measure.h), translated greedily.
 * attention: where the words of a target come from, for the sample of number `shown`. (target, source) unsigned bytes
 * in base64, 255 for a share of 1: the mean over the last layer's heads (decode/align.h). The decoder is given the
 * reference, so rows mean the same in every frame. `shown` is null, and these are missing, when there is no such
 * sentence.
 * places: the embedding of each word, (words, width) signed bytes in base64; the largest element of each is 127 or
 * -127. words are the most frequent whole words among the sources of the training pairs. A wider embedding is folded:
 * element d is added to element d % FILM_WIDTH.
 *
 * A frame of the largest model takes no more bytes than one of a model of width FILM_WIDTH. Frames change no bit of
 * the run. */
#pragma once

#include "page/json.h"
#include "train/measure.h"
#include "train/trainer.h"

enum {
    FILM_WORDS = 60,
    FILM_LETTERS = 4, /* of a word at least: shorter ones seldom have a meaning of their own */
    FILM_WIDTH = 96,
    FILM_TOKENS = 40, /* of a side of the sentence whose attention is shown; what is longer is cut */
};

typedef struct Film {
    int32_t *words; /* stb_ds array of token ids */
    size_t shown;   /* the sample whose attention is shown; SAMPLES: none */
    /* Of the last frame, for whoever wants to show them: */
    Sample samples[SAMPLES];
    size_t sample_count;
} Film;

/* Chooses words and sentences. Release with film_free. */
Film film_create(const Trainer *trainer);
void film_free(Film *film);

/* Whether there is a frame after this many steps: 0, 4, 8, .. 64, 72, 80, .. 128, 144, .. : from 64 on eight or more to
 * each doubling. It depends on nothing else, so a run that continues has the frames of one that was never stopped. */
bool film_is_due(uint64_t step);

/* Writes one frame, a JSON object, to *out. loss: see above; NAN: null. Fails when there is no memory. */
bool film_frame(Film *film, const Trainer *trainer, double loss, Json *out, Error *err);
