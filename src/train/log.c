/* The log of a run. */
#include "train/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
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

static FILE *open_end(const char *path, Error *err) {
    FILE *file = fopen(path, "ae");
    return file ? file : error_null(err, "%s: cannot open for writing: %s", path, strerror(errno));
}

bool log_open(Log *log, const char *path, uint64_t step, Error *err) {
    *log = (Log){0};
    if (file_exists(path) && !cut(path, step, err)) return false;
    log->file = open_end(path, err);
    if (!log->file) return false;
    log->path = memory_string(path);
    return true;
}

bool log_cut(Log *log, uint64_t step, Error *err) {
    FILE *file = cut(log->path, step, err) ? open_end(log->path, err) : NULL;
    if (!file) return false;
    fclose(log->file);
    log->file = file;
    return true;
}

/* JSON has no infinity and no NaN, which printf writes as words: these become null. */
static void write_finite(FILE *file, const char *line) {
    static const char *const words[] = {":inf", ":-inf", ":nan", ":-nan"};
    while (*line) {
        size_t word = 0;
        for (size_t i = 0; i < sizeof words / sizeof *words && !word; i++)
            if (strncmp(line, words[i], strlen(words[i])) == 0) word = strlen(words[i]);
        if (word)
            fputs(":null", file), line += word;
        else
            putc(*line++, file);
    }
}

/* The text of a sample has no control characters. */
static void write_text(FILE *file, const char *name, const char *text) {
    fprintf(file, "\"%s\":\"", name);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') putc('\\', file);
        putc(*text, file);
    }
    fputs("\",", file);
}

static void write_measured(FILE *file, const Measured *measured) {
    fprintf(file, ",\"bleu\":%.4f,\"exact\":%.6f,\"samples\":[", measured->bleu, measured->exact);
    for (size_t i = 0; i < measured->sample_count; i++) {
        const Sample *sample = &measured->samples[i];
        fputs(i ? ",{" : "{", file);
        write_text(file, "source", sample->source);
        write_text(file, "reference", sample->reference);
        write_text(file, "said", sample->said);
        fprintf(file, "\"right\":%s}", sample->right ? "true" : "false");
    }
    putc(']', file);
}

bool log_line(Log *log, const Measured *measured, Error *err, const char *format, ...) {
    char line[LONGEST];
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    CHECK(length >= 0 && (size_t)length < sizeof line, "a line of the log is short");
    write_finite(log->file, line);
    if (measured) write_measured(log->file, measured);
    fputs("}\n", log->file);
    if (fflush(log->file) == 0 && !ferror(log->file)) return true;
    clearerr(log->file);
    return error_set(err, "%s: cannot write: %s", log->path, strerror(errno));
}

void log_close(Log *log) {
    if (log->file) fclose(log->file);
    free(log->path);
    *log = (Log){0};
}
