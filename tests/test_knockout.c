/* Knock-outs (model/knockout.h): each against a model whose weights were changed so that it does the same, against a
 * plain computation, or by what must follow from it; step by step as in whole sentences; their names; the commands. */
#include "model/knockout.h"

#include "base/ds.h"
#include "command.h"
#include "decode/modelfile.h"
#include "decode/session.h"
#include "model/transformer.h"

enum { V = TOKEN_FIRST_MERGE, P = 44, D = 24, H = 3, K = D / H, LAYERS = 2, S = 7, T = 6 };

static const int32_t source_token[S] = {90, 17, 31, 17, 200, 55, TOKEN_END};
static const int32_t target_token[T] = {TOKEN_BEGIN, 40, 41, 60, 40, 99};
static const uint32_t source_start[] = {0, S}, target_start[] = {0, T};
static const Packed source = {1, source_token, source_start, S}, target = {1, target_token, target_start, T};

static Pool *pool;
static Hyper hyper;
static Transformer model; /* of the hyper-parameters above */
static real *w;           /* its weights, all other than 0 */

static void model_make(NormPlace norm, Positions positions) {
    Error err;
    hyper = (Hyper){.vocab = V,
                    .width = D,
                    .heads = H,
                    .feedforward = 20,
                    .encoder_layers = LAYERS,
                    .decoder_layers = LAYERS,
                    .max_length = P,
                    .norm = norm,
                    .activation = ACTIVATION_RELU,
                    .tying = TYING_NONE,
                    .positions = positions};
    EXPECT(hyper_check(&hyper, "test", &err));
    EXPECT(transformer_create(&model, &hyper, (Compute){.pool = pool}, (TransformerLimits){S, P, S, P}, TRAINING_NONE,
                              &err));
    w = memory_new(model.params.count, sizeof *w);
    parameters_init(&model.params, w, 7);
    for (size_t i = 0; i < model.params.count; i++) w[i] = w[i] * 2 + (real)0.01 * (real)((int)(i % 7) - 3);
}

static void model_free(void) {
    transformer_free(&model);
    free(w);
}

static const MultiheadParams *attention_of(AttentionKind kind, size_t layer) {
    return kind == ATTENTION_ENCODER   ? &model.params.encoder[layer].self_attention
           : kind == ATTENTION_DECODER ? &model.params.decoder[layer].self_attention
                                       : &model.params.decoder[layer].cross_attention;
}

static Knockout knockout_of(const char *names) {
    Knockout k = {0};
    Error err;
    if (!knockout_parse(&k, names, &err) || !knockout_check(&k, &hyper, &err)) TEST_FAIL("%s", err.text);
    return k;
}

/* What the decoder and, if it is wanted, the encoder return for these sentences. */
typedef struct Output {
    real memory[S * D], out[T * D];
} Output;

static Output run(const real *weights, const char *without, Packed from, Packed to) {
    Output o;
    const Knockout k = knockout_of(without);
    model.knockout = &k;
    const Pass pass = transformer_pass(&model, weights);
    const Stacks stacks = transformer_forward(&model, &pass, from, to);
    model.knockout = NULL;
    memcpy(o.memory, stored_floats(stacks.memory), sizeof o.memory);
    memcpy(o.out, stored_floats(stacks.out), sizeof o.out);
    return o;
}

/* As without a knock-out at all. */
static Output run_plain(const real *weights) {
    Output o;
    const Pass pass = transformer_pass(&model, weights);
    const Stacks stacks = transformer_forward(&model, &pass, source, target);
    memcpy(o.memory, stored_floats(stacks.memory), sizeof o.memory);
    memcpy(o.out, stored_floats(stacks.out), sizeof o.out);
    return o;
}

static double difference(const real *a, const real *b, size_t n) {
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs((double)a[i] - (double)b[i]));
    return most;
}

/* The knocked-out model does what the one with the changed weights does, and not what the whole one does. */
static void expect_like(const char *without, const real *changed) {
    const Output whole = run_plain(w), found = run(w, without, source, target), wanted = run_plain(changed);
    if (!(difference(found.memory, wanted.memory, S * D) < 1e-4) || !(difference(found.out, wanted.out, T * D) < 1e-4))
        TEST_FAIL("%s: differs by %g and %g", without, difference(found.memory, wanted.memory, S * D),
                  difference(found.out, wanted.out, T * D));
    if (!(difference(found.out, whole.out, T * D) > 1e-3)) TEST_FAIL("%s: changes nothing", without);
}

static real *copy_weights(void) {
    return memcpy(memory_new(model.params.count, sizeof *w), w, model.params.count * sizeof *w);
}

/* In the weights, the rows of Wo^T that a head's weighted sum meets. */
static void zero_head(real *weights, AttentionKind kind, size_t layer, size_t head) {
    real *wo = weights + attention_of(kind, layer)->out.weight; /* (D, D), out = att Wo^T */
    for (size_t i = 0; i < D; i++) memset(wo + i * D + head * K, 0, K * sizeof *wo);
}

static void test_changed_weights(void) {
    for (int norm = 0; norm < 2; norm++) {
        model_make(norm ? NORM_POST : NORM_PRE, norm ? POSITIONS_SINUSOIDAL : POSITIONS_LEARNED);
        for (int kind = 0; kind < ATTENTION_KINDS; kind++) {
            char name[KNOCKOUT_NAME];
            real *muted = copy_weights();
            zero_head(muted, (AttentionKind)kind, 1, 2);
            snprintf(name, sizeof name, "heads:%s.1.2", ATTENTION_KIND_NAMES[kind]);
            expect_like(name, muted);
            free(muted);
        }
        real *only = copy_weights(), *attention = copy_weights(), *feedforward = copy_weights(), *root = copy_weights();
        for (int kind = 0; kind < ATTENTION_KINDS; kind++)
            for (size_t layer = 0; layer < LAYERS; layer++) {
                const MultiheadParams *at = attention_of((AttentionKind)kind, layer);
                zero_head(only, (AttentionKind)kind, layer, 0);
                zero_head(only, (AttentionKind)kind, layer, 2);
                memset(attention + at->out.weight, 0, D * D * sizeof *w);
                memset(attention + at->out.bias, 0, D * sizeof *w);
                /* Queries sqrt(K) times as long: so are the scores. */
                for (size_t i = 0; i < D * D; i++) root[at->in.weight + i] *= (real)sqrt((double)K);
                for (size_t i = 0; i < D; i++) root[at->in.bias + i] *= (real)sqrt((double)K);
            }
        for (size_t layer = 0; layer < 2 * LAYERS; layer++) {
            const FeedforwardParams *at = layer < LAYERS ? &model.params.encoder[layer].feedforward
                                                         : &model.params.decoder[layer - LAYERS].feedforward;
            memset(feedforward + at->fc2.weight, 0, D * hyper.feedforward * sizeof *w);
            memset(feedforward + at->fc2.bias, 0, D * sizeof *w);
        }
        expect_like("only:1", only);
        expect_like("attention", attention);
        expect_like("feedforward", feedforward);
        expect_like("root", root);
        if (hyper.positions == POSITIONS_LEARNED) {
            real *positions = copy_weights();
            memset(positions + model.params.encoder_positions, 0, P * D * sizeof *w);
            memset(positions + model.params.decoder_positions, 0, P * D * sizeof *w);
            expect_like("positions", positions);
            free(positions);
        }
        free(only), free(attention), free(feedforward), free(root);
        model_free();
    }
}

/* Without positions, words in another order have the same memory in that order; with them they do not. Also in a model
 * that never had any. */
static void test_order(void) {
    static const size_t order[S] = {4, 2, 0, 6, 1, 5, 3};
    int32_t mixed[S];
    for (size_t i = 0; i < S; i++) mixed[i] = source_token[order[i]];
    for (int positions = POSITIONS_SINUSOIDAL; positions <= POSITIONS_NONE; positions++) {
        model_make(NORM_PRE, (Positions)positions);
        for (int without = 0; without < 2; without++) {
            static const char *const names[] = {"feedforward", "feedforward,positions"};
            const Output a = run(w, names[without], source, target);
            const Output b = run(w, names[without], (Packed){1, mixed, source_start, S}, target);
            double most = 0;
            for (size_t i = 0; i < S; i++) most = fmax(most, difference(b.memory + i * D, a.memory + order[i] * D, D));
            EXPECT((most < 1e-5) == (without || positions == POSITIONS_NONE));
            EXPECT((difference(a.out, b.out, T * D) < 1e-5) == (without || positions == POSITIONS_NONE));
        }
        model_free();
    }
}

/* Each row's probabilities, by plain loops over the queries and keys that the pass kept: of all words or of those
 * before, divided by the root or not. */
static void test_scores(void) {
    static const char *const names[] = {"", "mask", "root", "mask,root", "heads:decoder.0.1"};
    model_make(NORM_PRE, POSITIONS_SINUSOIDAL);
    Transformer keeping;
    Error err;
    EXPECT(transformer_create(&keeping, &hyper, (Compute){.pool = pool}, (TransformerLimits){S, T, S, T}, TRAINING_ONCE,
                              &err));
    for (size_t i = 0; i < COUNT(names); i++) {
        const Knockout k = *names[i] ? knockout_of(names[i]) : (Knockout){0};
        static real p[LAYERS][H * T * T];
        real *const shown[LAYERS] = {p[0], p[1]};
        keeping.knockout = &k;
        Pass pass = transformer_pass(&keeping, w);
        pass.keep = true, pass.shown[ATTENTION_DECODER] = shown;
        transformer_forward(&keeping, &pass, source, target);
        for (size_t layer = 0; layer < LAYERS; layer++)
            for (size_t h = 0; h < H; h++)
                for (size_t row = 0; row < T; row++) {
                    const AttentionInput in = multihead_input(&keeping.decoder.layers[layer].self.attention, D);
                    const size_t seen = k.mask ? T : row + 1;
                    double e[T], sum = 0;
                    for (size_t j = 0; j < seen; j++) {
                        double score = 0;
                        for (size_t c = 0; c < K; c++)
                            score += (double)in.q[row * in.q_stride + h * K + c] *
                                     (double)in.k[j * in.kv_stride + h * K + c];
                        sum += e[j] = exp(k.root ? score : score / sqrt((double)K));
                    }
                    for (size_t j = 0; j < T; j++)
                        EXPECT_NEAR(p[layer][(h * T + row) * T + j], j < seen ? e[j] / sum : 0, 1e-5);
                }
        /* The weighted sum of a muted head is 0, what it looks at is not. */
        const real *joined = stored_floats(keeping.decoder.layers[0].self.attention.att) + K;
        for (size_t c = 0; c < K; c++) EXPECT((joined[c] == 0) == (strcmp(names[i], "heads:decoder.0.1") == 0));
    }
    transformer_free(&keeping);
    model_free();
}

/* A Knockout with nothing in it changes no bit. */
static void test_nothing(void) {
    model_make(NORM_PRE, POSITIONS_SINUSOIDAL);
    const Knockout none = {0};
    const Output plain = run_plain(w);
    model.knockout = &none;
    const Output found = run_plain(w);
    model.knockout = NULL;
    EXPECT(memcmp(&plain, &found, sizeof plain) == 0);
    model_free();
}

/* Every step's logits are, bit for bit, those of a whole pass over the tokens so far; also in a slot that was copied,
 * and behind the positions that a session has room for at first. */
static void test_steps(void) {
    static const char *const names[] = {"positions",       "mask",   "root",           "attention",
                                        "feedforward",     "only:1", "mask,positions", "heads:cross.1.0",
                                        "mask,root,only:2"};
    enum { LONG = 40 };
    static real expected[V];
    Error err;
    int32_t said[LONG] = {TOKEN_BEGIN};
    for (int t = 1; t < LONG; t++) said[t] = 20 + 5 * t;
    for (int norm = 0; norm < 2; norm++) {
        model_make(norm ? NORM_POST : NORM_PRE, norm ? POSITIONS_LEARNED : POSITIONS_SINUSOIDAL);
        for (size_t i = 0; i < COUNT(names); i++) {
            static const uint32_t two_starts[] = {0, 3, 3 + S};
            int32_t two[3 + S] = {8, 9, TOKEN_END}; /* another sentence first */
            memcpy(two + 3, source_token, sizeof source_token);
            const Knockout k = knockout_of(names[i]);
            Session *session = session_create(&model.params, w, pool, &k, false);
            EXPECT(session_begin(session, (Packed){2, two, two_starts, S}, 3, LONG, &err));
            size_t wrong = 0;
            for (size_t t = 0; t < LONG; t++) {
                if (t == 4) session_copy(session, &(SessionCopy){3, 5}, 1, 4);
                const uint32_t slot[] = {1, t < 4 ? 3 : 5};
                const int32_t token[] = {said[t] + 1, said[t]};
                const real *logits = session_step(session, slot, token, 2, t, &err);
                const uint32_t start[] = {0, (uint32_t)t + 1};
                model.knockout = &k;
                const Pass pass = transformer_pass(&model, w);
                const Stored rows = transformer_forward(&model, &pass, source, (Packed){1, said, start, t + 1}).out;
                const real *out = stored_floats(rows);
                model.knockout = NULL;
                linear_forward((Compute){.pool = pool}, expected, out + t * D, w + model.params.output, NULL, 1, D, V);
                wrong += memcmp(logits + V, expected, sizeof expected) != 0;
            }
            if (wrong > 0) TEST_FAIL("%s: %zu of %d steps differ from the whole pass", names[i], wrong, LONG);
            session_free(session);
        }
        model_free();
    }
}

/* Without the mask, earlier rows change when a word is added; with it they do not. */
static void test_mask(void) {
    model_make(NORM_PRE, POSITIONS_SINUSOIDAL);
    int32_t longer[T];
    memcpy(longer, target_token, sizeof longer);
    longer[T - 1]++;
    const Packed other = {1, longer, target_start, T};
    const Output masked = run(w, "root", source, target), masked_other = run(w, "root", source, other);
    const Output open = run(w, "root,mask", source, target), open_other = run(w, "root,mask", source, other);
    EXPECT(memcmp(masked.out, masked_other.out, (T - 1) * D * sizeof(real)) == 0);
    for (size_t i = 0; i < T; i++) EXPECT(difference(open.out + i * D, open_other.out + i * D, D) > 1e-6);
    model_free();
}

static void test_names(void) {
    static const char *const all[] = {
        "positions",         "mask",  "root", "attention", "feedforward", "heads:encoder.0.2", "heads:decoder.1.0",
        "heads:cross.63.63", "only:5"};
    static const char *const wrong[][2] = {
        {"", "found \"\""},
        {"positions,", "found \"\""},
        {"Mask",
         "expected positions, mask, root, attention, feedforward, heads:KIND.LAYER.HEAD or only:HEAD, found \"Mask\""},
        {"roots", "found \"roots\""},
        {"heads:", "expected heads:KIND.LAYER.HEAD"},
        {"heads:encoder", "\"heads:encoder\": expected heads:KIND.LAYER.HEAD"},
        {"heads:encoder.1", "expected heads:KIND.LAYER.HEAD"},
        {"heads:encoder.1.2x", "expected heads:KIND.LAYER.HEAD"},
        {"heads:encoder.1.00000000000000000000002x", "expected heads:KIND.LAYER.HEAD"},
        {"heads:encoder.1.64", "expected heads:KIND.LAYER.HEAD"},
        {"heads:encoder.64.1", "expected heads:KIND.LAYER.HEAD"},
        {"heads:encoder.-1.1", "expected heads:KIND.LAYER.HEAD"},
        {"heads:middle.0.0", "expected heads:KIND.LAYER.HEAD"},
        {"only:", "expected only:HEAD"},
        {"only:64", "a head from 0 to 63"},
        {"only:99999999999999999999999", "a head from 0 to 63"},
        {"mask,only:two", "\"only:two\": expected only:HEAD"},
    };
    Error err;
    Knockout k = {0};
    char name[KNOCKOUT_NAME];
    for (size_t i = 0; i < COUNT(all); i++) EXPECT(knockout_parse(&k, all[i], &err));
    for (size_t i = 0; i < COUNT(all); i++) {
        EXPECT(knockout_name(&k, i, name));
        EXPECT_STR(name, all[i]);
    }
    EXPECT(!knockout_name(&k, COUNT(all), name));
    for (size_t i = 0; i < COUNT(wrong); i++) {
        k = (Knockout){0};
        EXPECT(!knockout_parse(&k, wrong[i][0], &err));
        EXPECT_HAS(err.text, wrong[i][1]);
    }
    model_make(NORM_PRE, POSITIONS_SINUSOIDAL);
    static const char *const beyond[][2] = {
        {"heads:cross.2.0",
         "heads:cross.2.0: expected a layer from 0 to 1 and a head from 0 to 2, which the model has"},
        {"heads:encoder.0.3", "expected a layer from 0 to 1 and a head from 0 to 2"},
        {"only:3", "only:3: expected a head from 0 to 2, which the model has"}};
    for (size_t i = 0; i < COUNT(beyond); i++) {
        k = (Knockout){0};
        EXPECT(knockout_parse(&k, beyond[i][0], &err));
        EXPECT(!knockout_check(&k, &hyper, &err));
        EXPECT_HAS(err.text, beyond[i][1]);
    }
    model_free();
}

static void test_commands(void) {
    Error err;
    model_make(NORM_PRE, POSITIONS_NONE);
    const ModelInfo info = {.hyper = hyper,
                            .text = {.spaces = true},
                            .decode = {.beam = 1, .n_best = 1, .length_alpha = 1, .max_ratio = 1, .max_extra = 3},
                            .config = ""};
    GgufWriter *out = modelfile_writer(&info, &model.params, w);
    EXPECT(gguf_write(out, "knockout.gguf", &err));
    gguf_writer_free(out);
    CommandRun whole = command_run(ARGS("translate", "-m", "knockout.gguf", "ab ba"), NULL);
    CommandRun without =
        command_run(ARGS("translate", "-m", "knockout.gguf", "--without=attention,root", "ab ba", "cd"), NULL);
    EXPECT_INT(whole.code, 0);
    EXPECT_INT(without.code, 0);
    /* Without attention, nothing of the source arrives: whatever is said begins alike. */
    char *second = strchr(without.out, '\n') + 1;
    EXPECT(strncmp(without.out, second, strlen(second) - 1) == 0);
    EXPECT(strcmp(whole.out, without.out) != 0);
    command_free(&whole), command_free(&without);
    CommandRun inspect = command_run(
        ARGS("inspect", "-m", "knockout.gguf", "--json", "--without", "mask,only:2,heads:cross.1.0", "ab ba"), NULL);
    EXPECT_INT(inspect.code, 0);
    EXPECT_HAS(inspect.out, "\"knocked\":[\"mask\",\"heads:cross.1.0\",\"only:2\"]");
    EXPECT_HAS(inspect.out, "\"positions\":\"none\"");
    EXPECT_HAS(inspect.out, "\"positions\":null");
    command_free(&inspect);
    static const char *const commands[] = {"translate", "inspect"};
    for (size_t i = 0; i < COUNT(commands); i++) {
        CommandRun unknown = command_run(ARGS(commands[i], "-m", "knockout.gguf", "--without=masks", "ab"), NULL);
        CommandRun beyond = command_run(ARGS(commands[i], "-m", "knockout.gguf", "--without=only:7", "ab"), NULL);
        EXPECT_INT(unknown.code, 2);
        EXPECT_HAS(unknown.err, ": --without: expected positions, mask, ");
        EXPECT_INT(beyond.code, 1);
        EXPECT_HAS(beyond.err, ": knockout.gguf: --without only:7: expected a head from 0 to 2, which the model has\n");
        command_free(&unknown), command_free(&beyond);
    }
    model_free();
}

int main(void) {
    Error err;
    pool = pool_create(2, &err);
    if (!pool) return 1;
    RUN(test_changed_weights);
    RUN(test_order);
    RUN(test_scores);
    RUN(test_nothing);
    RUN(test_steps);
    RUN(test_mask);
    RUN(test_names);
    world_enter();
    RUN(test_commands);
    world_leave();
    pool_free(pool);
    return test_finish();
}
