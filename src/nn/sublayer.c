#include "nn/sublayer.h"

#include "math/vector.h"

uint64_t sublayer_out_reals(Precision precision, uint64_t N, size_t D) {
    const uint64_t stored = size_divide_up(stored_bytes(precision, N, D), sizeof(real));
    return stored > N * D ? stored : N * D;
}

Stored sublayer_room(const Net *net, const SublayerTape *tape, const Sublayer *s) {
    const Precision precision = net->compute.precision;
    return (Stored){tape->out, stored_stride(precision, s->D), s->D, precision};
}

Stored sublayer_input(const Net *net, SublayerTape *tape, const real *x, const Sublayer *s) {
    const Precision precision = net->compute.precision;
    *tape = (SublayerTape){
        .sublayer = s,
        .x = x,
        .out = net_reals(net, sublayer_out_reals(precision, s->N, s->D)),
        .mean = net_reals(net, s->N),
        .rstd = net_reals(net, s->N),
    };
    tape->sum = s->place == NORM_PRE ? tape->out : net_reals(net, s->N * s->D);
    const Stored h = sublayer_room(net, tape, s);
    if (s->place == NORM_POST) return net_rounded(net, x, h, s->N);
    layernorm_forward(net->compute.pool, h, tape->mean, tape->rstd, x, net->w + s->norm.weight, net->w + s->norm.bias,
                      s->N, s->D);
    return h;
}

static void add_residual(void *context, Block y) {
    const SublayerTape *tape = context;
    const Sublayer *s = tape->sublayer;
    for (size_t r = 0; s->silent && r < y.rows; r++) vector_clear(y.x + r * y.stride, y.cols);
    dropout_block(y, s->D, s->dropout, tape->x);
}

Epilogue sublayer_sum(SublayerTape *tape) { return (Epilogue){"dropout", add_residual, tape, false}; }

const real *sublayer_output(const Net *net, SublayerTape *tape, const Sublayer *s) {
    if (s->place == NORM_POST)
        layernorm_forward(net->compute.pool, stored_reals(tape->out, s->D), tape->mean, tape->rstd, tape->sum,
                          net->w + s->norm.weight, net->w + s->norm.bias, s->N, s->D);
    return tape->out;
}

Stored sublayer_input_again(const Net *net, const SublayerTape *tape, Stored room, const Sublayer *s) {
    if (s->place == NORM_POST) return net_rounded(net, tape->x, room, s->N);
    layernorm_again(net->compute.pool, room, tape->x, net->w + s->norm.weight, net->w + s->norm.bias, tape->mean,
                    tape->rstd, s->N, s->D);
    return room;
}

void sublayer_output_backward_in_place(const Net *net, real *d, Stored dy, const SublayerTape *tape,
                                       const Sublayer *s) {
    if (s->place == NORM_POST) { /* forward: out = norm(sum) */
        const uint64_t mark = arena_mark(net->arena);
        layernorm_backward_in_place(net->compute.pool, d, net_reals(net, s->N * s->D), net->dw + s->norm.weight,
                                    net->dw + s->norm.bias, tape->sum, net->w + s->norm.weight, tape->mean, tape->rstd,
                                    s->N, s->D);
        arena_release(net->arena, mark);
    }
    /* forward: sum = x + dropout(y): x's gradient is d as it is, y's is d with the same elements dropped */
    dropout_rows(net->compute.pool, dy, d, s->dropout, s->N, s->D);
}

void sublayer_input_backward_add(const Net *net, real *d, const real *dh, const SublayerTape *tape, const Sublayer *s) {
    if (s->place == NORM_POST) /* forward: h = x */
        vector_add(d, dh, s->N * s->D);
    else /* forward: h = norm(x) */
        layernorm_backward_add(net->compute.pool, d, net->dw + s->norm.weight, net->dw + s->norm.bias, dh, tape->x,
                               net->w + s->norm.weight, tape->mean, tape->rstd, s->N, s->D);
}
