/* Turns texts into code points and code points into words, as sacreBLEU does.
 *
 * Bytes that are not UTF-8 are no failure: each is a character of its own (text/utf8.h), as with Python's error handler
 * "surrogateescape". */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/utf8.h"

/* Whether Python takes it for white space: Unicode's white space, or one of the four ASCII separators from U+001C. */
bool tokenise_is_space(uint32_t code);

/* Replaces the content of *codes, a stb_ds array, by the text's code points. Lower case is that of Python's str.lower:
 * a dotted capital I becomes two code points, and a capital sigma at the end of a word becomes the final sigma. The end
 * of a word is found by a simpler rule than Python's. Both give the same for Greek text, but may differ where a sigma
 * is next to a rare script or a rare symbol. */
void tokenise_decode(uint32_t **codes, Text text, bool lowercase);

/* "13a", the tokenisation of the WMT evaluations (mteval-v13a.pl): removes "<skipped>" and a hyphen with the line end
 * behind it, resolves four entities, and puts spaces around symbols, around full stops and commas except between
 * digits, and around a hyphen after a digit. */
void tokenise_13a(uint32_t **codes);

/* Finds the next word at or after *at: sets *at to its start and returns its length, 0 if there is none. */
size_t tokenise_word(const uint32_t *codes, size_t count, size_t *at);
