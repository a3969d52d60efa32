/* The context view: how the words around it pull a word, layer by layer, from its embedding to one of its meanings. */
#include <math.h>
#include <stdlib.h>

#include "base/ds.h"
#include "inspect/inspect.h"
#include "inspect/project.h"

static const char *const roles[] = {"this", "compare"}; /* of the probes */

/* What everything is drawn in: at each layer, points are taken relative to the mean of the groups' means, in units of
 * the reference words' distance from it (root mean square), along two directions that are the same at all layers. */
typedef struct Space {
    size_t layers, groups, D;
    double *block;     /* has the four that follow */
    double *means;     /* (groups, layers, D) */
    double *centre;    /* (layers, D) */
    double *axes;      /* (2, D), and room for one that is not used */
    double *unit;      /* (layers) */
    size_t between[2]; /* the two groups that the first axis goes from and to */
} Space;

static double *row(double *x, const Space *s, size_t i, size_t layer) { return x + (i * s->layers + layer) * s->D; }

/* out = point - the layer's centre */
static void centred(const Space *s, double *out, const double *point, size_t layer) {
    for (size_t k = 0; k < s->D; k++) out[k] = point[k] - s->centre[layer * s->D + k];
}

static Space space_make(const References *r, size_t groups, size_t layers, size_t D) {
    Space s = {layers, groups, D, .block = memory_new(((groups + 1) * layers + 3) * D + layers, sizeof(double))};
    s.means = s.block, s.centre = s.means + groups * layers * D;
    s.axes = s.centre + layers * D, s.unit = s.axes + 3 * D;
    size_t *members = memory_new(groups, sizeof *members);
    double *mean = memory_new(D, sizeof *mean);
    for (size_t i = 0; i < r->count; i++) members[r->group[i]]++;
    for (size_t l = 0; l < layers; l++) {
        for (size_t i = 0; i < r->count; i++)
            for (size_t k = 0; k < D; k++) {
                const double value = row(r->layers, &s, i, l)[k];
                row(s.means, &s, r->group[i], l)[k] += value / (double)members[r->group[i]];
            }
        for (size_t g = 0; g < groups; g++)
            for (size_t k = 0; k < D; k++) s.centre[l * D + k] += row(s.means, &s, g, l)[k] / (double)groups;
        for (size_t i = 0; i < r->count; i++) {
            centred(&s, mean, row(r->layers, &s, i, l), l);
            for (size_t k = 0; k < D; k++) s.unit[l] += mean[k] * mean[k] / (double)r->count;
        }
        s.unit[l] = s.unit[l] > 0 ? sqrt(s.unit[l]) : 1;
    }
    free(members);
    free(mean);
    return s;
}

/* The cosine of probe and group mean at a layer, both relative to its centre. */
static double cosine_at(const Space *s, const References *r, size_t probe, size_t group, size_t layer) {
    double *a = memory_new(2, s->D * sizeof *a), *b = a + s->D;
    centred(s, a, row(r->probes, s, probe, layer), layer);
    centred(s, b, row(s->means, s, group, layer), layer);
    const double found = cosine(a, b, s->D);
    free(a);
    return found;
}

/* The group nearest to a probe at the encoder's output, one left out (or none: SIZE_MAX). */
static size_t nearest(const Space *s, const References *r, size_t probe, size_t but) {
    const size_t last = s->layers - 1;
    size_t best = SIZE_MAX;
    for (size_t g = 0; g < s->groups; g++)
        if (g != but && (best == SIZE_MAX || cosine_at(s, r, probe, g, last) > cosine_at(s, r, probe, best, last)))
            best = g;
    return best;
}

/* The axes, at the encoder's output: from the mean of the group that the word is nearest to in this sentence to that of
 * the one it is nearest to in the other (or second nearest to in this); and, at right angles, the direction in which
 * the reference words vary most otherwise. */
static void find_axes(Space *s, const References *r, size_t probes) {
    const size_t D = s->D, last = s->layers - 1;
    s->between[0] = nearest(s, r, 0, SIZE_MAX);
    s->between[1] = probes > 1 ? nearest(s, r, 1, SIZE_MAX) : s->between[0];
    if (s->between[1] == s->between[0] && s->groups > 1) s->between[1] = nearest(s, r, 0, s->between[0]);
    double *words = memory_new(r->count + 1, D * sizeof *words), *mean = words + r->count * D;
    double *first = s->axes, length = 0;
    for (size_t k = 0; k < D; k++) {
        first[k] = row(s->means, s, s->between[1], last)[k] - row(s->means, s, s->between[0], last)[k];
        length += first[k] * first[k];
    }
    for (size_t k = 0; k < D; k++) first[k] /= length > 0 ? sqrt(length) : 1;
    for (size_t i = 0; i < r->count; i++) {
        const double *word = row(r->layers, s, i, last);
        double along = 0;
        for (size_t k = 0; k < D; k++) along += word[k] * first[k];
        for (size_t k = 0; k < D; k++) words[i * D + k] = word[k] - along * first[k];
    }
    principal_axes(s->axes + D, mean, words, r->count, D);
    free(words);
}

/* A word's or group's points at all layers. */
static void write_points(Json *j, const char *key, const Space *s, double *x, size_t i) {
    json_write(json_key(j, key), "[");
    for (size_t l = 0; l < s->layers; l++) {
        double xy[2];
        project_point(xy, row(x, s, i, l), s->axes, s->centre + l * s->D, s->D);
        json_write(j, "[%f, %f]", xy[0] / s->unit[l], xy[1] / s->unit[l]);
    }
    json_write(j, "]");
}

static void write_path(Json *j, const Space *s, const char *name, const char *role, const char *group, double *x,
                       size_t i) {
    json_write(j, "{name: %s, role: %s", name, role);
    json_write(json_key(j, "group"), group ? "%s" : "null", group);
    write_points(j, "xy", s, x, i);
    json_write(j, "}");
}

static void write_groups(Json *j, const Space *s, const References *r, const Group *groups) {
    json_write(j, "groups: [");
    for (size_t g = 0; g < s->groups; g++) {
        json_write(j, "{name: %s, words: [", groups[g].name);
        for (size_t i = 0; i < r->count; i++)
            if (r->group[i] == g) json_write(j, "%s", r->word[i]);
        json_write(j, "], sentences: [");
        for (size_t i = 0; i < stbds_arrlenu(groups[g].sentences); i++) json_write(j, "%s", groups[g].sentences[i]);
        json_write(j, "]");
        write_points(j, "mean", s, s->means, g);
        json_write(j, "}");
    }
    json_write(j, "]");
}

static void write_cosines(Json *j, const Space *s, const References *r, const Group *groups, size_t probe) {
    for (size_t g = 0; g < s->groups; g++) {
        json_write(j, "{role: %s, group: %s, by_layer: [", roles[probe], groups[g].name);
        for (size_t l = 0; l < s->layers; l++) json_write(j, "%f", cosine_at(s, r, probe, g, l));
        json_write(j, "]}");
    }
}

void inspect_write_context(Json *j, const References *r, const InspectRequest *request, const char *word,
                           const char *sentence, const Observation *o) {
    if (!word) {
        json_write(j, "context: null");
        return;
    }
    const Group *groups = request->groups;
    const size_t probes = request->compare ? 2 : 1;
    Space s =
        space_make(r, stbds_arrlenu(groups), o->file->params.hyper.encoder_layers + 1, o->file->params.hyper.width);
    find_axes(&s, r, probes);
    json_write(j, "context: {word: %s, sentence: %s, compare: %s, layers: %zu", word, sentence, request->compare,
               s.layers);
    char *axes =
        memory_format("across: from the mean of %s to that of %s at the encoder's output; up: what the reference "
                      "words differ in most besides. The same directions at every layer; points are relative to "
                      "the mean of the groups' means at their layer, in units of the reference words' distance "
                      "from it",
                      groups[s.between[0]].name, groups[s.between[1]].name);
    json_write(j, "axes: %s", axes);
    free(axes);
    json_write(j, "paths: [");
    for (size_t i = 0; i < probes; i++) {
        char *name = memory_format("%s (%s sentence)", word, i == 0 ? "this" : "the other");
        write_path(j, &s, name, roles[i], NULL, r->probes, i);
        free(name);
    }
    for (size_t i = 0; i < r->count; i++)
        write_path(j, &s, r->word[i], "reference", groups[r->group[i]].name, r->layers, i);
    json_write(j, "]");
    write_groups(j, &s, r, groups);
    json_write(j, "cosines: [");
    for (size_t i = 0; i < probes; i++) write_cosines(j, &s, r, groups, i);
    json_write(j, "], nearest: [");
    for (size_t i = 0; i < probes; i++)
        json_write(j, "{role: %s, group: %s}", roles[i], groups[nearest(&s, r, i, SIZE_MAX)].name);
    json_write(j, "]}");
    free(s.block);
}
