#include "inspect/line.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "inspect/project.h"

/* The second axis: of the reference words at the last layer and the probes at all. */
static void find_across(double *across, const Line *line, const References *r, size_t probes) {
    const size_t D = line->D, layers = line->layers, last = layers - 1, n = r->count + probes * layers;
    double *x = memory_new(n + 3, D * sizeof *x), *axes = x + n * D, *mean = axes + 2 * D;
    for (size_t i = 0; i < n; i++) {
        const size_t layer = i < r->count ? last : (i - r->count) % layers;
        const double *from = i < r->count ? r->layers + (i * layers + last) * D : r->probes + (i - r->count) * D;
        for (size_t k = 0; k < D; k++) x[i * D + k] = from[k] - line->centre[layer * D + k];
    }
    flatten_points(x, n, line->axes, D);
    principal_axes(axes, mean, x, n, D);
    for (size_t k = 0; k < D; k++) across[k] = axes[k];
    free(x);
}

/* Takes from vectors x (count, D) the directions in which the first places differ, D / 2 at most: what is left tells of
 * words alone. positions (n, D) NULL: there are none. */
static void forget_places(double *x, size_t count, const real *positions, size_t n, size_t D) {
    double *unit = memory_new(n + 1, D * sizeof *unit);
    for (size_t p = 1; positions && p < n && p <= D / 2; p++) {
        double *one = unit + p * D, length = 0, before = 0;
        for (size_t k = 0; k < D; k++) {
            one[k] = (double)positions[p * D + k] - (double)positions[k];
            before += one[k] * one[k];
        }
        for (size_t q = 1; q < p; q++) flatten_points(one, 1, unit + q * D, D);
        for (size_t k = 0; k < D; k++) length += one[k] * one[k];
        const bool more = length > 1e-10 * before; /* else the others have it all */
        for (size_t k = 0; k < D; k++) one[k] = more ? one[k] / sqrt(length) : 0;
        flatten_points(x, count, one, D);
    }
    free(unit);
}

/* Turns the direction (D) from mean to mean away from what differs among the entries of one group: to that along which
 * the groups are far apart for how much they vary (Fisher 1936, "The use of multiple measurements"). That is a, where
 * (X^T X + e I) a = direction. X (n, D) has the entries, each less its group's mean. e is the mean of X^T X's n
 * eigenvalues: with so few entries, directions in which they do not vary by chance are trusted no more than that. The
 * method of conjugate gradients finds a in n + 1 steps. */
static void turn_away(double *direction, const double *x, size_t n, size_t D) {
    double *a = memory_new(3, D * sizeof *a), *step = a + D, *mapped = step + D, *rest = direction;
    const double e = dot_product(x, x, n * D) / (double)n, length = dot_product(rest, rest, D);
    memcpy(step, rest, D * sizeof *step);
    double left = length;
    for (size_t turn = 0; e > 0 && turn <= n && left > 1e-24 * length; turn++) {
        for (size_t k = 0; k < D; k++) mapped[k] = e * step[k];
        for (size_t i = 0; i < n; i++) {
            const double share = dot_product(x + i * D, step, D);
            for (size_t k = 0; k < D; k++) mapped[k] += share * x[i * D + k];
        }
        const double far = left / dot_product(step, mapped, D), before = left;
        for (size_t k = 0; k < D; k++) a[k] += far * step[k], rest[k] -= far * mapped[k];
        left = dot_product(rest, rest, D);
        for (size_t k = 0; k < D; k++) step[k] = rest[k] + left / before * step[k];
    }
    if (e > 0) memcpy(direction, a, D * sizeof *a);
    free(a);
}

Line line_make(const References *r, const real *positions, size_t places, size_t layers, size_t D, size_t probes) {
    Line line = {layers, D, .axes = memory_new(2 + 3 * layers, D * sizeof(double))};
    line.means = line.axes + 2 * D, line.centre = line.means + 2 * layers * D;
    memcpy(line.means, r->means, 2 * layers * D * sizeof *line.means);
    for (size_t k = 0; k < layers * D; k++) line.centre[k] = (line.means[k] + line.means[layers * D + k]) / 2;
    const double *from = line.means + (layers - 1) * D, *to = from + layers * D;
    double *along = line.axes, *across = line.axes + D, length = 0, between = 0;
    double *x = memory_new(r->count + 1, D * sizeof *x); /* entries, each less its group's mean; then the direction */
    for (size_t i = 0; i < r->count; i++)
        for (size_t k = 0; k < D; k++)
            x[i * D + k] = r->layers[(i * layers + layers - 1) * D + k] - (i < r->first ? from : to)[k];
    for (size_t k = 0; k < D; k++) x[r->count * D + k] = to[k] - from[k];
    forget_places(x, r->count + 1, positions, places, D);
    memcpy(along, x + r->count * D, D * sizeof *along);
    turn_away(along, x, r->count, D);
    free(x);
    for (size_t k = 0; k < D; k++) length += along[k] * along[k];
    length = length > 0 ? sqrt(length) : 1;
    for (size_t k = 0; k < D; k++) along[k] /= length, between += along[k] * (to[k] - from[k]);
    between = between > 0 ? between : 1;
    find_across(across, &line, r, probes);
    for (size_t k = 0; k < 2 * D; k++) line.axes[k] *= 2 / between;
    for (size_t k = 0; positions && k < D; k++) line.place += line.axes[k] * (double)positions[k];
    return line;
}

void line_free(Line *line) {
    free(line->axes);
    *line = (Line){0};
}

void line_point(double xy[2], const Line *line, const double *x, size_t layer) {
    project_point(xy, x, line->axes, line->centre + layer * line->D, line->D);
}
