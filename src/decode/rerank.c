#include "decode/rerank.h"

#include <math.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/ds.h"
#include "base/size.h"
#include "eval/score.h"

struct Reranker {
    Scorer *scorers[RERANK_MOST_VALUES];
    bool reverse[RERANK_MOST_VALUES], unsound[RERANK_MOST_VALUES];
    size_t values;
    double weights[RERANK_MOST_VALUES];
    /* All stb_ds arrays, kept from run to run: of every hypothesis. */
    TranslatorHypothesis *before, *after; /* as they came, in order */
    double *value_before, *value;         /* (values) of each */
    Text *source, *target;
    PairScore *scores;
};

Reranker *reranker_create(void) {
    Reranker *r = memory_new(1, sizeof *r);
    r->values = 2;
    r->weights[0] = 1;
    return r;
}

void reranker_free(Reranker *r) {
    if (!r) return;
    stbds_arrfree(r->before);
    stbds_arrfree(r->after);
    stbds_arrfree(r->value_before);
    stbds_arrfree(r->value);
    stbds_arrfree(r->source);
    stbds_arrfree(r->target);
    stbds_arrfree(r->scores);
    free(r);
}

void reranker_add(Reranker *r, Scorer *scorer, bool reverse) {
    CHECK(r->values < RERANK_MOST_VALUES, "there is room for another model");
    const size_t at = r->values++ - 1; /* the tokens stay the last */
    r->scorers[at] = scorer, r->reverse[at] = reverse;
    r->weights[at] = 1;
}

size_t reranker_values(const Reranker *r) { return r->values; }

void reranker_set_weights(Reranker *r, const double *weights) {
    for (size_t i = 0; i < r->values; i++) r->weights[i] = weights[i];
}

/* ---- The best of a text's hypotheses ---- */

/* Their scores, out (count), from value (count, values). A value that none of them has, -INFINITY for all, counts for
 * none; nor does one with weight 0. */
static void sum_up(double *out, const double *weights, const double *value, size_t values, size_t count) {
    for (size_t h = 0; h < count; h++) out[h] = 0;
    for (size_t i = 0; i < values; i++) {
        bool any = false;
        for (size_t h = 0; h < count; h++) any = any || isfinite(value[h * values + i]);
        for (size_t h = 0; any && weights[i] != 0 && h < count; h++) {
            const double one = value[h * values + i];
            out[h] += isfinite(one) ? weights[i] * one : -INFINITY;
        }
    }
}

/* Whether a hypothesis comes before another that the search had before it. */
static bool comes_before(double score, bool cut, double other, bool other_cut) {
    return cut != other_cut ? other_cut : score > other;
}

static void put_in_order(size_t *order, const double *score, const TranslatorHypothesis *h, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t at = i;
        for (; at > 0 && comes_before(score[i], h[i].cut > 0, score[order[at - 1]], h[order[at - 1]].cut > 0); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

/* ---- A run ---- */

static bool score_all(Reranker *r, Error *err) {
    const size_t count = stbds_arrlenu(r->before), values = r->values;
    stbds_arrsetlen(r->scores, count);
    stbds_arrsetlen(r->value_before, count * values);
    for (size_t i = 1; i + 1 < values; i++) {
        const Text *from = r->reverse[i] ? r->target : r->source, *to = r->reverse[i] ? r->source : r->target;
        if (!scorer_run(r->scorers[i], from, to, count, r->scores, err)) return false;
        r->unsound[i] = false;
        for (size_t h = 0; h < count; h++) {
            r->value_before[h * values + i] = r->scores[h].log_probability;
            r->unsound[i] = r->unsound[i] || r->scores[h].flaw == SCORING_NOT_FINITE;
        }
    }
    for (size_t h = 0; h < count; h++) {
        r->value_before[h * values] = r->before[h].log_probability;
        r->value_before[h * values + values - 1] = (double)r->before[h].tokens;
    }
    return true;
}

bool reranker_run(Reranker *r, const Text *texts, TranslatorResult *results, size_t count, Error *err) {
    stbds_arrsetlen(r->before, 0);
    stbds_arrsetlen(r->source, 0);
    stbds_arrsetlen(r->target, 0);
    for (size_t i = 0; i < count; i++)
        for (size_t h = 0; h < results[i].count; h++) {
            const TranslatorHypothesis *one = &results[i].hypotheses[h];
            stbds_arrput(r->before, *one);
            stbds_arrput(r->source, texts[i]);
            stbds_arrput(r->target, ((Text){one->bytes, one->length}));
        }
    if (!score_all(r, err)) return false;
    const size_t values = r->values;
    stbds_arrsetlen(r->after, stbds_arrlenu(r->before));
    stbds_arrsetlen(r->value, stbds_arrlenu(r->value_before));
    for (size_t i = 0, first = 0; i < count; first += results[i++].count) {
        double score[SEARCH_MAX_BEAM];
        size_t order[SEARCH_MAX_BEAM];
        sum_up(score, r->weights, r->value_before + first * values, values, results[i].count);
        put_in_order(order, score, r->before + first, results[i].count);
        for (size_t h = 0; h < results[i].count; h++) {
            const size_t from = first + order[h];
            r->after[first + h] = r->before[from];
            r->after[first + h].score = score[order[h]];
            for (size_t v = 0; v < values; v++) r->value[(first + h) * values + v] = r->value_before[from * values + v];
        }
        results[i].hypotheses = r->after + first;
        results[i].bytes = r->after[first].bytes, results[i].length = r->after[first].length;
    }
    return true;
}

const double *reranker_value(const Reranker *r, const TranslatorHypothesis *hypothesis) {
    return r->value + (size_t)(hypothesis - r->after) * r->values;
}

bool reranker_is_unsound(const Reranker *r, size_t model) { return r->unsound[model + 1]; }

/* ---- Weights ---- */

void rerank_list_free(RerankList *list) {
    stbds_arrfree(list->value);
    stbds_arrfree(list->cut);
    stbds_arrfree(list->counts);
    stbds_arrfree(list->start);
}

size_t rerank_best(const RerankList *list, const double *weights, size_t sentence) {
    const size_t first = list->start[sentence], count = list->start[sentence + 1] - first;
    double score[SEARCH_MAX_BEAM];
    size_t best = 0;
    sum_up(score, weights, list->value + first * list->values, list->values, count);
    for (size_t h = 1; h < count; h++)
        if (comes_before(score[h], list->cut[first + h], score[best], list->cut[first + best])) best = h;
    return first + best;
}

double rerank_bleu(const RerankList *list, const double *weights) {
    NgramCounts sum = {{0}, {0}, {0}};
    for (size_t i = 0; i + 1 < stbds_arrlenu(list->start); i++)
        ngrams_add(&sum, &list->counts[rerank_best(list, weights, i)]);
    return score_value((ScoreOptions){.metric = SCORE_BLEU}, &sum);
}

/* Moves one weight by a step, as long as BLEU becomes better. Returns whether it did. */
static bool move(const RerankList *list, double *weights, size_t i, double step, double *bleu) {
    bool moved = false;
    for (;;) {
        const double before = weights[i];
        weights[i] += step;
        const bool allowed = i + 1 == list->values || weights[i] >= 0;
        const double now = allowed ? rerank_bleu(list, weights) : -1;
        if (!(now > *bleu)) {
            weights[i] = before;
            return moved;
        }
        *bleu = now;
        moved = true;
    }
}

double rerank_tune(const RerankList *list, double weights[RERANK_MOST_VALUES]) {
    static const double steps[] = {0.5, 0.25, 0.125, 0.0625, 0.03125}; /* exact in binary, short in decimal */
    for (size_t i = 0; i < list->values; i++) weights[i] = i == 0;
    double bleu = rerank_bleu(list, weights);
    for (size_t s = 0; s < COUNT(steps); s++)
        for (bool moved = true; moved;) {
            moved = false;
            for (size_t i = 1; i < list->values; i++)
                for (int sign = 1; sign >= -1; sign -= 2)
                    moved = move(list, weights, i, sign * steps[s], &bleu) || moved;
        }
    return bleu;
}
