#include "text/normalise.h"

#include <stdint.h>

#include "base/ds.h"
#include "text/utf8.h"

const Field normalise_fields[] = {
    ROW_SWITCH("text.lowercase", Normalisation, lowercase, "false", "make all letters small"),
    ROW_SWITCH("text.apostrophes", Normalisation, apostrophes, "true", "typographic apostrophes become '"),
    ROW_SWITCH("text.spaces", Normalisation, spaces, "true", "white space becomes one space; none at the ends"),
    ROW_END,
};

static bool is_apostrophe(uint32_t code) {
    return code == 0x2018 || code == 0x2019 || code == 0x201B || code == 0x02BC || code == 0xFF07;
}

void normalise_text(char **out, const char *text, size_t length, Normalisation how) {
    if (length == 0) return;
    const size_t before = stbds_arrlenu(*out);
    char *const start = stbds_arraddnptr(*out, length), *end = start; /* no character becomes longer */
    bool space = false;                                               /* white space seen and not written yet */
    for (size_t at = 0; at < length;) {
        uint32_t code;
        at += utf8_decode(&code, text + at, length - at);
        if (how.spaces) {
            if (utf8_class(code) == UTF8_SPACE) {
                space = true;
                continue;
            }
            if (space && end > start) *end++ = ' ';
            space = false;
        }
        if (how.apostrophes && is_apostrophe(code)) code = '\'';
        if (how.lowercase) code = utf8_lower(code);
        end += utf8_encode(end, code);
    }
    stbds_arrsetlen(*out, before + (size_t)(end - start));
}
