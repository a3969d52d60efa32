#include "train/tree.h"

#include "base/check.h"
#include "base/size.h"
#include "math/vector.h"
#include "nn/rows.h"

typedef struct Sum {
    real *to;
    const real *more;
} Sum;

static void add_span(void *context, size_t first, size_t last) {
    const Sum *s = context;
    vector_add(s->to + first, s->more + first, last - first);
}

/* The two last runs become one. */
static void join(TreeStack *s, Pool *pool, size_t count) {
    TreeRun *to = &s->runs[s->count - 2];
    Sum sum = {to->sum, to[1].sum};
    rows_run(pool, "sum of pieces", count, 1, add_span, &sum);
    to->size *= 2;
    s->count--;
}

static bool are_halves(const TreeRun *a, const TreeRun *b) {
    return a->size == b->size && a->first / a->size % 2 == 0 && b->first == a->first + a->size;
}

void tree_push(TreeStack *s, Pool *pool, TreeRun run, size_t count) {
    CHECK(s->count < TREE_WAITING, "the pieces of a step have room on the stack");
    s->runs[s->count++] = run;
    while (s->count > 1 && are_halves(&s->runs[s->count - 2], &s->runs[s->count - 1])) join(s, pool, count);
}

void tree_finish(TreeStack *s, Pool *pool, size_t count) {
    while (s->count > 1) join(s, pool, count);
}

TreeStack tree_runs(size_t first, size_t last) {
    TreeStack s = {.count = 0};
    while (first < last) {
        size_t size = 1;
        while (first % (2 * size) == 0 && 2 * size <= last - first) size *= 2;
        s.runs[s.count++] = (TreeRun){first, size, NULL};
        first += size;
    }
    return s;
}

size_t tree_height(size_t first, size_t last) {
    size_t most = 0;
    for (size_t end = first; end < last; end++) most = size_max(most, tree_runs(first, end).count + 1);
    return most;
}
