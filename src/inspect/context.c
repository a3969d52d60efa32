/* The context view: how the words around it pull a word, layer by layer, from its embedding to one of its meanings. */
#include <math.h>
#include <stdlib.h>

#include "base/ds.h"
#include "inspect/inspect.h"

static const char *const roles[] = {"this", "compare"}; /* of the probes */

/* A word's or group's points at all layers. x: (layers, D) */
static void write_points(Json *j, const char *key, const Line *line, const double *x) {
    json_write(json_key(j, key), "[");
    for (size_t l = 0; l < line->layers; l++) {
        double xy[2];
        line_point(xy, line, x + l * line->D, l);
        for (size_t axis = 0; axis < 2; axis++) xy[axis] = fabs(xy[axis]) < 1e-9 ? 0 : xy[axis]; /* rounding */
        json_write(j, "[%f, %f]", xy[0], xy[1]);
    }
    json_write(j, "]");
}

static void write_path(Json *j, const Line *line, const char *name, const char *role, const char *group,
                       const double *x) {
    json_write(j, "{name: %s, role: %s", name, role);
    json_write(json_key(j, "group"), group ? "%s" : "null", group);
    write_points(j, "xy", line, x);
    json_write(j, "}");
}

void inspect_write_context(Json *j, const Observation *o, const Meaning *c) {
    if (c->line.layers == 0) {
        json_write(j, "context: null");
        return;
    }
    const References *r = &c->references;
    const Line *line = &c->line;
    const size_t size = line->layers * line->D;
    json_write(j, "context: {word: %s, sentence: %s, compare: %s, layers: %zu", c->word, c->sentence, c->compare,
               line->layers);
    json_write(j, "own: %i, from: %s, to: %s, paths: [", r->own, r->groups[0]->name, r->groups[1]->name);
    for (size_t i = 0; i < c->probe_count; i++) {
        char *part = mention_excerpt(&c->probes[i], o->tokenizer), *name = memory_format("%s (%s)", c->word, part);
        write_path(j, line, name, roles[i], NULL, r->probes + i * size);
        free(part);
        free(name);
    }
    for (size_t i = 0; i < r->count; i++)
        write_path(j, line, r->name[i], "reference", r->groups[i >= r->first]->name, r->layers + i * size);
    json_write(j, "], groups: [");
    for (size_t g = 0; g < 2; g++) {
        json_write(j, "{name: %s, words: [", r->groups[g]->name);
        for (size_t i = 0; i < stbds_arrlenu(r->groups[g]->words); i++) json_write(j, "%s", r->groups[g]->words[i]);
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
        if (fabs(start[0]) < 1e-9) start[0] = 0;
        json_write(j, "{role: %s, group: %s, start: %f, end: %f, towards: %s}", roles[i], r->groups[end[0] > 0]->name,
                   start[0], end[0], r->groups[end[0] > start[0]]->name);
    }
    json_write(j, "]}");
}
