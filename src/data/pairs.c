#include "data/pairs.h"

#include "base/check.h"
#include "base/ds.h"

static size_t larger(size_t a, size_t b) {
    return a > b ? a : b;
}

static void append(PairSet *pairs, const int32_t *ids) {
    size_t count = (size_t)stbds_arrlen(ids);
    uint16_t *out = stbds_arraddnptr(pairs->tokens, count + 1);
    for (size_t i = 0; i < count; i++) out[i] = (uint16_t)ids[i];
    out[count] = TOKEN_END;
    stbds_arrput(pairs->start, (size_t)stbds_arrlen(pairs->tokens));
}

PairSet pairs_encode(const Corpus *corpus, const Tokenizer *tokenizer, size_t max_length) {
    PairSet pairs = {0};
    int32_t *source = NULL, *target = NULL;
    stbds_arrput(pairs.start, 0);
    for (size_t line = 0; line < corpus->count; line++) {
        Text texts[2] = {corpus_source(corpus, line), corpus_target(corpus, line, 0)};
        stbds_arrsetlen(source, 0);
        stbds_arrsetlen(target, 0);
        tokenizer_encode(tokenizer, &source, texts[0].bytes, texts[0].length);
        tokenizer_encode(tokenizer, &target, texts[1].bytes, texts[1].length);
        size_t source_length = (size_t)stbds_arrlen(source) + 1, target_length = (size_t)stbds_arrlen(target) + 1;
        if (source_length > max_length || target_length > max_length) {
            pairs.dropped++;
            continue;
        }
        append(&pairs, source);
        append(&pairs, target);
        pairs.count++;
        pairs.longest_source = larger(pairs.longest_source, source_length);
        pairs.longest_target = larger(pairs.longest_target, target_length);
        pairs.source_tokens += source_length;
        pairs.target_tokens += target_length;
    }
    stbds_arrfree(source);
    stbds_arrfree(target);
    return pairs;
}

void pairs_free(PairSet *pairs) {
    stbds_arrfree(pairs->tokens);
    stbds_arrfree(pairs->start);
    *pairs = (PairSet){0};
}

size_t pairs_source_length(const PairSet *pairs, size_t pair) {
    return pairs->start[2 * pair + 1] - pairs->start[2 * pair];
}

size_t pairs_target_length(const PairSet *pairs, size_t pair) {
    return pairs->start[2 * pair + 2] - pairs->start[2 * pair + 1];
}
