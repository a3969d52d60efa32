/* Groups of reference words (fruits, companies), and what the encoder makes of words in sentences.
 *
 * A group is written NAME=word,word,...[:sentence/sentence/...]. Each word is put into each sentence in the
 * place of the *, and its vectors are the means over these sentences. So the words around it distinguish "apple" the
 * fruit from the company. Without sentences a word is read alone.
 *
 * n: encoder layers. D: width. A word's vector is the mean of its tokens'. Layer 0 is what enters the first layer, the
 * embedding and position; layer l < n what leaves layer l; layer n the encoder's output, after its norm. */
#pragma once

#include "inspect/observe.h"

typedef struct Group {
    char *name, **words, **sentences; /* stb_ds arrays */
} Group;

/* Groups for the shipped corpus, written as above; NULL at the end. */
extern const char *const group_defaults[];

/* Adds a group to *groups, a stb_ds array. */
bool groups_add(Group **groups, const char *text, Error *err);
void groups_free(Group *groups);

/* Whether the model reads two words alike, and the number of groups' words that it reads like this one. */
bool word_same(const Tokenizer *tokenizer, const char *a, const char *b);
size_t groups_with(const Group *groups, const Tokenizer *tokenizer, const char *word);

/* Where a word's tokens are in a sentence: the first place where the word is not part of a longer one. */
typedef struct Mention {
    int32_t *ids; /* stb_ds array, the sentence with </s> */
    size_t first, count;
} Mention;

/* Fails, naming `what` (an option), when the word is not there or the sentence too long. Free ids by stbds_arrfree. */
bool mention_make(Mention *mention, const Observation *o, const char *sentence, const char *word, const char *what,
                  Error *err);

typedef struct References {
    size_t count;      /* words, group after group */
    size_t *group;     /* (count) */
    const char **word; /* (count) */
    double *layers;    /* (count, n + 1, D) */
    double *inputs;    /* (count, n, D) what each layer's attention reads: after the norm, where norm is pre */
    double *embedding; /* (count, D) rows of the encoder's table */
    double *probes;    /* (probe count, n + 1, D) */
} References;

/* Reads the probes and all words of the groups except `but` (NULL: all) in one pass of the encoder. A word that the
 * model reads as `but` is left out, however it is spelt. The groups must outlive the references. Release with
 * references_free. */
bool references_make(References *r, const Observation *o, const Group *groups, const char *but, const Mention *probes,
                     size_t probe_count, Error *err);
void references_free(References *r);
