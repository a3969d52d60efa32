/* The context view: how the words around it pull a word, layer by layer, from its embedding to one of its meanings. */
#include <stdlib.h>

#include "base/ds.h"
#include "decode/align.h"
#include "inspect/inspect.h"

static const char *const roles[] = {"this", "compare"}; /* of the probes */

/* A word's or group's points at all layers. x: (layers, D) */
static void write_points(Json *j, const char *key, const Line *line, const double *x) {
    json_write(json_key(j, key), "[");
    for (size_t l = 0; l < line->layers; l++) {
        double xy[2];
        line_point(xy, line, x + l * line->D, l);
        json_write(j, "[%f, %f]", xy[0], xy[1]);
    }
    json_write(j, "]");
}

/* What tells a sentence from the other: the word with its neighbours, "an apple and". Free it. */
static char *excerpt(const Tokenizer *tokenizer, const Mention *m) {
    const size_t N = stbds_arrlenu(m->ids) - 1, last = m->first + m->count;
    int32_t *word = memory_new(N + 1, sizeof *word);
    align_words(tokenizer, word, m->ids, N);
    size_t from = m->first, to = last;
    while (from > 0 && word[from - 1] >= word[m->first] - 1) from--;
    while (to < N && word[to] <= word[last - 1] + 1) to++;
    char *text = NULL;
    tokenizer_decode(tokenizer, &text, m->ids + from, to - from);
    char *out = memory_string_n(text, stbds_arrlenu(text));
    stbds_arrfree(text);
    free(word);
    return out;
}

static void write_path(Json *j, const Line *line, const char *name, const char *role, const char *group,
                       const double *x) {
    json_write(j, "{name: %s, role: %s", name, role);
    json_write(json_key(j, "group"), group ? "%s" : "null", group);
    write_points(j, "xy", line, x);
    json_write(j, "}");
}

void inspect_write_context(Json *j, const Observation *o, const Meaning *c) {
    if (!c->word) {
        json_write(j, "context: null");
        return;
    }
    const References *r = &c->references;
    const Line *line = &c->line;
    const size_t size = line->layers * line->D;
    json_write(j, "context: {word: %s, sentence: %s, compare: %s, layers: %zu", c->word, c->sentence, c->compare,
               line->layers);
    json_write(j, "from: %s, to: %s, paths: [", r->groups[0]->name, r->groups[1]->name);
    for (size_t i = 0; i < c->probe_count; i++) {
        char *part = excerpt(o->tokenizer, &c->probes[i]), *name = memory_format("%s (%s)", c->word, part);
        write_path(j, line, name, roles[i], NULL, r->probes + i * size);
        free(part);
        free(name);
    }
    for (size_t i = 0; i < r->count; i++)
        write_path(j, line, r->word[i], "reference", r->groups[i >= r->first]->name, r->layers + i * size);
    json_write(j, "], groups: [");
    for (size_t g = 0; g < 2; g++) {
        json_write(j, "{name: %s, words: [", r->groups[g]->name);
        for (size_t i = g ? r->first : 0; i < (g ? r->count : r->first); i++) json_write(j, "%s", r->word[i]);
        json_write(j, "], sentences: [");
        for (size_t i = 0; i < stbds_arrlenu(r->groups[g]->sentences); i++)
            json_write(j, "%s", r->groups[g]->sentences[i]);
        json_write(j, "]");
        write_points(j, "mean", line, line->means + g * size);
        json_write(j, "}");
    }
    json_write(j, "], nearest: [");
    for (size_t i = 0; i < c->probe_count; i++) {
        double start[2], end[2];
        line_point(start, line, r->probes + i * size, 0);
        line_point(end, line, r->probes + i * size + (line->layers - 1) * line->D, line->layers - 1);
        json_write(j, "{role: %s, group: %s, start: %f, end: %f, towards: %s}", roles[i], r->groups[end[0] > 0]->name,
                   start[0], end[0], r->groups[end[0] > start[0]]->name);
    }
    json_write(j, "]}");
}
