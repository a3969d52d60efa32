#include "cli/reranking.h"

bool reranking_open(Reranking *r, const Command *command, const RerankingModel *models, size_t count, Pool *pool,
                    Error *err) {
    *r = (Reranking){.reranker = count > 0 ? reranker_create() : NULL};
    for (size_t i = 0; i < count; i++) {
        ModelFile *file = &r->files[i];
        if (!options_open_model(command, file, models[i].path, err)) return false;
        r->count++;
        if (!(r->tokenizers[i] = modelfile_tokenizer(file, err))) return false;
        r->scorers[i] = scorer_create(&file->params, file->w, r->tokenizers[i], pool, NULL);
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
