/* The data of a run: its tokenizer, the training pairs, and the validation sentences.
 *
 * run.dir/train.cache has the tokens of the training pairs. If it was made from this corpus with these settings, it is
 * mapped; otherwise it is written again. */
#pragma once

#include <stdbool.h>

#include "base/error.h"
#include "base/pool.h"
#include "data/corpus.h"
#include "data/pairs.h"
#include "decode/modelfile.h"
#include "text/tokenizer.h"
#include "train/config.h"

typedef struct Corpora {
    Tokenizer *tokenizer;
    PairSet train, valid;
    Corpus valid_lines;      /* the text of the lines to translate: those with a target, flawed or not */
    uint64_t valid_checksum; /* of that text */
    uint32_t *words;         /* (word_count) in the sources of the training pairs, and of those that train.init has
                                behind it (decode/words.h); NULL: too many, or not known */
    size_t word_count;
    char *origin;          /* "29000 pairs: a.tsv 0123456789abcdef": the text, with the checksum of each file */
    char *weights;         /* what an epoch takes of each item of data.train, in lines of text; "": it has no weights */
    size_t merges_missing; /* how many fewer merges the corpus gave than asked for */
    char *flaws;           /* what was left out of the corpora, in lines of text; "": nothing */
} Corpora;

/* The keys under which last.gguf has the checksums of the training pairs (PairSet) and of the validation text. */
#define CORPORA_KEY       "nmt.train.corpus"
#define CORPORA_VALID_KEY "nmt.train.valid"

/* Reads the corpora. The tokenizer is learned from the training lines, or that of train.init, or that of last.gguf
 * (`last`; NULL: a fresh run), whose training pairs must be the same; or it is `tokenizer` (NULL: none), which becomes
 * the corpora's. Fails with everything freed. Release with corpora_free. */
bool corpora_read(Corpora *corpora, const Config *config, Pool *pool, const ModelFile *last, Tokenizer *tokenizer,
                  Error *err);
void corpora_free(Corpora *corpora);
