#include "text/utf8.h"

#include <string.h>

#include "base/check.h"
#include "base/size.h"

/* Well-formed sequences as in table 3-7 of the Unicode standard: the first byte tells the length, and after E0, ED, F0
 * and F4 the second one has a narrower range, which rules out overlong forms, surrogates and codes above U+10FFFF. */
size_t utf8_decode(uint32_t *code, const char *text, size_t length) {
    const unsigned char *bytes = (const unsigned char *)text;
    unsigned char first = bytes[0];
    *code = first;
    if (first < 0x80) return 1;
    *code = UTF8_BAD + (uint32_t)first;
    if (first < 0xC2 || first > 0xF4) return 1;
    size_t needed = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (length < needed) return 1;
    unsigned char low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    unsigned char high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    if (bytes[1] < low || bytes[1] > high) return 1;
    uint32_t value = first & (0x7Fu >> needed);
    for (size_t i = 1; i < needed; i++) {
        if ((bytes[i] & 0xC0) != 0x80) return 1;
        value = value << 6 | (bytes[i] & 0x3F);
    }
    *code = value;
    return needed;
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
        if (code < 0x20 || (code >= 0x7F && code < 0xA0) || code >= UTF8_BAD) code = 0xFFFD;
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

/* The index of the table's entry whose range holds the code, or count. Each entry has `size` bytes and begins with a
 * range; ranges are in rising order. */
static inline size_t find(uint32_t code, const void *table, size_t count, size_t size) {
    Range range;
    size_t low = 0, high = count; /* ranges below `low` end before the code; those from `high` on do not */
    while (low < high) {
        const size_t middle = (low + high) / 2;
        memcpy(&range, (const char *)table + middle * size, sizeof range);
        if (range.last < code)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == count) return count;
    memcpy(&range, (const char *)table + low * size, sizeof range);
    return range.first <= code ? low : count;
}

#define IN(code, table) (find(code, table, COUNT(table), sizeof table[0]) < COUNT(table))

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

/* Upper-case letters above ASCII and the distance to their lower-case ones, in rising order. PAIRS: capitals and small
 * letters alternate, a capital first. This is all of Latin, Greek, Coptic, Cyrillic and Armenian in Unicode 14, except
 * U+023A and U+023E, whose small letters take more bytes. */
enum { PAIRS = 0 };

static const struct Case {
    uint32_t first, last;
    int32_t distance;
} cases[] = {{0xC0, 0xD6, 32},         {0xD8, 0xDE, 32},         {0x100, 0x12F, PAIRS},    {0x130, 0x130, -199},
             {0x132, 0x137, PAIRS},    {0x139, 0x148, PAIRS},    {0x14A, 0x177, PAIRS},    {0x178, 0x178, -121},
             {0x179, 0x17E, PAIRS},    {0x181, 0x181, 210},      {0x182, 0x185, PAIRS},    {0x186, 0x186, 206},
             {0x187, 0x187, 1},        {0x189, 0x18A, 205},      {0x18B, 0x18B, 1},        {0x18E, 0x18E, 79},
             {0x18F, 0x18F, 202},      {0x190, 0x190, 203},      {0x191, 0x191, 1},        {0x193, 0x193, 205},
             {0x194, 0x194, 207},      {0x196, 0x196, 211},      {0x197, 0x197, 209},      {0x198, 0x198, 1},
             {0x19C, 0x19C, 211},      {0x19D, 0x19D, 213},      {0x19F, 0x19F, 214},      {0x1A0, 0x1A5, PAIRS},
             {0x1A6, 0x1A6, 218},      {0x1A7, 0x1A7, 1},        {0x1A9, 0x1A9, 218},      {0x1AC, 0x1AC, 1},
             {0x1AE, 0x1AE, 218},      {0x1AF, 0x1AF, 1},        {0x1B1, 0x1B2, 217},      {0x1B3, 0x1B6, PAIRS},
             {0x1B7, 0x1B7, 219},      {0x1B8, 0x1B8, 1},        {0x1BC, 0x1BC, 1},        {0x1C4, 0x1C4, 2},
             {0x1C5, 0x1C5, 1},        {0x1C7, 0x1C7, 2},        {0x1C8, 0x1C8, 1},        {0x1CA, 0x1CA, 2},
             {0x1CB, 0x1DC, PAIRS},    {0x1DE, 0x1EF, PAIRS},    {0x1F1, 0x1F1, 2},        {0x1F2, 0x1F5, PAIRS},
             {0x1F6, 0x1F6, -97},      {0x1F7, 0x1F7, -56},      {0x1F8, 0x21F, PAIRS},    {0x220, 0x220, -130},
             {0x222, 0x233, PAIRS},    {0x23B, 0x23B, 1},        {0x23D, 0x23D, -163},     {0x241, 0x241, 1},
             {0x243, 0x243, -195},     {0x244, 0x244, 69},       {0x245, 0x245, 71},       {0x246, 0x24F, PAIRS},
             {0x370, 0x373, PAIRS},    {0x376, 0x376, 1},        {0x37F, 0x37F, 116},      {0x386, 0x386, 38},
             {0x388, 0x38A, 37},       {0x38C, 0x38C, 64},       {0x38E, 0x38F, 63},       {0x391, 0x3A1, 32},
             {0x3A3, 0x3AB, 32},       {0x3CF, 0x3CF, 8},        {0x3D8, 0x3EF, PAIRS},    {0x3F4, 0x3F4, -60},
             {0x3F7, 0x3F7, 1},        {0x3F9, 0x3F9, -7},       {0x3FA, 0x3FA, 1},        {0x3FD, 0x3FF, -130},
             {0x400, 0x40F, 80},       {0x410, 0x42F, 32},       {0x460, 0x481, PAIRS},    {0x48A, 0x4BF, PAIRS},
             {0x4C0, 0x4C0, 15},       {0x4C1, 0x4CE, PAIRS},    {0x4D0, 0x52F, PAIRS},    {0x531, 0x556, 48},
             {0x1E00, 0x1E95, PAIRS},  {0x1E9E, 0x1E9E, -7615},  {0x1EA0, 0x1EFF, PAIRS},  {0x1F08, 0x1F0F, -8},
             {0x1F18, 0x1F1D, -8},     {0x1F28, 0x1F2F, -8},     {0x1F38, 0x1F3F, -8},     {0x1F48, 0x1F4D, -8},
             {0x1F59, 0x1F59, -8},     {0x1F5B, 0x1F5B, -8},     {0x1F5D, 0x1F5D, -8},     {0x1F5F, 0x1F5F, -8},
             {0x1F68, 0x1F6F, -8},     {0x1F88, 0x1F8F, -8},     {0x1F98, 0x1F9F, -8},     {0x1FA8, 0x1FAF, -8},
             {0x1FB8, 0x1FB9, -8},     {0x1FBA, 0x1FBB, -74},    {0x1FBC, 0x1FBC, -9},     {0x1FC8, 0x1FCB, -86},
             {0x1FCC, 0x1FCC, -9},     {0x1FD8, 0x1FD9, -8},     {0x1FDA, 0x1FDB, -100},   {0x1FE8, 0x1FE9, -8},
             {0x1FEA, 0x1FEB, -112},   {0x1FEC, 0x1FEC, -7},     {0x1FF8, 0x1FF9, -128},   {0x1FFA, 0x1FFB, -126},
             {0x1FFC, 0x1FFC, -9},     {0x2126, 0x2126, -7517},  {0x212A, 0x212A, -8383},  {0x212B, 0x212B, -8262},
             {0x2132, 0x2132, 28},     {0x2C60, 0x2C60, 1},      {0x2C62, 0x2C62, -10743}, {0x2C63, 0x2C63, -3814},
             {0x2C64, 0x2C64, -10727}, {0x2C67, 0x2C6C, PAIRS},  {0x2C6D, 0x2C6D, -10780}, {0x2C6E, 0x2C6E, -10749},
             {0x2C6F, 0x2C6F, -10783}, {0x2C70, 0x2C70, -10782}, {0x2C72, 0x2C72, 1},      {0x2C75, 0x2C75, 1},
             {0x2C7E, 0x2C7F, -10815}, {0x2C80, 0x2CE3, PAIRS},  {0x2CEB, 0x2CEE, PAIRS},  {0x2CF2, 0x2CF2, 1},
             {0xA640, 0xA66D, PAIRS},  {0xA680, 0xA69B, PAIRS},  {0xA722, 0xA72F, PAIRS},  {0xA732, 0xA76F, PAIRS},
             {0xA779, 0xA77C, PAIRS},  {0xA77D, 0xA77D, -35332}, {0xA77E, 0xA787, PAIRS},  {0xA78B, 0xA78B, 1},
             {0xA78D, 0xA78D, -42280}, {0xA790, 0xA793, PAIRS},  {0xA796, 0xA7A9, PAIRS},  {0xA7AA, 0xA7AA, -42308},
             {0xA7AB, 0xA7AB, -42319}, {0xA7AC, 0xA7AC, -42315}, {0xA7AD, 0xA7AD, -42305}, {0xA7AE, 0xA7AE, -42308},
             {0xA7B0, 0xA7B0, -42258}, {0xA7B1, 0xA7B1, -42282}, {0xA7B2, 0xA7B2, -42261}, {0xA7B3, 0xA7B3, 928},
             {0xA7B4, 0xA7C3, PAIRS},  {0xA7C4, 0xA7C4, -48},    {0xA7C5, 0xA7C5, -42307}, {0xA7C6, 0xA7C6, -35384},
             {0xA7C7, 0xA7CA, PAIRS},  {0xA7D0, 0xA7D0, 1},      {0xA7D6, 0xA7D9, PAIRS},  {0xA7F5, 0xA7F5, 1},
             {0xFF21, 0xFF3A, 32}};

uint32_t utf8_lower(uint32_t code) {
    if (code < 0x80) return code >= 'A' && code <= 'Z' ? code + 32 : code;
    const size_t found = find(code, cases, COUNT(cases), sizeof cases[0]);
    if (found == COUNT(cases)) return code;
    if (cases[found].distance == PAIRS) return code + !((code - cases[found].first) & 1);
    return (uint32_t)((int32_t)code + cases[found].distance);
}
