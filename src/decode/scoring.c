/* Pairs of similar length make a batch. Each model runs its encoder and decoder over the batch; the output layer
 * follows for a block of rows at a time, so that there are never many logits.
 *
 *     row n of the target: reads token n - 1 of its sentence, or <s>; says token n, or </s> */
#include "decode/scoring.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/ds.h"
#include "base/size.h"
#include "decode/mixture.h"
#include "math/vector.h"
#include "model/transformer.h"
#include "nn/rows.h"

enum {
    BATCH_TOKENS = 2048,    /* of both sides */
    BLOCK_LOGITS = 1 << 20, /* of a block of rows, if it has no fewer rows than ... */
    BLOCK_ROWS = 64,
};

/* Where the tokens of a pair are, in Scorer.ids: source, </s>, target, </s>. */
typedef struct Pair {
    size_t number, first, source, target; /* tokens of each side, with </s> */
} Pair;

typedef struct Model {
    Transformer transformer;
    const real *w;
    PackedWeights *packed; /* the weights of all layers */
} Model;

/* What a model says of the token that a row is to say. */
typedef struct Said {
    double logit, max, log_sum; /* log p = logit - max - log_sum */
} Said;

struct Scorer {
    Model models[MIXTURE_MOST];
    size_t model_count, max_length, vocab;
    const Tokenizer *tokenizer;
    Pool *pool;
    bool int8;
    Arena logits;
    /* All stb_ds arrays, kept from run to run. */
    int32_t *ids;
    double *log_p; /* of each of ids; only those of targets count */
    Pair *pairs;
    int32_t *source, *target;
    uint32_t *source_start, *target_start;
    int32_t *wanted; /* (Nt) the tokens to be said */
    Said *said;      /* (models, Nt) */
};

Scorer *scorer_create(const Parameters *params, const real *w, const Tokenizer *tokenizer, Pool *pool,
                      const Knockout *knockout, bool int8) {
    CHECK(!knockout || !knockout->mask, "whole sentences are run with the mask");
    Scorer *s = memory_new(1, sizeof *s);
    s->tokenizer = tokenizer, s->pool = pool, s->int8 = int8;
    s->max_length = params->hyper.max_length, s->vocab = params->hyper.vocab;
    scorer_add(s, params, w);
    s->models[0].transformer.knockout = knockout;
    return s;
}

void scorer_add(Scorer *s, const Parameters *params, const real *w) {
    CHECK(s->model_count < MIXTURE_MOST && params->hyper.vocab == s->vocab, "a model that the others go with");
    Model *m = &s->models[s->model_count++];
    m->transformer = transformer_new(&params->hyper, (Compute){.pool = s->pool});
    m->transformer.knockout = s->models[0].transformer.knockout;
    m->w = w;
    m->packed = packed_weights_create(w, params->count, s->int8);
    s->max_length = size_min(s->max_length, params->hyper.max_length);
}

void scorer_free(Scorer *s) {
    if (!s) return;
    for (size_t i = 0; i < s->model_count; i++) {
        transformer_free(&s->models[i].transformer);
        packed_weights_free(s->models[i].packed);
    }
    arena_free(&s->logits);
    stbds_arrfree(s->ids);
    stbds_arrfree(s->log_p);
    stbds_arrfree(s->pairs);
    stbds_arrfree(s->source);
    stbds_arrfree(s->target);
    stbds_arrfree(s->source_start);
    stbds_arrfree(s->target_start);
    stbds_arrfree(s->wanted);
    stbds_arrfree(s->said);
    free(s);
}

/* Appends the tokens of a text and </s>; returns how many. */
static size_t encode(Scorer *s, Text text) {
    const size_t before = stbds_arrlenu(s->ids);
    tokenizer_encode(s->tokenizer, &s->ids, text.bytes, text.length);
    stbds_arrput(s->ids, TOKEN_END);
    return stbds_arrlenu(s->ids) - before;
}

/* Tokenises a pair, which is put among those to be computed, or whose score is known. */
static PairScore begin_pair(Scorer *s, Text source, Text target, size_t number) {
    Pair pair = {.number = number, .first = stbds_arrlenu(s->ids)};
    pair.source = encode(s, source);
    pair.target = encode(s, target);
    PairScore score = {.log_probability = -INFINITY};
    if (pair.source == 1 && pair.target == 1)
        score.log_probability = 0;
    else if (pair.source == 1)
        score.flaw = SCORING_NO_SOURCE;
    else if (pair.source > s->max_length)
        score.flaw = SCORING_LONG_SOURCE;
    else if (pair.target > s->max_length)
        score.flaw = SCORING_LONG_TARGET;
    else
        stbds_arrput(s->pairs, pair);
    if (stbds_arrlenu(s->pairs) == 0 || stbds_arrlast(s->pairs).number != number) stbds_arrsetlen(s->ids, pair.first);
    return score;
}

/* Longest first, so that memory grows once; equals in the order of the pairs. */
static int longer_first(const void *a, const void *b) {
    const Pair *x = a, *y = b;
    if (x->target != y->target) return x->target > y->target ? -1 : 1;
    if (x->source != y->source) return x->source > y->source ? -1 : 1;
    return x->number < y->number ? -1 : 1;
}

/* A batch, packed. */
typedef struct Batch {
    Packed source, target;
} Batch;

/* Packs pairs from number `first` on; returns how many. */
static size_t pack(Scorer *s, size_t first, Batch *batch) {
    size_t n = 0, longest = 0;
    stbds_arrsetlen(s->source, 0);
    stbds_arrsetlen(s->target, 0);
    stbds_arrsetlen(s->wanted, 0);
    stbds_arrsetlen(s->source_start, 0);
    stbds_arrsetlen(s->target_start, 0);
    stbds_arrput(s->source_start, 0);
    stbds_arrput(s->target_start, 0);
    for (; first + n < stbds_arrlenu(s->pairs); n++) {
        const Pair *pair = &s->pairs[first + n];
        const int32_t *source = s->ids + pair->first, *target = source + pair->source;
        if (n > 0 && stbds_arrlenu(s->source) + stbds_arrlenu(s->target) + pair->source + pair->target > BATCH_TOKENS)
            break;
        longest = size_max(longest, pair->source);
        ds_append(s->source, source, pair->source);
        stbds_arrput(s->target, TOKEN_BEGIN);
        ds_append(s->target, target, pair->target - 1);
        ds_append(s->wanted, target, pair->target);
        stbds_arrput(s->source_start, (uint32_t)stbds_arrlenu(s->source));
        stbds_arrput(s->target_start, (uint32_t)stbds_arrlenu(s->target));
    }
    batch->source = (Packed){n, s->source, s->source_start, longest};
    batch->target = (Packed){n, s->target, s->target_start, s->pairs[first].target};
    return n;
}

/* Rows of logits, and where what they say of the wanted tokens goes. */
typedef struct Rows {
    real *z; /* (rows, V) */
    size_t V;
    const int32_t *wanted;
    Said *said;
} Rows;

/* The arithmetic of the search (search.c, continue_rows). */
static void look_at_rows(void *context, size_t first, size_t last) {
    const Rows *rows = context;
    for (size_t r = first; r < last; r++) {
        const real *z = rows->z + r * rows->V;
        Said *said = &rows->said[r];
        said->logit = (double)z[rows->wanted[r]];
        const real max = vector_max(z, rows->V);
        said->max = (double)max;
        said->log_sum = log((double)vector_exp_sum(NULL, z, max, rows->V));
    }
}

/* Runs one model over the batch. said: (Nt). */
static bool run_model(Scorer *s, Model *m, const Batch *batch, Said *said, Error *err) {
    const size_t Ns = batch->source.start[batch->source.B], Nt = batch->target.start[batch->target.B];
    const TransformerLimits limits = {Ns, Nt, batch->source.longest, batch->target.longest};
    const Hyper *h = &m->transformer.params.hyper;
    if (!transformer_reserve(&m->transformer, limits, TRAINING_NONE, err)) return false;
    const size_t most = size_max(BLOCK_LOGITS / h->vocab, BLOCK_ROWS);
    if (!s->logits.size && !arena_create(&s->logits, most * h->vocab * sizeof(real) + ARENA_ALIGNMENT, err))
        return false;
    arena_release(&s->logits, 0);
    real *z = arena_push(&s->logits, most * h->vocab, sizeof(real));
    Pass pass = transformer_pass(&m->transformer, m->w);
    pass.net.compute.packed = m->packed;
    const real *out = stored_floats(transformer_forward(&m->transformer, &pass, batch->source, batch->target).out);
    for (size_t n = 0; n < Nt; n += most) {
        const size_t count = size_min(most, Nt - n);
        linear_forward(pass.net.compute, z, out + n * h->width, m->w + m->transformer.params.output, NULL, count,
                       h->width, h->vocab);
        Rows rows = {z, h->vocab, s->wanted + n, said + n};
        rows_run(s->pool, "scores", count, h->vocab, look_at_rows, &rows);
    }
    return true;
}

static double log_p_of(const Said *said) { return said->logit - said->max - said->log_sum; }

/* log p of a row's token by all models; said: that of the first model, those of the others Nt apart. */
static double mixed_log_p(const Scorer *s, const Said *said, size_t Nt) {
    double log_p[MIXTURE_MOST];
    for (size_t i = 0; i < s->model_count; i++) log_p[i] = log_p_of(&said[i * Nt]);
    Said mixed = *said;
    if (s->model_count > 1) mixed.logit += mixture_shift(log_p, s->model_count);
    return log_p_of(&mixed);
}

/* The scores of the pairs of a batch: n, from number `first` on. */
static void finish(Scorer *s, size_t first, size_t n, const Packed *target, PairScore *scores) {
    const size_t Nt = target->start[n];
    for (size_t b = 0; b < n; b++) {
        const Pair *pair = &s->pairs[first + b];
        const size_t at = pair->first + pair->source;
        double sum = 0;
        for (size_t t = 0; t < pair->target; t++) {
            s->log_p[at + t] = mixed_log_p(s, &s->said[target->start[b] + t], Nt);
            sum += s->log_p[at + t];
        }
        PairScore *score = &scores[pair->number];
        if (isfinite(sum))
            *score = (PairScore){sum, pair->target, s->ids + at, s->log_p + at, SCORING_FINE};
        else
            score->flaw = SCORING_NOT_FINITE;
    }
}

bool scorer_run(Scorer *s, const Text *sources, const Text *targets, size_t count, PairScore *scores, Error *err) {
    stbds_arrsetlen(s->ids, 0);
    stbds_arrsetlen(s->pairs, 0);
    for (size_t i = 0; i < count; i++) scores[i] = begin_pair(s, sources[i], targets[i], i);
    const size_t pairs = stbds_arrlenu(s->pairs);
    if (pairs > 0) qsort(s->pairs, pairs, sizeof *s->pairs, longer_first);
    stbds_arrsetlen(s->log_p, stbds_arrlenu(s->ids));
    for (size_t first = 0, n; first < pairs; first += n) {
        Batch batch;
        n = pack(s, first, &batch);
        const size_t Nt = batch.target.start[n];
        stbds_arrsetlen(s->said, s->model_count * Nt);
        for (size_t i = 0; i < s->model_count; i++)
            if (!run_model(s, &s->models[i], &batch, s->said + i * Nt, err)) return false;
        finish(s, first, n, &batch.target, scores);
    }
    return true;
}
