/* Pages: the HTML, CSS and JavaScript files of src/page/web/, which the Makefile puts into the program, and how a
 * self-contained page is made of them.
 *
 * The page NAME is NAME.html with these marks replaced:
 *
 *     slash-star CSS star-slash     style.css, then NAME.css (where there are such files)
 *     slash-star JS star-slash      NAME.js
 *     slash-star DATA star-slash    the data, which is JSON without a "<" (page/json.h) */
#ifndef NMT_PAGE_PAGES_H
#define NMT_PAGE_PAGES_H

#include <stddef.h>

#include "base/file.h"

typedef struct PageFile {
    const char *name; /* "inspect.html" */
    const unsigned char *bytes;
    size_t size;
} PageFile;

/* Made by the Makefile: all files, then one whose name is NULL. */
extern const PageFile page_files[];

/* The file of this name, or NULL. */
const PageFile *page_find(const char *name);

/* Writes the page; its HTML file is there, or it is a bug. */
void page_write(FileWriter *out, const char *name, const char *data, size_t size);

#endif
