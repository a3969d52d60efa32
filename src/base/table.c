#include "base/table.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"

enum { FIRST_SIZE = 1 << 12 };

static Table table_of(size_t size) {
    return (Table){memory_new(size, sizeof(uint64_t)), memory_new(size, sizeof(uint32_t)), size, 0};
}

Table table_create(void) { return table_of(FIRST_SIZE); }

void table_free(Table *table) {
    free(table->keys);
    free(table->numbers);
    *table = (Table){0};
}

void table_clear(Table *table) {
    if (table->size > FIRST_SIZE && table->size / 16 > table->count) {
        table_free(table);
        *table = table_create();
        return;
    }
    memset(table->keys, 0, table->size * sizeof *table->keys);
    table->count = 0;
}

static void grow(Table *table) {
    Table larger = table_of(2 * table->size);
    for (size_t i = 0; i < table->size; i++) {
        if (table->keys[i] == 0) continue;
        const size_t at = table_slot(&larger, table->keys[i]);
        larger.keys[at] = table->keys[i];
        larger.numbers[at] = table->numbers[i];
    }
    larger.count = table->count;
    table_free(table);
    *table = larger;
}

uint32_t table_add(Table *table, uint64_t key) {
    CHECK(key != 0, "0 marks an empty slot");
    const size_t at = table_slot(table, key);
    if (table->keys[at] != 0) return table->numbers[at];
    CHECK(table->count < UINT32_MAX, "keys are numbered with 32 bits");
    const uint32_t number = (uint32_t)table->count++;
    table->keys[at] = key;
    table->numbers[at] = number;
    if (2 * table->count >= table->size) grow(table);
    return number;
}
