/* Multi-head attention with its projections (Vaswani et al. 2017, section 3.2.2):
 *
 *     q = x Wq^T + bq     k = m Wk^T + bk     v = m Wv^T + bv     out = attention(q, k, v) Wo^T + bo
 *
 * Self-attention has m = x, and computes q, k and v as one product with the three weights, which stand one after
 * another in the parameter block; cross-attention has m = the encoder's output, and computes q, then k and v together.
 *
 * x, out: (Nq, D)   m: (Nk, D)   Wq, Wk, Wv, Wo: (D, D) */
#ifndef NMT_NN_MULTIHEAD_H
#define NMT_NN_MULTIHEAD_H

#include <stddef.h>

#include "base/arena.h"
#include "math/real.h"
#include "nn/attention.h"
#include "nn/dropout.h"
#include "nn/linear.h"

/* Offsets in the parameter block. in.weight: (3D, D), the rows of Wq, Wk, Wv; in.bias: (3D). */
typedef struct MultiheadParams {
    LinearParams in, out;
} MultiheadParams;

/* What forward keeps for backward. Self-attention: q is (Nq, 3D), rows of q, k, v together, and kv is NULL.
 * Cross-attention: q is (Nq, D), kv is (Nk, 2D). att: (Nq, D)   log_sum: (Nq, H) */
typedef struct MultiheadTape {
    real *q, *kv, *att, *log_sum;
} MultiheadTape;

/* Lays the tape out in an arena. Nk: 0 for self-attention. */
MultiheadTape multihead_tape(Arena *arena, size_t Nq, size_t Nk, size_t D, size_t H);

/* How attention finds q, k and v on the tape. */
AttentionInput multihead_input(const MultiheadTape *tape, size_t D);

/* Nk: rows of memory (NULL, 0: self-attention). w: the parameter block. */
void multihead_forward(Compute compute, real *out, MultiheadTape *tape, const real *x, const real *memory, size_t Nk,
                       const real *w, MultiheadParams params, AttentionShape shape, Dropout dropout);

/* The parts of the above, for decoding step by step with kept keys and values: q, k and v of x into tape->q; q alone;
 * k and v of memory, into kv (Nk, 2D); attention and the output projection, from wherever `in` says. */
void multihead_project_self(Compute compute, MultiheadTape *tape, const real *x, const real *w, MultiheadParams params,
                            size_t Nq, size_t D);
void multihead_project_query(Compute compute, MultiheadTape *tape, const real *x, const real *w, MultiheadParams params,
                             size_t Nq, size_t D);
void multihead_project_memory(Compute compute, real *kv, const real *memory, const real *w, MultiheadParams params,
                              size_t Nk, size_t D);
void multihead_attend(Compute compute, real *out, MultiheadTape *tape, AttentionInput in, const real *w,
                      MultiheadParams params, AttentionShape shape, Dropout dropout);

/* Writes dx (Nq, D), which is this block's alone; adds to dmemory (Nk, D), when memory is given, and to the parameters'
 * gradients in dw. Scratch comes from the arena: multihead_scratch elements at most. */
void multihead_backward(Compute compute, Arena *arena, real *dx, real *dmemory, real *dw, const real *dout,
                        const real *x, const real *memory, size_t Nk, const real *w, MultiheadParams params,
                        const MultiheadTape *tape, AttentionShape shape, Dropout dropout);
size_t multihead_scratch(size_t Nq, size_t Nk, size_t D);

#endif
