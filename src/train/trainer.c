#include "train/trainer.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/size.h"
#include "base/terminal.h"
#include "math/vector.h"
#include "optim/average.h"
#include "train/combine.h"
#include "train/ranks.h"

/* ---- Setting up ---- */

/* The limit of translations. With decode.max_extra = auto, it lets every training pair's target be said. */
static void choose_limit(Trainer *t) {
    const PairSet *pairs = &t->data.train;
    size_t most = 0;
    t->decode = t->config->decode;
    for (size_t i = 0; i < pairs->count; i++) {
        const size_t target = pairs_target_length(pairs, i);
        const double warranted = floor(t->decode.max_ratio * (double)pairs_source_length(pairs, i));
        const size_t beyond = warranted < (double)target ? target - (size_t)warranted : 0;
        most = size_max(most, beyond);
        t->pairs_cut += beyond > t->decode.max_extra;
        if (i % 65536 == 65535) pairs_forget(pairs);
    }
    if (t->decode.max_extra != FIELD_AUTO) return;
    /* What the model could say before it can still say. */
    t->decode.max_extra =
        size_max(size_min(most + SEARCH_EXTRA, HYPER_MAX_LENGTH), t->config->start.info.decode.max_extra);
}

size_t trainer_step_batches(const Config *c) { return c->pieces * c->accumulate; }

/* Target tokens of one batch. */
static size_t batch_tokens(const Config *c) { return c->batch_tokens / trainer_step_batches(c); }

/* The most gradient blocks that this rank's share of a step takes. */
static size_t most_sums(const Config *c) {
    const Ranks *r = c->ranks;
    size_t most = 1;
    for (size_t pieces = 1; pieces <= c->pieces; pieces++) {
        const size_t first = ranks_first(r, pieces, ranks_self(r)), last = ranks_first(r, pieces, ranks_self(r) + 1);
        if (last - first >= most) most = size_max(most, tree_height(first, last));
    }
    return most;
}

static void lay_out_blocks(Trainer *t, Arena *arena) {
    const size_t count = t->model.params.count, ranks = ranks_count(t->config->ranks);
    t->w = arena_push(arena, count, sizeof *t->w);
    for (size_t i = 0; i < t->sum_count; i++) t->sums[i] = arena_push(arena, count, sizeof *t->sums[i]);
    t->inbox = arena_push(arena, combine_inbox(t->config->ranks, t->config->pieces, count), sizeof *t->inbox);
    t->figures = arena_push(arena, ranks + 2 * trainer_step_batches(t->config), sizeof *t->figures);
    t->figure_start = arena_push(arena, ranks + 1, sizeof *t->figure_start);
    optimiser_lay_out(&t->optimiser, arena, count);
    if (t->config->average > 0) t->average = arena_push(arena, count, sizeof *t->average);
}

static bool make_blocks(Trainer *t, Error *err) {
    Arena measure = arena_measure();
    t->optimiser = optimiser_new(t->config->optimiser);
    t->sum_count = most_sums(t->config);
    lay_out_blocks(t, &measure);
    if (!arena_create(&t->blocks, measure.used, err)) return false;
    lay_out_blocks(t, &t->blocks);
    optimiser_reserve(&t->optimiser, t->pool, &t->model.params);
    return true;
}

static bool make_memory(Trainer *t, Precision precision, Error *err) {
    const Config *c = t->config;
    const size_t tokens = batch_tokens(c);
    const BatchLimits a = batches_limits_of_copies(batches_limits(&t->data.train, tokens), loss_copies(c->loss));
    const BatchLimits b = batches_limits(&t->data.valid, tokens);
    const TransformerLimits limits = {
        .source_tokens = size_max(a.source_tokens, b.source_tokens),
        .target_tokens = size_max(a.target_tokens, b.target_tokens),
        .longest_source = size_max(a.longest_source, b.longest_source),
        .longest_target = size_max(a.longest_target, b.longest_target),
    };
    Hyper hyper = c->hyper;
    hyper.vocab = tokenizer_vocab_size(t->data.tokenizer);
    const uint64_t batch = batch_bytes(&a), other = batch_bytes(&b);
    return transformer_create(&t->model, &hyper, (Compute){.pool = t->pool, .precision = precision}, limits,
                              loss_copies(c->loss) == 2 ? TRAINING_TWICE : TRAINING_ONCE, err) &&
           arena_create(&t->batch, batch > other ? batch : other, err) && make_blocks(t, err);
}

bool trainer_create(Trainer *t, const Config *config, Pool *pool, Precision precision, Corpora *data, Error *err) {
    *t = (Trainer){.config = config, .pool = pool, .data = *data};
    *data = (Corpora){0};
    if (!make_memory(t, precision, err)) {
        trainer_free(t);
        return error_set(err, "%s; less is needed with a smaller model or train.batch_tokens, or more train.accumulate",
                         err->text);
    }
    choose_limit(t);
    t->valid_plan = batches_plan(&t->data.valid, batch_tokens(config), 0, 0);
    return true;
}

void trainer_free(Trainer *t) {
    batches_free(&t->plan);
    batches_free(&t->valid_plan);
    transformer_free(&t->model);
    arena_free(&t->batch);
    arena_free(&t->blocks);
    corpora_free(&t->data);
    free(t->notes);
    *t = (Trainer){0};
}

void trainer_begin(Trainer *t) {
    const size_t count = t->model.params.count;
    t->state = (TrainState){0};
    optimiser_clear(&t->optimiser, count);
    if (t->config->start.gguf)
        vector_copy(t->w, t->config->start.w, count);
    else
        parameters_init(&t->model.params, t->w, t->config->seed);
    if (t->average) vector_copy(t->average, t->w, count);
}

/* ---- The place in the data ---- */

bool trainer_plan(Trainer *t) {
    const Config *c = t->config;
    const PairSet *pairs = &t->data.train;
    if (t->plan.count == 0)
        t->plan = batches_plan(pairs, batch_tokens(c), c->seed, (uint32_t)t->state.epoch);
    else if (t->plan_epoch != t->state.epoch)
        batches_plan_again(&t->plan, pairs, batch_tokens(c), c->seed, (uint32_t)t->state.epoch);
    t->plan_epoch = t->state.epoch;
    return t->state.batch < t->plan.count;
}

uint64_t trainer_epoch(const TrainState *s) { return s->epoch + (s->batch > 0 || s->epoch == 0); }

size_t trainer_epoch_steps(const Trainer *t) { return size_divide_up(t->plan.count, trainer_step_batches(t->config)); }

uint64_t trainer_last_step(const Trainer *t) {
    const Config *c = t->config;
    uint64_t last = c->max_steps;
    if (c->max_epochs) {
        const TrainState *s = &t->state;
        uint64_t by_epochs = s->step;
        if (s->epoch < c->max_epochs)
            by_epochs +=
                (c->max_epochs - s->epoch) * trainer_epoch_steps(t) - size_divide_up(s->batch, trainer_step_batches(c));
        if (!last || by_epochs < last) last = by_epochs;
    }
    return last;
}

/* ---- One step ---- */

static Packed packed_source(const Batch *b) {
    return (Packed){b->sentences, b->source, b->source_start, b->longest_source};
}

static Packed packed_target(const Batch *b) {
    return (Packed){b->sentences, b->target_in, b->target_start, b->longest_target};
}

/* Target tokens of batch `index`. */
static uint64_t target_tokens(const Trainer *t, size_t index) {
    const BatchRange range = t->plan.batches[index];
    uint64_t tokens = 0;
    for (size_t i = 0; i < range.count; i++)
        tokens += pairs_target_length(&t->data.train, t->plan.order[range.first + i]);
    return tokens;
}

/* The batches first + from .. first + to - 1 of the plan are a piece of a step that begins at `first`. Writes the
 * gradient of their loss over the step's target tokens, and each one's losses. */
static void piece_gradient(Trainer *t, real *dw, double *losses, size_t first, size_t from, size_t to,
                           uint64_t tokens) {
    const Config *c = t->config;
    vector_clear(dw, t->model.params.count); /* the one place that clears gradients */
    for (size_t i = from; i < to; i++) {
        Batch batch;
        arena_release(&t->batch, 0);
        batch_fill(&batch, &t->batch, &t->data.train, &t->plan, first + i, loss_copies(c->loss));
        const TransformerStep numbers = {c->seed, (uint32_t)t->state.step, (uint32_t)i};
        const Loss loss = transformer_train(&t->model, t->w, dw, packed_source(&batch), packed_target(&batch),
                                            batch.target_out, c->loss, (real)(1.0 / (double)tokens), numbers);
        *losses++ = loss.loss;
        *losses++ = loss.nll;
    }
}

/* Adds up the figures of all ranks, in the order of the batches. */
static void add_figures(const Trainer *t, StepReport *report) {
    for (size_t rank = 0; rank < ranks_count(t->config->ranks); rank++) {
        const double *figure = t->figures + t->figure_start[rank], *end = t->figures + t->figure_start[rank + 1];
        report->stop = report->stop || *figure != 0;
        for (figure++; figure < end; figure += 2) report->loss += figure[0], report->nll += figure[1];
    }
}

/* With the other ranks: sums[0] = the sum of what all have. */
static bool combine(Trainer *t, const TreeStack *own, size_t pieces) {
    Ranks *const r = t->config->ranks;
    const uint64_t sent = r->sent;
    const double began = terminal_seconds();
    const bool ok = combine_gradients(r, t->pool, own, pieces, t->sums[0], t->inbox, t->model.params.count, t->figures,
                                      t->figure_start);
    const double seconds = terminal_seconds() - began;
    t->exchange.least = t->exchange.steps == 0 ? seconds : fmin(t->exchange.least, seconds);
    t->exchange.steps++;
    t->exchange.bytes += r->sent - sent;
    t->exchange.seconds += seconds;
    return ok;
}

/* sums[0] = the gradient of the mean loss over the target tokens of a step's batches, of fewer where the epoch ends;
 * and their losses. Each rank computes some of the pieces. */
static StepReport step_gradients(Trainer *t, size_t first) {
    Ranks *const r = t->config->ranks;
    const size_t each = t->config->accumulate, count = t->model.params.count, self = ranks_self(r);
    StepReport report = {.batches = size_min(t->plan.count - first, trainer_step_batches(t->config))};
    const size_t pieces = size_divide_up(report.batches, each);
    for (size_t i = 0; i < report.batches; i++) report.tokens += target_tokens(t, first + i);
    for (size_t rank = 0; rank <= ranks_count(r); rank++)
        t->figure_start[rank] = rank + 2 * size_min(report.batches, each * ranks_first(r, pieces, rank));
    double *figures = t->figures + t->figure_start[self];
    TreeStack own = {.count = 0};
    *figures++ = r && r->stop && *r->stop;
    for (size_t piece = ranks_first(r, pieces, self); piece < ranks_first(r, pieces, self + 1); piece++) {
        const size_t from = piece * each, to = size_min(from + each, report.batches);
        real *dw = t->sums[own.count];
        piece_gradient(t, dw, figures, first, from, to, report.tokens);
        tree_push(&own, t->pool, (TreeRun){piece, 1, dw}, count);
        figures += 2 * (to - from);
    }
    if (ranks_count(r) == 1)
        tree_finish(&own, t->pool, count);
    else if (!combine(t, &own, pieces))
        return report;
    add_figures(t, &report);
    report.norm = optimiser_norm(t->pool, t->sums[0], count);
    return report;
}

/* Whether the step would do harm: its numbers are not finite, or the squares of its gradient are not (a moment would be
 * infinite from then on), or its gradient is far longer than usual. */
static bool step_is_outlying(const Trainer *t, const StepReport *report) {
    return !isfinite(report->loss) || !(report->norm * optimiser_clip(report->norm, t->config->clip_norm) < 1e18) ||
           (report->usual_norm > 0 && report->norm > t->config->skip_norm * report->usual_norm);
}

static void step_update(Trainer *t, const StepReport *report) {
    const Config *c = t->config;
    TrainState *s = &t->state;
    const Parameters *params = &t->model.params;
    const uint64_t updates = s->step - s->skipped;
    optimiser_update(&t->optimiser, t->pool, params, t->w, t->sums[0], updates, report->rate,
                     optimiser_clip(report->norm, c->clip_norm));
    if (t->average) average_update(t->pool, t->average, t->w, params->count, updates, c->average);
    if (report->norm > 0) {
        s->norm_steps++;
        s->norm_log += (log(report->norm) - s->norm_log) / fmin((double)s->norm_steps, TRAINER_NORMS);
    }
    s->streak = 0;
    s->loss_sum += report->loss;
    s->nll_sum += report->nll;
    s->tokens += report->tokens;
}

static StepReport step_from(Trainer *t, size_t first) {
    TrainState *s = &t->state;
    Error err;
    const double began = terminal_seconds();
    pairs_forget(&t->data.train); /* of the step before */
    s->step++;
    StepReport report = step_gradients(t, first);
    if (ranks_lost(t->config->ranks, &err)) {
        s->step--;
        return report;
    }
    report.rate = ldexp(schedule_rate(&t->config->schedule, s->step), -(int)s->returns);
    report.usual_norm = t->config->skip_norm > 0 && s->norm_steps >= TRAINER_NORMS ? exp(s->norm_log) : 0;
    report.skipped = step_is_outlying(t, &report);
    if (report.skipped) {
        s->skipped++;
        s->streak++;
    } else {
        step_update(t, &report);
    }
    t->exchange.step_seconds += terminal_seconds() - began;
    return report;
}

StepReport trainer_step_from(Trainer *t, size_t first) {
    ranks_give(t->config->ranks, ORDER_TRY, first);
    return step_from(t, first);
}

StepReport trainer_step(Trainer *t) {
    TrainState *s = &t->state;
    Error err;
    ranks_give(t->config->ranks, ORDER_STEP, 0);
    trainer_plan(t);
    const StepReport report = step_from(t, s->batch);
    if (ranks_lost(t->config->ranks, &err)) return report;
    s->batch += report.batches;
    if (s->batch == t->plan.count) {
        s->epoch++;
        s->batch = 0;
    }
    return report;
}

/* ---- Validation ---- */

const real *trainer_weights(const Trainer *t) { return t->average ? t->average : t->w; }

size_t trainer_valid_sentences(const Trainer *t) { return size_min(t->config->translate, t->data.valid_lines.count); }

Loss trainer_valid_loss(Trainer *t) {
    Ranks *const r = t->config->ranks;
    const size_t count = t->valid_plan.count, ranks = ranks_count(r), self = ranks_self(r);
    Loss total = {0, 0}, *losses = memory_new(count, sizeof *losses);
    size_t *start = memory_new(ranks + 1, sizeof *start);
    ranks_give(r, ORDER_LOSS, 0);
    for (size_t b = ranks_first(r, count, self); b < ranks_first(r, count, self + 1); b++) {
        Batch batch;
        arena_release(&t->batch, 0);
        batch_fill(&batch, &t->batch, &t->data.valid, &t->valid_plan, b, 1);
        losses[b] = transformer_evaluate(&t->model, trainer_weights(t), packed_source(&batch), packed_target(&batch),
                                         batch.target_out, t->config->loss.smoothing);
    }
    for (size_t rank = 0; rank <= ranks; rank++) start[rank] = ranks_first(r, count, rank) * sizeof *losses;
    ranks_gather(r, losses, start);
    for (size_t b = 0; b < count; b++) total.loss += losses[b].loss, total.nll += losses[b].nll;
    total.loss /= (double)t->data.valid.target_tokens;
    total.nll /= (double)t->data.valid.target_tokens;
    free(start);
    free(losses);
    return total;
}
