/* Muon: singular values against the polynomial, and steps against the formulas in plain loops. */
#include "optim/muon.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/size.h"
#include "optim/optimiser.h"
#include "testlib.h"

#ifdef NMT_DOUBLE
#define CLOSE 1e-10
#else
#define CLOSE 1e-4
#endif

static double number(uint32_t what, uint64_t i) { return rng_normal((RngSite){5, what, 0}, i); }

static void *room_for(size_t rows, size_t cols) { return aligned_alloc(64, size_round_up(muon_room(rows, cols), 64)); }

/* ---- Orthogonal matrices ---- */

/* What five iterations make of a singular value. */
static double polynomial(double s) {
    for (int i = 0; i < 5; i++) s = 3.4445 * s - 4.7750 * pow(s, 3) + 2.0315 * pow(s, 5);
    return s;
}

/* x, (rows, cols), = x - 2 u (u x) / |u|^2: a reflection of its columns. */
static void reflect(double *x, size_t rows, size_t cols, uint32_t what) {
    double length = 0;
    for (size_t i = 0; i < rows; i++) length += pow(number(what, i), 2);
    for (size_t j = 0; j < cols; j++) {
        double dot = 0;
        for (size_t i = 0; i < rows; i++) dot += number(what, i) * x[i * cols + j];
        for (size_t i = 0; i < rows; i++) x[i * cols + j] -= 2 * number(what, i) * dot / length;
    }
}

static void transpose(double *out, const double *x, size_t rows, size_t cols) {
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++) out[j * rows + i] = x[i * cols + j];
}

/* P diag(values) Q, where P and Q are reflections: a matrix whose singular values are known. */
static void matrix_of(double *x, const double *values, size_t rows, size_t cols) {
    double *turned = memory_new(rows * cols, sizeof *turned);
    memset(x, 0, rows * cols * sizeof *x);
    for (size_t i = 0; i < rows && i < cols; i++) x[i * cols + i] = values[i];
    reflect(x, rows, cols, 1);
    transpose(turned, x, rows, cols);
    reflect(turned, cols, rows, 2);
    transpose(x, turned, cols, rows);
    free(turned);
}

static void test_singular_values(void) {
    static const size_t sizes[][2] = {{1, 1},  {2, 2},  {16, 16},   {33, 70},  {70, 33},
                                      {1, 12}, {12, 1}, {130, 300}, {300, 130}};
    for (size_t k = 0; k < COUNT(sizes); k++) {
        const size_t rows = sizes[k][0], cols = sizes[k][1], n = rows < cols ? rows : cols;
        double values[300], length = 0, *before = memory_new(rows * cols, sizeof *before);
        double *after = memory_new(rows * cols, sizeof *after);
        real *x = memory_new(rows * cols, sizeof *x);
        void *room = room_for(rows, cols);
        for (size_t i = 0; i < n; i++) values[i] = 1 + (double)i / (double)n, length += values[i] * values[i];
        matrix_of(before, values, rows, cols);
        for (size_t i = 0; i < n; i++) values[i] = polynomial(values[i] / sqrt(length));
        for (size_t i = 0; i < n; i++) EXPECT(values[i] > 0.6 && values[i] < 1.3);
        matrix_of(after, values, rows, cols);
        for (size_t i = 0; i < rows * cols; i++) x[i] = (real)(17 * before[i]);
        muon_orthogonalise(x, rows, cols, room);
        for (size_t i = 0; i < rows * cols; i++) EXPECT_NEAR(x[i], after[i], CLOSE);
        free(before), free(after), free(x), free(room);
    }
}

static void test_zero(void) {
    real x[6] = {0};
    void *room = room_for(2, 3);
    muon_orthogonalise(x, 2, 3, room);
    for (size_t i = 0; i < COUNT(x); i++) EXPECT(x[i] == 0);
    free(room);
}

/* ---- Steps ---- */

static const Hyper hyper = {.vocab = 11,
                            .width = 8,
                            .heads = 2,
                            .feedforward = 12,
                            .encoder_layers = 1,
                            .decoder_layers = 1,
                            .max_length = 10,
                            .norm = NORM_PRE,
                            .activation = ACTIVATION_RELU,
                            .tying = TYING_ALL,
                            .positions = POSITIONS_LEARNED};

/* A step of one matrix, as the header has it; its X comes from muon_orthogonalise. */
static void plain_step(const Tensor *t, double *w, double *m, const real *gradient, double rate, double scale,
                       double decay) {
    real *x = memory_new(t->count, sizeof *x);
    void *room = room_for(t->rows, t->cols);
    for (size_t i = 0; i < t->count; i++) {
        const double g = gradient[i] * scale;
        m[i] = 0.95 * m[i] + g;
        x[i] = (real)(g + 0.95 * m[i]);
    }
    muon_orthogonalise(x, t->rows, t->cols, room);
    const double larger = (double)(t->rows > t->cols ? t->rows : t->cols);
    for (size_t i = 0; i < t->count; i++) w[i] -= rate * (0.2 * sqrt(larger) * x[i] + decay * w[i]);
    free(x), free(room);
}

/* Three steps. Matrices of layers follow the formula; all else is as with Adam alone. */
static void check_steps(double decay) {
    const AdamOptions adam = {0.9, 0.98, 1e-9, .weight_decay = decay};
    Parameters params = parameters_create(&hyper);
    const size_t count = params.count;
    real *gradient = memory_new(count, sizeof *gradient), *w = memory_new(count, sizeof *w);
    real *m = memory_new(count, sizeof *m), *v = memory_new(count, sizeof *v),
         *first = memory_new(count, sizeof *first);
    double *plain_w = memory_new(count, sizeof *plain_w), *plain_m = memory_new(count, sizeof *plain_m);
    for (size_t threads = 1; threads <= 3; threads++) {
        Error err;
        Pool *pool = pool_create(threads, &err);
        Arena measure = arena_measure(), arena;
        Optimiser o = optimiser_new((OptimiserOptions){.kind = OPTIMISER_MUON, .adam = adam});
        real *mixed = memory_new(count, sizeof *mixed);
        optimiser_lay_out(&o, &measure, count);
        CHECK(arena_create(&arena, measure.used, &err), err.text);
        optimiser_lay_out(&o, &arena, count);
        optimiser_reserve(&o, pool, &params);
        for (size_t i = 0; i < count; i++) plain_w[i] = mixed[i] = w[i] = (real)number(3, i);
        memset(plain_m, 0, count * sizeof *plain_m);
        memset(m, 0, count * sizeof *m), memset(v, 0, count * sizeof *v);
        for (uint32_t step = 1; step <= 3; step++) {
            for (size_t i = 0; i < count; i++) gradient[i] = (real)number(10 + step, i);
            optimiser_update(&o, pool, &params, mixed, gradient, step, 0.01, 0.5);
            adam_update(pool, &params, w, m, v, gradient, step, 0.01, 0.5, adam);
            for (size_t i = 0; i < params.tensor_count; i++) {
                const Tensor *t = &params.tensors[i];
                if (parameters_is_layer_matrix(t))
                    plain_step(t, plain_w + t->offset, plain_m + t->offset, gradient + t->offset, 0.01, 0.5, decay);
            }
        }
        for (size_t i = 0; i < params.tensor_count; i++) {
            const Tensor *t = &params.tensors[i];
            for (size_t k = t->offset; k < t->offset + t->count; k++)
                if (parameters_is_layer_matrix(t))
                    EXPECT_NEAR(mixed[k], plain_w[k], CLOSE);
                else
                    EXPECT_NEAR(mixed[k], w[k], 1e-6); /* a loop per tensor, or one for all */
        }
        if (threads == 1) memcpy(first, mixed, count * sizeof *first);
        EXPECT(memcmp(first, mixed, count * sizeof *first) == 0);
        free(mixed);
        arena_free(&arena);
        pool_free(pool);
    }
    free(gradient), free(w), free(m), free(v), free(first), free(plain_w), free(plain_m);
    parameters_free(&params);
}

static void test_steps(void) {
    check_steps(0.3);
    check_steps(0);
}

/* Nothing but the matrices of attention and feed-forward, whatever else the model has. */
static void test_which(void) {
    static const NormPlace norms[] = {NORM_PRE, NORM_POST};
    static const Tying tyings[] = {TYING_ALL, TYING_NONE};
    for (int i = 0; i < 4; i++) {
        Hyper other = hyper;
        other.norm = norms[i % 2], other.tying = tyings[i / 2];
        Parameters params = parameters_create(&other);
        for (size_t t = 0; t < params.tensor_count; t++) {
            const Tensor *tensor = &params.tensors[t];
            EXPECT(parameters_is_layer_matrix(tensor) == (strstr(tensor->name, ".layers.") && tensor->rows > 0));
        }
        parameters_free(&params);
    }
}

/* 400 times the same gradient of length 1: the momentum comes as near to its largest value as it can. */
static void test_most(void) {
    Error err;
    Parameters params = parameters_create(&hyper);
    const size_t count = params.count;
    Pool *pool = pool_create(1, &err);
    const Optimiser o = optimiser_new((OptimiserOptions){.kind = OPTIMISER_MUON});
    real *gradient = memory_new(count, sizeof *gradient), *w = memory_new(count, sizeof *w);
    real *m = memory_new(count, sizeof *m);
    size_t at = 0;
    while (!parameters_is_layer_matrix(&params.tensors[at])) at++;
    at = params.tensors[at].offset;
    gradient[at] = 1;
    optimiser_reserve(&o, pool, &params);
    for (int i = 0; i < 400; i++) muon_update(pool, &params, w, m, gradient, 0.01, 1, 0);
    EXPECT(m[at] > 0.99 * o.most[0] && m[at] < 1.001 * o.most[0]);
    EXPECT_NEAR(optimiser_new((OptimiserOptions){.kind = OPTIMISER_ADAM}).most[0], 1, 0);
    free(gradient), free(w), free(m);
    pool_free(pool);
    parameters_free(&params);
}

int main(void) {
    RUN(test_singular_values);
    RUN(test_zero);
    RUN(test_steps);
    RUN(test_which);
    RUN(test_most);
    return test_finish();
}
