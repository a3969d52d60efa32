/* A word with two meanings in its sentence: where it is on the line between the two, layer by layer, and who pulls it.
 * context.c writes the path, pulls.c the pulls; what is chosen to be shown first (choice.h) comes from them. */
#pragma once

#include "inspect/line.h"

/* One layer's step along the line. S: source tokens, H: heads. pulls.c has what the parts are and how they add up. */
typedef struct PullStep {
    double before, after, place, alone;
    double *weights, *moves; /* (H, S) */
} PullStep;

typedef struct Pulls {
    size_t layers, H, S;
    PullStep *steps; /* (layers) */
} Pulls;

/* Of the word of `count` tokens from `first`; start: its embedding, layer 0 of its path. Release with pulls_free. */
Pulls pulls_make(const Observation *o, const Line *line, const double *usual, const double *start, size_t first,
                 size_t count);
void pulls_free(Pulls *pulls);

typedef struct Meaning {
    const char *word; /* NULL: it was not asked for, and the sentence has no word of a group; all else is empty */
    char *sentence;
    const char *compare;
    bool two, asked; /* two groups have the word; it was asked for */
    Mention probes[2];
    size_t probe_count;
    References references; /* the pair of groups that the word is in, read with the probes; empty, like all that
                              follows, where there are no groups */
    Line line;
    double end;  /* where it is on the line at the last layer */
    Pulls pulls; /* without layers when the model runs without attention, feed-forward or a head: then the weights do
                    not say what is added up */
} Meaning;

/* word NULL: the word of the sentence (and of `compare`, if it is not NULL) that most groups have; of equals the first
 * in the groups. Fails when a word that was asked for is not there. Release with meaning_free. */
bool meaning_make(Meaning *meaning, const Observation *o, const Group *groups, const char *word, const char *compare,
                  Error *err);
void meaning_free(Meaning *meaning);
