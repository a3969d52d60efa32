/* Any merges and any text: merges are refused, or encode the text to tokens that decode to it.
 * Two bytes: the number of merges; then they, of two bytes each side; one byte: the normalisation; the rest is text. */
#include "base/ds.h"
#include "fuzz.h"
#include "text/tokenizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0;
    size_t count = data[0] | (size_t)data[1] << 8, at = 2;
    if (count > (size - 3) / 4) count = (size - 3) / 4;
    uint32_t *merges = NULL;
    for (size_t i = 0; i < 2 * count; i++, at += 2) stbds_arrput(merges, data[at] | (uint32_t)data[at + 1] << 8);
    const Normalisation how = {data[at] & 1, data[at] & 2, data[at] & 4, data[at] & 8, data[at] & 16};
    at++;
    const char *text = (const char *)data + at;
    Error err;
    Tokenizer *tokenizer = tokenizer_create(merges, count, how, &err);
    stbds_arrfree(merges);
    if (!tokenizer) {
        fuzz_message(err.text);
        return 0;
    }
    char *normal = NULL, *back = NULL;
    normalise_text(&normal, text, size - at, how);
    int32_t *ids = NULL;
    tokenizer_encode(tokenizer, &ids, text, size - at);
    tokenizer_decode(tokenizer, &back, ids, stbds_arrlenu(ids));
    const size_t length = stbds_arrlenu(back);
    CHECK(length == stbds_arrlenu(normal) && (length == 0 || memcmp(back, normal, length) == 0),
          "decoding gives the normalised text");
    stbds_arrfree(ids);
    stbds_arrfree(normal);
    stbds_arrfree(back);
    tokenizer_free(tokenizer);
    return 0;
}
