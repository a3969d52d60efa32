/* Counting n-grams. */
#include "eval/ngrams.h"

#include <string.h>

#include "base/check.h"
#include "base/ds.h"

struct NgramNode {
    uint64_t key;  /* the sequence without its last symbol, and this symbol */
    uint32_t slot; /* where its number stands, for clearing */
    uint32_t seen, allowed;
};

void ngrams_add(NgramCounts *sum, const NgramCounts *more) {
    for (size_t k = 0; k < NGRAMS_ORDERS; k++) {
        sum->match[k] += more->match[k];
        sum->hypothesis[k] += more->hypothesis[k];
        sum->reference[k] += more->reference[k];
    }
}

Ngrams *ngrams_create(void) {
    Ngrams *n = memory_new(1, sizeof *n);
    n->slot_count = 4096;
    n->slots = memory_new(n->slot_count, sizeof *n->slots);
    stbds_arrsetlen(n->nodes, NGRAMS_ROOTS);
    memset(n->nodes, 0, NGRAMS_ROOTS * sizeof *n->nodes);
    return n;
}

void ngrams_free(Ngrams *n) {
    if (!n) return;
    stbds_arrfree(n->nodes);
    stbds_arrfree(n->hypothesis.numbers);
    stbds_arrfree(n->reference.numbers);
    stbds_arrfree(n->codes);
    stbds_arrfree(n->symbols);
    free(n->slots);
    free(n);
}

void ngrams_clear(Ngrams *n) {
    for (size_t i = NGRAMS_ROOTS; i < stbds_arrlenu(n->nodes); i++) n->slots[n->nodes[i].slot] = 0;
    stbds_arrsetlen(n->nodes, NGRAMS_ROOTS);
}

/* Where a key stands, or the empty slot where it belongs: linear probing from a multiplicative hash (Knuth, The Art of
 * Computer Programming, 6.4). */
static size_t find_slot(const Ngrams *n, uint64_t key) {
    const size_t mask = n->slot_count - 1;
    size_t slot = (size_t)(key * 0x9E3779B97F4A7C15 >> 32) & mask;
    while (n->slots[slot] && n->nodes[n->slots[slot]].key != key) slot = (slot + 1) & mask;
    return slot;
}

static void grow(Ngrams *n) {
    free(n->slots);
    n->slots = memory_new(n->slot_count *= 2, sizeof *n->slots);
    for (size_t i = NGRAMS_ROOTS; i < stbds_arrlenu(n->nodes); i++) {
        const size_t slot = find_slot(n, n->nodes[i].key);
        n->slots[slot] = (uint32_t)i;
        n->nodes[i].slot = (uint32_t)slot;
    }
}

/* The number of a sequence with one symbol more. */
static uint32_t next_number(Ngrams *n, uint32_t sequence, uint32_t symbol) {
    const uint64_t key = (uint64_t)sequence << 32 | symbol;
    size_t slot = find_slot(n, key);
    if (n->slots[slot]) return n->slots[slot];
    if (2 * stbds_arrlenu(n->nodes) >= n->slot_count) {
        CHECK(n->slot_count < UINT32_MAX / 2, "n-grams are numbered by 32 bits");
        grow(n);
        slot = find_slot(n, key);
    }
    const struct NgramNode node = {.key = key, .slot = (uint32_t)slot};
    n->slots[slot] = (uint32_t)stbds_arrlenu(n->nodes);
    stbds_arrput(n->nodes, node);
    return n->slots[slot];
}

void ngrams_put_word(Ngrams *n, const uint32_t *codes, size_t length) {
    uint32_t word = NGRAMS_CHARACTERS;
    for (size_t i = 0; i < length; i++) word = next_number(n, word, codes[i]);
    stbds_arrput(n->symbols, word);
}

void ngrams_start(NgramList *list) {
    stbds_arrsetlen(list->numbers, 0);
    list->orders = 0;
}

void ngrams_list(Ngrams *n, NgramList *list, uint32_t root, const uint32_t *symbols, size_t count, size_t orders) {
    CHECK(list->orders + orders <= NGRAMS_ORDERS, "orders of n-grams");
    size_t shorter = 0; /* where those of the order before begin */
    for (size_t k = 0; k < orders; k++) {
        const size_t found = count > k ? count - k : 0, start = stbds_arrlenu(list->numbers);
        list->count[list->orders++] = found;
        stbds_arrsetlen(list->numbers, start + found);
        for (size_t i = 0; i < found; i++)
            list->numbers[start + i] = next_number(n, k ? list->numbers[shorter + i] : root, symbols[i + k]);
        shorter = start;
    }
}

static void unsee(Ngrams *n, const NgramList *list) {
    for (size_t i = 0; i < stbds_arrlenu(list->numbers); i++) n->nodes[list->numbers[i]].seen = 0;
}

void ngrams_allow(Ngrams *n, const NgramList *list) {
    for (size_t i = 0; i < stbds_arrlenu(list->numbers); i++) {
        struct NgramNode *node = &n->nodes[list->numbers[i]];
        if (++node->seen > node->allowed) node->allowed = node->seen;
    }
    unsee(n, list);
}

void ngrams_forbid(Ngrams *n, const NgramList *list) {
    for (size_t i = 0; i < stbds_arrlenu(list->numbers); i++) n->nodes[list->numbers[i]].allowed = 0;
}

void ngrams_match(Ngrams *n, const NgramList *list, uint64_t *match) {
    const uint32_t *number = list->numbers;
    for (size_t k = 0; k < list->orders; k++)
        for (size_t i = 0; i < list->count[k]; i++) {
            struct NgramNode *node = &n->nodes[*number++];
            match[k] += node->seen++ < node->allowed;
        }
    unsee(n, list);
}
