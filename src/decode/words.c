#include "decode/words.h"

#include <stdlib.h>
#include <string.h>

#include "base/checksum.h"
#include "base/ds.h"
#include "base/memory.h"
#include "base/size.h"
#include "text/unicode.h"

/* Letters of scripts without spaces between words: from Thai to Myanmar, Khmer, and what East Asia writes except
 * Hangul. */
static bool stands_alone(uint32_t code) {
    static const uint32_t ranges[][2] = {{0x0E00, 0x109F}, {0x1780, 0x17FF}, {0x2E80, 0x312F},
                                         {0x3190, 0xA4CF}, {0xF900, 0xFAFF}, {0x20000, 0x3FFFF}};
    for (size_t i = 0; i < COUNT(ranges); i++)
        if (code >= ranges[i][0] && code <= ranges[i][1]) return true;
    return false;
}

/* The place in a text, before the first word at first. */
typedef struct Place {
    size_t at, words;
    bool inside;      /* of what white space separates */
    size_t begin;     /* of the last word, with what is tied to its front */
    size_t end, tied; /* of the last word; of the apostrophe just behind one */
} Place;

static bool is_apostrophe(uint32_t code) { return code == '\'' || code == 0x2019; }

/* Goes to the first letter or digit from here on, and returns whether there is one. */
static bool next_start(Place *place, const char *text, size_t length) {
    uint32_t code;
    for (size_t size; place->at < length; place->at += size) {
        size = utf8_decode(&code, text + place->at, length - place->at);
        const Utf8Class class = utf8_class(code);
        if (class == UTF8_SPACE) {
            place->inside = false;
            continue;
        }
        place->words += !place->inside;
        place->inside = true;
        if (class == UTF8_LETTER || class == UTF8_DIGIT) return true;
        if (is_apostrophe(code) && place->at == place->end) place->tied = place->at + size;
    }
    return false;
}

/* The next word of a text; false: there is none. */
static bool next_word(UnseenWord *found, Place *place, const char *text, size_t length) {
    Checksum sum;
    uint32_t code;
    if (!next_start(place, text, length)) return false;
    const size_t start = place->at;
    checksum_start(&sum);
    for (bool more = true; more && place->at < length;) {
        char small[UTF8_LONGEST];
        const size_t size = utf8_decode(&code, text + place->at, length - place->at);
        more = utf8_class(code) == UTF8_LETTER && !stands_alone(code);
        if (!more && place->at > start) break;
        checksum_add(&sum, small, utf8_encode(small, unicode_lower(code)));
        place->at += size;
    }
    if (start != place->tied) place->begin = start;
    place->end = place->at;
    *found = (UnseenWord){place->begin, place->at - place->begin, place->words - 1, (uint32_t)checksum_end(&sum)};
    return true;
}

/* A key that is not 0. */
static uint64_t key_of(uint32_t sum) { return (uint64_t)1 << 32 | sum; }

void words_add(Table *words, const char *text, size_t length) {
    UnseenWord found;
    for (Place place = {0}; next_word(&found, &place, text, length);) table_add(words, key_of(found.sum));
}

void words_add_seen(Table *words, WordsSeen seen) {
    for (size_t i = 0; i < seen.count; i++) table_add(words, key_of(seen.sums[i]));
}

static int compare_sums(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

uint32_t *words_sums(const Table *words) {
    uint32_t *sums = memory_new(words->count + 1, sizeof *sums);
    size_t count = 0;
    for (size_t i = 0; i < words->size; i++)
        if (words->keys[i] != 0) sums[count++] = (uint32_t)words->keys[i];
    qsort(sums, count, sizeof *sums, compare_sums);
    return sums;
}

bool words_check(WordsSeen seen) {
    for (size_t i = 1; i < seen.count; i++)
        if (seen.sums[i] <= seen.sums[i - 1]) return false;
    return seen.count <= WORDS_MOST;
}

static bool is_seen(WordsSeen seen, uint32_t sum) {
    return seen.count > 0 && bsearch(&sum, seen.sums, seen.count, sizeof sum, compare_sums) != NULL;
}

static bool is_digit(const char *text, const UnseenWord *word) {
    uint32_t code;
    utf8_decode(&code, text + word->start, word->length);
    return utf8_class(code) == UTF8_DIGIT;
}

void words_unseen(UnseenWord **unseen, char **normalised, WordsSeen seen, Text text, Normalisation how) {
    if (!seen.sums) return;
    const size_t begin = stbds_arrlenu(*normalised), before = stbds_arrlenu(*unseen);
    normalise_text(normalised, text.bytes, text.length, how);
    const size_t length = stbds_arrlenu(*normalised) - begin;
    UnseenWord found;
    for (Place place = {0}; next_word(&found, &place, *normalised + begin, length);) {
        if (is_seen(seen, found.sum)) continue;
        found.start += begin;
        UnseenWord *last = stbds_arrlenu(*unseen) > before ? &stbds_arrlast(*unseen) : NULL; /* of this text */
        if (last && last->start == found.start)
            last->length = found.length; /* one word with what an apostrophe ties to it */
        else if (last && last->start + last->length == found.start && is_digit(*normalised, last) &&
                 is_digit(*normalised, &found))
            last->length += found.length; /* one number */
        else
            stbds_arrput(*unseen, found);
    }
}
