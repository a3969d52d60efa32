#include "train/vocabulary.h"

#include <string.h>

#include "base/ds.h"
#include "data/pairs.h"
#include "text/bpe_train.h"

enum { BLOCK_LINES = 1 << 13 }; /* lines read at a time */

/* What is known about a line. Only OPEN, OUT and BACK depend on the vocabulary. */
typedef enum State {
    FITS, /* counts: with any vocabulary it is within the limits */
    OPEN, /* counts: so far it was within them */
    OUT,  /* does not count, unless it fits in the end */
    BACK, /* counts, after it was out */
    GONE, /* does not count: it was out twice, or with any vocabulary it is beyond the limits */
} State;

static bool counts(State state) { return state != OUT && state != GONE; }

/* A line that is beyond the limits, and by how many tokens. */
typedef struct Offender {
    size_t line, excess;
} Offender;

typedef struct Learning {
    CorpusReader *reader;
    CorpusRules rules;
    size_t size;
    Pool *pool;
    uint8_t *states; /* stb_ds array: a State of each line */
    size_t open;     /* lines that are OPEN after the first reading */
} Learning;

/* Counts a line that is read for the first time, and takes it back if it turns out not to fit. */
static State count_first(const Learning *l, BpeTrainer *bpe, Text source, Text target) {
    const TokenBounds a = bpe_train_add(bpe, source.bytes, source.length);
    const TokenBounds b = bpe_train_add(bpe, target.bytes, target.length);
    if (pairs_excess(a.most + 1, b.least + 1, &l->rules) == 0 && pairs_excess(b.most + 1, a.least + 1, &l->rules) == 0)
        return FITS;
    if (pairs_excess(a.least + 1, b.most + 1, &l->rules) == 0 && pairs_excess(b.least + 1, a.most + 1, &l->rules) == 0)
        return OPEN;
    bpe_train_remove(bpe, source.bytes, source.length);
    bpe_train_remove(bpe, target.bytes, target.length);
    return GONE;
}

/* The next lines, the first of which is line `at`. first: they are read for the first time; else each has a state,
 * unless the text grew. */
static bool next_lines(const Learning *l, Corpus *block, CorpusReport *report, size_t at, bool first, Error *err) {
    if (!corpus_next(l->reader, block, BLOCK_LINES, report, err)) return false;
    return first || at + block->count <= stbds_arrlenu(l->states) || corpus_changed(corpus_list(l->reader), err);
}

/* Counts all lines that count, and returns how many there are, or SIZE_MAX for an error. */
static size_t count_lines(Learning *l, BpeTrainer *bpe, Error *err) {
    Corpus block = {0};
    CorpusReport report = {0};
    const bool first = stbds_arrlenu(l->states) == 0;
    size_t at = 0, counted = 0;
    bool ok;
    while ((ok = next_lines(l, &block, &report, at, first, err)) && block.count > 0) {
        for (size_t line = 0; line < block.count; line++, at++) {
            const Text source = corpus_source(&block, line), target = corpus_target(&block, line);
            if (first) {
                const State state = count_first(l, bpe, source, target);
                stbds_arrput(l->states, (uint8_t)state);
                l->open += state == OPEN;
            } else if (counts(l->states[at])) {
                bpe_train_add(bpe, source.bytes, source.length);
                bpe_train_add(bpe, target.bytes, target.length);
            }
            counted += counts(l->states[at]);
        }
    }
    corpus_free(&block);
    return ok ? counted : SIZE_MAX;
}

static Tokenizer *learn(Learning *l, Error *err) {
    BpeTrainer *bpe = bpe_train_create(l->rules.text);
    const size_t counted = count_lines(l, bpe, err), lines = stbds_arrlenu(l->states);
    if (counted == SIZE_MAX || (counted == 0 && lines > 0)) {
        bpe_train_free(bpe);
        if (counted > 0) return NULL;
        /* There will be no training. With the vocabulary of all lines, the right reasons are reported. */
        memset(l->states, FITS, lines);
        return learn(l, err);
    }
    uint32_t *merges = bpe_train_finish(bpe, l->size);
    Tokenizer *tokenizer = tokenizer_create(merges, stbds_arrlenu(merges) / 2, l->rules.text, err);
    stbds_arrfree(merges);
    return tokenizer;
}

/* Finds the lines that count and are beyond the limits, and those that do not count and are within. */
static bool find(Learning *l, const Tokenizer *tokenizer, Offender **beyond, size_t **within, Error *err) {
    Corpus block = {0};
    CorpusReport report = {0};
    size_t *excess = memory_new(BLOCK_LINES, sizeof *excess), at = 0;
    bool ok;
    while ((ok = next_lines(l, &block, &report, at, false, err)) && block.count > 0) {
        for (size_t line = 0; line < block.count; line++)
            excess[line] = l->states[at + line] != FITS && l->states[at + line] != GONE;
        pairs_measure(excess, l->pool, &block, tokenizer, l->rules);
        for (size_t line = 0; line < block.count; line++, at++) {
            const bool is_out = l->states[at] == OUT;
            if (is_out && excess[line] == 0) stbds_arrput(*within, at);
            if (!is_out && excess[line] > 0) stbds_arrput(*beyond, ((Offender){at, excess[line]}));
        }
    }
    corpus_free(&block);
    free(excess);
    return ok;
}

/* Takes lines out or puts them back; *changed: whether there were any. */
static bool review(Learning *l, const Tokenizer *tokenizer, bool *changed, Error *err) {
    Offender *beyond = NULL; /* stb_ds arrays */
    size_t *within = NULL, worst = 0;
    const bool ok = find(l, tokenizer, &beyond, &within, err);
    const size_t count = stbds_arrlenu(beyond);
    for (size_t i = 0; i < count; i++) worst = beyond[i].excess > worst ? beyond[i].excess : worst;
    for (size_t i = 0; i < count; i++) {
        uint8_t *state = &l->states[beyond[i].line];
        if (2 * beyond[i].excess > worst) *state = *state == BACK ? GONE : OUT;
    }
    for (size_t i = 0; count == 0 && i < stbds_arrlenu(within); i++) l->states[within[i]] = BACK;
    *changed = count > 0 || stbds_arrlenu(within) > 0;
    stbds_arrfree(beyond);
    stbds_arrfree(within);
    return ok;
}

Tokenizer *vocabulary_learn(CorpusReader *reader, CorpusRules rules, size_t size, Pool *pool, Error *err) {
    Learning l = {.reader = reader, .rules = rules, .size = size, .pool = pool};
    Tokenizer *tokenizer = learn(&l, err);
    bool changed = l.open > 0;
    while (tokenizer && changed) {
        const bool ok = review(&l, tokenizer, &changed, err);
        if (ok && !changed) break;
        tokenizer_free(tokenizer);
        tokenizer = ok ? learn(&l, err) : NULL;
    }
    stbds_arrfree(l.states);
    return tokenizer;
}
