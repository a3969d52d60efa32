/* The door to stb_ds (Sean Barrett's dynamic arrays and hash maps): the one place that includes it.
 *
 * Debian's libstb-dev has it as <stb/stb_ds.h>; elsewhere `make STB=/folder/with/stb_ds.h`. Its macros expand in the
 * caller, so the allocator is set here, for all: it never returns NULL (base/memory.h). Without the prefix-less names:
 * arrays are stbds_arrput(a, x), stbds_arrlen(a), stbds_arrfree(a); maps stbds_hmput, stbds_hmgeti and so on. */
#ifndef NMT_BASE_DS_H
#define NMT_BASE_DS_H

#include <stdlib.h>

#include "base/memory.h"

#define STBDS_NO_SHORT_NAMES
#define STBDS_REALLOC(context, block, size) memory_resize(block, size, 1)
#define STBDS_FREE(context, block)          free(block)

/* Its hash maps use `typeof`, which strict C11 spells __typeof__. */
#define typeof __typeof__
#if __has_include(<stb/stb_ds.h>)
#include <stb/stb_ds.h>
#else
#include <stb_ds.h>
#endif

#endif
