/* Every task of every region runs exactly once, whatever the number of threads. With -v: what a region costs. */
#include "base/pool.h"

#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/terminal.h"
#include "testlib.h"

enum { MOST_TASKS = 300 };

static const size_t thread_counts[] = {1, 2, 3, 8};
enum { COUNTS = COUNT(thread_counts) };

static void spend(size_t rounds) {
    for (volatile size_t i = 0; i < rounds; i++) continue;
}

typedef struct Work {
    uint32_t times[MOST_TASKS];
    size_t threads;
    bool uneven, bad_worker;
} Work;

/* Adds one to its own element, without atomics: a task that ran twice or at the same time as another shows. */
static void work_task(void *context, size_t task, size_t worker) {
    Work *work = context;
    if (worker >= work->threads) work->bad_worker = true;
    if (work->uneven) {
        spend(task % 7 == 3 ? 5000 : task % 5);
    }
    work->times[task]++;
}

static bool run_regions(Pool *pool, size_t regions, size_t most_tasks, bool uneven) {
    Work work = {.threads = pool_threads(pool), .uneven = uneven};
    uint32_t expected[MOST_TASKS] = {0};
    bool good = true;
    for (size_t region = 0; region < regions; region++) {
        size_t tasks = region * 7 % (most_tasks + 1);
        pool_run(pool, "test", tasks, work_task, &work);
        for (size_t i = 0; i < tasks; i++) expected[i]++;
        good = good && memcmp(expected, work.times, sizeof expected) == 0;
    }
    return good && !work.bad_worker;
}

static void test_every_task_once(void) {
    for (size_t i = 0; i < COUNTS; i++) {
        Error err;
        Pool *pool = pool_create(thread_counts[i], &err);
        EXPECT_INT(pool_threads(pool), thread_counts[i]);
        EXPECT(run_regions(pool, 4000, 11, false));
        EXPECT(run_regions(pool, 200, MOST_TASKS, true));
        pool_free(pool);
    }
}

static void set_task(void *context, size_t task, size_t worker) {
    (void)worker;
    ((int *)context)[task] = 1;
}

static void test_no_tasks_and_one(void) {
    for (size_t i = 0; i < COUNTS; i++) {
        Error err;
        Pool *pool = pool_create(thread_counts[i], &err);
        int done[2] = {0};
        pool_run(pool, "test", 0, set_task, done);
        EXPECT_INT(done[0], 0);
        pool_run(pool, "test", 1, set_task, done);
        EXPECT_INT(done[0], 1);
        EXPECT_INT(done[1], 0);
        pool_free(pool);
    }
}

/* Two tasks that wait for each other: only two threads at once can finish them. */
typedef struct Meeting {
    _Atomic int here;
    bool met[2];
} Meeting;

static void meeting_task(void *context, size_t task, size_t worker) {
    (void)worker;
    Meeting *meeting = context;
    meeting->here++;
    double start = terminal_seconds();
    while (meeting->here < 2 && terminal_seconds() - start < 3.0) continue;
    meeting->met[task] = meeting->here == 2;
}

static void test_tasks_run_at_the_same_time(void) {
    for (size_t threads = 2; threads <= 3; threads++) {
        Error err;
        Pool *pool = pool_create(threads, &err);
        for (int round = 0; round < 3; round++) {
            usleep(3000); /* so that the others sleep and must be woken */
            Meeting meeting = {0};
            pool_run(pool, "test", 2, meeting_task, &meeting);
            EXPECT(meeting.met[0] && meeting.met[1]);
        }
        pool_free(pool);
    }
}

static void test_created_and_freed_at_once(void) {
    for (int i = 0; i < 200; i++) {
        Error err;
        Pool *pool = pool_create(1 + (size_t)i % 4, &err);
        if (i % 3 == 0) EXPECT(run_regions(pool, 2, 5, false));
        pool_free(pool);
    }
    pool_free(NULL);
}

static void test_zero_threads_are_all_cores(void) {
    Error err;
    Pool *pool = pool_create(0, &err);
    EXPECT(pool_threads(pool) >= 1);
    EXPECT(run_regions(pool, 100, 11, false));
    pool_free(pool);
}

static void test_too_many_threads(void) {
    Error err;
    EXPECT(!pool_create(1000000, &err));
    EXPECT_HAS(err.text, "1000000");
}

typedef struct Scratch {
    Pool *pool;
    size_t bytes;
    bool good[64];
} Scratch;

static void scratch_task(void *context, size_t task, size_t worker) {
    Scratch *scratch = context;
    unsigned char *block = pool_scratch(scratch->pool, worker, scratch->bytes);
    bool good = (uintptr_t)block % 64 == 0;
    memset(block, (int)task, scratch->bytes);
    spend(1000);
    for (size_t i = 0; i < scratch->bytes; i++) good = good && block[i] == task;
    scratch->good[task] = good;
}

static void test_scratch_belongs_to_one_worker(void) {
    for (size_t i = 0; i < COUNTS; i++) {
        Error err;
        Scratch scratch = {.pool = pool_create(thread_counts[i], &err)};
        for (scratch.bytes = 1; scratch.bytes < 10000; scratch.bytes = scratch.bytes * 3 + 1) {
            pool_reserve(scratch.pool, scratch.bytes, 0);
            pool_reserve(scratch.pool, 1, 0); /* never smaller */
            memset(scratch.good, 0, sizeof scratch.good);
            pool_run(scratch.pool, "test", 64, scratch_task, &scratch);
            bool good = true;
            for (size_t task = 0; task < 64; task++) good = good && scratch.good[task];
            EXPECT(good);
        }
        pool_free(scratch.pool);
    }
}

/* Asking for more scratch than was reserved, and a region within a region, end the process. With one thread, since
 * a process with more should not be forked. */
static void nest_task(void *context, size_t task, size_t worker) {
    (void)task, (void)worker;
    int done[2];
    pool_run(context, "test", 2, set_task, done);
}

static bool aborts(Pool *pool, size_t scratch) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        fclose(stderr);
        if (scratch > 0)
            pool_scratch(pool, 0, scratch);
        else
            pool_run(pool, "test", 1, nest_task, pool);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_bugs_are_caught(void) {
    Error err;
    Pool *pool = pool_create(1, &err);
    pool_reserve(pool, 64, 0);
    EXPECT(!aborts(pool, 64));
    EXPECT(aborts(pool, 65));
    EXPECT(aborts(pool, 0));
    pool_free(pool);
}

/* A region of tasks that each take some microseconds, and the same work done without a pool. */
static void spin_task(void *context, size_t task, size_t worker) {
    (void)task, (void)worker;
    spend(*(const size_t *)context);
}

static double seconds_a_region(Pool *pool, size_t tasks, size_t work) {
    const size_t regions = 3000;
    for (size_t i = 0; i < 50; i++) pool_run(pool, "test", tasks, spin_task, &work);
    double start = terminal_seconds();
    for (size_t i = 0; i < regions; i++) pool_run(pool, "test", tasks, spin_task, &work);
    return (terminal_seconds() - start) / (double)regions;
}

static void print_costs(void) {
    for (size_t i = 0; i < COUNTS; i++) {
        Error err;
        Pool *pool = pool_create(thread_counts[i], &err);
        printf("%zu threads, microseconds a region of 16 tasks:", thread_counts[i]);
        for (size_t work = 0; work <= 10000; work = work * 10 + 10) {
            printf("  %zu: %.2f", work, seconds_a_region(pool, 16, work) * 1e6);
        }
        printf("\n");
        pool_free(pool);
    }
}

int main(int argc, char **argv) {
    RUN(test_every_task_once);
    RUN(test_no_tasks_and_one);
    RUN(test_tasks_run_at_the_same_time);
    RUN(test_created_and_freed_at_once);
    RUN(test_zero_threads_are_all_cores);
    RUN(test_too_many_threads);
    RUN(test_scratch_belongs_to_one_worker);
    RUN(test_bugs_are_caught);
    if (argc > 1 && strcmp(argv[1], "-v") == 0) print_costs();
    return test_finish();
}
