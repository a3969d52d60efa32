#include "train/start.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/size.h"

/* Dropout is a matter of training. */
static bool is_the_models(const Field *f) { return !strstr(f->key, "dropout"); }

/* Gives `of` the values of `from`. */
static bool adopt(const ModelFile *start, const Field *fields, const void *from, void *of, const Ini *ini,
                  const char *config, Error *err) {
    bool ok = true;
    for (const Field *f = fields; ok && f->key; f++) {
        if (!is_the_models(f)) continue;
        char *model = field_text(f, from), *own = field_text(f, of);
        if (ini_has(ini, f->key) && strcmp(model, own) != 0)
            ok = error_set(err,
                           "%s: %s: expected %s, as in %s (train.init), found %s (without the key, it is the model's)",
                           config, f->key, model, start->path, own);
        ok = ok && field_set(f, model, of);
        free(model);
        free(own);
    }
    return ok;
}

bool start_open(ModelFile *start, const char *path, const Ini *ini, Hyper *hyper, Normalisation *text,
                const char *config, Error *err) {
    Error why;
    if (!modelfile_open(start, path, &why)) return error_set(err, "train.init: %s", why.text);
    const ModelInfo *info = &start->info;
    if (adopt(start, hyper_fields, &info->hyper, hyper, ini, config, err) &&
        adopt(start, normalise_fields, &info->text, text, ini, config, err))
        return true;
    modelfile_close(start);
    return false;
}

/* Without the key, a run started from nothing. */
bool start_check(const ModelFile *start, const ModelFile *last, Error *err) {
    uint64_t then = 0;
    const uint64_t now = modelfile_checksum(start);
    if (gguf_has(last->gguf, START_KEY) && !gguf_uint64(last->gguf, START_KEY, &then, err)) return false;
    if (then == now) return true;
    char names[2][64] = {"nothing", "nothing"};
    if (then) snprintf(names[0], sizeof names[0], "a model with the checksum %016llx", (unsigned long long)then);
    if (now) snprintf(names[1], sizeof names[1], "one with the checksum %016llx", (unsigned long long)now);
    return error_set(err,
                     "%s: the run was begun from %s, and train.init is now %s%s%s%s; a resumed run must keep it (or "
                     "start over with --fresh)",
                     last->path, names[0], names[1], now ? " (" : "", now ? start->path : "", now ? ")" : "");
}

static GgufString line_of(char *text) { return (GgufString){text, strlen(text)}; }

GgufString *start_history(size_t *count, const ModelFile *start, uint64_t step, const char *origin) {
    const ModelInfo *info = &start->info;
    const size_t before = info->history_count;
    GgufString *lines = memory_new(before + 2, sizeof *lines);
    char from[64] = "";
    *count = 0;
    for (size_t i = 0; i < before; i++) lines[(*count)++] = line_of(memory_string(info->history[i].text));
    if (start->gguf) {
        snprintf(from, sizeof from, "from model %016llx, ", (unsigned long long)modelfile_checksum(start));
        if (before == 0)
            lines[(*count)++] = line_of(memory_format("%llu steps, on text that is not known: an earlier version",
                                                      (unsigned long long)info->step));
    }
    lines[(*count)++] = line_of(memory_format("%s%llu steps, %s", from, (unsigned long long)step, origin));
    return lines;
}

void start_free_history(GgufString *lines, size_t count) {
    for (size_t i = 0; i < count; i++) free((char *)(uintptr_t)lines[i].text);
    free(lines);
}
