/* Knock-outs: parts of the transformer that can be switched off in a trained model, to see what each of them is for.
 *
 *     positions               no position vectors are added to the embeddings
 *     mask                    a row of the decoder also sees the words behind it. A search knows only the words so far:
 *                             at each step it runs all of them again, and each sees all of these. When a whole
 *                             translation is run (./inspect, alignments), each row sees all of it, even the word that
 *                             it should predict
 *     root                    scores are q k^T, not divided by sqrt(K)
 *     attention               attention adds nothing to the rows: as if Wo and bo were 0
 *     feedforward             nor do the feed-forward blocks: as if their second matrix and its bias were 0
 *     heads:KIND.LAYER.HEAD   the weighted sum of this head is 0; KIND is encoder, decoder or cross
 *     only:HEAD               in every attention, the weighted sums of all other heads are 0
 *
 * They act when a model is run, not when it is trained: the model has learned to rely on all of its parts. A pass and a
 * search (decode/search_options.h) have a pointer to a Knockout; NULL: nothing is knocked out, and no bit differs. To
 * use them in a program:
 *
 *     Knockout knockout = {0};
 *     if (!knockout_parse(&knockout, "positions,only:2", &err) || !knockout_check(&knockout, &hyper, &err)) ...
 *     options.knockout = &knockout;                (SearchOptions of a translator; it must outlive it)
 *     model.info.decode.knockout = &knockout;      (ModelFile of an observation, which takes it from there) */
#pragma once

#include "model/hyper.h"

enum {
    KNOCKOUT_HEADS = 64, /* of an attention, those that can be named */
    KNOCKOUT_NAME = 40,  /* bytes that a name takes at most, the NUL included */
};

typedef struct Knockout {
    bool positions, mask, root, attention, feedforward;
    size_t only;                                       /* 0: all heads; else 1 + the head that is left */
    uint64_t muted[ATTENTION_KINDS][HYPER_MAX_LAYERS]; /* bit h: head h is muted */
} Knockout;

/* Adds names, separated by commas. Fails at one that is unknown, with what was expected. */
bool knockout_parse(Knockout *knockout, const char *names, Error *err);

/* Whether a model has the layers and heads that are named. */
bool knockout_check(const Knockout *knockout, const Hyper *hyper, Error *err);

/* Writes the name of the `number`th thing that is knocked out, in the order above; false: there are not as many. */
bool knockout_name(const Knockout *knockout, size_t number, char name[KNOCKOUT_NAME]);

/* The heads of an attention whose weighted sum is 0: bit h is head h. */
uint64_t knockout_muted(const Knockout *knockout, AttentionKind kind, size_t layer);
