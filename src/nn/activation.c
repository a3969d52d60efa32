#include "nn/activation.h"

#include "nn/kernels.h"

void activation_forward(real *out, const real *in, Activation kind, size_t count) {
    const NnKernels *k = nn_kernels();
    (kind == ACTIVATION_GELU ? k->gelu : k->relu)(out, in, count);
}

void activation_backward(real *din, const real *dout, const real *in, Activation kind, size_t count) {
    const NnKernels *k = nn_kernels();
    (kind == ACTIVATION_GELU ? k->gelu_backward : k->relu_backward)(din, dout, in, count);
}
