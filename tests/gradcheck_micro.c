/* test_micro.c once more, with real = double in micro.c and in the real program. */
#include "test_micro.c"
