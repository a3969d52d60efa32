/* Muon (Jordan 2024) updates the matrices of attention and feed-forward. Adam updates all else.
 *
 *     g = gradient * scale                        scale: from clipping, 1 where nothing is clipped
 *     m = 0.95 m + g
 *     u = g + 0.95 m                              Nesterov's momentum
 *     X = u / max(|u|, 1e-7)                      |u|: the square root of the sum of squares
 *     5 times: A = X X^T, X = (a I + b A + c A^2) X       (a, b, c) = (3.4445, -4.7750, 2.0315)
 *     w = w - rate (0.2 sqrt(max(rows, cols)) X + decay w)
 *
 * The 5 iterations (Newton and Schulz's) keep X's singular vectors, and bring its singular values to between 0.68 and
 * 1.20, except those below about 1/700. So a step goes about equally far in all directions of the matrix, not only in
 * those in which the gradient is large. If X has more rows than columns, they work on X^T. The factor before X (Liu et
 * al. 2025, section 2.2) makes an update's elements about as large as Adam's. So both optimisers need the same learning
 * rate and weight decay.
 *
 * These products are computed in float32, whatever train.precision is. With N tokens in a step, and n the smaller side
 * of a matrix, they have 4 to 5 n / N times as many operations as the layers' own products with that matrix. */
#pragma once

#include <stddef.h>

#include "base/pool.h"
#include "math/real.h"
#include "model/parameters.h"

#define MUON_MOMENTUM 0.95

/* One step of every matrix of attention and feed-forward (parameters_is_layer_matrix). Blocks: (params->count). Reserve
 * muon_scratch bytes for each worker of the pool before the first step. The bits do not depend on the number of
 * threads. */
void muon_update(Pool *pool, const Parameters *params, real *w, real *m, const real *gradient, double rate,
                 double scale, double weight_decay);
size_t muon_scratch(const Parameters *params);

/* Replaces X, (rows, cols), by a matrix with the same singular vectors, and singular values near 1 (see above). Zeros
 * stay zeros. scratch: muon_room(rows, cols) bytes, aligned to 64. */
void muon_orthogonalise(real *x, size_t rows, size_t cols, void *scratch);
size_t muon_room(size_t rows, size_t cols);
