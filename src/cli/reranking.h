/* The models of --rerank and --reverse, opened, and what reranks with them. */
#pragma once

#include "cli/options.h"
#include "decode/modelfile.h"
#include "decode/rerank.h"

/* What an option --rerank or --reverse says. */
typedef struct RerankingModel {
    char *path;
    bool reverse;
} RerankingModel;

typedef struct Reranking {
    ModelFile files[RERANK_MOST_MODELS];
    Tokenizer *tokenizers[RERANK_MOST_MODELS];
    Scorer *scorers[RERANK_MOST_MODELS];
    size_t count;
    Reranker *reranker; /* NULL: there are no models */
} Reranking;

/* Refuses, by options_usage, what does not go with this number of models, and numbers that are none. */
void reranking_check(const OptionReader *reader, size_t models);

/* Opens the models (count). Release with reranking_close, also after a failure. */
bool reranking_open(Reranking *reranking, const OptionReader *reader, const RerankingModel *models, size_t count,
                    Pool *pool, Error *err);
void reranking_close(Reranking *reranking);

/* Uses the numbers of --weights, if they are given; weights: room for them. Fails when there are too few or too many.
 */
bool reranking_use_weights(Reranking *reranking, const OptionReader *reader, double weights[RERANK_MOST_VALUES],
                           Error *err);
