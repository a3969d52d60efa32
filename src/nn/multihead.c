/* Multi-head attention with its projections. */
#include "nn/multihead.h"

MultiheadTape multihead_tape(Arena *arena, size_t Nq, size_t Nk, size_t D, size_t H) {
    return (MultiheadTape){
        .q = arena_push(arena, Nq * (Nk ? D : 3 * D), sizeof(real)),
        .kv = Nk ? arena_push(arena, Nk * 2 * D, sizeof(real)) : NULL,
        .att = arena_push(arena, Nq * D, sizeof(real)),
        .log_sum = arena_push(arena, Nq * H, sizeof(real)),
    };
}

AttentionInput multihead_input(const MultiheadTape *tape, size_t D) {
    if (tape->kv) return (AttentionInput){tape->q, tape->kv, tape->kv + D, D, 2 * D};
    return (AttentionInput){tape->q, tape->q + D, tape->q + 2 * D, 3 * D, 3 * D};
}

/* The part of the input projection that starts at output row `row` of its 3D. */
static LinearParams part(MultiheadParams params, size_t row, size_t D) {
    return (LinearParams){params.in.weight + row * D, params.in.bias + row};
}

static void project(Compute compute, real *out, const real *x, const real *w, LinearParams p, size_t N, size_t D,
                    size_t O) {
    linear_forward(compute, out, x, w + p.weight, w + p.bias, N, D, O);
}

void multihead_project_self(Compute compute, MultiheadTape *tape, const real *x, const real *w, MultiheadParams params,
                            size_t Nq, size_t D) {
    project(compute, tape->q, x, w, part(params, 0, D), Nq, D, 3 * D);
}

void multihead_project_query(Compute compute, MultiheadTape *tape, const real *x, const real *w, MultiheadParams params,
                             size_t Nq, size_t D) {
    project(compute, tape->q, x, w, part(params, 0, D), Nq, D, D);
}

void multihead_project_memory(Compute compute, real *kv, const real *memory, const real *w, MultiheadParams params,
                              size_t Nk, size_t D) {
    project(compute, kv, memory, w, part(params, D, D), Nk, D, 2 * D);
}

void multihead_attend(Compute compute, real *out, MultiheadTape *tape, AttentionInput in, const real *w,
                      MultiheadParams params, AttentionShape shape, Dropout dropout) {
    const size_t D = shape.H * shape.K, Nq = shape.query_start[shape.B];
    attention_forward(compute.pool, tape->att, tape->log_sum, in, shape, dropout);
    project(compute, out, tape->att, w, params.out, Nq, D, D);
}

void multihead_forward(Compute compute, real *out, MultiheadTape *tape, const real *x, const real *memory, size_t Nk,
                       const real *w, MultiheadParams params, AttentionShape shape, Dropout dropout) {
    const size_t D = shape.H * shape.K, Nq = shape.query_start[shape.B];
    if (memory) {
        multihead_project_query(compute, tape, x, w, params, Nq, D);
        multihead_project_memory(compute, tape->kv, memory, w, params, Nk, D);
    } else {
        multihead_project_self(compute, tape, x, w, params, Nq, D);
    }
    multihead_attend(compute, out, tape, multihead_input(tape, D), w, params, shape, dropout);
}

size_t multihead_scratch(size_t Nq, size_t Nk, size_t D) {
    return Nq * D + (Nk ? Nq * D + Nk * 2 * D : Nq * 3 * D);
}

void multihead_backward(Compute compute, Arena *arena, real *dx, real *dmemory, real *dw, const real *dout,
                        const real *x, const real *memory, size_t Nk, const real *w, MultiheadParams params,
                        const MultiheadTape *tape, AttentionShape shape, Dropout dropout) {
    const size_t D = shape.H * shape.K, Nq = shape.query_start[shape.B];
    const size_t q_width = memory ? D : 3 * D, mark = arena_mark(arena);
    real *datt = arena_push(arena, Nq * D, sizeof(real));
    real *dq = arena_push(arena, Nq * q_width, sizeof(real));
    real *dkv = memory ? arena_push(arena, Nk * 2 * D, sizeof(real)) : NULL;

    /* forward: out = att Wo^T + bo */
    linear_backward_input(compute, MATMUL_WRITE, datt, dout, w + params.out.weight, Nq, D, D);
    linear_backward_params(compute, dw + params.out.weight, dw + params.out.bias, dout, tape->att, Nq, D, D);
    /* forward: att = attention(q, k, v) */
    AttentionGradient gradient =
        memory ? (AttentionGradient){dq, dkv, dkv + D} : (AttentionGradient){dq, dq + D, dq + 2 * D};
    attention_backward(compute.pool, gradient, datt, tape->log_sum, multihead_input(tape, D), shape, dropout);
    /* forward: kv = memory Wkv^T + bkv;  q (or q, k, v) = x W^T + b */
    const LinearParams q = part(params, 0, D), kv = part(params, D, D);
    if (memory)
        linear_backward(compute, dmemory, dw + kv.weight, dw + kv.bias, dkv, memory, w + kv.weight, Nk, D, 2 * D);
    linear_backward_input(compute, MATMUL_WRITE, dx, dq, w + q.weight, Nq, D, q_width);
    linear_backward_params(compute, dw + q.weight, dw + q.bias, dq, x, Nq, D, q_width);
    arena_release(arena, mark);
}
