/* Locks between runs: the file `path`, which exists as long as the lock is held. The system releases the lock when the
 * process ends for any reason; the file that a killed process leaves is taken over. */
#pragma once

#include <stdbool.h>

#include "base/error.h"

typedef struct FileLock {
    int descriptor, folder;
    char *path;
} FileLock;

/* Fails when another process, or another thread of this one, holds the lock, and names the process. */
bool file_lock(FileLock *lock, const char *path, Error *err);
void file_unlock(FileLock *lock);

/* Whether the lock still guards its folder: false when the path leads to another folder, or another process has the
 * lock. A lock file that was merely removed is taken again. True when the folder is gone or cannot be reached. */
bool file_lock_keep(FileLock *lock);
