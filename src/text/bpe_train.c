/* Each distinct piece of the text is a row of tokens, and each pair of neighbouring tokens knows the pieces it is in:
 *
 *     pieces   " low" x 5     [ ][l][o][w]            pairs   (l, o)   count 7   where: pieces 0, 1
 *              " lower" x 2   [ ][l][o][w][e][r]              (e, r)   count 2   where: piece 1
 *
 * A merge visits only the pieces of its pair and changes only the counts of the pairs beside it. After the newer of its
 * two tokens has been made, the count of a pair can only fall. So the heap may hold a count that is too high, never one
 * that is too low: a candidate is checked when it comes to the top, and goes back with its present count if that is
 * lower. */
#include "text/bpe_train.h"

#include <stdbool.h>
#include <string.h>

#include "base/check.h"
#include "base/ds.h"
#include "base/memory.h"
#include "base/table.h"
#include "text/pieces.h"
#include "text/tokenizer.h"

/* A distinct piece. While text is added, start and length are those of its bytes in `bytes`; while merges are learnt,
 * those of its tokens in `ids`, which become fewer. */
typedef struct Piece {
    size_t start;
    uint64_t count; /* how often it was added */
    uint32_t length;
} Piece;

/* A pair of neighbouring tokens. */
typedef struct Pair {
    uint32_t left, right;
    uint64_t count;  /* in all pieces, weighted by how often each was added */
    uint32_t *where; /* stb_ds array: the pieces it is in, or once was */
} Pair;

/* A pair that may be merged next, with the count it had when it was put on the heap. */
typedef struct Candidate {
    uint64_t count;
    uint32_t left, right;
    uint32_t pair; /* in pairs */
} Candidate;

struct BpeTrainer {
    Normalisation how;
    Piece *pieces; /* stb_ds array */
    char *bytes;   /* stb_ds array */
    Table piece_table;
    char *text; /* stb_ds array: a space and the normalised text of bpe_train_add */

    uint32_t *ids;     /* tokens of all pieces */
    uint32_t *lengths; /* stb_ds array: bytes of each token */
    Pair *pairs;       /* stb_ds array */
    Table pair_table;
    Candidate *heap; /* stb_ds array: the best candidate comes first */
};

BpeTrainer *bpe_train_create(Normalisation how) {
    BpeTrainer *trainer = memory_new(1, sizeof *trainer);
    trainer->how = how;
    trainer->piece_table = table_create();
    trainer->pair_table = table_create();
    return trainer;
}

void bpe_train_free(BpeTrainer *trainer) {
    if (!trainer) return;
    for (ptrdiff_t i = 0; i < stbds_arrlen(trainer->pairs); i++) stbds_arrfree(trainer->pairs[i].where);
    stbds_arrfree(trainer->pairs);
    stbds_arrfree(trainer->pieces);
    stbds_arrfree(trainer->bytes);
    stbds_arrfree(trainer->text);
    stbds_arrfree(trainer->lengths);
    stbds_arrfree(trainer->heap);
    table_free(&trainer->piece_table);
    table_free(&trainer->pair_table);
    free(trainer->ids);
    free(trainer);
}

/* FNV-1a (Fowler, Noll, Vo) in 64 bits. */
static uint64_t hash_of(const char *bytes, size_t length) {
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < length; i++) hash = (hash ^ (unsigned char)bytes[i]) * 1099511628211u;
    return hash;
}

/* The key of a piece is its hash, made odd; that of a second piece with this hash is the next odd number. */
static void count_piece(BpeTrainer *trainer, const char *bytes, size_t length, bool add) {
    for (uint64_t key = hash_of(bytes, length) | 1;; key += 2) {
        const size_t number = table_add(&trainer->piece_table, key);
        if (number == stbds_arrlenu(trainer->pieces)) break;
        Piece *piece = &trainer->pieces[number];
        if (piece->length != length || memcmp(trainer->bytes + piece->start, bytes, length) != 0) continue;
        piece->count += add ? 1 : (uint64_t)-1;
        return;
    }
    stbds_arrput(trainer->pieces, ((Piece){stbds_arrlenu(trainer->bytes), 1, (uint32_t)length}));
    ds_append(trainer->bytes, bytes, length);
}

/* The number of a pair, which is made when it is not there yet. */
static uint32_t pair_number(BpeTrainer *trainer, uint32_t left, uint32_t right) {
    const uint32_t number = table_add(&trainer->pair_table, token_pair(left, right));
    if (number == stbds_arrlenu(trainer->pairs)) stbds_arrput(trainer->pairs, ((Pair){left, right, 0, NULL}));
    return number;
}

static TokenBounds count_text(BpeTrainer *trainer, const char *text, size_t length, bool add) {
    stbds_arrsetlen(trainer->text, 0);
    stbds_arrput(trainer->text, ' ');
    normalise_text(&trainer->text, text, length, trainer->how);
    size_t end = (size_t)stbds_arrlen(trainer->text);
    TokenBounds bounds = {0, end};
    if (end == 1) return (TokenBounds){0, 0}; /* an empty text has no tokens, thus no piece */
    for (size_t at = 0; at < end;) {
        size_t size = piece_next(trainer->text + at, end - at);
        count_piece(trainer, trainer->text + at, size, add);
        bounds.least += (size + TOKEN_LONGEST - 1) / TOKEN_LONGEST;
        at += size;
    }
    return bounds;
}

TokenBounds bpe_train_add(BpeTrainer *trainer, const char *text, size_t length) {
    return count_text(trainer, text, length, true);
}

void bpe_train_remove(BpeTrainer *trainer, const char *text, size_t length) {
    count_text(trainer, text, length, false);
}

/* The order of learning: higher count first, then the smaller left id, then the smaller right id. */
static bool comes_first(Candidate a, Candidate b) {
    if (a.count != b.count) return a.count > b.count;
    return a.left != b.left ? a.left < b.left : a.right < b.right;
}

static void heap_push(BpeTrainer *trainer, Candidate candidate) {
    stbds_arrput(trainer->heap, candidate);
    Candidate *heap = trainer->heap;
    size_t at = (size_t)stbds_arrlen(heap) - 1;
    for (; at > 0 && comes_first(candidate, heap[(at - 1) / 2]); at = (at - 1) / 2) heap[at] = heap[(at - 1) / 2];
    heap[at] = candidate;
}

static Candidate heap_pop(BpeTrainer *trainer) {
    Candidate *heap = trainer->heap, top = heap[0], last = stbds_arrpop(heap);
    size_t count = (size_t)stbds_arrlen(heap), at = 0;
    if (count == 0) return top;
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && comes_first(heap[child + 1], heap[child])) child++;
        if (!comes_first(heap[child], last)) break;
        heap[at] = heap[child];
    }
    heap[at] = last;
    return top;
}

/* Makes a pair a candidate, unless it is too rare or makes too long a token. */
static void offer(BpeTrainer *trainer, uint32_t number) {
    const Pair *pair = &trainer->pairs[number];
    uint32_t length = trainer->lengths[pair->left] + trainer->lengths[pair->right];
    if (pair->count >= 2 && length <= TOKEN_LONGEST)
        heap_push(trainer, (Candidate){pair->count, pair->left, pair->right, number});
}

/* Adds the piece to the counts of its pairs, or subtracts it. */
static void count_pairs(BpeTrainer *trainer, uint32_t number, bool add) {
    const Piece *piece = &trainer->pieces[number];
    const uint32_t *ids = trainer->ids + piece->start;
    uint32_t newest = (uint32_t)stbds_arrlen(trainer->lengths) - 1;
    bool overlaps = false; /* with an equal pair before it that was counted: `aaa` has one pair `aa` */
    for (size_t i = 0; i + 1 < piece->length; i++) {
        overlaps = i > 0 && !overlaps && ids[i - 1] == ids[i] && ids[i] == ids[i + 1];
        if (overlaps) continue;
        uint32_t at = pair_number(trainer, ids[i], ids[i + 1]);
        Pair *pair = &trainer->pairs[at];
        pair->count += add ? piece->count : 0 - piece->count;
        /* Merging makes no pair of older tokens, so such a pair has the piece in its list already. Pieces come in
         * rising order, so one that is in the list is its last. */
        bool is_new = newest < TOKEN_FIRST_MERGE || ids[i] == newest || ids[i + 1] == newest;
        if (add && is_new && (stbds_arrlen(pair->where) == 0 || stbds_arrlast(pair->where) != number))
            stbds_arrput(pair->where, number);
    }
}

static bool has_pair(const BpeTrainer *trainer, const Piece *piece, uint32_t left, uint32_t right) {
    const uint32_t *ids = trainer->ids + piece->start;
    for (size_t i = 0; i + 1 < piece->length; i++)
        if (ids[i] == left && ids[i + 1] == right) return true;
    return false;
}

/* Replaces the pair by the token, from left to right. */
static void replace_pair(BpeTrainer *trainer, Piece *piece, uint32_t left, uint32_t right, uint32_t token) {
    uint32_t *ids = trainer->ids + piece->start, kept = 0;
    for (size_t i = 0; i < piece->length; kept++) {
        bool found = i + 1 < piece->length && ids[i] == left && ids[i + 1] == right;
        ids[kept] = found ? token : ids[i];
        i += found ? 2 : 1;
    }
    piece->length = kept;
}

/* Pieces become rows of byte tokens, and every pair a candidate. */
static void start_learning(BpeTrainer *trainer) {
    size_t total = (size_t)stbds_arrlen(trainer->bytes);
    trainer->ids = memory_new(total + 1, sizeof *trainer->ids);
    for (size_t i = 0; i < total; i++) trainer->ids[i] = TOKEN_FIRST_BYTE + (unsigned char)trainer->bytes[i];
    stbds_arrfree(trainer->bytes);
    for (size_t id = 0; id < TOKEN_FIRST_MERGE; id++) stbds_arrput(trainer->lengths, 1);
    for (ptrdiff_t i = 0; i < stbds_arrlen(trainer->pieces); i++) count_pairs(trainer, (uint32_t)i, true);
    for (ptrdiff_t i = 0; i < stbds_arrlen(trainer->pairs); i++) offer(trainer, (uint32_t)i);
}

/* Makes the pair the next token in all pieces. Every new pair contains the new token. */
static void learn(BpeTrainer *trainer, uint32_t number) {
    uint32_t left = trainer->pairs[number].left, right = trainer->pairs[number].right;
    uint32_t token = (uint32_t)stbds_arrlen(trainer->lengths), *where = trainer->pairs[number].where;
    trainer->pairs[number].where = NULL;
    stbds_arrput(trainer->lengths, trainer->lengths[left] + trainer->lengths[right]);
    ptrdiff_t known = stbds_arrlen(trainer->pairs);
    for (ptrdiff_t i = 0; i < stbds_arrlen(where); i++) {
        Piece *piece = &trainer->pieces[where[i]];
        if (!has_pair(trainer, piece, left, right)) continue;
        count_pairs(trainer, where[i], false);
        replace_pair(trainer, piece, left, right, token);
        count_pairs(trainer, where[i], true);
    }
    for (ptrdiff_t i = known; i < stbds_arrlen(trainer->pairs); i++) offer(trainer, (uint32_t)i);
    stbds_arrfree(where);
}

uint32_t *bpe_train_finish(BpeTrainer *trainer, size_t vocab_size) {
    CHECK(vocab_size <= TOKENIZER_VOCAB_MAX, "the vocabulary is within its limit");
    start_learning(trainer);
    uint32_t *merges = NULL;
    while ((size_t)stbds_arrlen(trainer->lengths) < vocab_size && stbds_arrlen(trainer->heap) > 0) {
        Candidate best = heap_pop(trainer);
        if (trainer->pairs[best.pair].count < best.count) { /* later merges have lowered it */
            offer(trainer, best.pair);
            continue;
        }
        stbds_arrput(merges, best.left);
        stbds_arrput(merges, best.right);
        learn(trainer, best.pair);
    }
    bpe_train_free(trainer);
    return merges;
}
