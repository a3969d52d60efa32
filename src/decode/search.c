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

/* A hypothesis continued by one token; once it is kept, a hypothesis, whose last token the model has not read yet. */
typedef struct Candidate {
    double log_probability;
    int32_t token;
    uint32_t slot; /* the hypothesis's */
} Candidate;

/* The search of one sentence. */
typedef struct Sentence {
    size_t limit;       /* tokens, </s> included */
    size_t live, found; /* hypotheses: unfinished, kept as results */
    SearchPlace place;
} Sentence;

struct Search {
    const Parameters *params;
    Pool *pool;
    SearchOptions options;
    Session *session;
    const SearchPlace *places;
    SearchWatch *watch;
    void *watch_context;
    size_t each;         /* continuations that are found for each row: k, and for a watch 2 k */
    bool restricts;      /* some options forbid continuations */
    size_t B, capacity;  /* of this run; capacity: the highest limit */
    size_t length;       /* tokens that the hypotheses have now */
    Sentence *sentences; /* (B) */
    Candidate *live;     /* (B, k), the best first */
    int32_t *tokens;     /* (B * k, capacity) by slot, <s> left out */
    Translation *found;  /* (B, k), the best first */
    int32_t *found_ids;  /* (B * k, capacity) */
    /* The rows of a step: the unfinished hypotheses of all sentences, in order. */
    uint32_t *row_slot;      /* (B * k) */
    int32_t *row_token;      /* (B * k) */
    double *row_probability; /* (B * k), log; -INFINITY when the logits turn out not to be finite */
    real *logits;            /* (R, V) the session's */
    Candidate *candidates;   /* (B * k, each) the best continuations of each row, the best first */
    size_t *candidate_count; /* (B * k) */
    SessionCopy *copies;     /* (B * k) */
    size_t copy_count;
};

Search *search_create(const Parameters *params, const real *w, Pool *pool, SearchOptions options) {
    Error err;
    CHECK(search_check(&options, &params->hyper, "", &err), "options that were checked");
    Search *s = memory_new(1, sizeof *s);
    *s = (Search){.params = params, .pool = pool, .options = options, .session = session_create(params, w, pool)};
    s->each = options.beam;
    s->restricts = options.min_length > 0 || options.no_repeat_ngram > 0 || options.prefix_length > 0;
    return s;
}

void search_places(Search *s, const SearchPlace *place) { s->places = place; }

void search_watch(Search *s, SearchWatch *watch, void *context) {
    s->watch = watch, s->watch_context = context;
    s->each = watch ? 2 * s->options.beam : s->options.beam;
}

static void release(Search *s) {
    void *const blocks[] = {s->sentences, s->live,      s->tokens,          s->found,      s->found_ids,
                            s->row_slot,  s->row_token, s->row_probability, s->candidates, s->candidate_count,
                            s->copies};
    for (size_t i = 0; i < COUNT(blocks); i++) free(blocks[i]);
    s->B = 0;
}

void search_free(Search *s) {
    if (!s) return;
    release(s);
    session_free(s->session);
    free(s);
}

/* The prefix of a sentence at this place. */
static size_t prefix_length(const Search *s, SearchPlace place) {
    return place.part == 0 ? s->options.prefix_length : 0;
}

static SearchPlace place_of(const Search *s, size_t b) { return s->places ? s->places[b] : (SearchPlace){b, 0}; }

size_t search_limit(const Search *s, size_t source_tokens, SearchPlace place) {
    const SearchOptions *o = &s->options;
    const size_t least = size_max(prefix_length(s, place), o->min_length) + 1;
    size_t most = s->params->hyper.max_length;
    if (o->max_length > 0 && o->max_length < most) most = o->max_length;
    if (most < least) most = least;
    const double wanted = floor(o->max_ratio * (double)source_tokens) + (double)o->max_extra;
    return wanted >= (double)most ? most : wanted >= (double)least ? (size_t)wanted : least;
}

static size_t limit_of(const Search *s, Packed source, size_t b) {
    return search_limit(s, source.start[b + 1] - source.start[b], place_of(s, b));
}

/* Makes ready for a run: every sentence has one hypothesis, <s>. capacity: the highest limit. */
static void begin(Search *s, Packed source, size_t capacity) {
    const size_t k = s->options.beam, rows = source.B * k;
    release(s);
    s->B = source.B, s->capacity = capacity;
    s->sentences = memory_new(source.B, sizeof *s->sentences);
    s->live = memory_new(rows, sizeof *s->live);
    for (size_t b = 0; b < source.B; b++) {
        s->sentences[b] = (Sentence){limit_of(s, source, b), 1, 0, place_of(s, b)};
        s->live[b * k] = (Candidate){0, TOKEN_BEGIN, (uint32_t)(b * k)};
    }
    s->tokens = memory_new(rows, s->capacity * sizeof *s->tokens);
    s->found = memory_new(rows, sizeof *s->found);
    s->found_ids = memory_new(rows, s->capacity * sizeof *s->found_ids);
    s->row_slot = memory_new(rows, sizeof *s->row_slot);
    s->row_token = memory_new(rows, sizeof *s->row_token);
    s->row_probability = memory_new(rows, sizeof *s->row_probability);
    s->candidates = memory_new(rows, s->each * sizeof *s->candidates);
    s->candidate_count = memory_new(rows, sizeof *s->candidate_count);
    s->copies = memory_new(rows, sizeof *s->copies);
}

/* Puts a candidate into a list of the best, the best first, of at most `most`; it comes after its equals. Returns the
 * list's length. Anything that is no number, or minus infinity, is not taken. */
static size_t insert_best(Candidate *list, size_t length, size_t most, Candidate one) {
    if (!(one.log_probability > -INFINITY)) return length;
    if (length == most && !(one.log_probability > list[length - 1].log_probability)) return length;
    size_t at = length < most ? length++ : most - 1;
    for (; at > 0 && one.log_probability > list[at - 1].log_probability; at--) list[at] = list[at - 1];
    list[at] = one;
    return length;
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
static bool allowed(const Search *s, uint32_t slot, int32_t token) {
    if (token == TOKEN_BEGIN) return false;
    if (!s->restricts) return true;
    const SearchOptions *o = &s->options;
    if (s->length < prefix_length(s, s->sentences[slot / o->beam].place)) return token == o->prefix[s->length];
    if (token == TOKEN_END) return s->length >= o->min_length;
    return o->no_repeat_ngram == 0 || !repeats(s->tokens + slot * s->capacity, s->length, o->no_repeat_ngram, token);
}

enum { BLOCK = 64 }; /* logits that are skipped together when none of them is among the best */

/* The `most` largest of the logits z (V) that the hypothesis in a slot may be continued with, the largest first, as
 * candidates whose log p is the logit. *max: the largest of all logits. */
static size_t most_likely(const Search *s, Candidate *best, size_t most, const real *z, uint32_t slot, real *max) {
    const size_t V = s->params->hyper.vocab;
    size_t count = 0;
    *max = -INFINITY;
    for (size_t j0 = 0; j0 < V; j0 += BLOCK) {
        const size_t block = V - j0 < BLOCK ? V - j0 : BLOCK;
        const real block_max = vector_max(z + j0, block);
        if (block_max > *max) *max = block_max;
        if (count == most && !((double)block_max > best[most - 1].log_probability)) continue;
        for (size_t j = j0; j < j0 + block; j++) {
            if (count == most && !((double)z[j] > best[most - 1].log_probability)) continue;
            if (allowed(s, slot, (int32_t)j))
                count = insert_best(best, count, most, (Candidate){(double)z[j], (int32_t)j, slot});
        }
    }
    return count;
}

/* Draws a continuation: one uniform number, and the token at which the sum of weights exp((z - max) / temperature),
 * from the first token on, exceeds that share of their total. Returns 1, or 0 where there is no finite number. */
static size_t draw(const Search *s, Candidate *drawn, const real *z, uint32_t slot, real *max) {
    const SearchOptions *o = &s->options;
    const size_t V = s->params->hyper.vocab;
    const SearchPlace place = s->sentences[slot].place; /* a slot each, with beam 1 */
    const RngSite site = {o->seed, (uint32_t)s->length, RNG_SITE_SAMPLE};
    Candidate best[SEARCH_MAX_BEAM];
    const size_t count = most_likely(s, best, o->top_k > 0 ? o->top_k : 1, z, slot, max);
    if (count == 0) return 0;
    const double top = best[0].log_probability, lowest = o->top_k > 0 ? best[count - 1].log_probability : -INFINITY;
    const double scale = o->temperature > 0 ? 1 / o->temperature : 1;
    double total = 0, wanted = 0, sum = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t j = 0; j < V; j++) {
            if (!((double)z[j] >= lowest) || !allowed(s, slot, (int32_t)j)) continue;
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
static void continue_rows(void *context, size_t first, size_t last) {
    Search *s = context;
    const size_t V = s->params->hyper.vocab;
    for (size_t r = first; r < last; r++) {
        real *z = s->logits + r * V, max;
        Candidate *best = s->candidates + r * s->each;
        const size_t count = s->options.sample ? draw(s, best, z, s->row_slot[r], &max)
                                               : most_likely(s, best, s->each, z, s->row_slot[r], &max);
        const double sum = (double)vector_exp_sum(z, z, max, V);
        if (!isfinite(sum)) s->row_probability[r] = -INFINITY;
        for (size_t i = 0; i < count; i++)
            best[i].log_probability = s->row_probability[r] + (best[i].log_probability - (double)max - log(sum));
        s->candidate_count[r] = count;
    }
}

static double score(const Search *s, double log_probability, size_t tokens) {
    return log_probability / pow(tokens > 0 ? (double)tokens : 1, s->options.length_alpha);
}

/* Keeps a hypothesis of sentence b as a result: the first `length` tokens of its slot and, unless it is none (-1) or
 * </s>, one more. */
static void finish(Search *s, size_t b, uint32_t slot, size_t length, int32_t token, double log_probability) {
    Sentence *sentence = &s->sentences[b];
    Translation *found = s->found + b * s->options.beam;
    int32_t *ids = s->found_ids + (b * s->options.beam + sentence->found) * s->capacity;
    const bool finished = token == TOKEN_END;
    for (size_t i = 0; i < length; i++) ids[i] = s->tokens[slot * s->capacity + i];
    if (token >= 0 && !finished) ids[length++] = token;
    const Translation made = {ids, length, log_probability, score(s, log_probability, length + finished), finished};
    size_t at = sentence->found++;
    for (; at > 0 && made.score > found[at - 1].score; at--) found[at] = found[at - 1];
    found[at] = made;
}

/* None of the unfinished hypotheses, of which the best has this log p, can become one of the n_best. */
static bool decided(const Search *s, size_t b, double log_probability) {
    const Sentence *sentence = &s->sentences[b];
    const size_t n = s->options.n_best;
    return sentence->found >= n &&
           s->found[b * s->options.beam + n - 1].score >= score(s, log_probability, sentence->limit);
}

/* Makes the chosen continuations the sentence's hypotheses, after `length` tokens. The first of those that continue one
 * hypothesis stays in its slot; the others get copies in slots that no continuation uses. */
static void continue_with(Search *s, size_t b, const Candidate *chosen, size_t count, size_t length) {
    const size_t k = s->options.beam, first = b * k;
    Candidate *live = s->live + first;
    bool used[SEARCH_MAX_BEAM] = {false}, stays[SEARCH_MAX_BEAM];
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
            s->copies[s->copy_count++] = (SessionCopy){chosen[i].slot, slot};
            for (size_t t = 0; t < length; t++)
                s->tokens[slot * s->capacity + t] = s->tokens[chosen[i].slot * s->capacity + t];
        }
        live[i] = (Candidate){chosen[i].log_probability, chosen[i].token, slot};
    }
    for (size_t i = 0; i < count; i++) s->tokens[live[i].slot * s->capacity + length] = live[i].token;
    s->sentences[b].live = count;
}

/* The best continuations of the rows from `row` on, which are sentence b's, the best first, `most` or fewer. */
static size_t best_of(const Search *s, Candidate *best, size_t most, size_t b, size_t row) {
    size_t count = 0;
    for (size_t r = row; r < row + s->sentences[b].live; r++)
        for (size_t i = 0; i < s->candidate_count[r]; i++)
            count = insert_best(best, count, most, s->candidates[r * s->each + i]);
    return count;
}

/* Shows the watch the continuations of sentence b, of which the best `width` will be kept. */
static void report(const Search *s, size_t b, size_t row, size_t position, size_t width) {
    Candidate best[2 * SEARCH_MAX_BEAM];
    SearchConsidered list[2 * SEARCH_MAX_BEAM];
    const size_t count = best_of(s, best, s->each, b, row);
    for (size_t i = 0; i < count; i++) {
        size_t parent = 0;
        while (s->row_slot[row + parent] != best[i].slot) parent++;
        list[i] = (SearchConsidered){best[i].token, parent, best[i].log_probability, i < width};
    }
    s->watch(s->watch_context, b, position, list, count);
}

/* Takes sentence b, whose hypotheses are the step's rows from `row` on and have `length` tokens, one token further. */
static void advance(Search *s, size_t b, size_t row, size_t length) {
    const size_t k = s->options.beam;
    Sentence *sentence = &s->sentences[b];
    Candidate chosen[SEARCH_MAX_BEAM];
    const size_t width = k - sentence->found, count = best_of(s, chosen, width, b, row);
    size_t unfinished = 0;
    if (s->watch) report(s, b, row, length, width);
    for (size_t i = 0; i < count; i++) {
        const Candidate c = chosen[i];
        if (c.token == TOKEN_END)
            finish(s, b, c.slot, length, c.token, c.log_probability);
        else
            chosen[unfinished++] = c;
    }
    if (unfinished > 0 && length + 1 < sentence->limit && !decided(s, b, chosen[0].log_probability)) {
        continue_with(s, b, chosen, unfinished, length);
        return;
    }
    if (sentence->found == 0) {
        for (size_t i = 0; i < unfinished; i++)
            finish(s, b, chosen[i].slot, length, chosen[i].token, chosen[i].log_probability);
        for (size_t i = 0; count == 0 && i < sentence->live; i++) /* there is no continuation */
            finish(s, b, s->live[b * k + i].slot, length, -1, s->row_probability[row + i]);
    }
    sentence->live = 0;
}

/* Lists the unfinished hypotheses of all sentences as the rows of a step; returns how many. */
static size_t gather_rows(Search *s) {
    size_t R = 0;
    for (size_t b = 0; b < s->B; b++)
        for (size_t i = 0; i < s->sentences[b].live; i++, R++) {
            const Candidate *h = &s->live[b * s->options.beam + i];
            s->row_slot[R] = h->slot, s->row_token[R] = h->token, s->row_probability[R] = h->log_probability;
        }
    return R;
}

bool search_run(Search *s, Packed source, Translation *out, Error *err) {
    const size_t k = s->options.beam;
    size_t capacity = 1;
    for (size_t b = 0; b < source.B; b++) capacity = size_max(capacity, limit_of(s, source, b));
    s->B = 0; /* no results, should there be no memory */
    if (!session_begin(s->session, source, k, capacity, err)) return false;
    begin(s, source, capacity);
    for (size_t t = 0;; t++) {
        const size_t R = gather_rows(s);
        if (R == 0) break;
        s->length = t;
        s->logits = session_step(s->session, s->row_slot, s->row_token, R, t);
        rows_run(s->pool, "candidates", R, s->params->hyper.vocab, continue_rows, s);

        s->copy_count = 0;
        for (size_t b = 0, row = 0; b < s->B; b++) {
            const size_t live = s->sentences[b].live;
            if (live > 0) advance(s, b, row, t);
            row += live;
        }
        session_copy(s->session, s->copies, s->copy_count, t + 1);
    }
    for (size_t b = 0; b < s->B; b++) out[b] = s->found[b * k];
    return true;
}

const Translation *search_hypotheses(const Search *s, size_t b, size_t *count) {
    CHECK(b < s->B, "a sentence of the last run");
    *count = s->sentences[b].found;
    return s->found + b * s->options.beam;
}
