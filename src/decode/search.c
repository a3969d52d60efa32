/* Slots and rows. Sentence b owns the slots b * k to b * k + k - 1. A slot keeps the tokens of one hypothesis, here,
 * and its keys and values, in the session. A step computes one row for each unfinished hypothesis, sentence after
 * sentence. With k = 2 and three sentences, of which the search of the second has ended:
 *
 *     slot   tokens           live (the best first)           rows of the step
 *     0      le chien         sentence 0: slot 1, slot 0      row 0: slot 1
 *     1      le chat                                          row 1: slot 0
 *     2, 3   (not used)       sentence 1: none
 *     4      il pleut         sentence 2: slot 4              row 2: slot 4
 *     5      (not used)
 *
 * When two continuations of one hypothesis are kept, the better one stays in its slot, and the other gets a copy of it
 * in a slot that is no longer used. So what is copied is little, and no hypothesis ever moves. */
#include "decode/search.h"

#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/size.h"
#include "decode/session.h"
#include "math/vector.h"
#include "nn/rows.h"
#include "text/tokenizer.h"

/* A hypothesis continued by one token. */
typedef struct Candidate {
    double log_probability;
    int32_t token;
    uint32_t slot; /* the hypothesis's */
} Candidate;

typedef struct Hypothesis {
    double log_probability;
    int32_t token; /* its last, which the model has not heard yet */
    uint32_t slot;
} Hypothesis;

/* The search of one sentence. */
typedef struct Search {
    size_t limit;       /* tokens, </s> included */
    size_t live, found; /* hypotheses: unfinished, kept as results */
    DecodePlace place;
} Search;

struct Decode {
    const Parameters *params;
    Pool *pool;
    DecodeOptions options;
    Session *session;
    const DecodePlace *places;
    DecodeWatch *watch;
    void *watch_context;
    size_t each;        /* continuations that are found for each row: k, and for a watch 2 k */
    bool restricts;     /* some options forbid continuations */
    size_t B, capacity; /* of this run; capacity: the highest limit */
    size_t length;      /* tokens that the hypotheses have now */
    Search *searches;   /* (B) */
    Hypothesis *live;   /* (B, k), the best first */
    int32_t *tokens;    /* (B * k, capacity) by slot, <s> left out */
    Translation *found; /* (B, k), the best first */
    int32_t *found_ids; /* (B * k, capacity) */
    /* The rows of a step: the unfinished hypotheses of all sentences, in order. */
    uint32_t *row_slot;      /* (B * k) */
    int32_t *row_token;      /* (B * k) */
    double *row_probability; /* (B * k), log; -INFINITY when the logits turn out not to be finite */
    Candidate *candidates;   /* (B * k, each) the best continuations of each row, the best first */
    size_t *candidate_count; /* (B * k) */
    SessionCopy *copies;     /* (B * k) */
    size_t copy_count;
};

/* Every hypothesis may begin with the prefix and end behind it. */
static bool check_prefix(const DecodeOptions *o, const Hyper *h, const char *where, Error *err) {
    if (o->prefix_length >= h->max_length)
        return error_set(err, "%s: decode.prefix_length: expected less than model.max_length (%zu), found %zu", where,
                         h->max_length, o->prefix_length);
    if (o->prefix_length > 0 && !o->prefix)
        return error_set(err, "%s: decode.prefix: expected %zu tokens, found NULL", where, o->prefix_length);
    for (size_t i = 0; i < o->prefix_length; i++)
        if (o->prefix[i] < TOKEN_FIRST_BYTE || (size_t)o->prefix[i] >= h->vocab)
            return error_set(err, "%s: decode.prefix: expected tokens from %d to %zu, found %d", where,
                             TOKEN_FIRST_BYTE, h->vocab - 1, (int)o->prefix[i]);
    return true;
}

const Field search_fields[] = {
    ROW_INTEGER("decode.beam", DecodeOptions, beam, "4", 1, DECODE_MAX_BEAM, "hypotheses kept; 1: greedy search"),
    ROW_REAL("decode.length_alpha", DecodeOptions, length_alpha, "1", 0, 10,
             "hypotheses are ranked by log probability / length ^ length_alpha"),
    ROW_REAL("decode.max_ratio", DecodeOptions, max_ratio, "2", 0, 1000,
             "a translation has at most max_ratio times the source's tokens, ..."),
    ROW_INTEGER("decode.max_extra", DecodeOptions, max_extra, "10", 0, HYPER_MAX_LENGTH, "... and max_extra more"),
    ROW_END,
};

const Field search_more_fields[] = {
    ROW_INTEGER("decode.n_best", DecodeOptions, n_best, "1", 1, DECODE_MAX_BEAM, "hypotheses wanted"),
    ROW_INTEGER("decode.max_length", DecodeOptions, max_length, "0", 1, HYPER_MAX_LENGTH, "tokens at most",
                .or_zero = true),
    ROW_INTEGER("decode.min_length", DecodeOptions, min_length, "0", 0, HYPER_MAX_LENGTH, "tokens at least"),
    ROW_INTEGER("decode.no_repeat_ngram", DecodeOptions, no_repeat_ngram, "0", 1, HYPER_MAX_LENGTH,
                "no n tokens in a row come twice", .or_zero = true),
    ROW_REAL("decode.temperature", DecodeOptions, temperature, "1", 0.01, 100,
             "draw by probability ^ (1 / temperature)", .or_zero = true),
    ROW_INTEGER("decode.top_k", DecodeOptions, top_k, "0", 1, DECODE_MAX_BEAM, "draw from the k most likely tokens",
                .or_zero = true),
    ROW_INTEGER("decode.seed", DecodeOptions, seed, "1", 0, 0x1p63, "of the draws"),
    ROW_END,
};

bool decode_check(const DecodeOptions *o, const Hyper *h, const char *where, Error *err) {
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

Decode *decode_create(const Parameters *params, const real *w, Pool *pool, DecodeOptions options) {
    Error err;
    CHECK(decode_check(&options, &params->hyper, "", &err), "options that were checked");
    Decode *d = memory_new(1, sizeof *d);
    *d = (Decode){.params = params, .pool = pool, .options = options, .session = session_create(params, w, pool)};
    d->each = options.beam;
    d->restricts = options.min_length > 0 || options.no_repeat_ngram > 0 || options.prefix_length > 0;
    return d;
}

void decode_places(Decode *d, const DecodePlace *place) {
    d->places = place;
}

void decode_watch(Decode *d, DecodeWatch *watch, void *context) {
    d->watch = watch, d->watch_context = context;
    d->each = watch ? 2 * d->options.beam : d->options.beam;
}

static void forget(Decode *d) {
    void *const blocks[] = {d->searches, d->live,      d->tokens,          d->found,      d->found_ids,
                            d->row_slot, d->row_token, d->row_probability, d->candidates, d->candidate_count,
                            d->copies};
    for (size_t i = 0; i < COUNT(blocks); i++) free(blocks[i]);
    d->B = 0;
}

void decode_free(Decode *d) {
    if (!d) return;
    forget(d);
    session_free(d->session);
    free(d);
}

/* The prefix of a sentence at this place. */
static size_t prefix_length(const Decode *d, DecodePlace place) {
    return place.part == 0 ? d->options.prefix_length : 0;
}

static DecodePlace place_of(const Decode *d, size_t b) {
    return d->places ? d->places[b] : (DecodePlace){b, 0};
}

size_t decode_limit(const Decode *d, size_t source_tokens, DecodePlace place) {
    const DecodeOptions *o = &d->options;
    const size_t least = size_max(prefix_length(d, place), o->min_length) + 1;
    size_t most = d->params->hyper.max_length;
    if (o->max_length > 0 && o->max_length < most) most = o->max_length;
    if (most < least) most = least;
    const double wanted = floor(o->max_ratio * (double)source_tokens) + (double)o->max_extra;
    return wanted >= (double)most ? most : wanted >= (double)least ? (size_t)wanted : least;
}

static size_t limit_of(const Decode *d, Packed source, size_t b) {
    return decode_limit(d, source.start[b + 1] - source.start[b], place_of(d, b));
}

/* Makes ready for a run: every sentence has one hypothesis, <s>. capacity: the highest limit. */
static void start(Decode *d, Packed source, size_t capacity) {
    const size_t k = d->options.beam, rows = source.B * k;
    forget(d);
    d->B = source.B, d->capacity = capacity;
    d->searches = memory_new(source.B, sizeof *d->searches);
    d->live = memory_new(rows, sizeof *d->live);
    for (size_t b = 0; b < source.B; b++) {
        d->searches[b] = (Search){limit_of(d, source, b), 1, 0, place_of(d, b)};
        d->live[b * k] = (Hypothesis){0, TOKEN_BEGIN, (uint32_t)(b * k)};
    }
    d->tokens = memory_new(rows, d->capacity * sizeof *d->tokens);
    d->found = memory_new(rows, sizeof *d->found);
    d->found_ids = memory_new(rows, d->capacity * sizeof *d->found_ids);
    d->row_slot = memory_new(rows, sizeof *d->row_slot);
    d->row_token = memory_new(rows, sizeof *d->row_token);
    d->row_probability = memory_new(rows, sizeof *d->row_probability);
    d->candidates = memory_new(rows, d->each * sizeof *d->candidates);
    d->candidate_count = memory_new(rows, sizeof *d->candidate_count);
    d->copies = memory_new(rows, sizeof *d->copies);
}

/* Puts a candidate into a list of the best, the best first, of at most `most`; it comes after its equals. Returns the
 * list's length. Anything that is no number, or minus infinity, is not taken. */
static size_t insert(Candidate *list, size_t length, size_t most, Candidate one) {
    if (!(one.log_probability > -INFINITY)) return length;
    if (length == most && !(one.log_probability > list[length - 1].log_probability)) return length;
    size_t at = length < most ? length++ : most - 1;
    for (; at > 0 && one.log_probability > list[at - 1].log_probability; at--) list[at] = list[at - 1];
    list[at] = one;
    return length;
}

/* Whether n - 1 tokens and this one stand in these already: whether it would repeat an n-gram. */
static bool repeats(const int32_t *tokens, size_t length, size_t n, int32_t token) {
    for (size_t end = n; end <= length; end++) {
        size_t same = 0;
        while (same < n - 1 && tokens[end - n + same] == tokens[length - (n - 1) + same]) same++;
        if (same == n - 1 && tokens[end - 1] == token) return true;
    }
    return false;
}

/* Whether a hypothesis may be continued by a token. */
static bool allowed(const Decode *d, uint32_t slot, int32_t token) {
    if (token == TOKEN_BEGIN) return false;
    if (!d->restricts) return true;
    const DecodeOptions *o = &d->options;
    if (d->length < prefix_length(d, d->searches[slot / o->beam].place)) return token == o->prefix[d->length];
    if (token == TOKEN_END) return d->length >= o->min_length;
    return o->no_repeat_ngram == 0 || !repeats(d->tokens + slot * d->capacity, d->length, o->no_repeat_ngram, token);
}

enum { BLOCK = 64 }; /* logits that are passed over together when none of them is among the best */

typedef struct Picking {
    Decode *decode;
    real *logits; /* (R, V) */
} Picking;

/* The `most` largest of the logits z (V) that the hypothesis in a slot may be continued with, the largest first, as
 * candidates whose log p is the logit. *max: the largest of all logits. */
static size_t largest(const Decode *d, Candidate *best, size_t most, const real *z, uint32_t slot, real *max) {
    const size_t V = d->params->hyper.vocab;
    size_t count = 0;
    *max = -INFINITY;
    for (size_t j0 = 0; j0 < V; j0 += BLOCK) {
        const size_t block = V - j0 < BLOCK ? V - j0 : BLOCK;
        const real block_max = vector_max(z + j0, block);
        if (block_max > *max) *max = block_max;
        if (count == most && !((double)block_max > best[most - 1].log_probability)) continue;
        for (size_t j = j0; j < j0 + block; j++) {
            if (count == most && !((double)z[j] > best[most - 1].log_probability)) continue;
            if (allowed(d, slot, (int32_t)j))
                count = insert(best, count, most, (Candidate){(double)z[j], (int32_t)j, slot});
        }
    }
    return count;
}

/* Draws a continuation: one uniform number, and the token at which the sum of weights exp((z - max) / temperature),
 * from the first token on, exceeds that share of their total. Returns 1, or 0 where there is no finite number. */
static size_t draw(const Decode *d, Candidate *drawn, const real *z, uint32_t slot, real *max) {
    const DecodeOptions *o = &d->options;
    const size_t V = d->params->hyper.vocab;
    const DecodePlace place = d->searches[slot].place; /* a slot each, with beam 1 */
    const RngSite site = {o->seed, (uint32_t)d->length, RNG_SITE_SAMPLE};
    Candidate best[DECODE_MAX_BEAM];
    const size_t count = largest(d, best, o->top_k > 0 ? o->top_k : 1, z, slot, max);
    if (count == 0) return 0;
    const double top = best[0].log_probability, lowest = o->top_k > 0 ? best[count - 1].log_probability : -INFINITY;
    const double scale = o->temperature > 0 ? 1 / o->temperature : 1;
    double total = 0, wanted = 0, sum = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t j = 0; j < V; j++) {
            if (!((double)z[j] >= lowest) || !allowed(d, slot, (int32_t)j)) continue;
            const double weight = exp(((double)z[j] - top) * scale);
            if (pass == 0) {
                total += weight;
                continue;
            }
            sum += weight;
            if (weight > 0) *drawn = (Candidate){(double)z[j], (int32_t)j, slot};
            if (sum > wanted) return 1;
        }
        if (!isfinite(total)) return 0;
        wanted = total * rng_uniform(site, place.text ^ (uint64_t)place.part << 40);
    }
    return 1;
}

/* The continuations of rows first .. last-1: the best, or one drawn. They are found among the logits z, as
 * log softmax(z)[j] = z[j] - max - log(sum of exp(z - max)) keeps their order; the row's logits are used up for the
 * sum. A NaN or an infinity above makes the sum a NaN, and so every log p of the row: it will not be continued. */
static void pick(void *context, size_t first, size_t last) {
    const Picking *p = context;
    Decode *d = p->decode;
    const size_t V = d->params->hyper.vocab;
    for (size_t r = first; r < last; r++) {
        real *z = p->logits + r * V, max;
        Candidate *best = d->candidates + r * d->each;
        const size_t count = d->options.sample ? draw(d, best, z, d->row_slot[r], &max)
                                               : largest(d, best, d->each, z, d->row_slot[r], &max);
        const double sum = (double)vector_exp_sum(z, z, max, V);
        if (!isfinite(sum)) d->row_probability[r] = -INFINITY;
        for (size_t i = 0; i < count; i++)
            best[i].log_probability = d->row_probability[r] + (best[i].log_probability - (double)max - log(sum));
        d->candidate_count[r] = count;
    }
}

static double score(const Decode *d, double log_probability, size_t tokens) {
    return log_probability / pow(tokens > 0 ? (double)tokens : 1, d->options.length_alpha);
}

/* Keeps a hypothesis of sentence b as a result: the first `length` tokens of its slot and, unless it is none (-1) or
 * </s>, one more. */
static void keep(Decode *d, size_t b, uint32_t slot, size_t length, int32_t token, double log_probability) {
    Search *search = &d->searches[b];
    Translation *found = d->found + b * d->options.beam;
    int32_t *ids = d->found_ids + (b * d->options.beam + search->found) * d->capacity;
    const bool finished = token == TOKEN_END;
    for (size_t i = 0; i < length; i++) ids[i] = d->tokens[slot * d->capacity + i];
    if (token >= 0 && !finished) ids[length++] = token;
    const Translation made = {ids, length, log_probability, score(d, log_probability, length + finished), finished};
    size_t at = search->found++;
    for (; at > 0 && made.score > found[at - 1].score; at--) found[at] = found[at - 1];
    found[at] = made;
}

/* None of the unfinished hypotheses, of which the best has this log p, can become one of the n_best. */
static bool settled(const Decode *d, size_t b, double log_probability) {
    const Search *search = &d->searches[b];
    const size_t n = d->options.n_best;
    return search->found >= n &&
           d->found[b * d->options.beam + n - 1].score >= score(d, log_probability, search->limit);
}

/* Makes the chosen continuations the sentence's hypotheses, after `length` tokens. The first of those that continue one
 * hypothesis stays in its slot; the others get copies in slots that nothing goes on from. */
static void go_on(Decode *d, size_t b, const Candidate *chosen, size_t count, size_t length) {
    const size_t k = d->options.beam, first = b * k;
    Hypothesis *live = d->live + first;
    bool used[DECODE_MAX_BEAM] = {false}, stays[DECODE_MAX_BEAM];
    for (size_t i = 0; i < count; i++) {
        const size_t slot = chosen[i].slot - first;
        stays[i] = !used[slot];
        used[slot] = true;
    }
    for (size_t i = 0, unused = 0; i < count; i++) {
        uint32_t slot = chosen[i].slot;
        if (!stays[i]) {
            while (used[unused]) unused++;
            slot = (uint32_t)(first + unused++);
            d->copies[d->copy_count++] = (SessionCopy){chosen[i].slot, slot};
            for (size_t t = 0; t < length; t++)
                d->tokens[slot * d->capacity + t] = d->tokens[chosen[i].slot * d->capacity + t];
        }
        live[i] = (Hypothesis){chosen[i].log_probability, chosen[i].token, slot};
    }
    for (size_t i = 0; i < count; i++) d->tokens[live[i].slot * d->capacity + length] = live[i].token;
    d->searches[b].live = count;
}

/* The best continuations of the rows from `row` on, which are sentence b's, the best first, `most` or fewer. */
static size_t best_of(const Decode *d, Candidate *best, size_t most, size_t b, size_t row) {
    size_t count = 0;
    for (size_t r = row; r < row + d->searches[b].live; r++)
        for (size_t i = 0; i < d->candidate_count[r]; i++)
            count = insert(best, count, most, d->candidates[r * d->each + i]);
    return count;
}

/* Tells the watch of the continuations of sentence b, of which the best `width` will be kept. */
static void tell(const Decode *d, size_t b, size_t row, size_t position, size_t width) {
    Candidate best[2 * DECODE_MAX_BEAM];
    DecodeConsidered list[2 * DECODE_MAX_BEAM];
    const size_t count = best_of(d, best, d->each, b, row);
    for (size_t i = 0; i < count; i++) {
        size_t parent = 0;
        while (d->row_slot[row + parent] != best[i].slot) parent++;
        list[i] = (DecodeConsidered){best[i].token, parent, best[i].log_probability, i < width};
    }
    d->watch(d->watch_context, b, position, list, count);
}

/* Takes sentence b, whose hypotheses are the step's rows from `row` on and have `length` tokens, one token further. */
static void advance(Decode *d, size_t b, size_t row, size_t length) {
    const size_t k = d->options.beam;
    Search *search = &d->searches[b];
    Candidate chosen[DECODE_MAX_BEAM];
    const size_t width = k - search->found, count = best_of(d, chosen, width, b, row);
    size_t unfinished = 0;
    if (d->watch) tell(d, b, row, length, width);
    for (size_t i = 0; i < count; i++) {
        const Candidate c = chosen[i];
        if (c.token == TOKEN_END)
            keep(d, b, c.slot, length, c.token, c.log_probability);
        else
            chosen[unfinished++] = c;
    }
    if (unfinished > 0 && length + 1 < search->limit && !settled(d, b, chosen[0].log_probability)) {
        go_on(d, b, chosen, unfinished, length);
        return;
    }
    if (search->found == 0) {
        for (size_t i = 0; i < unfinished; i++)
            keep(d, b, chosen[i].slot, length, chosen[i].token, chosen[i].log_probability);
        for (size_t i = 0; count == 0 && i < search->live; i++) /* nothing to go on with */
            keep(d, b, d->live[b * k + i].slot, length, -1, d->row_probability[row + i]);
    }
    search->live = 0;
}

bool decode_run(Decode *d, Packed source, Translation *out, Error *err) {
    const size_t k = d->options.beam;
    size_t capacity = 1;
    for (size_t b = 0; b < source.B; b++) {
        const size_t limit = limit_of(d, source, b);
        if (limit > capacity) capacity = limit;
    }
    d->B = 0; /* no results, should there be no memory */
    if (!session_begin(d->session, source, k, capacity, err)) return false;
    start(d, source, capacity);
    for (size_t t = 0;; t++) {
        size_t R = 0;
        for (size_t b = 0; b < d->B; b++)
            for (size_t i = 0; i < d->searches[b].live; i++, R++) {
                const Hypothesis *h = &d->live[b * k + i];
                d->row_slot[R] = h->slot, d->row_token[R] = h->token, d->row_probability[R] = h->log_probability;
            }
        if (R == 0) break;
        d->length = t;
        Picking picking = {d, session_step(d->session, d->row_slot, d->row_token, R, t)};
        rows_run(d->pool, "candidates", R, d->params->hyper.vocab, pick, &picking);

        d->copy_count = 0;
        for (size_t b = 0, row = 0; b < d->B; b++) {
            const size_t live = d->searches[b].live;
            if (live > 0) advance(d, b, row, t);
            row += live;
        }
        session_copy(d->session, d->copies, d->copy_count, t + 1);
    }
    for (size_t b = 0; b < d->B; b++) out[b] = d->found[b * k];
    return true;
}

const Translation *decode_hypotheses(const Decode *d, size_t b, size_t *count) {
    CHECK(b < d->B, "a sentence of the last run");
    *count = d->searches[b].found;
    return d->found + b * d->options.beam;
}
