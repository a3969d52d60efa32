/* The linear maps: what a head's query, key and value projections do to two groups of words.
 *
 * Before and after a map, the words are drawn alike: across, along the line between the two groups' means; up, along
 * the direction in which they differ most otherwise. The unit is the scatter of the drawing: the root mean square
 * distance of its points from the mean of their own group. So the distance of the means in the drawing is the score:
 * how many times their scatter the groups are apart. A map takes the one line to the other, as it is linear. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"

#include "inspect/inspect.h"
#include "inspect/project.h"
#include "nn/linear.h"

/* axes: (2, D), in units of the scatter; mean: (D) half-way between the groups' means. x (n, D): the first n1 are one
 * group. Returns the score. */
static double separate(double *axes, double *mean, const double *x, size_t n1, size_t n, size_t D) {
    double *rest = memory_new(n + 5, D * sizeof *rest), *principal = rest + n * D, *means = principal + 3 * D;
    double length = 0, squares = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < D; k++) means[(i >= n1) * D + k] += x[i * D + k] / (double)(i >= n1 ? n - n1 : n1);
    for (size_t k = 0; k < D; k++) {
        axes[k] = means[D + k] - means[k], mean[k] = (means[k] + means[D + k]) / 2;
        length += axes[k] * axes[k];
    }
    length = sqrt(length);
    for (size_t k = 0; k < D; k++) axes[k] /= length > 0 ? length : 1;
    memcpy(rest, x, n * D * sizeof *rest);
    flatten_points(rest, n, axes, D);
    principal_axes(principal, principal + 2 * D, rest, n, D);
    memcpy(axes + D, principal, D * sizeof *axes);
    for (size_t i = 0; i < n; i++) {
        double xy[2];
        project_point(xy, x + i * D, axes, means + (i >= n1) * D, D);
        squares += xy[0] * xy[0] + xy[1] * xy[1];
    }
    const double scatter = squares > 0 ? sqrt(squares / (double)n) : 1;
    for (size_t k = 0; k < 2 * D; k++) axes[k] /= scatter;
    free(rest);
    return length / scatter;
}

static void write_points(Json *j, const char *key, const double *x, size_t n, size_t D, const double *axes,
                         const double *mean) {
    json_write(json_key(j, key), "[");
    for (size_t i = 0; i < n; i++) {
        double xy[2];
        project_point(xy, x + i * D, axes, mean, D);
        json_write(j, "[%f, %f]", xy[0], xy[1]);
    }
    json_write(j, "]");
}

/* The map as it is between the two drawings: entry (i, j) is how far the image of one unit along before's axis j goes
 * along after's axis i. W: (K, D). An axis (of length 1 / scatter) along which nothing varies is 0. */
static void between_planes(double matrix[2][2], const real *W, const double *before, const double *after, size_t K,
                           size_t D) {
    for (size_t j = 0; j < 2; j++) {
        double square = 0;
        for (size_t c = 0; c < D; c++) square += before[j * D + c] * before[j * D + c];
        for (size_t i = 0; i < 2; i++) {
            matrix[i][j] = 0;
            for (size_t k = 0; k < K; k++) {
                double sum = 0;
                for (size_t c = 0; c < D; c++) sum += (double)W[k * D + c] * before[j * D + c];
                matrix[i][j] += after[i * K + k] * sum / (square > 0 ? square : 1);
            }
        }
    }
}

typedef struct Best {
    double most;
    size_t number, next; /* next: the number of the next item */
} Best;

/* The items of one layer. */
static void write_layer(Json *j, const References *r, const Observation *o, size_t l, Best *best) {
    static const char *const maps[] = {"query", "key", "value"};
    const Hyper *h = &o->file->params.hyper;
    const size_t D = h->width, H = h->heads, K = D / H, n = r->count;
    const LinearParams in = o->file->params.encoder[l].self_attention.in;
    real *x = memory_new(n, 4 * D * sizeof *x), *y = x + n * D;                          /* (n, D), (n, 3D) */
    double *before = memory_new(n + 6, 2 * D * sizeof *before), *after = before + n * D; /* (n, D), (n, K) */
    double *axes = after + n * K, *mean = axes + 2 * D, *axes_after = mean + D, *mean_after = axes_after + 2 * K;
    for (size_t i = 0; i < n; i++)
        memcpy(before + i * D, r->inputs + (i * h->encoder_layers + l) * D, D * sizeof *before);
    for (size_t i = 0; i < n * D; i++) x[i] = (real)before[i];
    linear_forward(o->pass.net.compute, y, x, o->pass.net.w + in.weight, o->pass.net.w + in.bias, n, D, 3 * D);
    const double score = separate(axes, mean, before, r->first, n, D);
    for (size_t head = 0; head < H; head++)
        for (size_t map = 0; map < 3; map++, best->next++) {
            const size_t first = map * D + head * K;
            for (size_t i = 0; i < n * K; i++) after[i] = (double)y[i / K * 3 * D + first + i % K];
            const double score_after = separate(axes_after, mean_after, after, r->first, n, K);
            double matrix[2][2];
            between_planes(matrix, o->pass.net.w + in.weight + first * D, axes, axes_after, K, D);
            const PlaneMap plane = plane_map((const double(*)[2])matrix);
            if (score_after > best->most) best->most = score_after, best->number = best->next;
            json_write(j, "{kind: %s, layer: %zu, head: %zu, map: %s, score_before: %g, score: %g", "encoder", l, head,
                       maps[map], score, score_after);
            json_write(j, "matrix: [[%f, %f], [%f, %f]], scale: [%f, %f], shear: %f", matrix[0][0], matrix[0][1],
                       matrix[1][0], matrix[1][1], plane.scale[0], plane.scale[1], plane.shear);
            write_points(j, "before", before, n, D, axes, mean);
            write_points(j, "after", after, n, K, axes_after, mean_after);
            json_write(j, "}");
        }
    free(x);
    free(before);
}

static void write_maps(Json *j, const References *r, const Observation *o) {
    json_write(j, "maps: {groups: [");
    for (size_t g = 0; g < 2; g++) {
        json_write(j, "{name: %s, words: [", r->groups[g]->name);
        for (size_t i = g ? r->first : 0; i < (g ? r->count : r->first); i++) json_write(j, "%s", r->name[i]);
        json_write(j, "]}");
    }
    json_write(j, "], items: [");
    Best best = {-1, 0, 0};
    for (size_t l = 0; l < o->file->params.hyper.encoder_layers; l++) write_layer(j, r, o, l, &best);
    json_write(j, "], best: %zu}", best.number);
}

bool inspect_write_maps(Json *j, const Observation *o, const Group *groups, const Meaning *meaning, Error *err) {
    bool ok = true, written = false;
    for (int turn = 0; stbds_arrlenu(groups) > 0 && ok && !written && turn < 2; turn++) {
        const bool first = turn > 0 || !meaning->word;
        const GroupPair pair = first ? (GroupPair){0, 1} : groups_pair(groups, o->tokenizer, meaning->word);
        References r;
        if (!(ok = references_make(&r, o, groups, pair, NULL, NULL, 0, err))) break;
        written = r.first >= 2 && r.count - r.first >= 2; /* else there is too little to compare */
        if (written) write_maps(j, &r, o);
        references_free(&r);
    }
    if (!written) json_write(j, "maps: null");
    return ok;
}
