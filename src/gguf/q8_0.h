/* GGUF's tensor type Q8_0: numbers in blocks of 32, each with a scale, a half-precision float (2 bytes), and 32
 * integers from -127 to 127 (a byte each): number i is scale * integer[i]. That is 8.5 bits a number. The error is
 * below 0.45% of the block's largest, if that is 0.008 or more. In smaller blocks it is a larger share, because the
 * scale has fewer digits; below 0.000004 all numbers become 0. The same bits as ggml's. */
#pragma once

#include <stddef.h>

enum { Q8_0_BLOCK = 32, Q8_0_BYTES = 34 };

/* n: a multiple of Q8_0_BLOCK. bytes: n / Q8_0_BLOCK * Q8_0_BYTES of them. */
void q8_0_pack(unsigned char *bytes, const float *numbers, size_t n);
void q8_0_unpack(float *numbers, const unsigned char *bytes, size_t n);
