/* One training step, compared with figures that are known beforehand: nothing here compares one run of the trainer with
 * another of the same kind, which a fault in both would survive. */
#include "command.h"
#include "math/cpu.h"
#include "train/checkpoint.h"

typedef struct Run {
    Config config;
    Pool *pool;
    Trainer t;
} Run;

/* A run before its first step, of twenty pairs whose targets have different lengths. NULL ends the settings. */
static void run_open(Run *r, const char *const *settings) {
    static const char *const same[] = {"run.dir=step", "data.train=twenty.tsv", "model.dropout=0",
                                       "train.warmup_steps=2", "train.batch_tokens=1000"};
    const char *overrides[16];
    size_t count = COUNT(same);
    Error err;
    bool resumed;
    memcpy(overrides, same, sizeof same);
    for (; *settings; settings++) overrides[count++] = *settings;
    *r = (Run){0};
    CHECK(config_read(&r->config, "tiny.ini", (char *const *)(uintptr_t)overrides, count, &err), err.text);
    r->pool = pool_create(2, &err);
    CHECK(r->pool && checkpoint_open(&r->t, &r->config, r->pool, false, &resumed, &err), err.text);
    trainer_plan(&r->t);
}

static void run_close(Run *r) {
    trainer_free(&r->t);
    pool_free(r->pool);
    config_free(&r->config);
}

static void write_twenty(void) {
    static const char *const ends[] = {"", " dort", " dort et mange", " dort et mange et court"};
    FILE *file = fopen("twenty.tsv", "w");
    CHECK(file, "a file");
    for (int i = 0; i < 20; i++) fprintf(file, "the cat %d\tle chat %d%s\n", i, i, ends[i % 4]);
    fclose(file);
}

/* A step's gradient is that of the mean loss over its target tokens, however many batches and pieces it is cut into.
 */
static void test_batches_of_a_step(void) {
    static const char *const cuts[][2] = {{"train.accumulate=1", "train.pieces=1"},
                                          {"train.accumulate=4", "train.pieces=1"},
                                          {"train.accumulate=1", "train.pieces=4"},
                                          {"train.accumulate=2", "train.pieces=2"}};
    StepReport whole = {0};
    for (size_t i = 0; i < COUNT(cuts); i++) {
        Run r;
        run_open(&r, ARGS(cuts[i][0], cuts[i][1], i == 0 ? "train.batch_tokens=1000" : "train.batch_tokens=180"));
        EXPECT_INT(r.t.plan.count, i == 0 ? 1 : 3);
        const StepReport report = trainer_step(&r.t);
        if (i == 0) whole = report;
        EXPECT_INT(report.tokens, whole.tokens);
        EXPECT_NEAR(report.loss / whole.loss, 1, 1e-5);
        EXPECT_NEAR(report.norm / whole.norm, 1, 1e-5);
        run_close(&r);
    }
}

/* Two batches with the same pair drop different numbers. */
static void test_dropout_of_batches(void) {
    double loss[2];
    write_text("twice.tsv", "the cat sleeps\tle chat dort\nthe cat sleeps\tle chat dort\n");
    for (int both = 0; both < 2; both++) {
        Run r;
        run_open(&r, ARGS("data.train=twice.tsv", "model.dropout=0.5", both ? "train.accumulate=2" : "train.seed=1",
                          both ? "train.batch_tokens=2" : "train.batch_tokens=1"));
        EXPECT_INT(r.t.plan.count, 2);
        const StepReport report = trainer_step(&r.t);
        EXPECT_INT(report.batches, 1 + both);
        loss[both] = report.loss;
        run_close(&r);
    }
    EXPECT(fabs(loss[1] - 2 * loss[0]) > 1e-3 * loss[0]);
}

/* R-Drop without a difference that dropout makes (it drops about nothing) is the same step: the loss of a token is the
 * mean of two that are equal, and nothing draws them to one another. With much dropout, it is something else. */
static void test_rdrop(void) {
    StepReport report[4];
    double valid[4];
    static const char *const dropout[] = {"model.dropout=1e-9", "model.dropout=0.5"};
    static const char *const rdrop[] = {"train.rdrop=0", "train.rdrop=100"};
    for (int i = 0; i < 4; i++) {
        Run r;
        run_open(&r, ARGS(dropout[i / 2], rdrop[i % 2]));
        valid[i] = trainer_valid_loss(&r.t).loss;
        report[i] = trainer_step(&r.t);
        EXPECT_INT(report[i].tokens, report[0].tokens);
        run_close(&r);
    }
    EXPECT_NEAR(report[1].loss / report[0].loss, 1, 1e-5);
    EXPECT_NEAR(report[1].nll / report[0].nll, 1, 1e-5);
    EXPECT_NEAR(report[1].norm / report[0].norm, 1, 1e-4);
    EXPECT(report[3].loss > 1.5 * report[2].loss);
    EXPECT_NEAR(report[3].nll / report[2].nll, 1, 0.1);
    for (int i = 1; i < 4; i++) EXPECT(valid[i] == valid[0]); /* there, each sentence is read once */
}

/* Adam's first moments are (1 - beta1) times the gradient and (1 - beta2) times its square; the gradient is shortened
 * to train.clip_norm. */
static void test_clipped(void) {
    static const char *const limits[] = {"train.clip_norm=0", "train.clip_norm=0.01", "train.clip_norm=1e6"};
    for (size_t i = 0; i < COUNT(limits); i++) {
        Run r;
        run_open(&r, ARGS(limits[i], "train.beta1=0.75", "train.beta2=0.96"));
        const StepReport report = trainer_step(&r.t);
        const double length = i == 1 ? 0.01 : report.norm;
        double squares = 0;
        EXPECT(report.norm > 0.1);
        EXPECT_NEAR(optimiser_norm(r.pool, r.t.optimiser.blocks[0], r.t.model.params.count) / length, 0.25, 1e-5);
        for (size_t k = 0; k < r.t.model.params.count; k++) squares += (double)r.t.optimiser.blocks[1][k];
        EXPECT_NEAR(squares / (length * length), 0.04, 1e-5);
        run_close(&r);
    }
}

/* Every key that is to change what is learned does: after six steps, no two of these models are the same. */
static void test_keys_matter(void) {
    static const char *const settings[][2] = {
        {"train.seed=1", "train.seed=1"},
        {"train.seed=2", "train.seed=2"},
        {"model.dropout=0.2", "train.seed=1"},
        {"model.attention_dropout=0.2", "train.seed=1"},
        {"model.activation_dropout=0.2", "train.seed=1"},
        {"model.dropout=0.2", "train.rdrop=1"},
        {"model.dropout=0.2", "train.rdrop=2"},
        {"train.label_smoothing=0", "train.seed=1"},
        {"train.beta1=0.5", "train.seed=1"},
        {"train.optimiser=muon", "train.seed=1"},
        {"train.beta2=0.5", "train.seed=1"},
        {"train.epsilon=0.1", "train.seed=1"},
        {"train.weight_decay=0.5", "train.seed=1"},
        {"train.clip_norm=0.01", "train.seed=1"},
        {"train.average=0.5", "train.seed=1"},
        {"train.learning_rate=0.02", "train.seed=1"},
        {"train.warmup_steps=3", "train.seed=1"},
        {"train.schedule=constant", "train.seed=1"},
        {"train.schedule=noam", "train.seed=1"},
        {"train.schedule=cosine", "train.max_steps=6"},
        {"train.schedule=cosine", "train.max_steps=60"},
        {"train.schedule=cosine", "train.final_rate=0.9"},
        {"train.batch_tokens=60", "train.seed=1"},
        {"train.batch_tokens=60", "train.accumulate=2"},
        {"data.swap=true", "train.seed=1"},
        {"text.lowercase=true", "text.vocab_size=270"},
        {"model.positions=none", "train.seed=1"},
    };
    uint64_t sums[COUNT(settings)];
    for (size_t i = 0; i < COUNT(settings); i++) {
        Run r;
        Checksum sum;
        run_open(&r, ARGS(settings[i][0], settings[i][1]));
        for (int step = 0; step < 6; step++) EXPECT(!trainer_step(&r.t).skipped);
        checksum_start(&sum);
        checksum_add(&sum, trainer_weights(&r.t), r.t.model.params.count * sizeof(real));
        sums[i] = checksum_end(&sum);
        for (size_t j = 0; j < i; j++)
            if (sums[i] == sums[j])
                TEST_FAIL("%s, %s: the same model as with %s, %s", settings[i][0], settings[i][1], settings[j][0],
                          settings[j][1]);
        run_close(&r);
    }
}

int main(void) {
    Error err;
    world_enter();
    CHECK(cpu_check(&err) && mkdir("step", 0777) == 0, "the folder of the run");
    write_twenty();
    RUN(test_batches_of_a_step);
    RUN(test_dropout_of_batches);
    RUN(test_rdrop);
    RUN(test_clipped);
    RUN(test_keys_matter);
    world_leave();
    return test_finish();
}
