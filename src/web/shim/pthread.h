/* One thread: what is to run once runs at the first call, and a mutex has nobody to keep out. */
#pragma once

#include <sys/types.h>

typedef int pthread_once_t;
#define PTHREAD_ONCE_INIT 0

static inline int pthread_once(pthread_once_t *once, void (*function)(void)) {
    if (!*once) *once = 1, function();
    return 0;
}

#define PTHREAD_MUTEX_INITIALIZER                                                                                      \
    { 0 }

static inline int pthread_mutex_lock(pthread_mutex_t *mutex) { return (void)mutex, 0; }
static inline int pthread_mutex_unlock(pthread_mutex_t *mutex) { return (void)mutex, 0; }
