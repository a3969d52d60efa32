/* Dropout of n elements: which ones are kept, and the loop over them. */
#pragma once

#include "base/rng.h"
#include "math/lanes.h"

/* Element `index` of a site is kept when its 16 random bits are below `keep`. They come from blocks of 128 elements
 * made by 16 calls of Philox: element e of a block is half (e / 16) % 2 of word e / 32 of call e % 16. So 16
 * neighbouring elements use the same word of 16 calls, which are computed side by side in vector lanes. */
enum { CALLS = 16, BLOCK = 128, WORDS = VECTOR / 4, VECTORS = CALLS / WORDS };

/* The high and low halves of the 32-bit lanes of x times m. */
static inline void multiply(vword *high, vword *low, vword x, uint32_t m) {
    vword multiplier = m - (vword){0};
    vlong even = MUL_WIDE(x, multiplier);
    vlong odd = MUL_WIDE((vword)((vlong)x >> 32), multiplier);
    const vlong upper = 0xffffffff00000000u - (vlong){0};
    *high = (vword)((even >> 32) | (odd & upper));
    *low = (vword)((even & ~upper) | (odd << 32));
}

/* Philox4x32-10 (base/rng.h) for CALLS consecutive indices; word w of call c at random[w][c]. */
static void philox_calls(uint32_t random[4][CALLS], RngSite site, uint64_t index) {
    for (size_t v = 0; v < VECTORS; v++) {
        uint32_t first[2][WORDS];
        for (size_t l = 0; l < WORDS; l++) {
            uint64_t i = index + v * WORDS + l;
            first[0][l] = (uint32_t)i;
            first[1][l] = (uint32_t)(i >> 32);
        }
        vword c0, c1, c2 = site.site - (vword){0}, c3 = site.step - (vword){0};
        memcpy(&c0, first[0], sizeof c0);
        memcpy(&c1, first[1], sizeof c1);
        uint32_t k0 = (uint32_t)site.seed, k1 = (uint32_t)(site.seed >> 32);
        for (int round = 0; round < 10; round++) {
            vword h0, l0, h1, l1;
            multiply(&h0, &l0, c0, 0xD2511F53u);
            multiply(&h1, &l1, c2, 0xCD9E8D57u);
            c0 = h1 ^ c1 ^ k0;
            c1 = l1;
            c2 = h0 ^ c3 ^ k1;
            c3 = l0;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        memcpy(&random[0][v * WORDS], &c0, sizeof c0);
        memcpy(&random[1][v * WORDS], &c1, sizeof c1);
        memcpy(&random[2][v * WORDS], &c2, sizeof c2);
        memcpy(&random[3][v * WORDS], &c3, sizeof c3);
    }
}

/* What the elements of a block are multiplied by: scale where they are kept, else 0. */
static void dropout_mask(real mask[BLOCK], uint32_t keep, real scale, RngSite site, uint64_t block) {
    uint32_t random[4][CALLS];
    philox_calls(random, site, block * CALLS);
    for (size_t word = 0; word < 4; word++)
        for (size_t c = 0; c < CALLS; c++) {
            mask[word * 32 + c] = (random[word][c] & 0xffff) < keep ? scale : 0;
            mask[word * 32 + 16 + c] = random[word][c] >> 16 < keep ? scale : 0;
        }
}

/* out = [add +] (kept ? in * scale : 0). index: of the first element. keep: 0 to 65536. add may be NULL; out may be in
 * or add. Backward is the same: din = kept ? dout * scale : 0. */
static void dropout(real *out, const real *in, const real *add, uint32_t keep, real scale, RngSite site, uint64_t index,
                    size_t n) {
    size_t i = 0;
    while (i < n) {
        real mask[BLOCK];
        dropout_mask(mask, keep, scale, site, (index + i) / BLOCK);
        size_t skip = (index + i) % BLOCK, count = BLOCK - skip < n - i ? BLOCK - skip : n - i;
        const real *m = mask + skip;
        if (add)
            for (size_t e = 0; e < count; e++) out[i + e] = add[i + e] + in[i + e] * m[e];
        else
            for (size_t e = 0; e < count; e++) out[i + e] = in[i + e] * m[e];
        i += count;
    }
}

/* The same of rows (rows, n), whose first elements are `apart` indices apart. Short rows share a block's mask. */
static void dropout_spans(real *out, const real *in, uint32_t keep, real scale, RngSite site, uint64_t index,
                          uint64_t apart, size_t rows, size_t n) {
    real mask[BLOCK];
    uint64_t made = UINT64_MAX;
    for (size_t r = 0; r < rows; r++, index += apart)
        for (size_t i = 0, count; i < n; i += count, out += count, in += count) {
            const uint64_t block = (index + i) / BLOCK, skip = (index + i) % BLOCK;
            if (block != made) dropout_mask(mask, keep, scale, site, made = block);
            count = BLOCK - skip < n - i ? BLOCK - skip : n - i;
            for (size_t e = 0; e < count; e++) out[e] = in[e] * mask[skip + e];
        }
}
