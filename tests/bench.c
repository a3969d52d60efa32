/* make bench: how fast the arithmetic is, beside the machine's own limit measured in the same run.
 *
 * Machines are shared and noisy, so every figure is the best of several short runs taken in turn with the limit; what
 * counts are the ratios. Sections, all or those named as arguments:
 *
 *   machine      its instruction sets, its multiply-add limit on one and two threads, and that of its
 *                bfloat16 instructions
 *   products     the matrix products at real shapes, beside the limit and OpenBLAS where it is installed
 *   pool         what a region costs
 *   profile      where a training step's time goes, in float32 and in bfloat16, and the bytes that its products move
 *   steps        training steps of three models: target tokens a second, share of the limit, memory
 *   translation  sentences and source words a second, and memory: greedy and beam 5, in batches and one by one, in
 *                float32 and with weights in 8-bit integers
 *   text         seconds to learn the tokenizer, megabytes a second to encode; of tatoeba, too, where
 *                scripts/get-data.sh has put it (or where NMT_COPIES, a folder like data/, has a copy)
 *   startup      one sentence with MODEL (runs/tiny/model.gguf): ./translate from start to exit; and the library in a
 *                new process, from opening the model to the translation
 *   summary      one line, for a report of a bug
 *
 * For scripts/bench-peers.py:
 *
 *   bench batch SIZE                             the model's sizes and the lengths of the batch's sentences
 *   bench step SIZE THREADS PRECISION SECONDS    runs steps for so long; one line of figures
 *
 * To look at one of them:
 *
 *   bench profile SIZE THREADS PRECISION         where the time of this model's step goes
 *
 * For bench itself, which needs a process whose memory nothing else has used:
 *
 *   bench translate SIZE THREADS BEAM BATCH float32|int8   translates in batches of this size; one line of figures */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "base/ds.h"
#include "base/memory.h"
#include "base/pool.h"
#include "base/terminal.h"
#include "base/version.h"
#include "data/corpus.h"
#include "decode/nmt.h"
#include "decode/search.h"
#include "math/cpu.h"
#include "math/matmul.h"
#include "math/vector.h"
#include "model/transformer.h"
#include "optim/adam.h"
#include "optim/optimiser.h"
#include "text/bpe_train.h"
#include "text/tokenizer.h"

static double best(double a, double b) { return a > b ? a : b; }

enum { RUNS = 8 };
static const double RUN_SECONDS = 0.03;

static const char *plural(size_t count) { return count == 1 ? "" : "s"; }

/* Floating-point operations a second of the multiply-add loop, on all threads of the pool at once, over as long a time
 * as what it is compared with: a core's clock falls within milliseconds of heavy work. */
static void peak_task(void *context, size_t task, size_t worker) {
    (void)worker;
    ((double *)context)[task] = matmul_peak(400000);
}

/* The same of AMX tiles: nothing but the four sums of a product's loop. Each instruction multiplies 16 rows of 16 pairs
 * of bfloat16 numbers with 16 pairs of 16 columns. */
#if defined(__x86_64__) && ((defined(__clang__) && __clang_major__ >= 12) || (!defined(__clang__) && __GNUC__ >= 11))
static const struct {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_config = {.palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

__attribute__((target("amx-tile,amx-bf16"))) static void peak_tiles_task(void *context, size_t task, size_t worker) {
    enum { ROUNDS = 100000 };
    (void)worker;
    _tile_loadconfig(&tile_config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
    for (int r = 0; r < ROUNDS; r++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_release();
    ((double *)context)[task] = 2.0 * ROUNDS * 4 * 16 * 16 * 32;
}

/* The same for AVX-512's dot products: an instruction adds two products to each of 16 floats. There are 16 sums, so no
 * instruction waits for the one before. */
__attribute__((target("avx512f,avx512bf16"))) static void peak_dots_task(void *context, size_t task, size_t worker) {
    enum { ROUNDS = 100000, SUMS = 16 };
    (void)worker;
    __m512 sums[SUMS];
    __m512i ones = _mm512_set1_epi16(0x3f80);
    for (int i = 0; i < SUMS; i++) sums[i] = _mm512_setzero_ps();
    for (int r = 0; r < ROUNDS; r++) {
        __asm__ volatile("" : "+v"(ones)); /* the compiler must not foresee the products */
#ifdef __clang__
#pragma clang loop unroll(full)
#else
#pragma GCC unroll 16
#endif
        for (int i = 0; i < SUMS; i++) sums[i] = _mm512_dpbf16_ps(sums[i], (__m512bh)ones, (__m512bh)ones);
    }
    for (int i = 0; i < SUMS; i++) __asm__ volatile("" : : "v"(sums[i]));
    ((double *)context)[task] = 2.0 * ROUNDS * SUMS * 32;
}

/* What measures the CPU's own instructions for bfloat16; NULL: none are in use. */
static PoolTask *peak_pairs_task(void) {
    if (strcmp(cpu_instruction_set(), "amx") == 0) return peak_tiles_task;
    return strcmp(cpu_instruction_set(), "avx512_bf16") == 0 ? peak_dots_task : NULL;
}
#else
static PoolTask *peak_pairs_task(void) { return NULL; }
#endif

static double peak_of(Pool *pool, PoolTask *function) {
    double done[64], sum = 0, began = terminal_seconds(), seconds;
    const size_t threads = pool_threads(pool);
    do {
        pool_run(pool, "test", threads, function, done);
        for (size_t t = 0; t < threads; t++) sum += done[t];
    } while ((seconds = terminal_seconds() - began) < RUN_SECONDS);
    return sum / seconds;
}

static double peak(Pool *pool) { return peak_of(pool, peak_task); }

static void print_peaks(Pool *const pools[2]) {
    double limit[2] = {0, 0}, pairs[2] = {0, 0};
    PoolTask *const pairs_task = peak_pairs_task();
    for (int run = 0; run < 2 * RUNS; run++) {
        limit[run % 2] = best(limit[run % 2], peak(pools[run % 2]));
        if (pairs_task) pairs[run % 2] = best(pairs[run % 2], peak_of(pools[run % 2], pairs_task));
    }
    printf("multiply-add limit: %.1f Gflop/s on one thread, %.1f on two (%.2f times)\n", limit[0] / 1e9, limit[1] / 1e9,
           limit[1] / limit[0]);
    if (pairs_task)
        printf("limit of %s, bfloat16: %.0f Gflop/s on one thread, %.0f on two (%.2f times)\n", cpu_instruction_set(),
               pairs[0] / 1e9, pairs[1] / 1e9, pairs[1] / pairs[0]);
    else
        printf("limit of bfloat16: no instructions for it are in use\n");
}

static const char *cpu_name(void) {
    static char name[200] = "unknown CPU";
    char line[256];
    FILE *info = fopen("/proc/cpuinfo", "r");
    while (info && fgets(line, sizeof line, info))
        if (sscanf(line, "model name : %199[^\n]", name) == 1) break;
    if (info) fclose(info);
    return name;
}

static void machine(void) {
    const char *const *sets;
    size_t count = cpu_instruction_sets(&sets);
    printf("machine: %s; instruction sets:", cpu_name());
    for (size_t i = 0; i < count; i++) printf(" %s", sets[i]);
    printf("; in use: %s\n", cpu_instruction_set());
}

typedef struct Shape {
    const char *what;
    size_t m, n, k;
} Shape;

static const Shape shapes[] = {
    {"tiny  q, k, v    ", 1024, 288, 96},   {"tiny  fc1        ", 1024, 384, 96},
    {"tiny  fc2        ", 1024, 96, 384},   {"small q, k, v    ", 4096, 384, 128},
    {"small attention o", 4096, 128, 128},  {"small fc1        ", 4096, 256, 128},
    {"small fc2        ", 4096, 128, 256},  {"small output     ", 256, 10000, 128},
    {"base  q, k, v    ", 4096, 1536, 512}, {"base  fc1        ", 4096, 2048, 512},
    {"base  fc2        ", 4096, 512, 2048}, {"base  output     ", 256, 10000, 512},
};

/* OpenBLAS, where it is installed: the single-precision product of its C interface. */
typedef void Sgemm(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha, const float *a,
                   int lda, const float *b, int ldb, float beta, float *c, int ldc);
typedef void SetThreads(int threads);
typedef char *CoreName(void);

static Sgemm *sgemm;
static SetThreads *set_threads;
static CoreName *core_name; /* the CPU whose kernels it uses; on a CPU that it does not know, these are slow ones */

static void load_openblas(void) {
    void *library = dlopen("libopenblas.so.0", RTLD_NOW);
    if (!library) return;
    *(void **)&sgemm = dlsym(library, "cblas_sgemm");
    *(void **)&set_threads = dlsym(library, "openblas_set_num_threads");
    *(void **)&core_name = dlsym(library, "openblas_get_corename");
    if (!set_threads || !core_name) sgemm = NULL;
}

/* The three products of a linear layer: out = in W^T, din += dout W, dW += dout^T in. */
enum { FORWARD, INPUT_GRADIENT, WEIGHT_GRADIENT, PRODUCTS };

static void ours(Pool *pool, Shape s, int which, real *in, real *w, real *out) {
    if (which == FORWARD)
        matmul((Compute){.pool = pool}, MATMUL_WRITE, out, s.n, matrix(in, s.k), transposed(w, s.k), s.m, s.n, s.k,
               NULL);
    else if (which == INPUT_GRADIENT)
        matmul((Compute){.pool = pool}, MATMUL_ADD, in, s.k, matrix(out, s.n), matrix(w, s.k), s.m, s.k, s.n, NULL);
    else
        matmul((Compute){.pool = pool}, MATMUL_ADD, w, s.k, transposed(out, s.n), matrix(in, s.k), s.n, s.k, s.m, NULL);
}

static void theirs(Shape s, int which, real *in, real *w, real *out) {
    enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };
    const int m = (int)s.m, n = (int)s.n, k = (int)s.k;
    if (which == FORWARD)
        sgemm(ROW_MAJOR, PLAIN, TRANSPOSED, m, n, k, 1, in, k, w, k, 0, out, n);
    else if (which == INPUT_GRADIENT)
        sgemm(ROW_MAJOR, PLAIN, PLAIN, m, k, n, 1, out, n, w, k, 1, in, k);
    else
        sgemm(ROW_MAJOR, TRANSPOSED, PLAIN, n, k, m, 1, out, n, in, k, 1, w, k);
}

/* Memory as a training step has it: in large pages, where the system gives them. */
static Arena make_arena(size_t count) {
    Arena arena;
    Error err;
    if (!arena_create(&arena, count * sizeof(real), &err)) {
        fprintf(stderr, "bench: %s\n", err.text);
        exit(1);
    }
    return arena;
}

/* Operations a second of one product; pool NULL: OpenBLAS's. */
static double product(Pool *pool, Shape s, int which, real *in, real *w, real *out) {
    int times = 0;
    double began = terminal_seconds(), seconds;
    do {
        if (pool)
            ours(pool, s, which, in, w, out);
        else
            theirs(s, which, in, w, out);
        times++;
    } while ((seconds = terminal_seconds() - began) < RUN_SECONDS);
    return 2.0 * (double)s.m * (double)s.n * (double)s.k * times / seconds;
}

static void products(Pool *pool) {
    const size_t threads = pool_threads(pool);
    load_openblas();
    if (sgemm) set_threads((int)threads);
    printf("\nproducts on %zu thread%s: Gflop/s (share of the multiply-add limit; ", threads, plural(threads));
    printf(sgemm ? "times OpenBLAS with its kernels for %s)\n" : "OpenBLAS is not installed)\n",
           sgemm ? core_name() : "");
    printf("%-18s %5s %5s %5s   %-19s %-19s %-19s\n", "", "rows", "out", "in", "out = in W^T", "din += dout W",
           "dW += dout^T in");
    for (size_t i = 0; i < COUNT(shapes); i++) {
        const Shape s = shapes[i];
        Arena arena = make_arena(s.m * s.k + s.n * s.k + s.m * s.n);
        real *in = arena_push(&arena, s.m * s.k, sizeof *in), *w = arena_push(&arena, s.n * s.k, sizeof *w);
        real *out = arena_push(&arena, s.m * s.n, sizeof *out);
        printf("%-18s %5zu %5zu %5zu  ", s.what, s.m, s.n, s.k);
        for (int which = 0; which < PRODUCTS; which++) {
            double limit = 0, speed = 0, other = 0;
            for (int run = 0; run < RUNS; run++) {
                for (size_t j = 0; j < s.m * s.k; j++) in[j] = (real)(j % 13) / 1300;
                for (size_t j = 0; j < s.n * s.k; j++) w[j] = (real)(j % 17) / 1700;
                for (size_t j = 0; j < s.m * s.n; j++) out[j] = (real)(j % 11) / 1100;
                limit = best(limit, peak(pool));
                speed = best(speed, product(pool, s, which, in, w, out));
                if (sgemm) other = best(other, product(NULL, s, which, in, w, out));
            }
            printf(" %6.1f (%3.0f%%", speed / 1e9, 100 * speed / limit);
            if (sgemm) printf("; %4.2f", speed / other);
            printf(")  ");
            fflush(stdout);
        }
        printf("\n");
        arena_free(&arena);
    }
}

static void nothing(void *context, size_t task, size_t worker) { (void)context, (void)task, (void)worker; }

static void regions(Pool *pool) {
    enum { TIMES = 20000 };
    double began = terminal_seconds();
    for (int i = 0; i < TIMES; i++) pool_run(pool, "test", 8, nothing, NULL);
    pool_run(pool, "nothing", 8, nothing, NULL);
    printf("\na pool region of 8 empty tasks on %zu threads: %.2f microseconds\n", pool_threads(pool),
           (terminal_seconds() - began) / TIMES * 1e6);
}

/* ---- training steps ---------------------------------------------------------------------------------------------- */

typedef struct Size {
    const char *name;
    Hyper hyper;
    size_t sentences;
    double smoothing;
} Size;

static const Size sizes[] = {
    {"tiny",
     {1600, 96, 4, 384, 2, 2, 64, NORM_PRE, ACTIVATION_RELU, TYING_ALL, POSITIONS_SINUSOIDAL, .1, 0, 0},
     64,
     .1},
    {"small",
     {10000, 128, 4, 256, 4, 4, 128, NORM_PRE, ACTIVATION_RELU, TYING_ALL, POSITIONS_SINUSOIDAL, .3, 0, 0},
     256,
     .1},
    {"base",
     {10000, 512, 8, 2048, 6, 6, 128, NORM_PRE, ACTIVATION_RELU, TYING_ALL, POSITIONS_SINUSOIDAL, .1, 0, 0},
     64,
     .1},
};
enum { SIZES = COUNT(sizes) };

/* Lengths as Multi30k has them with 10,000 subwords, in 32 quantiles: English, and French with its end token. A batch
 * has them all equally often, in an order that looks drawn by lot. */
static const size_t source_lengths[32] = {7,  8,  8,  9,  9,  9,  10, 10, 10, 11, 11, 11, 11, 13, 13, 13,
                                          13, 14, 14, 14, 15, 15, 16, 16, 16, 17, 18, 18, 19, 20, 22, 25};
static const size_t target_lengths[32] = {8,  9,  10, 10, 11, 11, 11, 13, 13, 13, 14, 14, 14, 15, 15, 15,
                                          16, 16, 16, 17, 17, 17, 18, 18, 19, 19, 20, 21, 22, 23, 25, 29};

/* Sentences of such lengths; ids spread over the vocabulary. */
static Packed make_sentences(const size_t lengths[32], size_t count, size_t vocab) {
    uint32_t *start = memory_new(count + 1, sizeof *start);
    Packed p = {.B = count, .start = start};
    for (size_t b = 0; b < count; b++) {
        const size_t length = lengths[b * 13 % 32];
        start[b + 1] = start[b] + (uint32_t)length;
        if (length > p.longest) p.longest = length;
    }
    int32_t *token = memory_new(start[count], sizeof *token);
    for (size_t i = 0; i < start[count]; i++) token[i] = (int32_t)(2 + i * 7919 % (vocab - 2));
    p.token = token;
    return p;
}

static void free_sentences(Packed p) {
    free((void *)(uintptr_t)p.token);
    free((void *)(uintptr_t)p.start);
}

/* A multiply-add counts two; 6 a weight and token (2 forward, 4 backward), and the two products of every attention. */
static double step_operations(const Size *s, Packed source, Packed target) {
    const Hyper *h = &s->hyper;
    const double D = (double)h->width, F = (double)h->feedforward, V = (double)h->vocab;
    const double Ns = source.start[source.B], Nt = target.start[target.B];
    double self_source = 0, self_target = 0, cross = 0; /* pairs of a query and a key */
    for (size_t b = 0; b < source.B; b++) {
        const double S = source.start[b + 1] - source.start[b], T = target.start[b + 1] - target.start[b];
        self_source += S * S, self_target += T * T, cross += S * T;
    }
    const double encoder = Ns * (4 * D * D + 2 * D * F) + 2 * D * self_source;
    const double decoder = Nt * (6 * D * D + 2 * D * F) + Ns * 2 * D * D + 2 * D * (self_target + cross);
    return 6 * ((double)h->encoder_layers * encoder + (double)h->decoder_layers * decoder + Nt * D * V);
}

/* Bytes that the products of linear layers move in a step at least, weights left out, as they stay in the caches: each
 * product reads its left factor and writes its output once, and a weight gradient reads two factors. A factor's number
 * has `factor` bytes, an output's four. */
static double step_bytes(const Size *s, Packed source, Packed target, double factor) {
    const Hyper *h = &s->hyper;
    const double D = (double)h->width, F = (double)h->feedforward, V = (double)h->vocab;
    const double Ns = source.start[source.B], Nt = target.start[target.B];
    /* The inputs and the outputs of all layers that a token goes through: q k v, o, fc1, fc2; cross q, o; cross k v. */
    const double layer_in = D + D + D + F, layer_out = 3 * D + D + F + D;
    const double encoder = Ns * (double)h->encoder_layers, decoder = Nt * (double)h->decoder_layers;
    const double cross = Ns * (double)h->decoder_layers;
    const double in = encoder * layer_in + decoder * (layer_in + 2 * D) + cross * D + Nt * D;
    const double out = encoder * layer_out + decoder * (layer_out + 2 * D) + cross * 2 * D + Nt * V;
    /* forward: in is read, out written; input gradient: dout read, din written; weight gradient: dout, in read */
    return factor * (2 * in + 2 * out) + 4 * (in + out);
}

/* A model, a batch, and the four blocks: all that a step takes. */
typedef struct Step {
    const Size *size;
    Pool *pool;
    Transformer model;
    Arena arena;
    real *w, *dw, *m, *v; /* in the arena */
    Packed source, target;
    uint32_t t;
} Step;

static void step_begin(Step *s, Compute compute, const Size *size) {
    Error err;
    *s = (Step){.size = size, .pool = compute.pool};
    s->source = make_sentences(source_lengths, size->sentences, size->hyper.vocab);
    s->target = make_sentences(target_lengths, size->sentences, size->hyper.vocab);
    const TransformerLimits limits = {s->source.start[size->sentences], s->target.start[size->sentences],
                                      s->source.longest, s->target.longest};
    if (!transformer_create(&s->model, &size->hyper, compute, limits, TRAINING_ONCE, &err)) {
        fprintf(stderr, "bench: %s: %s\n", size->name, err.text);
        exit(1);
    }
    real **const blocks[] = {&s->w, &s->dw, &s->m, &s->v};
    s->arena = make_arena(4 * size_round_up(s->model.params.count, ARENA_ALIGNMENT));
    for (int i = 0; i < 4; i++) *blocks[i] = arena_push(&s->arena, s->model.params.count, sizeof(real));
    parameters_init(&s->model.params, s->w, 1);
}

static void step_end(Step *s) {
    free_sentences(s->source);
    free_sentences(s->target);
    arena_free(&s->arena);
    transformer_free(&s->model);
}

/* One step, as train/trainer.c makes it; returns the seconds it took. */
static double step_run(Step *s) {
    static const AdamOptions options = {.9, .98, 1e-9, .weight_decay = 0};
    const size_t count = s->model.params.count;
    const double began = terminal_seconds();
    vector_clear(s->dw, count);
    transformer_train(&s->model, s->w, s->dw, s->source, s->target, s->target.token,
                      (LossOptions){.smoothing = s->size->smoothing}, (real)(1.0 / s->target.start[s->target.B]),
                      (TransformerStep){1, ++s->t, 0});
    const double norm = optimiser_norm(s->pool, s->dw, count);
    adam_update(s->pool, &s->model.params, s->w, s->m, s->v, s->dw, s->t, 1e-3, optimiser_clip(norm, 1), options);
    return terminal_seconds() - began;
}

static const Size *size_named(const char *name) {
    for (size_t i = 0; i < SIZES; i++)
        if (strcmp(sizes[i].name, name) == 0) return &sizes[i];
    fprintf(stderr, "bench: expected tiny, small or base, found \"%s\"\n", name);
    exit(2);
}

static Pool *make_pool(size_t threads) {
    Error err;
    Pool *pool = pool_create(threads, &err);
    if (!pool) {
        fprintf(stderr, "bench: %s\n", err.text);
        exit(1);
    }
    pool_reserve(pool, matmul_scratch(), matmul_shared());
    return pool;
}

static void print_batch(const Size *size) {
    const Hyper *h = &size->hyper;
    printf("vocab %zu\nwidth %zu\nheads %zu\nfeedforward %zu\nencoder_layers %zu\ndecoder_layers %zu\ndropout %g\n"
           "smoothing %g\nsource",
           h->vocab, h->width, h->heads, h->feedforward, h->encoder_layers, h->decoder_layers, h->dropout,
           size->smoothing);
    for (size_t b = 0; b < size->sentences; b++) printf(" %zu", source_lengths[b * 13 % 32]);
    printf("\ntarget");
    for (size_t b = 0; b < size->sentences; b++) printf(" %zu", target_lengths[b * 13 % 32]);
    printf("\n");
}

/* The best step and the best limit of at least `seconds` and three steps. peak_mb: what the process had in memory at
 * most, beyond parameters, gradients and moments. */
static void step(const Size *size, size_t threads, Precision precision, double seconds) {
    Pool *pool = make_pool(threads);
    Step s;
    step_begin(&s, (Compute){.pool = pool, .precision = precision}, size);
    double limit = 0, shortest = 1e9;
    const double began = terminal_seconds();
    for (int i = 0; i < 3 || terminal_seconds() - began < seconds; i++) {
        limit = best(limit, peak(pool));
        const double took = step_run(&s);
        if (took < shortest) shortest = took;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    const double blocks = 4.0 * (double)(s.model.params.count * sizeof(real));
    printf("target_tokens_per_second=%.0f gflops=%.1f limit_gflops=%.1f peak_mb=%.0f\n",
           s.target.start[s.target.B] / shortest, step_operations(size, s.source, s.target) / shortest / 1e9,
           limit / 1e9, ((double)usage.ru_maxrss * 1024 - blocks) / 1e6);
    step_end(&s);
    pool_free(pool);
}

/* What `bench step` prints. */
typedef struct StepFigures {
    double tokens, speed, limit, memory; /* speed, limit: Gflop/s; memory: MB */
} StepFigures;

/* In a process of its own, for its memory to be told apart. */
static bool step_apart(StepFigures *found, const char *program, const Size *size, int threads, const char *precision) {
    char command[512];
    snprintf(command, sizeof command, "%s step %s %d %s 5", program, size->name, threads, precision);
    FILE *child = popen(command, "r");
    const bool ok = child && fscanf(child, "target_tokens_per_second=%lf gflops=%lf limit_gflops=%lf peak_mb=%lf",
                                    &found->tokens, &found->speed, &found->limit, &found->memory) == 4;
    if (child) pclose(child);
    return ok;
}

static void print_step(const char *program, const Size *size, int threads, const char *precision) {
    StepFigures f;
    if (!step_apart(&f, program, size, threads, precision)) return;
    printf("%-6s %-9s %7d %17.0f %9.1f %13.0f%% of %3.0f %9.0f MB\n", size->name, precision, threads, f.tokens, f.speed,
           100 * f.speed / f.limit, f.limit, f.memory);
    fflush(stdout);
}

static void steps(const char *program) {
    printf("\ntraining steps: forward, backward, clipping, Adam\n%-6s %-9s %7s %17s %9s %20s %12s\n", "", "", "threads",
           "target tokens/s", "Gflop/s", "of the limit", "memory");
    for (size_t i = 0; i < SIZES; i++)
        for (int threads = 1; threads <= 2; threads++) {
            print_step(program, &sizes[i], threads, "float32");
            print_step(program, &sizes[i], threads, "bfloat16");
        }
    printf("(limit: of multiply-adds in float32, in both precisions; memory: beyond parameters, gradients and moments; "
           "bfloat16 is %s)\n",
           cpu_pairs() ? "the CPU's own" : "emulated");
}

/* ---- where the time goes ----------------------------------------------------------------------------------------- */

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

static int longest_first(const void *a, const void *b) {
    const Part *x = a, *y = b;
    return x->seconds < y->seconds ? 1 : -1;
}

static void profile(const Size *size, size_t threads, Precision precision) {
    enum { STEPS = 3 };
    Pool *pool = make_pool(threads);
    Step s;
    step_begin(&s, (Compute){.pool = pool, .precision = precision}, size);
    step_run(&s);
    Profile p = {.count = 0};
    pool_watch(pool, watch, &p);
    double all = 0, sum = 0, product_seconds = 0;
    for (int i = 0; i < STEPS; i++) all += step_run(&s);
    qsort(p.parts, p.count, sizeof *p.parts, longest_first);
    printf("\nwhere a step of %s in %s goes on %zu thread%s: %.1f ms, %.1f Gflop/s\n", size->name,
           PRECISION_NAMES[precision], threads, plural(threads), all / STEPS * 1e3,
           STEPS * step_operations(size, s.source, s.target) / all / 1e9);
    for (size_t i = 0; i < p.count; i++) {
        const Part part = p.parts[i];
        sum += part.seconds;
        if (strncmp(part.name, "product", 7) == 0 || strncmp(part.name, "attention", 9) == 0)
            product_seconds += part.seconds;
        printf("  %-28s %5.1f%%  %8.2f ms in %zu regions\n", part.name, 100 * part.seconds / all,
               part.seconds / STEPS * 1e3, part.regions / STEPS);
    }
    printf("  %-28s %5.1f%%\n  %-28s %5.1f%%\n", "between regions", 100 * (all - sum) / all, "all but products",
           100 * (all - product_seconds) / all);
    const double kilobytes = 1e3 * s.target.start[s.target.B];
    printf("  products move %.0f kB per target token at least, %.0f where factors are stored in bfloat16\n",
           step_bytes(size, s.source, s.target, 4) / kilobytes, step_bytes(size, s.source, s.target, 2) / kilobytes);
    step_end(&s);
    pool_free(pool);
}

/* ---- translation ------------------------------------------------------------------------------------------------- */

enum { SENTENCES = 1024, BATCH = 128, ALONE = 64, TARGET = 16 };
static const double SOURCE_WORDS = 11.9; /* words of a sentence: English of Multi30k, of which the lengths are */

/* Translates with untrained weights, 16 target tokens a sentence. Prints the best of three times, and the memory of the
 * process. */
static void translate(const Size *size, size_t threads, size_t beam, size_t batch, bool int8) {
    Error err;
    Pool *pool = make_pool(threads);
    Parameters params = parameters_create(&size->hyper);
    real *w = memory_new(params.count, sizeof *w);
    parameters_init(&params, w, 1);
    const Packed all = make_sentences(source_lengths, SENTENCES, size->hyper.vocab);
    Translation *out = memory_new(batch, sizeof *out);
    uint32_t *start = memory_new(batch + 1, sizeof *start);
    const SearchOptions how = {
        .beam = beam, .n_best = 1, .length_alpha = 1, .max_extra = TARGET, .unscored = true, .int8 = int8};
    Search *search = search_create(&params, w, pool, how);
    const size_t fewer = params.count > 10000000 ? 8 : 1, count = (batch == 1 ? ALONE : SENTENCES) / fewer;
    double seconds = 1e9;
    for (int run = 0; run < 3; run++) {
        const double began = terminal_seconds();
        for (size_t first = 0; first + batch <= count; first += batch) {
            for (size_t b = 0; b <= batch; b++) start[b] = all.start[first + b] - all.start[first];
            if (!search_run(search, (Packed){batch, all.token + all.start[first], start, all.longest}, out, &err)) {
                fprintf(stderr, "bench: %s\n", err.text);
                exit(1);
            }
        }
        const double took = terminal_seconds() - began;
        if (took < seconds) seconds = took;
    }
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("sentences_per_second=%.1f peak_mb=%.0f\n", (double)(count / batch * batch) / seconds,
           (double)usage.ru_maxrss * 1024 / 1e6);
    search_free(search);
    free(start);
    free(out);
    free(w);
    free_sentences(all);
    parameters_free(&params);
    pool_free(pool);
}

/* What `bench translate` prints, in a process of its own. */
static bool translate_apart(double *sentences, double *memory, const char *program, int threads, int beam, int batch,
                            const char *numbers) {
    char command[512];
    snprintf(command, sizeof command, "%s translate small %d %d %d %s", program, threads, beam, batch, numbers);
    FILE *child = popen(command, "r");
    const bool ok = child && fscanf(child, "sentences_per_second=%lf peak_mb=%lf", sentences, memory) == 2;
    if (child) pclose(child);
    return ok;
}

static void translation(const char *program) {
    static const char *const numbers[] = {"float32", "int8"};
    printf("\ntranslation by small: a source sentence of %.1f words, 16 tokens of translation\n%7s %5s %6s %8s %12s "
           "%14s %8s\n",
           SOURCE_WORDS, "threads", "beam", "batch", "weights", "sentences/s", "source words/s", "memory");
    for (int row = 0; row < 16; row++) {
        const int threads = row < 8 ? 1 : 2, beam = row % 8 < 4 ? 1 : 5, batch = row % 4 < 2 ? BATCH : 1;
        double sentences, memory;
        if (!translate_apart(&sentences, &memory, program, threads, beam, batch, numbers[row % 2])) continue;
        printf("%7d %5d %6d %8s %12.0f %14.0f %5.0f MB\n", threads, beam, batch, numbers[row % 2], sentences,
               SOURCE_WORDS * sentences, memory);
        fflush(stdout);
    }
    printf("(memory: of the whole process)\n");
}

/* ---- one line ---------------------------------------------------------------------------------------------------- */

static void summary(const char *program, Pool *pool) {
    enum { THREADS = 2 };
    StepFigures single = {0}, half = {0};
    double batches = 0, alone = 0, memory = 0, memory_alone;
    const Size *small = size_named("small");
    const bool ok = step_apart(&single, program, small, THREADS, "float32") &&
                    step_apart(&half, program, small, THREADS, "bfloat16") &&
                    translate_apart(&batches, &memory, program, THREADS, 1, BATCH, "float32") &&
                    translate_apart(&alone, &memory_alone, program, THREADS, 1, 1, "float32");
    if (!ok) return;
    char pairs[64] = "";
    if (peak_pairs_task()) snprintf(pairs, sizeof pairs, ", bfloat16 %.0f", peak_of(pool, peak_pairs_task()) / 1e9);
    printf(
        "\nnmt %s, %s, %s, %d threads, limit %.0f Gflop/s%s; small trains %.0f tokens/s in float32 (%.0f%%), %.0f in "
        "bfloat16 (%s); greedy %.0f sentences/s (%.0f words/s, %.0f MB) in batches, %.0f one by one\n",
        NMT_VERSION, cpu_name(), cpu_instruction_set(), THREADS, single.limit, pairs, single.tokens,
        100 * single.speed / single.limit, half.tokens, cpu_pairs() ? "the CPU's own" : "emulated", batches,
        SOURCE_WORDS * batches, memory, alone);
}

/* ---- text -------------------------------------------------------------------------------------------------------- */

static uint32_t *learn(const Corpus *corpus, Normalisation how, size_t vocab) {
    BpeTrainer *trainer = bpe_train_create(how);
    for (size_t line = 0; line < corpus->count; line++) {
        const Text source = corpus_source(corpus, line), target = corpus_target(corpus, line);
        bpe_train_add(trainer, source.bytes, source.length);
        bpe_train_add(trainer, target.bytes, target.length);
    }
    return bpe_train_finish(trainer, vocab);
}

/* Seconds to encode both sides of all pairs on one thread; the tokens that made. */
static double encode(const Corpus *corpus, const Tokenizer *tokenizer, size_t *tokens) {
    int32_t *ids = NULL;
    const double began = terminal_seconds();
    *tokens = 0;
    for (size_t line = 0; line < corpus->count; line++) {
        const Text texts[2] = {corpus_source(corpus, line), corpus_target(corpus, line)};
        stbds_arrsetlen(ids, 0);
        for (uint32_t side = 0; side < 2; side++)
            tokenizer_encode(tokenizer, &ids, texts[side].bytes, texts[side].length);
        *tokens += stbds_arrlenu(ids);
    }
    stbds_arrfree(ids);
    return terminal_seconds() - began;
}

static void text(const char *path, size_t vocab) {
    enum { TIMES = 3 };
    const Normalisation how = {.apostrophes = true, .spaces = true, .nfc = true, .invisible = true};
    Error err;
    Corpus corpus = {0};
    CorpusReport report = {0};
    CorpusReader *reader = corpus_open(path, NULL, (CorpusRules){.max_length = HYPER_MAX_LENGTH}, &err);
    if (!reader || !corpus_next(reader, &corpus, SIZE_MAX, &report, &err)) {
        printf("text: skipped (%s)\n", err.text);
        if (reader) corpus_close(reader);
        return;
    }
    corpus_close(reader);
    double bytes = 0, learning = 1e9;
    for (size_t line = 0; line < corpus.count; line++)
        bytes += corpus_source(&corpus, line).length + corpus_target(&corpus, line).length;
    Tokenizer *tokenizer = NULL;
    for (int i = 0; i < TIMES; i++) {
        const double began = terminal_seconds();
        uint32_t *merges = learn(&corpus, how, vocab);
        const double took = terminal_seconds() - began;
        if (took < learning) learning = took;
        tokenizer_free(tokenizer);
        tokenizer = tokenizer_create(merges, stbds_arrlenu(merges) / 2, how, &err);
        stbds_arrfree(merges);
    }
    printf("text, %s, %zu pairs, %.2f MB:\n  %zu merges learnt in %.2f s on one thread\n", path, corpus.count,
           bytes / 1e6, tokenizer_vocab_size(tokenizer) - TOKEN_FIRST_MERGE, learning);
    size_t tokens = 0;
    double shortest = 1e9;
    for (int i = 0; i < TIMES; i++) {
        const double took = encode(&corpus, tokenizer, &tokens);
        if (took < shortest) shortest = took;
    }
    printf("  encoded at %4.1f MB/s, %.2f bytes a token\n", bytes / shortest / 1e6, bytes / (double)tokens);
    tokenizer_free(tokenizer);
    corpus_free(&corpus);
}

static void texts(void) {
    printf("\n");
    text("data/tiny/train.tsv", 1600);
    const char *copies = getenv("NMT_COPIES");
    char *path = memory_format("%s/tatoeba/train.tsv", copies ? copies : "data");
    if (access(path, R_OK) == 0)
        text(path, 10000 + TOKEN_FIRST_MERGE);
    else
        printf("text: a larger corpus is skipped (no %s: sh scripts/get-data.sh tatoeba)\n", path);
    free(path);
}

/* ---- starting up ------------------------------------------------------------------------------------------------- */

static int rising(const void *a, const void *b) {
    const double *x = a, *y = b;
    return x[0] < y[0] ? -1 : 1;
}

static double run_once(const char *model, const char *text, double *cpu) {
    const double began = terminal_seconds();
    const pid_t child = fork();
    if (child == 0) {
        const int null = open("/dev/null", O_WRONLY);
        dup2(null, 1);
        execl("./translate", "./translate", "-m", model, text, (char *)NULL);
        _exit(127);
    }
    int status;
    struct rusage used;
    if (child < 0 || wait4(child, &status, 0, &used) != child || status != 0) return -1;
    *cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
    return terminal_seconds() - began;
}

/* Seconds from opening the model to the first translation, in a process whose memory nothing else has used. */
static double library_once(const char *model, const char *text, unsigned beam, bool int8) {
    int ends[2];
    if (pipe(ends) != 0) return -1;
    const pid_t child = fork();
    if (child == 0) {
        nmt_error err;
        nmt_model *opened = NULL;
        nmt_translator *translator = NULL;
        nmt_options options;
        const nmt_text line = {text, strlen(text)};
        const nmt_result *const *results;
        nmt_options_init(&options, sizeof options, NMT_HEADER);
        options.beam = beam, options.int8 = int8;
        const double began = terminal_seconds();
        if (nmt_open(&opened, model, NMT_HEADER, &err) || nmt_translator_new(&translator, opened, &options, &err) ||
            nmt_translate(translator, &line, 1, &results, &err))
            _exit(1);
        const double took = terminal_seconds() - began;
        _exit(write(ends[1], &took, sizeof took) != sizeof took);
    }
    close(ends[1]);
    double took;
    const bool read_all = child > 0 && read(ends[0], &took, sizeof took) == sizeof took;
    close(ends[0]);
    if (child > 0) waitpid(child, NULL, 0);
    return read_all ? took : -1;
}

static void library_startup(const char *model, const char *text) {
    enum { TIMES = 51 };
    static const struct {
        const char *name;
        unsigned beam;
        bool int8;
    } WAYS[] = {
        {"greedy", 1, false}, {"beam 5", 5, false}, {"greedy in 8 bits", 1, true}, {"beam 5 in 8 bits", 5, true}};
    printf("the library, from opening the model to the translation (medians of %d):", TIMES);
    for (size_t w = 0; w < sizeof WAYS / sizeof *WAYS; w++) {
        double took[TIMES];
        for (int i = 0; i < TIMES; i++) took[i] = library_once(model, text, WAYS[w].beam, WAYS[w].int8);
        qsort(took, TIMES, sizeof *took, rising);
        if (took[0] < 0)
            printf("%s %s failed", w ? "," : "", WAYS[w].name);
        else
            printf("%s %s %.1f ms", w ? "," : "", WAYS[w].name, took[TIMES / 2] * 1e3);
    }
    printf("\n");
}

static void startup(void) {
    enum { TIMES = 51 };
    const char *named = getenv("MODEL"), *model = named ? named : "runs/tiny/model.gguf";
    const char *text = named ? "A man in a blue shirt is standing on a ladder." : "the cat sat";
    if (access("./translate", X_OK) != 0 || access(model, R_OK) != 0) {
        printf("\nstart-up: skipped (no ./translate, or no %s: make; ./train configs/tiny.ini)\n", model);
        return;
    }
    double took[TIMES], cpu[TIMES];
    for (int i = 0; i < TIMES; i++)
        if ((took[i] = run_once(model, text, &cpu[i])) < 0) {
            printf("\nstart-up: ./translate failed\n");
            return;
        }
    qsort(took, TIMES, sizeof *took, rising);
    qsort(cpu, TIMES, sizeof *cpu, rising);
    printf("\n./translate \"%s\", start to exit: %.1f ms, %.1f of CPU time (median of %d; %.1f and %.1f at best)\n",
           text, took[TIMES / 2] * 1e3, cpu[TIMES / 2] * 1e3, TIMES, took[0] * 1e3, cpu[0] * 1e3);
    library_startup(model, text);
}

static Precision precision_named(const char *name) {
    for (size_t i = 0; PRECISION_NAMES[i]; i++)
        if (strcmp(PRECISION_NAMES[i], name) == 0) return (Precision)i;
    fprintf(stderr, "bench: expected float32 or bfloat16, found \"%s\"\n", name);
    exit(2);
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
    if (argc == 3 && strcmp(argv[1], "batch") == 0) {
        print_batch(size_named(argv[2]));
        return 0;
    }
    if (argc == 6 && strcmp(argv[1], "step") == 0) {
        step(size_named(argv[2]), (size_t)atoi(argv[3]), precision_named(argv[4]), atof(argv[5]));
        return 0;
    }
    if (argc == 5 && strcmp(argv[1], "profile") == 0) {
        profile(size_named(argv[2]), (size_t)atoi(argv[3]), precision_named(argv[4]));
        return 0;
    }
    if (argc == 7 && strcmp(argv[1], "translate") == 0) {
        const int threads = atoi(argv[3]), beam = atoi(argv[4]), batch = atoi(argv[5]);
        if (threads < 1 || beam < 1 || batch < 1 || batch > SENTENCES) {
            fprintf(stderr, "bench: expected threads, a beam and a batch of 1 or more, found \"%s %s %s\"\n", argv[3],
                    argv[4], argv[5]);
            return 2;
        }
        translate(size_named(argv[2]), (size_t)threads, (size_t)beam, (size_t)batch, strcmp(argv[6], "int8") == 0);
        return 0;
    }
    Pool *pools[2] = {make_pool(1), make_pool(2)};
    if (wanted(argc, argv, "machine")) {
        machine();
        print_peaks(pools);
    }
    if (wanted(argc, argv, "products"))
        for (int i = 0; i < 2; i++) products(pools[i]);
    if (wanted(argc, argv, "pool")) regions(pools[1]);
    if (wanted(argc, argv, "profile"))
        for (size_t i = 0; i < SIZES; i++)
            for (size_t threads = 1; threads <= 2; threads++) {
                profile(&sizes[i], threads, PRECISION_FLOAT32);
                profile(&sizes[i], threads, PRECISION_BFLOAT16);
            }
    if (wanted(argc, argv, "steps")) steps(argv[0]);
    if (wanted(argc, argv, "translation")) translation(argv[0]);
    if (wanted(argc, argv, "text")) texts();
    if (wanted(argc, argv, "startup")) startup();
    if (wanted(argc, argv, "summary")) summary(argv[0], pools[1]);
    for (int i = 0; i < 2; i++) pool_free(pools[i]);
    return 0;
}
