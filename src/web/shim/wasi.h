/* What wasi-libc lacks of POSIX, included before every file of the page's build (make web). A page has one process, one
 * thread, one user, no terminal and no locks: most of this says so, and compiles what is never called there. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <sys/types.h>

#define O_TMPFILE       0
#define F_DUPFD_CLOEXEC 1030
#define F_GETLK         5
#define F_SETLK         6
#define F_WRLCK         1

#define TIOCGWINSZ 0x5413
struct winsize {
    unsigned short ws_row, ws_col;
};

#define MADV_DONTNEED 4
static inline int madvise(void *block, size_t size, int advice) { return (void)block, (void)size, (void)advice, 0; }

static inline int wasi_lacks(void) { return errno = ENOSYS, -1; }
#define kill(process, number)           ((void)(process), (void)(number), wasi_lacks())
#define fchown(descriptor, user, group) ((void)(descriptor), (void)(user), (void)(group), wasi_lacks())
#define fchmod(descriptor, mode)        ((void)(descriptor), (void)(mode), wasi_lacks())
#define geteuid()                       ((uid_t)0)
#define getrandom(block, size, flags)   ((void)(block), (void)(size), (void)(flags), wasi_lacks())
#define realpath(path, room)            ((void)(path), (void)(room), (void)wasi_lacks(), (char *)NULL)
