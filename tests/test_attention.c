/* Attention and the stacks made of it: a worked example, what must not see what, and equal bits wherever they are
 * promised: for any neighbours in a batch, any number of threads, and for decoding token by token. Each test runs with
 * every instruction set of this CPU. */
#include "nn/attention.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/size.h"
#include "math/cpu.h"
#include "math/matmul.h"
#include "math/vector.h"
#include "model/transformer.h"
#include "nn/kept.h"
#include "nn/linear.h"
#include "plain.h"
#include "testlib.h"

static Pool *pool; /* of two threads, for all tests but that of threads */

/* Uniform in [-spread, spread). */
static real *noise(uint32_t site, size_t count, double spread) {
    real *x = memory_new(count, sizeof *x);
    const RngSite at = {7, 0, site};
    for (size_t i = 0; i < count; i++) x[i] = (real)(spread * (2 * rng_uniform(at, i) - 1));
    return x;
}

static real *zeros(size_t count) { return memory_new(count, sizeof(real)); }

static bool same_bits(const void *x, const void *y, size_t count) { return memcmp(x, y, count * sizeof(real)) == 0; }

/* What is written must not depend on what was there. */
static void spoil(real *x, size_t count) {
    for (size_t i = 0; i < count; i++) x[i] = (real)NAN;
}

static bool all_finite(const real *x, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!isfinite(x[i])) return false;
    return true;
}

/* One sentence of Tq queries and Tk keys, H heads of width K; q: (Tq, H K), k and v: (Tk, H K). */
static void attend(real *out, real *log_sum, const real *q, const real *k, const real *v, size_t Tq, size_t Tk,
                   size_t H, size_t K, bool causal) {
    const uint32_t query_start[2] = {0, (uint32_t)Tq}, key_start[2] = {0, (uint32_t)Tk};
    const AttentionShape shape = {1, H, K, query_start, key_start, key_start + 1, Tk, causal, .shown = NULL};
    pool_reserve(pool, attention_scratch(Tk), matmul_shared());
    attention_forward(pool, out, log_sum, (AttentionInput){q, k, v, H * K, H * K}, shape, dropout_none());
}

/* ---- attention ----------------------------------------------------------------------------------------------------
 */

/* Three words, "write a poem", in two dimensions, with weights rounded to four places, hence the tolerance. */
static void check_example(void) {
    enum { N = 3, D = 2 };
    static const real x[N * D] = {1.16f, 0.23f, 0.57f, 1.36f, 4.41f, -2.16f};
    /* (out, in): the transposes of the matrices that x is multiplied by from the right. */
    static const real Wq[D * D] = {0.5406f, 0.5869f, -0.1657f, 0.6496f};
    static const real Wk[D * D] = {-0.1549f, 0.1427f, -0.3443f, 0.4153f};
    static const real Wv[D * D] = {0.6233f, -0.5188f, 0.6146f, 0.1323f};
    static const double scores[N][N] = {
        {-0.0990, 0.0648, -0.6523}, {-0.4022, 0.4078, -3.0024}, {0.4842, -0.6683, 4.0461}};
    static const double weights[N][N] = {{0.3573, 0.4011, 0.2416}, {0.3410, 0.6047, 0.0542}, {0.0722, 0.0320, 0.8959}};
    static const double outputs[N][D] = {{1.0100, 1.0641}, {0.2040, 0.7057}, {3.4989, 2.2427}};
    /* Values that read the weights of two keys at a time from the output. */
    static const real first_two[N * D] = {1, 0, 0, 1, 0, 0}, last_two[N * D] = {0, 0, 1, 0, 0, 1};

    real q[N * D], k[N * D], v[N * D], s[N * N], out[N * D], first[N * D], last[N * D], log_sum[N];
    linear_forward((Compute){.pool = pool}, q, x, Wq, NULL, N, D, D);
    linear_forward((Compute){.pool = pool}, k, x, Wk, NULL, N, D, D);
    linear_forward((Compute){.pool = pool}, v, x, Wv, NULL, N, D, D);
    matmul((Compute){.pool = pool}, MATMUL_WRITE, s, N, matrix(q, D), transposed(k, D), N, N, D, NULL);
    attend(out, log_sum, q, k, v, N, N, 1, D, false);
    attend(first, log_sum, q, k, first_two, N, N, 1, D, false);
    attend(last, log_sum, q, k, last_two, N, N, 1, D, false);
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < N; j++) EXPECT_NEAR(s[i * N + j], scores[i][j], 5e-4 * fmax(1, fabs(scores[i][j])));
        for (size_t d = 0; d < D; d++) {
            EXPECT_NEAR(out[i * D + d], outputs[i][d], 5e-4);
            EXPECT_NEAR(first[i * D + d], weights[i][d], 5e-4);
            EXPECT_NEAR(last[i * D + d], weights[i][d + 1], 5e-4);
        }
    }
}

/* Later keys and values, be they ever so large, do not change one bit of an earlier row. 70 rows: more than are worked
 * on at a time. */
static void check_causal_attention(void) {
    enum { T = 70, H = 3, K = 4, D = H * K };
    real *q = noise(1, T * D, 1), *k = noise(2, T * D, 1), *v = noise(3, T * D, 1);
    real *before = zeros(T * D), *sum_before = zeros(T * H), *after = zeros(T * D), *sum_after = zeros(T * H);
    attend(before, sum_before, q, k, v, T, T, H, K, true);
    static const size_t changed[] = {1, 2, 40, 63, 64, 65, 69};
    for (size_t c = COUNT(changed); c-- > 0;) { /* from the end, each change on top of the last */
        const size_t t = changed[c];
        for (size_t d = 0; d < D; d++) k[t * D + d] = (real)-1e30, v[t * D + d] = (real)1e30;
        attend(after, sum_after, q, k, v, T, T, H, K, true);
        EXPECT(same_bits(before, after, t * D));
        EXPECT(same_bits(sum_before, sum_after, t * H));
        EXPECT(!same_bits(before + t * D, after + t * D, D)); /* but it changes its own */
    }
    free(q), free(k), free(v), free(before), free(sum_before), free(after), free(sum_after);
}

/* log_sum is the logarithm of each row's sum, and rows of weights sum to 1: with values of 1 the output is 1. */
static void check_row_sums(void) {
    enum { Tq = 66, Tk = 37, H = 2, K = 6, D = H * K };
    real *q = noise(1, Tq * D, 4), *k = noise(2, Tk * D, 4), *v = zeros(Tk * D);
    real *out = zeros(Tq * D), *log_sum = zeros(Tq * H);
    for (size_t i = 0; i < Tk * D; i++) v[i] = 1;
    attend(out, log_sum, q, k, v, Tq, Tk, H, K, false);
    for (size_t i = 0; i < Tq * D; i++) EXPECT_NEAR(out[i], 1, 1e-6);
    for (size_t i = 0; i < Tq; i++)
        for (size_t h = 0; h < H; h++) {
            double sum = 0;
            for (size_t j = 0; j < Tk; j++) {
                double score = 0;
                for (size_t d = h * K; d < (h + 1) * K; d++) score += (double)q[i * D + d] * (double)k[j * D + d];
                sum += exp(score / sqrt(K));
            }
            EXPECT_NEAR(log_sum[i * H + h], log(sum), 1e-5 * (1 + fabs(log(sum))));
        }
    free(q), free(k), free(v), free(out), free(log_sum);
}

/* The probabilities that are shown on request: those of the formula, of the sentence that has room for them, and no bit
 * of the output is another for it. More query rows than are worked on at a time. */
static void check_shown(void) {
    enum { T0 = 3, T1 = 70, N = T0 + T1, H = 2, K = 4, D = H * K };
    static const uint32_t start[3] = {0, T0, N};
    real *q = noise(1, N * D, 1), *k = noise(2, N * D, 1), *v = noise(3, N * D, 1), *shown = zeros(H * T1 * T1 + 1);
    real *out = zeros(N * D), *same = zeros(N * D), *log_sum = zeros(N * H), *rooms[2] = {NULL, shown};
    const AttentionInput in = {q, k, v, D, D};
    AttentionShape shape = {2, H, K, start, start, start + 1, T1, true, .shown = NULL};
    pool_reserve(pool, attention_scratch(T1), matmul_shared());
    attention_forward(pool, out, log_sum, in, shape, dropout_none());
    shape.shown = rooms;
    attention_forward(pool, same, log_sum, in, shape, dropout_none());
    EXPECT(same_bits(out, same, N * D));
    for (size_t h = 0; h < H; h++)
        for (size_t i = 0; i < T1; i++)
            for (size_t j = 0; j < T1; j++) {
                double score = 0;
                for (size_t d = h * K; d < (h + 1) * K; d++)
                    score += (double)q[(T0 + i) * D + d] * (double)k[(T0 + j) * D + d];
                const double expected = exp(score / sqrt(K) - (double)log_sum[(T0 + i) * H + h]);
                EXPECT_NEAR(shown[(h * T1 + i) * T1 + j], j <= i ? expected : 0, 1e-5);
            }
    EXPECT(shown[H * T1 * T1] == 0); /* nothing behind it */
    free(q), free(k), free(v), free(shown), free(out), free(same), free(log_sum);
}

/* Scores of 1e30 and of -1e30: all weight goes to the largest; nothing overflows, backward neither. */
static void check_huge_scores(void) {
    enum { T = 5, K = 2 };
    static const real sizes[T] = {-3e15f, 1e15f, 2e15f, -1e15f, 0};
    static const uint32_t start[2] = {0, T};
    const AttentionShape shape = {1, 1, K, start, start, start + 1, T, false, .shown = NULL};
    real q[T * K], k[T * K], v[T * K], out[T * K], log_sum[T];
    real dq[T * K] = {0}, dk[T * K] = {0}, dv[T * K] = {0};
    for (size_t i = 0; i < T * K; i++) q[i] = sizes[i / K], k[i] = sizes[i / K], v[i] = (real)(i + 1);
    attend(out, log_sum, q, k, v, T, T, 1, K, false);
    EXPECT(all_finite(out, T * K) && all_finite(log_sum, T));
    for (size_t i = 0; i < T; i++) /* a positive query picks key 2, a negative one key 0, and zero the mean */
        for (size_t d = 0; d < K; d++)
            EXPECT_NEAR(out[i * K + d], i == 4 ? v[2 * K + d] : sizes[i] > 0 ? v[2 * K + d] : v[d], 1e-5);
    attention_backward(pool, (AttentionGradient){dq, dk, dv}, out, log_sum, (AttentionInput){q, k, v, K, K}, shape,
                       dropout_none());
    EXPECT(all_finite(dq, T * K) && all_finite(dk, T * K) && all_finite(dv, T * K));
    EXPECT_NEAR(dv[0], out[0 * K] + out[3 * K] + out[4 * K] / T, 1e-4);
}

/* Attention to kept keys and values has the bits of attention to rows: whatever the numbers of queries and keys, for
 * heads wider than one run of a product's sums, too, after copies, and where the last row is put on the way. */
static void check_kept(void) {
    static const uint32_t keys[] = {1, 15, 16, 17, 70, 33};
    static const size_t widths[] = {1, 8, 13, 300};
    enum { B = COUNT(keys), HEADS = 2, MOST = 70, ROOM = 80, QUERIES = 1 + 2 + 3 + 1 + 2 + 3 };
    for (size_t w = 0; w < COUNT(widths); w++) {
        const size_t K = widths[w], W = HEADS * K;
        uint32_t query_start[B + 1] = {0}, start[B], end[B], kept_start[B], kept_end[B], row[B * MOST], N = 0;
        for (size_t b = 0; b < B; b++) {
            query_start[b + 1] = query_start[b] + 1 + b % 3;
            start[b] = N, kept_start[b] = (uint32_t)(b * ROOM);
            for (uint32_t i = 0; i < keys[b]; i++) row[N++] = kept_start[b] + i;
            end[b] = N, kept_end[b] = kept_start[b] + keys[b];
        }
        AttentionShape shape = {B, HEADS, K, query_start, start, end, MOST, false, .unscaled = w == 1};
        shape.muted = w == 2 ? 2 : 0;
        real *x = noise(1, N * 3 * W, 1), *q = noise(2, QUERIES * 3 * W, 1), *kv = zeros(N * 2 * W);
        real *out = zeros(QUERIES * W), *expected = zeros(QUERIES * W), *log_sum = zeros(QUERIES * HEADS);
        for (size_t n = 0; n < N; n++) vector_copy(kv + n * 2 * W, x + n * 3 * W, 2 * W);
        pool_reserve(pool, size_max(attention_scratch(MOST), kept_scratch(MOST)), matmul_shared());
        spoil(expected, QUERIES * W), spoil(out, QUERIES * W);
        attention_forward(pool, expected, log_sum, (AttentionInput){q, kv, kv + W, 3 * W, 2 * W}, shape,
                          dropout_none());

        Arena arena;
        Error err;
        CHECK(arena_create(&arena, 4 * (B * ROOM * W * sizeof(real) + 64), &err), "memory");
        const Kept put = kept_push(&arena, B * ROOM, W), kept = kept_push(&arena, B * ROOM, W);
        vector_clear(kept.keys, B * ROOM * W), vector_clear(kept.values, B * ROOM * W);
        kept_put(pool, put, row, kv, N, W);
        for (size_t b = 0; b < B; b++) kept_copy(kept, kept_start[b], put, kept_start[b], keys[b], W);
        shape.key_start = kept_start, shape.key_end = kept_end;
        kept_attend(pool, out, q, NULL, 3 * W, kept, shape);
        EXPECT(same_bits(out, expected, QUERIES * W) && all_finite(out, QUERIES * W));

        /* The last row of each sentence is another one's, until it is put. */
        real *last = zeros(B * 3 * W);
        for (size_t b = 0; b < B; b++) {
            vector_copy(last + b * 3 * W, kv + (end[b] - 1) * 2 * W, 2 * W);
            row[b] = kept_end[b] - 1;
        }
        kept_put(pool, kept, row, kv, B, W);
        spoil(out, QUERIES * W);
        kept_attend(pool, out, q, last, 3 * W, kept, shape);
        EXPECT(same_bits(out, expected, QUERIES * W));
        shape.longest_key = 1 << 20; /* one head in each task */
        pool_reserve(pool, kept_scratch(1 << 20), 0);
        spoil(out, QUERIES * W);
        kept_attend(pool, out, q, last, 3 * W, kept, shape);
        EXPECT(same_bits(out, expected, QUERIES * W));
        arena_free(&arena);
        free(x), free(q), free(kv), free(out), free(expected), free(log_sum), free(last);
    }
}

/* ---- whole stacks -------------------------------------------------------------------------------------------------
 */

enum { V = 270, D = 24, H = 3, LONGEST = 300 };

static Hyper hyper_of(NormPlace norm) {
    return (Hyper){.vocab = V,
                   .width = D,
                   .heads = H,
                   .feedforward = 40,
                   .encoder_layers = 3,
                   .decoder_layers = 3,
                   .max_length = LONGEST,
                   .norm = norm,
                   .activation = norm == NORM_PRE ? ACTIVATION_GELU : ACTIVATION_RELU,
                   .tying = norm == NORM_PRE ? TYING_ALL : TYING_NONE,
                   .positions = norm == NORM_PRE ? POSITIONS_SINUSOIDAL : POSITIONS_LEARNED};
}

/* A batch of B sentences whose lengths are given. */
enum { MOST_SENTENCES = 8 };
typedef struct Batch {
    int32_t *token;
    uint32_t start[MOST_SENTENCES + 1];
    Packed packed;
} Batch;

static void batch_make(Batch *batch, uint32_t site, const uint32_t *length, size_t count) {
    batch->packed = (Packed){count, NULL, batch->start, 0};
    batch->start[0] = 0;
    for (size_t b = 0; b < count; b++) {
        batch->start[b + 1] = batch->start[b] + length[b];
        if (length[b] > batch->packed.longest) batch->packed.longest = length[b];
    }
    batch->token = memory_new(batch->start[count], sizeof *batch->token);
    for (size_t i = 0; i < batch->start[count]; i++)
        batch->token[i] = (int32_t)(rng_bits((RngSite){3, 0, site}, i) % V);
    batch->packed.token = batch->token;
}

static size_t rows_of(const Batch *batch) { return batch->start[batch->packed.B]; }

/* Sentence b of a batch, alone; start is filled. */
static Packed alone(const Batch *batch, size_t b, uint32_t start[2]) {
    start[0] = 0, start[1] = batch->start[b + 1] - batch->start[b];
    return (Packed){1, batch->token + batch->start[b], start, start[1]};
}

typedef struct Case {
    Transformer model;
    real *w;
    Batch source, target;
} Case;

static void case_open(Case *c, Pool *on, Hyper hyper, const uint32_t *source, const uint32_t *target, size_t count,
                      TrainingPasses training) {
    Error err;
    EXPECT(hyper_check(&hyper, "hyper", &err));
    batch_make(&c->source, 1, source, count);
    batch_make(&c->target, 2, target, count);
    const TransformerLimits limits = {rows_of(&c->source), rows_of(&c->target), c->source.packed.longest,
                                      c->target.packed.longest};
    EXPECT(transformer_create(&c->model, &hyper, (Compute){.pool = on}, limits, training, &err));
    c->w = zeros(c->model.params.count);
    parameters_init(&c->model.params, c->w, 5);
    /* Biases and norms start as constants; a test should see where each goes. */
    real *shift = noise(9, c->model.params.count, 0.1);
    vector_add(c->w, shift, c->model.params.count);
    free(shift);
}

static void case_close(Case *c) {
    transformer_free(&c->model);
    free(c->w), free(c->source.token), free(c->target.token);
}

/* Encoder and decoder outputs of a batch, in fresh arrays. */
typedef struct Outputs {
    real *memory, *out;
} Outputs;

static Outputs run_stacks(Case *c, Packed source, Packed target) {
    const size_t Ns = source.start[source.B], Nt = target.start[target.B];
    const Pass pass = transformer_pass(&c->model, c->w);
    const Stacks stacks = transformer_forward(&c->model, &pass, source, target);
    Outputs outputs = {zeros(Ns * D), zeros(Nt * D)};
    vector_copy(outputs.memory, stored_floats(stacks.memory), Ns * D);
    vector_copy(outputs.out, stored_floats(stacks.out), Nt * D);
    return outputs;
}

static void outputs_free(Outputs outputs) { free(outputs.memory), free(outputs.out); }

/* Later target tokens do not change earlier rows of the decoder; another source does. */
static void check_causal_decoder(void) {
    static const uint32_t source[] = {4, 6}, target[] = {9, 70};
    for (int norm = NORM_PRE; norm <= NORM_POST; norm++) {
        Case c;
        case_open(&c, pool, hyper_of((NormPlace)norm), source, target, 2, TRAINING_NONE);
        Outputs before = run_stacks(&c, c.source.packed, c.target.packed);
        for (size_t b = 0; b < 2; b++) {
            const size_t first = c.target.start[b], rows = target[b];
            for (size_t t = rows - 1; t > 0; t -= t > 10 ? 9 : 1) {
                int32_t *token = &c.target.token[first + t];
                *token = (*token + 1) % V;
                Outputs after = run_stacks(&c, c.source.packed, c.target.packed);
                EXPECT(same_bits(before.out + first * D, after.out + first * D, t * D));
                EXPECT(!same_bits(before.out + (first + t) * D, after.out + (first + t) * D, D));
                *token = (*token + V - 1) % V;
                outputs_free(after);
            }
        }
        c.source.token[3] = (c.source.token[3] + 1) % V; /* the last of the first sentence */
        Outputs after = run_stacks(&c, c.source.packed, c.target.packed);
        for (size_t d = 0; d < target[0]; d++) EXPECT(!same_bits(before.out + d * D, after.out + d * D, D));
        EXPECT(same_bits(before.out + target[0] * D, after.out + target[0] * D, target[1] * D));
        outputs_free(before), outputs_free(after);
        case_close(&c);
    }
}

/* A sentence has the same bits alone as among others. */
static void check_neighbours(void) {
    static const uint32_t source[] = {1, 17, 70, 5, 2, 129}, target[] = {3, 1, 66, 70, 9, 20};
    enum { B = COUNT(source) };
    for (int norm = NORM_PRE; norm <= NORM_POST; norm++) {
        Case c;
        case_open(&c, pool, hyper_of((NormPlace)norm), source, target, B, TRAINING_NONE);
        Outputs together = run_stacks(&c, c.source.packed, c.target.packed);
        EXPECT(all_finite(together.out, rows_of(&c.target) * D));
        for (size_t b = 0; b < B; b++) {
            uint32_t source_start[2], target_start[2];
            Packed one_source = alone(&c.source, b, source_start), one_target = alone(&c.target, b, target_start);
            Outputs one = run_stacks(&c, one_source, one_target);
            EXPECT(same_bits(together.memory + c.source.start[b] * D, one.memory, source[b] * D));
            EXPECT(same_bits(together.out + c.target.start[b] * D, one.out, target[b] * D));
            outputs_free(one);
        }
        outputs_free(together);
        case_close(&c);
    }
}

/* Decoding token by token, with keys and values kept, gives the bits of the whole pass: for sources of different
 * lengths at once, two sentences sharing one of them, and for more positions than are ever worked on at a time. */
static void check_cache(NormPlace norm, size_t T) {
    static const uint32_t source[] = {5, 1, 70};
    enum { B = 4, SOURCES = 3, L = 3 };
    static const size_t source_of[B] = {0, 1, 2, 0}; /* the last shares the first's */
    const uint32_t shared[B] = {5, 1, 70, 5}, target[B] = {(uint32_t)T, (uint32_t)T, (uint32_t)T, (uint32_t)T};
    Case c;
    case_open(&c, pool, hyper_of(norm), shared, target, B, TRAINING_NONE);
    memcpy(c.source.token + c.source.start[3], c.source.token, 5 * sizeof(int32_t));
    Outputs whole = run_stacks(&c, c.source.packed, c.target.packed);

    enum { M = 76, ROOM = 512 }; /* rows of the three sources; of a slot */
    Kept self[L], cross[L];
    Arena kept;
    Error err;
    CHECK(arena_create(&kept, (uint64_t)L * 2 * (B + SOURCES) * ROOM * D * sizeof(real) + 4 * L * 64, &err), "memory");
    for (size_t l = 0; l < L; l++)
        self[l] = kept_push(&kept, B * ROOM, D), cross[l] = kept_push(&kept, SOURCES * ROOM, D);
    uint32_t self_start[B], self_end[B], cross_start[B], cross_end[B], row[M];
    for (size_t b = 0; b < B; b++) {
        cross_start[b] = (uint32_t)(source_of[b] * ROOM);
        cross_end[b] = cross_start[b] + source[source_of[b]];
    }
    for (uint32_t b = 0, m = 0; b < SOURCES; b++)
        for (uint32_t i = 0; i < source[b]; i++) row[m++] = b * ROOM + i;
    Pass pass = transformer_pass(&c.model, c.w);
    decoder_project_memory(&pass, cross, row, whole.memory, M);
    size_t different = 0;
    for (size_t t = 0; t < T; t++) {
        int32_t token[B];
        for (size_t b = 0; b < B; b++) {
            token[b] = c.target.token[b * T + t];
            self_start[b] = (uint32_t)(b * ROOM), self_end[b] = (uint32_t)(b * ROOM + t + 1);
        }
        const DecoderCache cache = {self, cross, self_start, self_end, cross_start, cross_end, t + 1, 70};
        pass = transformer_pass(&c.model, c.w);
        const real *out = decoder_step(&pass, token, B, t, &cache);
        for (size_t b = 0; b < B; b++) different += !same_bits(out + b * D, whole.out + (b * T + t) * D, D);
    }
    EXPECT_INT(different, 0);
    arena_free(&kept);
    outputs_free(whole);
    case_close(&c);
}

static void check_caches(void) {
    check_cache(NORM_PRE, 70);
    check_cache(NORM_POST, 70);
    check_cache(NORM_PRE, 270); /* more keys than one run of the matrix product's sums */
}

/* ---- training -----------------------------------------------------------------------------------------------------
 */

static Hyper dropping(NormPlace norm) {
    Hyper hyper = hyper_of(norm);
    hyper.dropout = 0.3, hyper.attention_dropout = 0.2, hyper.activation_dropout = 0.1;
    return hyper;
}

/* dw (count) is overwritten. */
static Loss train(Case *c, real *dw, TransformerStep step) {
    vector_clear(dw, c->model.params.count);
    return transformer_train(&c->model, c->w, dw, c->source.packed, c->target.packed, c->target.token,
                             (LossOptions){.smoothing = 0.1}, (real)1 / (real)rows_of(&c->target), step);
}

/* The batch is large enough for every product and loop to be split. */
static void check_threads(void) {
    static const uint32_t source[] = {70, 90, 1, 120, 66, 80, 40}, target[] = {90, 80, 99, 66, 70, 1, 40};
    enum { B = COUNT(source) };
    static const size_t threads[] = {1, 2, 3, 8};
    for (int norm = NORM_PRE; norm <= NORM_POST; norm++) {
        real *expected = NULL;
        Loss loss = {0, 0};
        for (size_t i = 0; i < 4; i++) {
            Error err;
            Pool *on = pool_create(threads[i], &err);
            Case c;
            case_open(&c, on, dropping((NormPlace)norm), source, target, B, TRAINING_ONCE);
            const size_t count = c.model.params.count;
            real *dw = zeros(count);
            Loss found = train(&c, dw, (TransformerStep){11, 3, 1});
            if (!expected) {
                EXPECT(all_finite(dw, count) && found.loss > 0);
                loss = found, expected = dw;
            } else {
                EXPECT(found.loss == loss.loss && found.nll == loss.nll);
                EXPECT(same_bits(expected, dw, count));
                free(dw);
            }
            case_close(&c);
            pool_free(on);
        }
        free(expected);
    }
}

/* Another seed, step or piece drops other elements; the same ones the same. */
static void check_dropout_draws(void) {
    static const uint32_t source[] = {5, 9}, target[] = {8, 6};
    static const TransformerStep steps[] = {{1, 1, 0}, {2, 1, 0}, {1, 2, 0}, {1, 1, 1}, {(1ull << 40) + 1, 1, 0},
                                            {1, 1, 0}};
    enum { COUNT = COUNT(steps) };
    Case c;
    case_open(&c, pool, dropping(NORM_PRE), source, target, 2, TRAINING_ONCE);
    const size_t count = c.model.params.count;
    real *dw[COUNT];
    Loss loss[COUNT];
    for (size_t i = 0; i < COUNT; i++) dw[i] = zeros(count), loss[i] = train(&c, dw[i], steps[i]);
    for (size_t i = 0; i < COUNT; i++)
        for (size_t j = i + 1; j < COUNT; j++) {
            bool same = i == 0 && j == COUNT - 1;
            EXPECT((loss[i].loss == loss[j].loss) == same);
            EXPECT(same_bits(dw[i], dw[j], count) == same);
        }
    Loss plain = transformer_evaluate(&c.model, c.w, c.source.packed, c.target.packed, c.target.token, 0.1);
    EXPECT(plain.loss != loss[0].loss);
    for (size_t i = 0; i < COUNT; i++) free(dw[i]);
    case_close(&c);
}

/* Every dropping place of a model draws numbers of its own, and keeps about as many as its rate says. */
static void check_dropout_places(void) {
    enum { ELEMENTS = 1000, MOST = 2 * 2 * 2 * 7 };
    Hyper hyper = dropping(NORM_PRE);
    Parameters params = parameters_create(&hyper);
    Pass pass = {.params = &params, .training = true, .seed = 5, .step = 9};
    real *ones = zeros(ELEMENTS), *masks = zeros(MOST * ELEMENTS);
    for (size_t i = 0; i < ELEMENTS; i++) ones[i] = 1;
    size_t count = 0;
    for (uint32_t piece = 0; piece < 2; piece++)
        for (int stack = STACK_ENCODER; stack <= STACK_DECODER; stack++)
            for (size_t layer = 0; layer < 2; layer++)
                for (int place = PLACE_EMBEDDING; place <= PLACE_FEEDFORWARD_RESIDUAL; place++) {
                    pass.piece = piece;
                    Dropout dropout = pass_dropout(&pass, (StackName)stack, layer, (DropoutPlace)place);
                    real *mask = masks + count++ * ELEMENTS, kept = 0;
                    dropout_forward(pool, mask, ones, dropout, ELEMENTS);
                    for (size_t i = 0; i < ELEMENTS; i++) {
                        EXPECT(mask[i] == 0 || mask[i] == dropout.scale);
                        mask[i] = mask[i] != 0;
                        kept += mask[i];
                    }
                    double rate = place == PLACE_SELF_WEIGHTS || place == PLACE_CROSS_WEIGHTS ? 0.2
                                  : place == PLACE_ACTIVATION                                 ? 0.1
                                                                                              : 0.3;
                    EXPECT_NEAR(kept / ELEMENTS, 1 - rate, 0.06);
                }
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count; j++) { /* not merely different: independent */
            double both = 0, one = 0, other = 0;
            const real *x = masks + i * ELEMENTS, *y = masks + j * ELEMENTS;
            for (size_t e = 0; e < ELEMENTS; e++)
                both += (double)(x[e] * y[e]), one += (double)x[e], other += (double)y[e];
            EXPECT_NEAR(both / ELEMENTS, one * other / ELEMENTS / ELEMENTS, 0.04);
        }
    pass.training = false;
    EXPECT(dropout_is_none(pass_dropout(&pass, STACK_ENCODER, 0, PLACE_EMBEDDING)));
    free(ones), free(masks);
    parameters_free(&params);
}

/* An element's fate is its own, wherever loops over a long array are cut. */
static void check_dropout_elements(void) {
    enum { COUNT = 40000 };
    const Dropout dropout = dropout_make(0.3, (RngSite){1, 2, 3});
    real *x = zeros(COUNT);
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT; i++) x[i] = 1;
    dropout_forward(pool, x, x, dropout, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        wrong += x[i] != (dropout_keeps(dropout.keep, dropout.site, i) ? dropout.scale : 0);
    EXPECT_INT(wrong, 0);
    free(x);
}

/* Which random number decides over which weight: another rule would change every run that drops weights. Queries of 0
 * weigh all keys alike, and values that are the unit matrix read the weights from the output. The second sentence has
 * one query, as each step of decoding has. */
static void check_dropped_weights(void) {
    enum { B = 2, HEADS = 2, K = 40, WIDTH = HEADS * K, QUERIES = 71, KEYS = 53, MOST = 37 };
    static const uint32_t query_start[B + 1] = {0, 70, QUERIES}, key_start[B + 1] = {0, 16, KEYS};
    const AttentionShape shape = {B, HEADS, K, query_start, key_start, key_start + 1, MOST, false, .shown = NULL};
    const Dropout dropout = dropout_make(0.5, (RngSite){1, 2, 3});
    real *q = zeros(QUERIES * WIDTH), *v = zeros(KEYS * WIDTH), *out = zeros(QUERIES * WIDTH);
    real *log_sum = zeros(QUERIES * HEADS);
    for (size_t b = 0; b < B; b++)
        for (size_t n = key_start[b]; n < key_start[b + 1]; n++)
            for (size_t h = 0; h < HEADS; h++) v[n * WIDTH + h * K + n - key_start[b]] = 1;
    pool_reserve(pool, attention_scratch(MOST), matmul_shared());
    attention_forward(pool, out, log_sum, (AttentionInput){q, v, v, WIDTH, WIDTH}, shape, dropout);
    size_t wrong = 0, kept = 0;
    for (size_t b = 0; b < B; b++)
        for (size_t n = query_start[b]; n < query_start[b + 1]; n++)
            for (size_t h = 0; h < HEADS; h++) {
                const size_t keys = key_start[b + 1] - key_start[b], i = n - query_start[b];
                for (size_t j = 0; j < keys; j++) {
                    const uint64_t index = ((uint64_t)(b * HEADS + h) << 32) + i * size_round_up(keys, 32) + j;
                    const bool keeps = dropout_keeps(dropout.keep, dropout.site, index);
                    const double weight = keeps ? 2.0 / (double)keys : 0;
                    wrong += !(fabs((double)out[n * WIDTH + h * K + j] - weight) < 1e-6);
                    kept += keeps;
                }
            }
    EXPECT_INT(wrong, 0);
    EXPECT_INT(kept, 1140);
    free(q), free(v), free(out), free(log_sum);
}

/* ---- every instruction set ----------------------------------------------------------------------------------------
 */

static void on_each(void (*check)(void)) {
    const char *const *names;
    size_t count = cpu_instruction_sets(&names);
    for (size_t i = 0; i < count; i++) {
        bool was_ok = test_ok;
        EXPECT(cpu_use(names[i]));
        check();
        if (was_ok && !test_ok) printf("with the instruction set %s\n", names[i]);
    }
}

static void test_worked_example(void) { on_each(check_example); }
static void test_attention_is_causal(void) { on_each(check_causal_attention); }
static void test_rows_sum_to_one(void) { on_each(check_row_sums); }
static void test_shown_probabilities(void) { on_each(check_shown); }
static void test_huge_scores(void) { on_each(check_huge_scores); }
static void test_kept_keys(void) { on_each(check_kept); }
static void test_decoder_is_causal(void) { on_each(check_causal_decoder); }
static void test_any_neighbours_same_bits(void) { on_each(check_neighbours); }
static void test_step_equals_whole_pass(void) { on_each(check_caches); }
static void test_any_threads_same_bits(void) { on_each(check_threads); }
static void test_dropout_draws(void) { on_each(check_dropout_draws); }
static void test_dropout_places(void) { on_each(check_dropout_places); }
static void test_dropout_elements(void) { on_each(check_dropout_elements); }
static void test_dropped_weights(void) { on_each(check_dropped_weights); }

int main(void) {
    Error err;
    pool = pool_create(2, &err);
    pool_reserve(pool, matmul_scratch(), matmul_shared());
    RUN(test_worked_example);
    RUN(test_attention_is_causal);
    RUN(test_rows_sum_to_one);
    RUN(test_shown_probabilities);
    RUN(test_huge_scores);
    RUN(test_kept_keys);
    RUN(test_decoder_is_causal);
    RUN(test_any_neighbours_same_bits);
    RUN(test_step_equals_whole_pass);
    RUN(test_any_threads_same_bits);
    RUN(test_dropout_draws);
    RUN(test_dropout_places);
    RUN(test_dropout_elements);
    RUN(test_dropped_weights);
    pool_free(pool);
    return test_finish();
}
