#include "eval/tokenise.h"

#include <string.h>

#include "base/ds.h"
#include "base/size.h"
#include "text/unicode.h"
#include "text/utf8.h"

bool tokenise_is_space(uint32_t code) {
    return code < 0x80 ? code == ' ' || (code >= '\t' && code <= '\r') || (code >= 0x1C && code <= 0x1F)
                       : utf8_class(code) == UTF8_SPACE;
}

/* Characters that do not end a word though they are no letters (Unicode's Case_Ignorable), first and last of each
 * range: those that are found in Greek text. */
static bool is_within(uint32_t c) {
    static const uint32_t ranges[][2] = {
        {'\'', '\''},     {'.', '.'},       {':', ':'},       {'^', '^'},       {'`', '`'},
        {0xA8, 0xA8},     {0xAD, 0xAD},     {0xAF, 0xAF},     {0xB4, 0xB4},     {0xB7, 0xB8},
        {0x2B0, 0x36F},   {0x37A, 0x37A},   {0x384, 0x385},   {0x387, 0x387},   {0x483, 0x489},
        {0x1FBD, 0x1FBD}, {0x1FBF, 0x1FC1}, {0x1FCD, 0x1FCF}, {0x1FDD, 0x1FDF}, {0x1FED, 0x1FEF},
        {0x1FFD, 0x1FFE}, {0x200B, 0x200F}, {0x2018, 0x2019}, {0x2024, 0x2024}, {0x2027, 0x2027}};
    for (size_t i = 0; i < COUNT(ranges); i++)
        if (c >= ranges[i][0] && c <= ranges[i][1]) return true;
    return false;
}

/* A letter of Latin, Greek, Cyrillic or Armenian: letters of most other scripts are neither large nor small. */
static bool has_case(uint32_t c) { return (c < 0x590 || (c >= 0x1E00 && c < 0x2000)) && utf8_class(c) == UTF8_LETTER; }

/* Whether a letter is next to codes[i], forward (step 1) or backward (-1). */
static bool has_letter(const uint32_t *codes, size_t i, size_t step) {
    do i += step;
    while (i < stbds_arrlenu(codes) && is_within(codes[i]));
    return i < stbds_arrlenu(codes) && has_case(codes[i]);
}

static void lower(uint32_t *codes) {
    for (size_t i = 0; i < stbds_arrlenu(codes); i++)
        codes[i] = codes[i] == 0x3A3 && has_letter(codes, i, SIZE_MAX) && !has_letter(codes, i, 1)
                       ? 0x3C2
                       : unicode_lower(codes[i]);
}

void tokenise_decode(uint32_t **codes, Text text, bool lowercase) {
    stbds_arrsetlen(*codes, text.length); /* never more than bytes */
    size_t count = 0;
    for (size_t i = 0; i < text.length; count++) {
        uint32_t code;
        i += utf8_decode(&code, text.bytes + i, text.length - i);
        (*codes)[count] = code;
        if (lowercase && code == 0x130) (*codes)[count] = 'i', (*codes)[++count] = 0x307; /* it has two bytes */
    }
    stbds_arrsetlen(*codes, count);
    if (lowercase) lower(*codes);
}

/* Replaces each `word` in the codes, from left to right, by the character `by`, or by nothing if this is 0. */
static void replace(uint32_t *codes, const char *word, char by) {
    const size_t count = stbds_arrlenu(codes), length = strlen(word);
    size_t out = 0;
    for (size_t i = 0; i < count;) {
        size_t same = 0;
        while (same < length && i + same < count && codes[i + same] == (unsigned char)word[same]) same++;
        if (same < length) {
            codes[out++] = codes[i++];
        } else {
            if (by) codes[out++] = (unsigned char)by;
            i += length;
        }
    }
    if (count > 0) stbds_arrsetlen(codes, out);
}

/* ASCII punctuation and the space, without ' , - and the full stop. */
static bool is_symbol(uint32_t c) {
    return (c >= '{' && c <= '~') || (c >= '[' && c <= '`') || (c >= ' ' && c <= '&') || (c >= '(' && c <= '+') ||
           (c >= ':' && c <= '@') || c == '/';
}

static bool is_digit(uint32_t code) { return code >= '0' && code <= '9'; }

static bool is_other(uint32_t code) { return !is_digit(code); }

static bool is_stop(uint32_t code) { return code == '.' || code == ','; }

static bool is_hyphen(uint32_t code) { return code == '-'; }

/* Wherever a character of the first kind is followed by one of the second, puts a space between them, and one before or
 * after both. Pairs do not overlap: the search continues after each pair. */
static void split_pairs(uint32_t **codes, bool (*first)(uint32_t), bool (*second)(uint32_t), bool before) {
    const size_t count = stbds_arrlenu(*codes);
    const uint32_t *in = *codes;
    uint32_t *out = NULL;
    stbds_arrsetcap(out, count + count / 4);
    for (size_t i = 0; i < count; i++) {
        if (i + 1 == count || !second(in[i + 1]) || !first(in[i])) {
            stbds_arrput(out, in[i]);
            continue;
        }
        if (before) stbds_arrput(out, ' ');
        stbds_arrput(out, in[i]);
        stbds_arrput(out, ' ');
        stbds_arrput(out, in[++i]);
        if (!before) stbds_arrput(out, ' ');
    }
    stbds_arrfree(*codes);
    *codes = out;
}

void tokenise_13a(uint32_t **codes) {
    replace(*codes, "<skipped>", 0);
    replace(*codes, "-\n", 0);
    replace(*codes, "&quot;", '"');
    replace(*codes, "&amp;", '&');
    replace(*codes, "&lt;", '<');
    replace(*codes, "&gt;", '>');
    const size_t count = stbds_arrlenu(*codes);
    uint32_t *out = NULL;
    stbds_arrsetcap(out, count + count / 2 + 2);
    stbds_arrput(out, ' ');
    for (size_t i = 0; i < count; i++) {
        const uint32_t code = (*codes)[i];
        if (is_symbol(code)) stbds_arrput(out, ' ');
        stbds_arrput(out, code);
        if (is_symbol(code)) stbds_arrput(out, ' ');
    }
    stbds_arrput(out, ' ');
    stbds_arrfree(*codes);
    *codes = out;
    split_pairs(codes, is_other, is_stop, false);
    split_pairs(codes, is_stop, is_other, true);
    split_pairs(codes, is_digit, is_hyphen, false);
}

size_t tokenise_word(const uint32_t *codes, size_t count, size_t *at) {
    while (*at < count && tokenise_is_space(codes[*at])) ++*at;
    size_t length = 0;
    while (*at + length < count && !tokenise_is_space(codes[*at + length])) length++;
    return length;
}
