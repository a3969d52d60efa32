#include "text/utf8.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/plain.h"
#include "base/size.h"

size_t utf8_decode(uint32_t *code, const char *text, size_t length) {
    const size_t size = plain_decode(code, text, length);
    if (size > 0) return size;
    *code += UTF8_BAD;
    return 1;
}

size_t utf8_encode(char out[UTF8_LONGEST], uint32_t code) {
    CHECK(code < UTF8_BAD + 0x100, "a code is a code point or a bad byte");
    if (code < 0x80 || code >= UTF8_BAD) {
        out[0] = (char)(code < 0x80 ? code : code - UTF8_BAD);
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)((0xF00u >> size & 0xF0) | code); /* 110xxxxx, 1110xxxx, 11110xxx */
    return size;
}

size_t utf8_valid(const char *text, size_t length) {
    size_t at = 0;
    while (at < length) {
        uint64_t eight;
        if (length - at >= sizeof eight) {
            memcpy(&eight, text + at, sizeof eight);
            if (!(eight & 0x8080808080808080u)) {
                at += sizeof eight;
                continue;
            }
        }
        uint32_t code;
        const size_t size = utf8_decode(&code, text + at, length - at);
        if (code >= UTF8_BAD) return at;
        at += size;
    }
    return at;
}

void utf8_show(char *out, size_t size, const char *text, size_t length) {
    static const char dots[] = "\u2026";
    size_t end = 0, room_for_dots = 0; /* the last place where the dots still fit */
    while (length > 0) {
        char bytes[UTF8_LONGEST];
        uint32_t code;
        const size_t taken = utf8_decode(&code, text, length);
        if (plain_character(text, length) == 0) code = 0xFFFD;
        const size_t given = utf8_encode(bytes, code);
        if (end + given >= size) {
            memcpy(out + room_for_dots, dots, sizeof dots);
            return;
        }
        memcpy(out + end, bytes, given);
        end += given;
        if (end + sizeof dots <= size) room_for_dots = end;
        text += taken;
        length -= taken;
    }
    out[end] = '\0';
}

typedef struct Range {
    uint32_t first, last;
} Range;

/* Above ASCII, everything is a letter except what these three tables hold, each in rising order. */
static const Range space_ranges[] = {{0x85, 0x85},     {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
                                     {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}};

static const Range digit_ranges[] = {
    {0x0660, 0x0669}, {0x06F0, 0x06F9}, {0x07C0, 0x07C9},  {0x0966, 0x096F}, {0x09E6, 0x09EF}, {0x0A66, 0x0A6F},
    {0x0AE6, 0x0AEF}, {0x0B66, 0x0B6F}, {0x0BE6, 0x0BEF},  {0x0C66, 0x0C6F}, {0x0CE6, 0x0CEF}, {0x0D66, 0x0D6F},
    {0x0DE6, 0x0DEF}, {0x0E50, 0x0E59}, {0x0ED0, 0x0ED9},  {0x0F20, 0x0F29}, {0x1040, 0x1049}, {0x17E0, 0x17E9},
    {0x1810, 0x1819}, {0xFF10, 0xFF19}, {0x1D7CE, 0x1D7FF}};

static const Range other_ranges[] = {
    {0x80, 0xA9},       {0xAB, 0xB4},       {0xB6, 0xB9},       {0xBB, 0xBF},     {0xD7, 0xD7},     {0xF7, 0xF7},
    {0x02C2, 0x02C5},   {0x02D2, 0x02DF},   {0x02E5, 0x02EB},   {0x02ED, 0x02ED}, {0x02EF, 0x02FF}, {0x0375, 0x0375},
    {0x037E, 0x037E},   {0x0384, 0x0385},   {0x0387, 0x0387},   {0x03F6, 0x03F6}, {0x0482, 0x0482}, {0x055A, 0x055F},
    {0x0589, 0x058F},   {0x05BE, 0x05BE},   {0x05C0, 0x05C0},   {0x05C3, 0x05C3}, {0x05C6, 0x05C6}, {0x05F3, 0x060F},
    {0x061B, 0x061F},   {0x066A, 0x066D},   {0x06D4, 0x06D4},   {0x06DD, 0x06DE}, {0x0964, 0x0965}, {0x0970, 0x0970},
    {0x0E3F, 0x0E3F},   {0x0E4F, 0x0E4F},   {0x0E5A, 0x0E5B},   {0x10FB, 0x10FB}, {0x166D, 0x166E}, {0x169B, 0x169C},
    {0x1FBD, 0x1FBD},   {0x1FBF, 0x1FC1},   {0x1FCD, 0x1FCF},   {0x1FDD, 0x1FDF}, {0x1FED, 0x1FEF}, {0x1FFD, 0x2070},
    {0x2072, 0x207E},   {0x2080, 0x208F},   {0x20A0, 0x20CF},   {0x2100, 0x2101}, {0x2103, 0x2106}, {0x2108, 0x2109},
    {0x2114, 0x2114},   {0x2116, 0x2118},   {0x211E, 0x2123},   {0x2140, 0x2144}, {0x214A, 0x214D}, {0x214F, 0x2182},
    {0x2185, 0x2BFF},   {0x2E00, 0x2E2E},   {0x2E30, 0x3004},   {0x3007, 0x3029}, {0x3030, 0x3030}, {0x3036, 0x303A},
    {0x303D, 0x303F},   {0x30A0, 0x30A0},   {0x30FB, 0x30FB},   {0x3190, 0x319F}, {0x31C0, 0x31EF}, {0x3200, 0x33FF},
    {0x4DC0, 0x4DFF},   {0xA490, 0xA4CF},   {0xE000, 0xF8FF},   {0xFD3E, 0xFD3F}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE6F},
    {0xFEFF, 0xFF0F},   {0xFF1A, 0xFF20},   {0xFF3B, 0xFF40},   {0xFF5B, 0xFF65}, {0xFFE0, 0xFFFF}, {0x10100, 0x1013F},
    {0x1F000, 0x1FAFF}, {0xE0000, 0xE00FF}, {0xF0000, 0x110000}};

/* Whether one of the ranges, in rising order, holds the code. */
static bool is_in(uint32_t code, const Range *ranges, size_t count) {
    size_t low = 0, high = count; /* ranges below `low` end before the code; those from `high` on do not */
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (ranges[middle].last < code)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && ranges[low].first <= code;
}

#define IN(code, ranges) is_in(code, ranges, COUNT(ranges))

Utf8Class utf8_class(uint32_t code) {
    if (code < 0x80) {
        uint32_t lower = code | 0x20;
        if (lower >= 'a' && lower <= 'z') return UTF8_LETTER;
        if (code >= '0' && code <= '9') return UTF8_DIGIT;
        return code == ' ' || (code >= '\t' && code <= '\r') ? UTF8_SPACE : UTF8_OTHER;
    }
    if (code >= UTF8_BAD) return UTF8_OTHER;
    if (IN(code, space_ranges)) return UTF8_SPACE;
    if (IN(code, digit_ranges)) return UTF8_DIGIT;
    return IN(code, other_ranges) ? UTF8_OTHER : UTF8_LETTER;
}

bool utf8_is_blank(Text text) {
    for (size_t at = 0; at < text.length;) {
        uint32_t code;
        at += utf8_decode(&code, text.bytes + at, text.length - at);
        if (utf8_class(code) != UTF8_SPACE) return false;
    }
    return true;
}

Text utf8_word(Text *rest) {
    if (rest->length == 0) return *rest; /* its bytes may be NULL */
    size_t first = rest->length, at = 0;
    for (size_t size; at < rest->length; at += size) {
        uint32_t code;
        size = utf8_decode(&code, rest->bytes + at, rest->length - at);
        const bool space = utf8_class(code) == UTF8_SPACE;
        if (space && first < at) break;
        if (!space && first > at) first = at;
    }
    const Text word = {rest->bytes + first, at - first};
    *rest = (Text){rest->bytes + at, rest->length - at};
    return word;
}

Text utf8_column(Text *rest) {
    const char *tab = memchr(rest->bytes, '\t', rest->length);
    const Text first = {rest->bytes, tab ? (size_t)(tab - rest->bytes) : rest->length};
    const size_t taken = first.length + (tab != NULL);
    *rest = (Text){rest->bytes + taken, rest->length - taken};
    return first;
}
