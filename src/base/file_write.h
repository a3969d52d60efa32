/* Writing files such that a crash leaves either the old file or the whole new one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Bytes go to a new temporary file "path.tmp.PID.RANDOM" in the same folder; file_commit flushes it to disk
 * and renames it to `path`. A write that failed is reported by file_commit, which then removes the temporary file and
 * leaves the old file as it was. (If only the last action fails, flushing the new name to disk, the new file is in
 * place.) file_create removes the temporary files of processes that were killed.
 *
 * No link is followed: one at `path` is replaced by the file. If a file of the same owner is replaced, the new one has
 * its permissions. If it had another owner, or if a link is replaced, then the new file allows no more than the old
 * one, or the link's target, did. */
typedef struct FileWriter FileWriter;

FileWriter *file_create(const char *path, Error *err);
void file_write(FileWriter *writer, const void *data, size_t size);
bool file_commit(FileWriter *writer, Error *err); /* frees the writer, whatever it returns */
void file_cancel(FileWriter *writer);             /* removes the temporary file, frees the writer */

/* For a process that ends while files are being written: removes their temporary files. */
void file_remove_unfinished(void);

/* Opens a file to read it and write at its end, and makes it if there is none: its descriptor (file_close it), or -1.
 * Fails when the path is a link, a device or a pipe. */
int file_append(const char *path, Error *err);

/* Makes a file in the folder, to be written and read, that has no name and vanishes when it is closed: its descriptor,
 * or -1. */
int file_scratch(const char *folder, Error *err);
