/* What no gradient check sees: which random number decides over which element, whatever blocks it comes in; the first
 * weights; and the gradient in bfloat16. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "base/size.h"
#include "model/transformer.h"
#include "nn/embedding.h"
#include "nn/rows.h"
#include "plain.h"
#include "sets.h"

static Pool *pool;
static Arena arena;

static real *zeros(size_t count) { return memory_new(count, sizeof(real)); }
static real *filled(size_t count, real value) {
    real *x = zeros(count);
    for (size_t i = 0; i < count; i++) x[i] = value;
    return x;
}

/* ---- dropout ----------------------------------------------------------------------------------------------------- */

static Dropout half(void) { return dropout_make(0.5, (RngSite){1, 2, 3}); }

/* What half() multiplies an element by: 0 or 2, which are exact in bfloat16, too. */
static real mask(size_t index) { return dropout_keeps(32768, (RngSite){1, 2, 3}, index) ? 2 : 0; }

/* A block knows its rows and columns; with and without a residual; as part of the array, and apart from it. */
static void check_dropout_block(void) {
    enum { ROWS = 40, WIDTH = 50 };
    static const Block blocks[] = {{.rows = ROWS, .cols = WIDTH},
                                   {.row = 3, .rows = 9, .cols = WIDTH},
                                   {.row = 3, .rows = 9, .col = 17, .cols = 20},
                                   {.row = 39, .rows = 1, .col = 49, .cols = 1}};
    real *x = zeros(ROWS * WIDTH), *residual = zeros(ROWS * WIDTH);
    for (size_t i = 0; i < ROWS * WIDTH; i++) residual[i] = (real)i;
    for (size_t i = 0; i < 4 * COUNT(blocks); i++) {
        Block b = blocks[i / 4];
        const bool apart = i % 4 / 2, add = i % 2;
        size_t wrong = 0;
        b.stride = apart ? b.cols : WIDTH, b.x = apart ? x : x + b.row * WIDTH + b.col;
        for (size_t e = 0; e < ROWS * WIDTH; e++) x[e] = 3;
        dropout_block(b, WIDTH, half(), add ? residual : NULL);
        for (size_t r = 0; r < b.rows; r++)
            for (size_t c = 0; c < b.cols; c++) {
                const size_t index = (b.row + r) * WIDTH + b.col + c;
                wrong += b.x[r * b.stride + c] != 3 * mask(index) + (add ? residual[index] : 0);
            }
        if (wrong) TEST_FAIL("block %zu, case %zu: %zu elements wrong", i / 4, i % 4, wrong);
    }
    free(x), free(residual);
}
static void test_dropout_block(void) { for_each_set(check_dropout_block); }

static Stored stored_new(Precision precision, size_t rows, size_t width) {
    return (Stored){memory_new(stored_bytes(precision, rows, width), 1), stored_stride(precision, width), width,
                    precision};
}

/* More rows than one thread takes at a time. */
static void test_dropout_rows(void) {
    enum { ROWS = 700, WIDTH = 100 };
    real *in = filled(ROWS * WIDTH, 1), row[WIDTH];
    for (int precision = PRECISION_FLOAT32; precision <= PRECISION_BFLOAT16; precision++) {
        const Stored out = stored_new((Precision)precision, ROWS, WIDTH);
        size_t wrong = 0;
        dropout_rows(pool, out, in, half(), ROWS, WIDTH);
        for (size_t r = 0; r < ROWS; r++) {
            stored_read(row, out, r, 0, WIDTH);
            for (size_t c = 0; c < WIDTH; c++) wrong += row[c] != mask(r * WIDTH + c);
        }
        EXPECT_INT(wrong, 0);
        free(out.data);
    }
    free(in);
}

/* With ones for x and dout, unit matrices for weights and ReLU, what comes out is the mask, forward and backward, and
 * the gradients of weights count what is kept. */
static void check_feedforward(Precision precision, size_t N) {
    enum { D = 320, W1 = 0, B1 = D * D, W2 = B1 + D, B2 = W2 + D * D, WEIGHTS = B2 + D };
    Error err;
    real *w = zeros(WEIGHTS), *dw = zeros(WEIGHTS), *out = zeros(N * D), *dx = zeros(N * D), *ones = filled(D, 1);
    real *kept = zeros(D);
    for (size_t i = 0; i < D; i++) w[W1 + i * D + i] = w[W2 + i * D + i] = 1;
    const Stored x = stored_new(precision, N, D);
    for (size_t n = 0; n < N; n++) stored_write(x, n, 0, ones, D);
    RoundedWeights *rounded = rounded_weights_create(4 * rounded_bytes(D, D), &err);
    const Net net = {{.pool = pool, .precision = precision, .rounded = rounded}, &arena, w, dw};
    const Feedforward f = {{{W1, B1}, {W2, B2}}, N, D, D, ACTIVATION_RELU, half()};
    const Stored pre = feedforward_forward(&net, out, x, &f, (Epilogue){0});
    feedforward_backward(&net, dx, x, x, pre, &f);
    size_t forward = 0, backward = 0, again = 0, before = 0;
    for (size_t n = 0; n < N; n++)
        for (size_t d = 0; d < D; d++) {
            const real m = mask(n * D + d);
            forward += out[n * D + d] != m, backward += dx[n * D + d] != m, kept[d] += m;
        }
    for (size_t o = 0; o < D; o++)
        for (size_t i = 0; i < D; i++) again += dw[W2 + o * D + i] != kept[i], before += dw[W1 + o * D + i] != kept[o];
    for (size_t o = 0; o < D; o++) before += dw[B1 + o] != kept[o];
    if (forward || backward || again || before)
        TEST_FAIL("%s, precision %d, %zu rows: wrong are %zu of out, %zu of dx, %zu of dW2, %zu of dW1",
                  cpu_instruction_set(), (int)precision, N, forward, backward, again, before);
    arena_release(&arena, 0);
    rounded_weights_free(rounded);
    free(w), free(dw), free(out), free(dx), free(ones), free(kept), free(x.data);
}

static void check_all_feedforward(void) {
    for (int precision = PRECISION_FLOAT32; precision <= PRECISION_BFLOAT16; precision++)
        for (size_t N = 20; N <= 300; N += 280) check_feedforward((Precision)precision, N);
}
static void test_feedforward(void) { for_each_set(check_all_feedforward); }

/* Every dropping place of the largest model has a number of its own. */
static void test_dropout_sites(void) {
    enum { SITES = 1 << 23 };
    static const uint32_t pieces[] = {0, 1, 2, PASS_MAX_PIECES - 1};
    const Hyper hyper = {.dropout = 0.1, .attention_dropout = 0.1, .activation_dropout = 0.1};
    const Parameters params = {.hyper = hyper};
    Pass pass = {.params = &params, .training = true};
    bool *met = memory_new(SITES, sizeof *met);
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT(pieces); i++)
        for (int stack = STACK_ENCODER; stack <= STACK_DECODER; stack++)
            for (size_t layer = 0; layer < HYPER_MAX_LAYERS; layer++)
                for (int place = PLACE_EMBEDDING; place <= PLACE_FEEDFORWARD_RESIDUAL; place++) {
                    pass.piece = pieces[i];
                    const uint32_t site = pass_dropout(&pass, (StackName)stack, layer, (DropoutPlace)place).site.site;
                    wrong += site >= SITES || met[site];
                    met[site % SITES] = true;
                }
    EXPECT_INT(wrong, 0);
    free(met);
}

/* ---- layers ------------------------------------------------------------------------------------------------------ */

/* All columns of a wide table are added to, each on one thread; sqrt(D) is 10, and sums of integers are exact. */
static void test_embedding_columns(void) {
    enum { B = 2, N = 900, V = 11, P = 500, D = 100 };
    static const uint32_t start[B + 1] = {0, 400, N};
    int32_t token[N];
    real *dout = zeros(N * D), *table = filled(V * D, 1), *position = filled(P * D, 1);
    real *found = filled(V * D, 1), *found_position = filled(P * D, 1);
    for (size_t n = 0; n < N; n++) {
        token[n] = (int32_t)(n * n % V);
        for (size_t d = 0; d < D; d++) {
            const real x = dout[n * D + d] = (real)((n + 3 * d) % 7);
            table[(size_t)token[n] * D + d] += 10 * x, position[(n < 400 ? n : n - 400) * D + d] += x;
        }
    }
    embedding_backward(pool, found, found_position, dout, token, start, B, D);
    EXPECT(memcmp(found, table, V * D * sizeof(real)) == 0);
    EXPECT(memcmp(found_position, position, P * D * sizeof(real)) == 0);
    free(dout), free(table), free(position), free(found), free(found_position);
}

/* Only heads below 64 can be muted, and no other head is with them. */
static void test_many_heads(void) {
    enum { H = 130, K = 2 };
    static const uint32_t start[2] = {0, 1};
    AttentionShape shape = {1, H, K, start, start, start + 1, 1, false, .shown = NULL, .muted = (uint64_t)1 << 3 | 1};
    real *x = filled(H * K, 1), *out = zeros(H * K), log_sum[H];
    attention_forward(pool, out, log_sum, (AttentionInput){x, x, x, H * K, H * K}, shape, dropout_none());
    for (size_t h = 0; h < H; h++) EXPECT(out[h * K] == (h == 0 || h == 3 ? 0 : 1));
    free(x), free(out);
}

/* ---- the model --------------------------------------------------------------------------------------------------- */

/* Mean and spread of each tensor, by what parameters.h says; and each has random numbers of its own. */
static void test_first_weights(void) {
    const Hyper hyper = {.vocab = 300,
                         .width = 32,
                         .heads = 4,
                         .feedforward = 48,
                         .encoder_layers = 2,
                         .decoder_layers = 2,
                         .max_length = 40,
                         .tying = TYING_NONE,
                         .positions = POSITIONS_LEARNED};
    Parameters p = parameters_create(&hyper);
    real *w = zeros(p.count);
    parameters_init(&p, w, 7);
    for (size_t i = 0; i < p.tensor_count; i++) {
        const Tensor *t = &p.tensors[i];
        const real *x = w + t->offset;
        const double n = (double)t->count;
        double sum = 0, squares = 0, largest = 0;
        for (size_t e = 0; e < t->count; e++) {
            sum += (double)x[e], squares += (double)(x[e] * x[e]);
            largest = fmax(largest, fabs((double)x[e]));
            if (!t->rows) EXPECT(x[e] == (strstr(t->name, "norm.weight") ? 1 : 0));
        }
        if (!t->rows) continue;
        const bool normal = strstr(t->name, "embed") || strstr(t->name, "lm_head");
        const bool q_k_v = strstr(t->name, "q_proj") || strstr(t->name, "k_proj") || strstr(t->name, "v_proj");
        const double bound = sqrt(6.0 / (double)(q_k_v ? 4 * 32 : t->rows + t->cols));
        const double variance = normal ? 1.0 / 32 : bound * bound / 3;
        const bool sensible = fabs(sum / n) < 5 * sqrt(variance / n) &&
                              fabs(squares / n - variance) < 5 * variance * sqrt(2 / n) &&
                              (normal || (largest <= bound && largest > 0.98 * bound));
        if (!sensible)
            TEST_FAIL("%s: mean %g, variance %g, largest %g; expected variance %g", t->name, sum / n, squares / n,
                      largest, variance);
        for (size_t j = 0; j < i; j++)
            if (p.tensors[j].rows == t->rows && p.tensors[j].cols == t->cols)
                EXPECT(memcmp(x, w + p.tensors[j].offset, t->count * sizeof *x) != 0);
    }
    free(w);
    parameters_free(&p);
}

enum { B = 4 };
static const uint32_t source_start[] = {0, 50, 57, 147, 150, 200, 207, 297, 300};
static const uint32_t target_start[] = {0, 60, 90, 95, 140, 200, 230, 235, 280};

/* The gradient of one batch, (count), in a fresh array; *params has the tensors. With R-Drop, its sentences are there
 * again. */
static real *gradient_of(Hyper hyper, Precision precision, double rdrop, Parameters *params) {
    const LossOptions options = {.smoothing = 0.1, .rdrop = rdrop};
    const size_t copies = loss_copies(options);
    int32_t source[300], target[2 * 140 + 1];
    Transformer model;
    Error err;
    for (int32_t i = 0; i < 300; i++) source[i] = i % 150 * 37 % 250 + 3;
    for (int32_t i = 0; i < 281; i++) target[i] = i % 140 * 41 % 250 + 3;
    EXPECT(hyper_check(&hyper, "hyper", &err));
    const TransformerLimits limits = {copies * 150, copies * 140, 90, 60};
    EXPECT(transformer_create(&model, &hyper, (Compute){.pool = pool, .precision = precision}, limits,
                              rdrop > 0 ? TRAINING_TWICE : TRAINING_ONCE, &err));
    *params = parameters_create(&hyper);
    real *w = zeros(params->count), *dw = zeros(params->count);
    parameters_init(params, w, 5);
    for (size_t t = 0; t < params->tensor_count; t++) { /* biases and norms begin as constants */
        const Tensor *tensor = &params->tensors[t];
        for (size_t i = tensor->offset; !tensor->rows && i < tensor->offset + tensor->count; i++)
            w[i] += (real)(0.1 * rng_normal((RngSite){9, 0, 0}, i));
    }
    const Packed in = {copies * B, source, source_start, 90}, out = {copies * B, target, target_start, 60};
    const Loss loss =
        transformer_train(&model, w, dw, in, out, target + 1, options, (real)1 / 140, (TransformerStep){3, 41, 2});
    EXPECT(isfinite(loss.loss));
    free(w);
    transformer_free(&model);
    return dw;
}

static double length(const real *x, const real *y, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum += pow((double)x[i] - (y ? (double)y[i] : 0), 2);
    return sqrt(sum);
}

/* The gradient in bfloat16 is that in float32, but for rounding (2% at most were seen): for rows that are narrower than
 * those stored, and for rows wider than a panel of a product, with more rows than one block; also with R-Drop. */
static void test_gradient_in_bfloat16(void) {
    for (int i = 0; i < 8; i++) {
        const bool wide = i / 2 % 2;
        const Hyper hyper = {.vocab = 260,
                             .width = wide ? 288 : 8,
                             .heads = 2,
                             .feedforward = wide ? 320 : 10,
                             .encoder_layers = 1,
                             .decoder_layers = 1,
                             .max_length = 100,
                             .norm = i % 2 ? NORM_POST : NORM_PRE,
                             .activation = ACTIVATION_GELU,
                             .positions = POSITIONS_LEARNED,
                             .dropout = 0.2,
                             .attention_dropout = 0.3,
                             .activation_dropout = 0.4};
        Parameters params, again;
        real *exact = gradient_of(hyper, PRECISION_FLOAT32, i / 4 * 3, &params);
        real *rounded = gradient_of(hyper, PRECISION_BFLOAT16, i / 4 * 3, &again);
        for (size_t t = 0; t < params.tensor_count; t++) {
            const Tensor *tensor = &params.tensors[t];
            const real *x = exact + tensor->offset, *y = rounded + tensor->offset;
            const double error = length(x, y, tensor->count), size = length(x, NULL, tensor->count);
            if (strstr(tensor->name, "k_proj.bias")) continue; /* 0 by theory: softmax does not see it */
            if (!(error < 0.04 * size))
                TEST_FAIL("width %zu, norm %d: %s: the gradient's length is %g, its error %g", hyper.width, i % 2,
                          tensor->name, size, error);
        }
        free(exact), free(rounded);
        parameters_free(&params), parameters_free(&again);
    }
}

/* The loss takes no more memory than it says: for one block of tokens and for several, the last of them smaller. It
 * fails when there is less. */
static void test_memory_of_the_loss(void) {
    enum { D = 2 };
    static const size_t tokens[] = {7, 65}, classes[] = {260, 65536};
    for (int i = 0; i < 8; i++) {
        const LossOptions options = {.smoothing = 0.1, .rdrop = i / 2 % 2};
        const Precision precision = i % 2 ? PRECISION_BFLOAT16 : PRECISION_FLOAT32;
        const size_t V = classes[i / 4], N = loss_copies(options) * tokens[i / 4];
        const LossShape shape = {N, D, V, options};
        Error err;
        Arena own;
        Pool *const alone = pool_create(1, &err);
        pool_reserve(alone, size_max(loss_pool_scratch(shape), size_max(matmul_scratch(), matmul_stored_scratch(V))),
                     matmul_shared());
        Compute compute = {.pool = alone, .precision = precision};
        compute.rounded = rounded_weights_create(rounded_bytes(D, V) + rounded_bytes(V, D), &err);
        EXPECT(arena_create(&own, loss_scratch(precision, shape), &err));
        real *w = zeros(V * D), *dw = zeros(V * D), *h = zeros(N * D), *dh = zeros(N * D);
        int32_t *target = memory_new(N, sizeof *target);
        const Stored rows = {memory_new(stored_bytes(precision, N, D), 1), stored_stride(precision, D), D, precision};
        for (size_t n = 0; n < N; n++) stored_write(rows, n, 0, h + n * D, D), target[n] = (int32_t)(n * 997 % V);
        const Loss loss = loss_run(&(Net){compute, &own, w, dw}, dh, 0, rows, target, 1, shape);
        EXPECT_NEAR(loss.nll / (double)tokens[i / 4], log((double)V), 1e-4); /* the logits are 0 */
        free(w), free(dw), free(h), free(dh), free(target), free(rows.data);
        rounded_weights_free(compute.rounded);
        arena_free(&own);
        pool_free(alone);
    }
}

/* A model that trains with R-Drop has room for a validation batch with as many rows, each token once. The last block of
 * such a batch may have a row more. */
static void test_room_for_validation(void) {
    enum { N = 7, V = 60000 };
    static const uint32_t start[] = {0, N};
    static const int32_t token[N] = {3, 4, 5, 6, 7, 8, 9};
    const Hyper hyper = {.vocab = V,
                         .width = 16,
                         .heads = 1,
                         .feedforward = 2,
                         .encoder_layers = 1,
                         .decoder_layers = 1,
                         .max_length = N};
    Transformer model;
    Error err;
    const TransformerLimits limits = {N, N, N, N};
    EXPECT(transformer_create(&model, &hyper, (Compute){.pool = pool}, limits, TRAINING_TWICE, &err));
    real *w = zeros(model.params.count);
    const Packed packed = {1, token, start, N};
    EXPECT_NEAR(transformer_evaluate(&model, w, packed, packed, token, 0).nll / N, log(V), 1e-4);
    free(w);
    transformer_free(&model);
}

/* More units than a product's shared memory has room for sums of their bias' gradient. */
static void test_wide_feedforward(void) {
    const Hyper hyper = {.vocab = 260,
                         .width = 2,
                         .heads = 1,
                         .feedforward = 20000,
                         .encoder_layers = 1,
                         .decoder_layers = 1,
                         .max_length = 100};
    Parameters params;
    real *dw = gradient_of(hyper, PRECISION_FLOAT32, 0, &params);
    EXPECT(isfinite(length(dw, NULL, params.count)));
    free(dw);
    parameters_free(&params);
}

int main(void) {
    Error err;
    pool = pool_create(2, &err);
    if (!pool || !arena_create(&arena, (size_t)16 << 20, &err)) return 1;
    RUN(test_wide_feedforward); /* first: the pool has no memory yet */
    pool_reserve(pool, size_max(matmul_stored_scratch(512), attention_scratch(1)), matmul_shared());
    RUN(test_dropout_block);
    RUN(test_dropout_rows);
    RUN(test_feedforward);
    RUN(test_dropout_sites);
    RUN(test_embedding_columns);
    RUN(test_many_heads);
    RUN(test_first_weights);
    RUN(test_gradient_in_bfloat16);
    RUN(test_memory_of_the_loss);
    RUN(test_room_for_validation);
    pool_free(pool);
    arena_free(&arena);
    return test_finish();
}
