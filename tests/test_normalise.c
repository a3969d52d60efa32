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
static const Normalisation everything = {true, true, true};

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
    static const char *const parts[] = {
        "A",    "b",        " ",        "\t",   NBSP,       NARROW_NBSP,    "\xE2\x80\x99",
        "\xC3", "\x89",     "\xC3\x89", "\xC2", "\xE2\x80", "\xC4\xB0",     "'",
        "\xA0", "\xCE\xA9", "\n",       "\xFF", "\xD0\x9F", "\xE1\xBA\x9E", "\xCA\xBC"};
    const size_t kinds = COUNT(parts);
    for (uint32_t round = 0; round < 5000; round++) {
        RngSite site = {7, round, 0};
        Normalisation how = {round & 1, round >> 1 & 1, round >> 2 & 1};
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

/* What normalise_text makes room for. */
static void test_nothing_grows(void) {
    for (uint32_t code = 0; code < UTF8_BAD + 0x100; code++) {
        char text[UTF8_LONGEST], *out = NULL;
        const size_t length = utf8_encode(text, code);
        normalise_text(&out, text, length, everything);
        if (stbds_arrlenu(out) > length) TEST_FAIL("U+%04X: %zu bytes became %td", code, length, stbds_arrlen(out));
        stbds_arrfree(out);
    }
}

int main(void) {
    RUN(test_lowercase);
    RUN(test_apostrophes);
    RUN(test_spaces);
    RUN(test_nothing_changes_nothing);
    RUN(test_bad_bytes_pass);
    RUN(test_nul_passes);
    RUN(test_appends);
    RUN(test_idempotent);
    RUN(test_nothing_grows);
    return test_finish();
}
