/* The line between two groups of words, and where words are along it, layer by layer.
 *
 * The line is the direction along which the two groups' entries, at the last layer, are best told apart: the distance
 * of their means is large, compared with how much the entries of one group vary (Fisher's discriminant). The plain line
 * from mean to mean would follow any chance difference between a few sentences, such as that more of them end with the
 * word. The directions in which the vectors of the first 12 places differ are left out as well, because entries of one
 * group may come earlier in their sentences than those of the other, and that is no part of a meaning. (Where these
 * would be more than half of all directions, fewer places count.) It is the same direction at every layer. A layer's
 * zero is half-way between the two means there; a unit is half their distance along the line at the last layer, so that
 * there the means are at -1 and +1. A second axis, at right angles, is for drawing: the direction in which the words
 * differ most otherwise.
 *
 * What a place along the line says is the same in every view: below 0 a word is on the first group's side. */
#pragma once

#include "inspect/references.h"

typedef struct Line {
    size_t layers, D;
    double *axes;   /* (2, D) both divided by the unit; the second may be 0 */
    double *means;  /* (2, layers, D) of the groups */
    double *centre; /* (layers, D) half-way between them */
    double place;   /* where the vector of place 0 is along the line; those of the other places that were left out are
                       there, too */
} Line;

/* positions: (places, D) the vectors of the first places; NULL: none. layers: n + 1. probes: how many r has. Release
 * with line_free. */
Line line_make(const References *r, const real *positions, size_t places, size_t layers, size_t D, size_t probes);
void line_free(Line *line);

/* Where a vector (D) is at a layer: along the line, and across it. */
void line_point(double xy[2], const Line *line, const double *x, size_t layer);
