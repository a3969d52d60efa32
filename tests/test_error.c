/* Messages are one printable line, cut where they are too long, and may quote an earlier one. */
#include "base/error.h"

#include "testlib.h"

static void test_message(void) {
    Error err;
    EXPECT(!error_set(&err, "%s:%d: expected %s", "a.ini", 3, "more"));
    EXPECT_STR(err.text, "a.ini:3: expected more");
    EXPECT(error_null(&err, "none of %d", 4) == NULL);
    EXPECT_STR(err.text, "none of 4");
}

static void test_quotes_the_old_message(void) {
    Error err;
    error_set(&err, "disk full");
    error_set(&err, "%s: %s", "runs/a", err.text);
    EXPECT_STR(err.text, "runs/a: disk full");
}

static void test_control_characters(void) {
    Error err;
    error_set(&err, "a\nb\033[31mc\x7F"
                    "d\re\tf");
    EXPECT_STR(err.text, "a?b?[31mc?d?e?f");
    error_set(&err, "caf\u00e9 \u0153uvre");
    EXPECT_STR(err.text, "caf\u00e9 \u0153uvre");
    error_set(&err, "x\xC2\x9B"
                    "31my\xC2"); /* U+009B opens a command of some terminals */
    EXPECT_STR(err.text, "x??31my\xC2");
}

static void test_cut_at_a_character(void) {
    char text[3000];
    Error err;
    for (size_t shift = 0; shift < 3; shift++) {
        memset(text, 'x', shift);
        for (size_t i = shift; i + 3 < sizeof text; i += 3) memcpy(text + i, "\u20ac", 4); /* three bytes */
        error_set(&err, "%s", text);
        size_t length = strlen(err.text);
        EXPECT(length < sizeof err.text && length >= sizeof err.text - 5);
        EXPECT_INT((length - shift) % 3, 0);
    }
}

int main(void) {
    RUN(test_message);
    RUN(test_quotes_the_old_message);
    RUN(test_control_characters);
    RUN(test_cut_at_a_character);
    return test_finish();
}
