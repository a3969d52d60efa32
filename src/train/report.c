#include "train/report.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/ds.h"
#include "base/file.h"
#include "base/file_write.h"
#include "base/ini.h"
#include "base/version.h"
#include "math/cpu.h"
#include "page/json.h"
#include "page/pages.h"

/* As Linux calls it, or the kind of machine. */
static void put_cpu(Json *out) {
    static const char key[] = "model name";
    char line[256] = "", *name = NULL;
    struct utsname machine;
    FILE *info = fopen("/proc/cpuinfo", "re");
    while (info && !name && fgets(line, sizeof line, info))
        if (strncmp(line, key, sizeof key - 1) == 0) name = strchr(line, ':');
    if (info) fclose(info);
    if (name) {
        name += strspn(name, ": \t");
        name[strcspn(name, "\n")] = '\0';
    }
    json_write(out, "cpu: %s", name ? name : uname(&machine) == 0 ? machine.machine : "unknown");
}

/* Whether a line of log.jsonl is one of a logged step. */
static bool is_train(const char *line, size_t length) {
    static const char kind[] = "{\"kind\":\"train\"";
    return length >= sizeof kind - 1 && memcmp(line, kind, sizeof kind - 1) == 0;
}

static bool is_any(const char *line, size_t length) { return line && length > 0; }

/* The lines of a file as strings. Of those that are `many`, about `most` are taken, evenly spread: one of each so many,
 * which is returned, and the last. */
static size_t put_lines(Json *out, const char *key, const FileMap *map, bool many(const char *, size_t), size_t most) {
    const char *const begin = (const char *)map->data, *const end = begin + map->size, *next;
    size_t count = 0, seen = 0;
    for (const char *line = begin; line < end && (next = memchr(line, '\n', (size_t)(end - line))); line = next + 1)
        count += many(line, (size_t)(next - line));
    const size_t each = 1 + count / most;
    json_write(json_key(out, key), "[");
    for (const char *line = begin; line < end && (next = memchr(line, '\n', (size_t)(end - line))); line = next + 1) {
        const size_t length = (size_t)(next - line);
        const bool one = many(line, length);
        if (!one || seen % each == 0 || seen + 1 == count) json_string(out, line, length);
        seen += one;
    }
    json_write(out, "]");
    return each;
}

/* A film that is not there has no frames. */
static void put_film(Json *out, const Trainer *t) {
    Error err;
    FileMap film = {0};
    const bool there = file_map(&film, t->config->files[RUN_FILM], &err);
    put_lines(out, "film", &film, is_any, RUN_FRAMES);
    if (there) file_unmap(&film);
}

static void put_state(Json *out, const Trainer *t) {
    const TrainState *s = &t->state;
    json_write(out, "state: {step: %lld, last_step: %lld, epoch: %lld, best_step: %lld, stalled: %lld, skipped: %lld}",
               (long long)s->step, (long long)trainer_last_step(t), (long long)s->epoch, (long long)s->best_step,
               (long long)s->stalled, (long long)s->skipped);
}

static void put_machine(Json *out, const Trainer *t) {
    json_write(out, "machine: {");
    put_cpu(out);
    json_write(out, "instruction_set: %s, threads: %zu, precision: %s, version: %s}", cpu_instruction_set(),
               pool_threads(t->pool), t->model.compute.precision == PRECISION_BFLOAT16 ? "bfloat16" : "float32",
               NMT_VERSION);
    json_write(out, "model: {parameters: %zu, vocabulary: %zu, pairs: %zu, target_tokens: %zu, valid_pairs: %zu}",
               t->model.params.count, tokenizer_vocab_size(t->data.tokenizer), t->data.train.count,
               t->data.train.target_tokens, t->data.valid.count);
}

bool report_write(const Trainer *t, RunStatus status, Error *err) {
    static const char *const names[] = {
        [RUN_RUNNING] = "running", [RUN_FINISHED] = "finished", [RUN_STALLED] = "stalled",
        [RUN_STOPPED] = "stopped", [RUN_UNSAVED] = "unsaved",   [RUN_FAILED] = "failed",
    };
    FileMap log;
    FileWriter *page = NULL;
    bool ok = file_map(&log, t->config->files[RUN_LOG], err);
    if (ok) page = file_create(t->config->files[RUN_REPORT], err);
    if (page) {
        Field *fields = config_fields();
        char *config = ini_format(fields, t->config);
        Json out = {0};
        json_write(&out, "{format: %s, version: 1, name: %s, status: %s", "nmt.run", t->config->dir, names[status]);
        put_state(&out, t);
        put_machine(&out, t);
        json_write(&out, "config: %s", config);
        json_write(&out, "log_each: %zu", put_lines(&out, "log", &log, is_train, RUN_LINES));
        put_film(&out, t);
        json_write(&out, "}");
        page_write(page, "report.html", out.text, stbds_arrlenu(out.text));
        json_free(&out);
        free(config);
        free(fields);
    }
    if (ok) file_unmap(&log);
    return page && file_commit(page, err);
}
