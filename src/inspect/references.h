/* Groups of reference words (fruits, companies), and what the encoder makes of words in sentences.
 *
 * A group is written NAME=word,word,...[:sentence/sentence/...]. Each word is put into each sentence in the
 * place of the *, and its vectors are the means over these sentences. So the words around it distinguish "apple" the
 * fruit from the company. Without sentences a word is read alone.
 *
 * Groups come in pairs, and a word is followed between the two groups of a pair. A word with two meanings is in both.
 *
 * n: encoder layers. D: width. A word's vector is the mean of its tokens'. Layer 0 is its embedding, scaled, without
 * the position: it is the same in every sentence. Layer l is what leaves layer l, before the encoder's final norm. */
#pragma once

#include "inspect/observe.h"

typedef struct Group {
    char *name, **words, **sentences; /* stb_ds arrays */
} Group;

/* Adds a group to *groups, a stb_ds array. */
bool groups_add(Group **groups, const char *text, Error *err);

/* Groups for the shipped corpus, as a fresh stb_ds array. Sentences that are too long for the model are left out, and
 * so is a pair of which one has none left; there may be no group at all. */
Group *groups_default(const Observation *o);
void groups_free(Group *groups);

/* Whether the model reads two words alike; whether a group has a word; how many groups have it. */
bool word_same(const Tokenizer *tokenizer, const char *a, const char *b);
bool group_has(const Group *group, const Tokenizer *tokenizer, const char *word);
size_t groups_with(const Group *groups, const Tokenizer *tokenizer, const char *word);

/* The two groups between which a word is followed, in their order: the first two that have it; else the one that has
 * it and the other of its pair; else the first two. There are two groups at least. */
typedef struct GroupPair {
    size_t from, to;
} GroupPair;
GroupPair groups_pair(const Group *groups, const Tokenizer *tokenizer, const char *word);

/* Where a word's tokens are in a sentence: the first place where the word is not part of a longer one. */
typedef struct Mention {
    int32_t *ids; /* stb_ds array, the sentence with </s> */
    size_t first, count;
} Mention;

/* Fails, naming `what` (an option), when the sentence has more tokens than the model takes. */
bool sentence_fits(const Observation *o, const char *sentence, const char *what, Error *err);

/* Fails in the same way, and also when the word is not there. Free ids by stbds_arrfree. */
bool mention_make(Mention *mention, const Observation *o, const char *sentence, const char *word, const char *what,
                  Error *err);

/* The word with its neighbours, "an apple and": what tells its sentence from another. Free it. */
char *mention_excerpt(const Mention *mention, const Tokenizer *tokenizer);

/* What a pair of groups is known by: entries, which are words, each the mean over its group's sentences; or one word in
 * each of the sentences, if both groups have that word. */
typedef struct References {
    const Group *groups[2]; /* the pair */
    bool own;               /* entries are of one word */
    size_t count, first; /* entries, those of the first group before those of the second; how many are of the first */
    char **name;         /* (count) a word, or an excerpt */
    double *layers;      /* (count, n + 1, D) */
    double *inputs;      /* (count, n, D) what each layer's attention reads: after the norm, where norm is pre */
    double *joined;      /* (count, n, D) what its heads bring, side by side */
    double *means;       /* (2, n + 1, D) of each group's entries */
    double *usual;       /* (n, D) of what the heads bring, half of each group */
    double *probes;      /* (probe count, n + 1, D) */
} References;

/* Reads the probes and the entries of a pair of groups in one pass of the encoder. With `but` in both groups, entries
 * are of that word. Else they are the groups' words. Left out are words of both groups, as these do not tell which is
 * which, and `but` in any spelling (NULL: none). If that leaves nothing of a group, all its words stay. The groups must
 * outlive the references. Release with references_free. */
bool references_make(References *r, const Observation *o, const Group *groups, GroupPair pair, const char *but,
                     const Mention *probes, size_t probe_count, Error *err);
void references_free(References *r);
