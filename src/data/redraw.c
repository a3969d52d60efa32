#include "data/redraw.h"

#include <string.h>

#include "base/ds.h"
#include "base/memory.h"
#include "base/size.h"

static size_t with_room(size_t tokens, double rate) {
    return (size_t)((double)tokens * (1 + 6 * rate));
}

Redraw redraw_create(const Tokenizer *tokenizer, double rate, uint64_t seed, const BatchLimits *plain,
                     size_t max_length, size_t batches) {
    Redraw r = {.tokenizer = tokenizer, .rate = rate, .seed = seed};
    r.limits = (BatchLimits){.sentences = plain->sentences,
                             .source_tokens = with_room(plain->source_tokens, rate),
                             .target_tokens = with_room(plain->target_tokens, rate),
                             .longest_source = max_length,
                             .longest_target = max_length};
    const size_t pairs = batches * plain->sentences;
    const size_t bytes = size_max(plain->longest_source, plain->longest_target) * TOKEN_LONGEST; /* of a sentence */
    r.pairs.tokens = r.tokens =
        memory_new(batches * (r.limits.source_tokens + r.limits.target_tokens), sizeof *r.tokens);
    r.pairs.start = r.start = memory_new(2 * pairs + 1, sizeof *r.start);
    r.plan.batches = memory_new(batches, sizeof *r.plan.batches);
    r.plan.order = memory_new(pairs, sizeof *r.plan.order);
    for (size_t i = 0; i < pairs; i++) r.plan.order[i] = (uint32_t)i;
    stbds_arrsetcap(r.ids, bytes + 1);
    stbds_arrsetcap(r.text, bytes + 1);
    stbds_arrsetcap(r.scratch, bytes + 1);
    return r;
}

void redraw_free(Redraw *r) {
    free(r->tokens);
    free(r->start);
    free(r->plan.batches);
    free(r->plan.order);
    stbds_arrfree(r->ids);
    stbds_arrfree(r->text);
    stbds_arrfree(r->scratch);
    *r = (Redraw){0};
}

/* New tokens for one side of a pair, or the plain ones when there would be more than `most`; returns how many. */
static size_t redraw_side(Redraw *r, uint16_t *out, const uint16_t *plain, size_t length, size_t most, RngSite site,
                          uint32_t pair) {
    stbds_arrsetlen(r->ids, length);
    for (size_t i = 0; i < length; i++) r->ids[i] = plain[i];
    stbds_arrsetlen(r->text, 0);
    tokenizer_decode(r->tokenizer, &r->text, r->ids, length);
    stbds_arrsetlen(r->ids, 0);
    tokenizer_encode_dropout(r->tokenizer, &r->ids, &r->scratch, r->text, stbds_arrlenu(r->text), r->rate, site, pair);
    stbds_arrput(r->ids, TOKEN_END);
    const size_t count = stbds_arrlenu(r->ids);
    if (count > most) {
        memcpy(out, plain, length * sizeof *out);
        return length;
    }
    for (size_t i = 0; i < count; i++) out[i] = (uint16_t)r->ids[i];
    return count;
}

void redraw_batches(Redraw *r, const PairSet *pairs, const BatchPlan *plan, size_t first, size_t count,
                    uint32_t epoch) {
    r->plan.count = count;
    r->pairs.count = 0;
    r->start[0] = 0;
    size_t *end = r->start; /* of the tokens so far */
    for (size_t i = 0; i < count; i++) {
        const BatchRange range = plan->batches[first + i];
        const uint32_t *order = plan->order + range.first;
        size_t spare[2] = {r->limits.source_tokens, r->limits.target_tokens}; /* room beyond the plain tokens */
        for (size_t b = 0; b < range.count; b++) {
            spare[0] -= pairs_source_length(pairs, order[b]);
            spare[1] -= pairs_target_length(pairs, order[b]);
        }
        for (size_t b = 0; b < range.count; b++)
            for (size_t side = 0; side < 2; side++, end++) {
                const size_t *start = pairs->start + 2 * (size_t)order[b] + side, length = start[1] - start[0];
                const size_t room = length + spare[side], longest = r->limits.longest_source;
                const RngSite site = {r->seed, epoch, RNG_SITE_MERGES + (uint32_t)side};
                const size_t drawn = redraw_side(r, r->tokens + end[0], pairs->tokens + start[0], length,
                                                 room < longest ? room : longest, site, order[b]);
                spare[side] = room - drawn;
                end[1] = end[0] + drawn;
            }
        r->plan.batches[i] = (BatchRange){(uint32_t)r->pairs.count, range.count};
        r->pairs.count += range.count;
    }
}
