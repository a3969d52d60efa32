#include "optim/kernels.h"

#include "optim/adam_rows.h"

const OptimKernels ISA_TABLE(optim_kernels) = {OPTIM_KERNELS(ISA_VALUE)};
