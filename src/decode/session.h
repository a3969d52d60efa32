/* Decoding session: the model run over a batch of source sentences one target position at a time, with the keys and
 * values of past positions kept.
 *
 * Sentence b owns slots b * each .. b * each + each - 1. A slot is room for the keys and values of one unfinished
 * translation, which grows with its positions; the caller decides which slots are in use, and with which tokens
 * (decode/search.h). A step runs any set of slots, so translations that have finished cost nothing. The bits of a
 * slot's numbers do not depend on which other slots run with it.
 *
 * R: rows of a step, one for each slot in it. V: vocabulary. */
#pragma once

#include "model/pass.h"

typedef struct Session Session;

/* The arguments must outlive it; w must stay as it is. knockout: what the model is run without; NULL: nothing. int8: it
 * is computed with weights in 8-bit integers (math/matmul.h). Free with session_free. */
Session *session_create(const Parameters *params, const real *w, Pool *pool, const Knockout *knockout, bool int8);
void session_free(Session *session);

/* Runs the encoder over the batch (which is not used afterwards) and forgets the batch before. Each sentence has 1 to
 * max_length tokens. most: positions that a slot may come to have, at most max_length; memory for them is taken when
 * they come. Fails when there is none. */
bool session_begin(Session *session, Packed source, size_t each, size_t most, Error *err);

/* Feeds token[r] at `position` of slot[r], and returns the logits of what comes next, (R, V): the caller's to change,
 * until the next step. All slots of a step are at the same position, and have been at those before. No slot twice. NULL
 * when there is no memory for another position; then only session_begin may follow. */
real *session_step(Session *session, const uint32_t *slot, const int32_t *token, size_t R, size_t position, Error *err);

/* Slot `to` continues what slot `from` has read. */
typedef struct SessionCopy {
    uint32_t from, to;
} SessionCopy;

/* Copies the first `length` positions. No copy reads or writes a slot that another copy writes. */
void session_copy(Session *session, const SessionCopy *copies, size_t count, size_t length);
