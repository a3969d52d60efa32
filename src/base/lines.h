/* Lines from a file descriptor, as they come: a line can be answered as soon as it is there, and lines that came
 * together can be taken together. */
#ifndef NMT_BASE_LINES_H
#define NMT_BASE_LINES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum { LINES_LONGEST = 1 << 24 }; /* bytes; a longer line is an error */

typedef struct LineReader LineReader;

/* name: what messages call the input. Does not close the descriptor. Free with lines_free. */
LineReader *lines_open(int descriptor, const char *name);
void lines_free(LineReader *reader);

typedef enum LinesNext { LINES_LINE, LINES_END, LINES_FAILED } LinesNext;

/* The next line without its LF or CRLF, waiting for it; the last one need not end. The bytes (any, NUL too; none after
 * them) live until a call that has to wait: while lines_ready is true, earlier lines stay. */
LinesNext lines_next(LineReader *reader, const char **line, size_t *length, Error *err);

/* Whether a whole line is there already, so that lines_next will neither wait nor move earlier ones. */
bool lines_ready(const LineReader *reader);

/* How many lines have been taken. */
size_t lines_count(const LineReader *reader);

/* Bytes of the UTF-8 byte order mark that a text begins with: 3, or 0 when there is none. */
size_t lines_mark(const char *text, size_t length);

#endif
