/* The page of a training run. */
#include "report/run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/file.h"
#include "base/memory.h"
#include "math/cpu.h"
#include "report/pages.h"

/* Without "<", so that no text ends the page's script element. */
static void put_string(FILE *out, const char *text, size_t length) {
    putc('"', out);
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == '<')
            fprintf(out, "\\u%04x", c);
        else
            fprintf(out, "%s%c", c == '"' || c == '\\' ? "\\" : "", c);
    }
    putc('"', out);
}

static void put_text(FILE *out, const char *name, const char *text) {
    fprintf(out, "\"%s\":", name);
    put_string(out, text, strlen(text));
}

/* As Linux calls it, or the kind of machine. */
static void put_cpu(FILE *out) {
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
    put_text(out, "cpu", name ? name : uname(&machine) == 0 ? machine.machine : "unknown");
}

static bool is_train(const char *line, size_t length) {
    static const char kind[] = "{\"kind\":\"train\"";
    return length >= sizeof kind - 1 && memcmp(line, kind, sizeof kind - 1) == 0;
}

static void put_log(FILE *out, const FileMap *map) {
    const char *const begin = (const char *)map->data, *const end = begin + map->size, *next;
    size_t count = 0, seen = 0, put = 0;
    for (const char *line = begin; line < end && (next = memchr(line, '\n', (size_t)(end - line))); line = next + 1)
        count += is_train(line, (size_t)(next - line));
    const size_t each = 1 + count / RUN_LINES;
    for (const char *line = begin; line < end && (next = memchr(line, '\n', (size_t)(end - line))); line = next + 1) {
        const size_t length = (size_t)(next - line);
        if (is_train(line, length) && seen++ % each != 0) continue;
        fputs(put++ ? ",\n" : "\n", out);
        put_string(out, line, length);
    }
}

static void put_run(FILE *out, const Trainer *t, const LoopEnd *end, const char *version, const FileMap *log) {
    static const char *const ends[] = {[LOOP_FINISHED] = "finished",
                                       [LOOP_STALLED] = "stalled",
                                       [LOOP_STOPPED] = "stopped",
                                       [LOOP_UNSAVED] = "unsaved",
                                       [LOOP_FAILED] = "failed"};
    const TrainState *s = &t->state;
    char *config = ini_format(config_fields, config_field_count, t->config);
    fprintf(out, "{\"format\":\"nmt.run\",\"version\":1,\"status\":\"%s\",", end ? ends[*end] : "running");
    put_text(out, "name", t->config->dir);
    fprintf(out,
            ",\n\"state\":{\"step\":%llu,\"last_step\":%llu,\"epoch\":%llu,\"best_step\":%llu,\"stalled\":%llu,"
            "\"skipped\":%llu},\n\"machine\":{",
            (unsigned long long)s->step, (unsigned long long)trainer_last_step(t), (unsigned long long)s->epoch,
            (unsigned long long)s->best_step, (unsigned long long)s->stalled, (unsigned long long)s->skipped);
    put_cpu(out);
    fputs(",", out);
    put_text(out, "instruction_set", cpu_instruction_set());
    fprintf(out, ",\"threads\":%zu,\"precision\":\"%s\",", pool_threads(t->pool),
            t->model.precision == PRECISION_BFLOAT16 ? "bfloat16" : "float32");
    put_text(out, "version", version);
    fprintf(out,
            "},\n\"model\":{\"parameters\":%zu,\"vocabulary\":%zu,\"pairs\":%llu,\"target_tokens\":%llu,"
            "\"valid_pairs\":%zu},\n",
            t->model.params.count, tokenizer_vocab_size(t->tokenizer), (unsigned long long)t->train.count,
            (unsigned long long)t->train.target_tokens, t->valid_corpus.count);
    put_text(out, "config", config);
    fputs(",\n\"log\":[", out);
    put_log(out, log);
    fputs("]}\n", out);
    free(config);
}

bool run_report(void *context, const Trainer *t, const LoopEnd *end, Error *err) {
    char *path = file_join(t->config->dir, "report.html"), *log_path = file_join(t->config->dir, "log.jsonl");
    char *data = NULL;
    size_t size = 0;
    FileMap log;
    FileWriter *page = NULL;
    FILE *out = NULL;
    bool ok = file_map(&log, log_path, err);
    if (ok) {
        out = open_memstream(&data, &size);
        if (out) put_run(out, t, end, context, &log);
        ok = (out && fclose(out) == 0) || error_set(err, "%s: no memory for it", path);
        file_unmap(&log);
    }
    if (ok && (ok = (page = file_create(path, err)) != NULL)) {
        page_write(page, "report", data, size);
        ok = file_commit(page, err);
    }
    free(data);
    free(log_path);
    free(path);
    return ok;
}
