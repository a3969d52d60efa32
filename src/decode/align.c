#include "decode/align.h"

#include <stdlib.h>

#include "base/ds.h"
#include "base/memory.h"
#include "text/utf8.h"

/* Runs encoder and decoder over whole sentences and writes the cross-attention's weights into `shown`. */
static bool forced_pass(Transformer *model, const real *w, Packed source, Packed target, real *const *shown,
                        Error *err) {
    const TransformerLimits limits = {source.start[source.B], target.start[target.B], source.longest, target.longest};
    if (!transformer_reserve(model, limits, TRAINING_NONE, err)) return false;
    Pass pass = transformer_pass(model, w);
    pass.shown[ATTENTION_CROSS] = shown;
    transformer_forward(model, &pass, source, target);
    return true;
}

bool align_run(Transformer *model, const real *w, Packed source, const Translation *translations, real *shares,
               Error *err) {
    const Hyper *h = &model->params.hyper;
    const size_t B = source.B, H = h->heads, layers = h->decoder_layers;
    /* Row i of a target, which is <s> and the tokens but the last, is the one that says token i. */
    uint32_t *start = memory_new(B + 1, sizeof *start);
    size_t longest = 1, elements = 0;
    for (size_t b = 0; b < B; b++) {
        const size_t rows = translations[b].length > 0 ? translations[b].length : 1;
        start[b + 1] = start[b] + (uint32_t)rows;
        if (rows > longest) longest = rows;
        elements += H * rows * (source.start[b + 1] - source.start[b]);
    }
    int32_t *token = memory_new(start[B], sizeof *token);
    real **shown = memory_new(layers * B, sizeof *shown), **last = shown + (layers - 1) * B;
    Arena arena;
    bool ok = arena_create(&arena, elements * sizeof(real) + B * ARENA_ALIGNMENT, err);
    for (size_t b = 0; ok && b < B; b++) {
        const size_t rows = start[b + 1] - start[b], S = source.start[b + 1] - source.start[b];
        for (size_t i = 0; i < rows; i++) token[start[b] + i] = i > 0 ? translations[b].ids[i - 1] : TOKEN_BEGIN;
        last[b] = arena_push(&arena, H * rows * S, sizeof(real));
    }
    ok = ok && forced_pass(model, w, source, (Packed){B, token, start, longest}, shown, err);
    for (size_t b = 0; ok && b < B; b++) {
        const size_t count = translations[b].length * (source.start[b + 1] - source.start[b]);
        for (size_t i = 0; i < count; i++) {
            real sum = 0;
            for (size_t head = 0; head < H; head++) sum += last[b][head * count + i];
            shares[i] = sum / (real)H;
        }
        shares += count;
    }
    arena_free(&arena);
    free(start);
    free(token);
    free(shown);
    return ok;
}

/* shown: the words of the text as a translation shows it. */
static size_t split_words(const Tokenizer *tokenizer, int32_t *word, const int32_t *ids, size_t count, bool shown) {
    char *text = NULL; /* all tokens' bytes */
    size_t *end = memory_new(count + 1, sizeof *end);
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *bytes = tokenizer_token_bytes(tokenizer, ids[i], &length);
        if (ids[i] != TOKEN_BEGIN && ids[i] != TOKEN_END) ds_append(text, bytes, length);
        end[i] = stbds_arrlenu(text);
        word[i] = -1;
    }
    size_t words = 0, token = 0;
    bool inside = false;
    for (size_t at = 0, size; at < stbds_arrlenu(text); at += size) {
        uint32_t code;
        size = utf8_decode(&code, text + at, stbds_arrlenu(text) - at);
        const bool space = utf8_class(shown ? search_shown(code) : code) == UTF8_SPACE;
        words += !space && !inside;
        inside = !space;
        while (end[token] <= at) token++;
        /* A character's tokens, if it is split, are all of its word. */
        for (size_t t = token; !space && t < count && (t == token || end[t - 1] < at + size); t++)
            word[t] = (int32_t)words - 1;
    }
    stbds_arrfree(text);
    free(end);
    return words;
}

size_t align_words(const Tokenizer *tokenizer, int32_t *word, const int32_t *ids, size_t count) {
    return split_words(tokenizer, word, ids, count, false);
}

AlignedWords align_word_shares(real **out, const Tokenizer *tokenizer, const Translation *found, const real *shares,
                               const int32_t *source_word, size_t count) {
    const size_t T = found->length, S = count + 1;
    AlignedWords words = {.source_first = SIZE_MAX};
    for (size_t j = 0; j < count; j++) {
        if (source_word[j] < 0) continue;
        if (words.source_first == SIZE_MAX) words.source_first = (size_t)source_word[j];
        words.source_count = (size_t)source_word[j] + 1 - words.source_first;
    }
    if (words.source_count == 0) words.source_first = 0;
    int32_t *word = memory_new(T, sizeof *word);
    words.count = split_words(tokenizer, word, found->ids, T, true);
    const size_t cells = words.count * words.source_count;
    real *rows = cells > 0 ? stbds_arraddnptr(*out, cells) : NULL;
    for (size_t i = 0; i < cells; i++) rows[i] = 0;
    for (size_t i = 0, tokens = 0; i < T && cells > 0; i++) {
        if (word[i] < 0) continue;
        real *row = rows + (size_t)word[i] * words.source_count;
        for (size_t j = 0; j < count; j++)
            if (source_word[j] >= 0) row[(size_t)source_word[j] - words.source_first] += shares[i * S + j];
        tokens++;
        if (i + 1 < T && word[i + 1] == word[i]) continue; /* the word has more tokens */
        for (size_t j = 0; j < words.source_count; j++) row[j] /= (real)tokens;
        tokens = 0;
    }
    free(word);
    return words;
}
