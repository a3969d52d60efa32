/* Counter-based random numbers: a value is a function of (seed, step, site, index), so there is no state to save or to
 * share.
 *
 * The function is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011):
 * key = seed, counter = (index low, index high, site, step). A `site` names one use of randomness: a dropout place in
 * one layer, the initialisation of one tensor, the shuffling of an epoch. */
#pragma once

#include <stdint.h>

#include "base/exact.h"

/* What a random stream is for: everything except the index. */
typedef struct RngSite {
    uint64_t seed;
    uint32_t step;
    uint32_t site;
} RngSite;

/* Sites outside the model's layers; layers number their dropout places from 0 (model/pass.h). */
enum {
    RNG_SITE_SHUFFLE = 0x80000000,  /* order of pairs and batches; step = epoch */
    RNG_SITE_INIT = 0x90000000,     /* + tensor number; step = 0 */
    RNG_SITE_RESAMPLE = 0xA0000000, /* sentences of a resampled test set; step = its number */
    RNG_SITE_SAMPLE = 0xC0000000,   /* translations that are drawn; step = position */
};

/* Four independent 32-bit words. */
void rng_philox(uint32_t out[4], RngSite site, uint64_t index);

/* 64 random bits; a uniform double in [0, 1) with 53 bits; a standard normal (Box-Muller). */
uint64_t rng_bits(RngSite site, uint64_t index);
double rng_uniform(RngSite site, uint64_t index);
double rng_normal(RngSite site, uint64_t index);
