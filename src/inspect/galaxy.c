/* The galaxy: words of the vocabulary as the encoder's embedding table places them, in two dimensions. Across: the line
 * between the means of the first two groups of words, in the groups' order. Up: the direction in which the means of all
 * groups differ most otherwise. Words that two groups have are in no mean and no group, as they belong to both. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "inspect/inspect.h"
#include "inspect/project.h"
#include "math/vector.h"
#include "text/utf8.h"

/* Whether a token is a space and letters, two at least. */
static bool is_word(const Tokenizer *tokenizer, int32_t id) {
    size_t length, letters = 0;
    const char *bytes = tokenizer_token_bytes(tokenizer, id, &length);
    if (bytes[0] != ' ') return false;
    for (size_t at = 1, size; at < length; at += size, letters++) {
        uint32_t code;
        size = utf8_decode(&code, bytes + at, length - at);
        if (utf8_class(code) != UTF8_LETTER) return false;
    }
    return letters > 1;
}

/* Whether the word of a token was in the sources of the training, as far as the model file knows. */
static bool was_seen(const ModelInfo *info, const Tokenizer *tokenizer, int32_t id) {
    size_t length;
    const char *bytes = tokenizer_token_bytes(tokenizer, id, &length);
    UnseenWord *unseen = NULL;
    char *read = NULL;
    words_unseen(&unseen, &read, info->seen, (Text){bytes + 1, length - 1}, info->text);
    const bool seen = stbds_arrlenu(unseen) == 0;
    stbds_arrfree(unseen);
    stbds_arrfree(read);
    return seen;
}

/* The token that is this whole word, or -1. */
static int32_t token_of(const Tokenizer *tokenizer, const char *word) {
    int32_t *ids = NULL;
    tokenizer_encode(tokenizer, &ids, word, strlen(word));
    const int32_t id = stbds_arrlenu(ids) == 1 ? ids[0] : -1;
    stbds_arrfree(ids);
    return id;
}

static int compare_doubles(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* kind (V): the group of each token, NONE for words of no group, ELSE for what is no word. Words are those that the
 * model read in its training; where its file does not know them, all that begin with a space, except rows that are much
 * shorter than most: those were never trained, and only longer pieces are made of them. */
enum { NONE = -1, ELSE = -2 };

static void find_words(int *kind, const Observation *o, const Group *groups, const real *table) {
    const size_t V = o->file->params.hyper.vocab, D = o->file->params.hyper.width;
    double *lengths = memory_new(V + 1, sizeof *lengths);
    size_t count = 0;
    for (size_t v = 0; v < V; v++) {
        const bool word = is_word(o->tokenizer, (int32_t)v) && was_seen(&o->file->info, o->tokenizer, (int32_t)v);
        kind[v] = word ? NONE : ELSE;
        if (kind[v] == NONE) lengths[count++] = sqrt(vector_square_sum(table + v * D, D));
    }
    qsort(lengths, count, sizeof *lengths, compare_doubles);
    const double least = lengths[count / 2] / 2;
    for (size_t v = 0; v < V; v++)
        if (kind[v] == NONE && sqrt(vector_square_sum(table + v * D, D)) < least) kind[v] = ELSE;
    for (size_t g = 0; g < stbds_arrlenu(groups); g++)
        for (size_t i = 0; i < stbds_arrlenu(groups[g].words); i++) {
            const char *word = groups[g].words[i];
            const int32_t id = token_of(o->tokenizer, word);
            if (id >= 0 && kind[id] != ELSE && groups_with(groups, o->tokenizer, word) == 1) kind[id] = (int)g;
        }
    free(lengths);
}

/* The groups' means (groups, D), and how many tokens each has. */
static void find_means(double *means, size_t *members, const int *kind, const real *table, size_t V, size_t D) {
    for (size_t v = 0; v < V; v++)
        if (kind[v] >= 0) members[kind[v]]++;
    for (size_t v = 0; v < V; v++)
        for (size_t k = 0; kind[v] >= 0 && k < D; k++)
            means[(size_t)kind[v] * D + k] += (double)table[v * D + k] / (double)members[kind[v]];
}

/* The two axes (2, D) and the point (D) that is 0, half-way between the first two means, which are at -1 and 1. */
static void find_axes(double *axes, double *zero, const double *means, const size_t *members, size_t groups, size_t D) {
    double *rest = memory_new(groups + 3, D * sizeof *rest), *principal = rest + groups * D, length = 0;
    for (size_t k = 0; k < D; k++) {
        axes[k] = means[D + k] - means[k];
        zero[k] = (means[D + k] + means[k]) / 2;
        length += axes[k] * axes[k];
    }
    length = length > 0 ? sqrt(length) : 1;
    for (size_t k = 0; k < D; k++) axes[k] /= length;
    size_t count = 0;
    for (size_t g = 0; g < groups; g++) {
        if (members[g] == 0) continue;
        double along = 0;
        for (size_t k = 0; k < D; k++) along += means[g * D + k] * axes[k];
        for (size_t k = 0; k < D; k++) rest[count * D + k] = means[g * D + k] - along * axes[k];
        count++;
    }
    principal_axes(principal, principal + 2 * D, rest, count, D);
    for (size_t k = 0; k < D; k++) axes[k] *= 2 / length, axes[D + k] = principal[k] * 2 / length;
    free(rest);
}

/* How many words of the first two groups have one of their own group nearest to them among all of both, by the cosine
 * of their whole rows. Unlike the drawing, this does not know the groups: with random rows it is what chance gives. */
static size_t count_near(const int *kind, const real *table, size_t V, size_t D) {
    size_t near = 0;
    for (size_t v = 0; v < V; v++) {
        if (kind[v] != 0 && kind[v] != 1) continue;
        double most = -INFINITY;
        int nearest = NONE;
        for (size_t u = 0; u < V; u++) {
            if (u == v || (kind[u] != 0 && kind[u] != 1)) continue;
            const double c = row_cosine(table + v * D, table + u * D, D);
            if (c > most) most = c, nearest = kind[u];
        }
        near += nearest == kind[v];
    }
    return near;
}

static void write_words(Json *j, const Observation *o, const int *kind, const real *table, const double *axes,
                        const double *zero) {
    const size_t V = o->file->params.hyper.vocab, D = o->file->params.hyper.width;
    double *x = memory_new(D, sizeof *x);
    bool *here = memory_new(V, sizeof *here);
    size_t count = 0;
    for (size_t i = 0; i < o->S; i++) here[o->source[i]] = true;
    json_write(j, "words: [");
    /* first the groups' and the sentence's, then the others, the commonest first, as merges are learnt in that order */
    for (int turn = 0; turn < 2; turn++)
        for (size_t v = 0; v < V && count < INSPECT_GALAXY; v++) {
            if (kind[v] == ELSE || (turn == 0) != (kind[v] >= 0 || here[v])) continue;
            double xy[2];
            for (size_t k = 0; k < D; k++) x[k] = (double)table[v * D + k];
            project_point(xy, x, axes, zero, D);
            json_write(j, "{");
            inspect_write_token(j, o->tokenizer, (int32_t)v);
            json_write(j, "group: %d, here: %i, xy: [%f, %f]}", kind[v], here[v], xy[0], xy[1]);
            count++;
        }
    json_write(j, "]");
    free(x);
    free(here);
}

void inspect_write_galaxy(Json *j, const Observation *o, const Group *groups) {
    const Parameters *params = &o->file->params;
    const size_t V = params->hyper.vocab, D = params->hyper.width, count = stbds_arrlenu(groups);
    const real *table = o->pass.net.w + params->encoder_embedding;
    int *kind = memory_new(V, sizeof *kind);
    double *means = memory_new(count + 3, D * sizeof *means), *axes = means + count * D;
    size_t *members = memory_new(count, sizeof *members);
    find_words(kind, o, groups, table);
    find_means(means, members, kind, table, V, D);
    if (count == 0 || members[0] == 0 || members[1] == 0) {
        json_write(j, "galaxy: null");
    } else {
        find_axes(axes, axes + 2 * D, means, members, count, D);
        json_write(j, "galaxy: {groups: [");
        for (size_t g = 0; g < count; g++) json_write(j, "%s", groups[g].name);
        json_write(j, "], axes: [%s, %s], near: %zu", groups[0].name, groups[1].name, count_near(kind, table, V, D));
        write_words(j, o, kind, table, axes, axes + 2 * D);
        json_write(j, "}");
    }
    free(kind);
    free(means);
    free(members);
}
