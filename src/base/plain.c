#include "base/plain.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

size_t plain_decode(uint32_t *code, const char *text, size_t length) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* by bytes: what needs that many */
    const unsigned char *byte = (const unsigned char *)text;
    *code = byte[0];
    if (byte[0] < 0x80) return 1;
    const size_t size = byte[0] < 0xC0 ? 0 : byte[0] < 0xE0 ? 2 : byte[0] < 0xF0 ? 3 : 4;
    if (size == 0 || size > length || byte[0] >= 0xF8) return 0;
    uint32_t c = byte[0] & (0x7F >> size);
    for (size_t i = 1; i < size; i++) {
        if ((byte[i] & 0xC0) != 0x80) return 0;
        c = c << 6 | (byte[i] & 0x3F);
    }
    if (c < least[size] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return 0;
    *code = c;
    return size;
}

size_t plain_character(const char *text, size_t length) {
    uint32_t c;
    const size_t size = plain_decode(&c, text, length);
    const bool control = c < 0x20 || (c >= 0x7F && c < 0xA0);
    const bool turns = (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
    return control || turns ? 0 : size;
}

char *plain_clean(char *text) {
    for (size_t length = strlen(text), at = 0, size; at < length; at += size ? size : 1) {
        size = plain_character(text + at, length - at);
        if (size == 0) text[at] = '?';
    }
    return text;
}
