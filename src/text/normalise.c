#include "text/normalise.h"

#include <stdint.h>
#include <string.h>

#include "base/ds.h"
#include "text/unicode.h"
#include "text/utf8.h"

const Field normalise_fields[] = {
    ROW_SWITCH("text.lowercase", Normalisation, lowercase, "false", "turn capitals into small letters"),
    ROW_SWITCH("text.apostrophes", Normalisation, apostrophes, "true", "turn typographic apostrophes into '"),
    ROW_SWITCH("text.spaces", Normalisation, spaces, "true",
               "turn white space into one space, and drop it at both ends"),
    ROW_SWITCH("text.nfc", Normalisation, nfc, "true",
               "write an accented letter in one way, that of Unicode's normal form C", .before = "false"),
    ROW_SWITCH("text.invisible", Normalisation, invisible, "true",
               "leave out what nobody sees: soft hyphens, zero-width spaces, marks of direction", .before = "false"),
    ROW_END,
};

static bool is_apostrophe(uint32_t code) {
    return code == 0x2018 || code == 0x2019 || code == 0x201B || code == 0x02BC || code == 0xFF07;
}

/* Decodes the text into *codes, an empty stb_ds array. A hidden character behind a bad byte stays: without it, the
 * bad bytes on both sides might together be a character. */
static void decode(uint32_t **codes, const char *text, size_t length, bool hide) {
    uint32_t code = 0;
    size_t count = 0;
    stbds_arrsetlen(*codes, length); /* never more than bytes */
    for (size_t at = 0; at < length;) {
        const bool bad = code >= UTF8_BAD;
        at += utf8_decode(&code, text + at, length - at);
        if (bad || !hide || !unicode_hidden(code)) (*codes)[count++] = code;
    }
    stbds_arrsetlen(*codes, count);
}

/* Capitals that models without nfc keep. */
static bool is_late(uint32_t code) {
    return code == 0x23A || code == 0x23E || (code >= 0x10A0 && code < 0x1E00) || (code >= 0x2160 && code < 0x2C60) ||
           code >= 0x10000;
}

static void lower(uint32_t *codes, size_t count, bool all) {
    for (size_t i = 0; i < count; i++)
        if (all || !is_late(codes[i])) codes[i] = unicode_lower(codes[i]);
}

typedef struct Writer {
    char *start, *end;
    bool space; /* white space seen and not written yet */
} Writer;

static inline void write_code(Writer *w, uint32_t code, Normalisation how) {
    if (how.spaces) {
        if (utf8_class(code) == UTF8_SPACE) {
            w->space = true;
            return;
        }
        if (w->space && w->end > w->start) *w->end++ = ' ';
        w->space = false;
    }
    if (how.apostrophes && is_apostrophe(code)) code = '\'';
    w->end += utf8_encode(w->end, code);
}

static bool is_ascii(const char *text, size_t length) {
    unsigned char all = 0;
    for (size_t i = 0; i < length; i++) all |= (unsigned char)text[i];
    return all < 0x80;
}

void normalise_text(char **out, const char *text, size_t length, Normalisation how) {
    uint32_t *codes = NULL;
    const bool ascii = is_ascii(text, length); /* then the bytes are the codes */
    if (!ascii) {
        decode(&codes, text, length, how.invisible);
        if (how.nfc) unicode_compose(&codes);
        if (how.lowercase) lower(codes, stbds_arrlenu(codes), how.nfc);
        if (how.lowercase && how.nfc) unicode_compose(&codes); /* a letter may be composed when it is small only */
    }
    const size_t before = stbds_arrlenu(*out), count = ascii ? length : stbds_arrlenu(codes);
    const size_t most = ascii ? length : count * UTF8_LONGEST;
    if (most > 0) {
        Writer w = {.start = stbds_arraddnptr(*out, most)};
        w.end = w.start;
        for (size_t i = 0; i < count; i++) {
            const uint32_t code = ascii ? (unsigned char)text[i] : codes[i];
            write_code(&w, ascii && how.lowercase ? unicode_lower(code) : code, how);
        }
        stbds_arrsetlen(*out, before + (size_t)(w.end - w.start));
    }
    stbds_arrfree(codes);
}

bool normalise_is_composed(const char *text, size_t length) {
    char *normal = NULL;
    if (is_ascii(text, length)) return true;
    normalise_text(&normal, text, length, (Normalisation){.nfc = true});
    const bool same = stbds_arrlenu(normal) == length && memcmp(normal, text, length) == 0;
    stbds_arrfree(normal);
    return same;
}
