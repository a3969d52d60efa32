/* Translation of a batch of source sentences: greedy and beam search, over the model's incremental decoder.
 *
 * The search (k = beam). A sentence has at most k hypotheses. At each position every unfinished one is continued by
 * every token except <s>. Of all these continuations, k minus the number of finished hypotheses are kept: those with
 * the highest log p = sum over tokens of log p(token | source, tokens before). One that ends in </s> has finished. So
 * the beam narrows as hypotheses finish, and beam 1 is greedy search. Of equal continuations, that of the better
 * hypothesis comes first, and for one hypothesis that with the lower token.
 *
 * Finished hypotheses are compared by   score = log p / n^alpha,   n tokens, </s> included (alpha = 0: log p).
 *
 * A sentence's search ends when
 *   - no hypothesis is unfinished (k have finished), or
 *   - no unfinished one can become one of the n_best: log p only falls, and n grows up to the limit, so
 *     log p / limit^alpha is the most it can attain; the n_best-th finished score is at least that; or
 *   - the limit is reached, which cuts the unfinished ones. They are worth less than any that has finished: they count
 *     only where fewer than n_best have; or
 *   - the model's numbers are not finite: the same, with log p = -INFINITY.
 *
 * Options forbid continuations (a token that would repeat an n-gram, </s> too early, what is not the wanted prefix);
 * what is left keeps the probability the model gives it. Sampling, with beam 1, draws each token instead of taking the
 * best: among the top_k most likely that are allowed, with probabilities proportional to p^(1 / temperature). The draw
 * is a function of the seed, of the place of the sentence (SearchPlace) and of the position.
 *
 * Sentences do not see each other: bits of a translation depend neither on the batch nor on the number of threads. A
 * sentence whose search has ended is not part of later steps. */
#pragma once

#include "decode/search_options.h"
#include "model/pass.h"
#include "text/tokenizer.h"

typedef struct Translation {
    const int32_t *ids;     /* (length) without </s> */
    size_t length;          /* less than the limit; equal where the limit cut it */
    double log_probability; /* that of </s> included; -INFINITY: the model's numbers were not finite. NAN:
                               SearchOptions.unscored */
    double score;
    bool finished; /* ended by </s>; else cut by the limit or, if it is shorter, by options that forbid every token */
} Translation;

/* What a translation shows for a character of the model's: a space for a line end, U+FFFD for a control character and
 * for bytes that are no character. */
uint32_t search_shown(uint32_t code);

/* Appends the text of a translation to *text, a stb_ds array, as one line of UTF-8. A model can say anything: line ends
 * become spaces. Bytes that are no character, such as the first half of one that the limit cut, become U+FFFD; so do
 * control characters except TAB, which a terminal would obey. */
void search_text(const Tokenizer *tokenizer, char **text, const Translation *translation);

typedef struct Search Search;

/* The options have passed search_check for this model. The parameters, their block w and the pool must outlive it; w
 * must stay as it is. Free with search_free. */
Search *search_create(const Parameters *params, const real *w, Pool *pool, SearchOptions options);
void search_free(Search *search); /* NULL is fine */

/* From now on, probabilities are those of one more model together with those before (decode/mixture.h). It has the same
 * vocabulary. If its max_length is smaller, it becomes the limit for all models, and the options must have passed
 * search_check with it. At most MIXTURE_MOST models. */
void search_add(Search *search, const Parameters *params, const real *w);

/* From now on the place of sentence b of a run is place[b]; NULL (as at first): it is the first part of text b. */
void search_places(Search *search, const SearchPlace *place);

/* From now on, if n_best is above 1, only the best of the hypotheses with the same text is kept: a text may be cut into
 * tokens in several ways. */
void search_texts(Search *search, const Tokenizer *tokenizer);

/* A continuation that was considered at a position. */
typedef struct SearchConsidered {
    int32_t token;
    size_t parent;          /* the number, from 0 on, of the hypothesis it continues, among those of the position before
                               that were kept and have not finished */
    double log_probability; /* the sum so far */
    bool kept;              /* it is continued, or has finished (token is </s>) */
} SearchConsidered;

/* Called for each sentence b and position with the best 2 k continuations (or fewer), the best first: those kept and
 * the next best. */
typedef void SearchWatch(void *context, size_t b, size_t position, const SearchConsidered *list, size_t count);

/* From now on runs call `watch`; NULL (as at first): they do not. Translations have the same bits either way. */
void search_watch(Search *search, SearchWatch *watch, void *context);

/* Called when the unfinished translations of sentence b have far more tokens than its source warrants: 1000, and ten
 * times as many as the source. It is called once for each such sentence of a run. NULL (as at first): it is not. */
typedef void SearchLong(void *context, size_t b, size_t tokens);
void search_long(Search *search, SearchLong *on_long, void *context);

/* Translates: out (B), the best of each sentence. Sentences have 1 to max_length tokens, </s> included. The results
 * belong to the Search and live until its next run. Memory is taken as the translations grow, and kept for the next
 * run; fails when there is no more for the model's numbers, kept keys and values among them. Without memory for the
 * lists of hypotheses, which are smaller, it fails as memory_new does (base/memory.h). */
bool search_run(Search *search, Packed source, Translation *out, Error *err);

/* The hypotheses of sentence b of the last run, the best first: those that finished, and behind them, where there are
 * fewer than n_best, those that were cut (where none has finished: all that were cut). Only the first n_best of them
 * are the result of the search; those behind are what it met on the way. At least one. */
const Translation *search_hypotheses(const Search *search, size_t b, size_t *count);
