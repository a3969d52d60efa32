/* The log of a run on a disk that is full for a while. */
#include <signal.h>
#include <sys/resource.h>

#include "command.h"
#include "train/log.h"

/* The limit on the size of files takes the place of a full disk; it can be raised again. */
static void limit(rlim_t size) {
    struct rlimit now;
    CHECK(getrlimit(RLIMIT_FSIZE, &now) == 0, "the limit");
    now.rlim_cur = size;
    CHECK(setrlimit(RLIMIT_FSIZE, &now) == 0, "the limit");
}

static bool add(Log *log, int step, Error *err) {
    const TrainState state = {.step = (uint64_t)step - 1};
    return log_back(log, &state, 9, 0.5, err);
}

static void expect_log(const char *text) {
    size_t size;
    char *found = read_bytes("log.jsonl", &size);
    EXPECT_STR(found, text);
    free(found);
}

#define LINE(step) "{\"kind\":\"back\",\"step\":" #step ",\"from\":9,\"scale\":0.5}\n"

/* No line is torn, and none is lost. */
static void test_full_disk(void) {
    Log log;
    Error err;
    CHECK(log_open(&log, "log.jsonl", 0, &err), err.text);
    EXPECT(add(&log, 1, &err));
    limit(70);
    for (int step = 2; step <= 3; step++) {
        EXPECT(!add(&log, step, &err));
        EXPECT_STR(err.text, "log.jsonl: cannot write: File too large");
        expect_log(LINE(1));
    }
    EXPECT(!log_write(&log, &err));
    limit(RLIM_INFINITY);
    EXPECT(add(&log, 4, &err));
    expect_log(LINE(1) LINE(2) LINE(3) LINE(4));
    log_close(&log);
}

/* A log that cannot be cut is continued whole. */
static void test_cut(void) {
    Log log;
    Error err;
    write_text("log.jsonl", "");
    CHECK(log_open(&log, "log.jsonl", 0, &err), err.text);
    for (int step = 1; step <= 4; step++) EXPECT(add(&log, step, &err));
    limit(60);
    EXPECT(!log_cut(&log, 2, &err));
    limit(RLIM_INFINITY);
    EXPECT(add(&log, 5, &err));
    expect_log(LINE(1) LINE(2) LINE(3) LINE(4) LINE(5));
    limit(60);
    EXPECT(!add(&log, 6, &err)); /* waits to be written; and is cut with the others */
    limit(RLIM_INFINITY);
    EXPECT(log_cut(&log, 2, &err));
    EXPECT(add(&log, 3, &err));
    expect_log(LINE(1) LINE(2) LINE(3));
    log_close(&log);
}

int main(void) {
    world_enter();
    signal(SIGXFSZ, SIG_IGN);
    RUN(test_full_disk);
    RUN(test_cut);
    world_leave();
    return test_finish();
}
