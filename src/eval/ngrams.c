#include "eval/ngrams.h"

#include "base/check.h"
#include "base/ds.h"

struct NgramNode {
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
    n->table = table_create();
    ngrams_clear(n);
    return n;
}

void ngrams_free(Ngrams *n) {
    if (!n) return;
    stbds_arrfree(n->nodes);
    stbds_arrfree(n->hypothesis.numbers);
    stbds_arrfree(n->reference.numbers);
    stbds_arrfree(n->codes);
    stbds_arrfree(n->symbols);
    table_free(&n->table);
    free(n);
}

void ngrams_clear(Ngrams *n) {
    table_clear(&n->table);
    stbds_arrsetlen(n->nodes, 0);
    for (uint64_t root = 1; root <= NGRAMS_ROOTS; root++) table_add(&n->table, root);
    for (size_t i = 0; i < NGRAMS_ROOTS; i++) stbds_arrput(n->nodes, (struct NgramNode){0});
}

/* The number of a sequence with one more symbol. The keys of the roots are below 2^32, all others above. */
static uint32_t next_number(Ngrams *n, uint32_t sequence, uint32_t symbol) {
    const uint32_t number = table_add(&n->table, (uint64_t)(sequence + 1) << 32 | symbol);
    if (number == stbds_arrlenu(n->nodes)) stbds_arrput(n->nodes, (struct NgramNode){0});
    return number;
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
    size_t shorter = 0; /* where the n-grams of the previous order begin */
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
