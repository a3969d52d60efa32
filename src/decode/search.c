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
#include "base/ds.h"
#include "base/memory.h"
#include "base/size.h"
#include "decode/search_options.h"
#include "decode/session.h"
#include "math/vector.h"
#include "nn/rows.h"
#include "text/utf8.h"

/* No translation is as long as this: LONG_TOKENS, and LONG_TIMES as many tokens as its source. */
enum { LONG_TOKENS = 1000, LONG_TIMES = 10 };

/* The search of one sentence. */
typedef struct Sentence {
    size_t limit;       /* tokens, </s> included */
    size_t live, found; /* hypotheses: unfinished, kept as results */
    size_t long_at;     /* tokens at which it is reported as long */
    SearchPlace place;
} Sentence;

struct Search {
    Hyper hyper; /* of the first model, with the smallest max_length of all */
    Pool *pool;
    SearchOptions options;
    Session *sessions[MIXTURE_MOST]; /* (models) */
    size_t models;
    const SearchPlace *places;
    SearchWatch *watch;
    void *watch_context;
    SearchLong *on_long;
    void *long_context;
    const Tokenizer *tokenizer;   /* to compare texts of hypotheses; NULL: all are kept */
    char *made_text, *found_text; /* of the two that are compared; stb_ds arrays */
    size_t each;         /* continuations that are found for each row: k, or 2 k where more of them are looked at */
    size_t B, capacity;  /* of this run; capacity: the highest limit */
    size_t length;       /* tokens that the hypotheses have now */
    Sentence *sentences; /* (B) */
    Candidate *live;     /* (B, k), the best first */
    int32_t *tokens;     /* (B * k, capacity) by slot, <s> left out */
    Translation *found;  /* (B, k), the best first */
    int32_t *found_ids;  /* (B * k, capacity) */
    /* The rows of a step: the unfinished hypotheses of all sentences, in order. */
    uint32_t *row_slot;         /* (B * k) */
    int32_t *row_token;         /* (B * k) */
    double *row_probability;    /* (B * k), log; -INFINITY when the logits turn out not to be finite */
    real *logits[MIXTURE_MOST]; /* (models) arrays (R, V), the sessions' */
    real *bounds;               /* (B * k, V) with several models: MixtureLogits.bound */
    Candidate *candidates;      /* (B * k, each) the best continuations of each row, the best first */
    size_t *candidate_count;    /* (B * k) */
    SessionCopy *copies;        /* (B * k) */
    size_t copy_count;
};

Search *search_create(const Parameters *params, const real *w, Pool *pool, SearchOptions options) {
    Search *s = memory_new(1, sizeof *s);
    *s = (Search){.hyper = params->hyper, .pool = pool, .options = options};
    s->each = options.beam;
    search_add(s, params, w);
    return s;
}

void search_add(Search *s, const Parameters *params, const real *w) {
    Error err;
    CHECK(s->models < MIXTURE_MOST && params->hyper.vocab == s->hyper.vocab, "a model that the others go with");
    s->hyper.max_length = size_min(s->hyper.max_length, params->hyper.max_length);
    CHECK(search_check(&s->options, &s->hyper, "", &err), "options that were checked");
    s->sessions[s->models++] = session_create(params, w, s->pool, s->options.knockout, s->options.int8);
}

void search_places(Search *s, const SearchPlace *place) { s->places = place; }

/* Whether log probabilities are what they are called: else they are sums of logits minus the largest one. */
static bool is_scored(const Search *s) {
    return !s->options.unscored || s->options.beam > 1 || s->models > 1 || s->watch;
}

static bool compares_texts(const Search *s) { return s->tokenizer && s->options.n_best > 1; }

static void set_each(Search *s) { s->each = (s->watch || compares_texts(s) ? 2 : 1) * s->options.beam; }

void search_texts(Search *s, const Tokenizer *tokenizer) {
    s->tokenizer = tokenizer;
    set_each(s);
}

void search_watch(Search *s, SearchWatch *watch, void *context) {
    s->watch = watch, s->watch_context = context;
    set_each(s);
}

void search_long(Search *s, SearchLong *on_long, void *context) { s->on_long = on_long, s->long_context = context; }

static void release(Search *s) {
    void *const blocks[] = {s->sentences, s->live,      s->tokens,          s->found,      s->found_ids,
                            s->row_slot,  s->row_token, s->row_probability, s->candidates, s->candidate_count,
                            s->copies,    s->bounds};
    for (size_t i = 0; i < COUNT(blocks); i++) free(blocks[i]);
    s->B = 0;
}

void search_free(Search *s) {
    if (!s) return;
    release(s);
    for (size_t i = 0; i < s->models; i++) session_free(s->sessions[i]);
    stbds_arrfree(s->made_text);
    stbds_arrfree(s->found_text);
    free(s);
}

static SearchPlace place_of(const Search *s, size_t b) { return s->places ? s->places[b] : (SearchPlace){b, 0}; }

static size_t limit_of(const Search *s, Packed source, size_t b) {
    return search_limit(&s->options, &s->hyper, source.start[b + 1] - source.start[b], place_of(s, b));
}

/* Makes ready for a run: every sentence has one hypothesis, <s>. capacity: the highest limit. */
static void begin(Search *s, Packed source, size_t capacity) {
    const size_t k = s->options.beam, rows = source.B * k;
    release(s);
    s->B = source.B, s->capacity = capacity;
    s->sentences = memory_new(source.B, sizeof *s->sentences);
    s->live = memory_new(rows, sizeof *s->live);
    for (size_t b = 0; b < source.B; b++) {
        const size_t warranted = LONG_TIMES * (source.start[b + 1] - source.start[b]);
        s->sentences[b] = (Sentence){.limit = limit_of(s, source, b),
                                     .live = 1,
                                     .long_at = size_max(warranted, LONG_TOKENS),
                                     .place = place_of(s, b)};
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
    s->bounds = s->models > 1 ? memory_new(rows, s->hyper.vocab * sizeof *s->bounds) : NULL;
}

/* The continuations of rows first .. last-1: the best, or one drawn. They are found among the logits z, as
 * log softmax(z)[j] = z[j] - max - log(sum of exp(z - max)) keeps their order. Where the search is not scored, log sum
 * is left out. With a NaN, an infinity, or nothing but -infinity, max is not finite. Then no log p of the row is above
 * -infinity, and the hypothesis is not continued. */
static void continue_rows(void *context, size_t first, size_t last) {
    Search *s = context;
    const size_t V = s->hyper.vocab;
    for (size_t r = first; r < last; r++) {
        Candidate *best = s->candidates + r * s->each;
        const uint32_t slot = s->row_slot[r];
        const Unfinished h = {s->tokens + slot * s->capacity, s->length, s->sentences[slot / s->options.beam].place,
                              slot};
        MixtureLogits logits = {.count = s->models};
        for (size_t i = 0; i < s->models; i++) logits.z[i] = s->logits[i] + r * V;
        logits.bound = logits.z[0];
        bool finite = s->models == 1 || mixture_prepare(&logits, s->bounds + r * V, V);
        real max;
        const size_t count = search_continue(&s->options, best, s->each, &logits, V, h, &max);
        if (s->models == 1) {
            logits.max[0] = (double)max;
            if (is_scored(s)) logits.log_sum[0] = log((double)vector_exp_sum(NULL, logits.z[0], max, V));
            finite = isfinite(max);
        }
        if (!finite) s->row_probability[r] = -INFINITY;
        for (size_t i = 0; i < count; i++)
            best[i].log_probability =
                s->row_probability[r] + (best[i].log_probability - logits.max[0] - logits.log_sum[0]);
        s->candidate_count[r] = count;
    }
}

uint32_t search_shown(uint32_t code) {
    if (code == '\n' || code == '\r') return ' ';
    const bool control = (code < ' ' && code != '\t') || (code >= 0x7F && code < 0xA0);
    return code < UTF8_BAD && !control ? code : 0xFFFD;
}

void search_text(const Tokenizer *tokenizer, char **text, const Translation *translation) {
    char *said = NULL;
    tokenizer_decode(tokenizer, &said, translation->ids, translation->length);
    for (size_t at = 0; at < stbds_arrlenu(said);) {
        char bytes[UTF8_LONGEST];
        uint32_t code;
        at += utf8_decode(&code, said + at, stbds_arrlenu(said) - at);
        const size_t size = utf8_encode(bytes, search_shown(code));
        ds_append(*text, bytes, size);
    }
    stbds_arrfree(said);
}

/* Whether the text of this hypothesis is in s->made_text. */
static bool has_made_text(Search *s, const Translation *found) {
    stbds_arrsetlen(s->found_text, 0);
    search_text(s->tokenizer, &s->found_text, found);
    const size_t length = stbds_arrlenu(s->found_text);
    return length == stbds_arrlenu(s->made_text) && (length == 0 || memcmp(s->made_text, s->found_text, length) == 0);
}

/* One that was cut is never better than one that has finished: its score lacks the tokens that it could not say. */
static bool is_better(const Translation *a, const Translation *b) {
    return a->finished != b->finished ? a->finished : a->score > b->score;
}

/* Keeps a hypothesis of sentence b as a result: the first `length` tokens of its slot and, unless it is none (-1) or
 * </s>, one more. Where texts are compared, only the best of those with the same text is kept. */
static void finish(Search *s, size_t b, uint32_t slot, size_t length, int32_t token, double log_probability) {
    Sentence *sentence = &s->sentences[b];
    Translation *found = s->found + b * s->options.beam;
    int32_t *ids = s->found_ids + (b * s->options.beam + sentence->found) * s->capacity;
    const bool finished = token == TOKEN_END;
    for (size_t i = 0; i < length; i++) ids[i] = s->tokens[slot * s->capacity + i];
    if (token >= 0 && !finished) ids[length++] = token;
    if (!is_scored(s) && log_probability > -INFINITY) log_probability = NAN;
    Translation made = {ids, length, log_probability, search_score(&s->options, log_probability, length + finished),
                        finished};
    size_t at = sentence->found;
    if (compares_texts(s)) {
        stbds_arrsetlen(s->made_text, 0);
        search_text(s->tokenizer, &s->made_text, &made);
        for (at = 0; at < sentence->found && !has_made_text(s, &found[at]); at++) {
        }
    }
    if (at == sentence->found) {
        sentence->found++;
    } else {
        if (!is_better(&made, &found[at])) return;
        made.ids = memmove((int32_t *)(uintptr_t)found[at].ids, ids, length * sizeof *ids);
    }
    for (; at > 0 && is_better(&made, &found[at - 1]); at--) found[at] = found[at - 1];
    found[at] = made;
}

/* None of the unfinished hypotheses, of which the best has this log p, can become one of the n_best. */
static bool decided(const Search *s, size_t b, double log_probability) {
    const Sentence *sentence = &s->sentences[b];
    const size_t n = s->options.n_best;
    return sentence->found >= n &&
           s->found[b * s->options.beam + n - 1].score >= search_score(&s->options, log_probability, sentence->limit);
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
            count = candidates_insert(best, count, most, s->candidates[r * s->each + i]);
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

/* Ends the search of sentence b. Unfinished hypotheses become results: all of them where none has finished, else only
 * those that are wanted for n_best. */
static void end(Search *s, size_t b, size_t row, const Candidate *unfinished, size_t count, bool stuck, size_t length) {
    Sentence *sentence = &s->sentences[b];
    const size_t k = s->options.beam, most = sentence->found > 0 ? s->options.n_best : k;
    for (size_t i = 0; i < count && sentence->found < most; i++)
        finish(s, b, unfinished[i].slot, length, unfinished[i].token, unfinished[i].log_probability);
    for (size_t i = 0; stuck && i < sentence->live && sentence->found < most; i++)
        if (most == k || isfinite(s->row_probability[row + i]))
            finish(s, b, s->live[b * k + i].slot, length, -1, s->row_probability[row + i]);
    sentence->live = 0;
}

/* Takes sentence b, whose hypotheses are the step's rows from `row` on and have `length` tokens, one token further. A
 * hypothesis whose text is there already leaves its place in the beam to the next best. */
static void advance(Search *s, size_t b, size_t row, size_t length) {
    const size_t k = s->options.beam;
    Sentence *sentence = &s->sentences[b];
    Candidate chosen[2 * SEARCH_MAX_BEAM];
    const size_t width = k - sentence->found, count = best_of(s, chosen, compares_texts(s) ? 2 * k : width, b, row);
    const bool last = length + 1 == sentence->limit;
    size_t unfinished = 0, places = width;
    if (s->watch) report(s, b, row, length, width);
    for (size_t i = 0; i < count && (places > 0 || last); i++) {
        const Candidate c = chosen[i];
        const size_t before = sentence->found;
        if (c.token != TOKEN_END) {
            chosen[unfinished++] = c; /* at the limit, all of them: some may have the same text */
            places -= places > 0;
        } else if (places > 0) {
            finish(s, b, c.slot, length, c.token, c.log_probability);
            places -= sentence->found - before;
        }
    }
    if (unfinished > 0 && !last && !decided(s, b, chosen[0].log_probability))
        continue_with(s, b, chosen, unfinished, length);
    else
        end(s, b, row, chosen, unfinished, count == 0, length);
    if (s->on_long && length + 1 == sentence->long_at && sentence->live > 0) s->on_long(s->long_context, b, length + 1);
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
    s->B = 0;
    for (size_t i = 0; i < s->models; i++)
        if (!session_begin(s->sessions[i], source, k, capacity, err)) return false;
    begin(s, source, capacity);
    for (size_t t = 0;; t++) {
        const size_t R = gather_rows(s);
        if (R == 0) break;
        s->length = t;
        for (size_t i = 0; i < s->models; i++)
            if (!(s->logits[i] = session_step(s->sessions[i], s->row_slot, s->row_token, R, t, err))) return false;
        rows_run(s->pool, "candidates", R, s->hyper.vocab, continue_rows, s);

        s->copy_count = 0;
        for (size_t b = 0, row = 0; b < s->B; b++) {
            const size_t live = s->sentences[b].live;
            if (live > 0) advance(s, b, row, t);
            row += live;
        }
        for (size_t i = 0; i < s->models; i++) session_copy(s->sessions[i], s->copies, s->copy_count, t + 1);
    }
    for (size_t b = 0; b < s->B; b++) out[b] = s->found[b * k];
    return true;
}

const Translation *search_hypotheses(const Search *s, size_t b, size_t *count) {
    CHECK(b < s->B, "a sentence of the last run");
    *count = s->sentences[b].found;
    return s->found + b * s->options.beam;
}
