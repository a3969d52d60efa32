/* A hash table that numbers keys: 0, 1, 2, ... in the order in which they were added.
 *
 * What belongs to a key is kept by the caller, in an array in the same order. Open addressing with linear probing
 * (Knuth, The Art of Computer Programming, section 6.4). */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct Table {
    uint64_t *keys;    /* (size); 0: an empty slot */
    uint32_t *numbers; /* (size) */
    size_t size;       /* a power of two, more than twice count */
    size_t count;
} Table;

Table table_create(void);
void table_free(Table *table);

/* Removes all keys, in a time that depends on how many there are, not on how many there once were. */
void table_clear(Table *table);

/* The slot of a key, or the empty one where it would be. The key is multiplied by 2^64 / the golden ratio. */
static inline size_t table_slot(const Table *table, uint64_t key) {
    const size_t mask = table->size - 1;
    size_t at = (size_t)(key * 0x9E3779B97F4A7C15u >> 32) & mask;
    while (table->keys[at] != 0 && table->keys[at] != key) at = (at + 1) & mask;
    return at;
}

/* The number of a key, which is not 0, and which is added if it is not there: then the number is what table->count was
 * before. */
uint32_t table_add(Table *table, uint64_t key);
