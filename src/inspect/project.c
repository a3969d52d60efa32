#include "inspect/project.h"

#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "math/vector.h"

double dot_product(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

double row_cosine(const real *a, const real *b, size_t n) {
    const double lengths = sqrt(vector_square_sum(a, n) * vector_square_sum(b, n));
    return lengths > 0 ? (double)vector_dot(a, b, n) / lengths : 0;
}

/* Eigenvectors of a symmetric matrix a (n, n), into the columns of u; a becomes diagonal, its eigenvalues. Cyclic
 * Jacobi: each rotation makes one pair of elements off the diagonal 0. */
static void jacobi(double *a, double *u, size_t n) {
    for (size_t i = 0; i < n * n; i++) u[i] = i % (n + 1) == 0;
    for (int sweep = 0; sweep < 30; sweep++) {
        double off = 0, all = 0;
        for (size_t i = 0; i < n * n; i++) all += a[i] * a[i], off += i % (n + 1) == 0 ? 0 : a[i] * a[i];
        if (off <= 1e-26 * all) return;
        for (size_t p = 0; p < n; p++)
            for (size_t q = p + 1; q < n; q++) {
                if (a[p * n + q] == 0) continue;
                const double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
                const double t = (theta < 0 ? -1 : 1) / (fabs(theta) + sqrt(theta * theta + 1));
                const double c = 1 / sqrt(t * t + 1), s = t * c;
                for (size_t k = 0; k < n; k++) { /* columns, then rows */
                    const double x = a[k * n + p], y = a[k * n + q], v = u[k * n + p], w = u[k * n + q];
                    a[k * n + p] = c * x - s * y, a[k * n + q] = s * x + c * y;
                    u[k * n + p] = c * v - s * w, u[k * n + q] = s * v + c * w;
                }
                for (size_t k = 0; k < n; k++) {
                    const double x = a[p * n + k], y = a[q * n + k];
                    a[p * n + k] = c * x - s * y, a[q * n + k] = s * x + c * y;
                }
            }
    }
}

void principal_axes(double *axes, double *mean, const double *x, size_t n, size_t D) {
    double *centred = memory_new(n, D * sizeof *centred), *gram = memory_new(n, n * sizeof *gram);
    double *u = memory_new(n, n * sizeof *u), total = 0;
    for (size_t k = 0; k < D; k++) {
        mean[k] = 0;
        for (size_t i = 0; i < n; i++) mean[k] += x[i * D + k] / (double)n;
    }
    for (size_t i = 0; i < n * D; i++) centred[i] = x[i] - mean[i % D];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) gram[i * n + j] = dot_product(centred + i * D, centred + j * D, D);
    jacobi(gram, u, n);
    for (size_t i = 0; i < n; i++) total += gram[i * n + i];
    for (size_t k = 0; k < 2 * D; k++) axes[k] = 0;
    for (size_t axis = 0, taken = n; axis < 2 && axis < n; axis++) {
        size_t best = n;
        for (size_t i = 0; i < n; i++)
            if (i != taken && (best == n || gram[i * n + i] > gram[best * n + best])) best = i;
        taken = best;
        const double variance = gram[best * n + best];
        if (!(variance > 1e-12 * total)) break;
        double *out = axes + axis * D, largest = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < D; k++) out[k] += u[i * n + best] * centred[i * D + k] / sqrt(variance);
        for (size_t k = 0; k < D; k++)
            if (fabs(out[k]) > fabs(largest)) largest = out[k];
        for (size_t k = 0; largest < 0 && k < D; k++) out[k] = -out[k];
    }
    free(centred);
    free(gram);
    free(u);
}

void project_point(double xy[2], const double *x, const double *axes, const double *mean, size_t D) {
    xy[0] = dot_product(x, axes, D) - dot_product(mean, axes, D);
    xy[1] = dot_product(x, axes + D, D) - dot_product(mean, axes + D, D);
}

void flatten_points(double *x, size_t n, const double *unit, size_t D) {
    for (size_t i = 0; i < n; i++) {
        const double along = dot_product(x + i * D, unit, D);
        for (size_t k = 0; k < D; k++) x[i * D + k] -= along * unit[k];
    }
}

PlaneMap plane_map(const double m[2][2]) {
    const double first = hypot(m[0][0], m[1][0]), determinant = m[0][0] * m[1][1] - m[0][1] * m[1][0];
    if (!(first > 0)) return (PlaneMap){0, {0, hypot(m[0][1], m[1][1])}, 0};
    return (PlaneMap){.rotation = atan2(m[1][0], m[0][0]) * 180 / acos(-1),
                      .scale = {first, determinant / first},
                      .shear = (m[0][0] * m[0][1] + m[1][0] * m[1][1]) / (first * first)};
}
