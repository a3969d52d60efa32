#include "page/pages.h"

#include <string.h>

#include "base/check.h"

static const PageFile *find(const char *name, size_t length) {
    for (const PageFile *file = page_files; file->name; file++)
        if (strlen(file->name) == length && memcmp(file->name, name, length) == 0) return file;
    return NULL;
}

const PageFile *page_find(const char *name) { return find(name, strlen(name)); }

static void write_file(FileWriter *out, const PageFile *file, const char *data, size_t size) {
    static const char include_mark[] = "/*include ", data_mark[] = "/*data*/", end[] = "*/";
    CHECK(file, "src/page/web/ has every page and every file that a page includes");
    const char *text = (const char *)file->bytes, *done = text; /* a NUL follows it */
    while ((text = strstr(text, "/*"))) {
        if (strncmp(text, data_mark, strlen(data_mark)) == 0) {
            file_write(out, done, (size_t)(text - done));
            file_write(out, data, size);
            done = text += strlen(data_mark);
        } else if (strncmp(text, include_mark, strlen(include_mark)) == 0) {
            const char *name = text + strlen(include_mark), *stop = strstr(name, end);
            CHECK(stop, "a comment ends");
            file_write(out, done, (size_t)(text - done));
            write_file(out, find(name, (size_t)(stop - name)), data, size);
            done = text = stop + strlen(end);
        } else {
            text += strlen("/*");
        }
    }
    file_write(out, done, strlen(done));
}

void page_write(FileWriter *out, const char *name, const char *data, size_t size) {
    write_file(out, page_find(name), data, size);
}
