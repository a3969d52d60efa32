/* A library to be preloaded (scripts/fault_test.sh): makes one call of the C library fail, as it does when memory, disk
 * or file handles run out.
 *
 *   NMT_FAULT=CALL:K          the K-th call of that name fails, and every later one if it is "CALL:K+"
 *   NMT_FAULT_REPORT=FILE     is made when that call was reached */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static atomic_long count;
static const char *wanted; /* "malloc:12" */
static size_t name_length;
static long at;
static bool all_later;

__attribute__((constructor)) static void begin(void) {
    const char *fault = getenv("NMT_FAULT");
    const char *colon = fault ? strchr(fault, ':') : NULL;
    if (!colon) return;
    name_length = (size_t)(colon - fault);
    char *end;
    at = strtol(colon + 1, &end, 10);
    all_later = *end == '+';
    wanted = fault;
}

/* Whether this call is the one to fail. */
static bool fails(const char *name, int number) {
    if (!wanted || strlen(name) != name_length || strncmp(name, wanted, name_length) != 0) return false;
    const long now = atomic_fetch_add(&count, 1) + 1;
    if (now != at && !(all_later && now > at)) return false;
    const char *report = getenv("NMT_FAULT_REPORT");
    if (report && now == at) {
        const long file = syscall(SYS_openat, AT_FDCWD, report, O_CREAT | O_WRONLY, 0666);
        if (file >= 0) syscall(SYS_close, file);
    }
    errno = number;
    return true;
}

/* The C library's own. Memory is asked for before that can be looked up: from a small room of our own. */
#define REAL(type, name, ...)                                                                                          \
    static type (*real)(__VA_ARGS__);                                                                                  \
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, #name)

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

void *malloc(size_t size) { return fails("malloc", ENOMEM) ? NULL : __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return fails("calloc", ENOMEM) ? NULL : __libc_calloc(n, size); }
void *realloc(void *block, size_t size) { return fails("realloc", ENOMEM) ? NULL : __libc_realloc(block, size); }
void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset) {
    REAL(void *, mmap, void *, size_t, int, int, int, off_t);
    return fails("mmap", ENOMEM) ? MAP_FAILED : real(address, length, protection, flags, file, offset);
}
int open(const char *path, int flags, ...) {
    REAL(int, open, const char *, int, ...);
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return fails("open", EMFILE) ? -1 : real(path, flags, mode);
}
ssize_t read(int file, void *data, size_t size) {
    REAL(ssize_t, read, int, void *, size_t);
    return fails("read", EIO) ? -1 : real(file, data, size);
}
ssize_t write(int file, const void *data, size_t size) {
    REAL(ssize_t, write, int, const void *, size_t);
    if (file > 2 && fails("write", ENOSPC)) return -1;
    return real(file, data, size);
}
int fsync(int file) {
    REAL(int, fsync, int);
    return fails("fsync", EIO) ? -1 : real(file);
}
int rename(const char *from, const char *to) {
    REAL(int, rename, const char *, const char *);
    return fails("rename", EIO) ? -1 : real(from, to);
}
int pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *argument) {
    REAL(int, pthread_create, pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    return fails("pthread_create", EAGAIN) ? EAGAIN : real(thread, how, run, argument);
}
