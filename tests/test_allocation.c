/* No memory is taken inside the training loop: neither by a step nor by what is between steps - batches, the plan of a
 * new epoch, progress, the log. (Validations and frames of the film take some; there are none here.) Every call of
 * malloc and its family, and of mmap, is counted while the run is at steps 3 to 10. The counting puts this program's
 * functions in the place of the C library's (glibc's, on 64-bit computers); sanitizers have put their own there. */
#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "base/arena.h"
#include "command.h"
#include "train/checkpoint.h"
#include "train/loop.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || !defined(__GLIBC__) || !defined(__LP64__)
#define COUNTED 0
#elif defined(__has_feature)
#define COUNTED (!__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer))
#else
#define COUNTED 1
#endif

enum { FIRST = 3, LAST = 10, STEPS = 12 };

static const TrainState *watched;
static atomic_int calls;

#if COUNTED
extern void *__libc_malloc(size_t size), *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size), *__libc_memalign(size_t alignment, size_t size);
int posix_memalign(void **block, size_t alignment, size_t size);

static void count(void) {
    if (watched && watched->step >= FIRST && watched->step <= LAST) calls++;
}

void *malloc(size_t size) {
    count();
    return __libc_malloc(size);
}
void *calloc(size_t number, size_t size) {
    count();
    return __libc_calloc(number, size);
}
void *realloc(void *block, size_t size) {
    count();
    return __libc_realloc(block, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}
int posix_memalign(void **block, size_t alignment, size_t size) {
    count();
    *block = __libc_memalign(alignment, size);
    return *block ? 0 : ENOMEM;
}
void *mmap(void *address, size_t size, int protection, int flags, int file, off_t offset) {
    count();
    return (void *)syscall(SYS_mmap, address, size, protection, flags, file, offset);
}
#endif

/* What is counted is counted: a block, a larger one, a text that printf makes, and a map. */
static void test_counting(void) {
    if (!COUNTED) SKIP("the sanitizers' malloc is not counted");
    const TrainState state = {.step = FIRST};
    Arena arena;
    Error err;
    calls = 0;
    watched = &state;
    char *block = memory_new(1, 1);
    block = memory_resize(block, 100, 1);
    char *text = memory_format("%d", 1);
    const bool mapped = arena_create(&arena, 1, &err);
    watched = NULL;
    EXPECT(mapped);
    EXPECT(calls >= 4);
    arena_free(&arena);
    free(text);
    free(block);
}

/* A run with dropout of every kind, a log line at each step, several epochs and two batches a step. */
static void run(size_t threads, bool live) {
    static const char *const settings[] = {"model.dropout=0.1",      "model.attention_dropout=0.1",
                                           "train.batch_tokens=512", "model.activation_dropout=0.1",
                                           "train.max_steps=12",     "train.log_every=1",
                                           "train.accumulate=2",     "valid.every_steps=100",
                                           "valid.translate=0",      "run.dir=counted"};
    Error err = {0};
    Config config;
    Trainer trainer;
    bool resumed;
    const volatile sig_atomic_t stop = 0;
    FILE *nowhere = fopen("/dev/null", "w");
    CHECK(nowhere && config_read(&config, "tiny.ini", (char *const *)(uintptr_t)settings, COUNT(settings), &err),
          err.text);
    size_t made;
    CHECK(file_make_folder(config.dir, &made, &err), err.text);
    CHECK(mkdir("counted/film.jsonl", 0777) == 0 || errno == EEXIST, "a folder where the film would be");
    Pool *pool = pool_create(threads, &err);
    CHECK(pool && checkpoint_open(&trainer, &config, pool, false, &resumed, &err), err.text);
    Progress progress = progress_start(nowhere);
    progress.live = live;

    calls = 0;
    watched = &trainer.state;
    const RunStatus end = loop_run(&trainer, NULL, &progress, &stop, &err);
    watched = NULL;
    EXPECT_INT(end, RUN_FINISHED);
    EXPECT_INT(trainer.state.step, STEPS);
    EXPECT(trainer.state.epoch >= 2);
    EXPECT_INT(calls, 0);

    trainer_free(&trainer);
    pool_free(pool);
    config_free(&config);
    fclose(nowhere);
}

static void test_one_thread(void) {
    if (!COUNTED) SKIP("the sanitizers' malloc is not counted");
    run(1, false);
}

static void test_two_threads(void) {
    if (!COUNTED) SKIP("the sanitizers' malloc is not counted");
    run(2, false);
}

static void test_live_progress(void) {
    if (!COUNTED) SKIP("the sanitizers' malloc is not counted");
    run(2, true);
}

int main(void) {
    world_enter();
    RUN(test_counting);
    RUN(test_one_thread);
    RUN(test_two_threads);
    RUN(test_live_progress);
    world_leave();
    return test_finish();
}
