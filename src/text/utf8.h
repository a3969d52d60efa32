/* UTF-8, decoded without ever failing, and what kind of character a code point is.
 *
 * Text comes from anywhere, so bytes that are not UTF-8 are kept: each is a character of its own, with a code above all
 * code points. Nothing here depends on the locale. Classes and lower-casing are compact rules rather than the whole
 * Unicode database (compared with version 14). Classes are exact up to U+05FF and for Latin and Greek letters with more
 * accents (U+1E00 to U+1FFF), and good enough to split words elsewhere. Lower-casing knows the capitals of Latin,
 * Greek, Coptic, Cyrillic and Armenian, one letter for one; others stay as they are. */
#ifndef NMT_TEXT_UTF8_H
#define NMT_TEXT_UTF8_H

#include <stddef.h>
#include <stdint.h>

enum {
    UTF8_BAD = 0x110000, /* the code of a bad byte is UTF8_BAD + byte */
    UTF8_LONGEST = 4,    /* bytes of the longest character */
};

/* Bytes, UTF-8 or not, without a NUL at the end. */
typedef struct Text {
    const char *bytes;
    size_t length;
} Text;

typedef enum Utf8Class {
    UTF8_LETTER, /* and combining marks */
    UTF8_DIGIT,
    UTF8_SPACE, /* Unicode white space, no-break spaces too */
    UTF8_OTHER, /* punctuation, symbols, controls, bad bytes */
} Utf8Class;

/* The first character of the text (length >= 1) into *code; returns how many bytes it takes. A byte that does not start
 * a well-formed character (truncated, overlong, a surrogate, above U+10FFFF) is taken alone, as UTF8_BAD + byte. */
size_t utf8_decode(uint32_t *code, const char *text, size_t length);

/* The reverse, for bad bytes too; returns how many bytes were written. */
size_t utf8_encode(char out[UTF8_LONGEST], uint32_t code);

/* A line to show, with a NUL, into a buffer of size >= 4: well-formed UTF-8 whatever the bytes are, bad ones and
 * control characters as U+FFFD; what does not fit is left out, and a U+2026 (three dots) put there. */
void utf8_show(char *out, size_t size, const char *text, size_t length);

Utf8Class utf8_class(uint32_t code);

/* The lower-case letter of an upper-case one (simple mapping, one to one, never of more bytes; that of the dotted I is
 * i, that of sigma the same at the end of a word); any other code is returned as it is. */
uint32_t utf8_lower(uint32_t code);

#endif
