#include "nn/feedforward.h"

#include "nn/rows.h"

typedef struct Hidden {
    real *act, *dact, *dpre;
    const real *pre;
    const Feedforward *f;
} Hidden;

/* act = dropout(activation(pre)) */
static void act_span(void *context, size_t first, size_t last) {
    const Hidden *h = context;
    real *act = h->act + first;
    activation_forward(act, h->pre + first, h->f->activation, last - first);
    dropout_span(act, act, h->f->dropout, first, last - first);
}

/* dpre from dact, which changes. */
static void act_backward_span(void *context, size_t first, size_t last) {
    const Hidden *h = context;
    real *dact = h->dact + first, *dpre = h->dpre + first;
    dropout_span(dact, dact, h->f->dropout, first, last - first);
    activation_backward(dpre, dact, h->pre + first, h->f->activation, last - first);
}

real *feedforward_forward(const Net *net, real *out, const real *x, const Feedforward *f) {
    const size_t N = f->N, D = f->D, F = f->F;
    const LinearParams fc1 = f->params.fc1, fc2 = f->params.fc2;
    real *pre = net_reals(net, N * F);
    const uint64_t mark = arena_mark(net->arena);
    real *act = net_reals(net, N * F);
    linear_forward(net->compute, pre, x, net->w + fc1.weight, net->w + fc1.bias, N, D, F);
    Hidden hidden = {.act = act, .pre = pre, .f = f};
    rows_run(net->compute.pool, "activation", N * F, 1, act_span, &hidden);
    linear_forward(net->compute, out, act, net->w + fc2.weight, net->w + fc2.bias, N, F, D);
    arena_release(net->arena, mark);
    return pre;
}

void feedforward_backward(const Net *net, real *dx, const real *dout, const real *x, const real *pre,
                          const Feedforward *f) {
    const size_t N = f->N, D = f->D, F = f->F;
    const uint64_t mark = arena_mark(net->arena);
    const LinearParams fc1 = f->params.fc1, fc2 = f->params.fc2;
    const real *w = net->w;
    real *dw = net->dw, *act = net_reals(net, N * F), *dact = net_reals(net, N * F);
    real *dpre = act; /* act is no longer needed by then */
    Hidden hidden = {act, dact, dpre, pre, f};
    rows_run(net->compute.pool, "activation", N * F, 1, act_span, &hidden);
    /* forward: out = act W2^T + b2 */
    linear_backward(net->compute, dact, dw + fc2.weight, dw + fc2.bias, dout, act, w + fc2.weight, N, F, D);
    /* forward: act = dropout(activation(pre)) */
    rows_run(net->compute.pool, "activation", N * F, 1, act_backward_span, &hidden);
    /* forward: pre = x W1^T + b1 */
    linear_backward(net->compute, dx, dw + fc1.weight, dw + fc1.bias, dpre, x, w + fc1.weight, N, D, F);
    arena_release(net->arena, mark);
}
