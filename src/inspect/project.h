/* Seeing many dimensions in two: principal axes, Fisher's ratio, and what a 2 x 2 matrix does to a plane. */
#pragma once

#include <stddef.h>

#include "base/exact.h"

/* The two principal axes of n points around their mean: the directions in which they vary most (Pearson 1901), as unit
 * vectors at right angles; mean: (D). They are found by way of the n x n matrix of the points' dot products, whose
 * eigenvectors u (Jacobi's method) give the axes X^T u. An axis along which nothing varies is 0. Each points to where
 * its largest component is positive. x: (n, D)   axes: (2, D) */
void principal_axes(double *axes, double *mean, const double *x, size_t n, size_t D);

/* (x - mean) . axes into xy[2]; x: (D) */
void project_point(double xy[2], const double *x, const double *axes, const double *mean, size_t D);

/* Fisher's ratio of two groups of points, how far apart they are against how wide: |m1 - m2|^2 / (v1 + v2), with m a
 * group's mean and v the mean squared distance of its points from it (Fisher 1936, without the choice of a direction).
 * The first n1 rows of x (n1 + n2, D) are one group. 0 where v1 + v2 is. */
double fisher_ratio(const double *x, size_t n1, size_t n2, size_t D);

/* matrix = rotation diag(s1, s2) [1 k; 0 1]: shears by k along the first axis, scales the axes, then turns by
 * `rotation` degrees. A negative s2 mirrors. */
typedef struct PlaneMap {
    double rotation, scale[2], shear;
} PlaneMap;
PlaneMap plane_map(const double matrix[2][2]);

double cosine(const double *a, const double *b, size_t D); /* 0 where either is 0 */
