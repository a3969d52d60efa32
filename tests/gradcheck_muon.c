/* test_muon.c once more, with real = double. */
#include "test_muon.c"
