/* Files: reading, by memory map or from front to back; folders and paths. file_write.h is for writing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/error.h"

/* A whole file mapped read-only, a copy in memory, or bytes that somebody else owns. An empty file gives size 0 and a
 * non-NULL data pointer. */
typedef struct FileMap {
    const unsigned char *data;
    size_t size; /* bytes */
    enum { FILE_MAPPED, FILE_COPIED, FILE_LENT } kind;
} FileMap;

/* Fails when the file cannot be opened, is not a regular file or has too many bytes for a size_t. While it is mapped it
 * may be replaced, as this program does when it writes (the map keeps the old file), but not shortened in place. */
bool file_map(FileMap *map, const char *path, Error *err);
/* Copies what file_open_stream opens, at most `most` bytes; the copy does not change when the file does. Release both
 * with file_unmap. */
bool file_read(FileMap *map, const char *path, size_t most, Error *err);
void file_unmap(FileMap *map);
/* Gives back the memory of a mapped file's pages; they are read again when needed. */
void file_forget(const FileMap *map);

/* Opens a regular file for reading: its descriptor (file_close it), or -1. *size: bytes; SIZE_MAX: as many or more. */
int file_open(const char *path, size_t *size, Error *err);
/* Opens what is read once, from front to back: a file, a pipe, or for "-" standard input. Its descriptor (file_close
 * it), or -1; a pipe is waited for. */
int file_open_stream(const char *path, Error *err);
/* What messages call it: the path, or "standard input" for "-". */
const char *file_stream_name(const char *path);
/* As close, for a descriptor of these functions. */
int file_close(int descriptor);
/* Makes a descriptor one of these, which a scope closes (base/scope.h); returns it. -1 stays -1. */
int file_taken(int descriptor);
/* A stream to write and read, in place of such a descriptor; NULL, with errno set, when there is none. */
FILE *file_stream(int descriptor);
void file_stream_close(FILE *stream);
/* read and write of unistd.h, begun again when a signal interrupts them; file_put writes all, or errno says why not. */
ssize_t file_get(int descriptor, void *data, size_t size);
bool file_put(int descriptor, const void *data, size_t size);
/* Whether there is something of this name, even a link that leads nowhere. True also when that cannot be found out;
 * opening it will then say why. */
bool file_exists(const char *path);

/* Makes a folder and those above it, unless they exist. *made: bytes of the path to the first that was made; 0: none.
 * On failure none that it made stays. */
bool file_make_folder(const char *path, size_t *made, Error *err);
/* Removes these again as far as they are empty. */
void file_remove_folders(const char *path, size_t made);

/* The path in a fresh string, with the home folder for a ~ that is all of it or comes before a slash. NULL when a ~
 * needs a home folder and there is none. NULL also when the path begins with ~NAME or $ and no such file exists. */
char *file_home(const char *path, Error *err);

/* The folder of a path, in a fresh string; and a descriptor of that folder (file_close it), or -1. */
char *file_folder(const char *path);
int file_open_folder(const char *path);

/* folder + "/" + name, in a fresh string (free it). */
char *file_join(const char *folder, const char *name);
