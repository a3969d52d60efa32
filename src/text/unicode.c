#include "text/unicode.h"

#include <string.h>

#include "base/ds.h"
#include "base/memory.h"
#include "base/size.h"
#include "text/unicode_table.h"

/* How many entries of a table, whose masked values rise, are at most the limit. */
static size_t count_up_to(const uint32_t *table, size_t count, uint32_t mask, uint32_t limit) {
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if ((table[middle] & mask) <= limit)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static const Kind *kind_of(uint32_t code) {
    const size_t count = count_up_to(changes, COUNT(changes), ~0xFFu, code << 8);
    return &kinds[count ? changes[count - 1] & 0xFF : 0];
}

uint32_t unicode_lower(uint32_t code) {
    if (code < 0x80) return code >= 'A' && code <= 'Z' ? code + 32 : code;
    const int32_t step = kind_of(code)->step;
    if (step == EVEN || step == ODD) return code + ((code & 1) == (step == ODD));
    return (uint32_t)((int32_t)code + step);
}

bool unicode_hidden(uint32_t code) { return code >= 0x80 && kind_of(code)->hidden; }

/* ---- normal form C ----------------------------------------------------------------------------------------------- */

/* Syllables of Hangul are computed: a leading consonant, a vowel, and perhaps a trailing consonant (chapter 3.12). */
enum {
    SYLLABLE = 0xAC00,
    LEADING = 0x1100,
    VOWEL = 0x1161,
    TRAILING = 0x11A7, /* one before the first: none */
    VOWELS = 21,
    TRAILINGS = 28,
    SYLLABLES = 19 * VOWELS * TRAILINGS,
};

/* The entry of `parts` of a character, or 0 when it does not decompose. */
static uint32_t parts_of(uint32_t code) {
    if (code >> 20) return 0;
    const size_t count = count_up_to(runs, COUNT(runs), ~0xFFFu, code << 12);
    if (count == 0) return 0;
    const uint32_t run = runs[count - 1], at = (run & 0xFFF) + code - (run >> 12);
    return at < (count < COUNT(runs) ? runs[count] & 0xFFF : COUNT(parts)) ? parts[at] : 0;
}

static void decompose(uint32_t **out, uint32_t code) {
    const uint32_t found = parts_of(code), syllable = code - SYLLABLE;
    if (syllable < SYLLABLES) {
        const uint32_t trailing = syllable % TRAILINGS;
        stbds_arrput(*out, LEADING + syllable / TRAILINGS / VOWELS);
        stbds_arrput(*out, VOWEL + syllable / TRAILINGS % VOWELS);
        if (trailing) stbds_arrput(*out, TRAILING + trailing);
    } else if (found) {
        decompose(out, found & 0x1FFFFF);
        if (found >> 21) stbds_arrput(*out, seconds[(found >> 21) - 1]);
    } else {
        stbds_arrput(*out, code);
    }
}

/* Sorts marks by their class; those of one class stay in their order. */
static void sort_marks(uint32_t *marks, size_t count) {
    size_t start[257] = {0};
    bool sorted = true;
    for (size_t i = 0; i < count; i++) {
        start[kind_of(marks[i])->class + 1]++;
        sorted = sorted && (i == 0 || kind_of(marks[i - 1])->class <= kind_of(marks[i])->class);
    }
    if (sorted) return;
    uint32_t *copy = memory_new(count, sizeof *copy);
    memcpy(copy, marks, count * sizeof *copy);
    for (size_t class = 1; class <= 256; class ++) start[class] += start[class - 1];
    for (size_t i = 0; i < count; i++) marks[start[kind_of(copy[i])->class]++] = copy[i];
    free(copy);
}

static void sort_all_marks(uint32_t *codes, size_t count) {
    for (size_t at = 0, end; at < count; at = end + 1) {
        for (end = at; end < count && kind_of(codes[end])->class != 0; end++) {
        }
        if (end - at > 1) sort_marks(codes + at, end - at);
    }
}

/* The character that two compose, or 0. */
static uint32_t join(uint32_t first, uint32_t second) {
    if (first - LEADING < 19 && second - VOWEL < VOWELS)
        return SYLLABLE + ((first - LEADING) * VOWELS + second - VOWEL) * TRAILINGS;
    const uint32_t syllable = first - SYLLABLE, trailing = second - TRAILING;
    if (syllable < SYLLABLES && syllable % TRAILINGS == 0 && trailing - 1 < TRAILINGS - 1) return first + trailing;
    uint32_t place = 1;
    while (place <= COUNT(seconds) && seconds[place - 1] != second) place++;
    const uint32_t wanted = place << 21 | first;
    size_t low = 0, high = COUNT(joins);
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (parts[joins[middle]] < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == COUNT(joins) || parts[joins[low]] != wanted) return 0;
    const uint32_t run = runs[count_up_to(runs, COUNT(runs), 0xFFF, joins[low]) - 1];
    return (run >> 12) + joins[low] - (run & 0xFFF);
}

/* Joins each character to the starter before it (class 0), when they compose and no mark between them is of its class
 * or a higher one. Returns how many characters are left. */
static size_t join_all(uint32_t *codes, size_t count) {
    size_t kept = 0, starter = SIZE_MAX;
    uint8_t last = 0; /* the class of the last character kept */
    for (size_t i = 0; i < count; i++) {
        const Kind *kind = kind_of(codes[i]);
        const uint8_t class = kind->class;
        const bool reaches = kind->moves && starter != SIZE_MAX && (kept == starter + 1 || last < class);
        const uint32_t joined = reaches ? join(codes[starter], codes[i]) : 0;
        if (joined) {
            codes[starter] = joined;
            continue;
        }
        if (class == 0) starter = kept;
        last = class;
        codes[kept++] = codes[i];
    }
    return kept;
}

void unicode_compose(uint32_t **codes) {
    size_t at = 0;
    const size_t count = stbds_arrlenu(*codes);
    while (at < count && ((*codes)[at] < 0x300 || !kind_of((*codes)[at])->moves)) at++;
    if (at == count) return;
    uint32_t *out = NULL;
    for (size_t i = 0; i < count; i++) decompose(&out, (*codes)[i]);
    sort_all_marks(out, stbds_arrlenu(out));
    const size_t left = join_all(out, stbds_arrlenu(out));
    stbds_arrsetlen(out, left);
    stbds_arrfree(*codes);
    *codes = out;
}
