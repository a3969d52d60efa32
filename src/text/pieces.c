#include "text/pieces.h"

#include "text/utf8.h"

/* Leaves room for the space before a run (1 byte) and the apostrophe after it (3 bytes). */
enum { RUN_LONGEST = PIECE_LONGEST - 4 };

/* Length of the run of characters of one class at the start of the text. */
static size_t run_of(Utf8Class class, const char *text, size_t length) {
    size_t at = 0;
    while (at < length) {
        uint32_t code;
        size_t size = utf8_decode(&code, text + at, length - at);
        if (at + size > RUN_LONGEST || utf8_class(code) != class) break;
        at += size;
    }
    return at;
}

static Utf8Class class_at(const char *text, size_t length) {
    uint32_t code;
    utf8_decode(&code, text, length);
    return utf8_class(code);
}

/* Length of the apostrophe at the start of the text if a letter follows it; 0 otherwise. */
static size_t tying_apostrophe(const char *text, size_t length) {
    if (length == 0) return 0;
    uint32_t code;
    size_t size = utf8_decode(&code, text, length);
    if ((code != '\'' && code != 0x2019) || size == length) return 0;
    return class_at(text + size, length - size) == UTF8_LETTER ? size : 0;
}

size_t piece_next(const char *text, size_t length) {
    size_t at = 0;
    Utf8Class class = class_at(text, length);
    if (class == UTF8_SPACE) {
        size_t run = run_of(UTF8_SPACE, text, length);
        if (run == length || text[run - 1] != ' ') return run;
        if (run > 1) return run - 1; /* the last space belongs to the next piece */
        at = 1;
        class = class_at(text + at, length - at);
    }
    at += run_of(class, text + at, length - at);
    if (class == UTF8_LETTER) at += tying_apostrophe(text + at, length - at);
    return at;
}
