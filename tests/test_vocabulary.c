/* What is left out of the training pairs influences nothing: the vocabulary and all tokens are those of the corpus
 * without it, for every reason there is to leave a line out. */
#include <unistd.h>

#include "base/ds.h"
#include "base/memory.h"
#include "base/rng.h"
#include "data/pairs.h"
#include "testlib.h"
#include "train/vocabulary.h"

enum { LINES = 600, VOCAB = 420 };

static char folder[200];
static Pool *pool;

/* Appends a word of `letters` letters, the same for the same number. */
static void put_word(char **text, uint32_t number, size_t letters) {
    for (size_t i = 0; i < letters; i++) stbds_arrput(*text, (char)('a' + rng_bits((RngSite){3, number, 0}, i) % 26));
    stbds_arrput(*text, ' ');
}

/* Sentences of words that are few and differ from side to side. */
static char *clean_lines(void) {
    char *text = NULL;
    for (uint32_t line = 0; line < LINES; line++)
        for (int side = 0; side < 2; side++) {
            const size_t words = 3 + rng_bits((RngSite){1, line, 0}, (size_t)side) % 7;
            for (size_t i = 0; i < words; i++) {
                const uint64_t pick = rng_bits((RngSite){2, line, (uint32_t)side}, i);
                const uint32_t number = (uint32_t)(pick % 40 * (pick / 64 % 40) / 40) + 40 * (uint32_t)side;
                put_word(&text, number, 2 + number % 7);
            }
            stbds_arrput(text, side ? '\n' : '\t');
        }
    return text;
}

/* What a corpus gives. Release with free_learnt. */
typedef struct Learnt {
    Tokenizer *tokenizer;
    PairSet pairs;
} Learnt;

static Learnt learn(const char *text, CorpusRules rules) {
    Learnt l = {0};
    Error err = {"no error"};
    FILE *file = fopen("pairs.tsv", "wb");
    EXPECT(file && fwrite(text, 1, stbds_arrlenu(text), file) == stbds_arrlenu(text) && fclose(file) == 0);
    rules.text = (Normalisation){.spaces = true};
    CorpusReader *reader = corpus_open("pairs.tsv", NULL, rules, &err);
    l.tokenizer = reader ? vocabulary_learn(reader, rules, VOCAB, pool, &err) : NULL;
    Corpus corpus = {0};
    if (!l.tokenizer || !corpus_next(reader, &corpus, SIZE_MAX, &l.pairs.report, &err)) {
        fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    pairs_add(&l.pairs, pool, &corpus, l.tokenizer, rules);
    corpus_free(&corpus);
    corpus_close(reader);
    return l;
}

static void free_learnt(Learnt *l) {
    tokenizer_free(l->tokenizer);
    pairs_free(&l->pairs);
}

static bool same_learnt(const Learnt *a, const Learnt *b) {
    size_t merges[2];
    const uint32_t *x = tokenizer_merges(a->tokenizer, &merges[0]), *y = tokenizer_merges(b->tokenizer, &merges[1]);
    if (merges[0] != merges[1] || memcmp(x, y, 2 * merges[0] * sizeof *x) != 0) return false;
    const size_t tokens = stbds_arrlenu(a->pairs.tokens);
    return a->pairs.count == b->pairs.count && tokens == stbds_arrlenu(b->pairs.tokens) &&
           memcmp(a->pairs.tokens, b->pairs.tokens, tokens * sizeof *a->pairs.tokens) == 0;
}

/* The odd lines, each with much that a vocabulary could be learnt from. what: % is the text that would be learnt. */
static const struct {
    const char *what;
    CorpusFlaw flaw;
    size_t words, letters; /* of that text, where every word is there twice */
} odd_lines[] = {
    {"%\n", CORPUS_NO_TAB, 50, 20},
    {"\t%\n", CORPUS_EMPTY, 50, 20},
    {"% \t \n", CORPUS_EMPTY, 50, 20},
    {"x\t%\xFF\n", CORPUS_NOT_UTF8, 50, 20},
    {"\xC3 x\t%\n", CORPUS_NOT_UTF8, 50, 20},
    {"first\n", CORPUS_DUPLICATE, 0, 0},
    {"x\t%\n", CORPUS_TOO_LONG, 30000, 20}, /* more than a line may have */
    {"x\t%\n", CORPUS_TOO_LONG, 10000, 40}, /* more words than tokens are allowed */
    {"%\tx\n", CORPUS_TOO_LONG, 400, 5},
    {"%\t%\n", CORPUS_TOO_LONG, 12, 60}, /* a vocabulary could make these short enough */
    {"x y z\t%\n", CORPUS_TOO_LONG, 14, 30},
    {"%\tx\n", CORPUS_TOO_LONG, 3, 240},
    {"x\t%\n", CORPUS_RATIO, 10, 2}, /* within the length, but not beside "x" */
    {"%\tx\n", CORPUS_RATIO, 2, 13},
    {"%\tx\n", CORPUS_RATIO, 4, 6},
};

static void put_odd(char **text, const char *clean, size_t i) {
    if (odd_lines[i].flaw == CORPUS_DUPLICATE) {
        for (const char *at = clean; *at != '\n'; at++) stbds_arrput(*text, *at);
        stbds_arrput(*text, '\n');
        return;
    }
    for (const char *at = odd_lines[i].what; *at; at++) {
        for (size_t word = 0; *at == '%' && word < odd_lines[i].words; word++)
            put_word(text, (uint32_t)(1000 + 1000 * i + word / 2), odd_lines[i].letters);
        if (*at != '%') stbds_arrput(*text, *at);
    }
}

static void put_lines(char **text, const char *lines) {
    memcpy(stbds_arraddnptr(*text, stbds_arrlenu(lines)), lines, stbds_arrlenu(lines));
}

/* The longest clean pair has just as many tokens as are allowed. */
static CorpusRules rules_for(const char *clean) {
    Learnt l = learn(clean, (CorpusRules){.max_length = 10000});
    const size_t longest = size_max(l.pairs.longest_source, l.pairs.longest_target);
    free_learnt(&l);
    return (CorpusRules){.unique = true, .max_length = longest, .max_ratio = 6};
}

static void test_each_kind(void) {
    char *clean = clean_lines();
    const CorpusRules rules = rules_for(clean);
    Learnt expected = learn(clean, rules);
    const size_t without = expected.pairs.report.count[CORPUS_TOO_LONG];
    EXPECT_INT(without, 0);
    for (size_t i = 0; i < COUNT(odd_lines); i++)
        for (int behind = 0; behind < 2; behind++) {
            char *text = NULL;
            if (behind) put_lines(&text, clean);
            put_odd(&text, clean, i);
            if (!behind) put_lines(&text, clean);
            Learnt found = learn(text, rules);
            const CorpusFlaw flaw = odd_lines[i].flaw;
            if (found.pairs.report.count[flaw] != expected.pairs.report.count[flaw] + 1)
                TEST_FAIL("odd line %zu: it is not left out for its reason", i);
            if (!same_learnt(&found, &expected)) TEST_FAIL("odd line %zu: it changes the others", i);
            free_learnt(&found);
            stbds_arrfree(text);
        }
    free_learnt(&expected);
    stbds_arrfree(clean);
}

/* All odd lines at once, each of them several times. */
static void test_all_kinds(void) {
    char *clean = clean_lines(), *text = NULL;
    const CorpusRules rules = rules_for(clean);
    for (size_t i = 0; i < COUNT(odd_lines); i++) put_odd(&text, clean, i);
    put_lines(&text, clean);
    for (size_t i = 0; i < 3 * COUNT(odd_lines); i++) put_odd(&text, clean, i % COUNT(odd_lines));
    Learnt expected = learn(clean, rules), found = learn(text, rules);
    EXPECT(same_learnt(&found, &expected));
    free_learnt(&expected);
    free_learnt(&found);
    stbds_arrfree(text);
    stbds_arrfree(clean);
}

/* Where many lines are too long, the vocabulary is still that of those that are used, learnt alone. */
static void test_many_left_out(void) {
    char *clean = clean_lines();
    const size_t longest = rules_for(clean).max_length;
    for (size_t part = 2; part < 6; part++) {
        const CorpusRules rules = {.max_length = longest * part / 6};
        Learnt all = learn(clean, rules);
        EXPECT(all.pairs.count < LINES);
        char *used = NULL, *line = clean; /* the lines that are not left out */
        for (size_t left = LINES; left > 0; left--) {
            char *tab = strchr(line, '\t'), *end = strchr(tab, '\n') + 1;
            int32_t *ids[2] = {NULL, NULL};
            tokenizer_encode(all.tokenizer, &ids[0], line, (size_t)(tab - line));
            tokenizer_encode(all.tokenizer, &ids[1], tab + 1, (size_t)(end - 1 - tab - 1));
            if (stbds_arrlenu(ids[0]) < rules.max_length && stbds_arrlenu(ids[1]) < rules.max_length)
                memcpy(stbds_arraddnptr(used, (size_t)(end - line)), line, (size_t)(end - line));
            stbds_arrfree(ids[0]);
            stbds_arrfree(ids[1]);
            line = end;
        }
        if (used) {
            Learnt alone = learn(used, rules);
            EXPECT(same_learnt(&all, &alone));
            free_learnt(&alone);
        }
        free_learnt(&all);
        stbds_arrfree(used);
    }
    stbds_arrfree(clean);
}

int main(void) {
    Error err;
    test_temporary(folder, sizeof folder);
    if (!mkdtemp(folder) || chdir(folder) != 0) return perror(folder), 1;
    pool = pool_create(2, &err);
    RUN(test_each_kind);
    RUN(test_all_kinds);
    RUN(test_many_left_out);
    pool_free(pool);
    unlink("pairs.tsv");
    rmdir(folder);
    return test_finish();
}
