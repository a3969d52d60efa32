#include "text/tokenizer.h"

#include <pthread.h>

#include "base/ds.h"
#include "base/rng.h"
#include "testlib.h"
#include "text/bpe_train.h"
#include "text/pieces.h"

static const Normalisation as_is = {0};

enum { SPACE = TOKEN_FIRST_BYTE + ' ', A = TOKEN_FIRST_BYTE + 'a', B = A + 1, C = B + 1, D = C + 1 };

/* The pieces of a text as it is cut, with | between them. */
static char *cut(const char *text) {
    static char shown[400];
    size_t length = strlen(text), used = 0;
    for (size_t at = 0; at < length;) {
        size_t size = piece_next(text + at, length - at);
        if (at > 0) shown[used++] = '|';
        memcpy(shown + used, text + at, size);
        used += size;
        at += size;
    }
    shown[used] = 0;
    return shown;
}

static void test_pieces(void) {
    EXPECT_STR(cut(" It's 10 o'clock, Tom!"), " It'|s| 10| o'|clock|,| Tom|!");
    EXPECT_STR(cut(" l'arbre de l\xE2\x80\x99\xC3\xA9t\xC3\xA9"), " l'|arbre| de| l\xE2\x80\x99|\xC3\xA9t\xC3\xA9");
    EXPECT_STR(cut(" 'Oui', dit-il ..."), " '|Oui|',| dit|-|il| ...");
    EXPECT_STR(cut(" abc123\xC2\xBD"
                   "d"),
               " abc|123|\xC2\xBD|d");
    EXPECT_STR(cut(" boys' toys l' a"), " boys|'| toys| l|'| a");
    EXPECT_STR(cut("   a  b\t c\td  "), "  | a| | b|\t| c|\t|d|  ");
    EXPECT_STR(cut(" Quoi\xC2\xA0? \xC2\xAB\xC2\xA0non\xC2\xA0\xC2\xBB"),
               " Quoi|\xC2\xA0|?| \xC2\xAB|\xC2\xA0|non|\xC2\xA0|\xC2\xBB");
    EXPECT_STR(cut(" a\xFF\xC3!b \x80"), " a|\xFF\xC3!|b| \x80");
    EXPECT_STR(cut(" "), " ");
    EXPECT_STR(cut("e\xCC\x81t"), "e\xCC\x81t"); /* a combining mark is part of the word */
}

static void test_long_pieces_are_cut(void) {
    static const char *const fills[] = {"a", "1", "!", " ", "\t", "\xC3\xA9", "\xFF"};
    for (size_t k = 0; k < COUNT(fills); k++) {
        char text[4000];
        size_t size = strlen(fills[k]), length = sizeof text / size * size;
        for (size_t at = 0; at < length; at += size) memcpy(text + at, fills[k], size);
        for (size_t at = 0; at < length;) {
            size_t piece = piece_next(text + at, length - at);
            if (piece == 0 || piece > PIECE_LONGEST || piece % size != 0) {
                TEST_FAIL("fill %zu: a piece of %zu bytes", k, piece);
                break;
            }
            at += piece;
        }
    }
    /* a space before the run, and the longest apostrophe behind it: trained models know the cut at 252 */
    for (size_t n = 240; n <= 260; n++) {
        char text[300] = " ";
        memset(text + 1, 'a', n);
        memcpy(text + 1 + n, "\xE2\x80\x99z", 5);
        EXPECT_INT(piece_next(text, strlen(text)), n <= 252 ? 1 + n + 3 : 1 + 252);
    }
}

static uint32_t *learn(const char *const *texts, size_t count, size_t vocab_size) {
    BpeTrainer *trainer = bpe_train_create(as_is);
    for (size_t i = 0; i < count; i++) bpe_train_add(trainer, texts[i], strlen(texts[i]));
    return bpe_train_finish(trainer, vocab_size);
}

/* The tests need a tokenizer: without one the program ends. */
static Tokenizer *create_as(const uint32_t *merges, size_t count, Normalisation how) {
    Error err;
    Tokenizer *tokenizer = tokenizer_create(merges, count, how, &err);
    if (tokenizer) return tokenizer;
    TEST_FAIL("%s", err.text);
    exit(1);
}

static Tokenizer *create(uint32_t *merges) { return create_as(merges, stbds_arrlenu(merges) / 2, as_is); }

static void expect_merges(uint32_t *merges, const uint32_t *expected, size_t count) {
    EXPECT_INT(stbds_arrlenu(merges) / 2, count);
    for (size_t i = 0; i < 2 * count && i < stbds_arrlenu(merges); i++)
        if (merges[i] != expected[i]) TEST_FAIL("merge %zu: expected %u, found %u", i / 2, expected[i], merges[i]);
}

/* Worked out by hand. Pieces: " ab" 3 times, " abc" 2 times, " bc" once.
 * Pairs: (space a) 5, (a b) 5, (b c) 3, (space b) 1: of the two at 5, (space a) has the smaller left id.
 * Now "[ a]b" 3, "[ a]bc" 2, " bc" 1: ([ a] b) 5, (b c) 3. Then "[ ab]" 3, "[ ab]c" 2, " bc" 1: ([ ab] c) 2; (b c) and
 * (space b) 1. After the third merge nothing occurs twice. */
static void test_known_merges(void) {
    const char *const texts[] = {"ab abc", "ab bc", "ab abc"};
    const uint32_t expected[] = {SPACE, A, 258, B, 259, C};
    uint32_t *merges = learn(texts, 3, 1000);
    expect_merges(merges, expected, 3);
    Tokenizer *tokenizer = create(merges);
    EXPECT_INT(tokenizer_vocab_size(tokenizer), 261);
    int32_t *ids = NULL;
    tokenizer_encode(tokenizer, &ids, "abcab bab", 9);
    const int32_t known[] = {260, A, B, SPACE, B, A, B};
    EXPECT_INT(stbds_arrlen(ids), 7);
    EXPECT(memcmp(ids, known, sizeof known) == 0);
    size_t length;
    EXPECT(memcmp(tokenizer_token_bytes(tokenizer, 260, &length), " abc", 4) == 0);
    EXPECT_INT(length, 4);
    EXPECT(memcmp(tokenizer_token_bytes(tokenizer, TOKEN_END, &length), "</s>", 4) == 0);
    EXPECT_INT(length, 4);
    const uint32_t *kept = tokenizer_merges(tokenizer, &length);
    EXPECT_INT(length, 3);
    EXPECT(memcmp(kept, merges, 6 * sizeof *kept) == 0);
    stbds_arrfree(ids);
    stbds_arrfree(merges);
    tokenizer_free(tokenizer);
}

/* Every pair here occurs twice: they come by left id, then by right id. */
static void test_ties(void) {
    const char *const texts[] = {"\tdc\tba\tbc\tdc\tba\tbc"};
    uint32_t *merges = learn(texts, 1, 258 + 3);
    const uint32_t expected[] = {B, A, B, C, D, C};
    expect_merges(merges, expected, 3);
    stbds_arrfree(merges);
}

/* " aaa" once holds the pair (a a) once, not twice; in " aaaa" it is there twice. */
static void test_runs_do_not_overlap(void) {
    const char *const three[] = {"aaa"}, *const four[] = {"aaaa"};
    uint32_t *merges = learn(three, 1, 1000);
    EXPECT_INT(stbds_arrlen(merges), 0);
    stbds_arrfree(merges);
    merges = learn(four, 1, 1000);
    const uint32_t expected[] = {A, A};
    expect_merges(merges, expected, 1);
    stbds_arrfree(merges);
}

static void test_vocab_size_is_kept(void) {
    const char *const texts[] = {"abcdef abcdef ghij ghij"};
    for (size_t size = 0; size <= 262; size++) {
        uint32_t *merges = learn(texts, 1, size);
        EXPECT_INT(stbds_arrlen(merges) / 2, size > 258 ? size - 258 : 0);
        stbds_arrfree(merges);
    }
}

/* A random text of one of several kinds, of at most 80 bytes; returns its length. */
static size_t random_text(char text[80], uint32_t round) {
    static const char *const parts[] = {"a",        "e", "t",  "ou", " ",        " ",  "  ", "'", "\xE2\x80\x99",
                                        "\xC3\xA9", "1", "\t", ",",  "\xC2\xA0", "le", "!",  "\n"};
    RngSite site = {3, round, 0};
    size_t units = rng_bits(site, 0) % 20, length = 0;
    for (size_t i = 0; i < units; i++) {
        uint64_t bits = rng_bits(site, i + 1);
        switch (round % 5) {
        case 0: text[length++] = (char)bits; break;                  /* any byte */
        case 1: text[length++] = "ab "[bits % 3]; break;             /* few letters, many spaces */
        case 2: text[length++] = (char)(0x80 + bits % 128); break;   /* cut and bad UTF-8 */
        case 3: text[length++] = "\0 \n\t\xC2\xA0"[bits % 6]; break; /* NUL and white space */
        default: {                                                   /* something like text */
            const char *part = parts[bits % COUNT(parts)];
            memcpy(text + length, part, strlen(part));
            length += strlen(part);
        }
        }
    }
    return length;
}

/* A tokenizer that learnt from all kinds of random text. */
static Tokenizer *random_tokenizer(Normalisation how) {
    BpeTrainer *trainer = bpe_train_create(how);
    char text[80];
    for (uint32_t round = 0; round < 3000; round++) bpe_train_add(trainer, text, random_text(text, round));
    uint32_t *merges = bpe_train_finish(trainer, 1200);
    Tokenizer *tokenizer = create_as(merges, stbds_arrlenu(merges) / 2, how);
    EXPECT_INT(tokenizer_vocab_size(tokenizer), 1200);
    stbds_arrfree(merges);
    return tokenizer;
}

static void test_lossless(void) {
    Tokenizer *tokenizer = random_tokenizer(as_is);
    char text[80], *back = NULL;
    int32_t *ids = NULL;
    for (uint32_t round = 0; round < 20000; round++) {
        size_t length = random_text(text, round);
        stbds_arrsetlen(ids, 0);
        stbds_arrsetlen(back, 0);
        tokenizer_encode(tokenizer, &ids, text, length);
        tokenizer_decode(tokenizer, &back, ids, stbds_arrlenu(ids));
        bool same = stbds_arrlenu(back) == length && (length == 0 || memcmp(back, text, length) == 0);
        if (!same || (length == 0) != (stbds_arrlen(ids) == 0)) {
            TEST_FAIL("round %u: %zu bytes came back as %td", round, length, stbds_arrlen(back));
            break;
        }
    }
    stbds_arrfree(ids);
    stbds_arrfree(back);
    tokenizer_free(tokenizer);
}

static void test_lossless_after_normalising(void) {
    const Normalisation how = {true, true, true, true, true};
    Tokenizer *tokenizer = random_tokenizer(how);
    char text[80];
    for (uint32_t round = 0; round < 4000; round++) {
        size_t length = random_text(text, round);
        char *normal = NULL, *back = NULL;
        int32_t *ids = NULL;
        normalise_text(&normal, text, length, how);
        tokenizer_encode(tokenizer, &ids, text, length);
        tokenizer_decode(tokenizer, &back, ids, stbds_arrlenu(ids));
        bool same = stbds_arrlen(back) == stbds_arrlen(normal);
        if (!same || (back && memcmp(back, normal, stbds_arrlenu(back)) != 0)) TEST_FAIL("round %u", round);
        stbds_arrfree(normal);
        stbds_arrfree(back);
        stbds_arrfree(ids);
    }
    tokenizer_free(tokenizer);
}

/* The spacing of French and English comes back as it was, capitals too; no-break spaces come back as plain ones, and
 * curly apostrophes straight, as the default normalisation has it. */
static void test_spacing(void) {
    const Normalisation how = {.apostrophes = true, .spaces = true, .nfc = true, .invisible = true};
    Tokenizer *tokenizer = random_tokenizer(how);
    static const char *const texts[][2] = {
        {"L'homme dit : \xC2\xAB oui \xC2\xBB !", NULL},
        {"\"Well,\" (he said) \"it's 3.14 % - or $5?\"", NULL},
        {"Qu'est-ce qu'il y a ? Aujourd'hui, 1 000 \xE2\x82\xAC...", NULL},
        {"\xC2\xAB\xC2\xA0Oui\xC2\xA0\xC2\xBB, dit l\xE2\x80\x99homme\xE2\x80\xAF!",
         "\xC2\xAB Oui \xC2\xBB, dit l'homme !"},
    };
    for (size_t i = 0; i < COUNT(texts); i++) {
        int32_t *ids = NULL;
        char *back = NULL;
        tokenizer_encode(tokenizer, &ids, texts[i][0], strlen(texts[i][0]));
        tokenizer_decode(tokenizer, &back, ids, stbds_arrlenu(ids));
        stbds_arrput(back, 0);
        EXPECT_STR(back, texts[i][1] ? texts[i][1] : texts[i][0]);
        stbds_arrfree(ids);
        stbds_arrfree(back);
    }
    tokenizer_free(tokenizer);
}

/* The definition itself, slowly: each merge in the order of learning goes over the whole piece from left to right. */
static size_t merge_slowly(const Tokenizer *tokenizer, int32_t *ids, const char *piece, size_t length) {
    size_t merges;
    const uint32_t *pairs = tokenizer_merges(tokenizer, &merges);
    for (size_t i = 0; i < length; i++) ids[i] = TOKEN_FIRST_BYTE + (unsigned char)piece[i];
    for (size_t merge = 0; merge < merges; merge++) {
        size_t kept = 0;
        for (size_t i = 0; i < length; kept++) {
            bool found =
                i + 1 < length && ids[i] == (int32_t)pairs[2 * merge] && ids[i + 1] == (int32_t)pairs[2 * merge + 1];
            ids[kept] = found ? (int32_t)(TOKEN_FIRST_MERGE + merge) : ids[i];
            i += found ? 2 : 1;
        }
        length = kept;
    }
    return length;
}

/* Also shows that no merge crosses a border: pieces are merged one by one here. */
static void expect_as_defined(const Tokenizer *tokenizer, uint32_t rounds) {
    char text[81] = " ";
    for (uint32_t round = 50000; round < 50000 + rounds; round++) {
        size_t length = random_text(text + 1, round), count = 0;
        int32_t *ids = NULL, slow[81];
        tokenizer_encode(tokenizer, &ids, text + 1, length);
        for (size_t at = 0; length > 0 && at < length + 1;) {
            size_t size = piece_next(text + at, length + 1 - at);
            count += merge_slowly(tokenizer, slow + count, text + at, size);
            at += size;
        }
        if (stbds_arrlenu(ids) != count || (count > 0 && memcmp(ids, slow, count * sizeof *ids) != 0)) {
            TEST_FAIL("round %u: %td tokens, %zu by the definition", round, stbds_arrlen(ids), count);
        }
        stbds_arrfree(ids);
    }
}

static void test_encode_as_defined(void) {
    Tokenizer *tokenizer = random_tokenizer(as_is);
    expect_as_defined(tokenizer, 1000);
    tokenizer_free(tokenizer);
}

/* Small tables, half full: in some of them a search goes on from the last slot to the first. */
static void test_few_merges(void) {
    enum { TABLES = 100, MERGES = 31 };
    for (uint32_t table = 0; table < TABLES; table++) {
        uint32_t merges[2 * MERGES];
        for (uint32_t i = 0; i < MERGES; i++) {
            merges[2 * i] = TOKEN_FIRST_BYTE + (i + 3 * table) % 256;
            merges[2 * i + 1] = TOKEN_FIRST_BYTE + (7 * i + table) % 256;
        }
        Tokenizer *tokenizer = create_as(merges, MERGES, as_is);
        expect_as_defined(tokenizer, 50);
        tokenizer_free(tokenizer);
    }
}

/* The table of merges at its fullest: nearly all pairs of bytes, and none twice. */
static void test_most_merges(void) {
    enum { MERGES = TOKENIZER_VOCAB_MAX - TOKEN_FIRST_MERGE };
    static uint32_t merges[2 * MERGES];
    for (uint32_t i = 0; i < MERGES; i++)
        merges[2 * i] = TOKEN_FIRST_BYTE + i % 256, merges[2 * i + 1] = TOKEN_FIRST_BYTE + i / 256;
    Tokenizer *tokenizer = create_as(merges, MERGES, as_is);
    EXPECT_INT(tokenizer_vocab_size(tokenizer), TOKENIZER_VOCAB_MAX);
    expect_as_defined(tokenizer, 100);
    tokenizer_free(tokenizer);
}

typedef struct Encoding {
    const Tokenizer *tokenizer;
    pthread_barrier_t *together; /* NULL: alone */
    int32_t *ids;                /* stb_ds array: of 20000 random texts */
} Encoding;

static void *encode_all(void *argument) {
    Encoding *e = argument;
    char text[80];
    if (e->together) pthread_barrier_wait(e->together);
    for (uint32_t i = 0; i < 20000; i++) tokenizer_encode(e->tokenizer, &e->ids, text, random_text(text, i));
    return NULL;
}

static bool same_ids(const int32_t *a, const int32_t *b) {
    return stbds_arrlen(a) == stbds_arrlen(b) && (!a || memcmp(a, b, stbds_arrlenu(a) * sizeof *a) == 0);
}

/* Two threads with one tokenizer give what one gives. */
static void test_two_threads(void) {
    Tokenizer *tokenizer = random_tokenizer(as_is);
    Encoding alone = {tokenizer, NULL, NULL};
    encode_all(&alone);
    pthread_t threads[2];
    pthread_barrier_t together;
    pthread_barrier_init(&together, NULL, 2);
    Encoding both[2] = {{tokenizer, &together, NULL}, {tokenizer, &together, NULL}};
    for (int t = 0; t < 2; t++) EXPECT_INT(pthread_create(&threads[t], NULL, encode_all, &both[t]), 0);
    for (int t = 0; t < 2; t++) {
        pthread_join(threads[t], NULL);
        EXPECT(same_ids(alone.ids, both[t].ids));
        stbds_arrfree(both[t].ids);
    }
    pthread_barrier_destroy(&together);
    stbds_arrfree(alone.ids);
    tokenizer_free(tokenizer);
}

/* The most frequent pair found anew each time, by counting everything: what the incremental counts must agree with. */
static uint32_t *learn_slowly(char (*texts)[80], const size_t *lengths, size_t texts_count, size_t merges_wanted) {
    static int32_t ids[20000];
    static bool border[20001]; /* a piece starts here */
    size_t count = 0;
    for (size_t t = 0; t < texts_count; t++) {
        char spaced[81] = " ";
        memcpy(spaced + 1, texts[t], lengths[t]);
        for (size_t at = 0; lengths[t] > 0 && at < lengths[t] + 1;) {
            size_t size = piece_next(spaced + at, lengths[t] + 1 - at);
            for (size_t i = 0; i < size; i++, count++) {
                ids[count] = TOKEN_FIRST_BYTE + (unsigned char)spaced[at + i];
                border[count] = i == 0;
            }
            at += size;
        }
    }
    uint32_t *merges = NULL;
    enum { MOST = 400 };
    static uint32_t counts[MOST][MOST];
    while (stbds_arrlenu(merges) / 2 < merges_wanted) {
        memset(counts, 0, sizeof counts);
        for (size_t i = 0, counted = SIZE_MAX; i + 1 < count; i++) {
            if (border[i + 1]) continue;
            bool same = i > 0 && !border[i] && counted == i - 1 && ids[i - 1] == ids[i] && ids[i] == ids[i + 1];
            if (same) continue;
            counts[ids[i]][ids[i + 1]]++;
            counted = i;
        }
        uint32_t best = 1, left = 0, right = 0;
        for (uint32_t a = 0; a < MOST; a++)
            for (uint32_t b = 0; b < MOST; b++)
                if (counts[a][b] > best) best = counts[a][b], left = a, right = b;
        if (best < 2) break;
        stbds_arrput(merges, left);
        stbds_arrput(merges, right);
        size_t kept = 0;
        for (size_t i = 0; i < count; kept++) {
            bool found = i + 1 < count && !border[i + 1] && ids[i] == (int32_t)left && ids[i + 1] == (int32_t)right;
            border[kept] = border[i];
            ids[kept] = found ? (int32_t)(TOKEN_FIRST_MERGE + stbds_arrlenu(merges) / 2 - 1) : ids[i];
            i += found ? 2 : 1;
        }
        count = kept;
    }
    return merges;
}

static void test_learning_as_defined(void) {
    static char texts[300][80];
    size_t lengths[300];
    for (uint32_t kind = 0; kind < 5; kind++) {
        BpeTrainer *trainer = bpe_train_create(as_is);
        for (uint32_t i = 0; i < 300; i++) {
            lengths[i] = random_text(texts[i], 5 * i + kind);
            bpe_train_add(trainer, texts[i], lengths[i]);
        }
        uint32_t *slow = learn_slowly(texts, lengths, 300, 60);
        uint32_t *fast = bpe_train_finish(trainer, 258 + 60);
        EXPECT(stbds_arrlen(slow) > 20);
        expect_merges(fast, slow, stbds_arrlenu(slow) / 2);
        stbds_arrfree(slow);
        stbds_arrfree(fast);
    }
}

/* One long word again and again: tokens double until the longest allowed. */
static void test_token_length_is_bounded(void) {
    char word[200];
    memset(word, 'a', sizeof word);
    BpeTrainer *trainer = bpe_train_create(as_is);
    for (int i = 0; i < 10; i++) bpe_train_add(trainer, word, sizeof word);
    uint32_t *merges = bpe_train_finish(trainer, 1000);
    Tokenizer *tokenizer = create(merges);
    size_t longest = 0, length;
    for (size_t id = 0; id < tokenizer_vocab_size(tokenizer); id++) {
        tokenizer_token_bytes(tokenizer, (int32_t)id, &length);
        if (length > longest) longest = length;
    }
    EXPECT_INT(longest, TOKEN_LONGEST);
    stbds_arrfree(merges);
    tokenizer_free(tokenizer);
}

static void expect_refused(const uint32_t *merges, size_t count, const char *part) {
    Error err = {"no error"};
    Tokenizer *tokenizer = tokenizer_create(merges, count, as_is, &err);
    EXPECT(!tokenizer);
    EXPECT_HAS(err.text, part);
    tokenizer_free(tokenizer);
}

static void test_hostile_merges(void) {
    const uint32_t begin[] = {A, TOKEN_BEGIN}, end[] = {TOKEN_END, A}, self[] = {A, B, 258, 259}, first[] = {258, A};
    const uint32_t huge[] = {A, UINT32_MAX}, twice[] = {A, B, B, A, A, B};
    expect_refused(begin, 1, "merge 0: expected two tokens from 2 to 257, found 99 and 0");
    expect_refused(end, 1, "merge 0");
    expect_refused(self, 2, "merge 1: expected two tokens from 2 to 258, found 258 and 259");
    expect_refused(first, 1, "merge 0");
    expect_refused(huge, 1, "merge 0");
    expect_refused(twice, 3, "merge 2: expected a new pair, found that of merge 0 again");
    uint32_t doubling[2 * 40] = {A, A};
    for (uint32_t i = 1; i < 40; i++) doubling[2 * i] = doubling[2 * i + 1] = TOKEN_FIRST_MERGE + i - 1;
    expect_refused(doubling, 40, "merge 6: expected a token of at most 64 bytes, found 128");
    expect_refused(doubling, TOKENIZER_VOCAB_MAX, "at most 65278 merges");
    expect_refused(NULL, SIZE_MAX, "at most 65278 merges");
}

static void test_no_merges(void) {
    Tokenizer *tokenizer = create(NULL);
    EXPECT_INT(tokenizer_vocab_size(tokenizer), 258);
    int32_t *ids = NULL;
    tokenizer_encode(tokenizer, &ids, "a\xFF", 2);
    EXPECT_INT(stbds_arrlen(ids), 3);
    EXPECT(ids[0] == SPACE && ids[1] == A && ids[2] == TOKEN_FIRST_BYTE + 0xFF);
    tokenizer_encode(tokenizer, &ids, "", 0); /* appends nothing */
    EXPECT_INT(stbds_arrlen(ids), 3);
    stbds_arrfree(ids);
    tokenizer_free(tokenizer);
}

/* Sequences a model may say, which no text encodes to: marks give no bytes, one space in front goes, if there is one.
 */
static void test_decode_any_ids(void) {
    Tokenizer *tokenizer = create(NULL);
    const int32_t spaced[] = {TOKEN_BEGIN, SPACE, TOKEN_END, SPACE, A, TOKEN_END}, bare[] = {A, SPACE};
    char *text = NULL;
    tokenizer_decode(tokenizer, &text, spaced, 6);
    tokenizer_decode(tokenizer, &text, bare, 2);
    tokenizer_decode(tokenizer, &text, spaced, 2);
    tokenizer_decode(tokenizer, &text, spaced, 0);
    stbds_arrput(text, 0);
    EXPECT_STR(text, " aa ");
    stbds_arrfree(text);
    tokenizer_free(tokenizer);
}

/* The order in which text comes does not matter, nor does a trainer that is thrown away leak. */
static void test_order_of_text(void) {
    char text[80];
    BpeTrainer *forwards = bpe_train_create(as_is), *backwards = bpe_train_create(as_is);
    for (uint32_t i = 0; i < 500; i++) {
        bpe_train_add(forwards, text, random_text(text, i));
        bpe_train_add(backwards, text, random_text(text, 499 - i));
    }
    uint32_t *one = bpe_train_finish(forwards, 400), *other = bpe_train_finish(backwards, 400);
    expect_merges(one, other, 400 - 258);
    stbds_arrfree(one);
    stbds_arrfree(other);
    BpeTrainer *dropped = bpe_train_create(as_is);
    bpe_train_add(dropped, "a b", 3);
    bpe_train_free(dropped);
}

int main(void) {
    RUN(test_pieces);
    RUN(test_long_pieces_are_cut);
    RUN(test_known_merges);
    RUN(test_ties);
    RUN(test_runs_do_not_overlap);
    RUN(test_vocab_size_is_kept);
    RUN(test_lossless);
    RUN(test_lossless_after_normalising);
    RUN(test_spacing);
    RUN(test_encode_as_defined);
    RUN(test_few_merges);
    RUN(test_most_merges);
    RUN(test_two_threads);
    RUN(test_learning_as_defined);
    RUN(test_token_length_is_bounded);
    RUN(test_hostile_merges);
    RUN(test_no_merges);
    RUN(test_decode_any_ids);
    RUN(test_order_of_text);
    return test_finish();
}
