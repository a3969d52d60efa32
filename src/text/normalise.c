#include "text/normalise.h"

#include <stdint.h>
#include <string.h>

#include "base/ds.h"
#include "text/utf8.h"

static bool is_apostrophe(uint32_t code) {
    return code == 0x2018 || code == 0x2019 || code == 0x201B || code == 0x02BC || code == 0xFF07;
}

void normalise_text(char **out, const char *text, size_t length, Normalisation how) {
    size_t start = (size_t)stbds_arrlen(*out);
    bool space = false; /* white space seen and not written yet */
    for (size_t at = 0; at < length;) {
        uint32_t code;
        size_t size = utf8_decode(&code, text + at, length - at);
        at += size;
        if (how.spaces) {
            if (utf8_class(code) == UTF8_SPACE) {
                space = true;
                continue;
            }
            if (space && (size_t)stbds_arrlen(*out) > start) stbds_arrput(*out, ' ');
            space = false;
        }
        if (how.apostrophes && is_apostrophe(code)) code = '\'';
        if (how.lowercase) code = utf8_lower(code);
        char bytes[UTF8_LONGEST];
        size = utf8_encode(bytes, code);
        memcpy(stbds_arraddnptr(*out, size), bytes, size);
    }
}
