#include "cli/unseen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/memory.h"
#include "decode/words.h"

enum { WORDS_NAMED = 8, WORD_BYTES = 64 };

/* Adds a word, if it is new here, and its name, if it is one of the first. */
static void add_word(Unseen *u, const UnseenWord *word, const char *bytes) {
    const size_t before = u->words.count;
    if (!u->words.size) u->words = table_create();
    if (table_add(&u->words, (uint64_t)word->sum + 1) < before || before >= WORDS_NAMED) return;
    char shown[WORD_BYTES], *name;
    utf8_show(shown, sizeof shown, bytes, word->length);
    name = memory_format("%s\"%s\"", before > 0 ? ", " : "", shown);
    ds_append(u->named, name, strlen(name));
    free(name);
}

void unseen_look(Unseen *u, const ModelInfo *info, Text text, size_t tokens) {
    UnseenWord *found = NULL;
    char *normalised = NULL;
    words_unseen(&found, &normalised, info->seen, text, info->text);
    for (size_t i = 0; i < stbds_arrlenu(found); i++) add_word(u, &found[i], normalised + found[i].start);
    u->texts++;
    u->with += stbds_arrlenu(found) > 0;
    u->longer += info->longest_source > 0 && tokens > info->longest_source;
    stbds_arrfree(found);
    stbds_arrfree(normalised);
}

void unseen_tell(Unseen *u, const ModelInfo *info, const Command *command, const char *what) {
    const size_t words = u->words.count;
    char more[48] = "", where[96] = "";
    if (words > WORDS_NAMED) snprintf(more, sizeof more, " and %zu more", words - WORDS_NAMED);
    if (u->texts > 1) snprintf(where, sizeof where, " (%zu of %zu %ss have such words)", u->with, u->texts, what);
    if (words > 0)
        options_note(command, "the model never saw %.*s%s in its training%s: %s", (int)stbds_arrlenu(u->named),
                     u->named, more, where,
                     words > 1 ? "their translations are guesses" : "its translation is a guess");
    snprintf(where, sizeof where, "%zu of %zu %ss have", u->longer, u->texts, what);
    if (u->longer > 0)
        options_note(
            command,
            "%s more tokens than the longest sentence of its training (%zu): parts may go wrong or be left out",
            u->texts > 1 ? where : "the text has", info->longest_source);
    stbds_arrfree(u->named);
    table_free(&u->words);
    *u = (Unseen){.texts = 0};
}
