/* What the page's JavaScript calls (src/page/web/engine.js): a model that stays open, and a training that runs step by
 * step. The page is one process with one thread, so there is one of each.
 *
 * Texts come as UTF-8 with a NUL, in blocks of web_alloc. Files are in memory; JavaScript puts them there and takes
 * them out. If a function returns 0, it has failed, and the answer is the message; otherwise the answer is what the
 * comment of the function says. The answer lasts until the next call. Where memory runs out, or a CHECK fails, the
 * message is the last line on stderr, and the instance is lost: JavaScript makes another. */
#pragma once

#include <stddef.h>

#define WEB_EXPORT(name) __attribute__((export_name(#name))) name

void *WEB_EXPORT(web_alloc)(size_t size); /* NULL: no room */
void WEB_EXPORT(web_free)(void *block);

const char *WEB_EXPORT(web_answer)(void);
size_t WEB_EXPORT(web_answer_size)(void); /* bytes */

/* Opens a model file, in place of the one that was open; if it cannot be opened, that one stays. */
int WEB_EXPORT(web_open)(const char *path);

/* knock: names of what the model does without, with commas between them; "": nothing. */

/* {text, source: [words], words: [{text, source, shares: [a share for each source word]}], log_probability, cut,
 * unseen: as in ./inspect}; `source` of a word is the number of the source word with the largest share. */
int WEB_EXPORT(web_translate)(const char *text, const char *knock);

/* The text with the spelling that the open model reads and says (text/normalise.h). */
int WEB_EXPORT(web_normalise)(const char *text);

/* The JSON of ./inspect (src/inspect/FORMAT.md). compare: a sentence in which the word has another meaning; it is left
 * out if it lacks the word; "": none. */
int WEB_EXPORT(web_inspect)(const char *text, const char *compare, const char *knock);

/* Begins a training from nothing, as `./train CONFIG OVERRIDE ...` does: a path, and overrides with newlines between
 * them. Answers {parameters, vocabulary, pairs, last_step, model: path of the file that it will write, log: path,
 * film: path}. */
int WEB_EXPORT(web_train)(const char *config, const char *overrides);

/* One more step. Answers {step, over, seconds}; at the end of the run the model is in its file. The log says the rest.
 */
int WEB_EXPORT(web_step)(void);

/* Opens the model as it is at this moment of the training, and leaves its file at `path`. */
int WEB_EXPORT(web_look)(const char *path);

/* The SHA-256 of bytes, in hexadecimal. */
int WEB_EXPORT(web_sha256)(const unsigned char *bytes, size_t size);
