#include "data/batches.h"

#include <stdlib.h>

#include "base/ds.h"
#include "base/rng.h"
#include "testlib.h"

/* Pairs of random lengths 1 .. longest on either side, </s> included. Token values tell pair and place. */
static PairSet random_pairs(size_t count, size_t longest) {
    PairSet pairs = {.count = count};
    RngSite site = {11, 0, 0};
    stbds_arrput(pairs.start, 0);
    for (size_t i = 0; i < 2 * count; i++) {
        size_t length = 1 + rng_bits(site, i) % longest;
        for (size_t k = 0; k + 1 < length; k++) stbds_arrput(pairs.tokens, (uint16_t)(2 + (31 * i + k) % 60000));
        stbds_arrput(pairs.tokens, TOKEN_END);
        stbds_arrput(pairs.start, stbds_arrlenu(pairs.tokens));
        size_t *most = i % 2 ? &pairs.longest_target : &pairs.longest_source;
        if (length > *most) *most = length;
        *(i % 2 ? &pairs.target_tokens : &pairs.source_tokens) += length;
    }
    return pairs;
}

static bool every_pair_once(const PairSet *pairs, const BatchPlan *plan) {
    unsigned char *seen = calloc(pairs->count + 1, 1);
    bool good = true;
    for (size_t i = 0; i < plan->count; i++) {
        good = good && plan->batches[i].count > 0;
        for (size_t k = 0; good && k < plan->batches[i].count; k++) {
            size_t at = plan->batches[i].first + k;
            good = at < pairs->count && plan->order[at] < pairs->count && !seen[plan->order[at]]++;
        }
    }
    for (size_t i = 0; i < pairs->count; i++) good = good && seen[i] == 1;
    free(seen);
    return good;
}

static void test_every_pair_once(void) {
    for (size_t count = 1; count < 1000; count = 3 * count + 1) {
        PairSet pairs = random_pairs(count, 30);
        for (uint32_t epoch = 0; epoch < 5; epoch++) {
            BatchPlan plan = batches_plan(&pairs, 100, 1, epoch);
            EXPECT(every_pair_once(&pairs, &plan));
            batches_free(&plan);
        }
        pairs_free(&pairs);
    }
}

/* An epoch takes a pair as often as its weight says, over the epochs as evenly as can be. */
static void test_weights(void) {
    static const PairPart parts[] = {{300, 0.1}, {1, 1}, {200, 2}, {250, 1.5}, {40, 0.37}};
    enum { EPOCHS = 30, PAIRS = 791, MOST = 100 };
    PairSet pairs = random_pairs(PAIRS, 30);
    unsigned seen[PAIRS] = {0};
    for (size_t i = 0; i < COUNT(parts); i++) stbds_arrput(pairs.parts, parts[i]);
    const BatchLimits limits = batches_limits(&pairs, MOST);
    BatchPlan plan = batches_plan(&pairs, MOST, 1, 0);
    size_t first = 0;
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        batches_plan_again(&plan, &pairs, MOST, 1, epoch);
        size_t total = 0;
        for (size_t i = 0; i < plan.count; i++) {
            const BatchRange range = plan.batches[i];
            size_t source = 0, target = 0;
            for (size_t k = 0; k < range.count; k++) {
                const uint32_t pair = plan.order[range.first + k];
                EXPECT(pair < PAIRS);
                if (pair >= PAIRS) break;
                seen[pair]++;
                source += pairs_source_length(&pairs, pair);
                target += pairs_target_length(&pairs, pair);
            }
            EXPECT(target <= MOST && source <= 2 * MOST && range.count <= limits.sentences);
            total += range.count;
        }
        EXPECT(total <= pairs_most(&pairs) && total + 6 >= pairs_most(&pairs));
        first = 0;
        for (size_t i = 0; i < COUNT(parts); first += parts[i++].count) {
            const double wanted = parts[i].weight * (epoch + 1);
            for (size_t k = first; k < first + parts[i].count; k++)
                if (fabs(seen[k] - wanted) > 0.9999) TEST_FAIL("epoch %u, pair %zu came %u times", epoch, k, seen[k]);
        }
    }
    EXPECT_INT(first, PAIRS);
    batches_free(&plan);
    pairs_free(&pairs);
}

static void test_limits_are_kept(void) {
    PairSet pairs = random_pairs(2000, 30);
    static const size_t sizes[] = {1, 29, 64, 100, 1000, 1 << 20};
    for (size_t k = 0; k < COUNT(sizes); k++) {
        BatchPlan plan = batches_plan(&pairs, sizes[k], 5, 2);
        BatchLimits limits = batches_limits(&pairs, sizes[k]);
        EXPECT(every_pair_once(&pairs, &plan));
        size_t total = 0;
        for (size_t i = 0; i < plan.count; i++) {
            size_t source = 0, target = 0;
            for (size_t b = 0; b < plan.batches[i].count; b++) {
                uint32_t pair = plan.order[plan.batches[i].first + b];
                source += pairs_source_length(&pairs, pair);
                target += pairs_target_length(&pairs, pair);
            }
            bool fits = target <= sizes[k] && source <= 2 * sizes[k];
            if (!fits && plan.batches[i].count > 1) TEST_FAIL("a batch of %zu and %zu tokens", source, target);
            EXPECT(plan.batches[i].count <= limits.sentences);
            EXPECT(source <= limits.source_tokens && target <= limits.target_tokens);
            total += target;
        }
        EXPECT_INT(total, pairs.target_tokens);
        /* Batches are well filled: cut where the next pair would not fit. */
        if (sizes[k] >= 100 && plan.count > 1) EXPECT((double)total / (double)plan.count > 0.6 * (double)sizes[k]);
        if (sizes[k] == 1 << 20) EXPECT_INT(plan.count, 1);
        batches_free(&plan);
    }
    pairs_free(&pairs);
}

static bool same_plan(const PairSet *pairs, const BatchPlan *a, const BatchPlan *b) {
    return a->count == b->count && memcmp(a->batches, b->batches, a->count * sizeof *a->batches) == 0 &&
           memcmp(a->order, b->order, pairs->count * sizeof *a->order) == 0;
}

static void test_order_follows_seed_and_epoch(void) {
    PairSet pairs = random_pairs(500, 20);
    BatchPlan plan = batches_plan(&pairs, 60, 7, 3), again = batches_plan(&pairs, 60, 7, 3);
    BatchPlan next = batches_plan(&pairs, 60, 7, 4), other = batches_plan(&pairs, 60, 8, 3);
    EXPECT(same_plan(&pairs, &plan, &again));
    EXPECT(!same_plan(&pairs, &plan, &next));
    EXPECT(!same_plan(&pairs, &plan, &other));
    batches_plan_again(&again, &pairs, 60, 7, 4);
    EXPECT(same_plan(&pairs, &next, &again));
    size_t moved = 0, rising = 0;
    for (size_t i = 0; i < pairs.count; i++) moved += plan.order[i] != next.order[i];
    EXPECT(moved > pairs.count * 3 / 4);
    for (size_t i = 1; i < plan.count; i++) rising += plan.batches[i].first > plan.batches[i - 1].first;
    EXPECT(rising > plan.count / 4 && rising < plan.count * 3 / 4); /* batches are not in order of length */
    batches_free(&plan);
    batches_free(&again);
    batches_free(&next);
    batches_free(&other);
    pairs_free(&pairs);
}

static void test_lengths_stay_together(void) {
    PairSet pairs = random_pairs(3000, 40);
    BatchPlan plan = batches_plan(&pairs, 200, 1, 0);
    size_t spread = 0;
    for (size_t i = 0; i < plan.count; i++) {
        size_t shortest = SIZE_MAX, longest = 0;
        for (size_t b = 0; b < plan.batches[i].count; b++) {
            size_t length = pairs_target_length(&pairs, plan.order[plan.batches[i].first + b]);
            if (length < shortest) shortest = length;
            if (length > longest) longest = length;
        }
        spread += longest - shortest;
        if (longest - shortest > 7) TEST_FAIL("lengths %zu to %zu in one batch", shortest, longest);
    }
    EXPECT(spread > 0);
    batches_free(&plan);
    pairs_free(&pairs);
}

/* Over many epochs each pair is equally often at each place of its bucket. */
static void test_shuffle_is_fair(void) {
    enum { COUNT = 8, EPOCHS = 4000 };
    PairSet pairs = random_pairs(COUNT, 3); /* one bucket */
    int places[COUNT][COUNT] = {0};
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        BatchPlan plan = batches_plan(&pairs, 1000, 99, epoch);
        for (size_t i = 0; i < COUNT; i++) places[plan.order[i]][i]++;
        batches_free(&plan);
    }
    for (size_t pair = 0; pair < COUNT; pair++)
        for (size_t i = 0; i < COUNT; i++) EXPECT_NEAR(places[pair][i], EPOCHS / COUNT, 110); /* 5 deviations */
    pairs_free(&pairs);
}

/* copies: how often the sentences of a batch are there. */
static void check_packed_rows(size_t copies) {
    PairSet pairs = random_pairs(300, 12);
    BatchPlan plan = batches_plan(&pairs, 50, 2, 1);
    const BatchLimits limits = batches_limits_of_copies(batches_limits(&pairs, 50), copies);
    Arena arena;
    Error err;
    EXPECT(arena_create(&arena, batch_bytes(&limits), &err));
    for (size_t i = 0; i < plan.count; i++) {
        Batch batch;
        batch_fill(&batch, &arena, &pairs, &plan, i, copies);
        size_t longest_source = 0, longest_target = 0;
        const size_t once = plan.batches[i].count;
        EXPECT_INT(batch.sentences, copies * once);
        EXPECT(batch.sentences <= limits.sentences);
        EXPECT(batch.source_start[copies * once] <= limits.source_tokens);
        EXPECT(batch.target_start[copies * once] <= limits.target_tokens);
        EXPECT(batch.source_start[0] == 0 && batch.target_start[0] == 0);
        for (size_t b = 0; b < batch.sentences; b++) {
            size_t pair = plan.order[plan.batches[i].first + b % once];
            const uint16_t *source = pairs.tokens + pairs.start[2 * pair];
            const uint16_t *target = pairs.tokens + pairs.start[2 * pair + 1];
            size_t source_length = pairs_source_length(&pairs, pair), target_length = pairs_target_length(&pairs, pair);
            EXPECT_INT(batch.source_start[b + 1] - batch.source_start[b], source_length);
            EXPECT_INT(batch.target_start[b + 1] - batch.target_start[b], target_length);
            for (size_t k = 0; k < source_length; k++) EXPECT_INT(batch.source[batch.source_start[b] + k], source[k]);
            for (size_t k = 0; k < target_length; k++) {
                EXPECT_INT(batch.target_out[batch.target_start[b] + k], target[k]);
                EXPECT_INT(batch.target_in[batch.target_start[b] + k], k == 0 ? TOKEN_BEGIN : target[k - 1]);
            }
            if (source_length > longest_source) longest_source = source_length;
            if (target_length > longest_target) longest_target = target_length;
        }
        EXPECT_INT(batch.longest_source, longest_source);
        EXPECT_INT(batch.longest_target, longest_target);
        EXPECT(longest_source <= limits.longest_source && longest_target <= limits.longest_target);
        arena_release(&arena, 0);
    }
    arena_free(&arena);
    batches_free(&plan);
    pairs_free(&pairs);
}
static void test_packed_rows(void) {
    check_packed_rows(1);
    check_packed_rows(2);
}

static void test_no_pairs(void) {
    PairSet pairs = random_pairs(0, 1);
    BatchPlan plan = batches_plan(&pairs, 50, 2, 1);
    EXPECT_INT(plan.count, 0);
    batches_free(&plan);
    pairs_free(&pairs);
}

int main(void) {
    RUN(test_every_pair_once);
    RUN(test_weights);
    RUN(test_limits_are_kept);
    RUN(test_order_follows_seed_and_epoch);
    RUN(test_lengths_stay_together);
    RUN(test_shuffle_is_fair);
    RUN(test_packed_rows);
    RUN(test_no_pairs);
    return test_finish();
}
