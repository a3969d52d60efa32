#include "gguf/q8_0.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/exact.h"

/* A half has 5 bits of exponent and 10 of fraction, a float 8 and 23. */
enum { HALF_FRACTION = 10, HALF_BIAS = 15, FLOAT_FRACTION = 23, FLOAT_BIAS = 127 };

static float half_to_float(uint16_t half) {
    const int exponent = half >> HALF_FRACTION & 31, fraction = half & 1023;
    const float value = exponent == 31  ? (fraction ? NAN : INFINITY)
                        : exponent == 0 ? ldexpf((float)fraction, 1 - HALF_BIAS - HALF_FRACTION)
                                        : ldexpf((float)(fraction + 1024), exponent - HALF_BIAS - HALF_FRACTION);
    return half >> 15 ? -value : value;
}

/* The nearest half of a number from 0 to below 65520; the even one of two that are as near. */
static uint16_t half_from_float(float value) {
    if (value < ldexpf(1, 1 - HALF_BIAS)) /* without a leading 1 */
        return (uint16_t)lrintf(ldexpf(value, HALF_BIAS - 1 + HALF_FRACTION));
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bits -= (uint32_t)(FLOAT_BIAS - HALF_BIAS) << FLOAT_FRACTION;
    const int cut = FLOAT_FRACTION - HALF_FRACTION;
    return (uint16_t)((bits + (1u << (cut - 1)) - 1 + (bits >> cut & 1)) >> cut);
}

bool q8_0_pack(unsigned char *bytes, const float *numbers, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(numbers[i]) < Q8_0_LIMIT)) return false; /* NaN, too */
    for (size_t b = 0; b < n; b += Q8_0_BLOCK, bytes += Q8_0_BYTES) {
        float most = 0;
        for (size_t i = 0; i < Q8_0_BLOCK; i++) most = fmaxf(most, fabsf(numbers[b + i]));
        const float scale = most / 127, inverse = isfinite(1 / scale) ? 1 / scale : 0;
        const uint16_t half = half_from_float(scale);
        memcpy(bytes, &half, sizeof half);
        for (size_t i = 0; i < Q8_0_BLOCK; i++) {
            const int8_t q = (int8_t)roundf(numbers[b + i] * inverse);
            memcpy(bytes + sizeof half + i, &q, 1);
        }
    }
    return true;
}

void q8_0_unpack(float *numbers, const unsigned char *bytes, size_t n) {
    for (size_t b = 0; b < n; b += Q8_0_BLOCK, bytes += Q8_0_BYTES) {
        uint16_t half;
        memcpy(&half, bytes, sizeof half);
        const float scale = half_to_float(half);
        for (size_t i = 0; i < Q8_0_BLOCK; i++) numbers[b + i] = scale * (float)(int8_t)bytes[sizeof half + i];
    }
}
