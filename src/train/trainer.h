/* A trainer: everything a training run holds, and the things it does: one step, validation loss, save, resume.
 *
 * What decides the next bits is in TrainState, the parameter block, Adam's two moments and, with train.average, the
 * average of the weights, and all of it is in last.gguf: a run that goes on from there is bit for bit the run that was
 * never stopped. Batches, dropout and the learning rate are functions of the config and of TrainState's counters. */
#ifndef NMT_TRAIN_TRAINER_H
#define NMT_TRAIN_TRAINER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/file.h"
#include "base/pool.h"
#include "data/batches.h"
#include "data/corpus.h"
#include "data/pairs.h"
#include "data/redraw.h"
#include "model/transformer.h"
#include "text/tokenizer.h"
#include "train/config.h"

/* A validation sentence and what it was translated as, for people to see (utf8_show). reference: the first accepted
 * target, normalised; right: an accepted one was said. */
enum { SAMPLES = 5, SAMPLE_BYTES = 400 };
typedef struct Sample {
    char source[SAMPLE_BYTES], reference[SAMPLE_BYTES], said[SAMPLE_BYTES];
    bool right;
} Sample;

/* Translations of the validation sentences: how many are exactly right, 0 .. 1, their BLEU, 0 .. 100, and a few of
 * them, the same ones each time. */
typedef struct Measured {
    double exact, bleu;
    Sample samples[SAMPLES];
    size_t sample_count;
} Measured;

/* Where a run stands. */
typedef struct TrainState {
    uint64_t step;  /* steps done */
    uint64_t epoch; /* passes over the pairs completed */
    uint64_t batch; /* batches of this epoch done */
    /* The best validation so far; best_step 0: none yet. */
    uint64_t best_step;
    double best_loss, best_exact, best_bleu;
    uint64_t stalled; /* validations since */
    uint64_t skipped; /* steps without an update; see trainer_step */
    uint64_t streak;  /* of them, the last ones in a row */
    double norm_log;  /* running mean of the logarithm of the gradient's norm over the steps taken */
    uint64_t norm_steps;
    /* Going back: where to (the last validation that was saved, step 0: the beginning), and how often it happened. */
    uint64_t saved, returns;
    /* Since the last log line. */
    double loss_sum, nll_sum;
    uint64_t tokens;
} TrainState;

typedef struct Trainer Trainer;

/* One step's figures. */
typedef struct StepReport {
    double loss, nll; /* sums over its target tokens: smoothed, and not */
    uint64_t tokens;  /* target tokens */
    double rate, norm;
    bool skipped;      /* nothing was updated */
    double usual_norm; /* what the norm was compared with; 0: with nothing */
} StepReport;

struct Trainer {
    const Config *config;
    FileLock *lock; /* of run.dir, which is written as long as it holds; NULL, as made: it is not looked at */
    Pool *pool;
    Tokenizer *tokenizer;
    Corpus valid_corpus;
    PairSet train, valid;
    BatchPlan plan; /* of epoch plan_epoch */
    uint64_t plan_epoch;
    BatchPlan valid_plan;
    Redraw redraw; /* the batches of a step, with text.bpe_dropout */
    Transformer model;
    Arena batch;  /* one batch's packed rows */
    Arena blocks; /* the four blocks, or five */
    real *w, *dw, *m, *v;
    real *average; /* of w, what validation and model.gguf take; NULL: w itself */
    TrainState state;
    size_t merges_missing; /* how many fewer merges the corpus gave than asked for */
    char *flaws;           /* what was left out of the corpora, in lines of text; "": nothing */
};

/* Reads the corpora or the cache of the training pairs (run.dir/train.cache, written when it does not fit), learns the
 * tokenizer or takes it from last.gguf, and sets the parameters up: fresh, or as last.gguf in run.dir has them (resume;
 * *resumed then tells whether it was there). config and pool must outlive the trainer. Release with trainer_free. */
bool trainer_create(Trainer *trainer, const Config *config, Pool *pool, bool resume, bool *resumed, Error *err);
void trainer_free(Trainer *trainer);

/* The batches of the state's epoch; how many steps that makes. */
size_t trainer_epoch_steps(const Trainer *trainer);

/* The parameters that validation and the model file take: the average where there is one. */
const real *trainer_weights(const Trainer *trainer);

/* The step at which the run will end by the nearer of its two limits, about: epochs differ by a batch or so. */
uint64_t trainer_last_step(const Trainer *trainer);

enum { TRAINER_NORMS = 100 };

/* One step: train.accumulate batches forward and backward, clipping, Adam. It updates nothing when the loss or the
 * gradient is not finite, or when the gradient's norm is more than train.skip_norm times the geometric mean of those
 * before (about the last TRAINER_NORMS; not before there are so many). */
StepReport trainer_step(Trainer *trainer);

/* Mean losses a target token over the validation pairs, without dropout. */
Loss trainer_valid_loss(Trainer *trainer);

/* Back to the last validation that was saved, or to the beginning, with half the learning rate from there on. */
bool trainer_go_back(Trainer *trainer, Error *err);

/* Writes model.gguf or last.gguf (which has the state and the moments besides) into run.dir. */
bool trainer_save_model(const Trainer *trainer, Error *err);
bool trainer_save_last(const Trainer *trainer, Error *err);

#endif
