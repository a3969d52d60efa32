#include "cli/reranking.h"

bool reranking_open(Reranking *r, const OptionReader *reader, const RerankingModel *models, size_t count, Pool *pool,
                    Error *err) {
    *r = (Reranking){.reranker = count > 0 ? reranker_create() : NULL};
    for (size_t i = 0; i < count; i++) {
        ModelFile *file = &r->files[i];
        if (!options_open_model(reader->command, file, models[i].path, err)) return false;
        r->count++;
        if (!(r->tokenizers[i] = modelfile_tokenizer(file, err))) return false;
        r->scorers[i] = scorer_create(&file->params, file->w, r->tokenizers[i], pool, NULL,
                                      options_given(reader, "--int8") != NULL);
        reranker_add(r->reranker, r->scorers[i], models[i].reverse);
    }
    return true;
}

void reranking_close(Reranking *r) {
    reranker_free(r->reranker);
    for (size_t i = 0; i < r->count; i++) {
        scorer_free(r->scorers[i]);
        tokenizer_free(r->tokenizers[i]);
        modelfile_close(&r->files[i]);
    }
}

void reranking_check(const OptionReader *r, size_t models) {
    double numbers[RERANK_MOST_VALUES];
    if (options_given(r, "--sample") && models > 0)
        options_usage(r->command, "--sample draws one translation: expected no --rerank or --reverse with it");
    if (models > RERANK_MOST_MODELS)
        options_usage(r->command, "--rerank, --reverse: expected at most %d models, found %zu", RERANK_MOST_MODELS,
                      models);
    if (options_given(r, "--weights") && models == 0)
        options_usage(r->command, "--weights goes with --rerank or --reverse");
    if (options_given(r, "--calibration") && !options_given(r, "--confidence"))
        options_usage(r->command, "--calibration goes with --confidence");
    if (options_numbers(r, "--calibration", numbers, 2) == 1)
        options_usage(r->command, "--calibration: expected two numbers, found one");
    options_numbers(r, "--weights", numbers, RERANK_MOST_VALUES);
}

bool reranking_use_weights(Reranking *reranking, const OptionReader *r, double weights[RERANK_MOST_VALUES],
                           Error *err) {
    if (!options_given(r, "--weights")) return true;
    const size_t count = options_numbers(r, "--weights", weights, RERANK_MOST_VALUES);
    const size_t values = reranker_values(reranking->reranker);
    if (count != values)
        return error_set(err, "--weights: expected %zu numbers (of the search, of %zu model%s, of a token), found %zu",
                         values, values - 2, values == 3 ? "" : "s", count);
    reranker_set_weights(reranking->reranker, weights);
    return true;
}
