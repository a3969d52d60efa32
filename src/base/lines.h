/* Lines from a file descriptor, as they arrive: a line can be answered at once, and lines that arrived together can be
 * processed together. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { LINES_LONGEST = 1 << 24 }; /* bytes */

typedef struct LineReader LineReader;

/* name: what messages call the input. The descriptor remains the caller's to close. Free with lines_free. */
LineReader *lines_open(int descriptor, const char *name);
void lines_free(LineReader *reader);

typedef enum LinesNext { LINES_LINE, LINES_LONG, LINES_END, LINES_FAILED } LinesNext;

/* Waits for the next line, and gives it without its LF or CRLF, which the last line may lack. The first line comes
 * without a byte order mark. If the input (or its first 64 KiB) has CRs and no LF, lines end in CR, as old Macs wrote
 * them. The bytes may have any values, NUL too, and no NUL follows them. They stay valid until a call that has to wait:
 * as long as lines_ready is true, lines_next moves no earlier line. LINES_LONG: a line of more than LINES_LONGEST bytes
 * was passed over, and err says so. Fails when the input begins like something other than UTF-8 text. */
LinesNext lines_next(LineReader *reader, const char **line, size_t *length, Error *err);

/* Whether a whole line has already arrived, so that lines_next need not wait. */
bool lines_ready(const LineReader *reader);

/* How many lines have been taken. */
size_t lines_count(const LineReader *reader);

/* Bytes of the UTF-8 byte order mark that a text begins with: 3, or 0 when there is none. */
size_t lines_mark(const char *text, size_t length);

/* What begins with these bytes, if it is clearly no UTF-8 text, and how to make text of it: "gzip data (zcat unpacks
 * it)". NULL when it may be text. */
const char *lines_foreign(const char *bytes, size_t size);
