/* Inspection: what ./inspect shows of one translation, as JSON for a page (src/page/web/inspect.html) and scripts,
 * and as text for a terminal. src/inspect/FORMAT.md has the JSON's format. */
#pragma once

#include <stdio.h>

#include "inspect/choice.h"
#include "page/json.h"

enum {
    INSPECT_BUDGET = 700000, /* bytes of JSON: with the 290 KB of the page itself, a megabyte; what is never
                                left out takes up to 1.4 MB for 120 tokens of the model of configs/tiny.ini */
    INSPECT_NONE = -1,       /* no choice */
    INSPECT_CANDIDATES = 10, /* of each step */
    INSPECT_NEIGHBOURS = 8,  /* of each token */
    INSPECT_POSITIONS = 48,  /* positions drawn, at most */
    INSPECT_GALAXY = 260,    /* words of the vocabulary in two dimensions, at most */
};

/* What the user asked for. */
typedef struct InspectRequest {
    const char *word, *compare; /* for the context view: a word of the sentence; another sentence with it. word NULL:
                                   the first word that most groups have, if any; compare NULL: no other sentence */
    Group *groups;              /* stb_ds array of two at least, or NULL: those of groups_default */
    int kind, layer, head;      /* what the page opens on, and whose arithmetic is shown. INSPECT_NONE: what was not
                                   asked for is the encoder, layer 0, head 0; all three: chosen from the data */
    size_t budget;              /* limit on the bytes of the JSON, as far as parts can be left out; 0:
                                   INSPECT_BUDGET */
} InspectRequest;

/* Checks the request against the model. */
bool inspect_check(const InspectRequest *request, const ModelFile *file, Error *err);

/* Appends the whole JSON; the request was checked. Fails when a word is not where it should be, when `compare` or a
 * sentence of a group that was asked for is too long, or without memory. */
bool inspect_write(Json *json, const InspectRequest *request, const Observation *o, Error *err);

/* The same for a small example: three vectors of two numbers and one head, computed by nn/attention.h. */
void inspect_example(Json *json, Pool *pool);

/* Draws an attention (the chosen one: its head, or the mean of its heads; else the last cross-attention) and the
 * candidates of each step, in `width` columns. colours: with ECMA-48 colours. */
void inspect_text(FILE *stream, const InspectRequest *request, const Observation *o, size_t width, bool colours);

/* ---- The parts of inspect_write, in files of their own. ---- */

/* attention, arithmetic and left_out, in what is left of the budget. views: (count) of o, which may be NULL: then no
 * look is written. choice: block, head and row. x: of all views, (Tq, D) or NULL. The others: of the chosen one. */
typedef struct Arithmetic {
    const Choice *choice;
    const real *projected;               /* (Tq, D); may be NULL */
    const real *norm_weight, *norm_bias; /* (D) of the norm that made x; NULL: none did */
} Arithmetic;
void inspect_write_attention(Json *json, const Observation *o, const AttentionView *views, size_t count, Arithmetic a,
                             size_t budget);

/* Puts a token into a list of those of the `most` largest values, the largest first, behind its equals. Returns the
 * list's new length. */
size_t inspect_insert(int32_t *ids, double *values, size_t count, size_t most, int32_t id, double value);

/* The most likely tokens of what row `row` says, at most `most`, the likeliest first, and their probabilities.
 * Returns how many. */
size_t inspect_candidates(const Observation *o, size_t row, int32_t *best, double *p, size_t most);

/* The key `unseen`: the words of a text that the model never saw in its training. */
void inspect_write_unseen(Json *j, const ModelInfo *info, Text text);

/* The keys id and text of a TOKEN. */
void inspect_write_token(Json *json, const Tokenizer *tokenizer, int32_t id);

/* embedding, positions and neighbours; galaxy; context; pulls. */
void inspect_write_embedding(Json *json, const Observation *o);
void inspect_write_galaxy(Json *json, const Observation *o, const Group *groups);
void inspect_write_context(Json *json, const Observation *o, const Meaning *meaning);
void inspect_write_pulls(Json *json, const Meaning *meaning);

/* maps: what the encoder's projections do to the two groups that the word is in, or to the first two. Fails without
 * memory, or where a sentence of a group is too long. No groups: there are no maps. */
bool inspect_write_maps(Json *json, const Observation *o, const Group *groups, const Meaning *meaning, Error *err);
