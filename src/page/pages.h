/* Self-contained pages, made from the HTML, CSS and JavaScript files in src/page/web/, which the Makefile puts into the
 * program.
 *
 * A page is an HTML file in which two marks are replaced, also in the files that it includes:
 *
 *     slash-star include FILE star-slash    the file of that name, as it is
 *     slash-star data star-slash            the data, which is JSON without a "<" (page/json.h) */
#pragma once

#include <stddef.h>

#include "base/file_write.h"

typedef struct PageFile {
    const char *name; /* "inspect.html" */
    const unsigned char *bytes;
    size_t size;
} PageFile;

/* All files, then an entry whose name is NULL. The Makefile generates it. */
extern const PageFile page_files[];

/* The file of this name, or NULL. */
const PageFile *page_find(const char *name);

/* Writes the page `name` ("inspect.html"). A file that is missing is a bug (CHECK). */
void page_write(FileWriter *out, const char *name, const char *data, size_t size);
