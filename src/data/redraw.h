/* Redrawing: the batches of one step with other tokens for the same text, by BPE-dropout (text/tokenizer.h).
 *
 * In every epoch each side of each pair is cut anew, as a function of (seed, epoch, pair, side). Sentences get longer
 * by that, on the tokenizers tried 1.3 to 1.4 times at a rate of 0.1 and 2.4 to 3.2 times at 0.5. Batches stay those of
 * the plan, which counts the tokens without dropout, and memory is sized for 1 + 6 * rate times as many. A sentence
 * keeps its plain tokens when it would become longer than the model allows, or when its batch would no longer have room
 * for it and for the plain tokens of the sentences after it. */
#ifndef NMT_DATA_REDRAW_H
#define NMT_DATA_REDRAW_H

#include "data/batches.h"

typedef struct Redraw {
    /* What redraw_batches made, with which batch_fill makes a batch: its pairs, in the order of the batches, of which
     * batch i of the plan is batch first + i of the other plan. */
    PairSet pairs;
    BatchPlan plan;
    BatchLimits limits; /* of each of these batches */

    const Tokenizer *tokenizer;
    double rate;
    uint64_t seed;
    /* The memory of all that: */
    uint16_t *tokens;
    size_t *start;
    int32_t *ids; /* stb_ds arrays: one sentence */
    char *text, *scratch;
} Redraw;

/* plain: the limits of the batches without dropout; max_length: tokens of a sentence, </s> included; batches: how many
 * are redrawn at once, at most. The tokenizer must outlive it. Release with redraw_free. */
Redraw redraw_create(const Tokenizer *tokenizer, double rate, uint64_t seed, const BatchLimits *plain,
                     size_t max_length, size_t batches);
void redraw_free(Redraw *redraw);

/* Redraws batches first .. first + count - 1 of the plan. Allocates nothing. */
void redraw_batches(Redraw *redraw, const PairSet *pairs, const BatchPlan *plan, size_t first, size_t count,
                    uint32_t epoch);

#endif
