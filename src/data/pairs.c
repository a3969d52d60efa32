#include "data/pairs.h"

#include <math.h>

#include "base/checksum.h"
#include "base/ds.h"
#include "base/size.h"

enum {
    TASK_LINES = 64,
    SMALL_MAP = 4 << 20, /* bytes that may stay in memory */
};

/* What one task makes of its lines. */
typedef struct Encoded {
    int32_t *ids; /* stb_ds array: source, </s>, target, </s> of each line */
    size_t lengths[TASK_LINES][2];
} Encoded;

typedef struct EncodeAll {
    const Corpus *corpus;
    const Tokenizer *tokenizer;
    const size_t *wanted; /* (lines) 0: leave the line alone; NULL: encode all */
    Encoded *encoded;     /* (tasks) */
} EncodeAll;

static void encode_task(void *context, size_t task, size_t worker) {
    (void)worker;
    const EncodeAll *all = context;
    Encoded *out = &all->encoded[task];
    const size_t first = task * TASK_LINES, end = size_min(first + TASK_LINES, all->corpus->count);
    for (size_t line = first; line < end; line++) {
        for (int side = 0; side < 2 && (!all->wanted || all->wanted[line]); side++) {
            const Text text = side ? corpus_target(all->corpus, line) : corpus_source(all->corpus, line);
            const size_t before = stbds_arrlenu(out->ids);
            tokenizer_encode(all->tokenizer, &out->ids, text.bytes, text.length);
            stbds_arrput(out->ids, TOKEN_END);
            out->lengths[line - first][side] = stbds_arrlenu(out->ids) - before;
        }
    }
}

/* (tasks): free it with free_encoded. */
static Encoded *encode(Pool *pool, const Corpus *corpus, const Tokenizer *tokenizer, const size_t *wanted) {
    const size_t tasks = size_divide_up(corpus->count, TASK_LINES);
    EncodeAll all = {corpus, tokenizer, wanted, memory_new(tasks, sizeof *all.encoded)};
    pool_run(pool, "encoding", tasks, encode_task, &all);
    return all.encoded;
}

static void free_encoded(Encoded *encoded, const Corpus *corpus) {
    for (size_t task = 0; task < size_divide_up(corpus->count, TASK_LINES); task++) stbds_arrfree(encoded[task].ids);
    free(encoded);
}

size_t pairs_excess(size_t length, size_t other, const CorpusRules *rules) {
    const double most = rules->max_ratio * (double)other;
    size_t excess = length > rules->max_length ? length - rules->max_length : 0;
    if (rules->max_ratio > 0 && length > CORPUS_RATIO_FREE && (double)length > most)
        excess = size_max(excess, length - size_max(CORPUS_RATIO_FREE, (size_t)most));
    return excess;
}

/* Of a line. */
static size_t excess_of(const size_t lengths[2], const CorpusRules *rules) {
    return size_max(pairs_excess(lengths[0], lengths[1], rules), pairs_excess(lengths[1], lengths[0], rules));
}

void pairs_measure(size_t *excess, Pool *pool, const Corpus *corpus, const Tokenizer *tokenizer, CorpusRules rules) {
    Encoded *encoded = encode(pool, corpus, tokenizer, excess);
    for (size_t line = 0; line < corpus->count; line++)
        if (excess[line]) excess[line] = excess_of(encoded[line / TASK_LINES].lengths[line % TASK_LINES], &rules);
    free_encoded(encoded, corpus);
}

void pairs_weigh(PairSet *pairs, const double *weights) {
    Checksum sum;
    checksum_start(&sum);
    checksum_add(&sum, &pairs->checksum, sizeof pairs->checksum);
    for (size_t i = 0; i < stbds_arrlenu(pairs->parts); i++) {
        const uint64_t count = pairs->parts[i].count;
        pairs->parts[i].weight = weights[i];
        checksum_add(&sum, &count, sizeof count);
        checksum_add(&sum, &weights[i], sizeof weights[i]);
    }
    pairs->checksum = checksum_end(&sum);
}

/* Each pair adds `weight` to a sum, which begins `epoch` pairs late. A pair comes once for each whole number that the
 * sum reaches with it. */
size_t pairs_times(double weight, size_t index, uint32_t epoch) {
    const double at = (double)index + (double)epoch;
    return (size_t)(floor((at + 1) * weight) - floor(at * weight));
}

uint64_t pairs_most(const PairSet *pairs) {
    uint64_t most = 0;
    for (size_t i = 0; i < stbds_arrlenu(pairs->parts); i++) {
        const double weight = pairs->parts[i].weight, share = weight * (double)pairs->parts[i].count;
        most += (uint64_t)share + (weight == floor(weight) ? 0 : 2); /* for where it begins, and for rounding */
    }
    return stbds_arrlenu(pairs->parts) > 0 ? most : pairs->count;
}

void pairs_count(PairSet *pairs, size_t source_length, size_t target_length) {
    pairs->count++;
    pairs->longest_source = size_max(pairs->longest_source, source_length);
    pairs->longest_target = size_max(pairs->longest_target, target_length);
    pairs->source_tokens += source_length;
    pairs->target_tokens += target_length;
}

/* Counts a pair of this item of the list. */
static void count_part(PairSet *pairs, size_t item) {
    while (stbds_arrlenu(pairs->parts) <= item) stbds_arrput(pairs->parts, ((PairPart){0, 1}));
    pairs->parts[item].count++;
}

void pairs_add(PairSet *pairs, Pool *pool, const Corpus *corpus, const Tokenizer *tokenizer, CorpusRules rules) {
    Encoded *encoded = encode(pool, corpus, tokenizer, NULL);
    if (stbds_arrlenu(pairs->start) == 0) stbds_arrput(pairs->start, 0);
    const int32_t *ids = NULL; /* of the line */
    for (size_t line = 0; line < corpus->count; line++) {
        const Encoded *from = &encoded[line / TASK_LINES];
        const size_t *lengths = from->lengths[line % TASK_LINES], both = lengths[0] + lengths[1];
        if (line % TASK_LINES == 0) ids = from->ids;
        if (corpus->lines[line].flawed) {
            ids += both;
            continue;
        }
        if (excess_of(lengths, &rules) > 0) {
            const bool too_long = size_max(lengths[0], lengths[1]) > rules.max_length;
            corpus_report_add(&pairs->report, too_long ? CORPUS_TOO_LONG : CORPUS_RATIO, corpus->lines[line].place);
        } else {
            uint16_t *out = stbds_arraddnptr(pairs->tokens, both);
            for (size_t i = 0; i < both; i++) out[i] = (uint16_t)ids[i];
            const size_t end = stbds_arrlenu(pairs->tokens);
            stbds_arrput(pairs->start, end - lengths[1]);
            stbds_arrput(pairs->start, end);
            pairs_count(pairs, lengths[0], lengths[1]);
            count_part(pairs, (size_t)(corpus->lines[line].place.file / 2));
        }
        ids += both;
    }
    free_encoded(encoded, corpus);
}

void pairs_free(PairSet *pairs) {
    if (pairs->map.size > 0) {
        file_unmap(&pairs->map);
    } else {
        stbds_arrfree(pairs->tokens);
        stbds_arrfree(pairs->start);
    }
    stbds_arrfree(pairs->parts);
    *pairs = (PairSet){0};
}

size_t pairs_source_length(const PairSet *pairs, size_t pair) {
    return (size_t)(pairs->start[2 * pair + 1] - pairs->start[2 * pair]);
}

size_t pairs_target_length(const PairSet *pairs, size_t pair) {
    return (size_t)(pairs->start[2 * pair + 2] - pairs->start[2 * pair + 1]);
}

void pairs_forget(const PairSet *pairs) {
    if (pairs->map.size > SMALL_MAP) file_forget(&pairs->map);
}
