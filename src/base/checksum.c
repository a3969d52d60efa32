#include "base/checksum.h"

#include <string.h>

/* The five primes and the steps are those of the XXH64 specification (xxhash_spec.md in the xxHash repository). Each of
 * four lanes takes every fourth 8-byte word; the rest at the end is mixed in word by word, then byte by byte. */
static const uint64_t PRIME_1 = 0x9E3779B185EBCA87, PRIME_2 = 0xC2B2AE3D27D4EB4F, PRIME_3 = 0x165667B19E3779F9,
                      PRIME_4 = 0x85EBCA77C2B2AE63, PRIME_5 = 0x27D4EB2F165667C5;

static uint64_t checksum_rotate(uint64_t value, int bits) { return value << bits | value >> (64 - bits); }

/* A little-endian number of 4 or 8 bytes; compilers turn it into one load. */
static uint64_t checksum_read4(const unsigned char *p) {
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24;
}

static uint64_t checksum_read8(const unsigned char *p) { return checksum_read4(p) | checksum_read4(p + 4) << 32; }

static uint64_t checksum_round(uint64_t lane, uint64_t word) {
    return checksum_rotate(lane + word * PRIME_2, 31) * PRIME_1;
}

static void checksum_stripes(uint64_t lane[4], const unsigned char *data, size_t stripes) {
    uint64_t a = lane[0], b = lane[1], c = lane[2], d = lane[3];
    for (size_t i = 0; i < stripes; i++, data += 32) {
        a = checksum_round(a, checksum_read8(data));
        b = checksum_round(b, checksum_read8(data + 8));
        c = checksum_round(c, checksum_read8(data + 16));
        d = checksum_round(d, checksum_read8(data + 24));
    }
    lane[0] = a, lane[1] = b, lane[2] = c, lane[3] = d;
}

void checksum_start(Checksum *sum) { *sum = (Checksum){.lane = {PRIME_1 + PRIME_2, PRIME_2, 0, 0 - PRIME_1}}; }

void checksum_add(Checksum *sum, const void *data, size_t size) {
    if (size == 0) return;
    const unsigned char *bytes = data;
    sum->total += size;
    if (sum->pending_size > 0) {
        size_t room = sizeof sum->pending - sum->pending_size;
        size_t taken = size < room ? size : room;
        memcpy(sum->pending + sum->pending_size, bytes, taken);
        sum->pending_size += taken;
        bytes += taken;
        size -= taken;
        if (sum->pending_size < sizeof sum->pending) return;
        checksum_stripes(sum->lane, sum->pending, 1);
    }
    checksum_stripes(sum->lane, bytes, size / 32);
    sum->pending_size = size % 32;
    memcpy(sum->pending, bytes + (size - size % 32), size % 32);
}

uint64_t checksum_end(const Checksum *sum) {
    uint64_t hash = PRIME_5;
    if (sum->total >= 32) {
        const uint64_t *lane = sum->lane;
        hash = checksum_rotate(lane[0], 1) + checksum_rotate(lane[1], 7) + checksum_rotate(lane[2], 12) +
               checksum_rotate(lane[3], 18);
        for (int i = 0; i < 4; i++) hash = (hash ^ checksum_round(0, lane[i])) * PRIME_1 + PRIME_4;
    }
    hash += sum->total;

    const unsigned char *p = sum->pending, *end = p + sum->pending_size;
    for (; end - p >= 8; p += 8)
        hash = checksum_rotate(hash ^ checksum_round(0, checksum_read8(p)), 27) * PRIME_1 + PRIME_4;
    for (; end - p >= 4; p += 4) hash = checksum_rotate(hash ^ checksum_read4(p) * PRIME_1, 23) * PRIME_2 + PRIME_3;
    for (; p < end; p++) hash = checksum_rotate(hash ^ *p * PRIME_5, 11) * PRIME_1;

    hash = (hash ^ hash >> 33) * PRIME_2;
    hash = (hash ^ hash >> 29) * PRIME_3;
    return hash ^ hash >> 32;
}
