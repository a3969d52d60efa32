/* Several ranks that train one model, here as threads of one process that exchange their parts in memory: the same bits
 * as one alone, and what is refused. scripts/mpi_test.sh does it with processes, over MPI. */
#include <pthread.h>

#include "command.h"
#include "math/cpu.h"
#include "train/checkpoint.h"
#include "train/follow.h"
#include "train/measure.h"
#include "train/ranks.h"

enum { MOST = 8 };

/* Where the ranks meet: all have shown what they send, then all have taken what is for them. */
typedef struct Hub {
    pthread_barrier_t barrier;
    const RankPart *out[MOST];
    size_t outs[MOST];
    uint64_t exchanges, last; /* done by rank 0; from this one on they fail; 0: none does */
} Hub;

/* Part number `number` of those that rank `from` sends to rank `to`. */
static const RankPart *find_part(const Hub *hub, size_t from, size_t to, size_t number) {
    for (size_t i = 0; i < hub->outs[from]; i++)
        if (hub->out[from][i].rank == to && number-- == 0) return &hub->out[from][i];
    CHECK(false, "a part that is received is sent");
    return NULL;
}

static bool exchange(Ranks *r, const RankPart *out, size_t outs, const RankPart *in, size_t ins, Error *err) {
    Hub *hub = r->context;
    hub->out[r->self] = out;
    hub->outs[r->self] = outs;
    if (r->self == 0) hub->exchanges++;
    pthread_barrier_wait(&hub->barrier);
    const bool ok = hub->last == 0 || hub->exchanges < hub->last;
    size_t taken[MOST] = {0};
    for (size_t i = 0; ok && i < ins; i++) {
        const RankPart *part = find_part(hub, in[i].rank, r->self, taken[in[i].rank]++);
        CHECK(part->bytes == in[i].bytes, "a part is received with the size that it is sent with");
        if (part->bytes > 0) memcpy(in[i].data, part->data, part->bytes);
    }
    pthread_barrier_wait(&hub->barrier);
    return ok || error_set(err, "rank 1 is gone");
}

/* What a run ended with. */
typedef struct End {
    bool opened;
    Error err;
    TrainState state;
    real *w, *m, *average; /* (count) */
    size_t count;
    Loss loss;
    Measured measured;
    uint64_t sent; /* bytes, by each rank in one step */
} End;

typedef struct Rank {
    Ranks ranks;
    Hub *hub;
    const char *overrides[4];
    size_t threads, steps;
    bool resume, goes_back;
    End end;
    pthread_t thread;
} Rank;

static real *copied(const real *block, size_t count) {
    real *copy = memory_new(count, sizeof *copy);
    memcpy(copy, block, count * sizeof *copy);
    return copy;
}

static void keep_end(End *e, const Trainer *t) {
    e->count = t->model.params.count;
    e->state = t->state;
    e->w = copied(t->w, e->count);
    e->m = copied(t->optimiser.blocks[0], e->count);
    e->average = copied(t->average, e->count);
}

/* Rank 0: steps, a validation, and perhaps back to the beginning and the same steps again. */
static void lead(Rank *rank, Trainer *t) {
    End *e = &rank->end;
    for (size_t i = 0; i < rank->steps; i++) {
        const uint64_t before = rank->ranks.sent;
        trainer_step(t);
        e->sent = rank->ranks.sent - before;
    }
    if (rank->goes_back) {
        EXPECT(checkpoint_go_back(t, &e->err));
        t->state.returns = 0; /* at the full rate again; the others have halved theirs */
        ranks_give(&rank->ranks, ORDER_STATE, 0);
        EXPECT(checkpoint_share(t, &e->err));
        for (size_t i = 0; i < rank->steps; i++) trainer_step(t);
    }
    e->loss = trainer_valid_loss(t);
    if (!ranks_lost(&rank->ranks, &e->err)) EXPECT(measure_together(t, 30, &e->measured, &e->err));
    ranks_give(&rank->ranks, ORDER_END, 7);
}

static void *run(void *context) {
    Rank *rank = context;
    End *e = &rank->end;
    Config config;
    Trainer t;
    bool resumed;
    size_t count = 0;
    while (count < 4 && rank->overrides[count]) count++;
    rank->ranks.exchange = exchange;
    rank->ranks.context = rank->hub;
    CHECK(ranks_meet(&rank->ranks, &e->err), e->err.text);
    CHECK(config_read(&config, "tiny.ini", (char *const *)(uintptr_t)rank->overrides, count, &e->err), e->err.text);
    config.ranks = &rank->ranks;
    Pool *pool = pool_create(rank->threads, &e->err);
    e->opened = checkpoint_open(&t, &config, pool, rank->resume, &resumed, &e->err);
    if (e->opened) {
        int code = 7;
        if (rank->ranks.self == 0)
            lead(rank, &t);
        else
            e->opened = follow_run(&t, &code, &e->err);
        EXPECT_INT(code, 7);
        keep_end(e, &t);
        if (e->opened && rank->ranks.self == 0 && !rank->ranks.lost)
            CHECK(checkpoint_save_last(&t, &e->err), e->err.text);
        trainer_free(&t);
    }
    pool_free(pool);
    config_free(&config);
    ranks_free(&rank->ranks);
    return NULL;
}

/* Runs a number of ranks; what is not set in `how` is as in the config. */
static void run_ranks(Rank ranks[MOST], size_t count, Hub *hub, const Rank *how) {
    pthread_barrier_init(&hub->barrier, NULL, (unsigned)count);
    for (size_t i = 0; i < count; i++) {
        ranks[i] = *how;
        ranks[i].hub = hub;
        ranks[i].ranks = (Ranks){.self = i, .count = count};
        ranks[i].threads = 1 + i % 2;
    }
    for (size_t i = 0; i < count; i++) CHECK(pthread_create(&ranks[i].thread, NULL, run, &ranks[i]) == 0, "a thread");
    for (size_t i = 0; i < count; i++) pthread_join(ranks[i].thread, NULL);
    pthread_barrier_destroy(&hub->barrier);
}

static void free_ends(Rank *ranks, size_t count) {
    for (size_t i = 0; i < count; i++) free(ranks[i].end.w), free(ranks[i].end.m), free(ranks[i].end.average);
}

static void expect_same(const End *a, const End *b) {
    const size_t bytes = a->count * sizeof *a->w;
    EXPECT(a->count == b->count && memcmp(a->w, b->w, bytes) == 0);
    EXPECT(memcmp(a->m, b->m, bytes) == 0 && memcmp(a->average, b->average, bytes) == 0);
    EXPECT(memcmp(&a->state, &b->state, sizeof a->state) == 0);
}

static void expect_same_figures(const End *a, const End *b) {
    EXPECT(memcmp(&a->loss, &b->loss, sizeof a->loss) == 0);
    EXPECT(a->measured.exact == b->measured.exact && a->measured.bleu == b->measured.bleu);
    EXPECT(a->measured.count == b->measured.count && a->measured.cut == b->measured.cut);
    for (size_t i = 0; i < a->measured.sample_count; i++)
        EXPECT_STR(a->measured.samples[i].said, b->measured.samples[i].said);
}

/* pieces: of a step. An epoch has some 11 steps, and its last one fewer pieces. */
static void compare(const char *pieces, const size_t *counts, size_t ways, bool goes_back) {
    static Rank alone[MOST], many[MOST];
    Hub hub = {.exchanges = 0};
    const Rank how = {.overrides = {pieces, "train.batch_tokens=600", "model.dropout=0.1", "train.average=0.9"},
                      .steps = 12,
                      .goes_back = goes_back};
    run_ranks(alone, 1, &hub, &how);
    EXPECT(alone[0].end.opened && alone[0].end.state.epoch > 0);
    for (size_t i = 0; i < ways; i++) {
        run_ranks(many, counts[i], &hub, &how);
        for (size_t rank = 0; rank < counts[i]; rank++) expect_same(&alone[0].end, &many[rank].end);
        expect_same_figures(&alone[0].end, &many[0].end);
        free_ends(many, counts[i]);
    }
    free_ends(alone, 1);
}

static void test_same_bits(void) { compare("train.pieces=4", (const size_t[]){2, 3, 4}, 3, false); }

static void test_pieces_that_do_not_divide(void) { compare("train.pieces=7", (const size_t[]){2, 5}, 2, false); }

static void test_going_back(void) { compare("train.pieces=2", (const size_t[]){2}, 1, true); }

/* A run continues on another number of ranks. */
static void test_resume(void) {
    static Rank whole[MOST], ranks[MOST];
    static const size_t counts[] = {4, 1, 3};
    Hub hub = {.exchanges = 0};
    Rank how = {.overrides = {"train.pieces=4", "train.batch_tokens=600", "train.average=0.9", "train.optimiser=muon"},
                .steps = 12};
    run_ranks(whole, 1, &hub, &how);
    for (size_t i = 0; i < 3; i++) {
        how.steps = 4;
        how.resume = i > 0;
        run_ranks(ranks, counts[i], &hub, &how);
        if (i == 2) expect_same(&whole[0].end, &ranks[2].end);
        free_ends(ranks, counts[i]);
    }
    free_ends(whole, 1);
}

/* What a rank sends in a step is what train/combine.h says, and 8 bytes for each figure and 16 for the order. */
static void test_bytes(void) {
    static Rank ranks[MOST];
    Hub hub = {.exchanges = 0};
    const Rank how = {.overrides = {"train.pieces=4", "train.batch_tokens=600", "train.average=0.9"}, .steps = 1};
    for (size_t count = 1; count <= 4; count *= 2) {
        run_ranks(ranks, count, &hub, &how);
        const size_t slice = size_round_up(ranks[0].end.count, 16) / count, others = count - 1;
        const size_t gradients = (ranks[0].end.count - slice + others * slice) * sizeof(real);
        EXPECT_NEAR(ranks[0].end.sent, gradients + others * (8 * (1 + 2 * (4 / count)) + 16),
                    16 * sizeof(real) * count);
        free_ends(ranks, count);
    }
}

static void refused(const char *first, const char *second, const char *part, const char *other) {
    static Rank ranks[MOST];
    Hub hub = {.exchanges = 0};
    pthread_barrier_init(&hub.barrier, NULL, 2);
    for (size_t i = 0; i < 2; i++) {
        ranks[i] = (Rank){
            .hub = &hub,
            .ranks = {.self = i, .count = 2},
            .overrides = {"train.average=0.9", i == 0 ? first : second, first[0] == 'd' ? "train.pieces=2" : NULL},
            .threads = 1};
        CHECK(pthread_create(&ranks[i].thread, NULL, run, &ranks[i]) == 0, "a thread");
    }
    for (size_t i = 0; i < 2; i++) pthread_join(ranks[i].thread, NULL);
    pthread_barrier_destroy(&hub.barrier);
    for (size_t i = 0; i < 2; i++) {
        EXPECT(!ranks[i].end.opened);
        EXPECT_HAS(ranks[i].end.err.text, part);
        EXPECT_HAS(ranks[i].end.err.text, other);
    }
    free_ends(ranks, 2);
}

static void test_refused(void) {
    refused("train.pieces=1", "train.pieces=1", "train.pieces: expected at least 1 for each of the 2", "found 1");
    refused("train.pieces=1", "train.pieces=2", "\"train.pieces = 1\", as rank 0", "found \"train.pieces = 2\"");
    refused("train.pieces=2", "train.pieces=1", "\"train.pieces = 2\", as rank 0", "found \"train.pieces = 1\"");
    refused("train.pieces=4", "train.pieces=5", "\"train.pieces = 4\", as rank 0", "found \"train.pieces = 5\"");
    CommandRun start = command_run(ARGS("train", "tiny.ini", "run.dir=start", "train.max_steps=2"), NULL);
    EXPECT_INT(start.code, 0);
    command_free(&start);
    refused("train.init=start/model.gguf", "train.init=", "expected \"checksum of train.init = ", "as rank 0");
    write_text("other.tsv", "the cat\tle chat\nthe dog\tle chien\n");
    refused("data.train=train.tsv", "data.train=other.tsv", "expected \"checksum of the training pairs = ", "found");
    refused("data.valid=valid.tsv", "data.valid=other.tsv", "expected \"checksum of the validation text = ", "found");
}

/* Whatever is being sent when a rank goes, the others end with the message, and no step is done by halves. */
static void test_lost(void) {
    static Rank ranks[MOST];
    for (uint64_t last = 40; last < 60; last += 3) {
        Hub hub = {.last = last};
        const Rank how = {.overrides = {"train.pieces=2", "train.batch_tokens=600", "train.average=0.9"}, .steps = 12};
        run_ranks(ranks, 2, &hub, &how);
        EXPECT(ranks[0].ranks.lost && ranks[1].ranks.lost && !ranks[1].end.opened);
        EXPECT_STR(ranks[1].end.err.text, "rank 1 is gone");
        EXPECT_STR(ranks[0].end.err.text, "rank 1 is gone");
        EXPECT(ranks[0].end.state.step < 12);
        free_ends(ranks, 2);
    }
}

int main(void) {
    Error err;
    world_enter();
    CHECK(cpu_check(&err) && mkdir("run", 0777) == 0, "the folder of the run");
    RUN(test_same_bits);
    RUN(test_pieces_that_do_not_divide);
    RUN(test_going_back);
    RUN(test_resume);
    RUN(test_bytes);
    RUN(test_refused);
    RUN(test_lost);
    return test_finish();
}
