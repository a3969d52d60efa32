/* A trainer: the parameters of a model, the optimiser's state and the place in the data; one training step and the
 * validation loss.
 *
 * What decides the next bits is in TrainState, the parameter block, the optimiser's blocks and, with train.average,
 * the average of the weights. All of it is in last.gguf: a run that continues from there is bit for bit the run that
 * was never stopped. Batches, dropout and the learning rate are functions of the config and TrainState's counters. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/pool.h"
#include "data/batches.h"
#include "model/transformer.h"
#include "optim/optimiser.h"
#include "train/config.h"
#include "train/corpora.h"
#include "train/tree.h"

typedef struct TrainState {
    /* Written by trainer_step: */
    uint64_t step;       /* steps done */
    uint64_t epoch;      /* passes over the pairs completed */
    uint64_t batch;      /* batches of this epoch done */
    uint64_t skipped;    /* steps without an update */
    uint64_t streak;     /* of them, the last ones in a row */
    double norm_log;     /* running mean of the logarithm of the gradient's norm over the steps taken */
    uint64_t norm_steps; /* steps in that mean */
    double loss_sum, nll_sum;
    uint64_t tokens; /* of these sums, which the loop sets back after each log line */
    /* Written by the loop, at validations: */
    uint64_t best_step; /* the best one so far; 0: none yet */
    double best_loss, best_exact, best_bleu;
    uint64_t best_sentences; /* that best_exact and best_bleu are of */
    uint64_t stalled;        /* validations since */
    uint64_t saved;          /* the last one that was saved, which a run goes back to; 0: the beginning */
    uint64_t started;        /* 1: the model that the run starts from was measured, and was this good: */
    double start_loss, start_exact, start_bleu;
    /* Written by checkpoint_go_back: */
    uint64_t returns; /* how often that happened; each time halves the learning rate */
} TrainState;

/* What the exchange with other ranks took since the trainer was made. */
typedef struct TrainerExchange {
    uint64_t steps, bytes; /* bytes: sent */
    double step_seconds;   /* of the steps */
    double seconds;        /* of them, those of the exchange, waiting included */
    double least;          /* of the shortest exchange */
} TrainerExchange;

typedef struct Trainer {
    /* As created; others only read it. */
    const Config *config;
    Pool *pool;
    Corpora data;
    Transformer model;
    char *notes;          /* what is not as it was when the run was saved, a line each; NULL: nothing */
    SearchOptions decode; /* the config's, with the limit of translations chosen */
    size_t pairs_cut;     /* training pairs whose target is longer than that limit */

    /* What last.gguf keeps: written by trainer_step and, when a run continues or goes back, by train/checkpoint.c. The
     * loop writes its part of the state. */
    TrainState state;
    Confidence confidence; /* of the model that is saved, not kept by last.gguf; the loop's */
    real *w;               /* (model.params.count) the parameters */
    real *average;         /* of w, what validation and model.gguf take; NULL: w itself */
    Optimiser optimiser;

    /* Private to trainer.c, except the plan, which others may read. */
    BatchPlan plan; /* of epoch plan_epoch */
    uint64_t plan_epoch;
    BatchPlan valid_plan;
    real *sums[TREE_WAITING]; /* gradient blocks of pieces (train/tree.h); the first one becomes the step's */
    size_t sum_count;
    real *inbox;          /* slices of other ranks' gradients (train/combine.h) */
    double *figures;      /* of each rank: whether it was asked to stop, and the losses of its batches, two each */
    size_t *figure_start; /* (ranks + 1) */
    TrainerExchange exchange;
    Arena batch;  /* one batch's packed rows */
    Arena blocks; /* all these blocks */
} Trainer;

/* One step's figures. */
typedef struct StepReport {
    double loss, nll; /* sums over its target tokens: smoothed, and not */
    uint64_t tokens;  /* target tokens */
    size_t batches;   /* of the plan */
    double rate, norm;
    double usual_norm; /* what the norm is compared with; 0: with nothing */
    bool skipped;      /* nothing was updated */
    bool stop;         /* a rank was asked to stop */
} StepReport;

/* Makes the memory for a run on this data, which becomes the trainer's, even on failure. The parameters are not set
 * yet. config and pool must outlive the trainer. Release with trainer_free. */
bool trainer_create(Trainer *trainer, const Config *config, Pool *pool, Precision precision, Corpora *data, Error *err);
void trainer_free(Trainer *trainer);

/* Sets the state before the first step: parameters drawn from the seed, or those of train.init. */
void trainer_begin(Trainer *trainer);

/* Plans the batches of the state's epoch. False when the state's batch is not one of them. */
bool trainer_plan(Trainer *trainer);

/* The epoch of the last step done, from 1. */
uint64_t trainer_epoch(const TrainState *state);

/* Batches of a step; where the epoch ends there are fewer. */
size_t trainer_step_batches(const Config *config);

/* Steps of the state's epoch. */
size_t trainer_epoch_steps(const Trainer *trainer);

/* About the step at which the run will end, by the nearer of its two limits; epochs differ by a batch or so. */
uint64_t trainer_last_step(const Trainer *trainer);

/* The parameters that validation and the model file take: the average where there is one. */
const real *trainer_weights(const Trainer *trainer);

enum { TRAINER_NORMS = 100 };

/* What follows is done by all ranks (train/ranks.h) together: those that follow are given the order. When the ranks are
 * lost, nothing is changed, and what is returned means nothing.
 *
 * One step: train.pieces pieces of train.accumulate batches each, forward and backward, clipping, update. It updates
 * nothing when the loss or the squares of the gradient are not finite, or when the gradient's norm exceeds
 * train.skip_norm times its recent geometric mean (about the last TRAINER_NORMS steps; with fewer it is not compared).
 */
StepReport trainer_step(Trainer *trainer);

/* The same from batch `first` of the epoch's plan, without moving on in the data: what a dry run measures. */
StepReport trainer_step_from(Trainer *trainer, size_t first);

/* Mean losses a target token over the validation pairs, without dropout. */
Loss trainer_valid_loss(Trainer *trainer);

/* How many validation sentences are translated. */
size_t trainer_valid_sentences(const Trainer *trainer);
