#include "train/film.h"

#include <math.h>
#include <stdlib.h>

#include "base/ds.h"
#include "base/size.h"
#include "decode/align.h"

enum {
    PAIRS_COUNTED = 50000, /* training pairs among which words are counted: enough to find the frequent ones */
    DENSE_STEPS = 4,       /* between the first frames */
    SHORT = 16,            /* tokens of a side that a picture has room for */
};

/* ---- The cast ---- */

/* Whether the token is a word: a space, and letters. */
static bool is_word(const Tokenizer *tokenizer, int32_t id) {
    size_t length, letters = 0;
    const char *bytes = tokenizer_token_bytes(tokenizer, id, &length);
    if (length == 0 || bytes[0] != ' ') return false;
    for (size_t at = 1, size; at < length; at += size, letters++) {
        uint32_t code;
        size = utf8_decode(&code, bytes + at, length - at);
        if (utf8_class(code) != UTF8_LETTER) return false;
    }
    return letters >= FILM_LETTERS;
}

/* How often each token is in the sources of the training pairs. (vocabulary) */
static size_t *count_tokens(const Trainer *t) {
    const PairSet *pairs = &t->data.train;
    size_t *times = memory_new(tokenizer_vocab_size(t->data.tokenizer), sizeof *times);
    for (size_t i = 0; i < size_min(pairs->count, PAIRS_COUNTED); i++)
        for (uint64_t at = pairs->start[2 * i]; at < pairs->start[2 * i + 1]; at++) times[pairs->tokens[at]]++;
    pairs_forget(pairs);
    return times;
}

/* The most frequent words, the most frequent first; of equals, the one learned first. */
static void choose_words(Film *film, const Trainer *t) {
    const size_t vocabulary = tokenizer_vocab_size(t->data.tokenizer);
    size_t *times = count_tokens(t);
    for (size_t id = TOKEN_FIRST_MERGE; id < vocabulary; id++)
        if (times[id] > 0 && !is_word(t->data.tokenizer, (int32_t)id)) times[id] = 0;
    while (stbds_arrlenu(film->words) < FILM_WORDS) {
        size_t best = 0;
        for (size_t id = TOKEN_FIRST_MERGE; id < vocabulary; id++)
            if (times[id] > (best ? times[best] : 0)) best = id;
        if (!best) break;
        stbds_arrput(film->words, (int32_t)best);
        times[best] = 0;
    }
    free(times);
}

/* The tokens of a text, at most as many as are shown. A stb_ds array. */
static int32_t *encode(const Trainer *t, Text text) {
    int32_t *ids = NULL;
    tokenizer_encode(t->data.tokenizer, &ids, text.bytes, text.length);
    const size_t most = size_min(FILM_TOKENS, t->model.params.hyper.max_length - 1); /* </s> is one more */
    if (stbds_arrlenu(ids) > most) stbds_arrsetlen(ids, most);
    return ids;
}

/* The longest that a picture has room for; else the shortest. */
static void choose_shown(Film *film, const Trainer *t) {
    size_t best = 0;
    film->shown = SAMPLES;
    for (size_t i = 0; i < measure_sample_count(t); i++) {
        const size_t line = measure_sample_line(t, i);
        int32_t *source = encode(t, corpus_source(&t->data.valid_lines, line));
        int32_t *target = encode(t, corpus_target(&t->data.valid_lines, line));
        const size_t length = size_max(stbds_arrlenu(source), stbds_arrlenu(target));
        if (stbds_arrlenu(source) > 0 && stbds_arrlenu(target) > 0 &&
            (film->shown == SAMPLES || (length <= SHORT ? best > SHORT || length > best : length < best))) {
            film->shown = i;
            best = length;
        }
        stbds_arrfree(source);
        stbds_arrfree(target);
    }
}

Film film_create(const Trainer *t) {
    Film film = {0};
    choose_words(&film, t);
    choose_shown(&film, t);
    return film;
}

void film_free(Film *film) {
    stbds_arrfree(film->words);
    *film = (Film){0};
}

bool film_is_due(uint64_t step) {
    uint64_t gap = DENSE_STEPS;
    while (gap * 16 <= step) gap *= 2;
    return step % gap == 0;
}

/* ---- A frame ---- */

static void put_bytes(Json *out, const char *key, const unsigned char *bytes, size_t count) {
    json_key(out, key);
    stbds_arrput(out->text, '"');
    json_base64(&out->text, bytes, count);
    stbds_arrput(out->text, '"');
    out->separate = true;
}

/* The words of the tokens' text, those that white space separates: `count` from number `first` on. */
static void put_words(Json *out, const char *key, const Tokenizer *tokenizer, const int32_t *ids, size_t first,
                      size_t count) {
    char *text = NULL;
    tokenizer_decode(tokenizer, &text, ids, stbds_arrlenu(ids));
    Text rest = {text, stbds_arrlenu(text)};
    json_write(json_key(out, key), "[");
    for (size_t i = 0; i < first + count; i++) {
        const Text word = utf8_word(&rest);
        if (i >= first && word.length > 0) json_string(out, word.bytes, word.length);
    }
    json_write(out, "]");
    stbds_arrfree(text);
}

static unsigned char share_byte(real share) {
    return share > 0 ? (unsigned char)(255 * fmin((double)share, 1) + 0.5) : 0;
}

/* The cross-attention of the sentence, from the tokens' shares. */
static void put_attention(Json *out, const Film *film, const Tokenizer *tokenizer, const int32_t *source,
                          const int32_t *target, const real *shares) {
    const size_t S = stbds_arrlenu(source);
    const Translation said = {.ids = target, .length = stbds_arrlenu(target)};
    int32_t *word = memory_new(S, sizeof *word);
    real *by_word = NULL;
    align_words(tokenizer, word, source, S);
    const AlignedWords words = align_word_shares(&by_word, tokenizer, &said, shares, word, S);
    const size_t cells = stbds_arrlenu(by_word);
    unsigned char *bytes = memory_new(cells + 1, 1);
    for (size_t i = 0; i < cells; i++) bytes[i] = share_byte(by_word[i]);
    json_write(out, "shown: %zu", film->shown);
    put_words(out, "source", tokenizer, source, words.source_first, words.source_count);
    put_words(out, "target", tokenizer, target, 0, words.count);
    put_bytes(out, "attention", bytes, cells);
    free(bytes);
    free(word);
    stbds_arrfree(by_word);
}

static bool show_attention(Json *out, const Film *film, const Trainer *t, Error *err) {
    if (film->shown == SAMPLES) {
        json_write(out, "shown: null");
        return true;
    }
    const size_t line = measure_sample_line(t, film->shown);
    int32_t *source = encode(t, corpus_source(&t->data.valid_lines, line));
    int32_t *target = encode(t, corpus_target(&t->data.valid_lines, line));
    const size_t S = stbds_arrlenu(source) + 1, T = stbds_arrlenu(target);
    stbds_arrput(source, TOKEN_END);
    const uint32_t start[] = {0, (uint32_t)S};
    const Translation reference = {.ids = target, .length = T};
    real *shares = memory_new(T * S, sizeof *shares);
    Transformer model = transformer_new(&t->model.params.hyper, (Compute){.pool = t->pool});
    const bool ok = align_run(&model, trainer_weights(t), (Packed){1, source, start, S}, &reference, shares, err);
    transformer_free(&model);
    stbds_arrsetlen(source, S - 1);
    if (ok) put_attention(out, film, t->data.tokenizer, source, target, shares);
    free(shares);
    stbds_arrfree(source);
    stbds_arrfree(target);
    return ok;
}

/* One embedding as `width` signed bytes. */
static void place(unsigned char *bytes, size_t width, const real *embedding, size_t D) {
    double folded[FILM_WIDTH] = {0}, most = 0;
    for (size_t d = 0; d < D; d++) folded[d % width] += (double)embedding[d];
    for (size_t k = 0; k < width; k++) most = fmax(most, fabs(folded[k]));
    for (size_t k = 0; k < width; k++) {
        const double share = most > 0 && isfinite(most) ? folded[k] / most : 0;
        bytes[k] = (unsigned char)(signed char)lround(isfinite(share) ? 127 * share : 0);
    }
}

static void put_places(Json *out, const Film *film, const Trainer *t) {
    const Parameters *params = &t->model.params;
    const size_t D = params->hyper.width, width = size_min(D, FILM_WIDTH), count = stbds_arrlenu(film->words);
    const real *table = trainer_weights(t) + params->encoder_embedding;
    unsigned char *bytes = memory_new(count * width + 1, 1);
    json_write(out, "words: [");
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *word = tokenizer_token_bytes(t->data.tokenizer, film->words[i], &length);
        json_string(out, word + 1, length - 1);
        place(bytes + i * width, width, table + (size_t)film->words[i] * D, D);
    }
    json_write(out, "], width: %zu", width);
    put_bytes(out, "places", bytes, count * width);
    free(bytes);
}

bool film_frame(Film *film, const Trainer *t, double loss, Json *out, Error *err) {
    if (!measure_samples(t, film->samples, &film->sample_count, err)) return false;
    json_write(out, "{step: %lld, loss: %f", (long long)t->state.step, loss);
    samples_write(out, film->samples, film->sample_count);
    const bool ok = show_attention(out, film, t, err);
    put_places(out, film, t);
    json_write(out, "}");
    return ok;
}
