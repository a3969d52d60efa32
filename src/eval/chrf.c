#include "eval/chrf.h"

#include "base/ds.h"
#include "eval/tokenise.h"

static bool is_punctuation(uint32_t c) {
    return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
}

static void list_text(Ngrams *n, NgramList *list, Text text, bool words, bool lowercase) {
    tokenise_decode(&n->codes, text, lowercase);
    uint32_t *codes = n->codes;
    const size_t count = stbds_arrlenu(codes);
    stbds_arrsetlen(n->symbols, 0);
    for (size_t at = 0, length; words && (length = tokenise_word(codes, count, &at)) > 0; at += length) {
        /* A punctuation character at the end, or else one at the start, is a word of its own: "(hi)" gives "(hi" and
         * ")". */
        size_t first = length;
        if (length > 1 && is_punctuation(codes[at + length - 1]))
            first = length - 1;
        else if (length > 1 && is_punctuation(codes[at]))
            first = 1;
        ngrams_put_word(n, codes + at, first);
        if (first < length) ngrams_put_word(n, codes + at + first, length - first);
    }
    size_t characters = 0;
    for (size_t i = 0; i < count; i++)
        if (!tokenise_is_space(codes[i])) codes[characters++] = codes[i];
    ngrams_start(list);
    ngrams_list(n, list, NGRAMS_CHARACTERS, codes, characters, CHRF_CHARACTER_ORDERS);
    if (words) ngrams_list(n, list, NGRAMS_WORDS, n->symbols, stbds_arrlenu(n->symbols), CHRF_WORD_ORDERS);
}

void chrf_add(NgramCounts *counts, Ngrams *n, Text hypothesis, const Text *references, size_t count, bool words,
              bool lowercase) {
    ngrams_clear(n);
    list_text(n, &n->hypothesis, hypothesis, words, lowercase);
    NgramCounts best = {{0}, {0}, {0}};
    double highest = -1;
    for (size_t r = 0; r < count; r++) {
        NgramCounts one = {{0}, {0}, {0}};
        list_text(n, &n->reference, references[r], words, lowercase);
        ngrams_allow(n, &n->reference);
        ngrams_match(n, &n->hypothesis, one.match);
        ngrams_forbid(n, &n->reference);
        for (size_t k = 0; k < n->reference.orders; k++) {
            one.reference[k] = n->reference.count[k];
            one.hypothesis[k] = one.reference[k] ? n->hypothesis.count[k] : 0; /* nothing to match: not counted */
        }
        const double score = chrf_score(&one);
        if (score > highest) highest = score, best = one;
    }
    ngrams_add(counts, &best);
}

/* F = (1 + beta^2) P R / (beta^2 P + R), with P and R the means over the orders that both sides have. */
double chrf_score(const NgramCounts *c) {
    double precision = 0, recall = 0, orders = 0;
    for (size_t k = 0; k < NGRAMS_ORDERS; k++) {
        if (c->hypothesis[k] == 0 || c->reference[k] == 0) continue;
        precision += (double)c->match[k] / (double)c->hypothesis[k];
        recall += (double)c->match[k] / (double)c->reference[k];
        orders++;
    }
    if (precision + recall == 0) return 0;
    precision /= orders;
    recall /= orders;
    return 100 * (5 * precision * recall / (4 * precision + recall));
}
