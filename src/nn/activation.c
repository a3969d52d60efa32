/* Activation functions. */
#include "nn/activation.h"

#include "math/vector.h"
#include "nn/rows.h"

typedef struct Span {
    real *to;
    const real *dout, *in;
    Activation kind;
} Span;

static void forward_span(void *context, size_t first, size_t last) {
    const Span *s = context;
    (s->kind == ACTIVATION_GELU ? vector_gelu : vector_relu)(s->to + first, s->in + first, last - first);
}

void activation_forward(Pool *pool, real *out, const real *in, Activation kind, size_t count) {
    Span s = {out, NULL, in, kind};
    rows_run(pool, count, 1, forward_span, &s);
}

static void backward_span(void *context, size_t first, size_t last) {
    const Span *s = context;
    (s->kind == ACTIVATION_GELU ? vector_gelu_backward : vector_relu_backward)(s->to + first, s->dout + first,
                                                                               s->in + first, last - first);
}

void activation_backward(Pool *pool, real *din, const real *dout, const real *in, Activation kind, size_t count) {
    Span s = {din, dout, in, kind};
    rows_run(pool, count, 1, backward_span, &s);
}
