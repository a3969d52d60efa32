/* Scoring: how likely a model finds translations that are given.
 *
 *     log p(target | source) = sum over the target's tokens, </s> included, of log p(token | source, tokens before)
 *
 * This is, to the bit, the log probability that the search (decode/search.h) has for a hypothesis of these tokens,
 * alone or in any batch, on any number of threads. The tokens are those that the tokenizer makes of the target's text.
 * The search can find the same text in other tokens; its log probability is that of the tokens it found.
 *
 * All positions of a batch are computed at once, as in a forward pass of training. */
#pragma once

#include "base/pool.h"
#include "model/knockout.h"
#include "model/parameters.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

typedef enum ScoringFlaw {
    SCORING_FINE,
    SCORING_NO_SOURCE,   /* a source without tokens, whose only translation is the empty text */
    SCORING_LONG_SOURCE, /* more tokens than the model takes: the search would have cut it into parts */
    SCORING_LONG_TARGET, /* more tokens than the model can say */
    SCORING_NOT_FINITE,  /* the model's numbers */
} ScoringFlaw;

/* All it points to lives until the next run. Where there is a flaw: -INFINITY, and no tokens. A pair of empty texts is
 * fine: 0, and no tokens. */
typedef struct PairScore {
    double log_probability;
    size_t tokens;                   /* of the target, </s> included */
    const int32_t *ids;              /* (tokens) */
    const double *log_probabilities; /* (tokens) of each; their sum, from the first on, is log_probability */
    ScoringFlaw flaw;
} PairScore;

typedef struct Scorer Scorer;

/* All arguments must outlive it, and w stay as it is. knockout: what the model is run without, except the mask; NULL:
 * nothing. int8: with weights in 8-bit integers (math/matmul.h). Free with scorer_free. */
Scorer *scorer_create(const Parameters *params, const real *w, const Tokenizer *tokenizer, Pool *pool,
                      const Knockout *knockout, bool int8);
void scorer_free(Scorer *scorer); /* NULL is fine */

/* From now on, scores are those of one more model together with those before (decode/mixture.h). It has the same
 * vocabulary. If its max_length is smaller, it becomes the limit for all models. At most MIXTURE_MOST models. */
void scorer_add(Scorer *scorer, const Parameters *params, const real *w);

/* Scores pairs: scores (count). Fails when there is no memory for a large block. */
bool scorer_run(Scorer *scorer, const Text *sources, const Text *targets, size_t count, PairScore *scores, Error *err);
