/* Batches redrawn with BPE-dropout: the same texts, within the limits, a function of seed, epoch, pair and side. */
#include "data/redraw.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/ds.h"
#include "base/rng.h"
#include "testlib.h"
#include "text/bpe_train.h"

enum { MAX_LENGTH = 40, MAX_TOKENS = 150 };

static Tokenizer *tokenizer;
static PairSet pairs;
static BatchPlan plan;
static BatchLimits plain;

/* 300 pairs of 1 to 12 words each; `words` different ones. Short words with many of them, or a few long ones. */
static void world(size_t words, size_t syllables) {
    char path[4096];
    test_temporary(path, sizeof path);
    FILE *file = fdopen(mkstemp(path), "w");
    for (uint32_t i = 0; file && i < 600; i++) {
        const RngSite site = {1, i, 0};
        for (uint64_t w = 0; w < 1 + rng_bits(site, 0) % 12; w++) {
            const RngSite word = {2, (uint32_t)(rng_bits(site, w + 1) % words), 0};
            fputs(w ? " " : "", file);
            for (uint64_t s = 0; s < syllables; s++)
                fprintf(file, "%c%c", "bdkt"[rng_bits(word, s) % 4], "aeiou"[s % 5]);
        }
        fputc(i % 2 ? '\n' : '\t', file);
    }
    Error err = {"mkstemp"};
    Corpus corpus = {0};
    const CorpusRules rules = {.max_length = MAX_LENGTH};
    CorpusReader *reader = NULL;
    if (!file || fclose(file) != 0 || !(reader = corpus_open(path, NULL, rules, &err)) ||
        !corpus_next(reader, &corpus, 1000, &pairs.report, &err))
        TEST_FAIL("%s: %s", path, err.text);
    corpus_close(reader);
    remove(path);
    const Normalisation how = {true, true, true};
    BpeTrainer *trainer = bpe_train_create(how);
    for (size_t i = 0; i < corpus.count; i++) {
        const Text source = corpus_source(&corpus, i), target = corpus_target(&corpus, i, 0);
        bpe_train_add(trainer, source.bytes, source.length);
        bpe_train_add(trainer, target.bytes, target.length);
    }
    uint32_t *merges = bpe_train_finish(trainer, 600);
    tokenizer = tokenizer_create(merges, stbds_arrlenu(merges) / 2, how, &err);
    stbds_arrfree(merges);
    Pool *pool = pool_create(1, &err);
    pairs_add(&pairs, pool, &corpus, tokenizer, rules);
    pool_free(pool);
    corpus_free(&corpus);
    plan = batches_plan(&pairs, MAX_TOKENS, 1, 0);
    plain = batches_limits(&pairs, MAX_TOKENS);
    EXPECT(pairs.count == 300 && plan.count > 5);
}

static void world_end(void) {
    batches_free(&plan);
    pairs_free(&pairs);
    tokenizer_free(tokenizer);
}

static char *text_of(const PairSet *set, size_t pair, size_t side) {
    const size_t *start = set->start + 2 * pair + side;
    int32_t *ids = NULL;
    char *text = NULL;
    for (size_t i = start[0]; i < start[1]; i++) stbds_arrput(ids, set->tokens[i]);
    EXPECT(start[1] > start[0] && set->tokens[start[1] - 1] == TOKEN_END);
    tokenizer_decode(tokenizer, &text, ids, stbds_arrlenu(ids));
    stbds_arrput(text, 0);
    stbds_arrfree(ids);
    return text;
}

/* Whether one side has the tokens that dropout gives it, the plain ones, or others. */
enum { DRAWN = 1, PLAIN = 2 };
static int kind_of(const Redraw *r, size_t at, uint32_t pair, uint32_t side, uint32_t epoch) {
    const size_t *was = pairs.start + 2 * (size_t)pair + side, *is = r->pairs.start + 2 * at + side;
    const size_t length = is[1] - is[0];
    const uint16_t *tokens = r->pairs.tokens + is[0];
    int kind = length == was[1] - was[0] && memcmp(tokens, pairs.tokens + was[0], 2 * length) == 0 ? PLAIN : 0;
    char *text = text_of(&pairs, pair, side), *scratch = NULL;
    int32_t *ids = NULL;
    tokenizer_encode_dropout(tokenizer, &ids, &scratch, text, strlen(text), r->rate,
                             (RngSite){r->seed, epoch, RNG_SITE_MERGES + side}, pair);
    bool drawn = stbds_arrlenu(ids) + 1 == length;
    for (size_t i = 0; drawn && i + 1 < length; i++) drawn = ids[i] == tokens[i];
    stbds_arrfree(ids);
    stbds_arrfree(text);
    stbds_arrfree(scratch);
    return kind | (drawn ? DRAWN : 0);
}

/* Every batch has its pairs with their texts, keeps to the limits, and takes no sentence plain that has room. Returns
 * how many sides kept plain tokens for want of room. */
static size_t check_epoch(double rate, uint32_t epoch, size_t at_once, size_t *tokens) {
    Redraw r = redraw_create(tokenizer, rate, 7, &plain, MAX_LENGTH, at_once);
    size_t refused = 0;
    *tokens = 0;
    for (size_t first = 0; first < plan.count; first += at_once) {
        const size_t count = plan.count - first < at_once ? plan.count - first : at_once;
        redraw_batches(&r, &pairs, &plan, first, count, epoch);
        EXPECT_INT(r.plan.count, count);
        for (size_t i = 0; i < count; i++) {
            const BatchRange was = plan.batches[first + i], is = r.plan.batches[i];
            size_t total[2] = {0, 0};
            EXPECT_INT(is.count, was.count);
            for (size_t b = 0; b < is.count; b++)
                for (uint32_t side = 0; side < 2; side++) {
                    const uint32_t pair = plan.order[was.first + b], at = r.plan.order[is.first + b];
                    char *x = text_of(&pairs, pair, side), *y = text_of(&r.pairs, at, side);
                    EXPECT_STR(y, x);
                    stbds_arrfree(x);
                    stbds_arrfree(y);
                    const int kind = kind_of(&r, at, pair, side, epoch);
                    EXPECT(kind != 0);
                    refused += kind == PLAIN;
                    const size_t *start = r.pairs.start + 2 * (size_t)at + side;
                    EXPECT(start[1] - start[0] <= MAX_LENGTH);
                    total[side] += start[1] - start[0];
                }
            EXPECT(total[0] <= r.limits.source_tokens && total[1] <= r.limits.target_tokens);
            *tokens += total[0] + total[1];
        }
    }
    redraw_free(&r);
    return refused;
}

static void test_epochs(void) {
    world(80, 3);
    size_t before = pairs.source_tokens + pairs.target_tokens, tokens;
    static const double rates[] = {0.01, 0.05, 0.1, 0.2};
    for (size_t i = 0; i < 4; i++) {
        const size_t refused = check_epoch(rates[i], (uint32_t)i, 1 + i, &tokens);
        EXPECT(refused <= 20); /* the longest sentences only */
        EXPECT(tokens > before);
        before = tokens;
    }
    world_end();
}

/* Words of 30 letters that are one token: little room for their letters, in a sentence as in a batch. */
static void test_no_room(void) {
    world(8, 15);
    size_t tokens;
    EXPECT(check_epoch(0.9, 0, 2, &tokens) > 100);
    EXPECT(check_epoch(0.3, 0, 3, &tokens) > 100);
    world_end();
}

/* The same batch, whatever was redrawn before or beside it; others in another epoch and of another seed. */
static void test_function_of_epoch_and_pair(void) {
    world(80, 3);
    Redraw r = redraw_create(tokenizer, 0.2, 7, &plain, MAX_LENGTH, 3);
    Redraw alone = redraw_create(tokenizer, 0.2, 7, &plain, MAX_LENGTH, 1);
    Redraw other = redraw_create(tokenizer, 0.2, 8, &plain, MAX_LENGTH, 1);
    redraw_batches(&r, &pairs, &plan, 1, 3, 5);
    redraw_batches(&alone, &pairs, &plan, 0, 1, 9);
    size_t first = 0, bytes;
    for (size_t i = 0; i < 3; i++) {
        const size_t count = r.plan.batches[i].count, end = 2 * (r.plan.batches[i].first + count);
        redraw_batches(&alone, &pairs, &plan, 1 + i, 1, 5);
        EXPECT_INT(alone.pairs.start[2 * count], r.pairs.start[end] - first);
        bytes = alone.pairs.start[2 * count] * sizeof(uint16_t);
        EXPECT(memcmp(alone.pairs.tokens, r.pairs.tokens + first, bytes) == 0);
        redraw_batches(&other, &pairs, &plan, 1 + i, 1, 5);
        EXPECT(memcmp(other.pairs.tokens, r.pairs.tokens + first, bytes) != 0);
        redraw_batches(&alone, &pairs, &plan, 1 + i, 1, 6);
        EXPECT(memcmp(alone.pairs.tokens, r.pairs.tokens + first, bytes) != 0);
        first = r.pairs.start[end];
    }
    redraw_free(&r);
    redraw_free(&alone);
    redraw_free(&other);
    world_end();
}

/* Redrawn batches are filled in the memory that the limits say. */
static void test_filling(void) {
    world(8, 15);
    Redraw r = redraw_create(tokenizer, 0.5, 7, &plain, MAX_LENGTH, 2);
    Arena arena;
    Error err;
    EXPECT(arena_create(&arena, batch_bytes(&r.limits), &err));
    for (size_t first = 0; first + 1 < plan.count; first += 2) {
        redraw_batches(&r, &pairs, &plan, first, 2, 0);
        for (size_t i = 0; i < 2; i++) {
            Batch batch;
            arena_release(&arena, 0);
            batch_fill(&batch, &arena, &r.pairs, &r.plan, i);
            EXPECT_INT(batch.sentences, plan.batches[first + i].count);
            size_t target = 0;
            for (size_t b = 0; b < batch.sentences; b++)
                target += pairs_target_length(&r.pairs, r.plan.batches[i].first + b);
            EXPECT_INT(batch.target_start[batch.sentences], target);
            EXPECT(batch.longest_source <= r.limits.longest_source && batch.longest_target <= r.limits.longest_target);
        }
    }
    arena_free(&arena);
    redraw_free(&r);
    world_end();
}

int main(void) {
    RUN(test_epochs);
    RUN(test_no_room);
    RUN(test_function_of_epoch_and_pair);
    RUN(test_filling);
    return test_finish();
}
