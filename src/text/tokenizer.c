#include "text/tokenizer.h"

#include <string.h>

#include "base/check.h"
#include "base/ds.h"
#include "base/memory.h"
#include "text/pieces.h"

enum { FEWEST_SLOTS = 64 };

#define NO_MERGE UINT32_MAX

/* Small: when a model is opened for a single sentence, most of the time goes into touching fresh memory. */
struct Tokenizer {
    Normalisation how;
    uint32_t *merges; /* (merge_count, 2) */
    size_t merge_count;
    char *spelling;   /* stb_ds array: the bytes of all tokens, one after another */
    uint32_t *starts; /* (vocab + 1): where each begins */
    uint16_t *slots; /* (slot_count) a hash table of the merges by their two tokens: 1 + a merge, or 0, an empty slot */
    size_t slot_count; /* a power of two, more than twice merge_count */
};

_Static_assert(TOKENIZER_VOCAB_MAX - TOKEN_FIRST_MERGE < UINT16_MAX, "a slot holds the number of any merge");

/* The slot of a pair of tokens, or the empty one where it would be, with linear probing as in base/table.h. */
static uint16_t *merge_slot(const Tokenizer *tokenizer, uint32_t left, uint32_t right) {
    const size_t mask = tokenizer->slot_count - 1;
    size_t at = (size_t)(token_pair(left, right) * 0x9E3779B97F4A7C15u >> 32) & mask;
    for (; tokenizer->slots[at]; at = (at + 1) & mask) {
        const uint32_t *merge = tokenizer->merges + 2 * (size_t)(tokenizer->slots[at] - 1);
        if (merge[0] == left && merge[1] == right) break;
    }
    return &tokenizer->slots[at];
}

static uint32_t find_merge(const Tokenizer *tokenizer, uint32_t left, uint32_t right) {
    const uint16_t slot = *merge_slot(tokenizer, left, right);
    return slot ? slot - 1u : NO_MERGE;
}

static size_t token_length(const Tokenizer *tokenizer, size_t id) {
    return tokenizer->starts[id + 1] - tokenizer->starts[id];
}

static void add_spelling(Tokenizer *tokenizer, size_t id, const char *bytes, size_t length) {
    ds_append(tokenizer->spelling, bytes, length);
    tokenizer->starts[id + 1] = (uint32_t)stbds_arrlenu(tokenizer->spelling);
}

/* Makes token 258 + i from merge i; fails if the merge is not possible. */
static bool add_merge(Tokenizer *tokenizer, size_t i, Error *err) {
    uint32_t left = tokenizer->merges[2 * i], right = tokenizer->merges[2 * i + 1];
    size_t id = TOKEN_FIRST_MERGE + i;
    if (left < TOKEN_FIRST_BYTE || right < TOKEN_FIRST_BYTE || left >= id || right >= id)
        return error_set(err, "merge %zu: expected two tokens from %d to %zu, found %u and %u", i, TOKEN_FIRST_BYTE,
                         id - 1, left, right);
    const size_t before = token_length(tokenizer, left), after = token_length(tokenizer, right);
    if (before + after > TOKEN_LONGEST)
        return error_set(err, "merge %zu: expected a token of at most %d bytes, found %zu", i, TOKEN_LONGEST,
                         before + after);
    CHECK(i + 1 < tokenizer->slot_count, "a search ends at an empty slot");
    uint16_t *slot = merge_slot(tokenizer, left, right);
    if (*slot)
        return error_set(err, "merge %zu: expected a new pair, found that of merge %d again (%u and %u)", i, *slot - 1,
                         left, right);
    *slot = (uint16_t)(i + 1);
    char bytes[TOKEN_LONGEST];
    memcpy(bytes, tokenizer->spelling + tokenizer->starts[left], before);
    memcpy(bytes + before, tokenizer->spelling + tokenizer->starts[right], after);
    add_spelling(tokenizer, id, bytes, before + after);
    return true;
}

Tokenizer *tokenizer_create(const uint32_t *merges, size_t count, Normalisation how, Error *err) {
    if (count > TOKENIZER_VOCAB_MAX - TOKEN_FIRST_MERGE)
        return error_null(err, "expected at most %d merges, found %zu", TOKENIZER_VOCAB_MAX - TOKEN_FIRST_MERGE, count);
    Tokenizer *tokenizer = memory_new(1, sizeof *tokenizer);
    tokenizer->how = how;
    tokenizer->merge_count = count;
    tokenizer->merges = memory_new(2 * count + 1, sizeof *tokenizer->merges);
    if (count > 0) memcpy(tokenizer->merges, merges, 2 * count * sizeof *merges);
    tokenizer->starts = memory_new(TOKEN_FIRST_MERGE + count + 1, sizeof *tokenizer->starts);
    tokenizer->slot_count = FEWEST_SLOTS;
    while (tokenizer->slot_count <= 2 * count) tokenizer->slot_count *= 2;
    tokenizer->slots = memory_new(tokenizer->slot_count, sizeof *tokenizer->slots);
    add_spelling(tokenizer, TOKEN_BEGIN, "<s>", 3);
    add_spelling(tokenizer, TOKEN_END, "</s>", 4);
    for (size_t byte = 0; byte < 256; byte++) add_spelling(tokenizer, TOKEN_FIRST_BYTE + byte, &(char){(char)byte}, 1);
    for (size_t i = 0; i < count; i++) {
        if (!add_merge(tokenizer, i, err)) {
            tokenizer_free(tokenizer);
            return NULL;
        }
    }
    return tokenizer;
}

void tokenizer_free(Tokenizer *tokenizer) {
    if (!tokenizer) return;
    free(tokenizer->merges);
    free(tokenizer->starts);
    free(tokenizer->slots);
    stbds_arrfree(tokenizer->spelling);
    free(tokenizer);
}

size_t tokenizer_vocab_size(const Tokenizer *tokenizer) { return TOKEN_FIRST_MERGE + tokenizer->merge_count; }

Normalisation tokenizer_normalisation(const Tokenizer *tokenizer) { return tokenizer->how; }

const uint32_t *tokenizer_merges(const Tokenizer *tokenizer, size_t *count) {
    *count = tokenizer->merge_count;
    return tokenizer->merges;
}

/* Merges the bytes of a piece into ids, and returns how many there are. The lowest merge comes first, at its leftmost
 * place, as in learning; merging[i] is the merge of ids[i] and ids[i + 1]. The time is quadratic in the length of a
 * piece, which is bounded. */
static size_t merge_piece(const Tokenizer *tokenizer, uint32_t ids[PIECE_LONGEST], const char *piece, size_t length) {
    uint32_t merging[PIECE_LONGEST];
    size_t count = length;
    for (size_t i = 0; i < count; i++) ids[i] = TOKEN_FIRST_BYTE + (unsigned char)piece[i];
    for (size_t i = 0; i + 1 < count; i++) merging[i] = find_merge(tokenizer, ids[i], ids[i + 1]);
    for (;;) {
        size_t best = 0;
        uint32_t lowest = NO_MERGE;
        for (size_t i = 0; i + 1 < count; i++) {
            if (merging[i] < lowest) lowest = merging[i], best = i;
        }
        if (lowest == NO_MERGE) return count;
        count--;
        ids[best] = TOKEN_FIRST_MERGE + lowest;
        for (size_t i = best + 1; i < count; i++) ids[i] = ids[i + 1], merging[i] = merging[i + 1];
        if (best > 0) merging[best - 1] = find_merge(tokenizer, ids[best - 1], ids[best]);
        if (best + 1 < count) merging[best] = find_merge(tokenizer, ids[best], ids[best + 1]);
    }
}

void tokenizer_encode(const Tokenizer *tokenizer, int32_t **ids, const char *text, size_t length) {
    char *spaced = NULL;
    stbds_arrput(spaced, ' ');
    normalise_text(&spaced, text, length, tokenizer->how);
    size_t end = (size_t)stbds_arrlen(spaced);
    if (end == 1) end = 0; /* an empty text has no tokens */
    for (size_t at = 0; at < end;) {
        size_t size = piece_next(spaced + at, end - at);
        uint32_t merged[PIECE_LONGEST];
        size_t count = merge_piece(tokenizer, merged, spaced + at, size);
        int32_t *out = stbds_arraddnptr(*ids, count);
        for (size_t i = 0; i < count; i++) out[i] = (int32_t)merged[i];
        at += size;
    }
    stbds_arrfree(spaced);
}

const char *tokenizer_token_bytes(const Tokenizer *tokenizer, int32_t id, size_t *length) {
    CHECK(id >= 0 && (size_t)id < tokenizer_vocab_size(tokenizer), "a token id is within the vocabulary");
    *length = token_length(tokenizer, (size_t)id);
    return tokenizer->spelling + tokenizer->starts[id];
}

void tokenizer_decode(const Tokenizer *tokenizer, char **text, const int32_t *ids, size_t count) {
    bool first = true;
    for (size_t i = 0; i < count; i++) {
        size_t length;
        const char *bytes = tokenizer_token_bytes(tokenizer, ids[i], &length);
        if (ids[i] < TOKEN_FIRST_BYTE) continue;
        size_t skip = first && bytes[0] == ' ';
        first = false;
        if (length > skip) ds_append(*text, bytes + skip, length - skip);
    }
}
