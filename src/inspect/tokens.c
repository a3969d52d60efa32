#include "inspect/inspect.h"

#include "base/ds.h"

void inspect_write_token(Json *j, const Tokenizer *tokenizer, int32_t id) {
    size_t length;
    const char *bytes = tokenizer_token_bytes(tokenizer, id, &length);
    json_write(j, "id: %d", id);
    json_string(json_key(j, "text"), bytes, length);
}

void inspect_write_unseen(Json *j, const ModelInfo *info, Text text) {
    UnseenWord *unseen = NULL;
    char *read = NULL;
    words_unseen(&unseen, &read, info->seen, text, info->text);
    json_write(j, "unseen: [");
    for (size_t i = 0; i < stbds_arrlenu(unseen); i++) {
        json_write(j, "{side: %s, word: %zu", "source", unseen[i].word);
        json_string(json_key(j, "text"), read + unseen[i].start, unseen[i].length);
        json_write(j, "}");
    }
    json_write(j, "]");
    stbds_arrfree(unseen);
    stbds_arrfree(read);
}

size_t inspect_insert(int32_t *ids, double *values, size_t count, size_t most, int32_t id, double value) {
    if (count == most && !(value > values[count - 1])) return count;
    size_t at = count < most ? count++ : count - 1;
    for (; at > 0 && value > values[at - 1]; at--) ids[at] = ids[at - 1], values[at] = values[at - 1];
    ids[at] = id, values[at] = value;
    return count;
}

size_t inspect_candidates(const Observation *o, size_t row, int32_t *best, double *p, size_t most) {
    const size_t V = o->file->params.hyper.vocab;
    size_t count = 0;
    for (size_t v = 0; v < V; v++)
        count = inspect_insert(best, p, count, most, (int32_t)v, (double)o->probabilities[row * V + v]);
    return count;
}
