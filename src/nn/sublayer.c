#include "nn/sublayer.h"

#include "math/vector.h"

const real *sublayer_input(const Net *net, SublayerTape *tape, const real *x, const Sublayer *s) {
    const real *weight = net->w + s->norm.weight, *bias = net->w + s->norm.bias;
    *tape = (SublayerTape){
        .x = x,
        .out = net_reals(net, s->N * s->D),
        .mean = net_reals(net, s->N),
        .rstd = net_reals(net, s->N),
    };
    tape->sum = s->place == NORM_PRE ? tape->out : net_reals(net, s->N * s->D);
    if (s->place == NORM_POST) return x;
    layernorm_forward(net->compute.pool, tape->out, tape->mean, tape->rstd, x, weight, bias, s->N, s->D);
    return tape->out;
}

const real *sublayer_output(const Net *net, SublayerTape *tape, const Sublayer *s) {
    const real *weight = net->w + s->norm.weight, *bias = net->w + s->norm.bias;
    if (s->silent) vector_clear(tape->sum, s->N * s->D);
    dropout_add_forward(net->compute.pool, tape->sum, tape->x, tape->sum, s->dropout, s->N * s->D);
    if (s->place == NORM_POST)
        layernorm_forward(net->compute.pool, tape->out, tape->mean, tape->rstd, tape->sum, weight, bias, s->N, s->D);
    return tape->out;
}

const real *sublayer_input_again(const Net *net, const SublayerTape *tape, real *normed, const Sublayer *s) {
    const real *weight = net->w + s->norm.weight, *bias = net->w + s->norm.bias;
    if (s->place == NORM_POST) return tape->x;
    layernorm_again(net->compute.pool, normed, tape->x, weight, bias, tape->mean, tape->rstd, s->N, s->D);
    return normed;
}

void sublayer_output_backward_in_place(const Net *net, real *d, real *dy, const SublayerTape *tape, const Sublayer *s) {
    if (s->place == NORM_POST) /* forward: out = norm(sum); dy is not needed yet: it serves as scratch */
        layernorm_backward_in_place(net->compute.pool, d, dy, net->dw + s->norm.weight, net->dw + s->norm.bias,
                                    tape->sum, net->w + s->norm.weight, tape->mean, tape->rstd, s->N, s->D);
    /* forward: sum = x + dropout(y): x's gradient is d as it is, y's is d with the same elements dropped */
    dropout_forward(net->compute.pool, dy, d, s->dropout, s->N * s->D);
}

void sublayer_input_backward_add(const Net *net, real *d, const real *dh, const SublayerTape *tape, const Sublayer *s) {
    if (s->place == NORM_POST) /* forward: h = x */
        vector_add(d, dh, s->N * s->D);
    else /* forward: h = norm(x) */
        layernorm_backward_add(net->compute.pool, d, net->dw + s->norm.weight, net->dw + s->norm.bias, dh, tape->x,
                               net->w + s->norm.weight, tape->mean, tape->rstd, s->N, s->D);
}
