/* What the arena hands out is aligned, apart, and as large as it was measured. */
#include "base/arena.h"

#include <signal.h>
#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"
#include "testlib.h"

/* The same layout twice: measured, then real. */
static void lay_out(Arena *arena, float **a, double **b, char **c) {
    *a = arena_push(arena, 5, sizeof **a);
    *b = arena_push(arena, 100, sizeof **b);
    *c = arena_push(arena, 1, sizeof **c);
}

static void test_measured_size_fits_exactly(void) {
    float *a;
    double *b;
    char *c;
    Error err;
    Arena measure = arena_measure(), arena;
    lay_out(&measure, &a, &b, &c);
    EXPECT(!a && !b && !c);
    EXPECT_INT(measure.used, 64 + 832 + 64);
    EXPECT(arena_create(&arena, measure.used, &err));
    lay_out(&arena, &a, &b, &c);
    EXPECT_INT(arena.used, measure.used);
    EXPECT_INT((uintptr_t)a % ARENA_ALIGNMENT + (uintptr_t)b % ARENA_ALIGNMENT + (uintptr_t)c % ARENA_ALIGNMENT, 0);
    bool zero = true;
    for (size_t i = 0; i < 100; i++) zero = zero && b[i] == 0;
    EXPECT(zero);
    memset(a, 1, 5 * sizeof *a);
    memset(b, 2, 100 * sizeof *b);
    *c = 3;
    EXPECT_INT(((char *)a)[5 * sizeof *a - 1], 1);
    EXPECT_INT(((char *)b)[100 * sizeof *b - 1], 2);
    arena_free(&arena);
    EXPECT(!arena.base && arena.used == 0);
    arena_free(&arena);
}

static void test_release_gives_back(void) {
    Error err;
    Arena arena;
    EXPECT(arena_create(&arena, 1024, &err));
    EXPECT_INT(arena_mark(&arena), 0);
    char *first = arena_push(&arena, 100, 1);
    size_t mark = arena_mark(&arena);
    char *second = arena_push(&arena, 200, 1);
    memset(first, 'a', 100);
    arena_release(&arena, mark);
    EXPECT(arena_push(&arena, 896, 1) == (void *)second); /* 128 and 896 fill it */
    EXPECT_INT(first[99], 'a');
    arena_release(&arena, 0);
    EXPECT(arena_push(&arena, 1, 1024) == (void *)first);
    arena_free(&arena);
}

static void test_nothing(void) {
    Error err;
    Arena arena;
    EXPECT(arena_create(&arena, 0, &err));
    EXPECT(arena_push(&arena, 0, 8) != NULL);
    EXPECT(arena_push(&arena, 3, 0) != NULL);
    EXPECT_INT(arena.used, 0);
    arena_free(&arena);
}

static void test_too_large_is_an_error(void) {
    Error err;
    Arena arena;
    EXPECT(!arena_create(&arena, UINT64_MAX / 2, &err));
    EXPECT_HAS(err.text, "memory");
}

/* Pages of address space that this process has; 0: the system does not say. */
static long pages(void) {
    long count = 0;
    FILE *in = fopen("/proc/self/statm", "r");
    if (in && fscanf(in, "%ld", &count) != 1) count = 0;
    if (in) fclose(in);
    return count;
}

/* A block is unmapped as it was mapped, also where that is more than was asked for. */
static void test_all_is_given_back(void) {
    enum { ROUNDS = 300 };
    static const uint64_t sizes[] = {1, 4096, 5000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2 << 20, (4 << 20) + 1};
    Error err;
    Arena arena;
    if (pages() == 0) SKIP("no /proc/self/statm");
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const long before = pages();
        for (int round = 0; round < ROUNDS; round++) {
            EXPECT(arena_create(&arena, sizes[i], &err));
            arena_free(&arena);
        }
        const long more = pages() - before;
        if (more >= ROUNDS / 2)
            TEST_FAIL("%d arenas of %llu bytes left %ld pages", ROUNDS, (unsigned long long)sizes[i], more);
    }
}

/* A call into the library fails for want of memory only where that is what its message says: some do without. */
static bool ask_for_too_much(void *other, Error *err) {
    Arena arena;
    if (arena_create(&arena, UINT64_MAX / 2, err)) return true;
    return error_set(err, "step 7: %s; everything saved", other ? "stopped" : err->text);
}

static void test_lack_of_memory(void) {
    Error err;
    Scope *scope = scope_create();
    EXPECT(scope_run(scope, ask_for_too_much, NULL, &err) == SCOPE_NO_MEMORY);
    EXPECT(scope_run(scope, ask_for_too_much, scope, &err) == SCOPE_FAILED);
    scope_free(scope);
}

/* Whether a push ends the process, tried in another one. */
static bool push_aborts(Arena arena, uint64_t count, size_t size) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        fclose(stderr);
        arena_push(&arena, count, size);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_more_than_measured_is_a_bug(void) {
    Error err;
    Arena arena;
    EXPECT(arena_create(&arena, 128, &err));
    EXPECT(!push_aborts(arena, 128, 1));
    EXPECT(push_aborts(arena, 129, 1));
    EXPECT(push_aborts(arena, UINT64_MAX, 1));
    EXPECT(push_aborts(arena, UINT64_MAX / 2 + 1, 2));
    EXPECT(push_aborts(arena_measure(), UINT64_MAX / 4 + 1, 8));
    arena_free(&arena);
}

int main(void) {
    RUN(test_measured_size_fits_exactly);
    RUN(test_release_gives_back);
    RUN(test_nothing);
    RUN(test_all_is_given_back);
    RUN(test_too_large_is_an_error);
    RUN(test_lack_of_memory);
    RUN(test_more_than_measured_is_a_bug);
    return test_finish();
}
