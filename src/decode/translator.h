/* Translator: text in, text out. What a program that embeds a model needs.
 *
 * It normalises and tokenises each text, sorts the texts by length into batches, searches (decode/decode.h), and gives
 * the results in the order of the texts. The translation of a text has the same bits whatever else it is translated
 * with. */
#ifndef NMT_DECODE_TRANSLATOR_H
#define NMT_DECODE_TRANSLATOR_H

#include <stdbool.h>
#include <stddef.h>

#include "base/pool.h"
#include "decode/decode.h"
#include "model/modelfile.h"
#include "text/tokenizer.h"

typedef struct TranslatorText {
    const char *bytes; /* no NUL at the end */
    size_t length;
} TranslatorText;

typedef struct TranslatorResult {
    const char *bytes; /* the translation, no NUL at the end; it lives until the next run */
    size_t length;
    size_t source_tokens; /* without </s> */
    bool too_long;        /* more source tokens than the model takes: not translated, and the translation is empty */
} TranslatorResult;

typedef struct Translator Translator;

/* All arguments must outlive it; options have passed decode_check. Free with translator_free. */
Translator *translator_create(const Parameters *params, const real *w, const Tokenizer *tokenizer, Pool *pool,
                              DecodeOptions options);
void translator_free(Translator *translator); /* NULL is fine */

/* Translates count texts into results (count). A text without tokens (empty, or blank where spaces are normalised)
 * gives an empty translation. Fails when there is no memory. */
bool translator_run(Translator *translator, const TranslatorText *texts, size_t count, TranslatorResult *results,
                    Error *err);

/* A tokenizer and search options as a model file has them. */
Tokenizer *translator_tokenizer(const ModelFile *file, Error *err);
DecodeOptions translator_options(const ModelFile *file);

#endif
