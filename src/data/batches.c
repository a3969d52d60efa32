#include "data/batches.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/ds.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/size.h"
#include "text/tokenizer.h"

/* Pairs whose target lengths fall into the same BUCKET_WIDTH tokens are shuffled among themselves. */
enum { BUCKET_WIDTH = 4 };

/* Where element i goes in the shuffle of Fisher and Yates: one of 0 .. i. The remainder's bias is below 2^-32. */
static size_t shuffle_draw(RngSite site, uint64_t index, size_t i) { return (size_t)(rng_bits(site, index) % (i + 1)); }

static size_t buckets_of(const PairSet *pairs) { return pairs->longest_target / BUCKET_WIDTH + 1; }

/* A pair's two lengths in one number. They are 1 .. 65536, so that one less fits 16 bits. */
static uint32_t pack(size_t source, size_t target) { return (uint32_t)(source - 1) << 16 | (uint32_t)(target - 1); }
static size_t unpack_source(uint32_t lengths) { return (lengths >> 16) + 1; }
static size_t unpack_target(uint32_t lengths) { return (lengths & 0xffff) + 1; }

/* The entries of an epoch: each pair as often as it comes, in the order of the pairs. Writes the lengths of each into
 * the scratch array, so that the random places looked at next are in memory, and those of a mapped file are read in a
 * row; or its pair. Returns how many there are. */
static size_t list_entries(BatchPlan *plan, const PairSet *pairs, uint32_t epoch, bool lengths) {
    const PairPart all = {pairs->count, 1}, *parts = pairs->parts;
    const size_t part_count = stbds_arrlenu(parts);
    size_t entries = 0, pair = 0;
    for (size_t p = 0; p < size_max(part_count, 1); p++) {
        const PairPart *part = part_count ? &parts[p] : &all;
        for (size_t i = 0; i < part->count; i++, pair++) {
            const uint32_t entry =
                lengths ? pack(pairs_source_length(pairs, pair), pairs_target_length(pairs, pair)) : (uint32_t)pair;
            for (size_t times = pairs_times(part->weight, i, epoch); times > 0; times--)
                plan->scratch[entries++] = entry;
            if (lengths && pair % 65536 == 65535) pairs_forget(pairs);
        }
    }
    return entries;
}

/* All entries in random order, then sorted by bucket, each bucket keeping that order: a counting sort, linear in time
 * and without any comparison that could tie. It takes two numbers an entry: scratch has its length, then its place.
 * Returns how many there are. */
static size_t order_entries(BatchPlan *plan, const PairSet *pairs, uint32_t epoch, RngSite site) {
    uint32_t *order = plan->order, *scratch = plan->scratch;
    const size_t entries = list_entries(plan, pairs, epoch, true);
    for (size_t i = 0; i < entries; i++) {
        size_t other = shuffle_draw(site, i, i);
        order[i] = order[other];
        order[other] = (uint32_t)i;
    }
    const size_t buckets = buckets_of(pairs);
    size_t *next = plan->next; /* where the next pair of each bucket goes */
    memset(next, 0, (buckets + 1) * sizeof *next);
    for (size_t i = 0; i < entries; i++) next[unpack_target(scratch[i]) / BUCKET_WIDTH + 1]++;
    for (size_t bucket = 0; bucket < buckets; bucket++) next[bucket + 1] += next[bucket];
    for (size_t i = 0; i < entries; i++) {
        uint32_t *at = &scratch[order[i]];
        *at = (uint32_t)next[unpack_target(*at) / BUCKET_WIDTH]++;
    }
    for (size_t i = 0; i < entries; i++) order[scratch[i]] = (uint32_t)i;
    return entries;
}

void batches_plan_again(BatchPlan *plan, const PairSet *pairs, size_t max_tokens, uint64_t seed, uint32_t epoch) {
    RngSite site = {seed, epoch, RNG_SITE_SHUFFLE};
    const size_t entries = order_entries(plan, pairs, epoch, site);
    list_entries(plan, pairs, epoch, true);
    plan->count = 0;
    BatchRange batch = {0};
    size_t source = 0, target = 0; /* tokens of the batch so far */
    for (size_t i = 0; i < entries; i++) {
        const uint32_t lengths = plan->scratch[plan->order[i]];
        const size_t more_source = unpack_source(lengths), more_target = unpack_target(lengths);
        if (batch.count > 0 && (target + more_target > max_tokens || source + more_source > 2 * max_tokens)) {
            plan->batches[plan->count++] = batch;
            batch = (BatchRange){(uint32_t)i, 0};
            source = target = 0;
        }
        batch.count++;
        source += more_source;
        target += more_target;
    }
    if (batch.count > 0) plan->batches[plan->count++] = batch;
    for (size_t i = 0; i < plan->count; i++) {
        size_t other = shuffle_draw(site, entries + i, i);
        batch = plan->batches[i];
        plan->batches[i] = plan->batches[other];
        plan->batches[other] = batch;
    }
    list_entries(plan, pairs, epoch, false);
    for (size_t i = 0; i < entries; i++) plan->order[i] = plan->scratch[plan->order[i]];
}

BatchPlan batches_plan(const PairSet *pairs, size_t max_tokens, uint64_t seed, uint32_t epoch) {
    const uint64_t most = pairs_most(pairs);
    CHECK(most <= UINT32_MAX, "pairs are numbered with 32 bits");
    CHECK(max_tokens >= 1 && max_tokens <= (size_t)1 << 29, "tokens of a batch are numbered with 32 bits");
    BatchPlan plan = {.batches = memory_new((size_t)most, sizeof *plan.batches),
                      .order = memory_new((size_t)most, sizeof *plan.order),
                      .scratch = memory_new((size_t)most, sizeof *plan.scratch),
                      .next = memory_new(buckets_of(pairs) + 1, sizeof *plan.next)};
    batches_plan_again(&plan, pairs, max_tokens, seed, epoch);
    return plan;
}

void batches_free(BatchPlan *plan) {
    free(plan->batches);
    free(plan->order);
    free(plan->scratch);
    free(plan->next);
    *plan = (BatchPlan){0};
}

static size_t at_most(size_t count, double times, size_t limit) {
    const double product = (double)count * times;
    return product < (double)limit ? (size_t)product : limit;
}

/* Each sentence has at least one token, its </s>. */
BatchLimits batches_limits(const PairSet *pairs, size_t max_tokens) {
    const size_t source = size_max(2 * max_tokens, pairs->longest_source);
    const size_t target = size_max(max_tokens, pairs->longest_target);
    double times = 1; /* that any pair comes in an epoch */
    for (size_t i = 0; i < stbds_arrlenu(pairs->parts); i++) times = fmax(times, ceil(pairs->parts[i].weight));
    return (BatchLimits){.sentences = at_most(pairs->count, times, max_tokens),
                         .source_tokens = at_most(pairs->source_tokens, times, source),
                         .target_tokens = at_most(pairs->target_tokens, times, target),
                         .longest_source = pairs->longest_source,
                         .longest_target = pairs->longest_target};
}

BatchLimits batches_limits_of_copies(BatchLimits limits, size_t copies) {
    limits.sentences *= copies;
    limits.source_tokens *= copies;
    limits.target_tokens *= copies;
    return limits;
}

uint64_t batch_bytes(const BatchLimits *limits) {
    Arena arena = arena_measure();
    for (int side = 0; side < 2; side++) arena_push(&arena, limits->sentences + 1, sizeof(uint32_t));
    arena_push(&arena, limits->source_tokens, sizeof(int32_t));
    for (int use = 0; use < 2; use++) arena_push(&arena, limits->target_tokens, sizeof(int32_t));
    return arena_mark(&arena);
}

void batch_fill(Batch *batch, Arena *arena, const PairSet *pairs, const BatchPlan *plan, size_t index, size_t copies) {
    CHECK(index < plan->count, "a batch of the plan");
    const uint32_t *order = plan->order + plan->batches[index].first;
    const size_t pairs_here = plan->batches[index].count, sentences = copies * pairs_here;
    *batch = (Batch){.sentences = sentences};

    uint32_t *source_start = arena_push(arena, sentences + 1, sizeof *source_start);
    uint32_t *target_start = arena_push(arena, sentences + 1, sizeof *target_start);
    source_start[0] = target_start[0] = 0;
    for (size_t b = 0; b < sentences; b++) {
        const uint32_t pair = order[b % pairs_here];
        size_t source_length = pairs_source_length(pairs, pair), target_length = pairs_target_length(pairs, pair);
        source_start[b + 1] = source_start[b] + (uint32_t)source_length;
        target_start[b + 1] = target_start[b] + (uint32_t)target_length;
        batch->longest_source = size_max(batch->longest_source, source_length);
        batch->longest_target = size_max(batch->longest_target, target_length);
    }

    int32_t *source = arena_push(arena, source_start[sentences], sizeof *source);
    int32_t *target_in = arena_push(arena, target_start[sentences], sizeof *target_in);
    int32_t *target_out = arena_push(arena, target_start[sentences], sizeof *target_out);
    for (size_t b = 0; b < sentences; b++) {
        const uint16_t *tokens = pairs->tokens + pairs->start[2 * (size_t)order[b % pairs_here]];
        for (uint32_t i = source_start[b]; i < source_start[b + 1]; i++) source[i] = *tokens++;
        for (uint32_t i = target_start[b]; i < target_start[b + 1]; i++) {
            target_in[i] = i == target_start[b] ? TOKEN_BEGIN : target_out[i - 1];
            target_out[i] = *tokens++;
        }
    }
    batch->source = source;
    batch->source_start = source_start;
    batch->target_in = target_in;
    batch->target_out = target_out;
    batch->target_start = target_start;
}
