#include "train/log.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ds.h"
#include "base/file.h"
#include "base/file_write.h"
#include "base/memory.h"

enum { ROOM = 4096 }; /* bytes, so that the lines of steps allocate nothing */

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

bool log_open(Log *log, const char *path, uint64_t step, Error *err) {
    *log = (Log){.file = -1};
    if (file_exists(path) && !cut(path, step, err)) return false;
    log->file = file_append(path, err);
    if (log->file < 0) return false;
    log->path = memory_string(path);
    stbds_arrsetcap(log->waiting.text, ROOM);
    return true;
}

bool log_write(Log *log, Error *err) {
    const size_t length = stbds_arrlenu(log->waiting.text);
    struct stat before;
    if (length == 0) return true;
    if (fstat(log->file, &before) == 0) {
        if (file_put(log->file, log->waiting.text, length)) {
            stbds_arrsetlen(log->waiting.text, 0);
            return true;
        }
        const int failure = errno;
        (void)!ftruncate(log->file, before.st_size);
        errno = failure;
    }
    return error_set(err, "%s: cannot write: %s", log->path, strerror(errno));
}

bool log_cut(Log *log, uint64_t step, Error *err) {
    const int file = log_write(log, err) && cut(log->path, step, err) ? file_append(log->path, err) : -1;
    if (file < 0) return false;
    file_close(log->file);
    log->file = file;
    return true;
}

/* ---- Lines ---- */

static Json *start(Log *log, const char *kind, uint64_t step) {
    Json *out = &log->waiting;
    out->separate = false;
    json_write(out, "{kind: %s, step: %lld", kind, (long long)step);
    return out;
}

static bool finish(Log *log, Error *err) {
    json_write(&log->waiting, "}");
    stbds_arrput(log->waiting.text, '\n');
    return log_write(log, err);
}

bool log_step(Log *log, const TrainState *s, const StepReport *step, double tokens_per_second, Error *err) {
    const double tokens = s->tokens ? (double)s->tokens : NAN;
    Json *out = start(log, "train", s->step);
    json_write(out, "epoch: %lld, loss: %g, nll: %g, rate: %g, norm: %g", (long long)trainer_epoch(s),
               s->loss_sum / tokens, s->nll_sum / tokens, step->rate, step->norm);
    json_write(out, "tokens: %lld, skipped: %lld, tokens_per_second: %g", (long long)s->tokens, (long long)s->skipped,
               round(tokens_per_second));
    return finish(log, err);
}

bool log_skip(Log *log, const TrainState *s, const StepReport *step, Error *err) {
    Json *out = start(log, "skip", s->step);
    json_write(out, "epoch: %lld, loss: %g, norm: %g", (long long)trainer_epoch(s), step->loss / (double)step->tokens,
               step->norm);
    return finish(log, err);
}

bool log_valid(Log *log, const TrainState *s, Loss loss, bool best, const Measured *measured, Error *err) {
    Json *out = start(log, "valid", s->step);
    json_write(out, "epoch: %lld, loss: %g, nll: %g, perplexity: %g, best: %i", (long long)trainer_epoch(s), loss.loss,
               loss.nll, exp(loss.nll), best);
    if (measured) {
        json_write(out, "bleu: %g, exact: %g, sentences: %zu, cut: %zu", measured->bleu, measured->exact,
                   measured->count, measured->cut);
        samples_write(out, measured->samples, measured->sample_count);
    }
    return finish(log, err);
}

bool log_back(Log *log, const TrainState *s, uint64_t from, double scale, Error *err) {
    Json *out = start(log, "back", s->step + 1);
    json_write(out, "from: %lld, scale: %g", (long long)from, scale);
    return finish(log, err);
}

/* Without a step: it stays when the run goes back. */
bool log_note(Log *log, uint64_t after, const char *text, Error *err) {
    log->waiting.separate = false;
    json_write(&log->waiting, "{kind: %s, after: %lld, text: %s", "note", (long long)after, text);
    return finish(log, err);
}

bool log_line(Log *log, const Json *line, Error *err) {
    ds_append(log->waiting.text, line->text, stbds_arrlenu(line->text));
    stbds_arrput(log->waiting.text, '\n');
    return log_write(log, err);
}

void log_close(Log *log) {
    if (log->file >= 0) file_close(log->file);
    json_free(&log->waiting);
    free(log->path);
    *log = (Log){.file = -1};
}
