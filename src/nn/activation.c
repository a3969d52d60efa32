/* Activation functions. */
#include "nn/activation.h"

#include "math/vector.h"

void activation_forward(real *out, const real *in, Activation kind, size_t count) {
    (kind == ACTIVATION_GELU ? vector_gelu : vector_relu)(out, in, count);
}

void activation_backward(real *din, const real *dout, const real *in, Activation kind, size_t count) {
    (kind == ACTIVATION_GELU ? vector_gelu_backward : vector_relu_backward)(din, dout, in, count);
}
