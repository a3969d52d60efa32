/* The whole model's gradient, as transformer_train makes it, against central differences (gradcheck.h): every tensor in
 * every configuration, with each kind of dropout and label smoothing on.
 *
 * The gradient comes from a model on two threads, the losses from one on a single thread: they must agree to the bit.
 */
#include "gradcheck.h"

#include "base/pool.h"
#include "model/transformer.h"

enum { V = 260, D = 12, H = 3, F = 10, P = 7, SAMPLE = 10 };

/* Some tokens come twice in a sentence, some on both sides, one is alone at its position; most do not come at all.
 * All three sentences are there again, for R-Drop. */
#define TWICE(...)                                                                                                     \
    { __VA_ARGS__, __VA_ARGS__ }
static const uint32_t source_start[] = {0, 2, 7, 11, 13, 18, 22}, target_start[] = {0, 3, 5, 11, 14, 16, 22};
static const int32_t source_token[] = TWICE(9, 2, 17, 5, 17, 254, 2, 31, 9, 9, 2);
static const int32_t target_in[] = TWICE(1, 5, 77, 1, 259, 1, 40, 5, 40, 17, 6);
static const int32_t target_out[] = TWICE(5, 77, 2, 259, 2, 40, 5, 40, 17, 6, 2);
static Packed source = {3, source_token, source_start, 5}, target = {3, target_in, target_start, 6};
static const double SCALE = 1.0 / 11;
static LossOptions options = {.smoothing = 0.1};
static const TransformerStep step = {.seed = 3, .step = 41, .piece = 2};

static Pool *one_thread, *two_threads;
static Hyper hyper; /* the configuration under test */

typedef struct Model {
    Transformer transformer;
    real *w, *dw; /* dw: of measurements, never looked at */
} Model;

static double model_loss(void *context) {
    Model *m = context;
    return transformer_train(&m->transformer, m->w, m->dw, source, target, target_out, options, SCALE, step).loss *
           SCALE;
}

/* Which of the units before the activation are above 0. */
static uint64_t model_piece(void *context) {
    const Model *m = context;
    uint64_t hash = 0;
    for (size_t l = 0; l < hyper.encoder_layers; l++)
        for (size_t i = 0; i < source_start[source.B] * F; i++)
            hash = hash * 31 + (stored_floats(m->transformer.encoder.layers[l].feedforward.pre)[i] > 0);
    for (size_t l = 0; l < hyper.decoder_layers; l++)
        for (size_t i = 0; i < target_start[target.B] * F; i++)
            hash = hash * 31 + (stored_floats(m->transformer.decoder.layers[l].feedforward.pre)[i] > 0);
    return hash;
}

/* Tables of embeddings: elements of rows of tokens that come in the source, the target, both, and not at all. */
static void check_rows(const Gradcheck *g, const Tensor *t, real *x, const real *gradient) {
    static const size_t rows[] = {9, 254, 77, 259, 17, 5, 1, 2, 100, 0};
    size_t at[COUNT(rows)];
    for (size_t i = 0; i < COUNT(rows); i++) at[i] = rows[i] * D + i * 5 % D;
    gradcheck_elements(g, t->name, x, gradient, t->count, at, COUNT(rows));
}

static void check_tensors(Model *m, const char *name, const real *gradient) {
    const Parameters *params = &m->transformer.params;
    Gradcheck g = {name, model_loss, hyper.activation == ACTIVATION_RELU ? model_piece : NULL, m, 0, 0};
    for (size_t i = 0; i < params->count; i++) g.scale = fmax(g.scale, fabs(gradient[i]));
    for (size_t i = 0; i < params->tensor_count; i++) {
        const Tensor *t = &params->tensors[i];
        if (t->rows == V)
            check_rows(&g, t, m->w + t->offset, gradient + t->offset);
        else
            gradcheck_tensor(&g, t->name, m->w + t->offset, gradient + t->offset, t->count, t->rows ? SAMPLE : D);
    }
}

static void test_configuration(void) {
    static const char *const norms[] = {"pre", "post"}, *const activations[] = {"relu", "gelu"},
                             *const tyings[] = {"all", "decoder", "none"},
                             *const positions[] = {"sinusoidal", "learned", "none"};
    char name[64];
    snprintf(name, sizeof name, "%s %s %s %s%s", norms[hyper.norm], tyings[hyper.tying], activations[hyper.activation],
             positions[hyper.positions], options.rdrop > 0 ? " R-Drop" : "");
    Error err;
    Transformer transformer;
    Model m;
    const TrainingPasses training = options.rdrop > 0 ? TRAINING_TWICE : TRAINING_ONCE;
    const TransformerLimits limits = {source_start[source.B], target_start[target.B], source.longest, target.longest};
    EXPECT(hyper_check(&hyper, "gradient check", &err));
    EXPECT(transformer_create(&transformer, &hyper, (Compute){.pool = two_threads}, limits, training, &err));
    EXPECT(transformer_create(&m.transformer, &hyper, (Compute){.pool = one_thread}, limits, training, &err));
    const size_t count = transformer.params.count;
    m.w = memory_new(count, sizeof(real)), m.dw = memory_new(count, sizeof(real));

    /* Biases other than 0 and norms other than 1, or their part in the arithmetic is not seen. */
    real *shift = memory_new(count, sizeof(real));
    gradcheck_fill(shift, count, 0.2, 1);
    parameters_init(&transformer.params, m.w, 1);
    for (size_t i = 0; i < count; i++) m.w[i] += shift[i];

    real *gradient = memory_new(count, sizeof(real)), *dirt = memory_new(count, sizeof(real));
    gradcheck_fill(dirt, count, 1, 2);
    /* A batch before this one, whose numbers are still in the memory of the pass. */
    transformer_train(&transformer, m.w, gradient, source, target, target_out, (LossOptions){0}, 1,
                      (TransformerStep){1, 1, 1});
    memcpy(gradient, dirt, count * sizeof(real));
    Loss loss = transformer_train(&transformer, m.w, gradient, source, target, target_out, options, SCALE, step);
    for (size_t i = 0; i < count; i++) gradient[i] -= dirt[i];
    EXPECT(loss.loss * SCALE == model_loss(&m));
    check_tensors(&m, name, gradient);

    free(dirt), free(gradient), free(shift), free(m.w), free(m.dw);
    transformer_free(&m.transformer);
    transformer_free(&transformer);
}

int main(int argc, char **argv) {
    gradcheck_verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    Error err;
    one_thread = pool_create(1, &err), two_threads = pool_create(2, &err);
    if (!one_thread || !two_threads) return 1;
    for (int i = 0; i < 26; i++) { /* the last two without positions, every third with R-Drop */
        options.rdrop = i % 3 == 2 ? 2 : 0;
        source.B = target.B = i % 3 == 2 ? 6 : 3;
        hyper = (Hyper){.vocab = V,
                        .width = D,
                        .heads = H,
                        .feedforward = F,
                        .encoder_layers = i % 2 ? 1 : 2,
                        .decoder_layers = 2,
                        .max_length = P,
                        .norm = i % 2 ? NORM_POST : NORM_PRE,
                        .activation = i / 2 % 2 ? ACTIVATION_GELU : ACTIVATION_RELU,
                        .positions = i >= 24     ? POSITIONS_NONE
                                     : i / 4 % 2 ? POSITIONS_LEARNED
                                                 : POSITIONS_SINUSOIDAL,
                        .tying = (Tying)(i / 8 % 3),
                        .dropout = 0.2,
                        .attention_dropout = 0.25,
                        .activation_dropout = 0.3};
        RUN(test_configuration);
    }
    pool_free(one_thread);
    pool_free(two_threads);
    return gradcheck_finish();
}
