/* The options of a search, and what they mean for one hypothesis: how many tokens it may have, which may come next,
 * which of them are taken, and how hypotheses are compared. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fields.h"
#include "decode/mixture.h"
#include "math/real.h"
#include "model/knockout.h"

enum {
    SEARCH_MAX_BEAM = 64,
    SEARCH_EXTRA = 10, /* tokens that max_extra = auto allows beyond what the training pairs need */
};

/* search_fields and search_more_fields, below, have the bounds and defaults. */
typedef struct SearchOptions {
    size_t beam;         /* k; 1: greedy */
    size_t n_best;       /* the number of hypotheses wanted of a sentence, at most beam */
    double length_alpha; /* larger favours longer translations */
    /* The limit, in tokens with </s>: max_ratio * source tokens + max_extra, at most the model's max_length. */
    double max_ratio;
    size_t max_extra; /* FIELD_AUTO in a config: what the training pairs need, and SEARCH_EXTRA more */
    /* All the rest: 0 or NULL is off. */
    size_t max_length;      /* the limit is at most this */
    size_t min_length;      /* fewest tokens before </s>; less than max_length and the model's max_length. Raises the
                               limit where needed */
    size_t no_repeat_ngram; /* no n tokens in a row occur twice in a hypothesis */
    const int32_t *prefix;  /* (prefix_length) every hypothesis begins with these. Raises the limit where needed. They
                               must outlive the Search */
    size_t prefix_length;   /* less than the model's max_length */
    bool unscored;      /* the caller does not need log probabilities and scores. They take time, and beam 1 with one
                           model can do without: then they are NAN (or -INFINITY, as described in search.h) */
    bool sample;        /* beam is 1 */
    double temperature; /* 0: 1 */
    size_t top_k;       /* tokens as likely as the last of them are included */
    uint64_t seed;
    bool int8;                /* with weights in 8-bit integers (math/matmul.h) */
    const Knockout *knockout; /* what the model is run without (model/knockout.h); passed knockout_check. It must
                                 outlive the Search, and may change between runs */
} SearchOptions;

/* search_fields are the options that a model keeps: [decode] in a config, and nmt.decode.NAME in a model file. Files
 * without a key get its default, so a new one needs a default, or a `before` (base/fields.h), that means the old
 * behaviour. search_more_fields are the other options. */
extern const Field search_fields[], search_more_fields[];

/* Which text, and which part of it, a sentence of a run is; both count from 0. A prefix is for the first part alone. */
typedef struct SearchPlace {
    uint64_t text;
    uint32_t part;
} SearchPlace;

/* What the options of a user mean together: sampling has beam 1, and a beam is at least n_best. only_length: of the
 * limits, max_length alone was given, so nothing else is the limit. */
void search_options_together(SearchOptions *options, bool only_length);

/* Checks every option, for a model of this shape; `where` begins the message (a file's name). */
bool search_check(const SearchOptions *options, const Hyper *hyper, const char *where, Error *err);

/* The most tokens, </s> included, that a translation of a sentence with source_tokens at that place may have. */
size_t search_limit(const SearchOptions *options, const Hyper *hyper, size_t source_tokens, SearchPlace place);

/* ---- For the search: the continuations of a hypothesis ---- */

/* A hypothesis continued by one token. If it is kept, it becomes a hypothesis whose last token the model has not read
 * yet. */
typedef struct Candidate {
    double log_probability;
    int32_t token;
    uint32_t slot; /* the hypothesis's */
} Candidate;

/* Puts a candidate into a list of the best, the best first, of at most `most`; it comes after its equals. Returns the
 * list's length. Anything that is no number, or minus infinity, is not taken. */
size_t candidates_insert(Candidate *list, size_t length, size_t most, Candidate one);

/* A hypothesis to be continued. */
typedef struct Unfinished {
    const int32_t *tokens; /* (length) without <s> */
    size_t length;
    SearchPlace place;
    uint32_t slot;
} Unfinished;

/* The continuations of a hypothesis, by the logits of its next token (V): the `most` best of those that the options
 * allow, the best first; or, when sampling, one that is drawn. Their log_probability is the logit. *max: the largest of
 * all logits (or bounds); NaN where one is. Returns how many. */
size_t search_continue(const SearchOptions *options, Candidate *best, size_t most, const MixtureLogits *logits,
                       size_t V, Unfinished hypothesis, real *max);

/* The score by which hypotheses are compared. tokens: </s> included. */
double search_score(const SearchOptions *options, double log_probability, size_t tokens);
