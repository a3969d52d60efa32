/* Any bytes as a corpus, a TSV or two files side by side: refused, or lines of UTF-8 with text on both sides, the same
 * ones however many are asked for at a time; and a tokenizer learnt from them writes them again. Four bytes say how. */
#include "base/ds.h"
#include "data/corpus.h"
#include "fuzz.h"
#include "text/bpe_train.h"
#include "text/tokenizer.h"
#include "text/utf8.h"

static void check_text(Text text) {
    CHECK(text.length > 0, "a side has text");
    for (size_t at = 0; at < text.length;) {
        uint32_t code;
        at += utf8_decode(&code, text.bytes + at, text.length - at);
        CHECK(code < UTF8_BAD && code != 0 && code != '\n' && code != '\t', "a side is UTF-8 without TAB and NUL");
    }
}

static void check_corpus(const Corpus *corpus) {
    for (size_t line = 0; line < corpus->count; line++) {
        Text *targets = NULL;
        corpus_targets(corpus, line, &targets);
        CHECK(stbds_arrlenu(targets) > 0, "a line has a target");
        stbds_arrfree(targets);
        if (corpus->lines[line].flawed) continue;
        check_text(corpus_source(corpus, line));
        check_text(corpus_target(corpus, line));
    }
}

/* Appends the first columns of every line to *text, an stb_ds array, `most` lines at a time. */
static bool read_all(CorpusReader *reader, size_t most, char **text, Error *err) {
    Corpus block = {0};
    CorpusReport report = {0};
    size_t usable = 0, left_out = 0;
    bool ok;
    while ((ok = corpus_next(reader, &block, most, &report, err)) && block.count > 0) {
        CHECK(block.count <= most, "as many lines as asked for");
        check_corpus(&block);
        for (size_t line = 0; line < block.count; line++) usable += !block.lines[line].flawed;
        for (size_t line = 0; line < block.count; line++) {
            const Text sides[2] = {corpus_source(&block, line), corpus_target(&block, line)};
            for (int side = 0; side < 2; side++) {
                ds_append(*text, sides[side].bytes, sides[side].length);
                stbds_arrput(*text, '\n');
            }
        }
    }
    for (int flaw = 0; flaw < CORPUS_FLAWS; flaw++) left_out += report.count[flaw];
    if (ok) CHECK(report.lines == usable + left_out, "every line is used or left out for one reason");
    char *told = corpus_tell(reader, &report, "data.train");
    CHECK((*told != 0) == (left_out + report.returns > 0), "what was left out is reported");
    free(told);
    corpus_free(&block);
    return ok;
}

static void check_tokenizer(const char *text) {
    Error err;
    const Normalisation how = {.apostrophes = true, .spaces = true, .nfc = true, .invisible = true};
    BpeTrainer *trainer = bpe_train_create(how);
    bpe_train_add(trainer, text, stbds_arrlenu(text));
    uint32_t *merges = bpe_train_finish(trainer, TOKEN_FIRST_MERGE + 40);
    Tokenizer *tokenizer = tokenizer_create(merges, stbds_arrlenu(merges) / 2, how, &err);
    CHECK(tokenizer, "merges that were learnt are good");
    int32_t *ids = NULL;
    char *normal = NULL, *back = NULL;
    normalise_text(&normal, text, stbds_arrlenu(text), how);
    tokenizer_encode(tokenizer, &ids, text, stbds_arrlenu(text));
    tokenizer_decode(tokenizer, &back, ids, stbds_arrlenu(ids));
    CHECK(stbds_arrlenu(back) == stbds_arrlenu(normal) && memcmp(back, normal, stbds_arrlenu(normal)) == 0,
          "decoding gives the normalised text");
    stbds_arrfree(ids);
    stbds_arrfree(normal);
    stbds_arrfree(back);
    stbds_arrfree(merges);
    tokenizer_free(tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 4) return 0;
    const CorpusRules rules = {.swap = data[0] & 1,
                               .unique = data[0] & 2,
                               .keep = data[0] & 16,
                               .max_length = 2 + data[1],
                               .max_ratio = data[0] & 4 ? 2 : 0};
    const size_t most = 1 + data[2] % 8, rest = size - 4, first = data[0] & 8 ? rest * data[3] / 255 : rest;
    int descriptors[2] = {-1, -1};
    char list[160];
    Error err;
    snprintf(list, sizeof list, "%s", fuzz_file(&descriptors[0], data + 4, first));
    if (first < rest)
        snprintf(list + strlen(list), 80, "+%s", fuzz_file(&descriptors[1], data + 4 + first, rest - first));
    CorpusReader *reader = corpus_open(list, NULL, rules, &err);
    CHECK(reader, err.text);
    char *some = NULL, *all = NULL;
    if (read_all(reader, most, &some, &err)) {
        CHECK(read_all(reader, UINT32_MAX, &all, &err), "what could be read once can be read again");
        CHECK(stbds_arrlenu(some) == stbds_arrlenu(all) && memcmp(some, all, stbds_arrlenu(all)) == 0,
              "the same lines in blocks of any size");
        check_tokenizer(all);
    } else {
        fuzz_message(err.text);
    }
    stbds_arrfree(some);
    stbds_arrfree(all);
    corpus_close(reader);
    for (int i = 0; i < 2; i++)
        if (descriptors[i] >= 0) close(descriptors[i]);
    return 0;
}
