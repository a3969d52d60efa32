#include "data/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/ds.h"
#include "base/memory.h"

#define MAGIC "nmtpairs"
enum {
    VERSION = 5,           /* of the format, and of how a vocabulary is learnt and text cut into tokens */
    BLOCK_LINES = 1 << 14, /* lines encoded at a time */
    COPY_SIZE = 1 << 16,   /* bytes */
};

typedef struct CacheEnd {
    char magic[8];
    uint64_t version, key;
    uint64_t tokens, count, merges;
    uint64_t content; /* checksum of tokens and start, without the zeros between */
    CorpusReport report;
    uint64_t checksum; /* of the merges, the parts and all above */
} CacheEnd;

static uint64_t end_checksum(const CacheEnd *end, const uint32_t *merges, const uint64_t *parts, size_t part_count) {
    Checksum sum;
    checksum_start(&sum);
    checksum_add(&sum, merges, 2 * end->merges * sizeof *merges);
    checksum_add(&sum, parts, part_count * sizeof *parts);
    checksum_add(&sum, end, offsetof(CacheEnd, checksum));
    return checksum_end(&sum);
}

/* ---- Writing ---- */

/* Lines to tokens, which go to the file, and their starts, which go to the scratch file. parts: (items) */
static bool write_tokens(FileWriter *out, FILE *starts, CacheEnd *end, uint64_t *parts, CorpusReader *reader,
                         const Tokenizer *tokenizer, CorpusRules rules, Pool *pool, Checksum *sum, Error *err) {
    Corpus block = {0};
    bool ok;
    while ((ok = corpus_next(reader, &block, BLOCK_LINES, &end->report, err)) && block.count > 0) {
        PairSet pairs = {.report = end->report};
        pairs_add(&pairs, pool, &block, tokenizer, rules);
        end->report = pairs.report;
        const size_t tokens = (size_t)pairs.start[2 * pairs.count];
        checksum_add(sum, pairs.tokens, tokens * sizeof *pairs.tokens);
        file_write(out, pairs.tokens, tokens * sizeof *pairs.tokens);
        for (size_t i = 1; i <= 2 * pairs.count; i++) pairs.start[i] += end->tokens;
        fwrite(pairs.start + 1, sizeof *pairs.start, 2 * pairs.count, starts);
        end->tokens += tokens;
        end->count += pairs.count;
        for (size_t i = 0; i < stbds_arrlenu(pairs.parts); i++) parts[i] += pairs.parts[i].count;
        pairs_free(&pairs);
    }
    corpus_free(&block);
    if (ok && end->count > UINT32_MAX)
        ok = error_set(err, "%s: expected at most %u pairs, found more", corpus_list(reader), UINT32_MAX);
    return ok;
}

static bool write_starts(FileWriter *out, FILE *starts, Checksum *sum, const char *path, Error *err) {
    char *buffer = memory_new(COPY_SIZE, 1);
    bool ok = fflush(starts) == 0 && !ferror(starts);
    rewind(starts);
    for (size_t got; ok && (got = fread(buffer, 1, COPY_SIZE, starts)) > 0;) {
        checksum_add(sum, buffer, got);
        file_write(out, buffer, got);
    }
    ok = ok && !ferror(starts);
    free(buffer);
    return ok || error_set(err, "%s: cannot write: %s", path, strerror(errno));
}

FileWriter *cache_write(const char *path, const char *folder, uint64_t key, CorpusReader *reader,
                        const Tokenizer *tokenizer, CorpusRules rules, Pool *pool, PairSet *made, Error *err) {
    *made = (PairSet){0};
    const int scratch = file_scratch(folder, err);
    if (scratch < 0) return NULL;
    FILE *starts = file_stream(scratch);
    if (!starts) {
        error_set(err, "%s: cannot write: %s", path, strerror(errno));
        file_close(scratch);
        return NULL;
    }
    FileWriter *out = file_create(path, err);
    if (!out) {
        file_stream_close(starts);
        return NULL;
    }
    CacheEnd end = {.version = VERSION, .key = key};
    memcpy(end.magic, MAGIC, sizeof end.magic);
    const uint64_t zero = 0;
    Checksum sum;
    checksum_start(&sum);
    uint64_t *parts = memory_new(corpus_items(reader), sizeof *parts);
    bool ok = write_tokens(out, starts, &end, parts, reader, tokenizer, rules, pool, &sum, err);
    file_write(out, &zero, (4 - end.tokens % 4) % 4 * sizeof(uint16_t));
    checksum_add(&sum, &zero, sizeof zero); /* start[0] */
    file_write(out, &zero, sizeof zero);
    ok = ok && write_starts(out, starts, &sum, path, err);
    file_stream_close(starts);
    size_t merge_count;
    const uint32_t *merges = tokenizer_merges(tokenizer, &merge_count);
    end.merges = merge_count;
    const size_t part_count = corpus_is_weighted(reader) ? corpus_items(reader) : 0;
    end.content = made->checksum = checksum_end(&sum);
    end.checksum = end_checksum(&end, merges, parts, part_count);
    file_write(out, merges, 2 * merge_count * sizeof *merges);
    file_write(out, parts, part_count * sizeof *parts);
    for (size_t i = 0; i < part_count; i++) stbds_arrput(made->parts, ((PairPart){(size_t)parts[i], 1}));
    free(parts);
    file_write(out, &end, sizeof end);
    if (ok && end.count > 0) return out;
    if (ok) corpus_none(reader, &end.report, "data.train", err);
    file_cancel(out);
    return NULL;
}

/* ---- Opening ---- */

/* The closing part, if there is one with the key, and the file has the size that it gives with so many parts. */
static bool read_end(CacheEnd *end, size_t part_count, const FileMap *map, uint64_t key) {
    if (map->size < sizeof *end) return false;
    memcpy(end, map->data + map->size - sizeof *end, sizeof *end);
    if (memcmp(end->magic, MAGIC, sizeof end->magic) != 0 || end->version != VERSION || end->key != key) return false;
    if (end->tokens > map->size || end->count > map->size || end->merges > TOKENIZER_VOCAB_MAX) return false;
    const uint64_t rest = (end->tokens + 3) / 4 * 8 + (2 * end->count + 1) * 8 + end->merges * 8 + sizeof *end;
    return rest <= map->size && map->size - rest == part_count * sizeof(uint64_t);
}

/* Whether every pair lies within the tokens, every token within the vocabulary, </s> ends every side and is nowhere
 * else, <s> is nowhere, and the checksum is right. */
static bool check_pairs(PairSet *pairs, const CacheEnd *end) {
    enum { STRETCH = 1 << 16 };
    const size_t vocab = TOKEN_FIRST_MERGE + end->merges;
    size_t marks = 0;
    Checksum sum;
    checksum_start(&sum);
    for (size_t at = 0; at < end->tokens; at += STRETCH) {
        const size_t count = end->tokens - at < STRETCH ? end->tokens - at : STRETCH;
        checksum_add(&sum, pairs->tokens + at, count * sizeof *pairs->tokens);
        size_t highest = 0;
        for (size_t i = 0; i < count; i++) {
            const size_t token = pairs->tokens[at + i];
            highest = token > highest ? token : highest;
            marks += token < TOKEN_FIRST_BYTE;
        }
        if (highest >= vocab) return false;
        pairs_forget(pairs);
    }
    checksum_add(&sum, pairs->start, sizeof *pairs->start);
    if (pairs->start[0] != 0 || marks != 2 * end->count) return false;
    for (size_t i = 0; i < end->count; i++) {
        const uint64_t *start = pairs->start + 2 * i;
        if (start[1] <= start[0] || start[2] <= start[1] || start[2] > end->tokens) return false;
        if (pairs->tokens[start[1] - 1] != TOKEN_END || pairs->tokens[start[2] - 1] != TOKEN_END) return false;
        checksum_add(&sum, start + 1, 2 * sizeof *start);
        pairs_count(pairs, (size_t)(start[1] - start[0]), (size_t)(start[2] - start[1]));
        if (i % STRETCH == STRETCH - 1) pairs_forget(pairs);
    }
    pairs_forget(pairs);
    return pairs->start[2 * end->count] == end->tokens && checksum_end(&sum) == end->content;
}

/* Whether the parts have all pairs between them. */
static bool read_parts(PairSet *pairs, const uint64_t *parts, size_t part_count) {
    uint64_t left = pairs->count;
    for (size_t i = 0; i < part_count; i++) {
        if (parts[i] > left) return false;
        left -= parts[i];
        stbds_arrput(pairs->parts, ((PairPart){(size_t)parts[i], 1}));
    }
    return part_count == 0 || left == 0;
}

bool cache_open(PairSet *pairs, const char *path, uint64_t key, size_t part_count, Tokenizer **tokenizer, size_t vocab,
                CorpusRules rules) {
    Error err;
    FileMap map;
    CacheEnd end;
    *pairs = (PairSet){0};
    if (!file_map(&map, path, &err)) return false;
    bool ok = read_end(&end, part_count, &map, key);
    if (ok) {
        unsigned char *data = (unsigned char *)(uintptr_t)map.data;
        uint64_t *start = (uint64_t *)(void *)(data + (end.tokens + 3) / 4 * 8);
        const uint32_t *merges = (const uint32_t *)(void *)(start + 2 * end.count + 1);
        const uint64_t *parts = (const uint64_t *)(const void *)(merges + 2 * end.merges);
        *pairs = (PairSet){.tokens = (uint16_t *)(void *)data,
                           .start = start,
                           .report = end.report,
                           .checksum = end.content,
                           .map = map};
        ok = end.count > 0 && end.checksum == end_checksum(&end, merges, parts, part_count) &&
             check_pairs(pairs, &end) && read_parts(pairs, parts, part_count) &&
             pairs->longest_source <= rules.max_length && pairs->longest_target <= rules.max_length &&
             TOKEN_FIRST_MERGE + end.merges <= vocab;
        if (ok && *tokenizer) {
            size_t count;
            const uint32_t *wanted = tokenizer_merges(*tokenizer, &count);
            ok = count == end.merges && memcmp(wanted, merges, 2 * count * sizeof *merges) == 0;
        } else if (ok) {
            *tokenizer = tokenizer_create(merges, end.merges, rules.text, &err);
            ok = *tokenizer != NULL;
        }
    }
    if (ok) return true;
    stbds_arrfree(pairs->parts);
    file_unmap(&map);
    *pairs = (PairSet){0};
    return false;
}
