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

AttentionInput multihead_input(const MultiheadTape *tape, size_t D) {
    if (tape->kv) return (AttentionInput){tape->q, tape->kv, tape->kv + D, D, 2 * D};
    return (AttentionInput){tape->q, tape->q + D, tape->q + 2 * D, 3 * D, 3 * D};
}

void multihead_attend(const Net *net, MultiheadTape *tape, real *out, AttentionInput in, const Multihead *m) {
    const size_t H = m->shape.H, D = H * m->shape.K, Nq = m->shape.query_start[m->shape.B];
    tape->att = net_reals(net, Nq * D);
    tape->log_sum = net_reals(net, Nq * H);
    attention_forward(net->compute.pool, tape->att, tape->log_sum, in, m->shape, m->dropout);
    project(net, out, tape->att, m->params.out, Nq, D, D);
}

void multihead_forward(const Net *net, MultiheadTape *tape, real *out, const real *x, const Multihead *m) {
    const size_t D = m->shape.H * m->shape.K, Nq = m->shape.query_start[m->shape.B];
    tape->q = net_reals(net, Nq * (m->memory ? D : 3 * D));
    tape->kv = m->memory ? net_reals(net, m->Nk * 2 * D) : NULL;
    if (m->memory) {
        multihead_project_q(net, tape->q, x, m->params, Nq, D);
        multihead_project_kv(net, tape->kv, m->memory, m->params, m->Nk, D);
    } else {
        multihead_project_qkv(net, tape->q, x, m->params, Nq, D);
    }
    multihead_attend(net, tape, out, multihead_input(tape, D), m);
}

void multihead_backward(const Net *net, real *dx, real *dmemory, const real *dout, const real *x,
                        const MultiheadTape *tape, const Multihead *m) {
    const size_t D = m->shape.H * m->shape.K, Nq = m->shape.query_start[m->shape.B];
    const size_t q_width = m->memory ? D : 3 * D;
    const uint64_t mark = arena_mark(net->arena);
    const LinearParams q = part(m->params, 0, D), kv = part(m->params, D, D), o = m->params.out;
    const real *w = net->w;
    real *dw = net->dw, *datt = net_reals(net, Nq * D), *dq = net_reals(net, Nq * q_width);
    real *dkv = m->memory ? net_reals(net, m->Nk * 2 * D) : NULL;

    /* forward: out = att Wo^T + bo */
    linear_backward(net->compute, datt, dw + o.weight, dw + o.bias, dout, tape->att, w + o.weight, Nq, D, D);
    /* forward: att = attention(q, k, v) */
    const AttentionGradient gradient =
        m->memory ? (AttentionGradient){dq, dkv, dkv + D} : (AttentionGradient){dq, dq + D, dq + 2 * D};
    attention_backward(net->compute.pool, gradient, datt, tape->log_sum, multihead_input(tape, D), m->shape,
                       m->dropout);
    /* forward: kv = memory Wkv^T + bkv */
    if (m->memory)
        linear_backward_add(net->compute, dmemory, dw + kv.weight, dw + kv.bias, dkv, m->memory, w + kv.weight, m->Nk,
                            D, 2 * D);
    /* forward: q = x Wq^T + bq; in self-attention k and v follow in the same rows */
    linear_backward(net->compute, dx, dw + q.weight, dw + q.bias, dq, x, w + q.weight, Nq, D, q_width);
    arena_release(net->arena, mark);
}
