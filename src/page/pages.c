#include "page/pages.h"

#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/size.h"

const PageFile *page_find(const char *name) {
    for (const PageFile *file = page_files; file->name; file++)
        if (strcmp(file->name, name) == 0) return file;
    return NULL;
}

/* Writes the file NAME + ending, if there is one. */
static void write_part(FileWriter *out, const char *name, const char *ending) {
    char *whole = memory_format("%s%s", name, ending);
    const PageFile *file = page_find(whole);
    if (file) file_write(out, file->bytes, file->size);
    free(whole);
}

void page_write(FileWriter *out, const char *name, const char *data, size_t size) {
    static const char *const marks[] = {"/*CSS*/", "/*JS*/", "/*DATA*/"};
    char *whole = memory_format("%s.html", name);
    const PageFile *page = page_find(whole);
    CHECK(page, "src/page/web/ has the HTML file of every page");
    free(whole);
    const char *text = (const char *)page->bytes; /* a NUL follows it */
    for (;;) {
        const char *next = NULL;
        size_t mark = 0;
        for (size_t i = 0; i < COUNT(marks); i++) {
            const char *at = strstr(text, marks[i]);
            if (at && (!next || at < next)) next = at, mark = i;
        }
        if (!next) break;
        file_write(out, text, (size_t)(next - text));
        if (mark == 0) write_part(out, "style", ".css"), write_part(out, name, ".css");
        if (mark == 1) write_part(out, name, ".js");
        if (mark == 2) file_write(out, data, size);
        text = next + strlen(marks[mark]);
    }
    file_write(out, text, strlen(text));
}
