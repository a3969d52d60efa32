#include "nn/feedforward.h"

typedef struct Hidden {
    Stored act, pre;
    const Feedforward *f;
} Hidden;

/* The spans of a block: all its rows at once where they follow one another in memory, as floats do. */
static size_t spans_of(Block b, Stored s, size_t *count) {
    const bool together = s.precision == PRECISION_FLOAT32 && b.cols == s.width && b.stride == s.width;
    *count = together ? b.rows * b.cols : b.cols;
    return together ? 1 : b.rows;
}

/* act = dropout(activation(pre)) of the columns from `col` on of a row. */
static void activate(real *act, const real *pre, const Feedforward *f, size_t row, size_t col, size_t count) {
    activation_forward(act, pre, f->activation, count);
    dropout_span(act, act, f->dropout, row * f->F + col, count);
}

/* A block of pre, from which act is made. */
static void activate_block(void *context, Block b) {
    const Hidden *h = context;
    size_t count;
    const size_t spans = spans_of(b, h->act, &count);
    for (size_t r = 0; r < spans; r++) {
        real room[STORED_FILL_WIDTH], *act = stored_floats(h->act);
        act = act ? act + (b.row + r) * h->act.stride + b.col : room;
        activate(act, b.x + r * b.stride, h->f, b.row + r, b.col, count);
        if (act == room) stored_write(h->act, b.row + r, b.col, act, count);
    }
}

/* A span of pre: where it is, or read into `room`. */
static const real *pre_of(const Hidden *h, size_t row, size_t col, size_t count, real *room) {
    const real *pre = stored_floats(h->pre);
    if (pre) return pre + row * h->pre.stride + col;
    stored_read(room, h->pre, row, col, count);
    return room;
}

/* A block of act, made again from pre. */
static void activate_again(void *context, Block b) {
    const Hidden *h = context;
    size_t count;
    const size_t spans = spans_of(b, h->pre, &count);
    for (size_t r = 0; r < spans; r++) {
        real room[STORED_FILL_WIDTH];
        activate(b.x + r * b.stride, pre_of(h, b.row + r, b.col, count, room), h->f, b.row + r, b.col, count);
    }
}

/* A block of dact, which becomes dpre. */
static void activate_backward(void *context, Block b) {
    const Hidden *h = context;
    size_t count;
    const size_t spans = spans_of(b, h->pre, &count);
    for (size_t r = 0; r < spans; r++) {
        real room[STORED_FILL_WIDTH], *d = b.x + r * b.stride;
        dropout_span(d, d, h->f->dropout, (b.row + r) * h->f->F + b.col, count);
        activation_backward(d, d, pre_of(h, b.row + r, b.col, count, room), h->f->activation, count);
    }
}

Stored feedforward_forward(const Net *net, real *out, Stored x, const Feedforward *f, Epilogue epilogue) {
    const size_t N = f->N, D = f->D, F = f->F;
    const LinearParams fc1 = f->params.fc1, fc2 = f->params.fc2;
    const Stored pre = net_stored(net, N, F);
    const uint64_t mark = arena_mark(net->arena);
    Hidden hidden = {net_stored(net, N, F), pre, f};
    linear_forward_stored(net->compute, pre, x, net->w + fc1.weight, net->w + fc1.bias, N, D, F,
                          (Epilogue){"activation", activate_block, &hidden, false});
    linear_forward_stored(net->compute, stored_reals(out, D), hidden.act, net->w + fc2.weight, net->w + fc2.bias, N, F,
                          D, epilogue);
    arena_release(net->arena, mark);
    return pre;
}

void feedforward_backward(const Net *net, real *dx, Stored dout, Stored x, Stored pre, const Feedforward *f) {
    const size_t N = f->N, D = f->D, F = f->F;
    const uint64_t mark = arena_mark(net->arena);
    const LinearParams fc1 = f->params.fc1, fc2 = f->params.fc2;
    const real *w = net->w;
    real *dw = net->dw;
    const Stored act = net_stored(net, N, F);
    const Stored dpre = pre.precision == PRECISION_BFLOAT16 ? pre : net_stored(net, N, F);
    Hidden hidden = {act, pre, f};
    stored_fill(net->compute.pool, "activation", act, N, activate_again, &hidden);
    /* forward: out = act W2^T + b2, and before that act = dropout(activation(pre)), whose gradient is the epilogue */
    linear_backward(net->compute, dpre, dw + fc2.weight, dw + fc2.bias, dout, act, w + fc2.weight, N, F, D,
                    (Epilogue){"activation", activate_backward, &hidden, false});
    /* forward: pre = x W1^T + b1 */
    linear_backward(net->compute, stored_reals(dx, D), dw + fc1.weight, dw + fc1.bias, dpre, x, w + fc1.weight, N, D, F,
                    (Epilogue){0});
    arena_release(net->arena, mark);
}
