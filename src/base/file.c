#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/scope.h"

enum { READ_BUFFER = 1 << 16 };

/* Descriptors, and pages of a map, that a scope gives back. */
static void close_descriptor(void *what, size_t size) {
    (void)size;
    close((int)(intptr_t)what);
}

int file_taken(int descriptor) {
    if (descriptor >= 0) scope_take((void *)(intptr_t)descriptor, 0, close_descriptor);
    return descriptor;
}

static void unmap(void *data, size_t size) { munmap(data, size); }

int file_close(int descriptor) {
    scope_drop((void *)(intptr_t)descriptor, close_descriptor);
    return close(descriptor);
}

static void close_stream(void *stream, size_t size) {
    (void)size;
    fclose(stream);
}

FILE *file_stream(int descriptor) {
    FILE *stream = fdopen(descriptor, "w+");
    if (!stream) return NULL;
    scope_drop((void *)(intptr_t)descriptor, close_descriptor);
    scope_take(stream, 0, close_stream);
    return stream;
}

void file_stream_close(FILE *stream) {
    scope_drop(stream, close_stream);
    fclose(stream);
}

/* The descriptor, or -1 with a message. */
static int open_to_read(const char *path, int flags, struct stat *info, Error *err) {
    const int descriptor = *path ? file_taken(open(path, O_RDONLY | O_CLOEXEC | flags)) : -1;
    if (!*path)
        error_set(err, "expected the name of a file, found an empty one");
    else if (descriptor < 0)
        error_set(err, "%s: cannot open: %s", path, strerror(errno));
    else if (fstat(descriptor, info) != 0)
        error_set(err, "%s: cannot read: %s", path, strerror(errno));
    else if (S_ISDIR(info->st_mode))
        error_set(err, "%s: expected a file, found a folder", path);
    else
        return descriptor;
    if (descriptor >= 0) file_close(descriptor);
    return -1;
}

int file_open(const char *path, size_t *size, Error *err) {
    struct stat info;
    /* Without O_NONBLOCK it would wait for the writer of a named pipe. */
    const int descriptor = open_to_read(path, O_NONBLOCK, &info, err);
    if (descriptor < 0 && strcmp(path, "-") == 0)
        error_set(err, "-: expected a file, found standard input; save what comes from it in a file: cat > FILE");
    if (descriptor < 0 || S_ISREG(info.st_mode)) {
        *size = descriptor < 0 ? 0 : (uint64_t)info.st_size < SIZE_MAX ? (size_t)info.st_size : SIZE_MAX;
        return descriptor;
    }
    error_set(err, "%s: expected a file, found a %s; save what comes from it in a file: cat %s > FILE", path,
              S_ISFIFO(info.st_mode) ? "pipe" : "device", path);
    file_close(descriptor);
    return -1;
}

const char *file_stream_name(const char *path) { return strcmp(path, "-") == 0 ? "standard input" : path; }

int file_open_stream(const char *path, Error *err) {
    struct stat info;
    if (strcmp(path, "-") != 0) return open_to_read(path, 0, &info, err);
    const int descriptor = file_taken(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    if (descriptor < 0) error_set(err, "standard input: cannot read: %s", strerror(errno));
    return descriptor;
}

ssize_t file_get(int descriptor, void *data, size_t size) {
    ssize_t got;
    do got = read(descriptor, data, size);
    while (got < 0 && errno == EINTR);
    return got;
}

bool file_put(int descriptor, const void *data, size_t size) {
    for (const char *at = data; size > 0;) {
        const ssize_t written = write(descriptor, at, size);
        if (written < 0 && errno == EINTR) continue;
        if (written == 0) errno = ENOSPC;
        if (written <= 0) return false;
        at += written;
        size -= (size_t)written;
    }
    return true;
}

bool file_map(FileMap *map, const char *path, Error *err) {
    size_t size;
    *map = (FileMap){0};
    int descriptor = file_open(path, &size, err);
    if (descriptor < 0) return false;
    if (size == SIZE_MAX) {
        file_close(descriptor);
        return error_set(err, "%s: expected less than %zu bytes, found more", path, (size_t)SIZE_MAX);
    }
    void *data = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, descriptor, 0) : (void *)(uintptr_t) "";
    const int failure = errno;
    file_close(descriptor); /* the map remains */
    if (data == MAP_FAILED) {
        error_set(err, "%s: cannot map: %s", path, strerror(failure));
        if (failure == ENOMEM) scope_short(err);
        return false;
    }
    if (size > 0) scope_take(data, size, unmap);
    *map = (FileMap){.data = data, .size = size};
    return true;
}

bool file_read(FileMap *map, const char *path, size_t most, Error *err) {
    *map = (FileMap){0};
    const char *name = file_stream_name(path);
    const int descriptor = file_open_stream(path, err);
    if (descriptor < 0) return false;
    unsigned char *data = NULL;
    size_t size = 0;
    ssize_t got;
    do {
        data = memory_resize(data, size + READ_BUFFER, 1);
        got = file_get(descriptor, data + size, READ_BUFFER);
        if (got > 0) size += (size_t)got;
    } while (size <= most && got > 0);
    const int failure = errno;
    file_close(descriptor);
    *map = (FileMap){data, size, FILE_COPIED};
    if (got >= 0 && size <= most) return true;
    file_unmap(map);
    return got < 0 ? error_set(err, "%s: cannot read: %s", name, strerror(failure))
                   : error_set(err, "%s: expected at most %zu bytes, found more", name, most);
}

void file_unmap(FileMap *map) {
    void *data = (void *)(uintptr_t)map->data;
    if (map->kind == FILE_COPIED) free(data);
    if (map->kind == FILE_MAPPED && map->size > 0) {
        scope_drop(data, unmap);
        unmap(data, map->size);
    }
    *map = (FileMap){0};
}

void file_forget(const FileMap *map) {
    if (map->kind == FILE_MAPPED && map->size > 0) madvise((void *)(uintptr_t)map->data, map->size, MADV_DONTNEED);
}

char *file_folder(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? memory_string_n(path, slash > path ? (size_t)(slash - path) : 1) : memory_string(".");
}

int file_open_folder(const char *path) {
    char *folder = file_folder(path);
    const int descriptor = file_taken(open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    free(folder);
    return descriptor;
}

bool file_exists(const char *path) {
    struct stat info;
    return lstat(path, &info) == 0 || (errno != ENOENT && errno != ENOTDIR && errno != ENAMETOOLONG);
}

void file_remove_folders(const char *path, size_t made) {
    char *part = memory_string(path);
    for (size_t i = strlen(path); made > 0 && i >= made; i--) {
        if (path[i] != '/' && path[i] != 0) continue;
        part[i] = 0;
        rmdir(part); /* if it is empty */
    }
    free(part);
}

bool file_make_folder(const char *path, size_t *made, Error *err) {
    char *part = memory_string(path);
    bool good = true;
    size_t length = strlen(path);
    *made = 0;
    for (size_t i = 1; i <= length && good; i++) { /* from 1: the root exists */
        if (path[i] != '/' && path[i] != 0) continue;
        part[i] = 0;
        struct stat info;
        if (mkdir(part, 0777) == 0) {
            if (*made == 0) *made = i;
        } else {
            int failure = errno; /* EEXIST, EROFS, EACCES: no failure if the folder exists */
            if (stat(part, &info) != 0) {
                good = error_set(err, "%s: cannot make the folder: %s", part, strerror(failure));
            } else if (!S_ISDIR(info.st_mode)) {
                good = error_set(err, "%s: expected a folder, found a file", part);
            }
        }
        part[i] = path[i];
    }
    free(part);
    if (!good) file_remove_folders(path, *made);
    return good && (length > 0 || error_set(err, "cannot make a folder without a name"));
}

char *file_home(const char *path, Error *err) {
    if (path[0] == '$' && !file_exists(path))
        return error_null(err, "%s: expected a path (~/ is the home folder), found a $, which only a shell replaces",
                          path);
    if (path[0] != '~') return memory_string(path);
    const char *home = getenv("HOME");
    if (path[1] != 0 && path[1] != '/')
        return file_exists(path)
                   ? memory_string(path)
                   : error_null(err, "%s: expected ~/ for the home folder, found a ~ before a name", path);
    if (!home || !*home) return error_null(err, "%s: expected the home folder in the variable HOME, found none", path);
    return memory_format("%s%s", home, path + 1);
}

char *file_join(const char *folder, const char *name) { return memory_format("%s/%s", folder, name); }
