/* SHA-256 (FIPS 180-4): the sum by which a model made in a page is compared with one made by ./train. */
#pragma once

#include <stddef.h>

enum { SHA256_TEXT = 65 };

/* Writes the sum of the bytes as 64 hexadecimal digits and a NUL. */
void sha256_text(char text[SHA256_TEXT], const unsigned char *bytes, size_t size);
