/* make bench: how fast the arithmetic is, beside the machine's own limit measured in the same run.
 *
 * Every figure is the best of several short runs taken in turn with the limit, since machines are shared and noisy;
 * what counts are the ratios. Prints the machine, the products at real shapes, the cost of a pool region, and whole
 * training steps of three models. With arguments, only the named sections: machine, products, pool, steps. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/pool.h"
#include "base/terminal.h"
#include "math/cpu.h"
#include "math/matmul.h"
#include "model/transformer.h"
#include "train/adam.h"

static double best(double a, double b) {
    return a > b ? a : b;
}

enum { RUNS = 8 };
static const double RUN_SECONDS = 0.03;

/* Floating-point operations a second of the multiply-add loop, on all threads of the pool at once, over as long a time as
 * what it is compared with: a core's clock falls within milliseconds of heavy work. */
static void peak_task(void *context, size_t task, size_t worker) {
    (void)worker;
    ((double *)context)[task] = matmul_peak(400000);
}

static double peak(Pool *pool) {
    double done[64], sum = 0, began = terminal_seconds(), seconds;
    const size_t threads = pool_threads(pool);
    do {
        pool_run(pool, "test", threads, peak_task, done);
        for (size_t t = 0; t < threads; t++) sum += done[t];
    } while ((seconds = terminal_seconds() - began) < RUN_SECONDS);
    return sum / seconds;
}

static void machine(void) {
    char line[256] = "", name[200] = "unknown CPU";
    FILE *info = fopen("/proc/cpuinfo", "r");
    while (info && fgets(line, sizeof line, info))
        if (sscanf(line, "model name : %199[^\n]", name) == 1) break;
    if (info) fclose(info);
    const char *const *sets;
    size_t count = cpu_instruction_sets(&sets);
    printf("machine: %s; instruction sets:", name);
    for (size_t i = 0; i < count; i++) printf(" %s", sets[i]);
    printf("; in use: %s\n", cpu_instruction_set());
}

typedef struct Shape {
    const char *what;
    size_t m, n, k;
} Shape;

static const Shape shapes[] = {
    {"tiny  q, k, v    ", 1024, 192, 64},   {"tiny  fc1        ", 1024, 256, 64},
    {"tiny  fc2        ", 1024, 64, 256},   {"small q, k, v    ", 4096, 384, 128},
    {"small attention o", 4096, 128, 128},  {"small fc1        ", 4096, 256, 128},
    {"small fc2        ", 4096, 128, 256},  {"small output     ", 512, 10000, 128},
    {"base  q, k, v    ", 4096, 1536, 512}, {"base  fc1        ", 4096, 2048, 512},
    {"base  fc2        ", 4096, 512, 2048}, {"base  output     ", 128, 10000, 512},
};

/* One product, operations a second: 0: out = in W^T, 1: din = dout W, 2: dW = dout^T in. */
static double product(Pool *pool, Shape s, int which, real *a, real *b, real *c) {
    int times = 0;
    double began = terminal_seconds(), seconds;
    do {
        if (which == 0) matmul(pool, MATMUL_WRITE, c, s.n, matrix(a, s.k), transposed(b, s.k), s.m, s.n, s.k, NULL);
        if (which == 1) matmul(pool, MATMUL_ADD, a, s.k, matrix(c, s.n), matrix(b, s.k), s.m, s.k, s.n, NULL);
        if (which == 2) matmul(pool, MATMUL_ADD, b, s.k, transposed(c, s.n), matrix(a, s.k), s.n, s.k, s.m, NULL);
        times++;
    } while ((seconds = terminal_seconds() - began) < RUN_SECONDS);
    return 2.0 * (double)s.m * (double)s.n * (double)s.k * times / seconds;
}

static void products(Pool *pool) {
    printf("\nproducts on %zu thread%s: Gflop/s (share of the multiply-add limit)\n", pool_threads(pool),
           pool_threads(pool) > 1 ? "s" : "");
    printf("%-18s %5s %5s %5s   %-15s %-15s %-15s\n", "", "rows", "out", "in", "out = in W^T", "din += dout W",
           "dW += dout^T in");
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const Shape s = shapes[i];
        real *a = memory_new(s.m * s.k, sizeof *a), *b = memory_new(s.n * s.k, sizeof *b);
        real *c = memory_new(s.m * s.n, sizeof *c);
        for (size_t j = 0; j < s.m * s.k; j++) a[j] = (real)(j % 13) / 1300;
        for (size_t j = 0; j < s.n * s.k; j++) b[j] = (real)(j % 17) / 1700;
        printf("%-18s %5zu %5zu %5zu  ", s.what, s.m, s.n, s.k);
        for (int which = 0; which < 3; which++) {
            double limit = 0, speed = 0;
            for (int run = 0; run < RUNS; run++) {
                limit = best(limit, peak(pool));
                speed = best(speed, product(pool, s, which, a, b, c));
            }
            printf(" %6.1f (%3.0f%%)  ", speed / 1e9, 100 * speed / limit);
            memset(c, 0, s.m * s.n * sizeof *c);
        }
        printf("\n");
        free(a);
        free(b);
        free(c);
    }
}

static void nothing(void *context, size_t task, size_t worker) {
    (void)context, (void)task, (void)worker;
}

static void regions(Pool *pool) {
    enum { TIMES = 20000 };
    double began = terminal_seconds();
    for (int i = 0; i < TIMES; i++) pool_run(pool, "test", 8, nothing, NULL);
    printf("\na pool region of 8 empty tasks on %zu threads: %.2f microseconds\n", pool_threads(pool),
           (terminal_seconds() - began) / TIMES * 1e6);
}

typedef struct Size {
    const char *name;
    Hyper hyper;
    size_t sentences, source, target; /* of a batch; tokens of a sentence */
} Size;

static const Size sizes[] = {
    {"tiny",
     {1500, 64, 4, 256, 2, 2, 128, NORM_PRE, ACTIVATION_RELU, TYING_ALL, POSITIONS_SINUSOIDAL, .1, 0, 0},
     110,
     8,
     9},
    {"small",
     {10000, 128, 4, 256, 4, 4, 128, NORM_PRE, ACTIVATION_RELU, TYING_ALL, POSITIONS_SINUSOIDAL, .3, 0, 0},
     256,
     14,
     16},
    {"base",
     {10000, 512, 8, 2048, 6, 6, 128, NORM_PRE, ACTIVATION_RELU, TYING_ALL, POSITIONS_SINUSOIDAL, .1, 0, 0},
     64,
     14,
     16},
};

/* Multiply-adds count two; 6 a weight and token (2 forward, 4 backward), and the two products of every attention. */
static double step_operations(const Size *s) {
    const Hyper *h = &s->hyper;
    const double D = (double)h->width, F = (double)h->feedforward, V = (double)h->vocab;
    const double Ns = (double)(s->sentences * s->source), Nt = (double)(s->sentences * s->target);
    const double S = (double)s->source, T = (double)s->target;
    const double encoder = Ns * (4 * D * D + 2 * D * F + 2 * S * D);
    const double decoder = Nt * (6 * D * D + 2 * D * F + 2 * T * D + 2 * S * D) + Ns * 2 * D * D;
    return 6 * ((double)h->encoder_layers * encoder + (double)h->decoder_layers * decoder + Nt * D * V);
}

/* `count` sentences of `length` tokens: ids spread over the vocabulary. */
static Packed make_sentences(size_t count, size_t length, size_t vocab) {
    int32_t *token = memory_new(count * length, sizeof *token);
    uint32_t *start = memory_new(count + 1, sizeof *start);
    for (size_t i = 0; i < count * length; i++) token[i] = (int32_t)(i * 7919 % vocab);
    for (size_t b = 0; b <= count; b++) start[b] = (uint32_t)(b * length);
    return (Packed){count, token, start, length};
}

typedef struct Part {
    const char *name;
    double seconds;
    size_t regions;
} Part;

typedef struct Profile {
    Part parts[32];
    size_t count;
} Profile;

static void watch(void *context, const char *name, double seconds) {
    Profile *p = context;
    size_t i = 0;
    while (i < p->count && strcmp(p->parts[i].name, name) != 0) i++;
    if (i == p->count) p->parts[p->count++] = (Part){name, 0, 0};
    p->parts[i].seconds += seconds;
    p->parts[i].regions++;
}

static void step(Pool *pool, const Size *s) {
    Error err;
    Transformer model;
    const size_t Ns = s->sentences * s->source, Nt = s->sentences * s->target;
    if (!transformer_create(&model, &s->hyper, pool, (TransformerLimits){Ns, Nt, s->source, s->target}, true, &err)) {
        printf("%s: %s\n", s->name, err.text);
        return;
    }
    const size_t count = model.params.count;
    real *w = memory_new(count, sizeof *w), *dw = memory_new(count, sizeof *dw);
    real *m = memory_new(count, sizeof *m), *v = memory_new(count, sizeof *v);
    parameters_init(&model.params, w, 1);
    Packed source = make_sentences(s->sentences, s->source, s->hyper.vocab);
    Packed target = make_sentences(s->sentences, s->target, s->hyper.vocab);
    const AdamOptions options = {.9, .98, 1e-9, 0};

    double limit = 0, speed = 0, optimiser = 1e9;
    for (uint32_t t = 1; t <= (s->hyper.width > 256 ? 3 : 8); t++) {
        limit = best(limit, peak(pool));
        Profile profile = {.count = 0};
        pool_watch(pool, watch, &profile);
        double began = terminal_seconds();
        memset(dw, 0, count * sizeof *dw);
        transformer_train(&model, w, dw, source, target, target.token, .1, (real)(1.0 / (double)Nt),
                          (TransformerStep){1, t, 0});
        double between = terminal_seconds();
        double norm = adam_norm(pool, dw, count);
        adam_update(pool, &model.params, w, m, v, dw, t, 1e-3, adam_clip(norm, 1), options);
        double ended = terminal_seconds();
        speed = best(speed, 1 / (ended - began));
        if (ended - between < optimiser) optimiser = ended - between;
        pool_watch(pool, NULL, NULL);
        if (t==3) { double all = ended - began, sum = 0;
        for (size_t i = 0; i < profile.count; i++) sum += profile.parts[i].seconds, printf("  %-28s %5.1f%% %5zu regions %8.3f ms\n", profile.parts[i].name, 100 * profile.parts[i].seconds / all, profile.parts[i].regions, profile.parts[i].seconds * 1e3);
        printf("  %-28s %5.1f%%\n", "between regions", 100 * (all - sum) / all); }
    }
    printf("%-6s %zu thread%s: %8.0f target tokens/s, %6.1f Gflop/s (%3.0f%% of the limit), optimiser %2.0f%% of the "
           "time\n",
           s->name, pool_threads(pool), pool_threads(pool) > 1 ? "s" : " ", speed * (double)Nt,
           speed * step_operations(s) / 1e9, 100 * speed * step_operations(s) / limit, 100 * optimiser * speed);
    free((void *)(uintptr_t)source.token);
    free((void *)(uintptr_t)source.start);
    free((void *)(uintptr_t)target.token);
    free((void *)(uintptr_t)target.start);
    free(w);
    free(dw);
    free(m);
    free(v);
    transformer_free(&model);
}

static bool wanted(int argc, char **argv, const char *section) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], section) == 0) return true;
    return argc == 1;
}

int main(int argc, char **argv) {
    Error err;
    if (!cpu_check(&err)) {
        fprintf(stderr, "bench: %s\n", err.text);
        return 1;
    }
    Pool *pools[2] = {pool_create(1, &err), pool_create(2, &err)};
    for (int i = 0; i < 2; i++) pool_reserve(pools[i], matmul_scratch(), matmul_shared());
    if (wanted(argc, argv, "machine")) {
        machine();
        double one = peak(pools[0]), two = peak(pools[1]);
        printf("multiply-add limit: %.1f Gflop/s on one thread, %.1f on two (%.2f times)\n", one / 1e9, two / 1e9,
               two / one);
    }
    if (wanted(argc, argv, "products"))
        for (int i = 0; i < 2; i++) products(pools[i]);
    if (wanted(argc, argv, "pool")) regions(pools[1]);
    if (wanted(argc, argv, "steps")) {
        printf("\ntraining steps (forward, backward, optimiser)\n");
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int i = 0; i < 2; i++) step(pools[i], &sizes[s]);
    }
    for (int i = 0; i < 2; i++) pool_free(pools[i]);
    return 0;
}
