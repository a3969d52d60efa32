/* Thread pool: runs numbered tasks of one region on a fixed set of threads.
 *
 * The caller says how many tasks there are. Which thread runs a task is not defined. So a task owns the outputs it
 * writes, and computes an element in the same order however the work is cut; then results have the same bits for any
 * number of threads. The calling thread works too (worker 0). A thread without work sleeps. If each thread has a core
 * of its own, it first looks for work for some 20 microseconds more. Regions do not nest, and a pool is used by one
 * thread at a time. Signals go to other threads than the pool's own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct Pool Pool;

/* task: 0 .. tasks-1; worker: 0 .. pool_threads-1, the number of the thread that runs it. */
typedef void PoolTask(void *context, size_t task, size_t worker);

/* threads: how many, the caller's included; 0: one for each core the process may run on. */
Pool *pool_create(size_t threads, Error *err);
void pool_free(Pool *pool);

size_t pool_threads(const Pool *pool);

/* Runs function(context, task, worker) for every task and returns when all are done. One task or one thread: runs on
 * the caller without waking anyone. part: a name for what the region does, for pool_watch. */
void pool_run(Pool *pool, const char *part, size_t tasks, PoolTask *function, void *context);

/* From now on, calls watch(context, part, seconds) at the end of each region; NULL: no more. */
typedef void PoolWatch(void *context, const char *part, double seconds);
void pool_watch(Pool *pool, PoolWatch *watch, void *context);

/* Scratch memory: `bytes` for each worker, for use inside one task, and `shared` bytes for all, for what one region
 * leaves to the next. Reserving makes them at least so large (never smaller); it is called where sizes become known,
 * never inside a step. Aligned to 64 bytes. Without memory it fails as memory_new does. */
void pool_reserve(Pool *pool, size_t bytes, size_t shared);
void *pool_scratch(const Pool *pool, size_t worker, size_t bytes);
void *pool_shared(const Pool *pool, size_t bytes);
