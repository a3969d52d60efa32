/* What the files of the library (decode/nmt.h) share: models, and what each function does around its work. */
#pragma once

#include <stddef.h>

#include "base/scope.h"
#include "decode/modelfile.h"
#include "decode/nmt.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

typedef struct InfoLine {
    char *key, *text;
} InfoLine;

struct nmt_model {
    Scope *scope;
    ModelFile file;
    Tokenizer *tokenizer;
    InfoLine *info; /* a stb_ds array */
};

/* Runs the body in the scope, with the floating-point mode that the library computes in and the locale "C"; afterwards
 * the thread has its own again. Fills *err, which may be NULL. If the body fails, the scope is emptied. The status is
 * then NMT_NO_MEMORY if memory ran out, else *failure, which the body may set. */
nmt_status call_run(Scope *scope, ScopeBody *body, void *context, const nmt_status *failure, nmt_error *err);

/* The same in a scope for this call alone. */
nmt_status call_alone(ScopeBody *body, void *context, const nmt_status *failure, nmt_error *err);

/* Within a call: runs a function of the program, with the floating-point mode and locale of the program's thread. */
int call_back(int function(void *context, const void *argument), void *context, const void *argument);

/* Fails without a call. */
nmt_status call_refuse(nmt_error *err, nmt_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Copies an options struct (given) onto one that has the defaults (out, of `size` bytes). Both begin with size_t size
 * and int header. Refuses another header, and a longer struct in which something is set that this library lacks. name:
 * what messages call it. */
nmt_status call_options(void *out, const void *given, size_t size, const char *name, nmt_error *err);

/* Copies the defaults (size bytes) into the caller's struct of `room` bytes, and fills the rest of it with zeros. */
void call_defaults(void *out, size_t room, int header, const void *defaults, size_t size);

/* Whether the header is this library's. */
nmt_status call_header(int header, nmt_error *err);

/* Refuses a text without bytes. what: "texts". */
nmt_status call_texts(const nmt_text *texts, size_t count, const char *what, nmt_error *err);

/* The texts as the rest of the program has them, in a fresh array. */
Text *call_copy_texts(const nmt_text *texts, size_t count);
