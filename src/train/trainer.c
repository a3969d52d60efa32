/* A trainer: setting up, stepping, validating. */
#include "train/trainer.h"

#include <math.h>
#include <string.h>

#include "base/checksum.h"
#include "base/ds.h"
#include "base/file.h"
#include "base/size.h"
#include "data/cache.h"
#include "math/vector.h"
#include "optim/average.h"
#include "text/bpe_train.h"
#include "train/checkpoint.h"

#define CACHE_NAME "train.cache"
enum { BLOCK_LINES = 1 << 13 }; /* lines read at a time */

/* Target tokens of one batch: a step is train.accumulate of them. */
static size_t batch_tokens(const Config *c) {
    return (size_t)(c->batch_tokens / c->accumulate);
}

static bool learn_tokenizer(Trainer *t, CorpusReader *reader, Error *err) {
    const Config *c = t->config;
    BpeTrainer *bpe = bpe_train_create(config_normalisation(c));
    Corpus block = {0};
    CorpusReport report = {0};
    bool ok;
    while ((ok = corpus_next(reader, &block, BLOCK_LINES, &report, err)) && block.count > 0) {
        for (size_t line = 0; line < block.count; line++) {
            Text source = corpus_source(&block, line), target = corpus_target(&block, line, 0);
            bpe_train_add(bpe, source.bytes, source.length);
            bpe_train_add(bpe, target.bytes, target.length);
        }
    }
    corpus_free(&block);
    if (!ok) {
        bpe_train_free(bpe);
        return false;
    }
    uint32_t *merges = bpe_train_finish(bpe, (size_t)c->vocab_size);
    size_t count = stbds_arrlenu(merges) / 2;
    t->tokenizer = tokenizer_create(merges, count, config_normalisation(c), err);
    stbds_arrfree(merges);
    return t->tokenizer != NULL;
}

/* As last.gguf has it. */
static bool take_tokenizer(Trainer *t, const ModelFile *last, Error *err) {
    const ModelInfo *info = &last->info;
    Error why;
    t->tokenizer = tokenizer_create(info->merges, info->merge_count, config_normalisation(t->config), &why);
    return t->tokenizer || error_set(err, "%s: nmt.tokenizer.merges: %s", last->path, why.text);
}

/* What the cache is made from: another text or another of these settings asks for another cache. */
static uint64_t cache_key(const Config *c, const CorpusReader *reader) {
    const double ratio = c->pair_ratio;
    uint64_t parts[] = {corpus_checksum(reader),
                        (uint64_t)c->vocab_size,
                        c->lowercase,
                        c->apostrophes,
                        c->spaces,
                        (uint64_t)c->max_length,
                        c->swap,
                        c->unique,
                        0};
    memcpy(&parts[sizeof parts / sizeof *parts - 1], &ratio, sizeof ratio);
    Checksum sum;
    checksum_start(&sum);
    checksum_add(&sum, parts, sizeof parts);
    return checksum_end(&sum);
}

static bool open_cache(Trainer *t, const char *path, uint64_t key) {
    const Config *c = t->config;
    return cache_open(&t->train, path, key, &t->tokenizer, config_normalisation(c), (size_t)c->max_length);
}

/* Other pairs under the same name would silently make another run. */
static bool check_corpus(const Trainer *t, const ModelFile *last, uint64_t checksum, Error *err) {
    uint64_t before;
    if (!last) return true;
    if (!checkpoint_corpus(last, &before, err)) return false;
    return before == checksum ||
           error_set(err,
                     "%s: expected the pairs that the run was begun with, found others in %s (start over with "
                     "--fresh, or give the run another run.dir)",
                     last->path, t->config->data_train);
}

/* Writes the cache, but not in place of one that fits the run when these are other pairs. */
static bool make_cache(Trainer *t, CorpusReader *reader, const char *path, uint64_t key, const ModelFile *last,
                       Error *err) {
    uint64_t checksum;
    FileWriter *file =
        cache_write(path, t->config->dir, key, reader, t->tokenizer, config_rules(t->config), t->pool, &checksum, err);
    if (!file) return false;
    if (!check_corpus(t, last, checksum, err)) {
        file_cancel(file);
        return false;
    }
    if (!file_commit(file, err)) return false;
    return open_cache(t, path, key) || error_set(err, "%s: expected the pairs just written, found others", path);
}

static bool read_valid(Trainer *t, CorpusReader **reader, Error *err) {
    CorpusRules rules = config_rules(t->config);
    rules.unique = false;
    *reader = corpus_open(t->config->data_valid, NULL, rules, err);
    return *reader && corpus_next(*reader, &t->valid_corpus, UINT32_MAX, &t->valid.report, err);
}

static bool encode_valid(Trainer *t, const CorpusReader *reader, Error *err) {
    pairs_add(&t->valid, t->pool, &t->valid_corpus, t->tokenizer, config_rules(t->config));
    return t->valid.count > 0 || corpus_none(reader, &t->valid.report, "data.valid", err);
}

static void tell_flaws(Trainer *t, const CorpusReader *train, const CorpusReader *valid) {
    char *a = corpus_tell(train, &t->train.report, "data.train");
    char *b = corpus_tell(valid, &t->valid.report, "data.valid");
    t->flaws = memory_format("%s%s%s", a, *a && *b ? "\n" : "", b);
    free(a);
    free(b);
}

static bool read_data(Trainer *t, const ModelFile *last, Error *err) {
    const Config *c = t->config;
    char *path = file_join(c->dir, CACHE_NAME);
    CorpusReader *valid = NULL, *train = corpus_open(c->data_train, c->dir, config_rules(c), err);
    bool ok = train && read_valid(t, &valid, err) && (!last || take_tokenizer(t, last, err));
    const uint64_t key = ok ? cache_key(c, train) : 0;
    const bool cached = ok && open_cache(t, path, key);
    ok = ok && (t->tokenizer || learn_tokenizer(t, train, err)) && encode_valid(t, valid, err) &&
         (cached ? check_corpus(t, last, t->train.checksum, err) : make_cache(t, train, path, key, last, err));
    if (ok && !last) t->merges_missing = (size_t)c->vocab_size - tokenizer_vocab_size(t->tokenizer);
    if (ok) tell_flaws(t, train, valid);
    corpus_close(train);
    corpus_close(valid);
    free(path);
    return ok;
}

static bool make_memory(Trainer *t, Precision precision, Error *err) {
    const size_t tokens = batch_tokens(t->config);
    const Config *c = t->config;
    BatchLimits a = batches_limits(&t->train, tokens);
    const BatchLimits b = batches_limits(&t->valid, tokens);
    if (c->bpe_dropout > 0) {
        t->redraw = redraw_create(t->tokenizer, c->bpe_dropout, (uint64_t)c->seed, &a, (size_t)c->max_length,
                                  (size_t)c->accumulate);
        a = t->redraw.limits;
    }
    const TransformerLimits limits = {
        .source_tokens = size_max(a.source_tokens, b.source_tokens),
        .target_tokens = size_max(a.target_tokens, b.target_tokens),
        .longest_source = size_max(a.longest_source, b.longest_source),
        .longest_target = size_max(a.longest_target, b.longest_target),
    };
    const Hyper hyper = config_hyper(t->config, tokenizer_vocab_size(t->tokenizer));
    if (!transformer_create(&t->model, &hyper, (Compute){.pool = t->pool, .precision = precision}, limits, true, err))
        return false;
    const size_t count = t->model.params.count;
    const bool averages = t->config->average > 0;
    Arena measure = arena_measure();
    for (int i = 0; i < (averages ? 5 : 4); i++) arena_push(&measure, count, sizeof(real));
    if (!arena_create(&t->batch, size_max(batch_bytes(&a), batch_bytes(&b)), err) ||
        !arena_create(&t->blocks, measure.used, err))
        return false;
    t->w = arena_push(&t->blocks, count, sizeof(real));
    t->dw = arena_push(&t->blocks, count, sizeof(real));
    t->m = arena_push(&t->blocks, count, sizeof(real));
    t->v = arena_push(&t->blocks, count, sizeof(real));
    if (averages) t->average = arena_push(&t->blocks, count, sizeof(real));
    return true;
}

/* With auto, a run goes on in the precision it was begun with, wherever that was; config_may_resume has compared what
 * was asked for. */
static Precision choose_precision(const Config *config, const ModelFile *last) {
    if (config->precision != PRECISION_AUTO) return (Precision)config->precision;
    return last ? last->info.precision : matmul_fast_precision();
}

/* The blocks of a fresh arena are zero, as Adam's moments begin. */
static bool make_parameters(Trainer *t, const ModelFile *last, Error *err) {
    if (last) return checkpoint_restore(t, last, err);
    parameters_init(&t->model.params, t->w, (uint64_t)t->config->seed);
    if (t->average) vector_copy(t->average, t->w, t->model.params.count);
    return true;
}

/* The plan of the state's epoch. */
static void plan_epoch(Trainer *t) {
    const Config *c = t->config;
    if (t->plan.count == 0)
        t->plan = batches_plan(&t->train, batch_tokens(c), (uint64_t)c->seed, (uint32_t)t->state.epoch);
    else if (t->plan_epoch != t->state.epoch)
        batches_plan_again(&t->plan, &t->train, batch_tokens(c), (uint64_t)c->seed, (uint32_t)t->state.epoch);
    t->plan_epoch = t->state.epoch;
}

/* A state that was read stands within its epoch. */
static bool check_place(Trainer *t, Error *err) {
    plan_epoch(t);
    return t->state.batch < t->plan.count ||
           error_set(err, "%s/%s: nmt.train.batch: expected a number below %zu, found %llu", t->config->dir,
                     CHECKPOINT_NAME, t->plan.count, (unsigned long long)t->state.batch);
}

/* A parameter that is not finite, or far from where it belongs, does not come back by itself. */
bool trainer_go_back(Trainer *t, Error *err) {
    const uint64_t returns = t->state.returns + 1;
    if (t->state.saved > 0) {
        if (!checkpoint_go_back(t, err)) return false;
    } else {
        t->state = (TrainState){0};
        vector_clear(t->m, t->model.params.count);
        vector_clear(t->v, t->model.params.count);
        make_parameters(t, NULL, err);
    }
    t->state.streak = 0;
    t->state.returns = returns;
    return check_place(t, err);
}

bool trainer_create(Trainer *t, const Config *config, Pool *pool, bool resume, bool *resumed, Error *err) {
    *t = (Trainer){.config = config, .pool = pool};
    ModelFile last = {0};
    *resumed = false;
    char *path = file_join(config->dir, CHECKPOINT_NAME);
    bool ok = true;
    if (resume && file_exists(path)) {
        *resumed = true;
        ok = modelfile_open(&last, path, err) && config_may_resume(config, last.info.config, path, err);
    }
    const ModelFile *from = *resumed ? &last : NULL;
    ok = ok && read_data(t, from, err) && make_memory(t, choose_precision(config, from), err) &&
         make_parameters(t, from, err);
    if (*resumed && last.gguf) modelfile_close(&last);
    free(path);
    if (ok) t->valid_plan = batches_plan(&t->valid, batch_tokens(config), 0, 0);
    if (ok && check_place(t, err)) return true;
    trainer_free(t);
    return false;
}

void trainer_free(Trainer *t) {
    batches_free(&t->plan);
    batches_free(&t->valid_plan);
    redraw_free(&t->redraw);
    transformer_free(&t->model);
    arena_free(&t->batch);
    arena_free(&t->blocks);
    free(t->flaws);
    pairs_free(&t->train);
    pairs_free(&t->valid);
    corpus_free(&t->valid_corpus);
    if (t->tokenizer) tokenizer_free(t->tokenizer);
    *t = (Trainer){0};
}

size_t trainer_epoch_steps(const Trainer *t) {
    const size_t pieces = (size_t)t->config->accumulate;
    return (t->plan.count + pieces - 1) / pieces;
}

uint64_t trainer_last_step(const Trainer *t) {
    const Config *c = t->config;
    uint64_t last = (uint64_t)c->max_steps;
    if (c->max_epochs) {
        const uint64_t by_epochs = (uint64_t)c->max_epochs * trainer_epoch_steps(t);
        if (!last || by_epochs < last) last = by_epochs;
    }
    return last;
}

static Packed packed_source(const Batch *b) {
    return (Packed){b->sentences, b->source, b->source_start, b->longest_source};
}

static Packed packed_target(const Batch *b) {
    return (Packed){b->sentences, b->target_in, b->target_start, b->longest_target};
}

/* Target tokens of batch `index`. */
static uint64_t target_tokens(const PairSet *pairs, const BatchPlan *plan, size_t index) {
    const BatchRange range = plan->batches[index];
    uint64_t tokens = 0;
    for (size_t i = 0; i < range.count; i++) tokens += pairs_target_length(pairs, plan->order[range.first + i]);
    return tokens;
}

const real *trainer_weights(const Trainer *t) {
    return t->average ? t->average : t->w;
}

StepReport trainer_step(Trainer *t) {
    const Config *c = t->config;
    TrainState *s = &t->state;
    pairs_forget(&t->train); /* of the step before */
    plan_epoch(t);
    const size_t first = s->batch, left = t->plan.count - first;
    const size_t pieces = left < (size_t)c->accumulate ? left : (size_t)c->accumulate;
    const bool redraws = c->bpe_dropout > 0;
    if (redraws) redraw_batches(&t->redraw, &t->train, &t->plan, first, pieces, (uint32_t)s->epoch);
    const PairSet *pairs = redraws ? &t->redraw.pairs : &t->train;
    const BatchPlan *plan = redraws ? &t->redraw.plan : &t->plan;
    const size_t from = redraws ? 0 : first;
    StepReport report = {0};
    for (size_t piece = 0; piece < pieces; piece++) report.tokens += target_tokens(pairs, plan, from + piece);

    const Schedule schedule = config_schedule(c);
    s->step++;
    vector_clear(t->dw, t->model.params.count); /* the one place that clears gradients */
    for (size_t piece = 0; piece < pieces; piece++) {
        Batch batch;
        arena_release(&t->batch, 0);
        batch_fill(&batch, &t->batch, pairs, plan, from + piece);
        batch_drop_words(&batch, c->source_word_dropout, c->target_word_dropout, (uint64_t)c->seed, (uint32_t)s->step,
                         (uint32_t)piece);
        const TransformerStep numbers = {(uint64_t)c->seed, (uint32_t)s->step, (uint32_t)piece};
        Loss loss =
            transformer_train(&t->model, t->w, t->dw, packed_source(&batch), packed_target(&batch), batch.target_out,
                              c->label_smoothing, (real)(1.0 / (double)report.tokens), numbers);
        report.loss += loss.loss;
        report.nll += loss.nll;
    }
    report.norm = adam_norm(t->pool, t->dw, t->model.params.count);
    report.rate = ldexp(schedule_rate(&schedule, s->step), -(int)s->returns);
    report.usual_norm = c->skip_norm > 0 && s->norm_steps >= TRAINER_NORMS ? exp(s->norm_log) : 0;
    report.skipped = !isfinite(report.loss) || !isfinite(report.norm) ||
                     (report.usual_norm > 0 && report.norm > c->skip_norm * report.usual_norm);
    if (report.skipped) {
        s->skipped++;
        s->streak++;
    } else {
        s->streak = 0;
        if (report.norm > 0) {
            s->norm_steps++;
            s->norm_log += (log(report.norm) - s->norm_log) / fmin((double)s->norm_steps, TRAINER_NORMS);
        }
        adam_update(t->pool, &t->model.params, t->w, t->m, t->v, t->dw, s->step - s->skipped, report.rate,
                    adam_clip(report.norm, c->clip_norm), config_adam(c));
        if (t->average)
            average_update(t->pool, t->average, t->w, t->model.params.count, s->step - s->skipped, c->average);
        s->loss_sum += report.loss;
        s->nll_sum += report.nll;
        s->tokens += report.tokens;
    }
    s->batch += pieces;
    if (s->batch == t->plan.count) {
        s->epoch++;
        s->batch = 0;
    }
    return report;
}

Loss trainer_valid_loss(Trainer *t) {
    Loss total = {0, 0};
    for (size_t b = 0; b < t->valid_plan.count; b++) {
        Batch batch;
        arena_release(&t->batch, 0);
        batch_fill(&batch, &t->batch, &t->valid, &t->valid_plan, b);
        Loss loss = transformer_evaluate(&t->model, trainer_weights(t), packed_source(&batch), packed_target(&batch),
                                         batch.target_out, t->config->label_smoothing);
        total.loss += loss.loss;
        total.nll += loss.nll;
    }
    total.loss /= (double)t->valid.target_tokens;
    total.nll /= (double)t->valid.target_tokens;
    return total;
}

bool trainer_save_model(const Trainer *t, Error *err) {
    return checkpoint_write(t, "model.gguf", false, err);
}
bool trainer_save_last(const Trainer *t, Error *err) {
    return checkpoint_write(t, CHECKPOINT_NAME, true, err);
}
