#include "base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/scope.h"
#include "base/size.h"
#include "base/terminal.h"

/* A region is open from the moment it is announced until the caller finds no task left to claim. A worker that wakes in
 * time joins it (running counts those who have); one that wakes too late finds it closed and sleeps on, so that nobody
 * waits for a thread that has nothing to do. The caller returns once the region is closed and running is back at 0.
 *
 * A region that is run in a scope (base/scope.h) is run in it by every thread. A thread that has to leave it leaves its
 * part of the region, and no further task is claimed; the caller then leaves from where it called.
 *
 * The mutex guards what threads tell each other: in struct Pool everything from `open` to `emptied`, except `busy`,
 * which is the caller's. Of these `region` and `emptied` are atomic, because waiting threads look at them without it
 * for a moment before they sleep. `next`, the number of the next task, is not guarded: tasks are claimed from it one by
 * one. All else is set before the threads start, or by the caller between regions. */

enum {
    POOL_MOST_THREADS = 1024,
    POOL_SPIN = 20, /* microseconds a waiting thread looks on before it sleeps; see pool_look */
    POOL_ALIGNMENT = 64,
};

typedef struct PoolWorker {
    Pool *pool;
    size_t number; /* 1 .. threads-1 */
    pthread_t thread;
} PoolWorker;

typedef struct PoolMemory {
    void *block;
    unsigned char *data; /* aligned, inside block */
    size_t size;
} PoolMemory;

struct Pool {
    size_t threads;
    size_t started;
    bool spins;          /* not where there are more threads than cores */
    PoolWorker *workers; /* (threads), the first unused: it is the caller */

    pthread_mutex_t mutex;
    pthread_cond_t announced; /* to workers: a region, or the end */
    pthread_cond_t finished;  /* to the caller: running is 0 */
    bool open, stop, busy;
    size_t sleeping, running; /* workers asleep; inside the region */
    PoolTask *function;
    void *context;
    size_t tasks;
    Scope *scope;           /* of the region; NULL: none */
    ScopeEnd failed;        /* not SCOPE_DONE: a thread left it, ... */
    Error why;              /* ... and this is why */
    _Atomic size_t region;  /* how many were announced */
    _Atomic size_t emptied; /* how often the last worker left a closed region */

    char apart_before[POOL_ALIGNMENT]; /* the claims have a cache line of their own */
    _Atomic size_t next;
    char apart_after[POOL_ALIGNMENT];

    PoolWatch *watch;
    void *watch_context;

    PoolMemory scratch; /* (threads, scratch_each) */
    size_t scratch_each;
    PoolMemory shared;
};

static void pool_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* With the mutex held: lets it go, looks for POOL_SPIN at most whether *value still is `old`, and takes it again. The
 * regions of a training step follow each other within microseconds, and to be put to sleep and woken costs some 20 of
 * them: as much as a small region. */
static void pool_look(Pool *pool, const _Atomic size_t *value, size_t old) {
    if (!pool->spins) return;
    pthread_mutex_unlock(&pool->mutex);
    const double start = terminal_seconds();
    while (atomic_load_explicit(value, memory_order_relaxed) == old && terminal_seconds() - start < 1e-6 * POOL_SPIN)
        pool_pause();
    pthread_mutex_lock(&pool->mutex);
}

/* A thread's part of a region. */
typedef struct PoolPart {
    Pool *pool;
    PoolTask *function;
    void *context;
    size_t tasks, worker;
} PoolPart;

static bool pool_claim(void *part, Error *err) {
    (void)err;
    const PoolPart *p = part;
    for (;;) {
        size_t task = atomic_fetch_add_explicit(&p->pool->next, 1, memory_order_relaxed);
        if (task >= p->tasks) return true;
        p->function(p->context, task, p->worker);
    }
}

/* Does a thread's part of the region, and takes the mutex. */
static void pool_take_part(PoolPart part, Scope *scope) {
    Pool *pool = part.pool;
    Error why;
    ScopeEnd end = SCOPE_DONE;
    if (scope)
        end = scope_join(scope, pool_claim, &part, &why);
    else
        pool_claim(&part, NULL);
    if (end != SCOPE_DONE) atomic_store_explicit(&pool->next, part.tasks, memory_order_relaxed);
    pthread_mutex_lock(&pool->mutex);
    if (end == SCOPE_DONE || pool->failed != SCOPE_DONE) return;
    pool->failed = end;
    pool->why = why;
}

/* With the mutex held: whether a region is open that this worker has not joined yet. */
static bool pool_has_work(const Pool *pool, size_t seen) { return pool->open && pool->region != seen; }

static void *pool_worker(void *argument) {
    const PoolWorker *worker = argument;
    Pool *pool = worker->pool;
    size_t seen = 0;
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        if (!pool->stop && !pool_has_work(pool, seen)) pool_look(pool, &pool->region, pool->region);
        while (!pool->stop && !pool_has_work(pool, seen)) {
            pool->sleeping++;
            pthread_cond_wait(&pool->announced, &pool->mutex);
            pool->sleeping--;
        }
        if (pool->stop) break;
        seen = pool->region;
        pool->running++;
        const PoolPart part = {pool, pool->function, pool->context, pool->tasks, worker->number};
        Scope *scope = pool->scope;
        pthread_mutex_unlock(&pool->mutex);
        pool_take_part(part, scope);
        if (--pool->running == 0 && !pool->open) {
            pool->emptied++;
            pthread_cond_signal(&pool->finished);
        }
    }
    pthread_mutex_unlock(&pool->mutex);
    return NULL;
}

static size_t pool_cores(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return (size_t)CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (size_t)online : 1;
}

/* Ends its threads, and frees it. */
static void pool_end(void *what, size_t size) {
    Pool *pool = what;
    (void)size;
    pthread_mutex_lock(&pool->mutex);
    pool->stop = true;
    pthread_cond_broadcast(&pool->announced);
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 1; i < pool->started; i++) pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->finished);
    pthread_cond_destroy(&pool->announced);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->scratch.block);
    free(pool->shared.block);
    free(pool->workers);
    free(pool);
}

Pool *pool_create(size_t threads, Error *err) {
    size_t cores = pool_cores();
    if (threads == 0) threads = cores < POOL_MOST_THREADS ? cores : POOL_MOST_THREADS;
    if (threads > POOL_MOST_THREADS)
        return error_null(err, "threads: expected at most %d, found %zu", POOL_MOST_THREADS, threads);
    Pool *pool = memory_new(1, sizeof *pool);
    pool->threads = threads;
    pool->spins = threads <= cores;
    pool->workers = memory_new(threads, sizeof *pool->workers);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->announced, NULL);
    pthread_cond_init(&pool->finished, NULL);
    pool->started = 1;
    scope_take(pool, 0, pool_end);

    /* Signals are for the main thread: its system calls are the ones to interrupt. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failure = 0;
    for (; pool->started < threads; pool->started++) {
        PoolWorker *worker = &pool->workers[pool->started];
        worker->pool = pool;
        worker->number = pool->started;
        failure = pthread_create(&worker->thread, NULL, pool_worker, worker);
        if (failure) break;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (failure) {
        error_set(err, "threads: cannot start number %zu of %zu: %s; use fewer", pool->started + 1, threads,
                  strerror(failure));
        scope_short(err);
        pool_free(pool);
        return NULL;
    }
    return pool;
}

void pool_free(Pool *pool) {
    if (!pool) return;
    scope_drop(pool, pool_end);
    pool_end(pool, 0);
}

size_t pool_threads(const Pool *pool) { return pool->threads; }

/* One region on all threads. */
static void pool_share(Pool *pool, size_t tasks, PoolTask *function, void *context) {
    pthread_mutex_lock(&pool->mutex);
    pool->function = function;
    pool->context = context;
    pool->tasks = tasks;
    pool->scope = scope_current();
    pool->failed = SCOPE_DONE;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    pool->open = true;
    pool->region++;
    size_t wake = pool->sleeping < tasks - 1 ? pool->sleeping : tasks - 1;
    pthread_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < wake; i++) pthread_cond_signal(&pool->announced);

    pool_take_part((PoolPart){pool, function, context, tasks, 0}, pool->scope);
    pool->open = false;
    if (pool->running > 0) pool_look(pool, &pool->emptied, pool->emptied);
    while (pool->running > 0) pthread_cond_wait(&pool->finished, &pool->mutex);
    pthread_mutex_unlock(&pool->mutex);
    if (pool->failed == SCOPE_DONE) return;
    const Error why = pool->why;
    scope_leave(pool->failed, &why);
}

void pool_run(Pool *pool, const char *part, size_t tasks, PoolTask *function, void *context) {
    CHECK(!pool->busy, "pool_run: regions do not nest");
    pool->busy = true;
    const double began = pool->watch ? terminal_seconds() : 0;
    if (tasks > 1 && pool->threads > 1)
        pool_share(pool, tasks, function, context);
    else
        for (size_t task = 0; task < tasks; task++) function(context, task, 0);
    if (pool->watch) pool->watch(pool->watch_context, part, terminal_seconds() - began);
    pool->busy = false;
}

void pool_watch(Pool *pool, PoolWatch *watch, void *context) {
    pool->watch = watch;
    pool->watch_context = context;
}

/* A block of at least `bytes`, aligned, in place of the one that was there. */
static void pool_grow(PoolMemory *memory, size_t bytes) {
    if (bytes <= memory->size) return;
    free(memory->block);
    *memory = (PoolMemory){0}; /* what pool_end finds, if there is no memory */
    memory->block = memory_new(bytes + POOL_ALIGNMENT, 1);
    size_t past = (uintptr_t)memory->block % POOL_ALIGNMENT;
    memory->data = (unsigned char *)memory->block + (POOL_ALIGNMENT - past) % POOL_ALIGNMENT;
    memory->size = bytes;
}

void pool_reserve(Pool *pool, size_t bytes, size_t shared) {
    CHECK(!pool->busy, "pool_reserve: inside a region");
    CHECK(bytes <= SIZE_MAX / pool->threads - 2 * POOL_ALIGNMENT, "pool_reserve: threads * bytes overflows");
    size_t each = size_round_up(bytes, POOL_ALIGNMENT);
    if (each > pool->scratch_each) {
        pool_grow(&pool->scratch, pool->threads * each);
        pool->scratch_each = each;
    }
    pool_grow(&pool->shared, shared);
}

void *pool_scratch(const Pool *pool, size_t worker, size_t bytes) {
    CHECK(worker < pool->threads, "pool_scratch: no such worker");
    CHECK(bytes <= pool->scratch_each, "pool_scratch: more than was reserved");
    return pool->scratch.data + worker * pool->scratch_each;
}

void *pool_shared(const Pool *pool, size_t bytes) {
    CHECK(bytes <= pool->shared.size, "pool_shared: more than was reserved");
    return pool->shared.data;
}
