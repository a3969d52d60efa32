#include "decode/search_options.h"

#include <math.h>

#include "base/rng.h"
#include "base/size.h"
#include "math/vector.h"
#include "text/tokenizer.h"

const Field search_fields[] = {
    ROW_INTEGER("decode.beam", SearchOptions, beam, "4", 1, SEARCH_MAX_BEAM,
                "how many drafts the search keeps at each step; 1: only the best, which is greedy search"),
    ROW_REAL("decode.length_alpha", SearchOptions, length_alpha, "1", 0, 10,
             "drafts are compared by log probability / length ^ length_alpha"),
    ROW_REAL("decode.max_ratio", SearchOptions, max_ratio, "2", 0, 1000,
             "a translation has at most max_ratio times the tokens of its source, ..."),
    ROW_INTEGER("decode.max_extra", SearchOptions, max_extra, "auto", 0, HYPER_MAX_LENGTH,
                "... and max_extra more; auto: 10 more than the longest training pair needs", .automatic = true,
                .before = "10"),
    ROW_END,
};

const Field search_more_fields[] = {
    ROW_INTEGER("decode.n_best", SearchOptions, n_best, "1", 1, SEARCH_MAX_BEAM, "hypotheses wanted"),
    ROW_INTEGER("decode.max_length", SearchOptions, max_length, "0", 1, HYPER_MAX_LENGTH, "tokens at most",
                .or_zero = true),
    ROW_INTEGER("decode.min_length", SearchOptions, min_length, "0", 0, HYPER_MAX_LENGTH, "tokens at least"),
    ROW_INTEGER("decode.no_repeat_ngram", SearchOptions, no_repeat_ngram, "0", 1, HYPER_MAX_LENGTH,
                "no n tokens in a row come twice", .or_zero = true),
    ROW_REAL("decode.temperature", SearchOptions, temperature, "1", 0.01, 100,
             "draw by probability ^ (1 / temperature)", .or_zero = true),
    ROW_INTEGER("decode.top_k", SearchOptions, top_k, "0", 1, SEARCH_MAX_BEAM, "draw from the k most likely tokens",
                .or_zero = true),
    ROW_INTEGER("decode.seed", SearchOptions, seed, "1", 0, 0x1p64, "of the draws"),
    ROW_END,
};

/* Every hypothesis may begin with the prefix and end behind it. */
static bool check_prefix(const SearchOptions *o, const Hyper *h, const char *where, Error *err) {
    if (o->prefix_length >= h->max_length)
        return error_set(err, "%s: decode.prefix_length: expected less than model.max_length (%zu), found %zu", where,
                         h->max_length, o->prefix_length);
    if (o->max_length > 0 && o->prefix_length >= o->max_length)
        return error_set(err, "%s: decode.prefix_length: expected less than decode.max_length (%zu), found %zu", where,
                         o->max_length, o->prefix_length);
    if (o->prefix_length > 0 && !o->prefix)
        return error_set(err, "%s: decode.prefix: expected %zu tokens, found NULL", where, o->prefix_length);
    for (size_t i = 0; i < o->prefix_length; i++)
        if (o->prefix[i] < TOKEN_FIRST_BYTE || (size_t)o->prefix[i] >= h->vocab)
            return error_set(err, "%s: decode.prefix: expected tokens from %d to %zu, found %d", where,
                             TOKEN_FIRST_BYTE, h->vocab - 1, (int)o->prefix[i]);
    return true;
}

bool search_check(const SearchOptions *o, const Hyper *h, const char *where, Error *err) {
    if (!fields_check(search_fields, o, where, err) || !fields_check(search_more_fields, o, where, err)) return false;
    if (o->n_best > o->beam)
        return error_set(err, "%s: decode.n_best: expected 1 to decode.beam (%zu), found %zu", where, o->beam,
                         o->n_best);
    if (o->max_length > 0 && o->min_length >= o->max_length)
        return error_set(err, "%s: decode.min_length: expected less than decode.max_length (%zu), found %zu", where,
                         o->max_length, o->min_length);
    if (o->min_length >= h->max_length)
        return error_set(err, "%s: decode.min_length: expected less than model.max_length (%zu), found %zu", where,
                         h->max_length, o->min_length);
    if (o->sample && o->beam > 1)
        return error_set(err, "%s: decode.sample: expected decode.beam 1, found %zu", where, o->beam);
    return check_prefix(o, h, where, err);
}

void search_options_together(SearchOptions *o, bool only_length) {
    if (only_length) o->max_extra = size_max(o->max_extra, o->max_length);
    if (o->sample) o->beam = 1;
    o->beam = size_max(o->beam, o->n_best);
}

size_t candidates_insert(Candidate *list, size_t length, size_t most, Candidate one) {
    if (!(one.log_probability > -INFINITY)) return length;
    if (length == most && !(one.log_probability > list[length - 1].log_probability)) return length;
    size_t at = length < most ? length++ : most - 1;
    for (; at > 0 && one.log_probability > list[at - 1].log_probability; at--) list[at] = list[at - 1];
    list[at] = one;
    return length;
}

/* The prefix of a sentence at this place. */
static size_t prefix_length(const SearchOptions *o, SearchPlace place) {
    return place.part == 0 ? o->prefix_length : 0;
}

size_t search_limit(const SearchOptions *o, const Hyper *h, size_t source_tokens, SearchPlace place) {
    const size_t least = size_max(prefix_length(o, place), o->min_length) + 1;
    size_t most = h->max_length;
    if (o->max_length > 0 && o->max_length < most) most = o->max_length;
    if (most < least) most = least;
    const double wanted = floor(o->max_ratio * (double)source_tokens) + (double)o->max_extra;
    return wanted >= (double)most ? most : wanted >= (double)least ? (size_t)wanted : least;
}

/* Whether this token would repeat an n-gram: whether the last n - 1 tokens, followed by it, are in these already. */
static bool repeats(const int32_t *tokens, size_t length, size_t n, int32_t token) {
    for (size_t end = n; end <= length; end++) {
        size_t same = 0;
        while (same < n - 1 && tokens[end - n + same] == tokens[length - (n - 1) + same]) same++;
        if (same == n - 1 && tokens[end - 1] == token) return true;
    }
    return false;
}

/* Whether a hypothesis may be continued by a token. */
static bool allowed(const SearchOptions *o, const Unfinished *h, int32_t token) {
    if (token == TOKEN_BEGIN) return false;
    if (h->length < prefix_length(o, h->place)) return token == o->prefix[h->length];
    if (token == TOKEN_END) return h->length >= o->min_length;
    return o->no_repeat_ngram == 0 || !repeats(h->tokens, h->length, o->no_repeat_ngram, token);
}

enum { BLOCK = 128 }; /* logits that are skipped together when none of them is among the best */

static size_t most_likely(const SearchOptions *o, Candidate *best, size_t most, const MixtureLogits *l, size_t V,
                          const Unfinished *h, real *max) {
    const real *z = l->bound;
    size_t count = 0;
    *max = -INFINITY;
    for (size_t j0 = 0; j0 < V; j0 += BLOCK) {
        const size_t block = V - j0 < BLOCK ? V - j0 : BLOCK;
        const real block_max = vector_max(z + j0, block);
        if (!(block_max <= *max) && !isnan(*max)) *max = block_max;
        if (count == most && !((double)block_max > best[most - 1].log_probability)) continue;
        for (size_t j = j0; j < j0 + block; j++) {
            if (count == most && !((double)z[j] > best[most - 1].log_probability)) continue;
            if (allowed(o, h, (int32_t)j))
                count = candidates_insert(best, count, most, (Candidate){mixture_logit(l, j), (int32_t)j, h->slot});
        }
    }
    return count;
}

/* Draws a continuation: one uniform number, and the token at which the sum of weights exp((z - max) / temperature),
 * from the first token on, exceeds that share of their total. Returns 1, or 0 where there is no finite number. */
static size_t draw(const SearchOptions *o, Candidate *drawn, const MixtureLogits *l, size_t V, const Unfinished *h,
                   real *max) {
    const RngSite site = {o->seed, (uint32_t)h->length, RNG_SITE_SAMPLE};
    Candidate best[SEARCH_MAX_BEAM];
    const size_t count = most_likely(o, best, o->top_k > 0 ? o->top_k : 1, l, V, h, max);
    if (count == 0) return 0;
    const double top = best[0].log_probability, lowest = o->top_k > 0 ? best[count - 1].log_probability : -INFINITY;
    const double scale = o->temperature > 0 ? 1 / o->temperature : 1;
    double total = 0, wanted = 0, sum = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t j = 0; j < V; j++) {
            if (!((double)l->bound[j] >= lowest) || !allowed(o, h, (int32_t)j)) continue;
            const double logit = mixture_logit(l, j);
            if (!(logit >= lowest)) continue;
            const double weight = exp((logit - top) * scale);
            if (pass == 0) {
                total += weight;
                continue;
            }
            sum += weight;
            if (weight > 0) *drawn = (Candidate){logit, (int32_t)j, h->slot};
            if (sum > wanted) return 1;
        }
        if (!isfinite(total)) return 0;
        wanted = total * rng_uniform(site, h->place.text ^ (uint64_t)h->place.part << 40);
    }
    return 1;
}

size_t search_continue(const SearchOptions *o, Candidate *best, size_t most, const MixtureLogits *l, size_t V,
                       Unfinished h, real *max) {
    return o->sample ? draw(o, best, l, V, &h, max) : most_likely(o, best, most, l, V, &h, max);
}

double search_score(const SearchOptions *o, double log_probability, size_t tokens) {
    return log_probability / pow(tokens > 0 ? (double)tokens : 1, o->length_alpha);
}
