#include "decode/split.h"

size_t split_next(const Tokenizer *tokenizer, const int32_t *ids, size_t count, size_t most) {
    size_t space = 0; /* the last token that begins with white space */
    char before = 0;  /* the last byte of the token before */
    for (size_t i = 0; i < count && i <= most; i++) {
        size_t length;
        const char *bytes = tokenizer_token_bytes(tokenizer, ids[i], &length);
        if (i > 0 && bytes[0] == ' ') {
            space = i;
            if (before == '.' || before == '!' || before == '?') return i;
        }
        before = bytes[length - 1];
    }
    return count <= most ? count : space > 0 ? space : most;
}
