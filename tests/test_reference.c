/* Layers, whole models and Adam against numbers that PyTorch computed in double (scripts/make_reference.py).
 *
 * Weights, inputs and tokens are values of the same integer formula on both sides. A tensor agrees when no element is
 * off by more than 1e-5 of the tensor's largest magnitude, and its two checksums over all elements agree likewise. Each
 * test runs with every instruction set of this CPU. With -v: the worst error of each tensor. */
#include <stdint.h>
#include <stdlib.h>

#include "base/memory.h"
#include "math/cpu.h"
#include "math/matmul.h"
#include "math/vector.h"
#include "model/transformer.h"
#include "nn/activation.h"
#include "nn/embedding.h"
#include "nn/feedforward.h"
#include "nn/layernorm.h"
#include "nn/linear.h"
#include "nn/loss.h"
#include "nn/multihead.h"
#include "nn/sublayer.h"
#include "optim/adam.h"
#include "optim/optimiser.h"
#include "testlib.h"

typedef struct Reference {
    const char *name;
    size_t count, stride;  /* elements; every stride-th is in `values` */
    double check, squares; /* sums over all elements: x[i] * values("check")[i], and x[i]^2 */
    const double *values;
} Reference;

#include "reference_data.h"

enum { REFERENCES = COUNT(references) };

static const double TOLERANCE = 1e-5;
static bool compared[REFERENCES];
static bool verbose;
static Pool *pool;

/* ---- the formula --------------------------------------------------------------------------------------------------
 */

/* FNV-1a of the name, then MurmurHash3's finaliser over it and the index. */
static uint32_t bits(const char *name, size_t index) {
    uint32_t x = 2166136261;
    for (; *name; name++) x = (x ^ (unsigned char)*name) * 16777619;
    x ^= (uint32_t)index * 2654435761u;
    x = (x ^ x >> 16) * 0x85EBCA6B;
    x = (x ^ x >> 13) * 0xC2B2AE35;
    return x ^ x >> 16;
}

static real value(const char *name, size_t index, double spread, double centre) {
    return (real)(centre + ((double)(bits(name, index) >> 16) - 32768) * (spread / 32768));
}

static real *values(const char *name, size_t count, double spread, double centre) {
    real *x = memory_new(count, sizeof *x);
    for (size_t i = 0; i < count; i++) x[i] = value(name, i, spread, centre);
    return x;
}

/* values("PREFIX.NAME") */
static real *input(const char *prefix, const char *name, size_t count, double spread, double centre) {
    char full[128];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    return values(full, count, spread, centre);
}

static int32_t *tokens(const char *name, size_t count, uint32_t vocab) {
    int32_t *token = memory_new(count, sizeof *token);
    for (size_t i = 0; i < count; i++) token[i] = (int32_t)(bits(name, i) % vocab);
    return token;
}

static real *zeros(size_t count) { return memory_new(count, sizeof(real)); }

/* ---- comparing ----------------------------------------------------------------------------------------------------
 */

static const Reference *reference(const char *prefix, const char *name) {
    char full[256];
    snprintf(full, sizeof full, "%s.%s", prefix, name);
    for (size_t i = 0; i < REFERENCES; i++)
        if (strcmp(references[i].name, full) == 0) {
            compared[i] = true;
            return &references[i];
        }
    TEST_FAIL("no reference named %s", full);
    return NULL;
}

/* least: what the largest magnitude is taken to be at least; 0, except for what is zero in exact arithmetic. */
static void compare_least(const char *prefix, const char *name, const real *found, size_t count, double least) {
    const Reference *r = reference(prefix, name);
    if (!r) return;
    EXPECT_INT(count, r->count);
    double largest = least, worst = 0, squares = 0, check = 0, weights = 0;
    for (size_t i = 0; i < count; i += r->stride) largest = fmax(largest, fabs(r->values[i / r->stride]));
    for (size_t i = 0; i < count; i += r->stride) {
        double error = fabs((double)found[i] - r->values[i / r->stride]) / largest;
        if (!(error <= worst)) worst = error; /* a NaN, too */
    }
    for (size_t i = 0; i < count; i++) {
        double c = (double)value("check", i, 1, 0), x = (double)found[i];
        squares += x * x, check += x * c, weights += c * c;
    }
    if (verbose) printf("%-8s %-60s %.1e\n", cpu_instruction_set(), r->name, worst);
    if (!(worst <= TOLERANCE)) TEST_FAIL("%s: %s: relative error %.3g", cpu_instruction_set(), r->name, worst);
    double size = fmax(r->squares, (double)count * least * least);
    if (!(fabs(squares - r->squares) <= 2 * TOLERANCE * size))
        TEST_FAIL("%s: %s: expected the sum of squares %.9g, found %.9g", cpu_instruction_set(), r->name, r->squares,
                  squares);
    if (!(fabs(check - r->check) <= TOLERANCE * sqrt(size * weights))) /* Cauchy-Schwarz */
        TEST_FAIL("%s: %s: expected the checksum %.9g, found %.9g", cpu_instruction_set(), r->name, r->check, check);
}

static void compare(const char *prefix, const char *name, const real *found, size_t count) {
    compare_least(prefix, name, found, count, 0);
}

static void compare_number(const char *prefix, const char *name, double found) {
    const real x = (real)found;
    compare(prefix, name, &x, 1);
}

/* Compares and frees. */
static void settle(const char *prefix, const char *name, real *found, size_t count) {
    compare(prefix, name, found, count);
    free(found);
}

/* ---- layers -------------------------------------------------------------------------------------------------------
 */

static void check_linear(void) {
    enum { N = 5, I = 7, O = 6 };
    real *x = values("linear.x", N * I, 1, 0), *weight = values("linear.weight", O * I, 1, 0);
    real *bias = values("linear.bias", O, 1, 0), *dout = values("linear.dout", N * O, 1, 0);
    real *out = zeros(N * O), *dx = zeros(N * I), *dweight = zeros(O * I), *dbias = zeros(O);
    linear_forward((Compute){.pool = pool}, out, x, weight, bias, N, I, O);
    linear_backward((Compute){.pool = pool}, stored_reals(dx, I), dweight, dbias, stored_reals(dout, O),
                    stored_reals(x, I), weight, N, I, O, (Epilogue){0});
    settle("linear", "out", out, N * O);
    settle("linear", "dx", dx, N * I);
    settle("linear", "dweight", dweight, O * I);
    settle("linear", "dbias", dbias, O);
    free(x), free(weight), free(bias), free(dout);
}

/* Of so small a variance (about 0.005) that eps counts. */
static void check_layernorm(void) {
    enum { N = 5, D = 37 };
    real *x = values("layernorm.x", N * D, 0.125, 0.25), *weight = values("layernorm.weight", D, 0.5, 1);
    real *bias = values("layernorm.bias", D, 1, 0), *dout = values("layernorm.dout", N * D, 1, 0);
    real *out = zeros(N * D), *mean = zeros(N), *rstd = zeros(N);
    real *dx = zeros(N * D), *dweight = zeros(D), *dbias = zeros(D);
    layernorm_forward(pool, stored_reals(out, D), mean, rstd, x, weight, bias, N, D);
    layernorm_backward_add(pool, dx, dweight, dbias, dout, x, weight, mean, rstd, N, D);
    compare("layernorm", "out", out, N * D);
    vector_clear(out, N * D);
    layernorm_again(pool, stored_reals(out, D), x, weight, bias, mean, rstd, N, D);
    settle("layernorm", "out", out, N * D);
    settle("layernorm", "dx", dx, N * D);
    settle("layernorm", "dweight", dweight, D);
    settle("layernorm", "dbias", dbias, D);
    free(x), free(weight), free(bias), free(dout), free(mean), free(rstd);
}

static void check_activations(void) {
    enum { COUNT = 150 };
    static const char *const names[] = {"relu", "gelu"};
    for (int kind = ACTIVATION_RELU; kind <= ACTIVATION_GELU; kind++) {
        real *x = input(names[kind], "x", COUNT, 4, 0), *dout = input(names[kind], "dout", COUNT, 1, 0);
        real *out = zeros(COUNT), *dx = zeros(COUNT);
        activation_forward(out, x, (Activation)kind, COUNT);
        activation_backward(dx, dout, x, (Activation)kind, COUNT);
        settle(names[kind], "out", out, COUNT);
        settle(names[kind], "dx", dx, COUNT);
        free(x), free(dout);
    }
}

static void check_embedding(void) {
    enum { B = 3, N = 8, V = 9, D = 6, P = 5 };
    static const uint32_t start[B + 1] = {0, 3, 4, 8};
    static const char *const names[] = {"sinusoidal", "learned"};
    int32_t *token = tokens("embedding.token", N, V);
    for (int learned = 0; learned <= 1; learned++) {
        const char *name = names[learned];
        real *table = input(name, "table", V * D, 1, 0), *position = input(name, "positions", P * D, 1, 0);
        real *dout = input(name, "dout", N * D, 1, 0);
        real *out = zeros(N * D), *dtable = zeros(V * D), *dposition = zeros(P * D);
        if (!learned) embedding_positions(position, P, D);
        embedding_forward(pool, out, token, start, table, position, B, D);
        embedding_backward(pool, dtable, learned ? dposition : NULL, dout, token, start, B, D);
        settle(name, "out", out, N * D);
        settle(name, "dtable", dtable, V * D);
        if (learned) compare(name, "dpositions", dposition, P * D);
        free(table), free(position), free(dout), free(dposition);
    }
    free(token);
}

/* A block of the four tensors of attention with projections: in.weight, in.bias, out.weight, out.bias. */
static void check_multihead(const char *name, const uint32_t *query_start, const uint32_t *key_start, bool cross,
                            bool causal) {
    enum { B = 3, H = 3, K = 4, D = H * K, BLOCK = 4 * D * (D + 1) };
    const size_t Nq = query_start[B], Nk = cross ? key_start[B] : 0;
    const MultiheadParams at = {{0, 3 * D * D}, {3 * D * D + 3 * D, 4 * D * D + 3 * D}};
    const size_t offset[4] = {at.in.weight, at.in.bias, at.out.weight, at.out.bias};
    static const char *const part[4] = {"in.weight", "in.bias", "out.weight", "out.bias"};
    static const char *const gradient[4] = {"din.weight", "din.bias", "dout.weight", "dout.bias"};
    const size_t count[4] = {3 * D * D, 3 * D, D * D, D};
    real *w = zeros(BLOCK), *dw = zeros(BLOCK);
    for (int i = 0; i < 4; i++) {
        real *tensor = input(name, part[i], count[i], 0.5, 0);
        vector_copy(w + offset[i], tensor, count[i]);
        free(tensor);
    }
    real *x = input(name, "x", Nq * D, 2, 0), *dout = input(name, "dout", Nq * D, 1, 0);
    real *memory = cross ? input(name, "memory", Nk * D, 2, 0) : NULL, *dmemory = cross ? zeros(Nk * D) : NULL;
    real *out = zeros(Nq * D), *dx = zeros(Nq * D);

    uint32_t longest = 0;
    for (size_t b = 0; b < B; b++)
        if (key_start[b + 1] - key_start[b] > longest) longest = key_start[b + 1] - key_start[b];
    const AttentionShape shape = {B, H, K, query_start, key_start, key_start + 1, longest, causal, .shown = NULL};
    pool_reserve(pool, attention_scratch(longest), matmul_shared());
    Arena arena;
    Error err;
    EXPECT(arena_create(&arena, 1 << 20, &err));
    const Net net = {{.pool = pool}, &arena, w, dw};
    const Multihead m = {at, shape, dropout_none(), stored_reals(memory, D), Nk};
    MultiheadTape tape;
    multihead_forward(&net, &tape, out, stored_reals(x, D), &m, (Epilogue){0});
    multihead_backward(&net, dx, dmemory, stored_reals(dout, D), stored_reals(x, D), &tape, &m);
    arena_free(&arena);

    settle(name, "out", out, Nq * D);
    settle(name, "dx", dx, Nq * D);
    if (cross) settle(name, "dmemory", dmemory, Nk * D);
    for (int i = 0; i < 4; i++) compare(name, gradient[i], dw + offset[i], count[i]);
    free(w), free(dw), free(x), free(dout), free(memory);
}

static void check_attentions(void) {
    static const uint32_t self[] = {0, 4, 5, 11}, query[] = {0, 3, 8, 10}, key[] = {0, 4, 6, 12};
    check_multihead("self", self, self, false, false);
    check_multihead("causal", self, self, false, true);
    check_multihead("cross", query, key, true, false);
}

static void check_feedforward(void) {
    enum { N = 5, D = 6, F = 10, BLOCK = 2 * F * D + F + D };
    static const char *const names[] = {"feedforward.relu", "feedforward.gelu"};
    static const char *const part[4] = {"weight1", "bias1", "weight2", "bias2"};
    static const char *const gradient[4] = {"dweight1", "dbias1", "dweight2", "dbias2"};
    const size_t offset[4] = {0, F * D, F * D + F, 2 * F * D + F}, count[4] = {F * D, F, D * F, D};
    const FeedforwardParams at = {{offset[0], offset[1]}, {offset[2], offset[3]}};
    for (int kind = ACTIVATION_RELU; kind <= ACTIVATION_GELU; kind++) {
        const Feedforward f = {at, N, D, F, (Activation)kind, dropout_none()};
        real *w = zeros(BLOCK), *dw = zeros(BLOCK);
        for (int i = 0; i < 4; i++) {
            real *tensor = input(names[kind], part[i], count[i], 1, 0);
            vector_copy(w + offset[i], tensor, count[i]);
            free(tensor);
        }
        real *x = input(names[kind], "x", N * D, 2, 0), *dout = input(names[kind], "dout", N * D, 1, 0);
        real *out = zeros(N * D), *dx = zeros(N * D);
        Arena arena;
        Error err;
        EXPECT(arena_create(&arena, 1 << 16, &err));
        const Net net = {{.pool = pool}, &arena, w, dw};
        const Stored pre = feedforward_forward(&net, out, stored_reals(x, D), &f, (Epilogue){0});
        feedforward_backward(&net, dx, stored_reals(dout, D), stored_reals(x, D), pre, &f);
        arena_free(&arena);
        settle(names[kind], "out", out, N * D);
        settle(names[kind], "dx", dx, N * D);
        for (int i = 0; i < 4; i++) compare(names[kind], gradient[i], dw + offset[i], count[i]);
        free(w), free(dw), free(x), free(dout);
    }
}

/* Around a linear layer without bias. Block: scale, shift (the norm's), weight. */
static void check_sublayer(void) {
    enum { N = 5, D = 8, BLOCK = 2 * D + D * D };
    static const char *const names[] = {"residual.pre", "residual.post"};
    const LayernormParams norm = {0, D};
    for (int place = NORM_PRE; place <= NORM_POST; place++) {
        const char *name = names[place];
        const Sublayer s = {N, D, (NormPlace)place, norm, .dropout = dropout_none()};
        real *scale = input(name, "scale", D, 0.5, 1), *shift = input(name, "shift", D, 1, 0);
        real *weight = input(name, "weight", D * D, 1, 0), *w = zeros(BLOCK), *dw = zeros(BLOCK);
        vector_copy(w, scale, D);
        vector_copy(w + D, shift, D);
        vector_copy(w + 2 * D, weight, D * D);
        real *x = input(name, "x", N * D, 2, 0), *d = input(name, "dout", N * D, 1, 0);
        real *normed = zeros(N * D), *y = zeros(N * D), *dy = zeros(N * D), *dh = zeros(N * D);
        Arena arena;
        Error err;
        EXPECT(arena_create(&arena, 1 << 16, &err));
        const Net net = {{.pool = pool}, &arena, w, dw};
        SublayerTape tape;

        Stored h = sublayer_input(&net, &tape, x, &s);
        linear_forward(net.compute, y, stored_floats(h), w + 2 * D, NULL, N, D, D);
        vector_copy(tape.sum, y, N * D);
        const Epilogue sum = sublayer_sum(&tape);
        sum.function(sum.context, (Block){tape.sum, D, 0, N, 0, D});
        compare(name, "out", sublayer_output(&net, &tape, &s), N * D);

        sublayer_output_backward_in_place(&net, d, stored_reals(dy, D), &tape, &s);
        h = sublayer_input_again(&net, &tape, stored_reals(normed, D), &s);
        linear_backward(net.compute, stored_reals(dh, D), dw + 2 * D, NULL, stored_reals(dy, D), h, w + 2 * D, N, D, D,
                        (Epilogue){0});
        sublayer_input_backward_add(&net, d, dh, &tape, &s);
        compare(name, "dx", d, N * D);
        compare(name, "dscale", dw, D);
        compare(name, "dshift", dw + D, D);
        compare(name, "dweight", dw + 2 * D, D * D);
        arena_free(&arena);
        free(scale), free(shift), free(weight), free(w), free(dw), free(x), free(d);
        free(normed), free(y), free(dy), free(dh);
    }
}

static void check_loss(void) {
    enum { N = 7, D = 6, V = 11 };
    static const char *const names[] = {"loss.sharp", "loss.smooth"};
    int32_t *target = tokens("loss.target", N, V);
    real *h = values("loss.h", N * D, 2, 0), *weight = values("loss.weight", V * D, 1, 0);
    for (int smooth = 0; smooth <= 1; smooth++) {
        const LossShape shape = {N, D, V, {.smoothing = smooth ? 0.1 : 0}};
        real *dh = zeros(N * D), *dweight = zeros(V * D);
        Arena arena;
        Error err;
        EXPECT(arena_create(&arena, loss_scratch(PRECISION_FLOAT32, shape), &err));
        const Net net = {{.pool = pool}, &arena, weight, dweight};
        Loss loss = loss_run(&net, dh, 0, stored_reals(h, D), target, (real)1 / N, shape);
        Loss only = loss_run(&net, NULL, 0, stored_reals(h, D), target, 1, shape);
        arena_free(&arena);
        EXPECT(only.loss == loss.loss && only.nll == loss.nll);
        compare_number(names[smooth], "loss", loss.loss / N);
        compare_number(names[smooth], "nll", loss.nll / N);
        settle(names[smooth], "dh", dh, N * D);
        settle(names[smooth], "dweight", dweight, V * D);
    }
    free(target), free(h), free(weight);
}

/* ---- whole models -------------------------------------------------------------------------------------------------
 */

enum { B = 3, V = 260, D = 12, P = 9 };

static bool ends(const char *text, const char *end) {
    size_t length = strlen(text), n = strlen(end);
    return length >= n && strcmp(text + length - n, end) == 0;
}

static void fill_model(const Parameters *params, real *w) {
    for (size_t t = 0; t < params->tensor_count; t++) {
        const Tensor *tensor = &params->tensors[t];
        bool norm = ends(tensor->name, "norm.weight");
        bool table = tensor->rows == V || tensor->rows == P;
        double spread = norm ? 0.25 : tensor->rows == 0 ? 0.125 : table ? 0.25 : 0.5;
        for (size_t i = 0; i < tensor->count; i++) w[tensor->offset + i] = value(tensor->name, i, spread, norm ? 1 : 0);
    }
}

/* A bias of the keys adds the same to all scores of a query, which softmax takes out again: its gradient is zero in
 * exact arithmetic. Of what is left in float, Adam, which divides by the gradient's size, makes steps of any size up to
 * the learning rate. They change nothing else. */
static bool is_idle(const Tensor *tensor) { return ends(tensor->name, "k_proj.bias"); }

static void compare_block(const char *prefix, const char *stage, const Parameters *params, const real *block,
                          bool gradient) {
    for (size_t t = 0; t < params->tensor_count; t++) {
        const Tensor *tensor = &params->tensors[t];
        char name[128];
        snprintf(name, sizeof name, "%s.%s", stage, tensor->name);
        const Reference *r = reference(prefix, name);
        if (is_idle(tensor) && !gradient) continue;
        compare_least(prefix, name, block + tensor->offset, tensor->count, is_idle(tensor) ? 0.01 : 0);
        if (gradient && r) EXPECT(is_idle(tensor) == (r->squares == 0));
    }
}

/* Three steps of training. */
static void check_model(const char *prefix, Hyper hyper, double max_norm, AdamOptions options) {
    static const uint32_t source_start[B + 1] = {0, 5, 7, 14}, target_start[B + 1] = {0, 4, 10, 13};
    const size_t Ns = source_start[B], Nt = target_start[B];
    int32_t *source_token = tokens("source", Ns, V), *target_token = tokens("target_in", Nt, V);
    int32_t *target_out = tokens("target_out", Nt, V);
    const Packed source = {B, source_token, source_start, 7}, target_in = {B, target_token, target_start, 6};
    Error err;
    Transformer model;
    EXPECT(hyper_check(&hyper, prefix, &err));
    EXPECT(transformer_create(&model, &hyper, (Compute){.pool = pool}, (TransformerLimits){Ns, Nt, 7, 6}, TRAINING_ONCE,
                              &err));
    const Parameters *params = &model.params;
    real *w = zeros(params->count), *dw = zeros(params->count), *m = zeros(params->count), *v = zeros(params->count);
    fill_model(params, w);

    for (uint32_t step = 1; step <= 3; step++) {
        char name[32];
        Loss forward = transformer_evaluate(&model, w, source, target_in, target_out, 0.1);
        vector_clear(dw, params->count);
        Loss loss = transformer_train(&model, w, dw, source, target_in, target_out, (LossOptions){.smoothing = 0.1},
                                      (real)1 / (real)Nt, (TransformerStep){1, step, 0});
        EXPECT(forward.loss == loss.loss && forward.nll == loss.nll);
        double norm = optimiser_norm(pool, dw, params->count);
        snprintf(name, sizeof name, "loss%u", step);
        compare_number(prefix, name, loss.loss / (double)Nt);
        snprintf(name, sizeof name, "nll%u", step);
        compare_number(prefix, name, loss.nll / (double)Nt);
        snprintf(name, sizeof name, "norm%u", step);
        compare_number(prefix, name, norm);
        if (step == 1) compare_block(prefix, "gradient", params, dw, true);
        adam_update(pool, params, w, m, v, dw, step, 1e-2, optimiser_clip(norm, max_norm), options);
        snprintf(name, sizeof name, "step%u", step);
        compare_block(prefix, name, params, w, false);
    }
    free(w), free(dw), free(m), free(v), free(source_token), free(target_token), free(target_out);
    transformer_free(&model);
}

static void check_pre(void) {
    check_model("pre",
                (Hyper){.vocab = V,
                        .width = D,
                        .heads = 3,
                        .feedforward = 10,
                        .encoder_layers = 2,
                        .decoder_layers = 2,
                        .max_length = P,
                        .norm = NORM_PRE,
                        .activation = ACTIVATION_GELU,
                        .tying = TYING_ALL,
                        .positions = POSITIONS_SINUSOIDAL},
                1.0, (AdamOptions){0.9, 0.98, 1e-9, .weight_decay = 0});
}

static void check_post(void) {
    check_model("post",
                (Hyper){.vocab = V,
                        .width = D,
                        .heads = 3,
                        .feedforward = 10,
                        .encoder_layers = 2,
                        .decoder_layers = 2,
                        .max_length = P,
                        .norm = NORM_POST,
                        .activation = ACTIVATION_RELU,
                        .tying = TYING_NONE,
                        .positions = POSITIONS_LEARNED},
                1.5, (AdamOptions){0.9, 0.98, 1e-9, .weight_decay = 0.1});
}

/* ---- every instruction set ----------------------------------------------------------------------------------------
 */

static void on_each(void (*check)(void)) {
    const char *const *names;
    size_t count = cpu_instruction_sets(&names);
    for (size_t i = 0; i < count; i++) {
        EXPECT(cpu_use(names[i]));
        check();
    }
}

static void test_linear(void) { on_each(check_linear); }
static void test_layernorm(void) { on_each(check_layernorm); }
static void test_activations(void) { on_each(check_activations); }
static void test_embedding(void) { on_each(check_embedding); }
static void test_attentions(void) { on_each(check_attentions); }
static void test_feedforward(void) { on_each(check_feedforward); }
static void test_sublayer(void) { on_each(check_sublayer); }
static void test_loss(void) { on_each(check_loss); }
static void test_pre_norm_model(void) { on_each(check_pre); }
static void test_post_norm_model(void) { on_each(check_post); }

static void test_everything_was_compared(void) {
    for (size_t i = 0; i < REFERENCES; i++)
        if (!compared[i]) TEST_FAIL("%s was not compared", references[i].name);
}

int main(int argc, char **argv) {
    verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    Error err;
    pool = pool_create(2, &err);
    pool_reserve(pool, matmul_scratch(), matmul_shared());
    RUN(test_linear);
    RUN(test_layernorm);
    RUN(test_activations);
    RUN(test_embedding);
    RUN(test_attentions);
    RUN(test_feedforward);
    RUN(test_sublayer);
    RUN(test_loss);
    RUN(test_pre_norm_model);
    RUN(test_post_norm_model);
    RUN(test_everything_was_compared);
    pool_free(pool);
    return test_finish();
}
