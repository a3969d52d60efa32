#include "base/table.h"
#include "testlib.h"

/* Keys that are far apart, side by side, and equal in their lower half. */
static uint64_t key_of(size_t i) {
    return i % 3 == 0 ? i + 1 : i % 3 == 1 ? (uint64_t)(i + 1) << 32 : (i + 1) * 0x123456789ABCDEFu;
}

static void test_numbers(void) {
    enum { KEYS = 20000 };
    Table table = table_create();
    for (size_t i = 0; i < KEYS; i++) {
        EXPECT_INT(table_add(&table, key_of(i)), i);
    }
    for (size_t i = 0; i < KEYS; i++) {
        EXPECT_INT(table_add(&table, key_of(i)), i); /* once more: nothing is added */
    }
    EXPECT_INT(table.count, KEYS);
    EXPECT(table.size > 2 * table.count && (table.size & (table.size - 1)) == 0);
    table_free(&table);
}

static void test_clear(void) {
    Table table = table_create();
    const size_t first_size = table.size;
    for (size_t i = 0; i < 20000; i++) table_add(&table, key_of(i));
    for (int round = 0; round < 3; round++) {
        table_clear(&table);
        EXPECT_INT(table.count, 0);
        for (size_t i = 10; i > 0; i--) EXPECT_INT(table_add(&table, key_of(i)), 10 - i);
    }
    EXPECT_INT(table.size, first_size); /* few keys do not keep the room of many */
    table_free(&table);
}

int main(void) {
    RUN(test_numbers);
    RUN(test_clear);
    return test_finish();
}
