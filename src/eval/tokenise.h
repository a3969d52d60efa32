/* Texts to code points, and these to words, as sacreBLEU does.
 *
 * Bytes that are not UTF-8 never fail: each is a character of its own (text/utf8.h), as with Python's error handler
 * "surrogateescape". */
#ifndef NMT_EVAL_TOKENISE_H
#define NMT_EVAL_TOKENISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text/utf8.h"

/* Python's white space, which is Unicode's and the four ASCII separators from U+001C. */
bool tokenise_is_space(uint32_t code);

/* The text's code points replace what *codes, a stb_ds array, holds. Lower-casing is utf8_lower's, one character to
 * one: unlike Python's for a capital I with dot, a sigma at the end of a word, and the capitals it does not know. */
void tokenise_decode(uint32_t **codes, Text text, bool lowercase);

/* "13a", the tokenisation of the WMT evaluations (mteval-v13a.pl): four entities are resolved, and spaces put around
 * symbols, around full stops and commas except between digits, and after a digit around a hyphen. */
void tokenise_13a(uint32_t **codes);

/* The next word at or after *at: *at becomes its start, its length is returned, 0 when there is none. */
size_t tokenise_word(const uint32_t *codes, size_t count, size_t *at);

#endif
