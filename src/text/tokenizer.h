/* Tokenizer: text to token ids and back, by byte-level byte-pair encoding.
 *
 * Sennrich, Haddow, Birch: "Neural Machine Translation of Rare Words with Subword Units", ACL 2016. It works on bytes,
 * so no word is unknown, and decoding gives back exactly the bytes of the (normalised) text. Both languages share one
 * vocabulary:
 *
 *     0         <s>, the begin of a sentence
 *     1         </s>, its end
 *     2 .. 257  the bytes 0 .. 255
 *     258 + i   the two tokens of merge i, joined
 *
 * A text is encoded with a space put before it, so that a word is the same token at the start of a sentence and inside
 * it; decoding drops that space. Each piece (text/pieces.h) is merged by itself, lowest merge first. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "text/normalise.h"

enum {
    TOKEN_BEGIN = 0,
    TOKEN_END = 1,
    TOKEN_FIRST_BYTE = 2,
    TOKEN_FIRST_MERGE = 258,
    TOKEN_LONGEST = 64,          /* bytes of a token; no merge makes a longer one */
    TOKENIZER_VOCAB_MAX = 65536, /* a token id fits 16 bits */
};

/* A pair of tokens as a key of a Table (base/table.h). */
static inline uint64_t token_pair(uint32_t left, uint32_t right) { return (uint64_t)left << 32 | right; }

typedef struct Tokenizer Tokenizer;

/* merges: (count, 2) ids, in order of learning; copied. They may come from a file: fails, and says which merge is
 * wrong, when there are too many, or when one of them has a later token, <s> or </s>, occurs twice, or makes too long a
 * token. Free with tokenizer_free. */
Tokenizer *tokenizer_create(const uint32_t *merges, size_t count, Normalisation how, Error *err);
void tokenizer_free(Tokenizer *tokenizer);

size_t tokenizer_vocab_size(const Tokenizer *tokenizer);
Normalisation tokenizer_normalisation(const Tokenizer *tokenizer);

/* The (count, 2) merges as given, owned by the tokenizer. */
const uint32_t *tokenizer_merges(const Tokenizer *tokenizer, size_t *count);

/* Normalises the text and appends its tokens, without <s> and </s>, to *ids, a stb_ds array (NULL: an empty one; the
 * caller frees it). An empty text has no tokens. Several threads may encode with one tokenizer at once. */
void tokenizer_encode(const Tokenizer *tokenizer, int32_t **ids, const char *text, size_t length);

/* Appends the bytes of the tokens, without the space before the text, to *text, a stb_ds array (no NUL at its end). <s>
 * and </s> have no bytes. An id outside the vocabulary is a bug (CHECK). */
void tokenizer_decode(const Tokenizer *tokenizer, char **text, const int32_t *ids, size_t count);

/* The *length bytes of one token, including a space at its start; "<s>" and "</s>" for those two. */
const char *tokenizer_token_bytes(const Tokenizer *tokenizer, int32_t id, size_t *length);
