#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Makes a message one printable line, since text from files and arguments may hold anything, even terminal commands.
 * Bytes of UTF-8 stay, except the control characters U+0080 to U+009F. If the message was cut in the middle of a
 * character, its first bytes are removed. */
static void error_clean(char *text, bool cut) {
    unsigned char *bytes = (unsigned char *)text;
    size_t length = strlen(text);
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == 0xC2 && bytes[i + 1] >= 0x80 && bytes[i + 1] < 0xA0) bytes[i] = bytes[i + 1] = '?';
        if (bytes[i] < 0x20 || bytes[i] == 0x7F) bytes[i] = '?';
    }
    if (!cut) return;
    while (length > 0 && (bytes[length - 1] & 0xC0) == 0x80) length--;
    if (length > 0 && bytes[length - 1] >= 0xC0) length--;
    bytes[length] = 0;
}

bool error_set(Error *err, const char *format, ...) {
    Error fresh; /* because an argument may be err->text itself */
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(fresh.text, sizeof fresh.text, format, arguments);
    va_end(arguments);
    if (length < 0) snprintf(fresh.text, sizeof fresh.text, "%s", format);
    error_clean(fresh.text, length >= (int)sizeof fresh.text);
    *err = fresh;
    return false;
}
