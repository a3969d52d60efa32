/* Text for people to read in one line: valid UTF-8 without anything that a terminal obeys. Text of users and of files
 * (paths, config values, sentences) may hold bytes that move the cursor, colour the screen or turn the line round. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The bytes of the first character, of `length` bytes; 0 when it is none to be shown: not UTF-8, a control character
 * (U+0000 to U+001F, U+007F to U+009F), a line or paragraph separator, or one that changes the direction of what
 * follows (U+202A to U+202E, U+2066 to U+2069). length: at least 1. code: NULL, or the place for its number, which is
 * PLAIN_NONE when this is not UTF-8. */
enum { PLAIN_NONE = 0x110000 };
size_t plain_character(const char *text, size_t length, uint32_t *code);

/* Replaces each byte that is not part of such a character by '?'. Returns text. */
char *plain_clean(char *text);
