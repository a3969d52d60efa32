#include "base/file_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/scope.h"

enum { WRITE_BUFFER = 1 << 16 };

struct FileWriter {
    FileWriter *next; /* of those that are open */
    int descriptor;
    int failure; /* errno of the first write that failed, or 0 */
    char *path, *temporary;
    size_t used;
    unsigned char buffer[WRITE_BUFFER];
};

static void close_folder(void *entries, size_t size) {
    (void)size;
    closedir(entries);
}

/* The files being written. */
static FileWriter *open_writers;
static pthread_mutex_t writers_mutex = PTHREAD_MUTEX_INITIALIZER;

void file_remove_unfinished(void) {
    for (FileWriter *w = open_writers; w; w = w->next) unlink(w->temporary);
}

/* Whether nobody writes this temporary file any more; its name has the number of its process at `digits`. */
static bool file_is_stale(const char *path, const char *digits) {
    char *end;
    const long process = strtol(digits, &end, 10);
    if (*digits < '0' || *digits > '9' || (*end && *end != '.') || process <= 0) return false;
    if (process != (long)getpid()) return kill((pid_t)process, 0) != 0 && errno == ESRCH;
    bool mine = false;
    pthread_mutex_lock(&writers_mutex);
    for (const FileWriter *w = open_writers; w && !mine; w = w->next) mine = strcmp(w->temporary, path) == 0;
    pthread_mutex_unlock(&writers_mutex);
    return !mine;
}

/* Removes temporary files of this path whose process no longer exists. */
static void file_clean(const char *path) {
    char *folder = file_folder(path);
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const size_t length = strlen(name), before = slash ? (size_t)(name - path) : 0;
    DIR *entries = opendir(folder);
    if (entries) scope_take(entries, 0, close_folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        if (strncmp(entry->d_name, name, length) != 0 || strncmp(entry->d_name + length, ".tmp.", 5) != 0) continue;
        char *found = memory_format("%.*s%s", (int)before, path, entry->d_name);
        if (file_is_stale(found, entry->d_name + length + 5)) unlink(found);
        free(found);
    }
    if (entries) scope_drop(entries, close_folder), closedir(entries);
    free(folder);
}

/* Makes a new file "path.tmp.PID.RANDOM": its descriptor, and its name in a fresh string; or -1. Nobody can foresee the
 * name, and what has it already is not opened: a link of this name, made by another user, would lead elsewhere. */
static int file_make_temporary(const char *path, mode_t mode, char **name) {
    file_clean(path);
    for (int tries = 0;; tries++) {
        uint32_t random;
        if (getrandom(&random, sizeof random, 0) != sizeof random) random = (uint32_t)tries; /* O_EXCL is enough */
        *name = memory_format("%s.tmp.%ld.%08x", path, (long)getpid(), random);
        const int descriptor = open(*name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
        if (descriptor >= 0) return descriptor;
        const int failure = errno;
        free(*name);
        *name = NULL;
        errno = failure;
        if (failure != EEXIST || tries == 100) return -1;
    }
}

int file_scratch(const char *folder, Error *err) {
    int descriptor = file_taken(open(folder, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
    if (descriptor >= 0) return descriptor;
    char *path = file_join(folder, "scratch"), *name; /* a file system that has no files without a name */
    descriptor = file_make_temporary(path, 0600, &name);
    if (descriptor < 0)
        error_set(err, "%s: cannot write: %s", path, strerror(errno));
    else
        unlink(name);
    file_taken(descriptor);
    free(name);
    free(path);
    return descriptor;
}

/* Gives a file that will replace a file of the same owner that file's group and permissions. */
static void file_keep_mode(int descriptor, const struct stat *old) {
    struct stat fresh;
    mode_t mode = old->st_mode & 0777;
    const bool other_group = fstat(descriptor, &fresh) != 0 || fresh.st_gid != old->st_gid;
    if (other_group && fchown(descriptor, (uid_t)-1, old->st_gid) != 0) /* then the group may what everybody may */
        mode = (mode & 0707) | (mode & 0007) << 3;
    (void)!fchmod(descriptor, mode); /* when it fails, fewer may read the file */
}

/* As file_cancel, for a scope. */
static void cancel(void *what, size_t size);

static void file_free(FileWriter *writer) {
    scope_drop(writer, cancel);
    pthread_mutex_lock(&writers_mutex);
    FileWriter **at = &open_writers;
    while (*at && *at != writer) at = &(*at)->next;
    if (*at) *at = writer->next;
    pthread_mutex_unlock(&writers_mutex);
    free(writer->path);
    free(writer->temporary);
    free(writer);
}

FileWriter *file_create(const char *path, Error *err) {
    struct stat info, named;
    mode_t mode = 0666; /* and umask takes its part away */
    if (!*path) return error_null(err, "expected the name of a file, found an empty one");
    const bool exists = stat(path, &info) == 0;
    if (exists && !S_ISREG(info.st_mode)) { /* or the new name would replace it */
        return error_null(err, "%s: cannot write: it is %s", path,
                          S_ISDIR(info.st_mode) ? "a folder" : "a device or pipe");
    }
    const bool own = lstat(path, &named) == 0 && S_ISREG(named.st_mode) && named.st_uid == geteuid();
    if (exists) mode = info.st_mode & (own ? 0600 : 0666);
    FileWriter *writer = memory_new(1, sizeof *writer);
    writer->path = memory_string(path);
    writer->descriptor = file_make_temporary(path, mode, &writer->temporary);
    if (writer->descriptor < 0) {
        error_set(err, "%s: cannot write: %s", path, strerror(errno));
        file_free(writer);
        return NULL;
    }
    if (own) file_keep_mode(writer->descriptor, &named);
    pthread_mutex_lock(&writers_mutex);
    writer->next = open_writers;
    open_writers = writer;
    pthread_mutex_unlock(&writers_mutex);
    scope_take(writer, 0, cancel);
    return writer;
}

int file_append(const char *path, Error *err) {
    const int descriptor =
        file_taken(open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0666));
    struct stat info;
    if (descriptor < 0 && errno == ELOOP)
        error_set(err, "%s: expected a file, found a link, which is not followed to write", path);
    else if (descriptor < 0)
        error_set(err, "%s: cannot open for writing: %s", path, strerror(errno));
    else if (fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode))
        return descriptor;
    else
        error_set(err, "%s: expected a file, found a device or pipe", path);
    if (descriptor >= 0) file_close(descriptor);
    return -1;
}

static void file_add(FileWriter *writer, const unsigned char *data, size_t size) {
    if (!writer->failure && !file_put(writer->descriptor, data, size)) writer->failure = errno;
}

static void file_flush(FileWriter *writer) {
    file_add(writer, writer->buffer, writer->used);
    writer->used = 0;
}

void file_write(FileWriter *writer, const void *data, size_t size) {
    if (size > sizeof writer->buffer - writer->used) file_flush(writer);
    if (size > sizeof writer->buffer) {
        file_add(writer, data, size);
    } else if (size > 0) {
        memcpy(writer->buffer + writer->used, data, size);
        writer->used += size;
    }
}

/* Flushes the new name to disk. EINVAL means that the file system cannot do this, nor can a folder be flushed that we
 * may not read; the file is whole anyway. */
static int file_sync_folder(const char *path) {
    int failure = 0;
    const int descriptor = file_open_folder(path);
    if (descriptor >= 0) {
        if (fsync(descriptor) != 0 && errno != EINVAL) failure = errno;
        file_close(descriptor);
    }
    return failure;
}

bool file_commit(FileWriter *writer, Error *err) {
    file_flush(writer);
    if (!writer->failure && fsync(writer->descriptor) != 0) writer->failure = errno;
    if (close(writer->descriptor) != 0 && !writer->failure) writer->failure = errno;
    writer->descriptor = -1;
    if (!writer->failure && rename(writer->temporary, writer->path) != 0) writer->failure = errno;
    if (writer->failure)
        unlink(writer->temporary);
    else
        writer->failure = file_sync_folder(writer->path);
    bool good = writer->failure == 0;
    if (!good) error_set(err, "%s: cannot write: %s", writer->path, strerror(writer->failure));
    file_free(writer);
    return good;
}

void file_cancel(FileWriter *writer) {
    if (!writer) return;
    if (writer->descriptor >= 0) close(writer->descriptor);
    unlink(writer->temporary);
    file_free(writer);
}

static void cancel(void *what, size_t size) {
    (void)size;
    file_cancel(what);
}
