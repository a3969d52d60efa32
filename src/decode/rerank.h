/* Reranking: the hypotheses of a search in another order, by what other models think of them.
 *
 *     score(translation) = sum over i of weight[i] value[i]
 *
 *     value[0]       the search's own log probability
 *     value[1 ..]    the log probability by each other model (decode/scoring.h): log p(translation | source), or, of a
 *                    model of the other direction, log p(source | translation)
 *     the last one   the translation's tokens, as the search counts them
 *
 * The other models may have any vocabulary, because they score the texts. A translation for which a model has no score
 * comes behind those that have all scores. A translation that was cut comes behind those that ended. */
#pragma once

#include "decode/scoring.h"
#include "decode/translator.h"
#include "eval/ngrams.h"

enum { RERANK_MOST_MODELS = 8, RERANK_MOST_VALUES = RERANK_MOST_MODELS + 2 };

typedef struct Reranker Reranker;

/* Free with reranker_free. */
Reranker *reranker_create(void);
void reranker_free(Reranker *reranker); /* NULL is fine */

/* One more model, with weight 1; at most RERANK_MOST_MODELS. reverse: it translates the other way. The scorer must
 * outlive the reranker. */
void reranker_add(Reranker *reranker, Scorer *scorer, bool reverse);

/* How many values a translation has. Their weights are at first 1 for log probabilities, and 0 for tokens. */
size_t reranker_values(const Reranker *reranker);
void reranker_set_weights(Reranker *reranker, const double *weights);

/* Puts the hypotheses of results (count) in order, the best first, each with its new score. What the results point to
 * then lives until the next run. value: (values) of a hypothesis of the last run. */
bool reranker_run(Reranker *reranker, const Text *texts, TranslatorResult *results, size_t count, Error *err);
const double *reranker_value(const Reranker *reranker, const TranslatorHypothesis *hypothesis);

/* Whether numbers of a further model (0: the one added first) were not finite in the last run, so that some of its
 * values are missing. */
bool reranker_is_unsound(const Reranker *reranker, size_t model);

/* ---- Weights ---- */

/* Translations of sentences with references. Of those that a sentence has, the first wins a tie. */
typedef struct RerankList {
    size_t values;
    double *value;       /* (hypotheses, values); a stb_ds array, as are the others */
    bool *cut;           /* (hypotheses) */
    NgramCounts *counts; /* (hypotheses) for BLEU */
    size_t *start;       /* (sentences + 1) the first hypothesis of each sentence; empty where there are none */
} RerankList;

void rerank_list_free(RerankList *list);

/* The number, in the list, of the best hypothesis of a sentence by these weights; and BLEU of all these. */
size_t rerank_best(const RerankList *list, const double *weights, size_t sentence);
double rerank_bleu(const RerankList *list, const double *weights);

/* The weights with the best BLEU that a coordinate search finds: beginning with the search's log probability alone, it
 * makes one weight after another larger or smaller by a step as long as that helps, then with smaller steps. weights[0]
 * is 1, and no model's is below 0. Returns their BLEU. */
double rerank_tune(const RerankList *list, double weights[RERANK_MOST_VALUES]);
