/* Reading a parallel corpus: a text file, one pair a line, `source TAB target`.
 *
 * Further columns are further accepted translations: scoring uses them, training only the first. Lines end in LF or
 * CRLF, the last one need not end; a byte order mark at the start is skipped; bytes that are not UTF-8 are kept. The
 * file is read into memory, so that it may change later, and texts point into that copy. */
#ifndef NMT_DATA_CORPUS_H
#define NMT_DATA_CORPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"

enum { CORPUS_LONGEST_LINE = 1 << 20 }; /* bytes */

/* Some bytes of the file, without a NUL at the end. */
typedef struct Text {
    const char *bytes;
    size_t length;
} Text;

/* Where the two parts of a line are: the source, a TAB, the targets with TABs between them. */
typedef struct CorpusLine {
    uint64_t start;          /* of the source, in the file */
    uint32_t source_length;  /* bytes */
    uint32_t targets_length; /* bytes, the TABs included */
} CorpusLine;

typedef struct Corpus {
    FileMap file;
    CorpusLine *lines; /* (count), a stb_ds array */
    size_t count;      /* at least 1, at most UINT32_MAX */
} Corpus;

/* Fails, naming file and line, at a missing or empty file, a line without TAB, a column that is empty or blank, a NUL
 * byte (not a text file), a line above CORPUS_LONGEST_LINE. Release with corpus_free. */
bool corpus_read(Corpus *corpus, const char *path, Error *err);
void corpus_free(Corpus *corpus);

/* Line 0 .. count-1; target 0 .. corpus_targets-1. */
Text corpus_source(const Corpus *corpus, size_t line);
size_t corpus_targets(const Corpus *corpus, size_t line); /* at least 1 */
Text corpus_target(const Corpus *corpus, size_t line, size_t target);

#endif
