#include "nn/multihead.h"

/* The part of the input projection that begins at output row `row` of its 3D: 0 for Wq, D for Wk. */
static LinearParams part(MultiheadParams params, size_t row, size_t D) {
    return (LinearParams){params.in.weight + row * D, params.in.bias + row};
}

static void project(const Net *net, real *out, const real *x, LinearParams p, size_t N, size_t D, size_t O) {
    linear_forward(net->compute, out, x, net->w + p.weight, net->w + p.bias, N, D, O);
}

void multihead_project_qkv(const Net *net, real *qkv, const real *x, MultiheadParams params, size_t N, size_t D) {
    project(net, qkv, x, part(params, 0, D), N, D, 3 * D);
}

void multihead_project_q(const Net *net, real *q, const real *x, MultiheadParams params, size_t N, size_t D) {
    project(net, q, x, part(params, 0, D), N, D, D);
}

void multihead_project_kv(const Net *net, real *kv, const real *memory, MultiheadParams params, size_t N, size_t D) {
    project(net, kv, memory, part(params, D, D), N, D, 2 * D);
}

/* q, k and v, in the arrays q and kv of a tape. */
static AttentionStored parts_of(Stored q, Stored kv, size_t D) {
    if (kv.data) return (AttentionStored){q, stored_columns(kv, 0), stored_columns(kv, D)};
    return (AttentionStored){stored_columns(q, 0), stored_columns(q, D), stored_columns(q, 2 * D)};
}

AttentionInput multihead_input(const MultiheadTape *tape, size_t D) {
    const AttentionStored in = parts_of(tape->q, tape->kv, D);
    return (AttentionInput){stored_floats(in.q), stored_floats(in.k), stored_floats(in.v), in.q.stride, in.k.stride};
}

static void project_stored(const Net *net, Stored out, Stored x, LinearParams p, size_t N, size_t D) {
    linear_forward_stored(net->compute, out, x, net->w + p.weight, net->w + p.bias, N, D, out.width, (Epilogue){0});
}

void multihead_attend(const Net *net, real *out, const real *q, const real *kv, size_t stride, Kept kept,
                      const Multihead *m, Epilogue epilogue) {
    const size_t D = m->shape.H * m->shape.K, Nq = m->shape.query_start[m->shape.B];
    const LinearParams o = m->params.out;
    real *att = net_reals(net, Nq * D);
    kept_attend(net->compute.pool, att, q, kv, stride, kept, m->shape);
    linear_forward_stored(net->compute, stored_reals(out, D), stored_reals(att, D), net->w + o.weight, net->w + o.bias,
                          Nq, D, D, epilogue);
}

void multihead_forward(const Net *net, MultiheadTape *tape, real *out, Stored x, const Multihead *m,
                       Epilogue epilogue) {
    const size_t D = m->shape.H * m->shape.K, Nq = m->shape.query_start[m->shape.B];
    const bool cross = m->memory.data != NULL;
    const LinearParams o = m->params.out;
    tape->q = net_stored(net, Nq, cross ? D : 3 * D);
    tape->kv = cross ? net_stored(net, m->Nk, 2 * D) : (Stored){0};
    project_stored(net, tape->q, x, part(m->params, 0, D), Nq, D);
    if (cross) project_stored(net, tape->kv, m->memory, part(m->params, D, D), m->Nk, D);
    tape->att = net_stored(net, Nq, D);
    tape->log_sum = net_reals(net, Nq * m->shape.H);
    attention_stored_forward(net->compute.pool, tape->att, tape->log_sum, parts_of(tape->q, tape->kv, D), m->shape,
                             m->dropout);
    linear_forward_stored(net->compute, stored_reals(out, D), tape->att, net->w + o.weight, net->w + o.bias, Nq, D, D,
                          epilogue);
}

/* Where the gradient of stored rows goes: in bfloat16 their place, else an array of its own. */
static Stored gradient_of(const Net *net, Stored s, size_t rows) {
    return s.precision == PRECISION_BFLOAT16 || !s.data ? s : net_stored(net, rows, s.width);
}

void multihead_backward(const Net *net, real *dx, real *dmemory, Stored dout, Stored x, const MultiheadTape *tape,
                        const Multihead *m) {
    const size_t D = m->shape.H * m->shape.K, Nq = m->shape.query_start[m->shape.B];
    const uint64_t mark = arena_mark(net->arena);
    const LinearParams q = part(m->params, 0, D), kv = part(m->params, D, D), o = m->params.out;
    const real *w = net->w;
    real *dw = net->dw;
    const Stored datt = net_stored(net, Nq, D);
    const Stored dq = gradient_of(net, tape->q, Nq), dkv = gradient_of(net, tape->kv, m->Nk);

    /* forward: out = att Wo^T + bo */
    linear_backward(net->compute, datt, dw + o.weight, dw + o.bias, dout, tape->att, w + o.weight, Nq, D, D,
                    (Epilogue){0});
    /* forward: att = attention(q, k, v) */
    attention_stored_backward(net->compute.pool, parts_of(dq, dkv, D), datt, tape->log_sum,
                              parts_of(tape->q, tape->kv, D), m->shape, m->dropout);
    /* forward: kv = memory Wkv^T + bkv */
    if (dkv.data)
        linear_backward_add(net->compute, dmemory, dw + kv.weight, dw + kv.bias, dkv, m->memory, w + kv.weight, m->Nk,
                            D, 2 * D);
    /* forward: q = x Wq^T + bq; in self-attention k and v follow in the same rows */
    linear_backward(net->compute, stored_reals(dx, D), dw + q.weight, dw + q.bias, dq, x, w + q.weight, Nq, D, dq.width,
                    (Epilogue){0});
    arena_release(net->arena, mark);
}
