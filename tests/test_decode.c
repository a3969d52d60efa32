/* Greedy and beam search over small random models, compared with searches that run the whole decoder for every prefix
 * and keep nothing. */
#include "decode/search.h"

#include <stdlib.h>

#include "base/ds.h"
#include "base/memory.h"
#include "base/rng.h"
#include "decode/align.h"
#include "decode/session.h"
#include "decode/translator.h"
#include "model/transformer.h"
#include "testlib.h"
#include "text/tokenizer.h"

enum { V = 300, P = 40, BATCH = 64, LONGEST = 12, K_MAX = 64 };

typedef struct Kind {
    NormPlace norm;
    Positions positions;
    Tying tying;
    double table, layers, end; /* how much larger the output layer's and the other weights are; bias of </s> */
} Kind;

static const Kind kinds[] = {
    {NORM_POST, POSITIONS_SINUSOIDAL, TYING_NONE, 2, 1, 3.5},
    {NORM_PRE, POSITIONS_LEARNED, TYING_NONE, 2, 1.5, 2},
    {NORM_PRE, POSITIONS_SINUSOIDAL, TYING_ALL, 2, 1.5, 1.5},
};
enum { KINDS = COUNT(kinds) };

typedef struct Model {
    Hyper hyper;
    Pool *pool;
    Transformer transformer; /* for whole forward passes */
    const Parameters *params;
    real *w;
} Model;

/* Makes the first element of the output layer's input 1 always; that of a token's weights is then its bias. */
static void set_output_bias(Model *m, real bias) {
    const LayernormParams norm = m->hyper.norm == NORM_PRE ? m->params->decoder_norm
                                                           : m->params->decoder[m->hyper.decoder_layers - 1].final_norm;
    m->w[norm.weight] = 0, m->w[norm.bias] = 1;
    for (size_t j = 0; j < V; j++) m->w[m->params->output + j * m->hyper.width] = bias;
}

/* Weights as for training, but larger, so that outputs differ, and a bias towards </s>, so that lengths do. */
static void model_make(Model *m, Kind kind, size_t threads) {
    Error err;
    m->hyper = (Hyper){.vocab = V,
                       .width = 24,
                       .heads = 3,
                       .feedforward = 40,
                       .encoder_layers = 2,
                       .decoder_layers = 3,
                       .max_length = P,
                       .norm = kind.norm,
                       .activation = ACTIVATION_RELU,
                       .tying = kind.tying,
                       .positions = kind.positions};
    EXPECT(hyper_check(&m->hyper, "test", &err));
    m->pool = pool_create(threads, &err);
    EXPECT(m->pool != NULL);
    EXPECT(transformer_create(&m->transformer, &m->hyper, (Compute){.pool = m->pool}, (TransformerLimits){P, P, P, P},
                              TRAINING_NONE, &err));
    m->params = &m->transformer.params;
    m->w = memory_new(m->params->count, sizeof *m->w);
    parameters_init(m->params, m->w, 7);
    for (size_t t = 0; t < m->params->tensor_count; t++) {
        const Tensor *tensor = &m->params->tensors[t];
        const bool table = tensor->offset == m->params->output;
        if (tensor->init != INIT_NORMAL && tensor->init != INIT_UNIFORM) continue;
        for (size_t i = 0; i < tensor->count; i++) m->w[tensor->offset + i] *= (real)(table ? kind.table : kind.layers);
    }
    set_output_bias(m, 0);
    m->w[m->params->output + TOKEN_END * m->hyper.width] = (real)kind.end;
}

static void model_free(Model *m) {
    transformer_free(&m->transformer);
    pool_free(m->pool);
    free(m->w);
}

/* Sentences of 1 to LONGEST tokens, </s> the last. */
typedef struct Sources {
    int32_t token[BATCH * LONGEST];
    uint32_t start[BATCH + 1];
} Sources;

static void sources_fill(Sources *s) {
    s->start[0] = 0;
    for (uint32_t b = 0; b < BATCH; b++) {
        const uint64_t random = rng_bits((RngSite){3, 0, 0}, b);
        const uint32_t length = 1 + (uint32_t)(random % LONGEST);
        for (uint32_t i = 0; i < length; i++)
            s->token[s->start[b] + i] = (int32_t)(2 + rng_bits((RngSite){4, b, 0}, i) % (V - 2));
        s->start[b + 1] = s->start[b] + length;
        s->token[s->start[b + 1] - 1] = TOKEN_END;
    }
}

static Packed sources_all(const Sources *s) { return (Packed){BATCH, s->token, s->start, LONGEST}; }

/* One sentence; start is the caller's place for its two numbers. */
static Packed sources_one(const Sources *s, size_t b, uint32_t start[2]) {
    start[0] = 0, start[1] = s->start[b + 1] - s->start[b];
    return (Packed){1, s->token + s->start[b], start, start[1]};
}

/* logits (count, V) of a whole forward pass over target tokens, <s> the first; shown: where cross-attention goes. */
static void whole_logits_shown(Model *m, real *logits, Packed source, const int32_t *target, size_t count,
                               real *const *shown) {
    const uint32_t start[2] = {0, (uint32_t)count};
    Pass pass = transformer_pass(&m->transformer, m->w);
    pass.shown[ATTENTION_CROSS] = shown;
    const Stacks stacks = transformer_forward(&m->transformer, &pass, source, (Packed){1, target, start, count});
    const real *h = stored_floats(stacks.out);
    linear_forward((Compute){.pool = m->pool}, logits, h, m->w + m->params->output, NULL, count, m->hyper.width, V);
}

static void whole_logits(Model *m, real *logits, Packed source, const int32_t *target, size_t count) {
    whole_logits_shown(m, logits, source, target, count, NULL);
}

static Model *plain_also; /* plain searches take the mean of the probabilities of this model and theirs; NULL: not */

/* p (V) of what follows <s> and the count - 1 tokens after it, computed plainly. */
static void plain_softmax(Model *m, double *out, Packed source, const int32_t *target, size_t count) {
    static real logits[(P + 1) * V];
    whole_logits(m, logits, source, target, count);
    const real *z = logits + (count - 1) * V;
    double max = -INFINITY, sum = 0;
    for (size_t j = 0; j < V; j++) max = (double)z[j] > max ? (double)z[j] : max;
    for (size_t j = 0; j < V; j++) sum += exp((double)z[j] - max);
    for (size_t j = 0; j < V; j++) out[j] = exp((double)z[j] - max) / sum;
}

static void plain_log_softmax(Model *m, double *out, Packed source, const int32_t *target, size_t count) {
    double other[V];
    plain_softmax(m, out, source, target, count);
    if (plain_also) plain_softmax(plain_also, other, source, target, count);
    for (size_t j = 0; j < V; j++) out[j] = log(plain_also ? (out[j] + other[j]) / 2 : out[j]);
}

static SearchOptions options_of(size_t beam) {
    return (SearchOptions){.beam = beam, .n_best = 1, .length_alpha = 0.7, .max_ratio = 1.5, .max_extra = 5};
}

/* Ways to search: greedy and with a beam, and with everything else that can be asked for. */
enum { WAYS = 10 };
static SearchOptions way(size_t number) {
    static const int32_t prefix[] = {50, 51, 50};
    SearchOptions o = options_of(number % 2 ? 4 : 1);
    switch (number / 2) {
    case 1: o.no_repeat_ngram = 2, o.min_length = 7; break;
    case 2: o.no_repeat_ngram = 1, o.max_length = 6; break;
    case 3: o.prefix = prefix, o.prefix_length = 3, o.no_repeat_ngram = 3; break;
    case 4:
        o.beam = 1, o.sample = true, o.seed = 9, o.top_k = number % 2 ? 5 : 0, o.temperature = number % 2 ? 1.5 : 0;
        break;
    default: break;
    }
    return o;
}

static size_t limit_of(SearchOptions o, Packed source) {
    size_t limit = (size_t)(o.max_ratio * source.start[1]) + o.max_extra;
    if (o.max_length > 0 && o.max_length < limit) limit = o.max_length;
    if (limit < o.prefix_length + 1) limit = o.prefix_length + 1;
    if (limit < o.min_length + 1) limit = o.min_length + 1;
    return limit < P ? limit : P;
}

static double score_of(SearchOptions o, double log_probability, size_t tokens) {
    return log_probability / pow((double)tokens, o.length_alpha);
}

static void expect_same(const Translation *a, const Translation *b) {
    EXPECT_INT(a->length, b->length);
    EXPECT_INT(a->finished, b->finished);
    if (a->length == b->length) EXPECT(memcmp(a->ids, b->ids, a->length * sizeof *a->ids) == 0);
    EXPECT(memcmp(&a->log_probability, &b->log_probability, sizeof(double)) == 0);
    EXPECT(memcmp(&a->score, &b->score, sizeof(double)) == 0);
}

/* ---- The session ------------------------------------------------------------------------------------------------- */

/* Every position's logits are, bit for bit, those of a whole forward pass; also in a slot that was copied on the way.
 */
static void test_step_equals_forward(void) {
    enum { T = 9 };
    static real expected[T * V];
    int32_t target[T] = {TOKEN_BEGIN};
    for (int t = 1; t < T; t++) target[t] = 20 + 13 * t;
    Sources sources;
    sources_fill(&sources);
    for (size_t kind = 0; kind < KINDS; kind++) {
        Model m;
        model_make(&m, kinds[kind], 2);
        Session *session = session_create(m.params, m.w, m.pool, NULL, false);
        Error err;
        EXPECT(session_begin(session, sources_all(&sources), 3, T, &err));
        const size_t sentence[2] = {5, 40};
        for (size_t t = 0; t < T; t++) {
            /* Sentence 40 moves from its slot 0 to its slot 2 half way. Another row is between the two. */
            const uint32_t from = 40 * 3, to = 40 * 3 + 2;
            if (t == 4) session_copy(session, &(SessionCopy){from, to}, 1, 4);
            const uint32_t slot[3] = {5 * 3 + 1, 17 * 3, t < 4 ? from : to};
            const int32_t token[3] = {target[t], (int32_t)(7 + t), target[t]};
            const real *logits = session_step(session, slot, token, 3, t, &err);
            for (size_t i = 0; i < 2; i++) {
                uint32_t start[2];
                Packed source = sources_one(&sources, sentence[i], start);
                whole_logits(&m, expected, source, target, T);
                EXPECT(memcmp(logits + 2 * i * V, expected + t * V, V * sizeof(real)) == 0);
            }
        }
        session_free(session);
        model_free(&m);
    }
}

/* ---- Against plain searches -------------------------------------------------------------------------------------- */

typedef struct Plain {
    int32_t target[P + 1]; /* <s> first */
    size_t count;
    double log_probability, score;
    bool finished;
} Plain;

/* Whether tokens (count, <s> first) may be continued by one. */
static bool plain_allowed(SearchOptions o, const int32_t *target, size_t count, int32_t token) {
    const size_t length = count - 1, n = o.no_repeat_ngram;
    if (length < o.prefix_length) return token == o.prefix[length];
    if (token == TOKEN_END) return length >= o.min_length;
    if (n == 0 || length + 1 < n) return true;
    int32_t all[P + 2], *last = all + length + 2 - n; /* the n-gram that it would make */
    memcpy(all, target, count * sizeof *all);
    all[count] = token;
    for (int32_t *at = all + 1; at < last; at++)
        if (memcmp(at, last, n * sizeof *at) == 0) return false;
    return true;
}

/* The most likely token at each position, by whole forward passes. */
static Plain plain_greedy(Model *m, Packed source, SearchOptions options) {
    Plain p = {.target = {TOKEN_BEGIN}, .count = 1};
    double log_p[V];
    for (size_t t = 0; t < limit_of(options, source); t++) {
        plain_log_softmax(m, log_p, source, p.target, p.count);
        int32_t best = 0;
        for (int32_t j = 1; j < V; j++)
            if (plain_allowed(options, p.target, p.count, j) && (best == 0 || log_p[j] > log_p[best])) best = j;
        p.log_probability += log_p[best];
        p.finished = best == TOKEN_END;
        if (p.finished) break;
        p.target[p.count++] = best;
    }
    return p;
}

static void expect_plain(const Translation *found, const Plain *plain) {
    EXPECT_INT(found->length, plain->count - 1);
    EXPECT_INT(found->finished, plain->finished);
    if (found->length == plain->count - 1)
        EXPECT(memcmp(found->ids, plain->target + 1, found->length * sizeof(int32_t)) == 0);
    EXPECT_NEAR(found->log_probability, plain->log_probability, 1e-4);
}

static void test_beam_one_is_greedy(void) {
    Sources sources;
    sources_fill(&sources);
    for (size_t kind = 0; kind < KINDS; kind++) {
        Model m;
        model_make(&m, kinds[kind], 1);
        Search *decode = search_create(m.params, m.w, m.pool, options_of(1));
        Translation out[BATCH];
        Error err;
        EXPECT(search_run(decode, sources_all(&sources), out, &err));
        size_t finished = 0, different = 0;
        for (size_t b = 0; b < BATCH; b++) {
            uint32_t start[2];
            Plain plain = plain_greedy(&m, sources_one(&sources, b, start), options_of(1));
            expect_plain(&out[b], &plain);
            finished += out[b].finished;
            different += b > 0 && out[b].length != out[b - 1].length;
        }
        /* The models are such that this test says something. */
        EXPECT(finished >= 10 && finished <= 54 && different >= 10);
        search_free(decode);
        model_free(&m);
    }
}

static int by_score(const void *a, const void *b) {
    const double x = ((const Plain *)a)->score, y = ((const Plain *)b)->score;
    return (x < y) - (x > y);
}

/* Beam search without a cache: hypotheses are whole token lists, all V continuations are sorted. */
static int by_probability(const void *a, const void *b) {
    const double x = ((const Plain *)a)->log_probability, y = ((const Plain *)b)->log_probability;
    return (x < y) - (x > y);
}

static Plain plain_beam(Model *m, Packed source, SearchOptions o) {
    Plain *all = memory_new(o.beam * V, sizeof *all);
    Plain live[K_MAX] = {{.target = {TOKEN_BEGIN}, .count = 1}}, done[K_MAX];
    size_t lives = 1, dones = 0;
    for (size_t t = 0; t < limit_of(o, source) && lives > 0; t++) {
        double log_p[V];
        size_t count = 0, going = 0;
        for (size_t i = 0; i < lives; i++) {
            plain_log_softmax(m, log_p, source, live[i].target, live[i].count);
            for (int32_t j = 1; j < V; j++) {
                if (!plain_allowed(o, live[i].target, live[i].count, j)) continue;
                Plain *next = &all[count++];
                *next = live[i];
                next->log_probability += log_p[j];
                next->finished = j == TOKEN_END;
                if (!next->finished) next->target[next->count++] = j;
            }
        }
        qsort(all, count, sizeof *all, by_probability);
        const size_t width = o.beam - dones;
        for (size_t i = 0; i < width && i < count; i++) {
            all[i].score = score_of(o, all[i].log_probability, t + 1);
            if (all[i].finished)
                done[dones++] = all[i];
            else
                live[going++] = all[i];
        }
        lives = going;
    }
    free(all);
    if (dones == 0) return live[0];
    qsort(done, dones, sizeof *done, by_score);
    return done[0];
}

static void test_beam_equals_plain_beam(void) {
    Sources sources;
    sources_fill(&sources);
    for (size_t kind = 0; kind < KINDS; kind++) {
        Model m;
        model_make(&m, kinds[kind], 1);
        size_t better = 0, finished = 0;
        for (size_t beam = 2; beam <= 5; beam += 3) {
            Search *decode = search_create(m.params, m.w, m.pool, options_of(beam));
            Translation out[BATCH];
            Error err;
            EXPECT(search_run(decode, sources_all(&sources), out, &err));
            for (size_t b = beam; b < BATCH; b += 9) {
                uint32_t start[2];
                Packed source = sources_one(&sources, b, start);
                Plain plain = plain_beam(&m, source, options_of(beam)),
                      greedy = plain_greedy(&m, source, options_of(1));
                expect_plain(&out[b], &plain);
                better += plain.count != greedy.count || memcmp(plain.target, greedy.target, plain.count * 4) != 0;
                finished += plain.finished;
            }
            search_free(decode);
        }
        EXPECT(better >= 5 && finished >= 5);
        model_free(&m);
    }
}

/* Makes </s> and two other tokens the only ones with a probability: every other one has a logit of minus infinity. */
static void restrict_to_three(Model *m) {
    set_output_bias(m, -INFINITY);
    const size_t three[] = {TOKEN_END, 100, 299};
    for (size_t i = 0; i < 3; i++) m->w[m->params->output + three[i] * m->hyper.width] = 0;
}

/* A beam wide enough to lose nothing finds what trying every sequence finds, in the same order. */
static void test_wide_beam_is_exhaustive(void) {
    enum { LIMIT = 5, ALL = 31 };
    Sources sources;
    sources_fill(&sources);
    for (size_t kind = 0; kind < 2; kind++) {
        Model m;
        model_make(&m, kinds[kind], 1);
        restrict_to_three(&m);
        SearchOptions o = {.beam = 64, .n_best = ALL, .length_alpha = 1.3, .max_ratio = 0, .max_extra = LIMIT};
        Search *decode = search_create(m.params, m.w, m.pool, o);
        for (size_t b = 0; b < 3; b++) {
            uint32_t start[2];
            Packed source = sources_one(&sources, b, start);
            static Plain all[ALL];
            size_t count = 0;
            /* Sequences of n tokens, each token one bit of `bits`. */
            for (size_t n = 0; n < LIMIT; n++)
                for (size_t bits = 0; bits < (size_t)1 << n; bits++) {
                    Plain *p = &all[count++];
                    *p = (Plain){.target = {TOKEN_BEGIN}, .count = 1, .finished = true};
                    double log_p[V];
                    for (size_t i = 0; i <= n; i++) {
                        const int32_t next = i == n ? TOKEN_END : bits >> i & 1 ? 299 : 100;
                        plain_log_softmax(&m, log_p, source, p->target, p->count);
                        p->log_probability += log_p[next];
                        if (i < n) p->target[p->count++] = next;
                    }
                    p->score = score_of(o, p->log_probability, n + 1);
                }
            qsort(all, count, sizeof *all, by_score);

            Translation best;
            Error err;
            size_t found_count = 0;
            EXPECT(search_run(decode, source, &best, &err));
            const Translation *found = search_hypotheses(decode, 0, &found_count);
            EXPECT_INT(found_count, count);
            for (size_t i = 0; i < found_count && i < count; i++) {
                expect_plain(&found[i], &all[i]);
                EXPECT_NEAR(found[i].score, all[i].score, 1e-4);
            }
            expect_same(&best, &found[0]);
        }
        search_free(decode);
        model_free(&m);
    }
}

/* Every text in which only a and aa come, by every way to cut it into these two tokens, is found once: as the best of
 * them. Lists are full as long as there are texts; behind those that have finished are those that the limit cut. */
static void test_a_text_is_found_once(void) {
    enum { A = TOKEN_FIRST_BYTE + 'a', LIMIT = 5, TEXTS = 2 * LIMIT + 1 };
    static const uint32_t merge[] = {A, A};
    Sources sources;
    sources_fill(&sources);
    Error err;
    Tokenizer *tokenizer = tokenizer_create(merge, 1, (Normalisation){0}, &err);
    EXPECT(tokenizer != NULL);
    size_t cut = 0;
    for (size_t kind = 0; kind < 2; kind++) {
        Model m;
        model_make(&m, kinds[kind], 1);
        set_output_bias(&m, -INFINITY);
        const size_t three[] = {TOKEN_END, A, TOKEN_FIRST_MERGE};
        for (size_t i = 0; i < 3; i++) m.w[m.params->output + three[i] * m.hyper.width] = 0;
        for (size_t n_best = 1; n_best <= 64; n_best *= 4) {
            const SearchOptions o = {.beam = 64, .n_best = n_best, .length_alpha = 1, .max_extra = LIMIT};
            Search *search = search_create(m.params, m.w, m.pool, o);
            search_texts(search, tokenizer);
            for (size_t b = 0; b < 3; b++) {
                uint32_t start[2];
                Packed source = sources_one(&sources, b, start);
                double best[TEXTS]; /* of the texts of 0, 1, ... letters, all that finish within the limit */
                for (size_t i = 0; i < TEXTS; i++) best[i] = -INFINITY;
                for (size_t n = 0; n < LIMIT; n++)
                    for (size_t bits = 0; bits < (size_t)1 << n; bits++) {
                        int32_t target[LIMIT + 1] = {TOKEN_BEGIN};
                        double log_p[V], sum = 0;
                        size_t letters = 0;
                        for (size_t i = 0; i <= n; i++) {
                            target[i + 1] = i == n ? TOKEN_END : bits >> i & 1 ? TOKEN_FIRST_MERGE : A;
                            letters += i == n ? 0 : 1 + (bits >> i & 1);
                            plain_log_softmax(&m, log_p, source, target, i + 1);
                            sum += log_p[target[i + 1]];
                            if (i == LIMIT - 1) break;
                        }
                        const double score = sum / (double)(n + 1);
                        if (score > best[letters]) best[letters] = score;
                    }
                Translation first;
                size_t count;
                EXPECT(search_run(search, source, &first, &err));
                const Translation *found = search_hypotheses(search, 0, &count);
                if (n_best == 1) continue; /* then they are not told apart */
                EXPECT(count >= (n_best < TEXTS - 2 ? n_best : TEXTS - 2));
                size_t seen[TEXTS] = {0}, finished = 0;
                for (size_t i = 0; i < count; i++) {
                    size_t letters = 0;
                    for (size_t t = 0; t < found[i].length; t++) letters += found[i].ids[t] == A ? 1 : 2;
                    EXPECT_INT(seen[letters]++, 0);
                    EXPECT(i == 0 || found[i - 1].finished >= found[i].finished);
                    finished += found[i].finished;
                    if (found[i].finished) EXPECT_NEAR(found[i].score, best[letters], 1e-4);
                }
                EXPECT(finished >= (n_best < TEXTS - 2 ? n_best : TEXTS - 2));
                cut += count - finished;
            }
            search_free(search);
        }
        model_free(&m);
    }
    EXPECT(cut > 0);
    tokenizer_free(tokenizer);
}

/* Stopping early loses nothing: the n best are those of a search that continues until k have finished. */
static void test_stopping_is_sound(void) {
    static const double alphas[] = {0, 0.6, 2};
    Sources sources;
    sources_fill(&sources);
    Packed source = sources_all(&sources);
    source.B = 20;
    Model m;
    model_make(&m, kinds[0], 1);
    size_t fewer = 0;
    for (size_t a = 0; a < COUNT(alphas); a++) {
        SearchOptions o = options_of(6);
        o.length_alpha = alphas[a];
        Search *decode[3];
        Translation out[BATCH];
        Error err;
        for (size_t i = 0; i < 3; i++) {
            o.n_best = (size_t[]){1, 3, 6}[i];
            decode[i] = search_create(m.params, m.w, m.pool, o);
            EXPECT(search_run(decode[i], source, out, &err));
        }
        for (size_t b = 0; b < source.B; b++)
            for (size_t i = 0; i < 2; i++) {
                size_t count, full_count;
                const Translation *some = search_hypotheses(decode[i], b, &count);
                const Translation *full = search_hypotheses(decode[2], b, &full_count);
                EXPECT(count <= full_count);
                fewer += count < full_count;
                for (size_t n = 0; n < (i ? 3 : 1) && n < count; n++) expect_same(&some[n], &full[n]);
                for (size_t n = 1; n < count; n++)
                    EXPECT(some[n].finished == some[n - 1].finished ? some[n - 1].score >= some[n].score
                                                                    : some[n - 1].finished);
            }
        for (size_t i = 0; i < 3; i++) search_free(decode[i]);
    }
    EXPECT(fewer > 10);
    model_free(&m);
}

/* What is forbidden does not come, whatever the model would rather say; all else is as in the plain searches. */
static void test_restricted_searches(void) {
    Sources sources;
    sources_fill(&sources);
    size_t different = 0, longer = 0;
    for (size_t number = 2; number < 8; number++) {
        const SearchOptions o = way(number);
        Model m;
        model_make(&m, kinds[number % KINDS], 1);
        Search *decode = search_create(m.params, m.w, m.pool, o),
               *free_one = search_create(m.params, m.w, m.pool, way(number % 2));
        Translation out[BATCH], other[BATCH];
        Error err;
        EXPECT(search_run(decode, sources_all(&sources), out, &err));
        EXPECT(search_run(free_one, sources_all(&sources), other, &err));
        for (size_t b = 0; b < BATCH; b += number % 2 ? 9 : 1) {
            uint32_t start[2];
            Packed source = sources_one(&sources, b, start);
            Plain plain = number % 2 ? plain_beam(&m, source, o) : plain_greedy(&m, source, o);
            expect_plain(&out[b], &plain);
            different += out[b].length != other[b].length || memcmp(out[b].ids, other[b].ids, out[b].length * 4) != 0;
            longer += out[b].length > other[b].length;
        }
        search_free(decode);
        search_free(free_one);
        model_free(&m);
    }
    EXPECT(different > 100 && longer > 20);
}

/* Of a text in parts, the first part alone begins with the prefix. */
static void test_prefix_of_parts(void) {
    Sources sources;
    sources_fill(&sources);
    Model m;
    model_make(&m, kinds[0], 1);
    Search *decode = search_create(m.params, m.w, m.pool, way(6)),
           *plain = search_create(m.params, m.w, m.pool, way(0));
    Packed source = sources_all(&sources);
    source.B = 6;
    const SearchPlace place[6] = {{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {2, 0}};
    Translation out[6], other[6];
    Error err;
    search_places(decode, place);
    EXPECT(search_run(decode, source, out, &err));
    EXPECT(search_run(plain, source, other, &err));
    for (size_t b = 0; b < 6; b++) {
        const bool begins = out[b].length >= 3 && out[b].ids[0] == 50 && out[b].ids[1] == 51 && out[b].ids[2] == 50;
        EXPECT_INT(begins, place[b].part == 0);
        if (place[b].part > 0 && other[b].length > 0) EXPECT_INT(out[b].ids[0], other[b].ids[0]);
    }
    search_free(decode);
    search_free(plain);
    model_free(&m);
}

/* How often a first token is drawn is its probability ^ (1 / temperature), among the top_k; the place and the seed
 * decide what is drawn. */
static void test_sampling(void) {
    enum { RUNS = 60, DRAWS = RUNS * BATCH };
    static const int32_t three[] = {TOKEN_END, 100, 299};
    static const double temperatures[] = {0, 0.5, 3};
    Sources sources;
    sources_fill(&sources);
    uint32_t start[2];
    const Packed one = sources_one(&sources, 2, start);
    int32_t token[BATCH * LONGEST];
    uint32_t starts[BATCH + 1] = {0};
    for (size_t b = 0; b < BATCH; b++) {
        memcpy(token + b * start[1], one.token, start[1] * sizeof *token);
        starts[b + 1] = (uint32_t)(b + 1) * start[1];
    }
    const Packed source = {BATCH, token, starts, start[1]};
    Model m;
    model_make(&m, kinds[1], 1);
    restrict_to_three(&m);
    /* A draw is also a function of the position. */
    SearchOptions hot = options_of(1);
    hot.sample = true, hot.temperature = 100, hot.min_length = 8, hot.max_length = 9, hot.max_extra = 20;
    Search *decode = search_create(m.params, m.w, m.pool, hot);
    Translation out[BATCH];
    Error err;
    EXPECT(search_run(decode, source, out, &err));
    size_t same = 0;
    for (size_t b = 0; b < BATCH; b++) {
        EXPECT(out[b].length >= 8);
        for (size_t i = 1; i < 8; i++) same += out[b].ids[i] == out[b].ids[i - 1];
    }
    EXPECT_NEAR((double)same / (7 * BATCH), 0.5, 0.12);
    search_free(decode);

    m.w[m.params->output + 100 * m.hyper.width] = (real)1.2;
    double log_p[V];
    plain_log_softmax(&m, log_p, one, (int32_t[]){TOKEN_BEGIN}, 1);
    for (size_t i = 0; i < 6; i++) {
        SearchOptions o = options_of(1);
        o.max_length = 1, o.sample = true, o.seed = 5, o.temperature = temperatures[i / 2], o.top_k = i % 2 ? 2 : 0;
        double expected[3], total = 0;
        size_t found[3] = {0}, least = 0, moved = 0;
        for (size_t t = 1; t < 3; t++)
            if (log_p[three[t]] < log_p[three[least]]) least = t;
        for (size_t t = 0; t < 3; t++) {
            expected[t] = o.top_k && t == least ? 0 : exp(log_p[three[t]] / (o.temperature > 0 ? o.temperature : 1));
            total += expected[t];
        }
        decode = search_create(m.params, m.w, m.pool, o);
        int32_t before[BATCH] = {0};
        for (size_t run = 0; run < RUNS; run++) {
            SearchPlace place[BATCH];
            for (size_t b = 0; b < BATCH; b++) place[b] = (SearchPlace){run * BATCH + b, run % 3 == 0};
            search_places(decode, place);
            EXPECT(search_run(decode, source, out, &err));
            for (size_t b = 0; b < BATCH; b++) {
                const int32_t drawn = out[b].finished ? TOKEN_END : out[b].ids[0];
                for (size_t t = 0; t < 3; t++) found[t] += drawn == three[t];
                EXPECT_NEAR(out[b].log_probability, log_p[drawn], 1e-4);
                moved += drawn != before[b];
                before[b] = drawn;
            }
        }
        EXPECT_INT(found[0] + found[1] + found[2], DRAWS);
        EXPECT(moved > DRAWS / 20);
        for (size_t t = 0; t < 3; t++) {
            const double p = expected[t] / total;
            EXPECT_NEAR((double)found[t] / DRAWS, p, 4 * sqrt(p * (1 - p) / DRAWS)); /* four standard deviations */
        }
        search_free(decode);
    }
    model_free(&m);
}

/* ---- Alignment --------------------------------------------------------------------------------------------------- */

/* Shares are the mean over the heads of the last layer; a row's sum is 1; they are the same in a batch as alone, and
 * whatever tokens come behind. */
static void test_align(void) {
    Sources sources;
    sources_fill(&sources);
    for (size_t kind = 0; kind < KINDS; kind++) {
        Model m;
        model_make(&m, kinds[kind], 1 + kind);
        int32_t ids[P];
        for (int32_t i = 0; i < P; i++) ids[i] = 7 + 5 * i;
        Translation made[BATCH];
        static real all[BATCH * P * LONGEST], alone[P * LONGEST];
        for (size_t b = 0; b < BATCH; b++) made[b] = (Translation){.ids = ids, .length = b * 7 % (P + 1)};
        Error err;
        EXPECT(align_run(&m.transformer, m.w, sources_all(&sources), made, all, &err));
        const real *shares = all;
        for (size_t b = 0; b < BATCH; b++) {
            uint32_t start[2];
            const Packed source = sources_one(&sources, b, start);
            const size_t T = made[b].length, S = start[1];
            EXPECT(align_run(&m.transformer, m.w, source, &(Translation){.ids = ids, .length = P}, alone, &err));
            EXPECT(memcmp(shares, alone, T * S * sizeof *alone) == 0);
            for (size_t i = 0; i < T; i++) {
                double sum = 0;
                for (size_t j = 0; j < S; j++) sum += (double)shares[i * S + j];
                EXPECT_NEAR(sum, 1, 1e-5);
            }
            shares += T * S;
        }
        enum { T = 4, H = 3 };
        uint32_t start[2];
        const Packed source = sources_one(&sources, 5, start);
        const size_t S = start[1];
        const int32_t target[T] = {TOKEN_BEGIN, ids[0], ids[1], ids[2]};
        static real heads[H * T * LONGEST], logits[T * V];
        real *shown[3] = {NULL, NULL, heads};
        whole_logits_shown(&m, logits, source, target, T, shown);
        EXPECT(align_run(&m.transformer, m.w, source, &(Translation){.ids = ids, .length = T}, alone, &err));
        for (size_t i = 0; i < T * S; i++)
            EXPECT_NEAR(alone[i], (heads[i] + heads[T * S + i] + heads[2 * T * S + i]) / H, 1e-6);
        EXPECT(S > 1 && alone[0] != heads[0]);
        model_free(&m);
    }
}

static void test_align_words(void) {
    static const struct {
        const char *text;
        int words[12]; /* of each byte, with the space in front */
    } cases[] = {
        {"ab c", {-1, 0, 0, -1, 1}},
        {"a", {-1, 0}},
        {" a\t\tb ", {-1, -1, 0, -1, -1, 1, -1}},
        {"\xC3\xA9\xC2\xA0z", {-1, 0, 0, -1, -1, 1}},
        {"  ", {-1, -1, -1}},
        {"x\xC3 y", {-1, 0, 0, -1, 1}},
    };
    Error err;
    Tokenizer *bytes = tokenizer_create(NULL, 0, (Normalisation){0}, &err);
    for (size_t c = 0; c < COUNT(cases); c++) {
        int32_t *ids = NULL, word[16], most = -1;
        tokenizer_encode(bytes, &ids, cases[c].text, strlen(cases[c].text));
        const size_t count = stbds_arrlenu(ids), words = align_words(bytes, word, ids, count);
        EXPECT_INT(count, strlen(cases[c].text) + 1);
        for (size_t i = 0; i < count; i++) {
            EXPECT_INT(word[i], cases[c].words[i]);
            if (word[i] > most) most = word[i];
        }
        EXPECT_INT(words, most + 1);
        stbds_arrfree(ids);
    }
    EXPECT_INT(align_words(bytes, NULL, NULL, 0), 0);
    tokenizer_free(bytes);
}

/* A source word has the sum of its tokens' shares, a translated word the mean of its tokens'. White space and </s> do
 * not count. */
static void test_align_word_shares(void) {
    enum { T = 5, S = 6 };
    static const real shares[T * S] = {
        0,      1,     0,      0,      0,      0,      /* the space before xy */
        0.125,  0.25,  0.125,  0.0625, 0.25,   0.1875, /* x: of the space, a, b, the space, c and </s> */
        0,      0.5,   0.25,   0.125,  0.0625, 0.0625, /* y */
        0,      1,     0,      0,      0,      0,      /* the space before z */
        0.0625, 0.125, 0.0625, 0.125,  0.5,    0.125,  /* z */
    };
    static const int32_t source_word[S - 1] = {-1, 3, 3, -1, 4}; /* "ab c", in a part that begins with word 3 */
    static const double expected[] = {(0.375 + 0.75) / 2, (0.25 + 0.0625) / 2, 0.1875, 0.5};
    Error err;
    Tokenizer *bytes = tokenizer_create(NULL, 0, (Normalisation){0}, &err);
    int32_t *ids = NULL;
    tokenizer_encode(bytes, &ids, "xy z", 4);
    EXPECT_INT(stbds_arrlenu(ids), T);
    real *out = NULL;
    stbds_arrput(out, 7); /* what is there already */
    const AlignedWords words =
        align_word_shares(&out, bytes, &(Translation){.ids = ids, .length = T}, shares, source_word, S - 1);
    EXPECT_INT(words.count, 2);
    EXPECT_INT(words.source_first, 3);
    EXPECT_INT(words.source_count, 2);
    EXPECT_INT(stbds_arrlenu(out), 1 + COUNT(expected));
    for (size_t i = 0; i < COUNT(expected) && i + 1 < stbds_arrlenu(out); i++)
        EXPECT_NEAR(out[1 + i], expected[i], 1e-7);
    stbds_arrfree(out);
    stbds_arrfree(ids);
    tokenizer_free(bytes);
}

/* ---- Independence ------------------------------------------------------------------------------------------------ */

static void test_bits_do_not_depend_on_batch(void) {
    Sources sources;
    sources_fill(&sources);
    for (size_t number = 0; number < WAYS; number++)
        for (size_t kind = 0; kind < KINDS; kind++) {
            Model m;
            model_make(&m, kinds[kind], 1);
            Search *decode = search_create(m.params, m.w, m.pool, way(number));
            Search *alone = search_create(m.params, m.w, m.pool, way(number));
            Translation out[BATCH], one;
            Error err;
            EXPECT(search_run(decode, sources_all(&sources), out, &err));
            for (size_t b = number; b < BATCH; b += number < 2 ? 1 : 5) {
                uint32_t start[2];
                const SearchPlace place = {b, 0};
                search_places(alone, &place);
                EXPECT(search_run(alone, sources_one(&sources, b, start), &one, &err));
                expect_same(&one, &out[b]);
            }
            search_free(decode);
            search_free(alone);
            model_free(&m);
        }
}

static void test_bits_do_not_depend_on_threads(void) {
    static const size_t threads[] = {1, 2, 3, 8};
    Sources sources;
    sources_fill(&sources);
    for (size_t number = 0; number < WAYS; number++) {
        Model m[4];
        Search *decode[4];
        Translation out[4][BATCH];
        Error err;
        for (size_t i = 0; i < 4; i++) {
            model_make(&m[i], kinds[number % KINDS], threads[i]);
            decode[i] = search_create(m[i].params, m[i].w, m[i].pool, way(number));
            EXPECT(search_run(decode[i], sources_all(&sources), out[i], &err));
            for (size_t b = 0; b < BATCH; b++) expect_same(&out[i][b], &out[0][b]);
        }
        for (size_t i = 0; i < 4; i++) {
            search_free(decode[i]);
            model_free(&m[i]);
        }
    }
}

/* ---- Several models ---------------------------------------------------------------------------------------------- */

static void expect_same_searches(Search *a, Search *b, Packed source) {
    Translation best[2][BATCH];
    Error err;
    EXPECT(search_run(a, source, best[0], &err));
    EXPECT(search_run(b, source, best[1], &err));
    for (size_t i = 0; i < source.B; i++) {
        size_t count[2];
        const Translation *all[2] = {search_hypotheses(a, i, &count[0]), search_hypotheses(b, i, &count[1])};
        EXPECT_INT(count[0], count[1]);
        for (size_t h = 0; h < count[0] && h < count[1]; h++) expect_same(&all[0][h], &all[1][h]);
    }
}

/* The same model twice or three times is that model, to the bit, in every way of searching. */
static void test_one_model_several_times(void) {
    Sources sources;
    sources_fill(&sources);
    for (size_t number = 0; number < WAYS; number++) {
        Model m;
        model_make(&m, kinds[number % KINDS], 2);
        Search *once = search_create(m.params, m.w, m.pool, way(number));
        Search *more = search_create(m.params, m.w, m.pool, way(number));
        for (size_t times = 2; times <= 3; times++) {
            search_add(more, m.params, m.w);
            expect_same_searches(once, more, sources_all(&sources));
        }
        search_free(once);
        search_free(more);
        model_free(&m);
    }
}

/* Two models of different shapes against plain searches with the mean of their probabilities; in a batch and alone, on
 * any number of threads. */
static void test_two_models(void) {
    Sources sources;
    sources_fill(&sources);
    Model m, other;
    Error err;
    model_make(&m, kinds[1], 1);
    model_make(&other, kinds[2], 1);
    plain_also = &other;
    for (size_t beam = 1; beam <= 4; beam += 3) {
        Search *both = search_create(m.params, m.w, m.pool, options_of(beam));
        search_add(both, other.params, other.w);
        Translation out[BATCH];
        EXPECT(search_run(both, sources_all(&sources), out, &err));
        for (size_t b = beam; b < BATCH; b += 7) {
            uint32_t start[2];
            Packed source = sources_one(&sources, b, start);
            Plain plain = beam > 1 ? plain_beam(&m, source, options_of(beam)) : plain_greedy(&m, source, options_of(1));
            expect_plain(&out[b], &plain);
        }
        search_free(both);
    }
    plain_also = NULL;
    Pool *pool = pool_create(3, &err);
    for (size_t number = 0; number < WAYS; number++) {
        Search *both = search_create(m.params, m.w, m.pool, way(number));
        Search *threads = search_create(m.params, m.w, pool, way(number));
        search_add(both, other.params, other.w);
        search_add(threads, other.params, other.w);
        expect_same_searches(both, threads, sources_all(&sources));
        for (size_t b = number; b < BATCH; b += 13) {
            uint32_t start[2];
            const SearchPlace place = {b, 0};
            Translation one;
            size_t count;
            search_places(threads, &place);
            EXPECT(search_run(threads, sources_one(&sources, b, start), &one, &err));
            expect_same(&one, search_hypotheses(both, b, &count));
        }
        search_free(both);
        search_free(threads);
    }
    pool_free(pool);
    model_free(&m);
    model_free(&other);
}

/* One Search for batches that grow and shrink gives what a fresh one gives. */
static void test_runs_do_not_see_each_other(void) {
    Sources sources;
    sources_fill(&sources);
    Model m;
    model_make(&m, kinds[1], 2);
    Search *used = search_create(m.params, m.w, m.pool, options_of(3));
    static const size_t sizes[] = {1, 5, 40, 0, 40, 9};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        Packed source = sources_all(&sources);
        source.B = sizes[i];
        Translation out[BATCH], expected[BATCH];
        Error err;
        Search *fresh = search_create(m.params, m.w, m.pool, options_of(3));
        EXPECT(search_run(used, source, out, &err));
        EXPECT(search_run(fresh, source, expected, &err));
        for (size_t b = 0; b < sizes[i]; b++) expect_same(&out[b], &expected[b]);
        search_free(fresh);
    }
    search_free(used);
    model_free(&m);
}

/* ---- Limits and odd cases ---------------------------------------------------------------------------------------- */

/* </s> never comes: everything ends at its limit, unfinished. */
static void test_limits(void) {
    static const struct {
        double ratio;
        size_t extra, source, expected, least, most;
    } cases[] = {{1.5, 5, 7, 15, 0, 0}, {0, 3, 9, 3, 0, 0},     {2, 0, 1, 2, 0, 0},     {0, 0, 5, 1, 0, 0},
                 {0.5, 0, 1, 1, 0, 0},  {1e3, 0, 9, P, 0, 0},   {1, 65536, 3, P, 0, 0}, {0, 3, 9, 3, 2, 0},
                 {0, 3, 9, 8, 7, 0},    {0, 3, 9, P, P - 1, 0}, {1.5, 5, 7, 6, 5, 6}};
    Model m;
    model_make(&m, kinds[1], 1);
    restrict_to_three(&m);
    m.w[m.params->output + TOKEN_END * m.hyper.width] = -INFINITY;
    const int32_t token[9] = {9, 8, 7, 6, 5, 4, 3, 2, TOKEN_END};
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t beam = 1; beam <= 3; beam += 2) {
            SearchOptions o = options_of(beam);
            o.max_ratio = cases[i].ratio, o.max_extra = cases[i].extra;
            o.min_length = cases[i].least, o.max_length = cases[i].most;
            const uint32_t start[2] = {0, (uint32_t)cases[i].source};
            Search *decode = search_create(m.params, m.w, m.pool, o);
            Translation out;
            Error err;
            EXPECT(search_run(decode, (Packed){1, token, start, start[1]}, &out, &err));
            EXPECT_INT(out.length, cases[i].expected);
            EXPECT(!out.finished);
            EXPECT_NEAR(out.score, out.log_probability / pow((double)out.length, 0.7), 1e-12);
            size_t count;
            const Translation *all = search_hypotheses(decode, 0, &count);
            EXPECT(count >= 1 && count <= beam);
            for (size_t n = 0; n < count; n++) EXPECT(!all[n].finished);
            search_free(decode);
        }
    model_free(&m);
}

static void test_score_counts_the_end(void) {
    Sources sources;
    sources_fill(&sources);
    Model m;
    model_make(&m, kinds[0], 1);
    Search *decode = search_create(m.params, m.w, m.pool, options_of(4));
    Translation out[BATCH];
    Error err;
    EXPECT(search_run(decode, sources_all(&sources), out, &err));
    for (size_t b = 0; b < BATCH; b++) {
        EXPECT(out[b].log_probability < 0);
        const double tokens = (double)(out[b].length + out[b].finished);
        EXPECT_NEAR(out[b].score, out[b].log_probability / pow(tokens, 0.7), 1e-12);
        for (size_t i = 0; i < out[b].length; i++) EXPECT(out[b].ids[i] > 1 && out[b].ids[i] < V);
    }
    search_free(decode);
    model_free(&m);
}

/* Equal logits everywhere: the lower token, and <s> not even then. Then <s> the most likely of all. */
static void test_ties_and_begin(void) {
    const int32_t token[2] = {9, TOKEN_END};
    const uint32_t start[2] = {0, 2};
    Model m;
    model_make(&m, kinds[0], 1);
    memset(m.w + m.params->output, 0, V * m.hyper.width * sizeof *m.w);
    SearchOptions o = options_of(3);
    o.max_ratio = 0, o.max_extra = 2, o.n_best = 3, o.length_alpha = 0;
    Search *decode = search_create(m.params, m.w, m.pool, o);
    Translation out;
    Error err;
    size_t count;
    EXPECT(search_run(decode, (Packed){1, token, start, 2}, &out, &err));
    const Translation *all = search_hypotheses(decode, 0, &count);
    /* First </s>, 2, 3; then 2 </s>, 2 2. The last is cut; without it there would be fewer than n_best. */
    EXPECT_INT(count, 3);
    EXPECT(out.finished && out.length == 0);
    EXPECT_NEAR(out.log_probability, -log(V), 1e-6);
    EXPECT(count == 3 && all[1].finished && all[1].length == 1 && all[1].ids[0] == 2);
    EXPECT(count == 3 && !all[2].finished && all[2].length == 2 && all[2].ids[1] == 2);
    search_free(decode);

    restrict_to_three(&m);
    m.w[m.params->output] = 20, m.w[m.params->output + 299 * m.hyper.width] = 1;
    o.beam = o.n_best = 1;
    decode = search_create(m.params, m.w, m.pool, o);
    EXPECT(search_run(decode, (Packed){1, token, start, 2}, &out, &err));
    EXPECT(!out.finished && out.length == 2 && out.ids[0] == 299 && out.ids[1] == 299);
    EXPECT_NEAR(out.log_probability, -38, 1e-4); /* <s> has its share of the probability */
    search_free(decode);
    model_free(&m);
}

static void test_one_token_source(void) {
    const int32_t token[1] = {TOKEN_END};
    const uint32_t start[2] = {0, 1};
    for (size_t kind = 0; kind < KINDS; kind++)
        for (size_t beam = 1; beam <= 4; beam += 3) {
            Model m;
            model_make(&m, kinds[kind], 1);
            Search *decode = search_create(m.params, m.w, m.pool, options_of(beam));
            Translation out;
            Error err;
            EXPECT(search_run(decode, (Packed){1, token, start, 1}, &out, &err));
            EXPECT(out.length <= 6);
            search_free(decode);
            model_free(&m);
        }
}

/* Without log probabilities, greedy translations are the same; what needs them has them all the same. */
static void test_unscored(void) {
    Sources sources;
    sources_fill(&sources);
    for (size_t number = 0; number < WAYS; number++)
        for (size_t models = 1; models <= 2; models++) {
            Model m;
            model_make(&m, kinds[number % KINDS], 1);
            SearchOptions o = way(number);
            Search *scored = search_create(m.params, m.w, m.pool, o);
            o.unscored = true;
            Search *unscored = search_create(m.params, m.w, m.pool, o);
            if (models == 2) search_add(scored, m.params, m.w), search_add(unscored, m.params, m.w);
            Translation expected[BATCH], out[BATCH];
            Error err;
            EXPECT(search_run(scored, sources_all(&sources), expected, &err));
            EXPECT(search_run(unscored, sources_all(&sources), out, &err));
            for (size_t b = 0; b < BATCH; b++) {
                size_t count;
                search_hypotheses(unscored, b, &count);
                EXPECT(o.beam > 1 || count == 1);
                EXPECT(isfinite(expected[b].log_probability) && isfinite(expected[b].score));
                if (o.beam == 1 && models == 1) {
                    EXPECT(isnan(out[b].log_probability) && isnan(out[b].score));
                    expected[b].log_probability = out[b].log_probability, expected[b].score = out[b].score;
                }
                expect_same(&out[b], &expected[b]);
            }
            search_free(scored);
            search_free(unscored);
            model_free(&m);
        }
}

/* ---- Texts ------------------------------------------------------------------------------------------------------- */

/* A model of texts, whose tokens are bytes; and its tokenizer, which keeps white space as it is. */
static Tokenizer *make_text_model(Model *m, Kind kind) {
    Error err;
    model_make(m, kind, 1);
    for (size_t j = TOKEN_FIRST_MERGE; j < V; j++) m->w[m->params->output + j * m->hyper.width] = -(real)INFINITY;
    return tokenizer_create(NULL, 0, (Normalisation){0}, &err);
}

/* The best translation of a text, whose numbers alone are of use, and how many parts the text has. */
static TranslatorHypothesis translate_text(const Model *m, const Tokenizer *tokenizer, SearchOptions o, bool sentences,
                                           const char *text, size_t *parts) {
    Error err;
    TranslatorResult result;
    Translator *translator = translator_create(m->params, m->w, tokenizer, m->pool, o);
    if (sentences) translator_sentences(translator);
    EXPECT(translator_run(translator, &(Text){text, strlen(text)}, 1, &result, &err));
    const TranslatorHypothesis best = result.hypotheses[0];
    if (parts) *parts = result.parts;
    translator_free(translator);
    return best;
}

/* White space behind the last word is no part of its own. */
static void test_space_behind_parts(void) {
    char spaces[P + 10], fits[P + 10], full[P + 10];
    snprintf(spaces, sizeof spaces, "a.%*s", P, "");
    snprintf(fits, sizeof fits, "%.19s. %.19s.  ", "aaaaaaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbbbbbb");
    memset(full, 'a', sizeof full); /* with the space before it, the word has as many tokens as there may be */
    snprintf(full + P - 2, sizeof full - P + 2, "   ");
    const struct {
        const char *text;
        size_t sentences, parts; /* sentence by sentence; as a whole, where at most P - 1 tokens are one part */
    } cases[] = {
        {"a. b.", 2, 1}, {"a. b. ", 2, 1}, {"a. b. \r\n", 2, 1}, {"a b.\t", 1, 1}, {"a.  b", 2, 1},
        {" ", 1, 1},     {"", 0, 0},       {spaces, 1, 1},       {fits, 2, 2},     {full, 1, 1},
    };
    Model m;
    Tokenizer *bytes = make_text_model(&m, kinds[0]);
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t sentences, parts;
        translate_text(&m, bytes, options_of(1), true, cases[i].text, &sentences);
        translate_text(&m, bytes, options_of(1), false, cases[i].text, &parts);
        if (sentences != cases[i].sentences || parts != cases[i].parts)
            TEST_FAIL("\"%s\": expected %zu and %zu parts, found %zu and %zu", cases[i].text, cases[i].sentences,
                      cases[i].parts, sentences, parts);
    }
    model_free(&m);
    tokenizer_free(bytes);
}

/* A text in parts has the sums of what its parts have alone. */
static void test_parts_add_up(void) {
    for (size_t kind = 0; kind < 2; kind++)
        for (size_t beam = 1; beam <= 4; beam += 3) {
            const SearchOptions o = options_of(beam);
            size_t parts;
            Model m;
            Tokenizer *bytes = make_text_model(&m, kinds[kind]);
            const TranslatorHypothesis both = translate_text(&m, bytes, o, true, "a b. c d.", &parts);
            const TranslatorHypothesis first = translate_text(&m, bytes, o, true, "a b.", NULL);
            const TranslatorHypothesis second = translate_text(&m, bytes, o, true, "c d.", NULL);
            EXPECT_INT(parts, 2);
            EXPECT(first.log_probability < 0 && second.log_probability < 0 && first.tokens > 0 && second.tokens > 0);
            EXPECT(both.log_probability == first.log_probability + second.log_probability);
            EXPECT(both.score == first.score + second.score);
            EXPECT_NEAR(first.score, score_of(o, first.log_probability, first.tokens), 1e-9);
            EXPECT_INT(both.tokens, first.tokens + second.tokens);
            EXPECT_INT(both.cut, first.cut > 0 ? first.cut : second.cut);
            model_free(&m);
            tokenizer_free(bytes);
        }
}

/* A text has no translation where one of its parts has none; nothing of it was then cut. */
static void test_one_part_is_broken(void) {
    static const char *const texts[] = {"a b. x", "x. a b."};
    Model m;
    Tokenizer *bytes = make_text_model(&m, kinds[0]);
    m.w[m.params->output + TOKEN_END * m.hyper.width] = -(real)INFINITY; /* all others are cut */
    m.w[m.params->encoder_embedding + (TOKEN_FIRST_BYTE + 'x') * m.hyper.width] = (real)NAN;
    EXPECT(translate_text(&m, bytes, options_of(1), true, "a b.", NULL).cut > 0);
    for (size_t i = 0; i < COUNT(texts); i++) {
        const TranslatorHypothesis h = translate_text(&m, bytes, options_of(1), true, texts[i], NULL);
        EXPECT(h.log_probability == -INFINITY && h.score == -INFINITY);
        EXPECT(h.length == 0 && h.cut == 0 && h.tokens == 0 && !h.stuck);
    }
    model_free(&m);
    tokenizer_free(bytes);
}

/* max_length counts the end of a translation, min_length does not. */
static void test_lengths_and_the_end(void) {
    static const double ends[] = {2.5, 3.5, 4.5};
    size_t tried = 0;
    for (size_t i = 0; i < COUNT(ends); i++) {
        Kind kind = kinds[0];
        kind.end = ends[i];
        Model m;
        Tokenizer *bytes = make_text_model(&m, kind);
        for (size_t text = 0; text < 12; text++) {
            char line[12] = "";
            for (size_t j = 0; j < 2 + text % 7; j++) line[j] = (char)('a' + (11 * text + 5 * j * j) % 26);
            SearchOptions o = options_of(1);
            const TranslatorHypothesis usual = translate_text(&m, bytes, o, false, line, NULL);
            if (usual.cut > 0 || usual.tokens < 2) continue;
            const size_t n = usual.tokens - 1;
            o.max_length = n;
            EXPECT_INT(translate_text(&m, bytes, o, false, line, NULL).cut, n);
            o.max_length = n + 1;
            EXPECT_INT(translate_text(&m, bytes, o, false, line, NULL).cut, 0);
            EXPECT_INT(translate_text(&m, bytes, o, false, line, NULL).tokens, n + 1);
            o.max_length = 0, o.min_length = n;
            EXPECT_INT(translate_text(&m, bytes, o, false, line, NULL).tokens, n + 1);
            o.min_length = n + 1;
            EXPECT(translate_text(&m, bytes, o, false, line, NULL).tokens > n + 1);
            tried++;
        }
        model_free(&m);
        tokenizer_free(bytes);
    }
    EXPECT(tried >= 3);
}

/* Makes a model say a, b or </s> with these probabilities at each position. */
static void set_probabilities(Model *m, double a, double b, double end) {
    const size_t token[] = {TOKEN_FIRST_BYTE + 'a', TOKEN_FIRST_BYTE + 'b', TOKEN_END};
    const double p[] = {a, b, end};
    set_output_bias(m, -INFINITY);
    for (size_t i = 0; i < COUNT(token); i++) {
        real *row = m->w + m->params->output + token[i] * m->hyper.width;
        memset(row, 0, m->hyper.width * sizeof *row);
        row[0] = (real)log(p[i]);
    }
}

/* By hand, for a beam of 6. The first part may have 2 tokens, the second 1. They have these hypotheses, the best first:
 *
 *     first     "" 0.25, "a" 0.4 * 0.25; and cut: "aa" 0.4 * 0.4, "ab" 0.4 * 0.35, ...
 *     second    "" 0.25; and cut: "a" 0.4, "b" 0.35
 *
 * Those of a rank are joined. "aa b", of the last rank, is more likely than "a a". */
static void test_joined_by_hand(void) {
    static const struct {
        const char *text;
        size_t cut;
        double probability;
    } expected[] = {{"", 0, 0.25 * 0.25}, {"aa b", 2, 0.4 * 0.4 * 0.35}, {"a a", 1, 0.4 * 0.25 * 0.4}};
    const SearchOptions o = {.beam = 6, .n_best = 6, .max_ratio = 0.25};
    Error err;
    TranslatorResult result;
    Model m;
    Tokenizer *bytes = make_text_model(&m, kinds[0]);
    set_probabilities(&m, 0.4, 0.35, 0.25);
    Translator *translator = translator_create(m.params, m.w, bytes, m.pool, o);
    translator_sentences(translator);
    EXPECT(translator_run(translator, &(Text){"xxxxx. y", 8}, 1, &result, &err)); /* with </s>, 8 tokens and 3 */
    EXPECT_INT(result.parts, 2);
    EXPECT_INT(result.count, COUNT(expected));
    for (size_t i = 0; i < result.count && i < COUNT(expected); i++) {
        const TranslatorHypothesis *h = &result.hypotheses[i];
        char text[20];
        snprintf(text, sizeof text, "%.*s", (int)h->length, h->bytes);
        EXPECT_STR(text, expected[i].text);
        EXPECT_INT(h->cut, expected[i].cut);
        EXPECT_NEAR(h->score, log(expected[i].probability), 1e-5);
    }
    EXPECT_INT(result.length, 0);
    translator_free(translator);
    model_free(&m);
    tokenizer_free(bytes);
}

/* The list of a text in parts has the best first, those that were cut behind the others, and no text twice. */
static void test_joined_are_in_order(void) {
    static const char *const lines[] = {"a b. c d", "x. abcdefgh", "hello world! no", "q? r s t u v", "abc. de. f"};
    enum { LINES = COUNT(lines) };
    Text texts[LINES];
    TranslatorResult results[LINES];
    Error err;
    size_t several = 0;
    for (size_t i = 0; i < LINES; i++) texts[i] = (Text){lines[i], strlen(lines[i])};
    for (size_t kind = 0; kind < 2; kind++) {
        Model m;
        Tokenizer *bytes = make_text_model(&m, kinds[kind]);
        for (size_t most = 3; most <= 8; most++) {
            SearchOptions o = options_of(6);
            o.n_best = 6, o.max_length = most;
            Translator *translator = translator_create(m.params, m.w, bytes, m.pool, o);
            translator_sentences(translator);
            EXPECT(translator_run(translator, texts, LINES, results, &err));
            for (size_t i = 0; i < LINES; i++) {
                EXPECT_INT(results[i].parts, i == 4 ? 3 : 2);
                for (size_t n = 1; n < results[i].count; n++, several++) {
                    const TranslatorHypothesis *h = &results[i].hypotheses[n], *before = h - 1;
                    EXPECT((before->cut > 0) == (h->cut > 0) ? before->score >= h->score : before->cut == 0);
                    for (const TranslatorHypothesis *one = results[i].hypotheses; one < h; one++)
                        EXPECT(one->length != h->length || memcmp(one->bytes, h->bytes, h->length) != 0);
                }
            }
            translator_free(translator);
        }
        model_free(&m);
        tokenizer_free(bytes);
    }
    EXPECT(several > 50);
}

/* Without log probabilities, translations of texts are the same, too; some have a part with broken numbers. */
static void test_unscored_texts(void) {
    static const char *const lines[] = {"a b. c d.", "a b. c x.", "x. a b.", "", "e"};
    enum { LINES = COUNT(lines) };
    Error err;
    Model m;
    Tokenizer *bytes = make_text_model(&m, kinds[0]);
    m.w[m.params->encoder_embedding + (TOKEN_FIRST_BYTE + 'x') * m.hyper.width] = (real)NAN;
    Text texts[LINES];
    TranslatorResult results[2][LINES];
    Translator *translators[2];
    for (size_t i = 0; i < LINES; i++) texts[i] = (Text){lines[i], strlen(lines[i])};
    for (size_t i = 0; i < 2; i++) {
        SearchOptions o = options_of(1);
        o.unscored = i == 1;
        translators[i] = translator_create(m.params, m.w, bytes, m.pool, o);
        translator_sentences(translators[i]);
        EXPECT(translator_run(translators[i], texts, LINES, results[i], &err));
    }
    for (size_t i = 0; i < LINES; i++) {
        const TranslatorHypothesis *a = results[0][i].hypotheses, *b = results[1][i].hypotheses;
        EXPECT_INT(a->length, b->length);
        EXPECT(a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
        EXPECT(a->tokens == b->tokens && a->cut == b->cut);
        if (i == 1 || i == 2) {
            EXPECT(a->length == 0 && a->log_probability == -INFINITY && a->score == -INFINITY);
            EXPECT(b->log_probability == -INFINITY && b->score == -INFINITY);
        } else {
            EXPECT(isfinite(a->log_probability) && (i == 3 || (a->length > 0 && isnan(b->log_probability))));
        }
    }
    for (size_t i = 0; i < 2; i++) translator_free(translators[i]);
    model_free(&m);
    tokenizer_free(bytes);
}

/* ---- Broken weights and options ---------------------------------------------------------------------------------- */

/* Broken weights end the sentence that meets them, with what there is so far and the least probability; they do not
 * crash, loop or spread. */
static void test_not_a_number(void) {
    static const double wrong[] = {NAN, INFINITY};
    const int32_t token[5] = {9, TOKEN_END, 50, 60, TOKEN_END};
    const uint32_t start[3] = {0, 2, 5};
    for (size_t way = 0; way < 3; way++)
        for (size_t i = 0; i < 5; i++) {
            const size_t beam = way == 1 ? 4 : 1;
            SearchOptions o = options_of(beam);
            o.unscored = way == 2;
            Model m;
            model_make(&m, kinds[0], 2);
            Search *decode = search_create(m.params, m.w, m.pool, o);
            Translation clean[2], out[2];
            Error err;
            EXPECT(search_run(decode, (Packed){2, token, start, 3}, clean, &err));
            Translation kept = clean[1];
            int32_t ids[P];
            memcpy(ids, clean[1].ids, clean[1].length * sizeof *ids);
            kept.ids = ids;
            /* In one source token of the first sentence, in the output layer and so everywhere, or in the first token
             * that the second sentence says. */
            if (i == 4) {
                m.w[m.params->decoder_embedding + (size_t)ids[0] * 24 + 3] = NAN;
            } else if (i < 2) {
                m.w[m.params->encoder_embedding + 9 * 24 + 3] = (real)wrong[i % 2];
            } else { /* one of the two logits is not minus infinity */
                m.w[m.params->output + 77 * 24 + 3] = (real)wrong[i % 2];
                m.w[m.params->output + 78 * 24 + 3] = (real)-wrong[i % 2];
            }
            search_free(decode); /* it knows the weights as they were */
            decode = search_create(m.params, m.w, m.pool, o);
            EXPECT(search_run(decode, (Packed){2, token, start, 3}, out, &err));
            if (i < 4) EXPECT(!out[0].finished && out[0].length == 0);
            if (i < 4) EXPECT(out[0].log_probability == -INFINITY && out[0].score == -INFINITY);
            if (i < 2 && o.unscored)
                EXPECT(out[1].length == kept.length && isnan(out[1].log_probability));
            else if (i < 2)
                expect_same(&out[1], &kept);
            else if (i < 4)
                EXPECT(!out[1].finished && out[1].log_probability == -INFINITY);
            else if (beam == 1)
                EXPECT(!out[1].finished && out[1].length == 1 && out[1].log_probability == -INFINITY);
            else /* others continue */
                EXPECT(isfinite(out[1].log_probability) && out[1].length > 0 && out[1].ids[0] != ids[0]);
            search_free(decode);
            model_free(&m);
        }
}

static void test_options_are_checked(void) {
    const Hyper h = {.vocab = V, .max_length = P};
    int32_t prefix[P] = {2, V - 1};
    for (size_t i = 2; i < P; i++) prefix[i] = 50;
    Error err;
    SearchOptions good = options_of(4), o;
    EXPECT(search_check(&good, &h, "a.ini", &err));
    o = good, o.beam = 0;
    EXPECT(!search_check(&o, &h, "a.ini", &err));
    EXPECT_STR(err.text, "a.ini: decode.beam: expected an integer from 1 to 64, found 0");
    o = good, o.n_best = 5;
    EXPECT(!search_check(&o, &h, "a.ini", &err));
    EXPECT_HAS(err.text, "decode.n_best");
    o = good, o.length_alpha = NAN;
    EXPECT(!search_check(&o, &h, "a.ini", &err));
    EXPECT_HAS(err.text, "decode.length_alpha");
    o = good, o.max_ratio = -1;
    EXPECT(!search_check(&o, &h, "a.ini", &err));
    EXPECT_HAS(err.text, "decode.max_ratio");
    o = good, o.max_extra = 100000;
    EXPECT(!search_check(&o, &h, "a.ini", &err));
    EXPECT_HAS(err.text, "decode.max_extra");
    o = good, o.max_length = 5, o.min_length = 5;
    EXPECT(!search_check(&o, &h, "a.ini", &err));
    EXPECT_STR(err.text, "a.ini: decode.min_length: expected less than decode.max_length (5), found 5");
    o = good, o.min_length = P;
    EXPECT(!search_check(&o, &h, "a.ini", &err));
    EXPECT_STR(err.text, "a.ini: decode.min_length: expected less than model.max_length (40), found 40");
    o = good, o.sample = true;
    EXPECT(!search_check(&o, &h, "a.ini", &err));
    EXPECT_HAS(err.text, "decode.sample");
    o = good, o.temperature = 0.001;
    EXPECT(!search_check(&o, &h, "a.ini", &err));
    EXPECT_HAS(err.text, "decode.temperature");
    o = good, o.top_k = 65;
    EXPECT(!search_check(&o, &h, "a.ini", &err));
    EXPECT_HAS(err.text, "decode.top_k");
    o = good, o.prefix = prefix, o.prefix_length = P - 1;
    EXPECT(search_check(&o, &h, "a.ini", &err));
    o.prefix_length = P;
    EXPECT(!search_check(&o, &h, "a.ini", &err));
    EXPECT_STR(err.text, "a.ini: decode.prefix_length: expected less than model.max_length (40), found 40");
    o.prefix = NULL, o.prefix_length = 2;
    EXPECT(!search_check(&o, &h, "a.ini", &err));
    EXPECT_STR(err.text, "a.ini: decode.prefix: expected 2 tokens, found NULL");
    const int32_t wrong[] = {-5, TOKEN_BEGIN, TOKEN_END, V, 999999};
    for (size_t i = 0; i < COUNT(wrong); i++) {
        char message[96];
        prefix[1] = wrong[i], o.prefix = prefix;
        EXPECT(!search_check(&o, &h, "a.ini", &err));
        snprintf(message, sizeof message, "a.ini: decode.prefix: expected tokens from 2 to 299, found %d", wrong[i]);
        EXPECT_STR(err.text, message);
    }
}

int main(void) {
    RUN(test_step_equals_forward);
    RUN(test_beam_one_is_greedy);
    RUN(test_beam_equals_plain_beam);
    RUN(test_wide_beam_is_exhaustive);
    RUN(test_a_text_is_found_once);
    RUN(test_stopping_is_sound);
    RUN(test_restricted_searches);
    RUN(test_prefix_of_parts);
    RUN(test_sampling);
    RUN(test_align);
    RUN(test_align_words);
    RUN(test_align_word_shares);
    RUN(test_bits_do_not_depend_on_batch);
    RUN(test_bits_do_not_depend_on_threads);
    RUN(test_one_model_several_times);
    RUN(test_two_models);
    RUN(test_runs_do_not_see_each_other);
    RUN(test_limits);
    RUN(test_score_counts_the_end);
    RUN(test_ties_and_begin);
    RUN(test_one_token_source);
    RUN(test_unscored);
    RUN(test_space_behind_parts);
    RUN(test_parts_add_up);
    RUN(test_one_part_is_broken);
    RUN(test_lengths_and_the_end);
    RUN(test_joined_by_hand);
    RUN(test_joined_are_in_order);
    RUN(test_unscored_texts);
    RUN(test_not_a_number);
    RUN(test_options_are_checked);
    return test_finish();
}
