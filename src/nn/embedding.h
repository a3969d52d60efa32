/* Token embedding plus position (Vaswani et al. 2017, sections 3.4 and 3.5):
 *
 *     out[n] = table[token[n]] sqrt(D) + position[n - start of its sentence]       position NULL: nothing is added
 *
 *     dout -> dtable[token[n]] += dout[n] sqrt(D)      dposition[p] += dout[n], for learned positions
 *
 * Positions are learned, or sine and cosine interleaved:
 *
 *     position[p][2i] = sin(p / 10000^(2i/D))     position[p][2i + 1] = cos(p / 10000^(2i/D))
 *
 * out: (N, D)   token: (N)   start: (B + 1), the packed sentences   table: (V, D)   position: (P, D) */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/pool.h"
#include "math/real.h"

/* Fills position (P, D), D even, with sines and cosines. */
void embedding_positions(real *position, size_t P, size_t D);

/* Tokens must be below V and sentences no longer than P; the caller has checked. */
void embedding_forward(Pool *pool, real *out, const int32_t *token, const uint32_t *start, const real *table,
                       const real *position, size_t B, size_t D);

/* Adds to dtable and, unless NULL, dposition. */
void embedding_backward(Pool *pool, real *dtable, real *dposition, const real *dout, const int32_t *token,
                        const uint32_t *start, size_t B, size_t D);
