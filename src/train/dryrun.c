#include "train/dryrun.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "base/memory.h"
#include "base/size.h"
#include "base/terminal.h"
#include "train/measure.h"

enum { SENTENCES = 16, STEPS_MOST = 50, STEPS_LEAST = 3 };
static const double SECONDS = 3; /* of steps */

static LengthStats length_stats(const PairSet *pairs, bool target) {
    const size_t longest = target ? pairs->longest_target : pairs->longest_source;
    size_t *count = memory_new(longest + 1, sizeof *count), seen = 0;
    for (size_t i = 0; i < pairs->count; i++) {
        count[target ? pairs_target_length(pairs, i) : pairs_source_length(pairs, i)]++;
        if (i % 65536 == 65535) pairs_forget(pairs);
    }
    LengthStats stats = {.most = longest};
    stats.mean = (double)(target ? pairs->target_tokens : pairs->source_tokens) / (double)pairs->count;
    for (size_t length = 0; length <= longest; length++) {
        const double before = (double)seen / (double)pairs->count;
        seen += count[length];
        const double share = (double)seen / (double)pairs->count;
        if (seen > 0 && before <= 0) stats.least = length;
        if (before < 0.5 && share >= 0.5) stats.half = length;
        if (before < 0.9 && share >= 0.9) stats.ninety = length;
        if (before < 0.99 && share >= 0.99) stats.ninety_nine = length;
    }
    free(count);
    return stats;
}

/* The batch that has the pair with the longest target. */
static size_t longest_batch(const Trainer *t) {
    size_t batch = 0, longest = 0;
    for (size_t b = 0; b < t->plan.count; b++) {
        const BatchRange range = t->plan.batches[b];
        for (size_t i = 0; i < range.count; i++) {
            const size_t length = pairs_target_length(&t->data.train, t->plan.order[range.first + i]);
            if (length > longest) batch = b, longest = length;
        }
    }
    return batch;
}

/* A step that has the batch. */
static double try_step(Trainer *t, size_t batch) {
    const size_t each = trainer_step_batches(t->config);
    const double began = terminal_seconds();
    trainer_step_from(t, batch / each * each);
    return terminal_seconds() - began;
}

static double step_seconds(Trainer *t) {
    double total = 0;
    int steps = 0;
    try_step(t, longest_batch(t)); /* the first one is slower: memory is touched for the first time */
    while (steps < STEPS_LEAST || (steps < STEPS_MOST && total < SECONDS)) {
        const double place = 0.6180339887498949 * ++steps; /* spreads evenly, however many there will be */
        total += try_step(t, (size_t)((place - (double)(int)place) * (double)t->plan.count));
    }
    return total / steps;
}

/* How much shorter translations will be than now. Before training, nearly all of them reach the limit; later they are
 * about as long as the targets are. */
static double shortening(const DryRun *dry, const Trainer *t) {
    const size_t length = (size_t)(dry->source.mean + 0.5);
    const double limit = (double)search_limit(&t->decode, &t->model.params.hyper, length, (SearchPlace){.text = 0});
    const bool untrained = dry->steps == dry->last && !t->config->start.gguf;
    return untrained && dry->target.mean < limit ? dry->target.mean / limit : 1;
}

static bool validation_seconds(double *seconds, const DryRun *dry, Trainer *t, Error *err) {
    const Config *c = t->config;
    Measured measured;
    double began = terminal_seconds();
    trainer_valid_loss(t);
    *seconds = terminal_seconds() - began;
    if (c->translate == 0) return true;
    const size_t sentences = trainer_valid_sentences(t);
    const size_t tried = size_min(sentences, SENTENCES);
    began = terminal_seconds();
    if (!measure_translations(t, tried, &measured, err)) return false;
    *seconds += (terminal_seconds() - began) * (double)sentences / (double)tried * shortening(dry, t);
    return true;
}

bool dryrun_measure(DryRun *dry, Trainer *t, Error *err) {
    const uint64_t last = trainer_last_step(t), step = t->state.step, every = t->config->every_steps;
    *dry = (DryRun){.source = length_stats(&t->data.train, false), .target = length_stats(&t->data.train, true)};
    dry->last = last;
    dry->steps = last > step ? last - step : 0;
    dry->validations = dry->steps ? last / every - step / every + (last % every != 0) : 0;
    dry->validations += dry->steps && step == 0 && t->config->start.gguf; /* of the model that it starts from */
    dry->step_seconds = step_seconds(t);
    if (!validation_seconds(&dry->validation_seconds, dry, t, err)) return false;
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) == 0) dry->memory = (size_t)usage.ru_maxrss * 1024;
    return true;
}
