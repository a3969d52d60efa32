/* A very small test library. A test file is a program:
 *
 *     static void test_something(void) { EXPECT(1 + 1 == 2); EXPECT_INT(f(), 3); }
 *     int main(void) { RUN(test_something); return test_finish(); }
 *
 * A test fails when any EXPECT in it fails; each failure prints file and line. test_finish prints "N passed, N failed,
 * N skipped" and returns the exit code. tests/run.sh adds the lines of all programs up. */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h" /* COUNT */

static int test_passed, test_failed, test_skipped;
static bool test_ok, test_skip;

#define TEST_FAIL(...)                                                                                                 \
    do {                                                                                                               \
        test_ok = false;                                                                                               \
        printf("%s:%d: ", __FILE__, __LINE__);                                                                         \
        printf(__VA_ARGS__);                                                                                           \
        printf("\n");                                                                                                  \
        fflush(stdout); /* the program may die of it */                                                                \
    } while (0)

#define EXPECT(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) TEST_FAIL("expected %s", #condition);                                                        \
    } while (0)

#define EXPECT_INT(found, expected)                                                                                    \
    do {                                                                                                               \
        long long found_ = (long long)(found), expected_ = (long long)(expected);                                      \
        if (found_ != expected_) TEST_FAIL("%s: expected %lld, found %lld", #found, expected_, found_);                \
    } while (0)

#define EXPECT_STR(found, expected)                                                                                    \
    do {                                                                                                               \
        const char *found_ = (found), *expected_ = (expected);                                                         \
        if (!found_ || strcmp(found_, expected_) != 0)                                                                 \
            TEST_FAIL("%s: expected \"%s\", found \"%s\"", #found, expected_, found_ ? found_ : "(null)");             \
    } while (0)

/* The text contains a part. */
#define EXPECT_HAS(text, part)                                                                                         \
    do {                                                                                                               \
        const char *text_ = (text), *part_ = (part);                                                                   \
        if (!strstr(text_, part_)) TEST_FAIL("%s: expected \"%s\" in \"%s\"", #text, part_, text_);                    \
    } while (0)

/* |found - expected| <= tolerance; a NaN fails. */
#define EXPECT_NEAR(found, expected, tolerance)                                                                        \
    do {                                                                                                               \
        double found_ = (double)(found), expected_ = (double)(expected);                                               \
        if (!(fabs(found_ - expected_) <= (tolerance)))                                                                \
            TEST_FAIL("%s: expected %.9g, found %.9g", #found, expected_, found_);                                     \
    } while (0)

/* Ends the running test as skipped, with a reason; only sensible before any EXPECT. */
#define SKIP(reason)                                                                                                   \
    do {                                                                                                               \
        printf("skipped: %s\n", reason);                                                                               \
        test_skip = true;                                                                                              \
        return;                                                                                                        \
    } while (0)

#define RUN(function)                                                                                                  \
    do {                                                                                                               \
        test_ok = true;                                                                                                \
        test_skip = false;                                                                                             \
        function();                                                                                                    \
        if (!test_ok)                                                                                                  \
            test_failed++, printf("FAIL %s\n", #function);                                                             \
        else if (test_skip)                                                                                            \
            test_skipped++;                                                                                            \
        else                                                                                                           \
            test_passed++;                                                                                             \
    } while (0)

/* Writes a pattern for mkdtemp or mkstemp, which put a free name in place of its six X: in $TMPDIR, or else in /tmp. */
static inline void test_temporary(char *pattern, size_t size) {
    const char *base = getenv("TMPDIR");
    snprintf(pattern, size, "%s/nmt-test-XXXXXX", base && *base ? base : "/tmp");
}

static inline int test_finish(void) {
    printf("%d passed, %d failed, %d skipped\n", test_passed, test_failed, test_skipped);
    return test_failed != 0;
}
