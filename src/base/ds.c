/* The functions of stb_ds are compiled here, once. */
#define STB_DS_IMPLEMENTATION
#include "base/ds.h"
