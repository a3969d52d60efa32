/* Properties of characters from the Unicode Character Database, and normal form C.
 *
 * Unicode writes some characters in several ways: é is U+00E9, or e and U+0301. Such texts are canonically equal, and
 * the same text in normal form C, which composes where it can ("Unicode Normalization Forms", UAX #15). Everything
 * comes from one generated table (unicode_table.h). Codes are those of utf8_decode; a bad byte has no properties. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The small letter of a capital, where it is one code point (a dotted capital I becomes i); else the code itself. */
uint32_t unicode_lower(uint32_t code);

/* Whether nobody sees the character, and nothing is lost without it: soft hyphen, zero-width space, word joiner, byte
 * order mark, marks of direction, invisible operators. Not among them are joiners, variation selectors, tags and
 * fillers, which choose the forms of letters and emoji. */
bool unicode_hidden(uint32_t code);

/* Puts a stb_ds array of codes into normal form C. It may become up to three times as long. */
void unicode_compose(uint32_t **codes);
