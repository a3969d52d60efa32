/* A text is cut into pieces before byte pairs are merged: no merge crosses the border between two pieces.
 *
 * A piece is one of
 *   - an optional space and a run of letters, with the apostrophe that ties them to the next word: ` l'` + `arbre`
 *   - an optional space and a run of digits
 *   - an optional space and a run of other characters (punctuation, symbols, bytes that are not UTF-8)
 *   - white space; if it ends in a space and something follows, that space belongs to the next piece
 * A run of more than 252 bytes is cut there, so that a piece has at most PIECE_LONGEST. All pieces together are the
 * text again, for any bytes. */
#pragma once

#include <stddef.h>

enum { PIECE_LONGEST = 256 };

/* The length of the first piece of a text (length >= 1), in bytes; never 0. */
size_t piece_next(const char *text, size_t length);
