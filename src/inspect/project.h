/* Seeing many dimensions in two: principal axes, and what a 2 x 2 matrix does to a plane. */
#pragma once

#include <stddef.h>

#include "math/real.h"

/* The two principal axes of n points around their mean: the directions in which they vary most (Pearson 1901), as unit
 * vectors at right angles; mean: (D). They are found by way of the n x n matrix of the points' dot products, whose
 * eigenvectors u (Jacobi's method) give the axes X^T u. An axis along which nothing varies is 0. Each points to where
 * its largest component is positive. x: (n, D)   axes: (2, D) */
void principal_axes(double *axes, double *mean, const double *x, size_t n, size_t D);

/* (x - mean) . axes into xy[2]; x: (D) */
void project_point(double xy[2], const double *x, const double *axes, const double *mean, size_t D);

/* Takes from each of n points x (n, D) what lies along a unit vector. */
void flatten_points(double *x, size_t n, const double *unit, size_t D);

/* matrix = rotation diag(s1, s2) [1 k; 0 1]: shears by k along the first axis, scales the axes, then turns by
 * `rotation` degrees. A negative s2 mirrors. */
typedef struct PlaneMap {
    double rotation, scale[2], shear;
} PlaneMap;
PlaneMap plane_map(const double matrix[2][2]);

double dot_product(const double *a, const double *b, size_t n);

/* The cosine of two rows (n); 0 where either is 0. */
double row_cosine(const real *a, const real *b, size_t n);
