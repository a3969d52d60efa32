/* GGUF's tensor type Q8_0: numbers in blocks of 32, each with a scale, a half-precision float (2 bytes), and 32
 * integers from -127 to 127 (a byte each): number i is scale * integer[i]. That is 8.5 bits a number. If the largest
 * number of a block is 0.008 or more, the error is below 0.45% of it. In smaller blocks it is a larger share, because
 * the scale has fewer digits; below 0.000004 all numbers become 0. The same bits as ggml's. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Q8_0_LIMIT: a number of this size would have an infinite scale. */
enum { Q8_0_BLOCK = 32, Q8_0_BYTES = 34, Q8_0_LIMIT = 65520 * 127 };

/* n: a multiple of Q8_0_BLOCK. bytes: n / Q8_0_BLOCK * Q8_0_BYTES of them. Packing fails if a number is not finite, or
 * not between -Q8_0_LIMIT and Q8_0_LIMIT. */
bool q8_0_pack(unsigned char *bytes, const float *numbers, size_t n);
void q8_0_unpack(float *numbers, const unsigned char *bytes, size_t n);
