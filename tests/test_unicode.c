/* Normal form C and lower case. The program is also asked by scripts/check_unicode.py, with the argument `-`. */
#include "text/unicode.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/ds.h"
#include "base/rng.h"
#include "eval/tokenise.h"
#include "testlib.h"
#include "text/normalise.h"
#include "text/utf8.h"

enum { MOST = 12 }; /* codes of a known string; 0 ends it */

static uint32_t *array_of(const uint32_t *codes, size_t count) {
    uint32_t *out = NULL;
    if (count > 0) memcpy(stbds_arraddnptr(out, count), codes, count * sizeof *codes);
    return out;
}

static size_t count_of(const uint32_t codes[MOST]) {
    size_t count = 0;
    while (count < MOST && codes[count]) count++;
    return count;
}

static bool same(const uint32_t *found, const uint32_t *expected, size_t count) {
    return stbds_arrlenu(found) == count && (count == 0 || memcmp(found, expected, count * sizeof *found) == 0);
}

/* A string and its normal form C, which is its own. */
static void expect_composed(const uint32_t from[MOST], const uint32_t to[MOST]) {
    uint32_t *once = array_of(from, count_of(from)), *twice = array_of(to, count_of(to));
    unicode_compose(&once);
    unicode_compose(&twice);
    if (!same(once, to, count_of(to)) || !same(twice, to, count_of(to)))
        TEST_FAIL("U+%04X U+%04X ...: became %zu codes, U+%04X first", from[0], from[1], stbds_arrlenu(once),
                  stbds_arrlenu(once) ? once[0] : 0);
    stbds_arrfree(once);
    stbds_arrfree(twice);
}

static void test_letters_and_accents(void) {
    static const uint32_t pairs[][2][MOST] = {
        {{'e', 0x301}, {0xE9}},
        {{'E', 0x302, 0x301}, {0x1EBE}}, /* Vietnamese: two accents */
        {{'e', 0x323, 0x302}, {0x1EC7}},
        {{0x3B1, 0x313, 0x301, 0x345}, {0x1F84}}, /* Greek: three */
        {{0x418, 0x306}, {0x419}},                /* Cyrillic */
        {{0x627, 0x654}, {0x623}},                /* Arabic */
        {{0x915, 0x93C}, {0x915, 0x93C}},         /* Hindi: never composed */
        {{0x9C7, 0x9BE}, {0x9CB}},                /* Bengali: two vowel signs that are no marks */
        {{0x30AB, 0x3099}, {0x30AC}},             /* Japanese */
        {{0x110A5, 0x110BA}, {0x110AB}},          /* above U+FFFF */
        {{'x', 0x301}, {'x', 0x301}},
        {{0x212B}, {0xC5}}, /* a sign that is a letter */
        {{0x2126}, {0x3A9}},
        {{0x37E}, {';'}},
        {{0xF900}, {0x8C48}},
        {{0x2FA1D}, {0x2A600}},
        {{0xFB01}, {0xFB01}}, /* a ligature is another text */
        {{'e', 0x301, 'e', 0x300}, {0xE9, 0xE8}},
        {{0x301, 'e'}, {0x301, 'e'}},
        {{'a', UTF8_BAD + 0xCC, 0x301}, {'a', UTF8_BAD + 0xCC, 0x301}},
    };
    for (size_t i = 0; i < COUNT(pairs); i++) expect_composed(pairs[i][0], pairs[i][1]);
}

/* They end up in the order of their classes; those of one class stay in theirs, and the second cannot join. */
static void test_marks_are_sorted(void) {
    static const uint32_t pairs[][2][MOST] = {
        {{'e', 0x302, 0x323}, {0x1EC7}},
        {{'q', 0x307, 0x323}, {'q', 0x323, 0x307}},
        {{'a', 0x315, 0x300, 0x5AE, 0x327}, {0xE0, 0x327, 0x5AE, 0x315}},
        {{0xE9, 0x327}, {0x229, 0x301}},
        {{'a', 0x304, 0x301}, {0x101, 0x301}},
        {{'a', 0x301, 0x304}, {0xE1, 0x304}},
        {{'a', 0x332, 0x301, 'b', 0x301, 0x332}, {0xE1, 0x332, 'b', 0x332, 0x301}},
        {{0x5D1, 0x5B8, 0x5BC}, {0x5D1, 0x5B8, 0x5BC}},
        {{0x5D1, 0x5BC, 0x5B8}, {0x5D1, 0x5B8, 0x5BC}},
        {{'e', 0x334, 0x301}, {0xE9, 0x334}},
    };
    for (size_t i = 0; i < COUNT(pairs); i++) expect_composed(pairs[i][0], pairs[i][1]);
}

static void test_hangul(void) {
    static const uint32_t pairs[][2][MOST] = {
        {{0x1112, 0x1161, 0x11AB, 0x1100, 0x1173, 0x11AF}, {0xD55C, 0xAE00}},
        {{0xAC00, 0x11A8}, {0xAC01}},
        {{0xAC00, 0x11A7}, {0xAC00, 0x11A7}}, /* no trailing consonant */
        {{0xAC01, 0x11A8}, {0xAC01, 0x11A8}},
        {{0x1100, 0x11A8}, {0x1100, 0x11A8}},
        {{0x1112, 0x1175, 0x11C2}, {0xD7A3}},
        {{0x1100, 0x300, 0x1161}, {0x1100, 0x300, 0x1161}},
        {{0x1161, 0x1100, 0x1161}, {0x1161, 0xAC00}},
    };
    for (size_t i = 0; i < COUNT(pairs); i++) expect_composed(pairs[i][0], pairs[i][1]);
}

/* Characters that are taken apart for good, and letters with a mark that does not compose. */
static void test_exclusions(void) {
    static const uint32_t pairs[][2][MOST] = {
        {{0x958}, {0x915, 0x93C}},
        {{0xFB1D}, {0x5D9, 0x5B4}},
        {{0x344}, {0x308, 0x301}},
        {{0x2ADC}, {0x2ADD, 0x338}},
        {{0x1D160}, {0x1D158, 0x1D165, 0x1D16E}},
        {{0xF73}, {0xF71, 0xF72}},
        {{'a', 0x344}, {0xE4, 0x301}},
        {{0x3B9, 0x344}, {0x390}},
    };
    for (size_t i = 0; i < COUNT(pairs); i++) expect_composed(pairs[i][0], pairs[i][1]);
}

/* As many marks as a long line holds, in falling order: sorted, and at once. */
static void test_many_marks(void) {
    enum { MARKS = 200000 };
    uint32_t *codes = NULL;
    stbds_arrput(codes, 'x');
    for (size_t i = 0; i < MARKS; i++) stbds_arrput(codes, i < MARKS / 2 ? 0x301 : 0x323);
    unicode_compose(&codes);
    EXPECT_INT(stbds_arrlen(codes), MARKS + 1);
    EXPECT(codes[1] == 0x323 && codes[MARKS / 2] == 0x323 && codes[MARKS / 2 + 1] == 0x301 && codes[MARKS] == 0x301);
    stbds_arrfree(codes);
}

/* Strings of what decomposes and combines: composing again changes nothing, and the decomposed and the composed become
 * the same, also when the letters are made small. */
static void test_idempotent(void) {
    static const uint32_t some[] = {'A',    'e',    'J',    'H',    'I',   0x130,  0x1E9E, 0x212A, 0x2126,  0x345,
                                    0x301,  0x30C,  0x323,  0x331,  0x338, 0x307,  0x344,  0x1F80, 0x1FBC,  0x3B9,
                                    0x1100, 0x1161, 0x11A8, 0xAC00, 0x958, 0x93C,  0x9C7,  0x9BE,  0xAD,    0x200B,
                                    ' ',    0xA0,   0x2000, 0x2019, 0x2BC, 0xFB1D, 0x5B4,  0xF900, 0x1D160, 0x23A};
    size_t wrong = 0;
    for (uint32_t round = 0; round < 20000; round++) {
        const RngSite site = {3, round, 0};
        const Normalisation how = {.lowercase = round & 1, .spaces = round & 2, .nfc = true, .invisible = round & 4};
        const size_t length = rng_bits(site, 0) % 8;
        char *text = NULL, *once = NULL, *twice = NULL;
        for (size_t i = 0; i < length; i++) {
            char bytes[UTF8_LONGEST];
            const size_t size = utf8_encode(bytes, some[rng_bits(site, i + 1) % COUNT(some)]);
            memcpy(stbds_arraddnptr(text, size), bytes, size);
        }
        normalise_text(&once, text, stbds_arrlenu(text), how);
        normalise_text(&twice, once, stbds_arrlenu(once), how);
        const size_t size = stbds_arrlenu(once);
        if (size != stbds_arrlenu(twice) || (size > 0 && memcmp(once, twice, size) != 0)) wrong++;
        stbds_arrfree(text);
        stbds_arrfree(once);
        stbds_arrfree(twice);
    }
    EXPECT_INT(wrong, 0);
}

static void test_hidden(void) {
    static const uint32_t hidden[] = {0xAD,   0x61C,  0x200B, 0x200E, 0x200F, 0x202A,
                                      0x202E, 0x2060, 0x2064, 0x2066, 0x2069, 0xFEFF};
    /* Joiners, variation selectors, tags, fillers; spaces, dashes, marks, and what has a picture. */
    static const uint32_t seen[] = {'a',    ' ',     0xA0,    0x200C, 0x200D,       0xFE00, 0xFE0F, 0x180B,
                                    0x180E, 0x34F,   0x3164,  0x115F, 0x2010,       0x2011, 0x2028, 0x301,
                                    0x600,  0xE0067, 0xE0100, 0x2003, 0x2065,       0xFFFD, 0x17B4, 0x1F3F,
                                    0xAC,   0xAE,    0x1D173, 0x2070, UTF8_BAD + 1, '-'};
    for (size_t i = 0; i < COUNT(hidden); i++)
        if (!unicode_hidden(hidden[i])) TEST_FAIL("U+%04X is not hidden", hidden[i]);
    for (size_t i = 0; i < COUNT(seen); i++)
        if (unicode_hidden(seen[i])) TEST_FAIL("U+%04X is hidden", seen[i]);
    size_t count = 0;
    for (uint32_t code = 0; code < UTF8_BAD + 0x100; code++) count += unicode_hidden(code);
    EXPECT_INT(count, 26);
}

static void test_lower(void) {
    /* Also: Latin Extended-A and -B, Greek, Cyrillic, Vietnamese; then what has no lower case. */
    static const uint32_t pairs[][2] = {
        {'A', 'a'},
        {'Z', 'z'},
        {0xC9, 0xE9},
        {0xDE, 0xFE},
        {0x100, 0x101},
        {0x152, 0x153},
        {0x178, 0xFF},
        {0x17D, 0x17E},
        {0x139, 0x13A},
        {0x1CD, 0x1CE},
        {0x218, 0x219},
        {0x386, 0x3AC},
        {0x38F, 0x3CE},
        {0x391, 0x3B1},
        {0x3A9, 0x3C9},
        {0x401, 0x451},
        {0x410, 0x430},
        {0x42F, 0x44F},
        {0x4C1, 0x4C2},
        {0x1EA0, 0x1EA1},
        {0x1E9E, 0xDF},
        {0x130, 'i'},
        {'a', 'a'},
        {'[', '['},
        {'@', '@'},
        {0xD7, 0xD7},
        {0xDF, 0xDF},
        {0xF7, 0xF7},
        {0x131, 0x131},
        {0x138, 0x138},
        {0x3A2, 0x3A2},
        {0x3B1, 0x3B1},
        {0x5D0, 0x5D0},
        {'0', '0'},
        /* Hausa, Azerbaijani, Ewe, Croatian, Greek with breathings, signs that are letters, old Cyrillic, Armenian */
        {0x181, 0x253},
        {0x18A, 0x257},
        {0x198, 0x199},
        {0x18F, 0x259},
        {0x186, 0x254},
        {0x1C4, 0x1C6},
        {0x1C5, 0x1C6},
        {0x1F1, 0x1F3},
        {0x1F08, 0x1F00},
        {0x1F1D, 0x1F15},
        {0x1F5F, 0x1F57},
        {0x1F88, 0x1F80},
        {0x1FBB, 0x1F71},
        {0x1FFC, 0x1FF3},
        {0x2126, 0x3C9},
        {0x212A, 'k'},
        {0x3F4, 0x3B8},
        {0xA640, 0xA641},
        {0xA7AE, 0x26A},
        {0x531, 0x561},
        {0x556, 0x586},
        {0x187, 0x188},
        {0x188, 0x188},
        {0x18D, 0x18D},
        {0x1F07, 0x1F07},
        {0x1F58, 0x1F58},
        {0x557, 0x557},
        /* Letters whose small ones take more bytes; Georgian, Cherokee, Glagolitic, Deseret; numbers */
        {0x23A, 0x2C65},
        {0x23E, 0x2C66},
        {0x10A0, 0x2D00},
        {0x1C90, 0x10D0},
        {0x13A0, 0xAB70},
        {0x2C00, 0x2C30},
        {0x10400, 0x10428},
        {0x2160, 0x2170},
        {0x1E921, 0x1E943},
        {UTF8_BAD + 0xC9, UTF8_BAD + 0xC9},
    };
    size_t count = 0, sum = 0;
    for (size_t i = 0; i < COUNT(pairs); i++)
        if (unicode_lower(pairs[i][0]) != pairs[i][1])
            TEST_FAIL("U+%04X became U+%04X", pairs[i][0], unicode_lower(pairs[i][0]));
    for (uint32_t code = 0; code < UTF8_BAD; code++)
        if (unicode_lower(code) != code) count++, sum += unicode_lower(code);
    EXPECT_INT(count, 1433); /* as Unicode 15 has them */
    EXPECT_INT(sum, 34914171);
}

static void test_lower_twice(void) {
    for (uint32_t code = 0; code < 0x110100; code++) {
        uint32_t lower = unicode_lower(code);
        if (unicode_lower(lower) != lower) TEST_FAIL("U+%04X: lower case of U+%04X changes again", code, lower);
    }
}

/* As Python's str.lower, and so sacreBLEU, has it: a sigma at the end of a word, and I with a dot in two code points.
 */
static void test_score_lower(void) {
    static const char *const pairs[][2] = {
        {"\u023aESET \u023e\u00c1L", "\u2c65eset \u2c66\u00e1l"},
        {"\u039f\u0394\u039f\u03a3 \u03a3\u0391\u03a3. \u0391.\u03a3. \u03a3 \u03a3\u0391'\u03a3",
         "\u03bf\u03b4\u03bf\u03c2 \u03c3\u03b1\u03c2. \u03b1.\u03c2. \u03c3 \u03c3\u03b1'\u03c2"},
        {"\u039f\u0394\u039f\u03a3`\u0391 \u0391\u03a3^\u0391", "\u03bf\u03b4\u03bf\u03c3`\u03b1 \u03b1\u03c3^\u03b1"},
        {"\u6587\u03a3 \u0391\u03a3\u6587", "\u6587\u03c3 \u03b1\u03c2\u6587"},
        {"\u0130STANBUL I\u0130", "i\u0307stanbul ii\u0307"},
        {"\u13e3\u13b3\u13a9", "\uabb3\uab83\uab79"},
        {"\u1c90\u1c91 \u10a0\u10a1", "\u10d0\u10d1 \u2d00\u2d01"},
        {"\U00010400 \U0001e900", "\U00010428 \U0001e922"},
        {"\u2167 \u24b6", "\u2177 \u24d0"},
        {"STRA\u1e9eE", "stra\u00dfe"},
        {"\u03a9 K \u00c5 \u01c5", "\u03c9 k \u00e5 \u01c6"},
        {"\u2c00\u2c01", "\u2c30\u2c31"},
        {"\u1f48\u0394\u03a5\u03a3\u03a3\u0395\u038e\u03a3", "\u1f40\u03b4\u03c5\u03c3\u03c3\u03b5\u03cd\u03c2"}};
    uint32_t *found = NULL, *wanted = NULL;
    for (size_t i = 0; i < COUNT(pairs); i++) {
        tokenise_decode(&found, (Text){pairs[i][0], strlen(pairs[i][0])}, true);
        tokenise_decode(&wanted, (Text){pairs[i][1], strlen(pairs[i][1])}, false);
        if (!same(found, wanted, stbds_arrlenu(wanted))) TEST_FAIL("\"%s\": expected \"%s\"", pairs[i][0], pairs[i][1]);
    }
    /* between letters, they do not end a word */
    static const uint32_t within[] = {0xA8,   0xAD,   0xAF,   0xB4,   0xB7,   0xB8,   0x2B0,  0x36F,  0x37A,  0x384,
                                      0x385,  0x387,  0x483,  0x489,  0x1FBD, 0x1FBF, 0x1FC1, 0x1FCD, 0x1FCF, 0x1FDD,
                                      0x1FDF, 0x1FED, 0x1FEF, 0x1FFD, 0x1FFE, 0x200B, 0x200F, 0x2018, 0x2024, 0x2027};
    for (size_t i = 0; i < COUNT(within); i++) {
        char text[16] = "\u0391\u03a3";
        const size_t length = 4 + utf8_encode(text + 4, within[i]);
        memcpy(text + length, "\u0391", 2);
        tokenise_decode(&found, (Text){text, length + 2}, true);
        if (found[1] != 0x3C3) TEST_FAIL("U+%04X ends a word", within[i]);
    }
    stbds_arrfree(found);
    stbds_arrfree(wanted);
}

/* Asks this program about what Python knows. */
static void test_python(void) {
    char program[4096], command[8192];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length < 0 || system("python3 -c 'import unicodedata' 2>/dev/null") != 0) SKIP("there is no python3");
    program[length] = '\0';
    snprintf(command, sizeof command, "python3 scripts/check_unicode.py '%s'", program);
    EXPECT_INT(system(command), 0);
}

static void print_codes(const uint32_t *codes, size_t count, char end) {
    for (size_t i = 0; i < count; i++) printf("%s%x", i ? " " : "", codes[i]);
    putchar(end);
}

/* Answers a line of codes: in normal form C, letter by letter small, normalised, and as ./score makes it small. */
static void answer(char *line) {
    uint32_t *codes = NULL, *small = NULL, *both = NULL, *scored = NULL, code;
    char *text = NULL, *normal = NULL, *end;
    for (; code = (uint32_t)strtoul(line, &end, 16), end > line; line = end) {
        char bytes[UTF8_LONGEST];
        const size_t size = utf8_encode(bytes, code);
        memcpy(stbds_arraddnptr(text, size), bytes, size);
        stbds_arrput(codes, code);
        stbds_arrput(small, unicode_lower(code));
    }
    normalise_text(&normal, text, stbds_arrlenu(text), (Normalisation){.lowercase = true, .nfc = true});
    for (size_t at = 0; at < stbds_arrlenu(normal);) {
        at += utf8_decode(&code, normal + at, stbds_arrlenu(normal) - at);
        stbds_arrput(both, code);
    }
    unicode_compose(&codes);
    tokenise_decode(&scored, (Text){text, stbds_arrlenu(text)}, true);
    print_codes(codes, stbds_arrlenu(codes), ';');
    print_codes(small, stbds_arrlenu(small), ';');
    print_codes(both, stbds_arrlenu(both), ';');
    print_codes(scored, stbds_arrlenu(scored), '\n');
    stbds_arrfree(codes);
    stbds_arrfree(small);
    stbds_arrfree(both);
    stbds_arrfree(scored);
    stbds_arrfree(text);
    stbds_arrfree(normal);
}

int main(int argc, char **argv) {
    char line[4096];
    if (argc > 1 && strcmp(argv[1], "-") == 0) {
        while (fgets(line, sizeof line, stdin)) answer(line);
        return 0;
    }
    RUN(test_letters_and_accents);
    RUN(test_marks_are_sorted);
    RUN(test_hangul);
    RUN(test_exclusions);
    RUN(test_many_marks);
    RUN(test_idempotent);
    RUN(test_hidden);
    RUN(test_lower);
    RUN(test_lower_twice);
    RUN(test_score_lower);
    RUN(test_python);
    return test_finish();
}
