/* Translator: text in, text out. What ./translate and the library use.
 *
 * It normalises and tokenises each text, sorts the texts by length into batches, searches (decode/search.h), and gives
 * the results in the order of the texts. The translation of a text has the same bits whatever else it is translated
 * with, unless it is sampled.
 *
 * A text with more tokens than the model takes is cut into parts. It is cut behind each . ! or ? that ends a word. A
 * part that is still too long is cut at the last white space that fits, and a word that is too long is cut within. The
 * parts are translated one by one, and their translations joined by spaces. White space behind the last word is no part
 * of its own; where it does not fit into the last part, it is left out.
 *
 * ./translate and the library call cpu_check (math/cpu.h) before they make the pool. It refuses an NMT_ISA that the CPU
 * does not have, and makes this thread and those of the pool treat denormal numbers as 0. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/pool.h"
#include "decode/search.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

/* Where a word of a translation comes from (decode/align.h): its shares of `count` source words, of which the first has
 * the number `first`: all words of the text, or those of its part. Their sum may be less than 1; the rest went to </s>.
 * Words are separated by white space, and numbered from 0 in the normalised text. */
typedef struct TranslatorWord {
    const real *shares;           /* (count) */
    size_t first, count, largest; /* largest: the number of the word with the largest share, the first of equals */
} TranslatorWord;

typedef struct TranslatorHypothesis {
    const char *bytes; /* the translation: one line of UTF-8, whatever the model said; no NUL at the end */
    size_t length;
    double log_probability, score; /* as in Translation; sums over the parts. -INFINITY: there is no translation, as the
                                      model's numbers are not finite; the text is empty. NAN: SearchOptions.unscored */
    const TranslatorWord *words;   /* (word_count), when alignment is on */
    size_t word_count;
    size_t cut; /* tokens after which a part of it, the first of such parts, was cut off; 0: none was */
    bool stuck; /* it was cut because options forbid every further token; else because of the limit (SearchOptions) */
    size_t tokens; /* of all parts, with the </s> of those that were not cut; 0 where there is no translation */
} TranslatorHypothesis;

/* All it points to lives until the next run. */
typedef struct TranslatorResult {
    const char *bytes; /* the best translation, no NUL at the end */
    size_t length;
    const TranslatorHypothesis *hypotheses; /* (count) the n_best or fewer, no text twice, the best first, but those
                                               that were cut behind the others; 1 at least */
    size_t count;
    size_t source_tokens; /* without </s> */
    size_t source_words;  /* when alignment is on */
    size_t parts;         /* 0: no tokens; more than 1: too many for the model, or several sentences */
} TranslatorResult;

typedef struct Translator Translator;

/* All arguments must outlive it, and w stay as it is; options have passed search_check. Free with translator_free. */
Translator *translator_create(const Parameters *params, const real *w, const Tokenizer *tokenizer, Pool *pool,
                              SearchOptions options);
void translator_free(Translator *translator); /* NULL is fine */

/* From now on, probabilities are those of one more model together with those before (search_add). Alignments are those
 * of the first. */
void translator_add(Translator *translator, const Parameters *params, const real *w);

/* From now on each sentence of a text is a part, even if the model takes the whole text. */
void translator_sentences(Translator *translator);

/* From now on results have alignments. */
void translator_align(Translator *translator);

/* Called while a text is translated whose translation has become far longer than it warrants (search_long): the number
 * of the text in this run, its tokens so far, and the limit. */
typedef void TranslatorLong(void *context, size_t text, size_t tokens, size_t limit);
void translator_long(Translator *translator, TranslatorLong *on_long, void *context);

/* Sampling numbers the texts of all runs together, as if so many had been translated before the next run. */
void translator_count_from(Translator *translator, uint64_t texts);

/* Translates count texts into results (count). A text without tokens (empty, or blank where spaces are normalised)
 * gives an empty translation. Fails when there is no memory for a large block; without memory for a small one it
 * fails as memory_new does (base/memory.h). */
bool translator_run(Translator *translator, const Text *texts, size_t count, TranslatorResult *results, Error *err);
