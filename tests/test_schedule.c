/* Learning-rate schedules: values worked out by hand from their formulas. */
#include "optim/optimiser.h"
#include "optim/schedule.h"
#include "testlib.h"

/* All but noam rise in a straight line to the peak at the last step of warm-up. */
static void test_warmup(void) {
    const ScheduleKind kinds[] = {SCHEDULE_CONSTANT, SCHEDULE_INVERSE_SQRT, SCHEDULE_COSINE};
    for (int i = 0; i < 3; i++) {
        Schedule s = {.kind = kinds[i], .peak = 0.8, .warmup = 4, .last = 100};
        EXPECT_NEAR(schedule_rate(&s, 1), 0.2, 1e-15);
        EXPECT_NEAR(schedule_rate(&s, 3), 0.6, 1e-15);
        EXPECT_NEAR(schedule_rate(&s, 4), 0.8, 1e-15);
    }
}

static void test_constant(void) {
    Schedule s = {.kind = SCHEDULE_CONSTANT, .peak = 0.5, .warmup = 10};
    EXPECT_NEAR(schedule_rate(&s, 11), 0.5, 0);
    EXPECT_NEAR(schedule_rate(&s, 1000000), 0.5, 0);
}

static void test_inverse_sqrt(void) {
    Schedule s = {.kind = SCHEDULE_INVERSE_SQRT, .peak = 0.3, .warmup = 100};
    EXPECT_NEAR(schedule_rate(&s, 400), 0.15, 1e-15);
    EXPECT_NEAR(schedule_rate(&s, 10000), 0.03, 1e-15);
    s.warmup = 0; /* as if it were 1 */
    EXPECT_NEAR(schedule_rate(&s, 1), 0.3, 1e-15);
    EXPECT_NEAR(schedule_rate(&s, 9), 0.1, 1e-15);
}

/* D^-0.5 min(step^-0.5, step W^-1.5) */
static void test_noam(void) {
    Schedule s = {.kind = SCHEDULE_NOAM, .peak = 2, .warmup = 100, .width = 256};
    EXPECT_NEAR(schedule_rate(&s, 50), 2.0 / 16 * 50 / 1000, 1e-15);
    EXPECT_NEAR(schedule_rate(&s, 100), 2.0 / 16 / 10, 1e-15);
    EXPECT_NEAR(schedule_rate(&s, 400), 2.0 / 16 / 20, 1e-15);
}

static void test_cosine(void) {
    Schedule s = {.kind = SCHEDULE_COSINE, .peak = 1, .warmup = 100, .last = 300, .final = 0.2};
    EXPECT_NEAR(schedule_rate(&s, 150), 0.2 + 0.8 * (1 + sqrt(0.5)) / 2, 1e-12);
    EXPECT_NEAR(schedule_rate(&s, 200), 0.6, 1e-12);
    EXPECT_NEAR(schedule_rate(&s, 300), 0.2, 1e-15);
    EXPECT_NEAR(schedule_rate(&s, 5000), 0.2, 1e-15);
}

/* A last step within warm-up: the rate rises, and ends. */
static void test_cosine_shorter_than_warmup(void) {
    Schedule s = {.kind = SCHEDULE_COSINE, .peak = 1, .warmup = 100, .last = 50, .final = 0.2};
    EXPECT_NEAR(schedule_rate(&s, 50), 0.5, 1e-15);
    EXPECT_NEAR(schedule_rate(&s, 100), 0.2, 1e-15);
}

static void test_clip(void) {
    EXPECT_NEAR(optimiser_clip(0.5, 1), 1, 0);
    EXPECT_NEAR(optimiser_clip(4, 1), 0.25, 0);
    EXPECT_NEAR(optimiser_clip(4, 0), 1, 0); /* no limit */
}

int main(void) {
    RUN(test_warmup);
    RUN(test_constant);
    RUN(test_inverse_sqrt);
    RUN(test_noam);
    RUN(test_cosine);
    RUN(test_cosine_shorter_than_warmup);
    RUN(test_clip);
    return test_finish();
}
