#include "base/error.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/plain.h"

/* Copies a text that is too long without its middle: most messages begin with a path, and end with the reason. */
static void error_shorten(Error *err, const char *text, size_t length) {
    enum { FRONT = sizeof err->text / 4, BACK = sizeof err->text - FRONT - sizeof " ... " };
    size_t front = FRONT, back = length - BACK;
    while (front > 0 && (text[front] & 0xC0) == 0x80) front--; /* not within a character */
    while (back < length && (text[back] & 0xC0) == 0x80) back++;
    snprintf(err->text, sizeof err->text, "%.*s ... %s", (int)front, text, text + back);
}

bool error_set_list(Error *err, const char *format, va_list arguments) {
    Error fresh; /* because an argument may be err->text itself */
    va_list again;
    va_copy(again, arguments);
    const int length = vsnprintf(fresh.text, sizeof fresh.text, format, arguments);
    char *whole = NULL;
    if (length < 0)
        snprintf(fresh.text, sizeof fresh.text, "%s", format);
    else if (length >= (int)sizeof fresh.text && vasprintf(&whole, format, again) >= 0) {
        error_shorten(&fresh, whole, (size_t)length);
        free(whole);
    }
    va_end(again);
    plain_clean(fresh.text);
    *err = fresh;
    return false;
}

bool error_set(Error *err, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    error_set_list(err, format, arguments);
    va_end(arguments);
    return false;
}
