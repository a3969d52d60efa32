/* Inspection: what ./inspect shows of one translation, as JSON for a page (src/page/web/inspect.html) and scripts,
 * and as text for a terminal. src/inspect/FORMAT.md has the JSON's format. */
#pragma once

#include <stdio.h>

#include "inspect/observe.h"
#include "inspect/references.h"
#include "page/json.h"

enum {
    INSPECT_BUDGET = 850000, /* bytes of JSON: with the 110 KB of the page itself, less than a megabyte; what is never
                                left out takes up to 1.4 MB for 120 tokens of the model of configs/tiny.ini */
    INSPECT_NONE = -1,       /* no choice */
    INSPECT_CANDIDATES = 10, /* of each step */
    INSPECT_NEIGHBOURS = 8,  /* of each token */
    INSPECT_POSITIONS = 48,  /* positions drawn, at most */
};

/* What the user asked for; only the groups are required. */
typedef struct InspectRequest {
    const char *word, *compare; /* for the context view: a word of the sentence, another sentence that has it. NULL: the
                                   first word that most groups have, if any; none */
    Group *groups;              /* stb_ds array, one at least */
    int kind, layer, head;      /* whose arithmetic is shown, or INSPECT_NONE: the encoder, layer 0, head 0 */
    size_t budget;              /* limit on the bytes of the JSON, as far as parts can be left out; 0:
                                   INSPECT_BUDGET */
} InspectRequest;

/* Checks the request against the model. */
bool inspect_check(const InspectRequest *request, const ModelFile *file, Error *err);

/* Appends the whole JSON; the request was checked. Fails when a word is not where it should be, or without memory. */
bool inspect_write(Json *json, const InspectRequest *request, const Observation *o, Error *err);

/* The same for a small example: three vectors of two numbers and one head, computed by nn/attention.h. */
void inspect_example(Json *json, Pool *pool);

/* Draws an attention (the chosen one: its head, or the mean of its heads; else the last cross-attention) and the
 * candidates of each step, in `width` columns. colours: with ECMA-48 colours. */
void inspect_text(FILE *stream, const InspectRequest *request, const Observation *o, size_t width, bool colours);

/* ---- The parts of inspect_write, in files of their own. ---- */

/* attention, arithmetic and left_out, in what is left of the budget. views: (count); x: of the chosen one, (Tq, D). */
typedef struct AttentionChoice {
    size_t number, head, row;
    const real *x, *projected;           /* (Tq, D); projected may be NULL */
    const real *norm_weight, *norm_bias; /* (D) of the norm that made x; NULL: none did */
} AttentionChoice;
void inspect_write_attention(Json *json, const AttentionView *views, size_t count, AttentionChoice chosen,
                             size_t budget);

/* The number of the attention whose arithmetic is shown. */
size_t inspect_chosen(const InspectRequest *request, const Observation *o);

/* Puts a token into a list of those of the `most` largest values, the largest first, behind its equals. Returns the
 * list's new length. */
size_t inspect_insert(int32_t *ids, double *values, size_t count, size_t most, int32_t id, double value);

/* The most likely tokens of what row `row` says, at most `most`, the likeliest first, and their probabilities.
 * Returns how many. */
size_t inspect_candidates(const Observation *o, size_t row, int32_t *best, double *p, size_t most);

/* The keys id and text of a TOKEN. */
void inspect_write_token(Json *json, const Tokenizer *tokenizer, int32_t id);

/* embedding, positions and neighbours. */
void inspect_write_embedding(Json *json, const Observation *o);

/* context: paths of a word; maps: what the heads' projections do to the first two groups. word NULL: no context. The
 * probes are the word in the sentence and, with `compare`, in that one. */
void inspect_write_context(Json *json, const References *r, const InspectRequest *request, const char *word,
                           const char *sentence, const Observation *o);
void inspect_write_maps(Json *json, const References *r, const Group *groups, const Observation *o);
