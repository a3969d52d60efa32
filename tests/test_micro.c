/* micro.c and the real program compute the same numbers: the loss, every element of the gradient, and Adam's steps. And
 * micro.c learns sentences, and writes words as it read them.
 *
 * Two arrays agree when no element differs by more than TOLERANCE of the largest magnitude in the real program's. This
 * file is also compiled with real = double (gradcheck_micro.c). */
#include "micro_real.h"
#include "testlib.h"

#ifdef NMT_DOUBLE
#define MICRO_DOUBLE
#endif
#define main micro_main
int micro_main(int count, char **argument);
#include "micro/micro.c"
#undef main

static const double TOLERANCE = sizeof(real) == sizeof(double) ? 1e-9 : 1e-5;
static bool verbose;

/* ---- one model, one batch, in micro.c's terms --------------------------------------------------------------------
 */

enum { B = 5, VOCABULARY = 263 }; /* the real program's least vocabulary is 258 */
static const int source_words[B] = {3, 9, 1, 6, 17}, target_words[B] = {5, 2, 12, 7, 0};
static Sentence source[B], target[B];
static Model model;

/* Each tensor of micro.c's model by the name that it has in the real program. */
static struct {
    char name[128];
    Matrix matrix;
} tensors[256];
static size_t tensor_count;

static void add(const char *prefix, const char *name, Matrix weight, Matrix bias) {
    const Matrix both[2] = {weight, bias};
    for (int i = 0; i < 2; i++, tensor_count++) {
        tensors[tensor_count].matrix = both[i];
        snprintf(tensors[tensor_count].name, sizeof tensors->name, "%s%s.%s", prefix, name, i ? "bias" : "weight");
    }
}

static void add_multihead(const char *prefix, const char *name, const Multihead *m) {
    char inside[64];
    snprintf(inside, sizeof inside, "%s%s.", prefix, name);
    add(inside, "q_proj", m->query.W, m->query.b);
    add(inside, "k_proj", m->key.W, m->key.b);
    add(inside, "v_proj", m->value.W, m->value.b);
    add(inside, "out_proj", m->output.W, m->output.b);
    snprintf(inside, sizeof inside, "%s_layer_norm", name);
    add(prefix, inside, m->norm.weight, m->norm.bias);
}

static void add_feedforward(const char *prefix, const Feedforward *f) {
    add(prefix, "fc1", f->fc1.W, f->fc1.b);
    add(prefix, "fc2", f->fc2.W, f->fc2.b);
    add(prefix, "final_layer_norm", f->norm.weight, f->norm.bias);
}

static void make_model(void) {
    model = model_new(VOCABULARY);
    /* Biases other than 0 and norms other than 1, or their part in the arithmetic is not seen. */
    for (int i = 0; i < parameters.used; i++) parameters.x[i] += 0.2 * rand() / RAND_MAX - 0.1;
    add("", "shared", model.source.table, model.source.table);
    tensor_count--; /* it has no bias */
    for (int l = 0; l < L; l++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "encoder.layers.%d.", l);
        add_multihead(prefix, "self_attn", &model.encoder_self[l]);
        add_feedforward(prefix, &model.encoder_feedforward[l]);
        snprintf(prefix, sizeof prefix, "decoder.layers.%d.", l);
        add_multihead(prefix, "self_attn", &model.decoder_self[l]);
        add_multihead(prefix, "encoder_attn", &model.decoder_cross[l]);
        add_feedforward(prefix, &model.decoder_feedforward[l]);
    }
    add("encoder.", "layer_norm", model.encoder_norm.weight, model.encoder_norm.bias);
    add("decoder.", "layer_norm", model.decoder_norm.weight, model.decoder_norm.bias);
}

static Sentence make_sentence(int words) {
    Sentence s = {1, {BEGIN}};
    while (s.length <= words) s.word[s.length++] = 2 + rand() % (VOCABULARY - 2);
    s.word[s.length++] = END;
    return s;
}

static void make_sentences(void) {
    for (int b = 0; b < B; b++) source[b] = make_sentence(source_words[b]), target[b] = make_sentence(target_words[b]);
    source[1].word[3] = source[1].word[5] = target[0].word[2]; /* in a sentence twice, and on both sides */
}

static double learn_batch(void) {
    double loss = 0;
    for (int b = 0; b < B; b++) loss += learn(&model, &source[b], &target[b]);
    return loss;
}

/* The same sentences, learnt by the real program. */
static double real_learn_batch(void) {
    int32_t words[3][B * P];
    uint32_t source_start[B + 1] = {0}, target_start[B + 1] = {0};
    for (int b = 0; b < B; b++) {
        const int S = source[b].length - 1, T = target[b].length - 1;
        memcpy(words[0] + source_start[b], source[b].word + 1, S * sizeof(int));
        memcpy(words[1] + target_start[b], target[b].word, T * sizeof(int));
        memcpy(words[2] + target_start[b], target[b].word + 1, T * sizeof(int));
        source_start[b + 1] = source_start[b] + S, target_start[b + 1] = target_start[b] + T;
    }
    return real_learn((RealBatch){B, words[0], words[1], words[2], source_start, target_start}, SMOOTHING);
}

/* ---- comparisons --------------------------------------------------------------------------------------------------
 */

static double largest(const real *x, size_t count) {
    double most = 0;
    for (size_t i = 0; i < count; i++) most = fmax(most, fabs((double)x[i]));
    return most;
}

static void compare(const char *what, const char *name, const real *found, const real *expected, size_t count,
                    double scale) {
    double worst = 0;
    for (size_t i = 0; i < count; i++) {
        const double error = fabs((double)found[i] - (double)expected[i]) / scale;
        if (!(error <= worst)) worst = isnan(error) ? INFINITY : error;
    }
    if (verbose) printf("%-10s %-46s %6zu elements  worst %.1e\n", what, name, count, worst);
    if (!(worst <= TOLERANCE)) TEST_FAIL("%s of %s: error %.1e", what, name, worst);
}

static void test_gradient(void) {
    make_model();
    make_sentences();
    real_create((RealSizes){VOCABULARY, D, H, F, L, P});
    EXPECT_INT(parameters.used, real_count());
    for (size_t t = 0; t < tensor_count; t++) {
        const RealTensor r = real_tensor(tensors[t].name);
        EXPECT_INT(r.count, tensors[t].matrix.rows * tensors[t].matrix.cols);
        memcpy(r.w, tensors[t].matrix.x, r.count * sizeof(real));
    }
    const double loss = learn_batch(), expected = real_learn_batch();
    if (verbose) printf("loss %.12g, micro.c %.12g\n", expected, loss);
    EXPECT_NEAR(loss, expected, expected * TOLERANCE);
    for (size_t t = 0; t < tensor_count; t++) {
        const RealTensor r = real_tensor(tensors[t].name);
        double scale = largest(r.dw, r.count);
        /* A bias of the keys adds the same to all scores of a query, which softmax does not see: its gradient is 0
         * except for rounding. It is compared on the scale of the keys' weights, the tensor before it. */
        if (strstr(tensors[t].name, "k_proj.bias")) scale = largest(real_tensor(tensors[t - 1].name).dw, (size_t)D * D);
        EXPECT(scale > 0);
        compare("gradient", tensors[t].name, tensors[t].matrix.dx, r.dw, r.count, scale);
    }
}

/* Three steps of both, from the same weights and with the same gradients. */
static void test_adam(void) {
    for (int step = 1; step <= 3; step++) {
        const double rate = 0.01 / step, scale = 1.0 / (step + 2);
        learn_batch();
        for (size_t t = 0; t < tensor_count; t++) {
            const RealTensor r = real_tensor(tensors[t].name);
            memcpy(r.dw, tensors[t].matrix.dx, r.count * sizeof(real));
        }
        adam(step, rate, scale);
        real_adam(step, rate, scale, BETA1, BETA2, EPSILON);
        EXPECT(largest(parameters.dx, parameters.used) == 0);
    }
    for (size_t t = 0; t < tensor_count; t++) {
        const RealTensor r = real_tensor(tensors[t].name);
        compare("step 3", tensors[t].name, tensors[t].matrix.x, r.w, r.count, largest(r.w, r.count));
    }
    real_free();
}

/* It learns a few sentences by heart. */
static void test_learning(void) {
    const double before = learn_batch();
    double after = before;
    adam(4, 0.001, 0.1);
    for (int step = 5; step < 80; step++) {
        after = learn_batch();
        adam(step, 0.001, 0.1);
    }
    if (verbose) printf("loss %.3g before, %.3g after\n", before, after);
    EXPECT(after < before / 3);
    for (int b = 0; b < B; b++) {
        const Sentence found = translate(&model, &source[b]);
        EXPECT_INT(found.length, target[b].length);
        EXPECT(memcmp(found.word, target[b].word, target[b].length * sizeof(int)) == 0);
    }
}

/* ---- words --------------------------------------------------------------------------------------------------------
 */

static void read_and_write(const char *text, const char *expected) {
    char written[P * LETTERS];
    const Sentence s = sentence_read(text, true);
    sentence_write(written, &s);
    EXPECT_STR(written, expected);
}

static void test_words(void) {
    read_and_write("le chat s'est assis", "le chat s'est assis");
    read_and_write("  Viens, s'il te pla\xC3\xAEt .\r\n", "viens, s'il te pla\xC3\xAEt.");
    read_and_write("qu'est-ce que c'est ?", "qu'est-ce que c'est ?");
    read_and_write("", "");
    EXPECT_INT(sentence_read("s'il l'aime, bien", true).length, 2 + 6);
    const Sentence known = sentence_read("le chat", true);
    EXPECT_INT(sentence_read("le xylophone chat", false).length, known.length); /* a word too few, and a message */

    char line[1024];
    FILE *file = fopen("data/tiny/train.tsv", "r");
    EXPECT(file);
    while (file && fgets(line, sizeof line, file)) {
        char *french = strchr(line, '\t') + 1;
        french[strcspn(french, "\n")] = 0;
        read_and_write(french, french);
    }
    if (file) fclose(file);
}

int main(int argc, char **argv) {
    verbose = argc > 1 && strcmp(argv[1], "-v") == 0;
    RUN(test_gradient);
    RUN(test_adam);
    RUN(test_learning);
    RUN(test_words);
    return test_finish();
}
