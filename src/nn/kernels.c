#include "nn/kernels.h"

#include "nn/activation_rows.h"
#include "nn/attention_rows.h"
#include "nn/dropout_rows.h"
#include "nn/layernorm_rows.h"
#include "nn/loss_rows.h"

const NnKernels ISA_TABLE(nn_kernels) = {NN_KERNELS(ISA_VALUE)};
