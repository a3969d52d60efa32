#include "base/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/file_write.h"
#include "base/memory.h"
#include "base/scope.h"

/* A lock of the open file, where the system has such: it also keeps out another thread of this process. */
#ifdef F_OFD_SETLK
#define SET_LOCK F_OFD_SETLK
#else
#define SET_LOCK F_SETLK
#endif

/* Whether the path leads to the file that the descriptor has open. */
static bool file_is(int descriptor, const char *path) {
    struct stat opened, named;
    return fstat(descriptor, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

static void remove_lock(void *path, size_t descriptor) {
    if (file_is((int)descriptor, path)) unlink(path);
}

/* The number of the process that holds the lock is the file's text. */
static void write_holder(int descriptor) {
    char text[32];
    const int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(descriptor, 0) == 0) file_put(descriptor, text, (size_t)length);
}

static long read_holder(int descriptor) {
    char text[32] = "";
    lseek(descriptor, 0, SEEK_SET);
    return file_get(descriptor, text, sizeof text - 1) > 0 ? strtol(text, NULL, 10) : 0;
}

bool file_lock(FileLock *lock, const char *path, Error *err) {
    for (;;) {
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        const int descriptor = file_append(path, err);
        if (descriptor < 0) return false;
        if (fcntl(descriptor, SET_LOCK, &whole) != 0) {
            const int failure = errno;
            const bool held = failure == EAGAIN || failure == EACCES;
            const long process = held ? read_holder(descriptor) : 0;
            char holder[32] = "another process"; /* it may not have written its number yet */
            if (process > 0) snprintf(holder, sizeof holder, "process %ld", process);
            file_close(descriptor);
            return held ? error_set(err,
                                    "%s: held by %s; wait until it ends, or use another folder: two at once would "
                                    "write over each other",
                                    path, holder)
                        : error_set(err, "%s: cannot lock: %s; use a folder on another file system", path,
                                    strerror(failure));
        }
        if (file_is(descriptor, path)) {
            char *name = memory_string(path);
            scope_take(name, (size_t)descriptor, remove_lock);
            write_holder(descriptor);
            *lock = (FileLock){descriptor, file_open_folder(path), name};
            return true;
        }
        file_close(descriptor); /* its holder removed the file in the meantime */
    }
}

static void file_lock_close(FileLock *lock) {
    scope_drop(lock->path, remove_lock);
    file_close(lock->descriptor);
    if (lock->folder >= 0) file_close(lock->folder);
    free(lock->path);
    *lock = (FileLock){-1, -1, NULL};
}

bool file_lock_keep(FileLock *lock) {
    Error ignored;
    FileLock again;
    struct stat named;
    char *folder = file_folder(lock->path);
    const bool reached = stat(folder, &named) == 0, same = lock->folder < 0 || file_is(lock->folder, folder);
    free(folder);
    if (!reached) return true;
    if (!same) return false;
    if (file_is(lock->descriptor, lock->path)) return true;
    if (file_exists(lock->path) || !file_lock(&again, lock->path, &ignored)) return false;
    file_lock_close(lock);
    *lock = again;
    return true;
}

void file_unlock(FileLock *lock) {
    remove_lock(lock->path, (size_t)lock->descriptor);
    file_lock_close(lock);
}
