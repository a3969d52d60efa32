#include "base/rng.h"

#include <math.h>

/* One round multiplies two of the words to 64 bits and mixes the halves with the others and the key; after each round
 * the key moves on by the golden ratio and sqrt(3) - 1 (the paper's section 3.3). */
void rng_philox(uint32_t out[4], RngSite site, uint64_t index) {
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32), c2 = site.site, c3 = site.step;
    uint32_t k0 = (uint32_t)site.seed, k1 = (uint32_t)(site.seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53 * c0;
        uint64_t p1 = (uint64_t)0xCD9E8D57 * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

static double rng_unit(uint64_t bits) { return (double)(bits >> 11) * 0x1p-53; }

uint64_t rng_bits(RngSite site, uint64_t index) {
    uint32_t word[4];
    rng_philox(word, site, index);
    return (uint64_t)word[1] << 32 | word[0];
}

double rng_uniform(RngSite site, uint64_t index) { return rng_unit(rng_bits(site, index)); }

/* sqrt(-2 ln u) cos(2 pi v), with u in (0, 1] so that its logarithm is finite. Two of the four words give u, the other
 * two give v. Box-Muller would give a second normal; it is not used, so that each index gives one number. */
double rng_normal(RngSite site, uint64_t index) {
    const double two_pi = 6.283185307179586;
    uint32_t word[4];
    rng_philox(word, site, index);
    double u = 1.0 - rng_unit((uint64_t)word[1] << 32 | word[0]);
    double v = rng_unit((uint64_t)word[3] << 32 | word[2]);
    return sqrt(-2.0 * log(u)) * cos(two_pi * v);
}
