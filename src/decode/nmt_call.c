#include "decode/nmt_internal.h"

#include <fenv.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/version.h"
#include "math/cpu.h"

/* The beginning of every options struct. */
typedef struct Opening {
    size_t size;
    int header;
} Opening;

enum { LARGEST = 1 << 16 }; /* bytes of an options struct: more is one that was not initialised */

/* What a thread has that a call changes. */
typedef struct Mode {
    fenv_t floats;
    locale_t locale;
} Mode;

static _Thread_local const Mode *callers; /* of whoever called */

static void mode_save(Mode *mode) {
    fegetenv(&mode->floats);
    mode->locale = uselocale((locale_t)0);
}

static void mode_use(const Mode *mode) {
    fesetenv(&mode->floats);
    uselocale(mode->locale);
}

static nmt_status report(nmt_error *err, nmt_status status, const char *text) {
    if (!err) return status;
    err->status = status;
    snprintf(err->message, sizeof err->message, "%s", status == NMT_OK ? "" : text);
    return status;
}

nmt_status call_refuse(nmt_error *err, nmt_status status, const char *format, ...) {
    Error text;
    va_list arguments;
    va_start(arguments, format);
    error_set_list(&text, format, arguments);
    va_end(arguments);
    return report(err, status, text.text);
}

nmt_status call_run(Scope *scope, ScopeBody *body, void *context, const nmt_status *failure, nmt_error *err) {
    Error why;
    Mode mode;
    const Mode *outer = callers;
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* in which numbers have a decimal point */
    if (!plain) return call_refuse(err, NMT_NO_MEMORY, "out of memory");
    mode_save(&mode);
    callers = &mode;
    fesetenv(FE_DFL_ENV);
    uselocale(plain);
    cpu_flush_denormals();
    const ScopeEnd end = scope_run(scope, body, context, &why);
    mode_use(&mode);
    freelocale(plain);
    callers = outer;
    switch (end) {
    case SCOPE_DONE: return report(err, NMT_OK, "");
    case SCOPE_NO_MEMORY: return report(err, NMT_NO_MEMORY, why.text);
    case SCOPE_BUG: return report(err, NMT_FAILED, why.text);
    case SCOPE_FAILED: break;
    }
    return report(err, *failure, why.text);
}

nmt_status call_alone(ScopeBody *body, void *context, const nmt_status *failure, nmt_error *err) {
    Scope *scope = scope_create();
    if (!scope) return call_refuse(err, NMT_NO_MEMORY, "out of memory");
    const nmt_status status = call_run(scope, body, context, failure, err);
    scope_free(scope);
    return status;
}

int call_back(int function(void *context, const void *argument), void *context, const void *argument) {
    Mode own;
    mode_save(&own);
    mode_use(callers);
    const int answer = function(context, argument);
    mode_use(&own);
    return answer;
}

nmt_status call_header(int header, nmt_error *err) {
    if (header == NMT_HEADER) return NMT_OK;
    return call_refuse(err, NMT_WRONG_HEADER,
                       "header: expected NMT_HEADER %d of nmt.c %s, found %d; compile the program with this nmt.h",
                       NMT_HEADER, NMT_VERSION, header);
}

nmt_status call_options(void *out, const void *given, size_t size, const char *name, nmt_error *err) {
    Opening o;
    if (!given) return NMT_OK;
    memcpy(&o, given, sizeof o);
    if (o.size < sizeof o || o.size > LARGEST)
        return call_refuse(err, NMT_WRONG_ARGUMENT, "%s: expected options that %s_init has filled in, found size %zu",
                           name, name, o.size);
    const nmt_status status = call_header(o.header, err);
    if (status != NMT_OK) return status;
    for (size_t i = size; i < o.size; i++)
        if (((const unsigned char *)given)[i] != 0)
            return call_refuse(err, NMT_WRONG_HEADER,
                               "%s: expected %zu bytes, as nmt.c %s has them, found an option set behind them", name,
                               size, NMT_VERSION);
    memcpy(out, given, o.size < size ? o.size : size);
    return NMT_OK;
}

void call_defaults(void *out, size_t room, int header, const void *defaults, size_t size) {
    const Opening o = {.size = room, .header = header};
    if (!out || room < sizeof o) return;
    memset(out, 0, room);
    memcpy(out, defaults, room < size ? room : size);
    memcpy(out, &o.size, sizeof o.size);
    memcpy((char *)out + offsetof(Opening, header), &o.header, sizeof o.header);
}

nmt_status call_texts(const nmt_text *texts, size_t count, const char *what, nmt_error *err) {
    if (!texts && count > 0)
        return call_refuse(err, NMT_WRONG_ARGUMENT, "%s: expected %zu texts, found NULL", what, count);
    for (size_t i = 0; i < count; i++)
        if (!texts[i].bytes && texts[i].length > 0)
            return call_refuse(err, NMT_WRONG_ARGUMENT, "%s[%zu]: expected %zu bytes, found NULL", what, i,
                               texts[i].length);
    return NMT_OK;
}

Text *call_copy_texts(const nmt_text *texts, size_t count) {
    Text *copy = memory_new(count, sizeof *copy);
    for (size_t i = 0; i < count; i++) copy[i] = (Text){texts[i].length > 0 ? texts[i].bytes : "", texts[i].length};
    return copy;
}
