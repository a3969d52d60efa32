#include "train/combine.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/size.h"
#include "math/vector.h"

enum { SLICE = 16 }; /* slices begin at multiples of this */

/* The first number of a rank's slice. */
static size_t slice_first(const Ranks *r, size_t count, size_t rank) {
    return size_min(count, SLICE * ranks_first(r, size_divide_up(count, SLICE), rank));
}

static size_t slice_size(const Ranks *r, size_t count, size_t rank) {
    return slice_first(r, count, rank + 1) - slice_first(r, count, rank);
}

/* The runs of a rank; their sums are NULL. */
static TreeStack runs_of(const Ranks *r, size_t pieces, size_t rank) {
    return tree_runs(ranks_first(r, pieces, rank), ranks_first(r, pieces, rank + 1));
}

size_t combine_inbox(const Ranks *r, size_t pieces, size_t count) {
    size_t most = 0;
    for (size_t p = 1; p <= pieces; p++) {
        size_t runs = 0;
        for (size_t rank = 0; rank < ranks_count(r); rank++)
            runs += rank == ranks_self(r) ? 0 : runs_of(r, p, rank).count;
        most = size_max(most, runs);
    }
    return most * slice_size(r, count, ranks_self(r));
}

/* Parts that are sent or received at once. */
typedef struct Parts {
    RankPart *parts;
    size_t count;
} Parts;

static void add_part(Parts *p, size_t rank, void *data, size_t bytes) {
    p->parts[p->count++] = (RankPart){rank, data, bytes};
}

/* Sends each rank its slice of all runs, and the figures; receives the like into the inbox. */
static bool send_slices(Ranks *r, const TreeStack *own, size_t pieces, real *inbox, size_t count, double *figures,
                        const size_t *figure_start) {
    const size_t ranks = r->count, self = r->self, slice = slice_size(r, count, self);
    Parts out = {memory_new(ranks * (TREE_WAITING + 1), sizeof *out.parts), 0};
    Parts in = {memory_new(ranks * (TREE_WAITING + 1), sizeof *in.parts), 0};
    for (size_t rank = 0; rank < ranks; rank++) {
        if (rank == self) continue;
        const TreeStack theirs = runs_of(r, pieces, rank);
        for (size_t i = 0; i < own->count; i++)
            add_part(&out, rank, own->runs[i].sum + slice_first(r, count, rank),
                     slice_size(r, count, rank) * sizeof(real));
        for (size_t i = 0; i < theirs.count; i++, inbox += slice) add_part(&in, rank, inbox, slice * sizeof(real));
        add_part(&out, rank, figures + figure_start[self],
                 (figure_start[self + 1] - figure_start[self]) * sizeof *figures);
        add_part(&in, rank, figures + figure_start[rank],
                 (figure_start[rank + 1] - figure_start[rank]) * sizeof *figures);
    }
    const bool ok = ranks_exchange(r, out.parts, out.count, in.parts, in.count);
    free(out.parts);
    free(in.parts);
    return ok;
}

/* Adds up this rank's slice of all runs, which are in `own` and, rank by rank, in the inbox. */
static void sum_slice(const Ranks *r, Pool *pool, const TreeStack *own, size_t pieces, real *sum, real *inbox,
                      size_t count) {
    const size_t first = slice_first(r, count, r->self), slice = slice_size(r, count, r->self);
    TreeStack all = {.count = 0};
    for (size_t rank = 0; rank < r->count; rank++) {
        TreeStack runs = rank == r->self ? *own : runs_of(r, pieces, rank);
        for (size_t i = 0; i < runs.count; i++) {
            runs.runs[i].sum = rank == r->self ? own->runs[i].sum + first : inbox;
            if (rank != r->self) inbox += slice;
            tree_push(&all, pool, runs.runs[i], slice);
        }
    }
    tree_finish(&all, pool, slice);
    if (all.runs[0].sum != sum + first && slice > 0) vector_copy(sum + first, all.runs[0].sum, slice);
}

bool combine_gradients(Ranks *r, Pool *pool, const TreeStack *own, size_t pieces, real *sum, real *inbox, size_t count,
                       double *figures, const size_t *figure_start) {
    if (!send_slices(r, own, pieces, inbox, count, figures, figure_start)) return false;
    sum_slice(r, pool, own, pieces, sum, inbox, count);
    size_t *start = memory_new(r->count + 1, sizeof *start);
    for (size_t rank = 0; rank <= r->count; rank++) start[rank] = slice_first(r, count, rank) * sizeof *sum;
    const bool ok = ranks_gather(r, sum, start);
    free(start);
    return ok;
}
