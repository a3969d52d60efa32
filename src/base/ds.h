/* The only file that includes stb_ds, Sean Barrett's dynamic arrays. (Its hash maps share a seed among all threads, so
 * the library does not use them.)
 *
 * Debian's libstb-dev installs it as <stb/stb_ds.h>; elsewhere use `make STB=/folder/with/stb_ds.h`. Its macros expand
 * in the caller, so the allocator is set here for everybody: it never returns NULL (base/memory.h). Names have their
 * prefix: stbds_arrput(array, x), stbds_arrlen(array), stbds_arrfree(array). */
#pragma once

#include <stdlib.h>
#include <string.h>

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

/* Appends n elements to a stb_ds array. With n 0, `from` may be NULL, which memcpy may not be given. */
#define ds_append(array, from, n)                                                                                      \
    do {                                                                                                               \
        if ((n) > 0) memcpy(stbds_arraddnptr(array, n), from, (n) * sizeof *(array));                                  \
    } while (0)
