/* Text for people to read in one line: valid UTF-8 without anything that a terminal obeys. Text of users and of files
 * (paths, config values, sentences) may hold bytes that move the cursor, colour the screen or turn the line round. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Decodes the first character (length >= 1) into *code, and returns how many bytes it takes; 0, with the first byte in
 * *code, when they are no UTF-8: cut off, overlong, a surrogate or above U+10FFFF. */
size_t plain_decode(uint32_t *code, const char *text, size_t length);

/* The same without the code, and 0 also for what is not to be shown: control characters (U+0000 to U+001F, U+007F to
 * U+009F), line and paragraph separators, and what changes the direction of text (U+202A to U+202E, U+2066 to
 * U+2069). */
size_t plain_character(const char *text, size_t length);

/* Replaces each byte that is not part of such a character by '?'. Returns text. */
char *plain_clean(char *text);
