#include "text/normalise.h"

#include "base/ds.h"
#include "base/rng.h"
#include "testlib.h"
#include "text/utf8.h"

#define NBSP        "\xC2\xA0"     /* U+00A0 */
#define NARROW_NBSP "\xE2\x80\xAF" /* U+202F */

static const Normalisation nothing = {0};
static const Normalisation lowercase = {.lowercase = true};
static const Normalisation apostrophes = {.apostrophes = true};
static const Normalisation spaces = {.spaces = true};
static const Normalisation nfc = {.nfc = true};
static const Normalisation nfc_lowercase = {.lowercase = true, .nfc = true};
static const Normalisation invisible = {.invisible = true};
static const Normalisation everything = {true, true, true, true, true};

/* The normalised text with a NUL at its end; free it with stbds_arrfree. */
static char *normalised(const char *text, Normalisation how) {
    char *out = NULL;
    normalise_text(&out, text, strlen(text), how);
    stbds_arrput(out, 0);
    return out;
}

#define EXPECT_NORMAL(text, how, expected)                                                                             \
    do {                                                                                                               \
        char *normal_ = normalised(text, how);                                                                         \
        EXPECT_STR(normal_, expected);                                                                                 \
        stbds_arrfree(normal_);                                                                                        \
    } while (0)

static void test_lowercase(void) {
    EXPECT_NORMAL("\xC3\x89T\xC3\x89 \xC5\x92uvre IL A", lowercase, "\xC3\xA9t\xC3\xA9 \xC5\x93uvre il a");
    EXPECT_NORMAL("  L\xE2\x80\x99" NBSP, lowercase, "  l\xE2\x80\x99" NBSP);
}

static void test_apostrophes(void) {
    EXPECT_NORMAL("l\xE2\x80\x99"
                  "a l\xE2\x80\x98"
                  "a l\xE2\x80\x9B"
                  "a l\xCA\xBC"
                  "a l\xEF\xBC\x87"
                  "a l'a",
                  apostrophes, "l'a l'a l'a l'a l'a l'a");
    EXPECT_NORMAL("\xC2\xAB Oui \xC2\xBB \xE2\x80\x9C"
                  "A\xE2\x80\x9D  \"`",
                  apostrophes,
                  "\xC2\xAB Oui \xC2\xBB \xE2\x80\x9C"
                  "A\xE2\x80\x9D  \"`");
}

static void test_spaces(void) {
    EXPECT_NORMAL("  a \t b" NBSP NARROW_NBSP "!\xE3\x80\x80\r\n", spaces, "a b !");
    EXPECT_NORMAL("Quoi" NARROW_NBSP "?", spaces, "Quoi ?");
    EXPECT_NORMAL("a\xE2\x80\x8B"
                  "b",
                  spaces,
                  "a\xE2\x80\x8B"
                  "b"); /* U+200B is no white space */
    EXPECT_NORMAL(" \t" NBSP, spaces, "");
    EXPECT_NORMAL("", spaces, "");
}

/* Two ways to write a text, as macOS and others write it, become the same; without the switch they stay. */
static void test_canonically_equal(void) {
    static const char *const pairs[][2] = {
        {"L'e\u0301le\u0300ve a de\u0301ja\u0300 mange\u0301 c\u0327a.",
         "L'\u00e9l\u00e8ve a d\u00e9j\u00e0 mang\u00e9 \u00e7a."},
        {"Tie\u0302\u0301ng Vie\u0323\u0302t", "Ti\u1ebfng Vi\u1ec7t"},
        {"Vie\u0302\u0323t", "Vi\u1ec7t"},
        {"\u1112\u1161\u11ab\u1100\u1173\u11af", "\ud55c\uae00"},
        {"\u0438\u0306 \u0435\u0308", "\u0439 \u0451"},
        {"10 \u212b, 5 \u2126", "10 \u00c5, 5 \u03a9"},
        {"\u304b\u3099", "\u304c"},
        {"\u0628\u064e\u0651", "\u0628\u064e\u0651"},
        {"\u0628\u0651\u064e", "\u0628\u064e\u0651"},
    };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        EXPECT_NORMAL(pairs[i][0], nfc, pairs[i][1]);
        EXPECT_NORMAL(pairs[i][1], nfc, pairs[i][1]);
        EXPECT_NORMAL(pairs[i][0], nothing, pairs[i][0]);
    }
}

/* Small letters are in normal form C too: some have a composed form that their capital lacks. */
static void test_lowercase_of_equal(void) {
    EXPECT_NORMAL("J\u030c H\u0331 T\u0308 W\u030a", nfc_lowercase, "\u01f0 \u1e96 \u1e97 \u1e98");
    EXPECT_NORMAL("\u0130 I\u0307 \u0130\u0301 I\u0307\u0301", nfc_lowercase, "i i \u00ed \u00ed");
    EXPECT_NORMAL("E\u0301 \u00c9 \u212b A\u030a", nfc_lowercase, "\u00e9 \u00e9 \u00e5 \u00e5");
    EXPECT_NORMAL("\u023a\u023e \u10a0\u13a0\u2c00\u2160", nfc_lowercase, "\u2c65\u2c66 \u2d00\uab70\u2c30\u2170");
}

/* As models of versions before the switch have it: theirs are the capitals of five scripts. */
static void test_lowercase_of_old(void) {
    const char *kept = "\u023a\u023e \u10a0\u1c90\u13a0\u2160\u24b6\u2c00\U00010400";
    EXPECT_NORMAL(kept, lowercase, kept);
    EXPECT_NORMAL("E\u0301 J\u030c \u0130 \u2126 \ua7c5 \uff21", lowercase, "e\u0301 j\u030c i \u03c9 \u0282 \uff41");
    size_t count = 0, sum = 0;
    for (uint32_t code = 0; code < UTF8_BAD; code++) {
        if (code >= 0xD800 && code < 0xE000) continue; /* surrogates are bad bytes */
        char text[UTF8_LONGEST], *out = NULL;
        normalise_text(&out, text, utf8_encode(text, code), lowercase);
        uint32_t small;
        utf8_decode(&small, out, stbds_arrlenu(out));
        if (small != code) count++, sum += small;
        stbds_arrfree(out);
    }
    EXPECT_INT(count, 908);
    EXPECT_INT(sum, 9266719);
}

static void test_invisible(void) {
    EXPECT_NORMAL("\ufeffim\u00adpos\u00adsi\u00adble \u200b \u2066a\u2069\u200eb\u2060c", invisible,
                  "impossible  abc");
    EXPECT_NORMAL(" \u200b\u00a0a \u200e \ufeff", everything, "a");
    EXPECT_NORMAL("\u200b\ufeff", invisible, "");
    EXPECT_NORMAL("e\u200b\u0301 \u1112\u00ad\u1161", everything, "\u00e9 \ud558"); /* what they kept apart joins */
    /* Persian and Hindi need joiners, emoji too; without the switch all stay. */
    const char *kept = "\u0645\u06cc\u200c\u062e \u0915\u094d\u200d\u0937 \U0001f468\u200d\U0001f469 \u2764\ufe0f";
    EXPECT_NORMAL(kept, everything, kept);
    EXPECT_NORMAL("a\u00ad\u200b", nothing, "a\u00ad\u200b");
    EXPECT_NORMAL("\xc3\u200b\x89\u200b\xff", invisible, "\xc3\u200b\x89\u200b\xff"); /* bad bytes stay apart */
}

static void test_nothing_changes_nothing(void) {
    const char *text = " A\t\t" NBSP "L\xE2\x80\x99"
                       "Eau  \xFF\xC3 \xE2\x80 ";
    EXPECT_NORMAL(text, nothing, text);
}

static void test_bad_bytes_pass(void) {
    EXPECT_NORMAL("\xFF"
                  "A\xC3 \xE2\x80\x99\x80  \xED\xA0\x80",
                  everything,
                  "\xFF"
                  "a\xC3 '\x80 \xED\xA0\x80");
}

static void test_nul_passes(void) {
    char *out = NULL;
    normalise_text(&out, "A\0  B\0", 6, everything);
    EXPECT_INT(stbds_arrlen(out), 5);
    EXPECT(memcmp(out, "a\0 b\0", 5) == 0);
    stbds_arrfree(out);
}

static void test_appends(void) {
    char *out = normalised("x ", nothing);
    stbds_arrpop(out);
    normalise_text(&out, "  y  z ", 7, spaces);
    stbds_arrput(out, 0);
    EXPECT_STR(out, "x y z");
    stbds_arrfree(out);
}

/* Random strings of what matters, cut characters among it: normalising the normalised changes nothing. */
static void test_idempotent(void) {
    static const char *const parts[] = {"A",
                                        "b",
                                        " ",
                                        "\t",
                                        NBSP,
                                        NARROW_NBSP,
                                        "\xE2\x80\x99",
                                        "\xC3",
                                        "\x89",
                                        "\xC3\x89",
                                        "\xC2",
                                        "\xE2\x80",
                                        "\xC4\xB0",
                                        "'",
                                        "J",
                                        "\xCC\x8C",
                                        "\xCD\x84",
                                        "\xE2\x80\x8B",
                                        "\xC2\xAD",
                                        "\xCC\xA3",
                                        "\xE1\x85\xA1",
                                        "\xE1\x84\x80",
                                        "\xA0",
                                        "\xCE\xA9",
                                        "\n",
                                        "\xFF",
                                        "\xD0\x9F",
                                        "\xE1\xBA\x9E",
                                        "\xCA\xBC"};
    const size_t kinds = COUNT(parts);
    for (uint32_t round = 0; round < 5000; round++) {
        RngSite site = {7, round, 0};
        Normalisation how = {round & 1, round >> 1 & 1, round >> 2 & 1, round >> 3 & 1, round >> 4 & 1};
        char *text = NULL, *once = NULL, *twice = NULL;
        size_t length = rng_bits(site, 0) % 12;
        for (size_t i = 0; i < length; i++) {
            const char *part = parts[rng_bits(site, i + 1) % kinds];
            memcpy(stbds_arraddnptr(text, strlen(part)), part, strlen(part));
        }
        normalise_text(&once, text, stbds_arrlenu(text), how);
        normalise_text(&twice, once, stbds_arrlenu(once), how);
        bool same = stbds_arrlen(once) == stbds_arrlen(twice);
        if (!same || (stbds_arrlen(once) > 0 && memcmp(once, twice, stbds_arrlenu(once)) != 0))
            TEST_FAIL("round %u", round);
        stbds_arrfree(text);
        stbds_arrfree(once);
        stbds_arrfree(twice);
    }
}

/* Only what is taken apart for good, and small letters of more bytes. */
static void test_little_grows(void) {
    for (uint32_t code = 0; code < UTF8_BAD + 0x100; code++) {
        char text[UTF8_LONGEST], *out = NULL;
        const size_t length = utf8_encode(text, code);
        normalise_text(&out, text, length, everything);
        if (stbds_arrlenu(out) > 3 * length || (code < 0x23A && stbds_arrlenu(out) > length))
            TEST_FAIL("U+%04X: %zu bytes became %td", code, length, stbds_arrlen(out));
        stbds_arrfree(out);
    }
}

int main(void) {
    RUN(test_lowercase);
    RUN(test_apostrophes);
    RUN(test_spaces);
    RUN(test_canonically_equal);
    RUN(test_lowercase_of_equal);
    RUN(test_lowercase_of_old);
    RUN(test_invisible);
    RUN(test_nothing_changes_nothing);
    RUN(test_bad_bytes_pass);
    RUN(test_nul_passes);
    RUN(test_appends);
    RUN(test_idempotent);
    RUN(test_little_grows);
    return test_finish();
}
