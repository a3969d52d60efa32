/* What the fuzz targets share: libFuzzer calls fuzz_one with every input it thinks of (make fuzz). */
#pragma once

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file in memory with these bytes; its path in a static string. Close the descriptor. */
static inline const char *fuzz_file(int *descriptor, const uint8_t *data, size_t size) {
    static char path[64];
    *descriptor = memfd_create("fuzz", MFD_CLOEXEC);
    CHECK(*descriptor >= 0 && write(*descriptor, data, size) == (ssize_t)size, "a file in memory");
    snprintf(path, sizeof path, "/proc/self/fd/%d", *descriptor);
    return path;
}

/* An error is one line that says something. */
static inline void fuzz_message(const char *text) { CHECK(*text && !strchr(text, '\n'), "a message of one line"); }
