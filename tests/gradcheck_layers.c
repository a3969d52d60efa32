/* Every layer's backward pass against central differences (gradcheck.h).
 *
 * The loss is the sum of the outputs times random numbers, which then are the gradient of the outputs. Gradients start
 * from random numbers, not zeros, so that a layer which writes where it should add fails; outputs start from NaN. */
#include "gradcheck.h"

#include "base/arena.h"
#include "base/pool.h"
#include "math/matmul.h"
#include "math/vector.h"
#include "nn/activation.h"
#include "nn/attention.h"
#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/feedforward.h"
#include "nn/layernorm.h"
#include "nn/linear.h"
#include "nn/loss.h"
#include "nn/multihead.h"
#include "nn/sublayer.h"
#include "plain.h"

enum { B = 3, H = 3, K = 4, D = H * K, F = 10, ALL = 1 << 20 };

/* Packed sentences of 2, 5 and 4, of 3, 2 and 6 tokens, and some longer than a block of query rows. */
static const uint32_t source[B + 1] = {0, 2, 7, 11}, target[B + 1] = {0, 3, 5, 11}, lengthy[B + 1] = {0, 5, 75, 141};
static const RngSite site = {5, 7, 9};
static Pool *pool;
static Arena arena;

/* A layer under test: the tensors that get a gradient, the outputs, and what else some of the layers need. */
typedef struct Layer Layer;
struct Layer {
    const char *name;
    void (*forward)(const Layer *l), (*backward)(const Layer *l);
    struct {
        const char *name;
        size_t count;
        real *x, *dx, *dirt; /* dirt: what dx held before the backward pass */
        bool written;        /* by the backward pass, which otherwise adds */
    } in[4];
    size_t inputs, outputs;
    real *out, *dout; /* (outputs) */
    size_t N, I, O;
    Dropout dropout;
    Activation activation;
    AttentionShape shape;
    NormPlace place;
    SublayerTape *sublayer_tape;
    MultiheadTape *multihead_tape;
    bool add; /* linear_backward_add */
    const int32_t *token;
    real *mean, *rstd, *kept; /* (N), (N); log_sum of attention, or room for what comes before an activation */
    size_t kept_count;
    size_t mark; /* of the arena before forward */
};

static real *reals(size_t count) { return arena_push(&arena, count, sizeof(real)); }

/* One more input of normal random numbers; returns them. */
static real *add_input(Layer *l, const char *name, size_t count) {
    size_t i = l->inputs++;
    l->in[i].name = name, l->in[i].count = count;
    l->in[i].x = reals(count), l->in[i].dx = reals(count), l->in[i].dirt = reals(count);
    gradcheck_fill(l->in[i].x, count, 1, 10 + i);
    gradcheck_fill(l->in[i].dirt, count, 1, 20 + i);
    memcpy(l->in[i].dx, l->in[i].dirt, count * sizeof(real));
    return l->in[i].x;
}

static double layer_loss(void *context) {
    const Layer *l = context;
    for (size_t i = 0; i < l->outputs; i++) l->out[i] = NAN;
    arena_release(&arena, l->mark);
    l->forward(l);
    double loss = 0;
    for (size_t i = 0; i < l->outputs; i++) loss += l->out[i] * l->dout[i];
    return loss;
}

static uint64_t layer_piece(void *context) {
    const Layer *l = context;
    uint64_t hash = 0;
    for (size_t i = 0; i < l->kept_count; i++) hash = hash * 31 + (l->kept[i] > 0);
    return hash;
}

static void check_inputs(Gradcheck g, const Layer *l, size_t checks) {
    for (size_t i = 0; i < l->inputs; i++) {
        for (size_t e = 0; e < l->in[i].count; e++) { /* what was left as it was is nobody's: its gradient is 0 */
            const real dirt = l->in[i].dirt[e];
            l->in[i].dx[e] -= l->in[i].written && l->in[i].dx[e] != dirt ? 0 : dirt;
        }
        gradcheck_tensor(&g, l->in[i].name, l->in[i].x, l->in[i].dx, l->in[i].count, checks);
    }
    arena_release(&arena, 0);
}

/* Runs the layer forward and backward, and compares. Everything in the arena goes. */
static void check_layer(Layer *l, size_t outputs, size_t checks) {
    l->outputs = outputs;
    l->out = reals(outputs), l->dout = reals(outputs);
    gradcheck_fill(l->dout, outputs, 1, 30);
    l->mark = arena_mark(&arena);
    layer_loss(l);
    l->backward(l);
    const bool kinks = l->kept_count && l->activation == ACTIVATION_RELU;
    check_inputs((Gradcheck){l->name, layer_loss, kinks ? layer_piece : NULL, l, 0, 0}, l, checks);
}

/* ---- linear ------------------------------------------------------------------------------------------------------ */

static void linear_f(const Layer *l) {
    linear_forward((Compute){.pool = pool}, l->out, l->in[0].x, l->in[1].x, l->in[2].x, l->N, l->I, l->O);
}

static void linear_b(const Layer *l) {
    const Stored dout = stored_reals(l->dout, l->O), in = stored_reals(l->in[0].x, l->I);
    if (l->add)
        linear_backward_add((Compute){.pool = pool}, l->in[0].dx, l->in[1].dx, l->in[2].dx, dout, in, l->in[1].x, l->N,
                            l->I, l->O);
    else
        linear_backward((Compute){.pool = pool}, stored_reals(l->in[0].dx, l->I), l->in[1].dx, l->in[2].dx, dout, in,
                        l->in[1].x, l->N, l->I, l->O, (Epilogue){0});
}

static void check_linear(const char *name, size_t N, size_t I, size_t O, bool bias, bool add, size_t checks) {
    Layer l = {.name = name, .forward = linear_f, .backward = linear_b, .N = N, .I = I, .O = O, .add = add};
    add_input(&l, "in", N * I);
    l.in[0].written = !add;
    add_input(&l, "weight", O * I);
    if (bias) add_input(&l, "bias", O);
    check_layer(&l, N * O, checks);
}

static void test_linear(void) {
    check_linear("linear", 11, D, 70, true, false, ALL);
    check_linear("linear, added", 11, D, 70, true, true, ALL);
}
static void test_linear_without_bias(void) { check_linear("linear, no bias", 11, D, F, false, false, ALL); }
static void test_linear_on_threads(void) { check_linear("linear, many rows", 300, 35, 42, true, false, 40); }

/* The gradient of the input is not always wanted. */
static void test_linear_without_input_gradient(void) {
    real in[6] = {1, 2, 3, 4, 5, 6}, weight[4] = {1, 2, 3, 4}, dout[6] = {1, -1, 2, -2, 3, -3}, dw[4] = {1, 1, 1, 1};
    linear_backward((Compute){.pool = pool}, (Stored){0}, dw, NULL, stored_reals(dout, 2), stored_reals(in, 2), weight,
                    3, 2, 2, (Epilogue){0});
    EXPECT_NEAR(dw[0], 1 + 1 + 6 + 15, 1e-12);
    EXPECT_NEAR(dw[3], 1 - 2 - 8 - 18, 1e-12);
}

/* ---- layer norm -------------------------------------------------------------------------------------------------- */

static void layernorm_f(const Layer *l) {
    layernorm_forward(pool, stored_reals(l->out, D), l->mean, l->rstd, l->in[0].x, l->in[1].x, l->in[2].x, l->N, D);
}

static void layernorm_b(const Layer *l) {
    real *again = reals(l->N * D);
    layernorm_again(pool, stored_reals(again, D), l->in[0].x, l->in[1].x, l->in[2].x, l->mean, l->rstd, l->N, D);
    EXPECT(memcmp(again, l->out, l->N * D * sizeof(real)) == 0);
    layernorm_backward_add(pool, l->in[0].dx, l->in[1].dx, l->in[2].dx, l->dout, l->in[0].x, l->in[1].x, l->mean,
                           l->rstd, l->N, D);
    /* A few rows at a time it does the same: threads leave no row out and do none twice. */
    real *dx = reals(l->N * D), dw[D], db[D];
    memcpy(dx, l->in[0].dirt, l->N * D * sizeof(real));
    memcpy(dw, l->in[1].dirt, sizeof dw);
    memcpy(db, l->in[2].dirt, sizeof db);
    for (size_t n = 0, rows; n < l->N; n += rows) {
        rows = l->N - n < 7 ? l->N - n : 7;
        layernorm_backward_add(pool, dx + n * D, dw, db, l->dout + n * D, l->in[0].x + n * D, l->in[1].x, l->mean + n,
                               l->rstd + n, rows, D);
    }
    EXPECT(memcmp(dx, l->in[0].dx, l->N * D * sizeof(real)) == 0);
    for (size_t d = 0; d < D; d++) { /* sums over rows are taken in other pieces */
        EXPECT_NEAR(dw[d], l->in[1].dx[d], 1e-9);
        EXPECT_NEAR(db[d], l->in[2].dx[d], 1e-9);
    }
}

static void check_layernorm(const char *name, size_t N, size_t checks) {
    Layer l = {.name = name, .forward = layernorm_f, .backward = layernorm_b, .N = N};
    l.mean = reals(N), l.rstd = reals(N);
    add_input(&l, "in", N * D);
    add_input(&l, "weight", D);
    add_input(&l, "bias", D);
    check_layer(&l, N * D, checks);
}

static void test_layernorm(void) { check_layernorm("layernorm", 11, ALL); }
static void test_layernorm_on_threads(void) { check_layernorm("layernorm, many rows", 3000, 40); }

/* ---- activation -------------------------------------------------------------------------------------------------- */

static void activation_f(const Layer *l) { activation_forward(l->out, l->in[0].x, l->activation, l->outputs); }
static void activation_b(const Layer *l) {
    const size_t count = l->outputs;
    activation_backward(l->in[0].dx, l->dout, l->in[0].x, l->activation, count);
    real *dx = reals(count); /* in pieces of whole vectors, the same */
    for (size_t i = 0; i < count; i += 64)
        activation_backward(dx + i, l->dout + i, l->in[0].x + i, l->activation, count - i < 64 ? count - i : 64);
    EXPECT(memcmp(dx, l->in[0].dx, count * sizeof(real)) == 0);
}

static void check_activation(const char *name, Activation kind, size_t count, size_t checks) {
    Layer l = {.name = name, .forward = activation_f, .backward = activation_b, .activation = kind};
    real *x = add_input(&l, "in", count);
    l.in[0].written = true;
    for (size_t i = 0; i < count; i++) x[i] += x[i] > 0 ? 0.01 : -0.01; /* clear of the kink */
    check_layer(&l, count, checks);
}

static void test_relu(void) { check_activation("relu", ACTIVATION_RELU, 131, ALL); }
static void test_gelu(void) { check_activation("gelu", ACTIVATION_GELU, 131, ALL); }
static void test_relu_on_threads(void) { check_activation("relu, many", ACTIVATION_RELU, 40001, 40); }
static void test_gelu_on_threads(void) { check_activation("gelu, many", ACTIVATION_GELU, 40001, 40); }

/* ---- dropout ----------------------------------------------------------------------------------------------------- */

static void dropout_f(const Layer *l) {
    if (l->inputs == 1) {
        dropout_forward(pool, l->out, l->in[0].x, l->dropout, l->outputs);
        const size_t mark = arena_mark(&arena);
        real *in_place = reals(l->outputs);
        memcpy(in_place, l->in[0].x, l->outputs * sizeof(real));
        dropout_forward(pool, in_place, in_place, l->dropout, l->outputs);
        EXPECT(memcmp(in_place, l->out, l->outputs * sizeof(real)) == 0);
        arena_release(&arena, mark);
    } else {
        memcpy(l->out, l->in[0].x, l->outputs * sizeof(real));
        dropout_block((Block){l->out, l->outputs, 0, 1, 0, l->outputs}, l->outputs, l->dropout, l->in[1].x);
    }
}

static void dropout_b(const Layer *l) {
    real *d = reals(l->outputs);
    dropout_forward(pool, d, l->dout, l->dropout, l->outputs);
    for (size_t i = 0; i < l->outputs; i++) l->in[0].dx[i] += d[i];
    for (size_t i = 0; l->inputs == 2 && i < l->outputs; i++) l->in[1].dx[i] += l->dout[i];
    size_t wrong = 0; /* every element draws its own number, on whichever thread */
    for (size_t i = 0; i < l->outputs; i++) {
        int kept = dropout_is_none(l->dropout) || dropout_keeps(l->dropout.keep, site, i);
        wrong += kept != (l->in[0].dx[i] != l->in[0].dirt[i]);
    }
    EXPECT_INT(wrong, 0);
}

static void check_dropout(const char *name, double rate, bool residual, size_t count, size_t checks) {
    Layer l = {.name = name,
               .forward = dropout_f,
               .backward = dropout_b,
               .dropout = rate > 0 ? dropout_make(rate, site) : dropout_none()};
    add_input(&l, "in", count);
    if (residual) add_input(&l, "residual", count);
    check_layer(&l, count, checks);
}

static void test_dropout(void) { check_dropout("dropout", 0.4, false, 131, ALL); }
static void test_dropout_none(void) { check_dropout("dropout, none", 0, false, 131, ALL); }
static void test_dropout_on_threads(void) { check_dropout("dropout, many", 0.4, false, 40001, 40); }
static void test_dropout_add(void) { check_dropout("dropout_add", 0.4, true, 131, ALL); }
static void test_dropout_add_none(void) { check_dropout("dropout_add, none", 0, true, 131, ALL); }

/* ---- embedding --------------------------------------------------------------------------------------------------- */

enum { V = 7, P = 8 }; /* longest sentence 6: the last two positions are not used; neither are all tokens */
static const int32_t few_tokens[11] = {3, 1, 3, 3, 0, 5, 1, 6, 3, 0, 1};
static real sinusoidal[1200 * D];

static void embedding_f(const Layer *l) {
    embedding_forward(pool, l->out, l->token, l->shape.query_start, l->in[0].x,
                      l->inputs == 2 ? l->in[1].x : sinusoidal, B, D);
}

static void embedding_b(const Layer *l) {
    embedding_backward(pool, l->in[0].dx, l->inputs == 2 ? l->in[1].dx : NULL, l->dout, l->token, l->shape.query_start,
                       B, D);
}

static void check_embedding(const char *name, const int32_t *token, const uint32_t *start, size_t positions,
                            size_t checks) {
    Layer l = {.name = name, .forward = embedding_f, .backward = embedding_b, .token = token};
    l.shape.query_start = start;
    add_input(&l, "table", V * D);
    if (positions) add_input(&l, "position", positions * D);
    check_layer(&l, start[B] * D, checks);
}

static void test_embedding_sinusoidal(void) {
    embedding_positions(sinusoidal, P, D);
    check_embedding("embedding, sinusoidal", few_tokens, target, 0, ALL);
}

static void test_embedding_learned(void) { check_embedding("embedding, learned", few_tokens, target, P, ALL); }

static void test_embedding_on_threads(void) {
    static const uint32_t start[B + 1] = {0, 1200, 1300, 2400};
    static int32_t token[2400];
    for (size_t i = 0; i < 2400; i++) token[i] = (int32_t)(i * i % 31 % V);
    check_embedding("embedding, many tokens", token, start, 1200, 100);
}

/* ---- attention --------------------------------------------------------------------------------------------------- */

/* Rows of q, and of k and v together, with elements between them that belong to nobody: their gradient is 0. */
enum { Q_STRIDE = D + 1, KV_STRIDE = 2 * D + 3 };

static AttentionInput attention_in(const Layer *l) {
    return (AttentionInput){l->in[0].x, l->in[1].x + 2, l->in[1].x + 2 + D, Q_STRIDE, KV_STRIDE};
}

static void attention_f(const Layer *l) {
    attention_forward(pool, l->out, l->kept, attention_in(l), l->shape, l->dropout);
}

static void attention_b(const Layer *l) {
    AttentionGradient gradient = {l->in[0].dx, l->in[1].dx + 2, l->in[1].dx + 2 + D};
    attention_backward(pool, gradient, l->dout, l->kept, attention_in(l), l->shape, l->dropout);
}

static AttentionShape shape_of(const uint32_t *queries, const uint32_t *keys, bool causal) {
    AttentionShape shape = {B, H, K, queries, keys, keys + 1, 0, causal, .shown = NULL};
    for (size_t b = 0; b < B; b++)
        if (keys[b + 1] - keys[b] > shape.longest_key) shape.longest_key = keys[b + 1] - keys[b];
    return shape;
}

static void check_attention(const char *name, const uint32_t *queries, const uint32_t *keys, bool causal, double rate,
                            size_t checks) {
    Layer l = {.name = name,
               .forward = attention_f,
               .backward = attention_b,
               .shape = shape_of(queries, keys, causal),
               .dropout = rate > 0 ? dropout_make(rate, site) : dropout_none()};
    l.kept = reals(queries[B] * H);
    pool_reserve(pool, attention_scratch(l.shape.longest_key), matmul_shared());
    add_input(&l, "q", queries[B] * Q_STRIDE);
    add_input(&l, "k and v", keys[B] * KV_STRIDE);
    l.in[0].written = l.in[1].written = true;
    check_layer(&l, queries[B] * D, checks);
}

static void test_attention(void) { check_attention("attention", source, source, false, 0.3, ALL); }
static void test_attention_causal(void) { check_attention("attention, causal", target, target, true, 0.3, ALL); }
static void test_attention_cross(void) { check_attention("attention, cross", target, source, false, 0.3, ALL); }
static void test_attention_no_dropout(void) { check_attention("attention, no dropout", target, source, false, 0, ALL); }
static void test_attention_long(void) { check_attention("attention, long", lengthy, lengthy, false, 0.3, 60); }
static void test_attention_causal_long(void) {
    check_attention("attention, causal, long", lengthy, lengthy, true, 0.3, 60);
}
static void test_attention_cross_long(void) {
    check_attention("attention, cross, long queries", lengthy, target, false, 0.3, 60);
}

/* ---- multi-head attention ---------------------------------------------------------------------------------------- */

/* The block of parameters: one element that is nobody's, weights, biases. */
static const MultiheadParams multihead_params = {{1, 1 + 3 * D *D}, {1 + 3 * D * D + 3 * D, 1 + 4 * D *D + 3 * D}};
enum { MULTIHEAD_COUNT = 1 + 4 * D * D + 4 * D };

static Net net_of(const Layer *l) { return (Net){{.pool = pool}, &arena, l->in[0].x, l->in[0].dx}; }

static Multihead multihead_of(const Layer *l) {
    const bool cross = l->inputs == 3;
    return (Multihead){multihead_params, l->shape, l->dropout, stored_reals(l->in[2].x, D),
                       cross ? l->shape.key_start[B] : 0};
}

static void multihead_f(const Layer *l) {
    const Net net = net_of(l);
    const Multihead m = multihead_of(l);
    multihead_forward(&net, l->multihead_tape, l->out, stored_reals(l->in[1].x, D), &m, (Epilogue){0});
}

static void multihead_b(const Layer *l) {
    const Net net = net_of(l);
    const Multihead m = multihead_of(l);
    multihead_backward(&net, l->in[1].dx, l->in[2].dx, stored_reals(l->dout, D), stored_reals(l->in[1].x, D),
                       l->multihead_tape, &m);
}

static void check_multihead(const char *name, const uint32_t *queries, const uint32_t *keys, bool causal) {
    Layer l = {.name = name,
               .forward = multihead_f,
               .backward = multihead_b,
               .shape = shape_of(queries, keys, causal),
               .dropout = dropout_make(0.3, site)};
    MultiheadTape tape;
    l.multihead_tape = &tape;
    pool_reserve(pool, attention_scratch(l.shape.longest_key), matmul_shared());
    real *w = add_input(&l, "parameters", MULTIHEAD_COUNT);
    for (size_t i = 0; i < MULTIHEAD_COUNT; i++) w[i] *= 0.3;
    add_input(&l, "x", queries[B] * D);
    l.in[1].written = true;
    if (queries != keys) add_input(&l, "memory", keys[B] * D);
    check_layer(&l, queries[B] * D, ALL);
}

static void test_multihead_self(void) { check_multihead("multihead, self", source, source, false); }
static void test_multihead_causal(void) { check_multihead("multihead, causal", target, target, true); }
static void test_multihead_cross(void) { check_multihead("multihead, cross", target, source, false); }

/* ---- feed-forward ------------------------------------------------------------------------------------------------ */

static const FeedforwardParams feedforward_params = {{1, 1 + F *D}, {1 + F * D + F, 1 + 2 * F *D + F}};
enum { FEEDFORWARD_COUNT = 1 + 2 * F * D + F + D };

static Feedforward feedforward_of(const Layer *l) {
    return (Feedforward){feedforward_params, l->N, D, F, l->activation, l->dropout};
}

static void feedforward_f(const Layer *l) {
    const Net net = net_of(l);
    const Feedforward f = feedforward_of(l);
    const Stored pre = feedforward_forward(&net, l->out, stored_reals(l->in[1].x, D), &f, (Epilogue){0});
    memcpy(l->kept, pre.data, l->N * F * sizeof(real));
}

static void feedforward_b(const Layer *l) {
    const Net net = net_of(l);
    const Feedforward f = feedforward_of(l);
    feedforward_backward(&net, l->in[1].dx, stored_reals(l->dout, D), stored_reals(l->in[1].x, D),
                         stored_reals(l->kept, F), &f);
}

static void check_feedforward(const char *name, Activation activation, Dropout dropout) {
    Layer l = {.name = name,
               .forward = feedforward_f,
               .backward = feedforward_b,
               .N = 11,
               .activation = activation,
               .dropout = dropout,
               .kept_count = 11 * F};
    l.kept = reals(l.kept_count);
    real *w = add_input(&l, "parameters", FEEDFORWARD_COUNT);
    for (size_t i = 0; i < FEEDFORWARD_COUNT; i++) w[i] *= 0.3;
    add_input(&l, "x", l.N * D);
    l.in[1].written = true;
    check_layer(&l, l.N * D, ALL);
}

static void test_feedforward_relu(void) {
    check_feedforward("feedforward, relu", ACTIVATION_RELU, dropout_make(0.3, site));
}
static void test_feedforward_gelu(void) {
    check_feedforward("feedforward, gelu", ACTIVATION_GELU, dropout_make(0.3, site));
}
static void test_feedforward_no_dropout(void) {
    check_feedforward("feedforward, no dropout", ACTIVATION_GELU, dropout_none());
}

/* ---- sublayer ---------------------------------------------------------------------------------------------------- */

/* Around a linear layer: weight (D, D), bias (D); before them the norm's. */
enum { SUBLAYER_COUNT = 2 * D + D * D + D };

static Sublayer sublayer_of(const Layer *l) { return (Sublayer){l->N, D, l->place, {0, D}, l->dropout, false}; }

static void sublayer_f(const Layer *l) {
    const Net net = net_of(l);
    const Sublayer s = sublayer_of(l);
    SublayerTape *tape = l->sublayer_tape;
    real *y = reals(l->N * D);
    const real *h = stored_floats(sublayer_input(&net, tape, l->in[1].x, &s));
    linear_forward(net.compute, y, h, net.w + 2 * D, net.w + 2 * D + D * D, l->N, D, D);
    memcpy(tape->sum, y, l->N * D * sizeof(real));
    const Epilogue sum = sublayer_sum(tape);
    sum.function(sum.context, (Block){tape->sum, D, 0, l->N, 0, D});
    const real *out = sublayer_output(&net, tape, &s);
    EXPECT(out == tape->out);
    memcpy(l->out, out, l->N * D * sizeof(real));
}

static void sublayer_b(const Layer *l) {
    const Net net = net_of(l);
    const Sublayer s = sublayer_of(l);
    const size_t count = l->N * D;
    real *dw = net.dw + 2 * D, *d = l->in[1].dx, *dh = reals(count);
    const Stored dy = stored_reals(reals(count), D), normed = stored_reals(reals(count), D);
    memcpy(d, l->dout, count * sizeof(real));
    sublayer_output_backward_in_place(&net, d, dy, l->sublayer_tape, &s);
    const Stored h = sublayer_input_again(&net, l->sublayer_tape, normed, &s);
    linear_backward(net.compute, stored_reals(dh, D), dw, dw + D * D, dy, h, net.w + 2 * D, l->N, D, D, (Epilogue){0});
    sublayer_input_backward_add(&net, d, dh, l->sublayer_tape, &s);
}

static void check_sublayer(const char *name, NormPlace place, Dropout dropout) {
    Layer l = {
        .name = name, .forward = sublayer_f, .backward = sublayer_b, .N = 11, .dropout = dropout, .place = place};
    SublayerTape tape;
    l.sublayer_tape = &tape;
    add_input(&l, "parameters", SUBLAYER_COUNT);
    add_input(&l, "x", l.N * D);
    l.in[1].written = true;
    check_layer(&l, l.N * D, ALL);
}

static void test_sublayer_pre(void) { check_sublayer("sublayer, pre-norm", NORM_PRE, dropout_make(0.3, site)); }
static void test_sublayer_post(void) { check_sublayer("sublayer, post-norm", NORM_POST, dropout_make(0.3, site)); }
static void test_sublayer_no_dropout(void) { check_sublayer("sublayer, no dropout", NORM_POST, dropout_none()); }

/* ---- loss -------------------------------------------------------------------------------------------------------- */

typedef struct LossCase {
    Layer l; /* in: h, weight */
    LossShape shape;
    double scale;
} LossCase;

static double loss_loss(void *context) {
    const LossCase *c = context;
    const Net net = {{.pool = pool}, &arena, c->l.in[1].x, NULL};
    return loss_run(&net, NULL, 0, stored_reals(c->l.in[0].x, c->shape.D), c->l.token, c->scale, c->shape).loss *
           c->scale;
}

/* log p[j] for all classes, of row n. */
static void plain_row(const LossCase *c, size_t n, double *log_p) {
    const LossShape s = c->shape;
    double sum = 0;
    for (size_t j = 0; j < s.V; j++) {
        log_p[j] = 0;
        for (size_t d = 0; d < s.D; d++) log_p[j] += c->l.in[0].x[n * s.D + d] * c->l.in[1].x[j * s.D + d];
        sum += exp(log_p[j]);
    }
    for (size_t j = 0; j < s.V; j++) log_p[j] -= log(sum);
}

/* The two figures by their definitions. */
static Loss plain_loss(const LossCase *c) {
    const LossShape s = c->shape;
    const size_t copies = s.options.rdrop > 0 ? 2 : 1, tokens = s.N / copies;
    double *p = memory_new(s.V, sizeof *p), *q = memory_new(s.V, sizeof *q), *const rows[2] = {p, q};
    Loss total = {0, 0};
    for (size_t n = 0; n < tokens; n++) {
        for (size_t copy = 0; copy < copies; copy++) {
            const double *row = rows[copy];
            double sum = 0;
            plain_row(c, copy * tokens + n, rows[copy]);
            for (size_t j = 0; j < s.V; j++) sum += row[j];
            const double nll = -row[c->l.token[n]];
            total.nll += nll / (double)copies;
            total.loss += ((1 - s.options.smoothing) * nll - s.options.smoothing * sum / (double)s.V) / (double)copies;
        }
        if (copies == 1) continue;
        double kl_pq = 0, kl_qp = 0;
        for (size_t j = 0; j < s.V; j++) {
            kl_pq += exp(p[j]) * (p[j] - q[j]);
            kl_qp += exp(q[j]) * (q[j] - p[j]);
        }
        total.loss += s.options.rdrop / 4 * (kl_pq + kl_qp);
    }
    free(p), free(q);
    return total;
}

static void check_loss(const char *name, const int32_t *token, LossShape shape, size_t checks) {
    LossCase c = {.l = {.name = name, .token = token}, .shape = shape, .scale = 1.0 / (double)shape.N};
    real *h = add_input(&c.l, "h", shape.N * shape.D), *w = add_input(&c.l, "weight", shape.V * shape.D);
    const Net net = {{.pool = pool}, &arena, w, c.l.in[1].dx};
    Loss loss = loss_run(&net, c.l.in[0].dx, 0, stored_reals(h, shape.D), token, c.scale, shape);
    c.l.in[0].written = true;
    Loss plain = plain_loss(&c);
    EXPECT_NEAR(loss.loss, plain.loss, 1e-12 * plain.loss);
    EXPECT_NEAR(loss.nll, plain.nll, 1e-12 * plain.nll);
    EXPECT(loss.loss * c.scale == loss_loss(&c));
    /* Many classes: small gradients beside the digits of a large loss, which bends little. */
    check_inputs((Gradcheck){name, loss_loss, NULL, &c, 0, shape.V > 1000 ? 1e-2 : 0}, &c.l, checks);
}

static void test_loss(void) { check_loss("loss", few_tokens, (LossShape){11, D, V, {.smoothing = 0.1}}, ALL); }
static void test_loss_not_smoothed(void) {
    check_loss("loss, not smoothed", few_tokens, (LossShape){11, D, V, {.smoothing = 0}}, ALL);
}

/* With R-Drop, each token is there twice. */
static void test_loss_rdrop(void) {
    check_loss("loss, R-Drop", few_tokens, (LossShape){22, D, V, {.smoothing = 0.1, .rdrop = 3}}, ALL);
    check_loss("loss, R-Drop, not smoothed", few_tokens, (LossShape){22, D, V, {.smoothing = 0, .rdrop = 0.5}}, ALL);
}

/* Rows in three blocks: 64, 64 and 2; with R-Drop, three blocks of twice 32, 32 and 1. */
static void test_loss_blocks(void) {
    int32_t token[130];
    for (size_t n = 0; n < 130; n++) token[n] = (int32_t)(n * 997 % 65536);
    check_loss("loss, many tokens", token, (LossShape){130, 2, 65536, {.smoothing = 0.1}}, 6);
    check_loss("loss, R-Drop, many tokens", token, (LossShape){130, 2, 65536, {.smoothing = 0.1, .rdrop = 3}}, 6);
}

int main(int argc, char **argv) {
    gradcheck_verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    Error err;
    pool = pool_create(2, &err);
    if (!pool || !arena_create(&arena, (size_t)64 << 20, &err)) return 1;
    const size_t scratch = loss_pool_scratch((LossShape){.V = 65536, .options.rdrop = 1});
    pool_reserve(pool, size_max(matmul_scratch(), scratch), matmul_shared());
    RUN(test_linear);
    RUN(test_linear_without_bias);
    RUN(test_linear_on_threads);
    RUN(test_linear_without_input_gradient);
    RUN(test_layernorm);
    RUN(test_layernorm_on_threads);
    RUN(test_relu);
    RUN(test_gelu);
    RUN(test_relu_on_threads);
    RUN(test_gelu_on_threads);
    RUN(test_dropout);
    RUN(test_dropout_none);
    RUN(test_dropout_on_threads);
    RUN(test_dropout_add);
    RUN(test_dropout_add_none);
    RUN(test_embedding_sinusoidal);
    RUN(test_embedding_learned);
    RUN(test_embedding_on_threads);
    RUN(test_attention);
    RUN(test_attention_causal);
    RUN(test_attention_cross);
    RUN(test_attention_no_dropout);
    RUN(test_attention_long);
    RUN(test_attention_causal_long);
    RUN(test_attention_cross_long);
    RUN(test_multihead_self);
    RUN(test_multihead_causal);
    RUN(test_multihead_cross);
    RUN(test_feedforward_relu);
    RUN(test_feedforward_gelu);
    RUN(test_feedforward_no_dropout);
    RUN(test_sublayer_pre);
    RUN(test_sublayer_post);
    RUN(test_sublayer_no_dropout);
    RUN(test_loss);
    RUN(test_loss_not_smoothed);
    RUN(test_loss_rdrop);
    RUN(test_loss_blocks);
    pool_free(pool);
    arena_free(&arena);
    return gradcheck_finish();
}
