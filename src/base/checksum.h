/* XXH64 (xxHash by Yann Collet, 64 bits, seed 0): it finds damaged files, but gives no security.
 *
 * Call start, add for each piece, then end. The result depends on the bytes only, not on how they were cut. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct Checksum {
    uint64_t lane[4];
    unsigned char pending[32]; /* bytes not yet mixed in */
    size_t pending_size;
    uint64_t total; /* bytes added */
} Checksum;

void checksum_start(Checksum *sum);
void checksum_add(Checksum *sum, const void *data, size_t size);
uint64_t checksum_end(const Checksum *sum);
