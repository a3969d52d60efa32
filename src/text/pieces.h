/* Pieces: where a text is cut before byte pairs are merged; a merge never crosses the border of a piece.
 *
 * A piece is one of
 *   - an optional space and a run of letters, with the apostrophe that ties them to the next word: ` l'` + `arbre`
 *   - an optional space and a run of digits
 *   - an optional space and a run of other characters (punctuation, symbols, bytes that are not UTF-8)
 *   - white space, but for the one space that belongs to the piece after it
 * and is at most PIECE_LONGEST bytes long: a longer one is cut there. Pieces side by side give the text again, whatever
 * bytes it is made of. */
#ifndef NMT_TEXT_PIECES_H
#define NMT_TEXT_PIECES_H

#include <stddef.h>

enum { PIECE_LONGEST = 256 };

/* The length of the first piece of a text (length >= 1), in bytes; never 0. */
size_t piece_next(const char *text, size_t length);

#endif
