#include "testlib.h"
#include "text/utf8.h"

static uint32_t decoded; /* by the last take() */

static size_t take(const char *text, size_t length) { return utf8_decode(&decoded, text, length); }

static void test_every_code_point_returns(void) {
    for (uint32_t code = 0; code < 0x110000; code++) {
        if (code >= 0xD800 && code < 0xE000) continue; /* surrogates are not characters */
        char bytes[UTF8_LONGEST];
        size_t size = utf8_encode(bytes, code);
        size_t expected = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        if (size != expected || take(bytes, size) != size || decoded != code) {
            TEST_FAIL("U+%04X: %zu bytes, decoded as U+%04X", code, size, decoded);
            return;
        }
    }
}

static void test_known_characters(void) {
    EXPECT_INT(take("\xC3\xA9t\xC3\xA9", 5), 2);
    EXPECT_INT(decoded, 0xE9);
    EXPECT_INT(take("\xE2\x80\x99", 3), 3);
    EXPECT_INT(decoded, 0x2019);
    EXPECT_INT(take("\xF0\x9F\x98\x80!", 5), 4);
    EXPECT_INT(decoded, 0x1F600);
    EXPECT_INT(take("\0a", 2), 1);
    EXPECT_INT(decoded, 0);
}

static void test_bad_bytes_stand_alone(void) {
    static const struct {
        const char *bytes;
        size_t length;
    } bad[] = {
        {"\x80", 1},             /* a continuation without a start */
        {"\xC3", 1},             /* truncated */
        {"\xE2\x80", 2},         /* truncated */
        {"\xF0\x9F\x98", 3},     /* truncated */
        {"\xC3(", 2},            /* no continuation */
        {"\xE2\x80(", 3},        /* no continuation */
        {"\xC0\xAF", 2},         /* overlong */
        {"\xC1\xBF", 2},         /* overlong */
        {"\xE0\x9F\xBF", 3},     /* overlong */
        {"\xF0\x8F\xBF\xBF", 4}, /* overlong */
        {"\xED\xA0\x80", 3},     /* a surrogate */
        {"\xED\xBF\xBF", 3},     /* a surrogate */
        {"\xF4\x90\x80\x80", 4}, /* above U+10FFFF */
        {"\xF5\x80\x80\x80", 4}, /* above U+10FFFF */
        {"\xFE", 1},
        {"\xFF", 1},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        unsigned char first = (unsigned char)bad[i].bytes[0];
        if (take(bad[i].bytes, bad[i].length) != 1 || decoded != UTF8_BAD + (uint32_t)first)
            TEST_FAIL("case %zu: decoded as %X", i, decoded);
        EXPECT_INT(utf8_class(decoded), UTF8_OTHER);
        char back[UTF8_LONGEST];
        EXPECT_INT(utf8_encode(back, decoded), 1);
        EXPECT_INT((unsigned char)back[0], first);
    }
}

/* A line is read in steps of eight bytes. */
static void test_valid(void) {
    for (size_t length = 1; length <= 24; length++)
        for (size_t bad = 0; bad <= length; bad++) {
            char text[] = "abcdefghijklmnopqrstuvwx";
            text[bad] = bad < length ? (char)0xC3 : text[bad];
            EXPECT_INT(utf8_valid(text, length), bad);
        }
}

/* All strings of two bytes: the pieces decoded, encoded again, give the string. */
static void test_lossless(void) {
    for (unsigned value = 0; value < 0x10000; value++) {
        char text[2] = {(char)(value >> 8), (char)value}, back[2 * UTF8_LONGEST];
        size_t used = 0;
        for (size_t at = 0; at < 2;) {
            at += take(text + at, 2 - at);
            used += utf8_encode(back + used, decoded);
        }
        if (used != 2 || memcmp(text, back, 2) != 0) TEST_FAIL("bytes %04X came back changed", value);
    }
}

static void test_classes(void) {
    static const struct {
        Utf8Class class;
        uint32_t codes[14];
    } known[] = {
        /* also: feminine ordinal, ae, oe, y trema, combining acute, omega, zhe, alef, han, modifier apostrophe */
        {UTF8_LETTER, {'a', 'Z', 0xAA, 0xC6, 0x153, 0x178, 0x301, 0x3C9, 0x436, 0x5D0, 0x4E2D, 0x2BC, 0x1EA0, 0xE9}},
        {UTF8_DIGIT, {'0', '9', 0x660, 0x966, 0xFF19}},
        {UTF8_SPACE, {' ', '\t', '\n', '\r', 0x85, 0xA0, 0x1680, 0x2000, 0x200A, 0x2028, 0x202F, 0x205F, 0x3000}},
        {UTF8_OTHER, {'\'', '_', '@', '[', 0x7F, 0x9F, 0xAB, 0xBB, 0xD7, 0xF7, 0x200B, 0x2019, 0x20AC, 0x1F600}},
    };
    for (size_t i = 0; i < COUNT(known); i++)
        for (size_t k = 0; k < 14 && known[i].codes[k]; k++)
            if (utf8_class(known[i].codes[k]) != known[i].class)
                TEST_FAIL("U+%04X is in class %d", known[i].codes[k], utf8_class(known[i].codes[k]));
    EXPECT_INT(utf8_class(0), UTF8_OTHER);
    /* All of them: how many codes each class has, and their sum. A change cuts words otherwise than models learned. */
    static const struct {
        Utf8Class class;
        uint64_t count, sum;
    } all[] = {{UTF8_LETTER, 968605, 482130314285},
               {UTF8_DIGIT, 260, 7324430},
               {UTF8_SPACE, 25, 141586},
               {UTF8_OTHER, 145222, 138484436915}};
    for (size_t i = 0; i < COUNT(all); i++) {
        uint64_t count = 0, sum = 0;
        for (uint32_t code = 0; code <= 0x10FFFF; code++)
            if (utf8_class(code) == all[i].class) count++, sum += code;
        EXPECT_INT(count, all[i].count);
        EXPECT_INT(sum, all[i].sum);
    }
}

/* A line to show: well-formed, without control characters, cut between characters. */
static void test_show(void) {
    static const struct {
        const char *text, *shown;
    } cases[] = {{"", ""},
                 {"\u00e9t\u00e9", "\u00e9t\u00e9"},
                 {"a\x1b\x7f\xc2\x9b"
                  "b",
                  "a\uFFFD\uFFFD\uFFFDb"},
                 {"a\xff\xe2\x80", "a\uFFFD\uFFFD\uFFFD"},
                 {"123456789abcdef", "123456789abcdef"},
                 {"123456789abcdefg", "123456789abc\u2026"},
                 {"123456789ab\u00e9\u00e9\u00e9", "123456789ab\u2026"},
                 {"123456789abcde\u00e9", "123456789abc\u2026"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char out[16];
        utf8_show(out, sizeof out, cases[i].text, strlen(cases[i].text));
        EXPECT_STR(out, cases[i].shown);
    }
}

/* Words between white space of any kind: those that alignments number. */
static void test_words(void) {
    static const char *const cases[][2] = {{"", ""},
                                           {" \t", ""},
                                           {"a", "a|"},
                                           {"  the cat\tsat\nhere ", "the|cat|sat|here|"},
                                           {"a\u00a0b\u3000c\u2003", "a|b|c|"},
                                           {"\u00e9\xff \xe2\x80 \u200b", "\u00e9\xff|\xe2\x80|\u200b|"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char found[64] = "";
        Text rest = {cases[i][0], strlen(cases[i][0])};
        for (Text word; (word = utf8_word(&rest)).length > 0; strcat(found, "|"))
            strncat(found, word.bytes, word.length);
        EXPECT_STR(found, cases[i][1]);
        EXPECT_INT(rest.length, 0);
    }
}

int main(void) {
    RUN(test_every_code_point_returns);
    RUN(test_known_characters);
    RUN(test_bad_bytes_stand_alone);
    RUN(test_valid);
    RUN(test_lossless);
    RUN(test_classes);
    RUN(test_show);
    RUN(test_words);
    return test_finish();
}
