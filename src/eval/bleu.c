#include "eval/bleu.h"

#include <math.h>

#include "base/ds.h"
#include "eval/tokenise.h"

/* The n-grams of a text, without white space at its end, which sacreBLEU takes off first; returns how many words it
 * has. */
static size_t list_words(Ngrams *n, NgramList *list, Text text, bool tokenise, bool lowercase) {
    tokenise_decode(&n->codes, text, lowercase);
    while (stbds_arrlenu(n->codes) > 0 && tokenise_is_space(stbds_arrlast(n->codes))) (void)stbds_arrpop(n->codes);
    if (tokenise) tokenise_13a(&n->codes);
    const size_t count = stbds_arrlenu(n->codes);
    stbds_arrsetlen(n->symbols, 0);
    for (size_t at = 0, length; (length = tokenise_word(n->codes, count, &at)) > 0; at += length)
        ngrams_put_word(n, n->codes + at, length);
    ngrams_start(list);
    ngrams_list(n, list, NGRAMS_WORDS, n->symbols, stbds_arrlenu(n->symbols), BLEU_ORDERS);
    return stbds_arrlenu(n->symbols);
}

void bleu_add(NgramCounts *counts, Ngrams *n, Text hypothesis, const Text *references, size_t count, bool tokenise,
              bool lowercase) {
    ngrams_clear(n);
    const size_t length = list_words(n, &n->hypothesis, hypothesis, tokenise, lowercase);
    size_t closest = 0, least = SIZE_MAX;
    for (size_t r = 0; r < count; r++) {
        const size_t other = list_words(n, &n->reference, references[r], tokenise, lowercase);
        const size_t distance = other > length ? other - length : length - other;
        if (distance < least || (distance == least && other < closest)) least = distance, closest = other;
        ngrams_allow(n, &n->reference);
    }
    ngrams_match(n, &n->hypothesis, counts->match);
    for (size_t k = 0; k < BLEU_ORDERS; k++) counts->hypothesis[k] += n->hypothesis.count[k];
    counts->reference[0] += closest;
}

/* BLEU = penalty * exp(mean of ln p_n over the orders n). */
BleuScore bleu_score(const NgramCounts *c, bool effective) {
    BleuScore s = {.penalty = 1, .length = c->hypothesis[0], .reference = c->reference[0]};
    if (s.length < s.reference) s.penalty = s.length ? exp(1 - (double)s.reference / (double)s.length) : 0;
    if (c->match[0] == 0) return s; /* then no higher order has a match either */
    double logarithms = 0, smoothing = 1;
    size_t orders = 0;
    for (; orders < BLEU_ORDERS && c->hypothesis[orders] > 0; orders++) {
        const double total = (double)c->hypothesis[orders];
        /* Smoothing "exp" (Chen and Cherry 2014, method 3): the k-th order without a match counts 1 / 2^k. */
        s.precision[orders] =
            c->match[orders] ? 100.0 * (double)c->match[orders] / total : 100.0 / ((smoothing *= 2) * total);
        logarithms += log(s.precision[orders]);
    }
    if (effective || orders == BLEU_ORDERS) s.score = s.penalty * exp(logarithms / (double)orders);
    return s;
}
