/* Processes that train one model together. They are called ranks, as in MPI, and numbered from 0. Each has the whole
 * model and all pairs; of a step, each computes some of the pieces (train.pieces).
 *
 * Rank 0 leads: it runs the loop, writes the files and shows the progress. The others follow (train/follow.h): they
 * wait for an order, and take part in what all do together. What all do together is made of one operation, the
 * exchange, in which each rank sends some parts and receives others. train/launch.h gives it; so can a test.
 *
 * NULL is a process alone, for every function here: there is nobody to send to, and it leads.
 *
 * When the exchange fails, as a rank is gone, the ranks are lost: from then on nothing is sent, every function returns
 * false at once, and ranks_lost says why. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct RankPart {
    size_t rank; /* to which it is sent, or from which it is received; never this one */
    void *data;
    size_t bytes;
} RankPart;

typedef struct RankPeer {
    char host[64];
    int64_t process; /* its number on that host */
} RankPeer;

typedef struct Ranks {
    size_t self, count;
    /* Sends all of out and receives all of in. The parts between two ranks are received in the order in which they are
     * sent, and have the size that they are sent with. */
    bool (*exchange)(struct Ranks *ranks, const RankPart *out, size_t outs, const RankPart *in, size_t ins, Error *err);
    void *context;                     /* of exchange */
    const volatile sig_atomic_t *stop; /* set when this process is asked to stop; NULL: it never is */
    RankPeer *peers;                   /* (count) */
    uint64_t sent;                     /* bytes, so far */
    bool lost;
    Error why;
} Ranks;

/* Gathers the peers, through an exchange that is there. Release with ranks_free, which leaves the exchange. */
bool ranks_meet(Ranks *ranks, Error *err);
void ranks_free(Ranks *ranks);

static inline size_t ranks_count(const Ranks *ranks) { return ranks ? ranks->count : 1; }
static inline size_t ranks_self(const Ranks *ranks) { return ranks ? ranks->self : 0; }
static inline bool ranks_leads(const Ranks *ranks) { return ranks_self(ranks) == 0; }

/* Whether the ranks are lost, and why. */
bool ranks_lost(const Ranks *ranks, Error *err);

/* `whole` things are shared out in order. This is the first one of a rank, whose share ends before the first of the
 * next rank. */
size_t ranks_first(const Ranks *ranks, size_t whole, size_t rank);

/* Each of these is called by all ranks at the same place. Those without an Error fail only when the ranks are lost. */
bool ranks_exchange(Ranks *ranks, const RankPart *out, size_t outs, const RankPart *in, size_t ins);

/* Each rank has bytes start[rank] .. start[rank + 1] - 1 of data; afterwards all have all of it. */
bool ranks_gather(Ranks *ranks, void *data, const size_t *start);

/* Gives rank 0's bytes to all. */
bool ranks_share(Ranks *ranks, void *data, size_t bytes);
/* The same of a block of a size that only rank 0 knows: returns a fresh one, with a NUL behind it; NULL: lost. */
char *ranks_share_block(Ranks *ranks, const void *data, size_t *bytes);

/* Whether all are ok. If not, every rank gets the message of the first that is not, with its name where it is another.
 */
bool ranks_agree(Ranks *ranks, bool ok, Error *err);

/* Whether all have the same text, made of lines "name = value". If not, fails for all, with the first line that
 * differs: what rank 0 has and what the other has. */
bool ranks_compare(Ranks *ranks, const char *text, Error *err);

/* What all do next. Rank 0 gives an order, which is nothing for a process alone or one that follows; the others take
 * it. */
typedef enum RankOrder {
    ORDER_STEP,      /* trainer_step */
    ORDER_TRY,       /* trainer_step_from; value: its batch */
    ORDER_LOSS,      /* trainer_valid_loss */
    ORDER_TRANSLATE, /* measure_together; value: how many lines */
    ORDER_STATE,     /* checkpoint_share: the run went back */
    ORDER_END,       /* value: the exit code */
} RankOrder;
bool ranks_give(Ranks *ranks, RankOrder order, uint64_t value);
bool ranks_take(Ranks *ranks, RankOrder *order, uint64_t *value);
