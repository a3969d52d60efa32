/* Numbers that are not finite, or far from all before: steps that update nothing, going back, and giving up. All of it
 * in this process, because what is to go wrong is put there by hand. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/terminal.h"
#include "command.h"
#include "math/cpu.h"
#include "optim/optimiser.h"
#include "train/checkpoint.h"
#include "train/loop.h"

/* In place of the C library's: a file system without hard links. */
static bool no_links;
int link(const char *from, const char *to) {
    errno = EPERM;
    return no_links ? -1 : linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

typedef struct Run {
    Config config;
    Pool *pool;
    Trainer t;
    FILE *said;
} Run;

/* A run in the folder, from its last.gguf if it has one. */
static void run_open(Run *r, const char *folder) {
    Error err;
    char dir[64];
    bool resumed;
    const char *const overrides[] = {dir, "valid.translate=0", "train.log_every=1", "train.schedule=constant",
                                     "train.average=0.9"};
    snprintf(dir, sizeof dir, "run.dir=%s", folder);
    *r = (Run){0};
    CHECK(config_read(&r->config, "tiny.ini", (char *const *)(uintptr_t)overrides, 5, &err), err.text);
    size_t made;
    CHECK(file_make_folder(folder, &made, &err), err.text);
    r->pool = pool_create(2, &err);
    CHECK(r->pool && checkpoint_open(&r->t, &r->config, r->pool, true, &resumed, &err), err.text);
    r->said = tmpfile();
}

static void run_close(Run *r) {
    trainer_free(&r->t);
    pool_free(r->pool);
    config_free(&r->config);
    fclose(r->said);
}

/* Trains up to this step, where it validates and saves; or for one step, as if it had been told to stop. */
static RunStatus run_on(Run *r, uint64_t until, bool stop, Error *err) {
    volatile sig_atomic_t stopped = stop;
    Progress progress = progress_start(r->said);
    r->config.max_steps = (int64_t)until;
    return loop_run(&r->t, NULL, &progress, &stopped, err);
}

static void run_to(Run *r, uint64_t until) {
    Error err = {0};
    EXPECT_INT(run_on(r, until, false, &err), RUN_FINISHED);
    EXPECT_INT(r->t.state.step, until);
}

/* It said this on stderr, or would have. */
static void expect_said(const Run *r, const char *part) {
    const long size = ftell(r->said);
    char *text = memory_new((size_t)size + 1, 1);
    rewind(r->said);
    CHECK(fread(text, 1, (size_t)size, r->said) == (size_t)size, "what a run said");
    if (!strstr(text, part)) TEST_FAIL("expected \"%s\", found ... %s", part, text + (size > 300 ? size - 300 : 0));
    free(text);
}

static bool same_block(const Trainer *a, const Trainer *b, const real *x, const real *y) {
    return a->model.params.count == b->model.params.count && memcmp(x, y, a->model.params.count * sizeof *x) == 0;
}

/* Same parameters, moments, average and state. */
static void expect_same(const Run *a, const Run *b) {
    EXPECT(same_block(&a->t, &b->t, a->t.w, b->t.w));
    for (size_t i = 0; i < 2; i++) EXPECT(same_block(&a->t, &b->t, a->t.optimiser.blocks[i], b->t.optimiser.blocks[i]));
    EXPECT(same_block(&a->t, &b->t, a->t.average, b->t.average));
    EXPECT(memcmp(&a->t.state, &b->t.state, sizeof a->t.state) == 0);
}

/* ---- Steps ---- */

/* Any parameter, and any of these numbers: nothing is updated, not even half of it; the next step is as ever. */
static void test_parameters(void) {
    static const real wrong[] = {NAN, INFINITY, -INFINITY, 3e38f};
    Run r;
    run_open(&r, "parameters");
    run_to(&r, 3);
    const size_t count = r.t.model.params.count, bytes = count * sizeof(real);
    real *w = memory_new(count, sizeof *w), *m = memory_new(count, sizeof *m), *v = memory_new(count, sizeof *v);
    for (size_t i = 0; i < 4; i++) {
        for (size_t part = 0; part < 4; part++) {
            const size_t at = i == 3 ? r.t.model.params.decoder_norm.weight : part * (count - 1) / 3;
            const TrainState before = r.t.state;
            memcpy(w, r.t.w, bytes), memcpy(m, r.t.optimiser.blocks[0], bytes),
                memcpy(v, r.t.optimiser.blocks[1], bytes);
            r.t.w[at] = wrong[i];
            const StepReport report = trainer_step(&r.t);
            if (!report.skipped) TEST_FAIL("parameter %zu, %g: expected the step to be skipped", at, (double)wrong[i]);
            r.t.w[at] = w[at];
            EXPECT(memcmp(w, r.t.w, bytes) == 0 && memcmp(m, r.t.optimiser.blocks[0], bytes) == 0 &&
                   memcmp(v, r.t.optimiser.blocks[1], bytes) == 0);
            EXPECT_INT(r.t.state.skipped, before.skipped + 1);
            EXPECT_INT(r.t.state.streak, 1);
            EXPECT_INT(r.t.state.tokens, before.tokens); /* the log's mean is of steps that were taken */
            EXPECT(!trainer_step(&r.t).skipped);
            EXPECT_INT(r.t.state.streak, 0);
            EXPECT(memcmp(w, r.t.w, bytes) != 0);
        }
    }
    free(w), free(m), free(v);
    run_close(&r);
}

/* Wherever it is: a gradient that is not finite is found, and denormal numbers count. */
static void test_norm(void) {
    Error err;
    Pool *pool = pool_create(2, &err);
    enum { N = 20000 };
    real *g = memory_new(N, sizeof *g);
    static const size_t places[] = {0, 1, 4095, 4096, 12345, N - 1};
    for (size_t i = 0; i < COUNT(places); i++) {
        g[places[i]] = NAN;
        EXPECT(isnan(optimiser_norm(pool, g, N)));
        g[places[i]] = -INFINITY;
        EXPECT(isinf(optimiser_norm(pool, g, N)));
        g[places[i]] = 3e38f; /* its square is above any float */
        EXPECT_NEAR(optimiser_norm(pool, g, N) / 3e38, 1, 1e-6);
        g[places[i]] = 1e-41f;
        EXPECT_NEAR(optimiser_norm(pool, g, N) / (double)1e-41f, 1, 1e-6);
        g[places[i]] = 0;
    }
    for (size_t i = 0; i < N; i++) g[i] = 1e-41f;
    EXPECT_NEAR(optimiser_norm(pool, g, N) / ((double)1e-41f * sqrt(N)), 1, 1e-6);
    free(g);
    pool_free(pool);
}

/* Parameters and moments that are denormal, or all 0. */
static void test_small_numbers(void) {
    static const real small[] = {1e-41f, -1e-45f, 0};
    for (size_t i = 0; i < 3; i++) {
        Run r;
        run_open(&r, "small");
        const size_t count = r.t.model.params.count;
        for (size_t k = 0; k < count; k++) {
            if (k % 3) r.t.w[k] = small[i];
            r.t.optimiser.blocks[0][k] = small[i];
            r.t.optimiser.blocks[1][k] = fabsf(small[i]);
        }
        for (int step = 0; step < 5; step++) EXPECT(!trainer_step(&r.t).skipped);
        for (size_t k = 0; k < count; k++)
            if (!isfinite(r.t.w[k])) TEST_FAIL("parameter %zu: expected a number, found %g", k, (double)r.t.w[k]);
        run_close(&r);
    }
}

static volatile float denormal = 1e-41f;

static void flushes(void *context, size_t task, size_t worker) {
    (void)worker;
    ((bool *)context)[task] = denormal * 2 == 0;
}

/* A command computes with 0 instead of them, on every thread. Last, because so does this process from here on. */
static void test_denormals_flushed(void) {
    Error err;
    bool flushed[64] = {false};
    CHECK(cpu_check(&err), err.text);
    Pool *pool = pool_create(4, &err);
    pool_run(pool, "test", 64, flushes, flushed);
    for (size_t i = 0; i < 64; i++) EXPECT(flushed[i]);
    pool_free(pool);
}

/* A thousand times the usual gradient is an outlier once a hundred norms are known; three times it is not. */
static void test_outliers(void) {
    Run r;
    run_open(&r, "outliers");
    for (int known = 0; known < 2; known++) {
        while (r.t.state.norm_steps < (known ? 130 : TRAINER_NORMS - 1)) EXPECT(!trainer_step(&r.t).skipped);
        for (int large = 0; large < 2; large++) {
            real *norm = r.t.w + r.t.model.params.decoder_norm.weight;
            const size_t width = r.t.model.params.hyper.width;
            const TrainState before = r.t.state;
            const real factor = large ? 2000 : 2;
            for (size_t i = 0; i < width; i++) norm[i] *= factor;
            const StepReport report = trainer_step(&r.t);
            for (size_t i = 0; i < width; i++) norm[i] /= factor;
            EXPECT(isfinite(report.norm));
            if (known) EXPECT_NEAR(report.usual_norm, exp(before.norm_log), 0);
            if (large) EXPECT(report.norm > 500 * exp(before.norm_log));
            EXPECT_INT(report.skipped, known && large);
            if (!known) r.t.state = before; /* and none that is taken shall count */
        }
    }
    r.config.skip_norm = 0;
    r.config.clip_norm = 0;
    for (size_t i = 0; i < r.t.model.params.count; i++) r.t.w[i] *= 30;
    EXPECT(!trainer_step(&r.t).skipped);
    run_close(&r);
}

/* What is usual: the geometric mean of the first hundred norms, and then a running one. */
static void test_usual_norm(void) {
    Run r;
    double sum = 0, log_mean = 0;
    run_open(&r, "usual");
    for (int step = 1; step <= 120; step++) {
        const StepReport report = trainer_step(&r.t);
        sum += log(report.norm);
        log_mean = step <= TRAINER_NORMS ? sum / step : log_mean + (log(report.norm) - log_mean) / TRAINER_NORMS;
        EXPECT_NEAR(r.t.state.norm_log, log_mean, 1e-9);
        EXPECT_INT(r.t.state.norm_steps, step);
    }
    run_close(&r);
}

/* ---- Going back ---- */

/* What the run is after going back once from beyond step 40: as from there, at half the rate. */
static void make_reference(Run *r, const char *folder, uint64_t until) {
    run_open(r, folder);
    if (until > 40) run_to(r, 40);
    r->t.state.returns = 1;
    run_to(r, until);
}

static void test_go_back(void) {
    Run hurt, reference;
    run_open(&hurt, "hurt");
    run_to(&hurt, 40);
    copy_file("hurt/model.gguf", "best.gguf");
    hurt.t.w[7] = NAN;
    run_to(&hurt, 60);
    expect_said(&hurt, "step 41: skipped: loss or gradient is not finite\n");
    expect_said(&hurt, "step 50: 10 steps in a row were skipped: back to step 40, the learning rate times 0.5 ");
    make_reference(&reference, "reference", 60);
    expect_same(&hurt, &reference);
    EXPECT(same_bytes("hurt/last.gguf", "reference/last.gguf"));
    EXPECT(same_bytes("hurt/model.gguf", "reference/model.gguf"));
    EXPECT_INT(hurt.t.state.returns, 1);
    EXPECT_NEAR(trainer_step(&hurt.t).rate, 0.005, 1e-12);
    size_t size;
    char *log = read_bytes("hurt/log.jsonl", &size);
    EXPECT_HAS(log, "{\"kind\":\"back\",\"step\":41,\"from\":50,\"scale\":0.5}\n");
    EXPECT(!strstr(log, "\"skip\"")); /* the log is of the steps that led here */
    free(log);
    run_close(&hurt);
    run_close(&reference);
}

/* Stopped between two validations, and killed or not: it goes back to the same one; where there are no links, too. */
static void test_go_back_past_a_stop(void) {
    static const char *const folders[] = {"stop1", "stop2", "stop3"};
    Run reference;
    make_reference(&reference, "past", 60);
    for (int again = 0; again < 3; again++) {
        Run r;
        Error err;
        const char *folder = folders[again];
        no_links = again == 2;
        run_open(&r, folder);
        run_to(&r, 40);
        for (int stops = 0; stops < 2; stops++) {
            EXPECT_INT(run_on(&r, 60, true, &err), RUN_STOPPED);
            EXPECT_INT(r.t.state.step, 41 + stops);
            if (!again) continue;
            run_close(&r);
            run_open(&r, folder);
            EXPECT_INT(r.t.state.step, 41 + stops);
        }
        r.t.w[0] = INFINITY;
        run_to(&r, 60);
        expect_said(&r, "step 52: 10 steps in a row were skipped: back to step 40");
        expect_same(&r, &reference);
        char *kept = file_join(folder, "back.gguf");
        EXPECT(!file_exists(kept));
        free(kept);
        run_close(&r);
    }
    no_links = false;
    run_close(&reference);
}

/* What is there to go back to must be this run's. */
static void test_goes_back_to_no_other(void) {
    static const char *const reasons[] = {"stray/back.gguf: the run was begun with train.seed = 2, and now it is 1",
                                          "stray/back.gguf: expected the training pairs of this run, found others"};
    size_t size;
    char *pairs = read_bytes("train.tsv", &size);
    for (int i = 0; i < 2; i++) { /* another seed; other pairs under the same name */
        Run r;
        Error err;
        if (i == 1) write_bytes("train.tsv", pairs, size / 2);
        command_gives(0,
                      ARGS("train", "tiny.ini", "run.dir=other", i == 0 ? "train.seed=2" : "train.seed=1",
                           "train.max_steps=40", "train.schedule=constant", "train.average=0.9"),
                      NULL);
        write_bytes("train.tsv", pairs, size);
        run_open(&r, "stray");
        run_to(&r, 40);
        EXPECT_INT(run_on(&r, 60, true, &err), RUN_STOPPED);
        copy_file("other/last.gguf", "stray/back.gguf");
        r.t.w[0] = INFINITY;
        EXPECT_INT(run_on(&r, 60, false, &err), RUN_FAILED);
        EXPECT_HAS(err.text, reasons[i]);
        run_close(&r);
        remove_folder("stray");
        remove_folder("other");
    }
    free(pairs);
}

/* Nothing was saved yet. A stop does not count as a validation there either. */
static void test_go_back_to_the_beginning(void) {
    Run reference;
    make_reference(&reference, "begin", 15);
    for (int stops = 0; stops < 2; stops++) {
        Run r;
        Error err;
        run_open(&r, stops ? "begin2" : "begin1");
        if (stops) EXPECT_INT(run_on(&r, 15, true, &err), RUN_STOPPED);
        r.t.w[0] = NAN;
        run_to(&r, 15);
        expect_said(&r, "were skipped: back to step 0");
        expect_same(&r, &reference);
        run_close(&r);
    }
    run_close(&reference);
}

/* A state in the middle of skipped steps is not what a run goes back to. */
static void test_validation_among_skips(void) {
    Run hurt, reference;
    run_open(&hurt, "among");
    run_to(&hurt, 40);
    make_reference(&reference, "among0", 80);
    while (hurt.t.state.step < 55) trainer_step(&hurt.t);
    hurt.t.w[7] = NAN; /* steps are skipped; the validation, which is of the average, knows nothing of it */
    run_to(&hurt, 80);
    expect_said(&hurt, "step 65: 10 steps in a row were skipped: back to step 40");
    expect_same(&hurt, &reference);
    run_close(&hurt);
    run_close(&reference);
}

/* Nor is it the best model, which would not be saved: not even when that step is the only one skipped. */
static void test_validation_at_a_skip(void) {
    Run r;
    Error err;
    run_open(&r, "single");
    run_to(&r, 40);
    copy_file("single/model.gguf", "at40.gguf");
    while (r.t.state.step < 59) trainer_step(&r.t);
    const real healthy = r.t.w[7];
    r.t.w[7] = 3e38f;
    EXPECT_INT(run_on(&r, 80, true, &err), RUN_STOPPED);
    EXPECT_INT(r.t.state.step, 60);
    EXPECT_INT(r.t.state.best_step, 40);
    EXPECT_INT(r.t.state.stalled, 0);
    EXPECT(same_bytes("single/model.gguf", "at40.gguf"));
    r.t.w[7] = healthy;
    run_to(&r, 80);
    expect_said(&r, "not counted: the last step was skipped\n");
    EXPECT_INT(r.t.state.skipped, 1);
    EXPECT_INT(r.t.state.best_step, 80);
    EXPECT(!same_bytes("single/model.gguf", "at40.gguf"));
    run_close(&r);
}

/* A resumed run whose validation text is another does not know its best model. A stop keeps it all the same; it saves a
 * model where there is none. */
static void test_stop_keeps_the_model(void) {
    Run r;
    Error err;
    run_open(&r, "stopped");
    run_to(&r, 40);
    copy_file("stopped/model.gguf", "at40.gguf");
    r.t.state.best_step = 0;
    EXPECT_INT(run_on(&r, 60, true, &err), RUN_STOPPED);
    EXPECT(same_bytes("stopped/model.gguf", "at40.gguf"));
    CHECK(unlink("stopped/model.gguf") == 0, "unlink");
    EXPECT_INT(run_on(&r, 60, true, &err), RUN_STOPPED);
    EXPECT(file_exists("stopped/model.gguf"));
    run_close(&r);
}

/* With valid.metric, the best model is the one that translates best, and what it reached is remembered. */
static void test_best_translations(void) {
    static const ValidMetric metrics[] = {METRIC_BLEU, METRIC_EXACT};
    for (size_t i = 0; i < COUNT(metrics); i++) {
        Run r;
        run_open(&r, "metric");
        const TrainState *s = &r.t.state;
        const double *best = metrics[i] == METRIC_BLEU ? &s->best_bleu : &s->best_exact;
        const size_t count = r.t.model.params.count;
        r.config.metric = metrics[i];
        r.config.translate = 8;
        run_to(&r, 20);
        const double before = *best;
        run_to(&r, 140);
        const double reached = *best;
        const uint64_t step = s->best_step;
        EXPECT(step > 20 && reached > before && reached > 0);
        memset(r.t.w, 0, count * sizeof(real));
        memset(r.t.average, 0, count * sizeof(real));
        const uint64_t stalled = s->stalled;
        run_to(&r, 160);
        EXPECT_INT(s->best_step, step);
        EXPECT_INT(s->stalled, stalled + 1);
        EXPECT_NEAR(*best, reached, 0);
        run_close(&r);
        remove_folder("metric");
    }
}

/* The validation loss is not finite: not saved, and back at once. */
static void test_lost_validation(void) {
    Run hurt, reference;
    run_open(&hurt, "lost");
    run_to(&hurt, 40);
    hurt.t.average[3] = NAN; /* what validation takes; steps know nothing of it */
    run_to(&hurt, 60);
    expect_said(&hurt, "step 60: the validation loss is not finite: back to step 40");
    make_reference(&reference, "lost0", 60);
    expect_same(&hurt, &reference);
    EXPECT(same_bytes("lost/last.gguf", "lost0/last.gguf"));
    run_close(&hurt);
    run_close(&reference);
}

/* The validation loss is, but not all of what would be saved: not saved either, and back at once. */
static void test_lost_moments(void) {
    for (size_t i = 0; i < 3; i++) { /* a square that is infinite: its weight does not move, and nothing else tells */
        Run hurt;
        run_open(&hurt, "moments");
        run_to(&hurt, 40);
        while (hurt.t.state.step < 59) trainer_step(&hurt.t);
        hurt.t.optimiser.blocks[1][i * (hurt.t.model.params.count - 1) / 2] = INFINITY;
        run_to(&hurt, 60);
        expect_said(&hurt, "step 60: moments: adam.v.");
        expect_said(&hurt, ", found inf at position ");
        expect_said(&hurt, ": back to step 40");
        run_close(&hurt);
        remove_folder("moments");
    }
}

/* A gradient so long that its squares would make Adam's moments infinite: skipped, with skip_norm and clip_norm off. */
static void test_huge_gradient(void) {
    Run r;
    run_open(&r, "huge");
    r.config.skip_norm = r.config.clip_norm = 0;
    run_to(&r, 3);
    real *norm = r.t.w + r.t.model.params.decoder_norm.weight;
    const real before = norm[0];
    size_t told = 0;
    for (real factor = 1e3f; factor < 1e36f; factor *= 1e3f) {
        norm[0] = before * factor;
        const StepReport report = trainer_step(&r.t);
        told += report.skipped && isfinite(report.norm);
        norm[0] = before;
        Error err;
        EXPECT(report.skipped || checkpoint_is_sound(&r.t, "huge", &err));
    }
    EXPECT(told > 0);
    run_close(&r);
}

/* What was saved is no better: after three times the run ends; the best model stays. */
static void test_gives_up(void) {
    Run r;
    Error err;
    run_open(&r, "hopeless");
    run_to(&r, 40);
    copy_file("hopeless/model.gguf", "best.gguf");
    r.t.w[7] = NAN;
    EXPECT(!checkpoint_save_last(&r.t, &err)); /* it would not be taken */
    EXPECT_HAS(err.text, "hopeless/last.gguf: shared.weight: expected finite numbers, found nan at position 7");
    r.t.w[7] = 3e38f;
    CHECK(checkpoint_save_last(&r.t, &err), err.text);
    EXPECT_INT(run_on(&r, 60, false, &err), RUN_FAILED);
    EXPECT_HAS(err.text, "step 50: 10 steps in a row were skipped, although the learning rate was halved 3 times; the "
                         "best model so far is kept");
    expect_said(&r, "the learning rate times 0.125 ");
    EXPECT_INT(r.t.state.returns, 3);
    EXPECT(same_bytes("hopeless/model.gguf", "best.gguf"));
    run_close(&r);
    run_open(&r, "missing"); /* or there is nothing to go back to */
    run_to(&r, 40);
    CHECK(unlink("missing/last.gguf") == 0, "unlink");
    r.t.w[7] = NAN;
    EXPECT_INT(run_on(&r, 60, false, &err), RUN_FAILED);
    EXPECT_HAS(err.text, "missing/last.gguf: cannot open: ");
    run_close(&r);
    run_open(&r, "none"); /* or no model was ever saved */
    r.t.state.returns = 3;
    r.t.w[7] = NAN;
    EXPECT_INT(run_on(&r, 60, false, &err), RUN_FAILED);
    EXPECT_HAS(err.text, "was halved 3 times; there is no model yet; start over");
    run_close(&r);
    copy_file("best.gguf", "none/model.gguf"); /* or only that of an older run, which --fresh leaves */
    run_open(&r, "none");
    r.t.state.returns = 3;
    r.t.w[7] = NAN;
    EXPECT_INT(run_on(&r, 60, false, &err), RUN_FAILED);
    EXPECT_HAS(err.text, "was halved 3 times; model.gguf stays as it was; start over");
    run_close(&r);
}

/* Stopped on its way, once or twice, it leaves the files that it leaves undisturbed. */
static void test_gives_up_after_stops(void) {
    for (int way = 0; way < 6; way++) {
        Run r;
        Error err;
        const bool validated = way < 4;
        run_open(&r, "given_up");
        if (validated) {
            run_to(&r, 40);
            r.t.w[7] = 3e38f;
            CHECK(checkpoint_save_last(&r.t, &err), err.text);
            copy_file("given_up/last.gguf", "calm.gguf");
        } else {
            r.t.state.returns = 3;
            r.t.w[7] = 3e38f;
        }
        no_links = way == 3;
        for (int stops = 0; stops < way % 3 + (way == 3 ? 1 : 0); stops++)
            EXPECT_INT(run_on(&r, 60, true, &err), RUN_STOPPED);
        EXPECT_INT(run_on(&r, 60, false, &err), RUN_FAILED);
        EXPECT(validated ? same_bytes("given_up/last.gguf", "calm.gguf") : !file_exists("given_up/last.gguf"));
        EXPECT_INT(file_exists("given_up/model.gguf"), validated);
        EXPECT(!file_exists("given_up/back.gguf"));
        no_links = false;
        run_close(&r);
        remove_folder("given_up");
    }
}

/* ---- Files ---- */

/* Changes the bytes of a key or its value, `from` bytes behind the key's beginning, and mends the checksum. */
static void patch(const char *path, const char *key, size_t from, const void *bytes, size_t length) {
    size_t size;
    const uint64_t zero = 0;
    static const char sum_key[] = GGUF_CHECKSUM_KEY;
    char *file = read_bytes(path, &size), *at = memmem(file, size, key, strlen(key));
    char *sum_at = memmem(file, size, sum_key, strlen(sum_key));
    CHECK(at && sum_at, "the keys are there");
    memcpy(at + from, bytes, length);
    sum_at += strlen(sum_key) + 4;
    memcpy(sum_at, &zero, sizeof zero);
    Checksum sum;
    checksum_start(&sum);
    checksum_add(&sum, file, size);
    const uint64_t found = checksum_end(&sum);
    memcpy(sum_at, &found, sizeof found);
    write_bytes(path, file, size);
    free(file);
}

static void test_hostile_state(void) {
    Run r;
    run_open(&r, "hostile");
    run_to(&r, 20);
    run_close(&r);
    const uint64_t many = 1ull << 63;
    patch("hostile/last.gguf", "nmt.train.returns", strlen("nmt.train.returns") + 4, &many, sizeof many);
    CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=hostile", "valid.translate=0", "train.log_every=1",
                                      "train.schedule=constant", "train.average=0.9"),
                                 NULL);
    EXPECT_INT(run.code, 1);
    EXPECT_HAS(run.err,
               "hostile/last.gguf: nmt.train.returns: expected an integer from 0 to 3, found 9223372036854775808\n");
    command_free(&run);
}

int main(void) {
    world_enter();
    RUN(test_parameters);
    RUN(test_norm);
    RUN(test_small_numbers);
    RUN(test_outliers);
    RUN(test_usual_norm);
    RUN(test_go_back);
    RUN(test_go_back_past_a_stop);
    RUN(test_go_back_to_the_beginning);
    RUN(test_validation_among_skips);
    RUN(test_validation_at_a_skip);
    RUN(test_stop_keeps_the_model);
    RUN(test_best_translations);
    RUN(test_lost_validation);
    RUN(test_goes_back_to_no_other);
    RUN(test_lost_moments);
    RUN(test_huge_gradient);
    RUN(test_gives_up);
    RUN(test_gives_up_after_stops);
    RUN(test_hostile_state);
    RUN(test_denormals_flushed);
    world_leave();
    return test_finish();
}
