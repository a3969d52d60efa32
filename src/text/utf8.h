/* UTF-8 that never fails to decode, and classes of characters.
 *
 * Text comes from anywhere, so bytes that are not UTF-8 are kept: each is a character of its own, with a code above all
 * code points. Nothing depends on the locale. Classes come from small tables, not from the whole Unicode database; they
 * were compared with its version 14. They are exact up to U+05FF and from U+1E00 to U+1FFF (Latin and Greek letters
 * with more accents), and elsewhere good enough to split words. */
#pragma once

#include <stdbool.h>
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

/* Decodes the first character of the text (length >= 1) into *code, and returns how many bytes it takes. If they are
 * not well formed (truncated, overlong, a surrogate, above U+10FFFF), takes one byte, with the code UTF8_BAD + byte. */
size_t utf8_decode(uint32_t *code, const char *text, size_t length);

/* The reverse, also for bad bytes; returns how many bytes were written. */
size_t utf8_encode(char out[UTF8_LONGEST], uint32_t code);

/* How many bytes come before the first that is not UTF-8; length when there is none. */
size_t utf8_valid(const char *text, size_t length);

/* Writes text for display, with a NUL at its end, into a buffer of size >= 4. Bad bytes, control characters, line ends
 * and marks of direction (base/plain.h) become U+FFFD; if not everything fits, U+2026 (three dots) replaces the rest.
 */
void utf8_show(char *out, size_t size, const char *text, size_t length);

Utf8Class utf8_class(uint32_t code);

/* Whether the text has nothing but white space. */
bool utf8_is_blank(Text text);

/* The next word between white space: cuts it off *rest, with the white space before it, and returns it; of length 0:
 * there is none. Alignments number words alike (decode/align.h). */
Text utf8_word(Text *rest);

/* The next column of a TSV line: cuts the text before the first TAB, and the TAB, off *rest, and returns the text. */
Text utf8_column(Text *rest);
