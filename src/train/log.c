/* The log of a run. */
#include "train/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/ds.h"
#include "base/file.h"
#include "base/memory.h"

enum { LONGEST = 4096 }; /* bytes of a line without samples: a double has up to 317 digits as %.6f */

/* The number after "step": in a line of length bytes; 0 when there is none (such a line is kept). */
static uint64_t line_step(const char *line, size_t length) {
    static const char key[] = "\"step\":";
    const char *at = memmem(line, length, key, sizeof key - 1);
    uint64_t step = 0;
    for (at = at ? at + sizeof key - 1 : line + length; at < line + length && *at >= '0' && *at <= '9'; at++)
        step = step * 10 + (uint64_t)(*at - '0');
    return step;
}

/* Rewrites the file without the lines of steps after `step`, and without a torn last line. */
static bool cut(const char *path, uint64_t step, Error *err) {
    FileMap map;
    if (!file_map(&map, path, err)) return false;
    FileWriter *out = file_create(path, err);
    if (out) {
        const char *line = (const char *)map.data, *end = line + map.size, *next;
        for (; line < end && (next = memchr(line, '\n', (size_t)(end - line))); line = next + 1)
            if (step > 0 && line_step(line, (size_t)(next - line)) <= step)
                file_write(out, line, (size_t)(next + 1 - line));
    }
    file_unmap(&map);
    return out && file_commit(out, err);
}

static int open_end(const char *path, Error *err) {
    const int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) error_set(err, "%s: cannot open for writing: %s", path, strerror(errno));
    return file;
}

bool log_open(Log *log, const char *path, uint64_t step, Error *err) {
    *log = (Log){.file = -1};
    if (file_exists(path) && !cut(path, step, err)) return false;
    log->file = open_end(path, err);
    if (log->file < 0) return false;
    log->path = memory_string(path);
    return true;
}

static void put(Log *log, const char *text, size_t length) {
    memcpy(stbds_arraddnptr(log->text, length), text, length);
}
static void put_text(Log *log, const char *text) {
    put(log, text, strlen(text));
}

/* JSON has no infinity and no NaN, which printf writes as words: these become null. */
static void put_finite(Log *log, const char *line) {
    static const char *const words[] = {":inf", ":-inf", ":nan", ":-nan"};
    while (*line) {
        size_t word = 0;
        for (size_t i = 0; i < sizeof words / sizeof *words && !word; i++)
            if (strncmp(line, words[i], strlen(words[i])) == 0) word = strlen(words[i]);
        if (word)
            put_text(log, ":null"), line += word;
        else
            put(log, line++, 1);
    }
}

/* The text of a sample has no control characters. */
static void put_string(Log *log, const char *name, const char *text) {
    put_text(log, "\"");
    put_text(log, name);
    put_text(log, "\":\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') put(log, "\\", 1);
        put(log, text, 1);
    }
    put_text(log, "\",");
}

static void put_measured(Log *log, const Measured *measured) {
    char figures[128];
    snprintf(figures, sizeof figures, ",\"bleu\":%.4f,\"exact\":%.6f,\"samples\":[", measured->bleu, measured->exact);
    put_text(log, figures);
    for (size_t i = 0; i < measured->sample_count; i++) {
        const Sample *sample = &measured->samples[i];
        put_text(log, i ? ",{" : "{");
        put_string(log, "source", sample->source);
        put_string(log, "reference", sample->reference);
        put_string(log, "said", sample->said);
        put_text(log, sample->right ? "\"right\":true}" : "\"right\":false}");
    }
    put_text(log, "]");
}

bool log_write(Log *log, Error *err) {
    const size_t length = stbds_arrlenu(log->text);
    struct stat before;
    if (length == 0) return true;
    if (fstat(log->file, &before) == 0) {
        size_t done = 0;
        for (ssize_t wrote; done < length; done += (size_t)wrote) {
            while ((wrote = write(log->file, log->text + done, length - done)) < 0 && errno == EINTR) {
            }
            if (wrote < 0) break;
        }
        if (done == length) {
            stbds_arrsetlen(log->text, 0);
            return true;
        }
        const int failure = errno;
        (void)!ftruncate(log->file, before.st_size);
        errno = failure;
    }
    return error_set(err, "%s: cannot write: %s", log->path, strerror(errno));
}

bool log_cut(Log *log, uint64_t step, Error *err) {
    const int file = log_write(log, err) && cut(log->path, step, err) ? open_end(log->path, err) : -1;
    if (file < 0) return false;
    close(log->file);
    log->file = file;
    return true;
}

bool log_line(Log *log, const Measured *measured, Error *err, const char *format, ...) {
    char line[LONGEST];
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    CHECK(length >= 0 && (size_t)length < sizeof line, "a line of the log is short");
    put_finite(log, line);
    if (measured) put_measured(log, measured);
    put_text(log, "}\n");
    return log_write(log, err);
}

void log_close(Log *log) {
    if (log->file >= 0) close(log->file);
    stbds_arrfree(log->text);
    free(log->path);
    *log = (Log){.file = -1};
}
