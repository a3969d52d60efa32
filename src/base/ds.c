/* The one file that holds the functions of stb_ds. */
#define STB_DS_IMPLEMENTATION
#include "base/ds.h"
