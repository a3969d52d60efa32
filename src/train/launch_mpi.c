/* The only file that knows of MPI. Only the main thread calls it. */
#include <errno.h>
#include <limits.h>
#include <mpi.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/terminal.h"
#include "train/launch.h"

enum { MOST_BYTES = 1 << 30 }; /* of a message: MPI counts with an int */

static const double SPIN = 0.002, LOOK = 0.1, LONG = 30; /* seconds */

/* Messages that are on their way. */
typedef struct Messages {
    MPI_Request *requests;
    MPI_Status *statuses;
    size_t *ranks; /* with whom */
    size_t count;
} Messages;

static size_t count_messages(const RankPart *parts, size_t count) {
    size_t messages = 0;
    for (size_t i = 0; i < count; i++) messages += size_divide_up(parts[i].bytes, MOST_BYTES);
    return messages;
}

static int start(Messages *m, const RankPart *parts, size_t count, bool send) {
    int code = MPI_SUCCESS;
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < parts[i].bytes && code == MPI_SUCCESS; at += MOST_BYTES) {
            char *data = (char *)parts[i].data + at;
            const int bytes = (int)size_min(parts[i].bytes - at, MOST_BYTES), rank = (int)parts[i].rank;
            MPI_Request *request = &m->requests[m->count];
            m->ranks[m->count++] = parts[i].rank;
            code = send ? MPI_Isend(data, bytes, MPI_BYTE, rank, 0, MPI_COMM_WORLD, request)
                        : MPI_Irecv(data, bytes, MPI_BYTE, rank, 0, MPI_COMM_WORLD, request);
        }
    return code;
}

static bool failed(const Ranks *r, size_t rank, int code, Error *err) {
    char text[MPI_MAX_ERROR_STRING] = "";
    int length;
    MPI_Error_string(code, text, &length);
    return error_set(err, "rank %zu (%s) cannot be reached: %s", rank, r->peers ? r->peers[rank].host : "?", text);
}

/* Looks for a rank on this host that has ended. mpirun would end all the others a moment later, but not say so well. */
static bool look_for_dead(const Ranks *r, Error *err) {
    for (size_t rank = 0; r->peers && rank < r->count; rank++) {
        const RankPeer *peer = &r->peers[rank];
        if (strcmp(peer->host, r->peers[r->self].host) == 0 && kill((pid_t)peer->process, 0) != 0 && errno == ESRCH)
            return error_set(err,
                             "rank %zu (%s, process %lld) has ended; what was saved stays, and the same command "
                             "continues from it, on any number of processes",
                             rank, peer->host, (long long)peer->process);
    }
    return true;
}

/* Says which ranks this one waits for. They are stopped, or their computer has lost its network, or their work takes
 * that long. Of the ranks that wait, the first one says it, as far as it can know that it is the first. */
static void say_who_is_late(const Ranks *r, const Messages *m, double seconds) {
    bool *late = memory_new(r->count, sizeof *late);
    size_t first = 0;
    for (size_t i = 0; i < m->count; i++) {
        int done = 0;
        if (MPI_Request_get_status(m->requests[i], &done, MPI_STATUS_IGNORE) == MPI_SUCCESS && !done)
            late[m->ranks[i]] = true;
    }
    while (late[first]) first++; /* it stops at this one at the latest, which is not late */
    Progress progress = progress_start(stderr);
    for (size_t rank = 0; r->peers && first == r->self && rank < r->count; rank++)
        if (late[rank])
            progress_line(&progress, "train: waiting for rank %zu (%s, process %lld) for %.0f s", rank,
                          r->peers[rank].host, (long long)r->peers[rank].process, seconds);
    free(late);
}

/* Waits for all messages. It looks on for a moment, and then sleeps in between, as the time may be long in which rank 0
 * translates or saves, and this process's threads are not to be in the way. */
static bool finish(Ranks *r, Messages *m, Error *err) {
    const double began = terminal_seconds();
    double looked = began, waited = 0, patience = LONG;
    for (;;) {
        int done = 0;
        const int code = MPI_Testall((int)m->count, m->requests, &done, m->statuses);
        if (code != MPI_SUCCESS) {
            for (size_t i = 0; code == MPI_ERR_IN_STATUS && i < m->count; i++)
                if (m->statuses[i].MPI_ERROR != MPI_SUCCESS && m->statuses[i].MPI_ERROR != MPI_ERR_PENDING)
                    return failed(r, m->ranks[i], m->statuses[i].MPI_ERROR, err);
            return failed(r, r->self, code, err);
        }
        if (done) return true;
        const double now = terminal_seconds();
        if (now - looked > LOOK) {
            if (!look_for_dead(r, err)) return false;
            looked = now;
            waited += LOOK; /* not more, when it was this process that was stopped */
            if (waited > patience) {
                say_who_is_late(r, m, patience);
                patience *= 2;
            }
        }
        if (now - began < SPIN)
            sched_yield();
        else
            nanosleep(&(struct timespec){0, 20000}, NULL);
    }
}

static bool exchange(Ranks *r, const RankPart *out, size_t outs, const RankPart *in, size_t ins, Error *err) {
    const size_t count = count_messages(out, outs) + count_messages(in, ins);
    CHECK(count < INT_MAX, "messages of an exchange");
    Messages m = {memory_new(count, sizeof *m.requests), memory_new(count, sizeof *m.statuses),
                  memory_new(count, sizeof *m.ranks), 0};
    int code = start(&m, in, ins, false);
    if (code == MPI_SUCCESS) code = start(&m, out, outs, true);
    const bool ok = code == MPI_SUCCESS ? finish(r, &m, err) : failed(r, m.ranks[m.count - 1], code, err);
    if (ok) { /* else they are still in use */
        free(m.requests);
        free(m.statuses);
        free(m.ranks);
    }
    return ok;
}

bool launch_begin(Ranks *ranks, Error *err) {
    int given, self, count;
    *ranks = (Ranks){.count = 1};
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &given) != MPI_SUCCESS || given < MPI_THREAD_FUNNELED)
        return error_set(err, "MPI does not start, or not for a program with threads");
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    MPI_Comm_rank(MPI_COMM_WORLD, &self);
    MPI_Comm_size(MPI_COMM_WORLD, &count);
    *ranks = (Ranks){.self = (size_t)self, .count = (size_t)count, .exchange = exchange};
    if (ranks_meet(ranks, err)) return true;
    launch_end(ranks, 1);
    return false;
}

void launch_end(Ranks *ranks, int code) {
    if (ranks->lost)
        MPI_Abort(MPI_COMM_WORLD, code);
    else
        MPI_Finalize();
    ranks_free(ranks);
}
