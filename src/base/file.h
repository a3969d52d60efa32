/* Files: reading by memory map, writing so that a crash leaves the old file or the new one, whole. */
#ifndef NMT_BASE_FILE_H
#define NMT_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* A whole file mapped read-only. An empty file gives size 0 and a non-NULL data pointer. */
typedef struct FileMap {
    const unsigned char *data;
    size_t size; /* bytes */
} FileMap;

/* Fails, naming path and reason, when it cannot be opened, or is not a regular file. What this program writes may be
 * replaced while it is mapped (the map keeps the old file); a file that is shortened in place may not. */
bool file_map(FileMap *map, const char *path, Error *err);
/* The same, but a copy in memory, which stays as it is when the file changes later. Release with file_unmap. */
bool file_read(FileMap *map, const char *path, Error *err);
void file_unmap(FileMap *map);
/* Gives back the memory of a mapped file's pages; they are read again when they are needed. */
void file_forget(const FileMap *map);

/* Opens a regular file for reading: its descriptor (close it), or -1. */
int file_open(const char *path, size_t *size, Error *err);
/* A file in the folder to write, and read, that has no name and is gone when it is closed: its descriptor, or -1. */
int file_scratch(const char *folder, Error *err);

/* Writing: bytes go to a temporary file in the same folder; file_commit flushes them to disk and renames it over
 * `path`. Any failed write is remembered and reported by file_commit, which then removes the temporary file and leaves
 * the old one as it was; if only the very last thing fails, flushing the renaming to disk, the new one is there. The
 * temporary file is "path.tmp.PID"; file_create removes those that killed processes left. */
typedef struct FileWriter FileWriter;

FileWriter *file_create(const char *path, Error *err);
void file_write(FileWriter *writer, const void *data, size_t size);
bool file_commit(FileWriter *writer, Error *err); /* frees the writer, whatever it returns */
void file_cancel(FileWriter *writer);             /* removes the temporary file, frees the writer */

/* A lock between processes: the file `path`, which is there as long as the lock is held. The system releases it when
 * the process ends, however that happens; the file of one that was killed is taken over. Fails, naming the process that
 * holds it. One process takes a lock once. */
typedef struct FileLock {
    int descriptor, folder;
    char *path;
} FileLock;
bool file_lock(FileLock *lock, const char *path, Error *err);
void file_unlock(FileLock *lock);
/* Whether the lock still guards its folder: false when another folder has taken that one's place, or another process
 * has the lock. A lock file that was merely removed is taken again; a folder that is gone, or out of reach, is not
 * lost. */
bool file_lock_keep(FileLock *lock);

/* Something has this name, be it a link that leads nowhere; or it cannot be told, and opening it will say why. */
bool file_exists(const char *path);

/* Makes a folder and those above it; fine when it is there already. */
bool file_make_folder(const char *path, Error *err);

/* folder + "/" + name, in a fresh string (free it). */
char *file_join(const char *folder, const char *name);

#endif
