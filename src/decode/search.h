/* Translation of a batch of source sentences: greedy and beam search, over the model's incremental decoder.
 *
 * The search (k = beam). A sentence has at most k hypotheses. At each position every unfinished one is continued by
 * every token except <s>. Of all these continuations, k minus the number of finished hypotheses are kept: those with
 * the highest log p = sum over tokens of log p(token | source, tokens before). One that ends in </s> has finished. So
 * the beam narrows as hypotheses finish, and beam 1 is greedy search. Of equals, the one of the better hypothesis
 * before comes first, then the lower token.
 *
 * Finished hypotheses are compared by   score = log p / n^alpha,   n tokens, </s> included (alpha = 0: log p).
 *
 * A sentence's search ends when
 *   - no hypothesis is unfinished (k have finished), or
 *   - no unfinished one can become one of the n_best: log p only falls, and n grows up to the limit, so
 *     log p / limit^alpha is the most it can attain; the n_best-th finished score is at least that; or
 *   - the limit is reached. The unfinished ones then count only if nothing has finished; or
 *   - the model's numbers are not finite: the same, with log p = -INFINITY.
 *
 * Options forbid continuations (a token that would repeat an n-gram, </s> too early, what is not the wanted prefix);
 * what is left keeps the probability the model gives it. Sampling, with beam 1, draws each token instead of taking the
 * best: among the top_k most likely that are allowed, with probabilities proportional to p^(1 / temperature). The draw
 * is a function of the seed, of the place of the sentence (SearchPlace) and of the position.
 *
 * Sentences do not see each other: bits of a translation depend neither on the batch nor on the number of threads. A
 * sentence whose search has ended is not part of later steps. */
#pragma once

#include "base/fields.h"
#include "model/pass.h"

enum { SEARCH_MAX_BEAM = 64 };

/* search_fields and search_more_fields, below, have the bounds and defaults. */
typedef struct SearchOptions {
    size_t beam;         /* k; 1: greedy */
    size_t n_best;       /* the number of hypotheses wanted of a sentence, at most beam */
    double length_alpha; /* larger favours longer translations */
    /* The limit, in tokens with </s>: max_ratio * source tokens + max_extra, at most the model's max_length. */
    double max_ratio;
    size_t max_extra;
    /* All the rest: 0 or NULL is off. */
    size_t max_length;      /* the limit is at most this */
    size_t min_length;      /* fewest tokens before </s>; less than max_length and the model's max_length. Raises the
                               limit where needed */
    size_t no_repeat_ngram; /* no n tokens in a row occur twice in a hypothesis */
    const int32_t *prefix;  /* (prefix_length) every hypothesis begins with these. Raises the limit where needed. They
                               must  outlive the Search */
    size_t prefix_length;   /* less than the model's max_length */
    bool sample;            /* beam is 1 */
    double temperature;     /* 0: 1 */
    size_t top_k;           /* equals of the last are in */
    uint64_t seed;
} SearchOptions;

/* The options that a model keeps, as [decode] of a config and nmt.decode.NAME of a model file, and the others. A new
 * one of the first needs a default that means the old behaviour, because files without the key get the default. */
extern const Field search_fields[], search_more_fields[];

/* What sentence of a run it is: part of a text, from 0 on. A prefix is for the first part of a text alone. */
typedef struct SearchPlace {
    uint64_t text;
    uint32_t part;
} SearchPlace;

typedef struct Translation {
    const int32_t *ids;     /* (length) without </s> */
    size_t length;          /* less than the limit, or equal where not finished */
    double log_probability; /* that of </s> included; -INFINITY: the model's numbers were not finite */
    double score;
    bool finished; /* ended by </s> */
} Translation;

/* Checks every option, for a model of this shape; `where` begins the message (a file's name). */
bool search_check(const SearchOptions *options, const Hyper *hyper, const char *where, Error *err);

typedef struct Search Search;

/* The options have passed search_check for this model. The parameters, their block w and the pool must outlive it; w
 * must stay as it is. Free with search_free. */
Search *search_create(const Parameters *params, const real *w, Pool *pool, SearchOptions options);
void search_free(Search *search); /* NULL is fine */

/* From now on the place of sentence b of a run is place[b]; NULL (as at first): it is the first part of text b. */
void search_places(Search *search, const SearchPlace *place);

/* The most tokens, </s> included, that a translation of a sentence with source_tokens at that place may have. A run has
 * room for the keys and values of beam times the largest of these for each sentence. */
size_t search_limit(const Search *search, size_t source_tokens, SearchPlace place);

/* A continuation that was considered at a position. */
typedef struct SearchConsidered {
    int32_t token;
    size_t parent;          /* the number, from 0 on, of the hypothesis it continues, among those of the position before
                               that were kept and have not finished */
    double log_probability; /* the sum so far */
    bool kept;              /* it is continued, or has finished (token is </s>) */
} SearchConsidered;

/* Called for each sentence b and position with the best 2 k continuations (or fewer), the best first: those kept and
 * the next best. */
typedef void SearchWatch(void *context, size_t b, size_t position, const SearchConsidered *list, size_t count);

/* From now on runs call `watch`; NULL (as at first): they do not. Translations have the same bits either way. */
void search_watch(Search *search, SearchWatch *watch, void *context);

/* Translates: out (B), the best of each sentence. Sentences have 1 to max_length tokens, </s> included. The results
 * belong to the Search and live until its next run. Memory grows with the largest batch so far; fails when there is no
 * more for the model's numbers, kept keys and values among them. Without memory for the lists of hypotheses, which are
 * smaller, the process ends (base/memory.h). */
bool search_run(Search *search, Packed source, Translation *out, Error *err);

/* All hypotheses of sentence b of the last run that finished (or, where none has, the unfinished), the best first.
 * The first n_best of them are certain, the others are what was found on the way. At least one. */
const Translation *search_hypotheses(const Search *search, size_t b, size_t *count);
