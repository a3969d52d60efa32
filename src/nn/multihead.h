/* Multi-head attention with its projections (Vaswani et al. 2017, section 3.2.2):
 *
 *     q = x Wq^T + bq     k = m Wk^T + bk     v = m Wv^T + bv     out = attention(q, k, v) Wo^T + bo
 *
 * Self-attention has m = x. It computes q, k and v as one product, because the three weights follow each other in the
 * parameter block. Cross-attention has m = memory, the encoder's output; it computes q, then k and v together.
 *
 * x, out: (Nq, D)   memory: (Nk, D)   Wq, Wk, Wv, Wo: (D, D) */
#pragma once

#include <stddef.h>

#include "math/real.h"
#include "nn/attention.h"
#include "nn/dropout.h"
#include "nn/kept.h"
#include "nn/linear.h"
#include "nn/net.h"

/* Offsets in the parameter block. in.weight: (3D, D), the rows of Wq, Wk, Wv; in.bias: (3D). */
typedef struct MultiheadParams {
    LinearParams in, out;
} MultiheadParams;

typedef struct Multihead {
    MultiheadParams params;
    AttentionShape shape; /* D = H K; Nq = query_start[B] */
    Dropout dropout;      /* of the attention weights */
    Stored memory;        /* (Nk, D) for cross-attention; data NULL, 0 for self-attention */
    size_t Nk;
} Multihead;

/* What forward keeps for backward. Self-attention: q is (Nq, 3D), rows of q, k, v together, and kv is NULL.
 * Cross-attention: q is (Nq, D), kv is (Nk, 2D). att: (Nq, D)   log_sum: (Nq, H)
 * x, memory, q, kv and att are stored as products read them. */
typedef struct MultiheadTape {
    Stored q, kv, att;
    real *log_sum;
} MultiheadTape;

/* out may be x. The epilogue is done to out. */
void multihead_forward(const Net *net, MultiheadTape *tape, real *out, Stored x, const Multihead *m, Epilogue epilogue);

/* Writes dx (Nq, D); adds to dmemory (Nk, D), because the layers of a decoder share one memory (NULL: self-attention),
 * and to the parameters' gradients. dout is stored. In bfloat16, the tape's q and kv become their gradients. */
void multihead_backward(const Net *net, real *dx, real *dmemory, Stored dout, Stored x, const MultiheadTape *tape,
                        const Multihead *m);

/* The steps of forward, for decoding position by position with keys and values kept. N rows: q, k and v of x into qkv
 * (N, 3D); q of x into q (N, D); k and v of memory into kv (N, 2D). */
void multihead_project_qkv(const Net *net, real *qkv, const real *x, MultiheadParams params, size_t N, size_t D);
void multihead_project_q(const Net *net, real *q, const real *x, MultiheadParams params, size_t N, size_t D);
void multihead_project_kv(const Net *net, real *kv, const real *memory, MultiheadParams params, size_t N, size_t D);

/* kept_attend (nn/kept.h), then the output projection. The attention's dropout is left out. */
void multihead_attend(const Net *net, real *out, const real *q, const real *kv, size_t stride, Kept kept,
                      const Multihead *m, Epilogue epilogue);

/* Where q, k and v are on the tape of a pass in float32. */
AttentionInput multihead_input(const MultiheadTape *tape, size_t D);
