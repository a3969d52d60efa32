/* What the vectorised loops compute, by the plain formula. */
#ifndef NMT_TESTS_PLAIN_H
#define NMT_TESTS_PLAIN_H

#include "base/rng.h"

/* Whether dropout keeps element `index` of a site (nn/dropout_rows.h). */
static inline int dropout_keeps(uint32_t keep, RngSite site, uint64_t index) {
    uint64_t block = index / 128, element = index % 128;
    uint32_t random[4];
    rng_philox(random, site, block * 16 + element % 16);
    uint32_t word = random[element / 32];
    return (element / 16 % 2 ? word >> 16 : word & 0xffff) < keep;
}

#endif
