/* The sum of pieces has the same bits however the pieces are shared out, and is that of the tree. */
#include "train/tree.h"

#include <string.h>

#include "base/rng.h"
#include "testlib.h"

enum { MOST = 40, COUNT_EACH = 3 };

static real numbers[MOST][COUNT_EACH];

static void make_numbers(void) {
    for (size_t i = 0; i < MOST; i++)
        for (size_t k = 0; k < COUNT_EACH; k++)
            numbers[i][k] = (real)rng_bits((RngSite){7, 0, (uint32_t)k}, i) / 1e6f + (real)1 / (real)(i + 3);
}

/* The pieces of a run of `size` from `first` on, of `pieces`; as the figure in the header draws it. */
static real tree(size_t first, size_t size, size_t pieces, size_t k) {
    if (size == 1) return numbers[first][k];
    const real left = tree(first, size / 2, pieces, k);
    return first + size / 2 < pieces ? left + tree(first + size / 2, size / 2, pieces, k) : left;
}

/* Shared out among `ranks`, each of which adds up what it can; then all that is left over is added up. */
static void sum_shared(real *out, Pool *pool, size_t pieces, size_t ranks) {
    static real work[MOST][COUNT_EACH];
    TreeStack all = {.count = 0};
    memcpy(work, numbers, sizeof work);
    for (size_t rank = 0; rank < ranks; rank++) {
        const size_t first = rank * pieces / ranks, last = (rank + 1) * pieces / ranks;
        TreeStack own = {.count = 0};
        size_t most = 0;
        for (size_t i = first; i < last; i++) {
            most = own.count + 1 > most ? own.count + 1 : most;
            tree_push(&own, pool, (TreeRun){i, 1, work[i]}, COUNT_EACH);
        }
        EXPECT_INT(tree_height(first, last), most);
        const TreeStack runs = tree_runs(first, last);
        EXPECT_INT(runs.count, own.count);
        for (size_t i = 0; i < own.count; i++)
            EXPECT(runs.runs[i].first == own.runs[i].first && runs.runs[i].size == own.runs[i].size);
        for (size_t i = 0; i < own.count; i++) tree_push(&all, pool, own.runs[i], COUNT_EACH);
    }
    tree_finish(&all, pool, COUNT_EACH);
    memcpy(out, all.runs[0].sum, COUNT_EACH * sizeof *out);
}

static void test_every_share(void) {
    Error err;
    Pool *pool = pool_create(1, &err);
    make_numbers();
    for (size_t pieces = 1; pieces <= MOST; pieces++)
        for (size_t ranks = 1; ranks <= pieces + 2; ranks++) {
            real sum[COUNT_EACH];
            sum_shared(sum, pool, pieces, ranks);
            for (size_t k = 0; k < COUNT_EACH; k++)
                if (sum[k] != tree(0, 64, pieces, k)) TEST_FAIL("%zu pieces on %zu ranks: another sum", pieces, ranks);
        }
    pool_free(pool);
}

/* Memory grows by the tree's depth. */
static void test_height(void) {
    EXPECT_INT(tree_height(0, 1), 1);
    EXPECT_INT(tree_height(0, 2), 2);
    EXPECT_INT(tree_height(0, 4), 3);
    EXPECT_INT(tree_height(0, 8), 4);
    EXPECT_INT(tree_height(0, 4096), 13);
    size_t most = 0;
    for (size_t first = 0; first < 4096; first++) {
        const size_t height = tree_height(first, 4096);
        most = height > most ? height : most;
    }
    EXPECT(most < TREE_WAITING);
}

int main(void) {
    RUN(test_every_share);
    RUN(test_height);
    return test_finish();
}
