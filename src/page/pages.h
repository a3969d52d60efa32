/* Self-contained pages, made from the HTML, CSS and JavaScript files in src/page/web/, which the Makefile puts into the
 * program.
 *
 * The page NAME is NAME.html with these marks replaced:
 *
 *     slash-star CSS star-slash     style.css, then NAME.css (if there are such files)
 *     slash-star JS star-slash      NAME.js
 *     slash-star DATA star-slash    the data, which is JSON without a "<" (page/json.h) */
#pragma once

#include <stddef.h>

#include "base/file.h"

typedef struct PageFile {
    const char *name; /* "inspect.html" */
    const unsigned char *bytes;
    size_t size;
} PageFile;

/* All files, then an entry whose name is NULL. The Makefile generates it. */
extern const PageFile page_files[];

/* The file of this name, or NULL. */
const PageFile *page_find(const char *name);

/* Writes the page NAME. That NAME.html is missing is a bug (CHECK). */
void page_write(FileWriter *out, const char *name, const char *data, size_t size);
