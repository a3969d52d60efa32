/* The arena of a session, for one batch, with L decoder layers:
 *
 *     | cross 0 | self 0 | ... | cross L-1 | self L-1 | row numbers | tokens | used twice, see below |
 *                                                                                  ^ scratch
 *
 *     cross l: keys and values of the source tokens (nn/kept.h), written once, by session_begin; each sentence begins
 *              at a whole block
 *     self l:  those of the target tokens, one more of each slot in each step; a slot is `capacity` rows
 *
 *     tokens:  (slots, capacity) what each slot has read; only where the mask is knocked out, as then no key and value
 *              stays as it was, and each step runs all tokens again
 *
 * The capacity is small at first. When a step goes beyond it, a new arena with twice the capacity takes over.
 *
 * The last part holds, in session_begin, what the encoder needs; then, at each step, what the decoder needs for
 * one position, and the logits. */
#include "decode/session.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/size.h"
#include "math/matmul.h"
#include "math/vector.h"
#include "model/decoder.h"
#include "model/encoder.h"
#include "nn/kept_block.h"

enum { FIRST_CAPACITY = 32 };

struct Session {
    Pass pass;
    Arena arena;
    PositionTable positions;
    size_t each, slots;
    size_t capacity, most; /* positions of a slot: now; of the longest translation. Whole blocks */
    size_t M, longest;     /* source tokens; of the longest sentence */
    size_t rows;           /* of `cross` */
    uint32_t *source[2];   /* (B) the first of a sentence's, and one past the last */
    Kept *self, *cross;    /* (decoder_layers) */
    /* The rows of a step, (slots): where their keys and values are. */
    uint32_t *self_start, *self_end, *cross_start, *cross_end;
    int32_t *tokens; /* (slots, capacity), without the mask; else NULL */
    size_t scratch;  /* the arena's mark where the last part begins */
};

Session *session_create(const Parameters *params, const real *w, Pool *pool, const Knockout *knockout, bool int8) {
    const Hyper *h = &params->hyper;
    Session *s = memory_new(1, sizeof *s);
    const Compute compute = {.pool = pool, .packed = packed_weights_create(w, params->count, int8)};
    s->self = memory_new(h->decoder_layers, sizeof *s->self);
    s->cross = memory_new(h->decoder_layers, sizeof *s->cross);
    s->pass = (Pass){.net = {.compute = compute, .arena = &s->arena, .w = w}, .params = params, .knockout = knockout};
    return s;
}

void session_free(Session *s) {
    if (!s) return;
    packed_weights_free(s->pass.net.compute.packed);
    free(s->positions.table);
    free(s->self);
    free(s->cross);
    arena_free(&s->arena);
    free(s);
}

static bool unmasked(const Session *s) { return s->pass.knockout && s->pass.knockout->mask; }

static void lay_out_cache(Session *s, Arena *arena) {
    const Hyper *h = &s->pass.params->hyper;
    for (size_t l = 0; l < h->decoder_layers; l++) {
        s->cross[l] = kept_push(arena, s->rows, h->width);
        s->self[l] = kept_push(arena, (uint64_t)s->slots * s->capacity, h->width);
    }
    for (size_t i = 0; i < 2; i++) s->source[i] = arena_push(arena, s->slots / s->each, sizeof(uint32_t));
    uint32_t **const rows[] = {&s->self_start, &s->self_end, &s->cross_start, &s->cross_end};
    for (size_t i = 0; i < COUNT(rows); i++) *rows[i] = arena_push(arena, s->slots, sizeof(uint32_t));
    s->tokens = unmasked(s) ? arena_push(arena, (uint64_t)s->slots * s->capacity, sizeof(int32_t)) : NULL;
}

/* The arena that a batch of the present sizes needs: the cache, then the larger of encoding and a step. */
static uint64_t arena_bytes(Session *s) {
    const Hyper *h = &s->pass.params->hyper;
    Arena arena = arena_measure();
    lay_out_cache(s, &arena);
    const uint64_t encode = block_stack_bytes(h, PRECISION_FLOAT32, STACK_ENCODER, s->M, 0, false) +
                            decoder_project_bytes(h, s->M) + s->M * sizeof(uint32_t) + ARENA_ALIGNMENT;
    const uint64_t logits = (uint64_t)s->slots * h->vocab * sizeof(real) + 2 * ARENA_ALIGNMENT;
    const uint64_t rows = (uint64_t)s->slots * h->width * sizeof(real) + ARENA_ALIGNMENT;
    const uint64_t step =
        logits + (unmasked(s) ? rows + decoder_step_unmasked_bytes(h, s->capacity) : decoder_step_bytes(h, s->slots));
    return arena.used + (encode > step ? encode : step);
}

/* Room in the arena. A little more than is needed, where the system has it, spares the next longer batch a new one. */
static bool make_room(Session *s, Error *err) {
    if (s->slots > UINT32_MAX / s->capacity)
        return error_set(
            err, "%zu hypotheses of %zu tokens each are too many for one batch; lower the beam or the maximum length",
            s->slots, s->capacity);
    const uint64_t bytes = arena_bytes(s);
    arena_release(&s->arena, 0);
    if (bytes > s->arena.size) {
        arena_free(&s->arena);
        if (!arena_create(&s->arena, bytes + bytes / 4, err) && !arena_create(&s->arena, bytes, err))
            return error_set(err, "%s; less is needed with a smaller beam or maximum length", err->text);
    }
    const size_t keys = size_max(s->longest, s->capacity);
    s->pass.sinusoidal = pass_sinusoidal(&s->positions, &s->pass.params->hyper, keys);
    pool_reserve(s->pass.net.compute.pool, size_max(matmul_scratch(), attention_scratch(keys)), matmul_shared());
    lay_out_cache(s, &s->arena);
    return true;
}

/* The capacity to begin with: all that the present arena has room for, or else little. */
static size_t first_capacity(Session *s) {
    s->capacity = s->most;
    if (arena_bytes(s) <= s->arena.size) return s->most;
    size_t fits = size_min(FIRST_CAPACITY, s->most);
    while ((s->capacity = 2 * fits) < s->most && arena_bytes(s) <= s->arena.size) fits *= 2;
    return fits;
}

/* Twice the capacity, with everything kept. */
static bool grow(Session *s, Error *err) {
    const size_t layers = s->pass.params->hyper.decoder_layers, D = s->pass.params->hyper.width;
    const Session old = *s;
    Kept *kept = memory_new(2 * layers, sizeof *kept);
    for (size_t l = 0; l < layers; l++) kept[l] = s->self[l], kept[layers + l] = s->cross[l];
    s->arena = (Arena){0};
    s->capacity = size_min(2 * old.capacity, s->most);
    const bool ok = make_room(s, err);
    for (size_t i = 0; ok && i < 2 * (s->slots / s->each); i++) s->source[i % 2][i / 2] = old.source[i % 2][i / 2];
    for (size_t i = 0; ok && old.tokens && i < s->slots * old.capacity; i++)
        s->tokens[i / old.capacity * s->capacity + i % old.capacity] = old.tokens[i];
    for (size_t l = 0; ok && l < layers; l++) {
        kept_copy(s->cross[l], 0, kept[layers + l], 0, s->rows, D);
        for (size_t slot = 0; slot < s->slots; slot++)
            kept_copy(s->self[l], slot * s->capacity, kept[l], slot * old.capacity, old.capacity, D);
    }
    s->scratch = arena_mark(&s->arena);
    Arena before = old.arena;
    arena_free(&before);
    free(kept);
    return ok;
}

/* Runs the encoder, and keeps what the decoder attends to. */
static void encode(Session *s, Packed source) {
    uint32_t *row = arena_push(&s->arena, s->M, sizeof *row);
    EncoderTape tape;
    for (size_t b = 0; b < source.B; b++)
        for (uint32_t i = source.start[b]; i < source.start[b + 1]; i++) row[i] = s->source[0][b] + i - source.start[b];
    decoder_project_memory(&s->pass, s->cross, row, stored_floats(encoder_forward(&s->pass, &tape, source)), s->M);
}

bool session_begin(Session *s, Packed source, size_t each, size_t most, Error *err) {
    const Hyper *h = &s->pass.params->hyper;
    CHECK(each > 0 && most > 0 && most <= h->max_length, "a slot has room for 1 to max_length positions");
    s->each = each, s->slots = source.B * each, s->most = kept_rows(most);
    s->M = source.start[source.B], s->longest = source.longest, s->rows = 0;
    for (size_t b = 0; b < source.B; b++) {
        const size_t length = source.start[b + 1] - source.start[b];
        CHECK(length > 0 && length <= source.longest && length <= h->max_length, "a source sentence fits the model");
        s->rows += kept_rows(length);
    }
    s->capacity = first_capacity(s);
    if (!make_room(s, err)) return false;
    for (size_t b = 0, row = 0; b < source.B; b++) {
        const size_t length = source.start[b + 1] - source.start[b];
        s->source[0][b] = (uint32_t)row, s->source[1][b] = (uint32_t)(row + length);
        row += kept_rows(length);
    }
    s->scratch = arena_mark(&s->arena);
    if (source.B > 0) encode(s, source);
    return true;
}

/* decoder_step without the mask, row after row. */
static const real *step_unmasked(Session *s, const uint32_t *slot, const int32_t *token, size_t R, size_t position,
                                 DecoderCache cache) {
    const size_t D = s->pass.params->hyper.width;
    real *h = net_reals(&s->pass.net, R * D);
    for (size_t r = 0; r < R; r++, cache.cross_start++, cache.cross_end++) {
        int32_t *read = s->tokens + slot[r] * s->capacity;
        const uint64_t mark = arena_mark(&s->arena);
        read[position] = token[r];
        vector_copy(h + r * D, decoder_step_unmasked(&s->pass, read, position + 1, &cache), D);
        arena_release(&s->arena, mark);
    }
    return h;
}

real *session_step(Session *s, const uint32_t *slot, const int32_t *token, size_t R, size_t position, Error *err) {
    const Parameters *params = s->pass.params;
    CHECK(R <= s->slots && position < s->most, "a step within the session's sizes");
    if (position >= s->capacity && !grow(s, err)) return NULL;
    for (size_t r = 0; r < R; r++) {
        CHECK(slot[r] < s->slots, "a slot of this session");
        const size_t b = slot[r] / s->each, first = slot[r] * s->capacity;
        s->self_start[r] = (uint32_t)first, s->self_end[r] = (uint32_t)(first + position + 1);
        s->cross_start[r] = s->source[0][b], s->cross_end[r] = s->source[1][b];
    }
    const DecoderCache cache = {s->self,        s->cross,     s->self_start, s->self_end,
                                s->cross_start, s->cross_end, position + 1,  s->longest};
    arena_release(&s->arena, s->scratch);
    const real *h = unmasked(s) ? step_unmasked(s, slot, token, R, position, cache)
                                : decoder_step(&s->pass, token, R, position, &cache);
    real *logits = net_reals(&s->pass.net, R * params->hyper.vocab);
    linear_forward(s->pass.net.compute, logits, h, s->pass.net.w + params->output, NULL, R, params->hyper.width,
                   params->hyper.vocab);
    return logits;
}

typedef struct Copying {
    const Session *session;
    const SessionCopy *copies;
    size_t count, length;
} Copying;

static void copy_task(void *context, size_t task, size_t worker) {
    (void)worker;
    const Copying *c = context;
    const Session *s = c->session;
    const SessionCopy copy = c->copies[task % c->count];
    const Kept kept = s->self[task / c->count];
    kept_copy(kept, copy.to * s->capacity, kept, copy.from * s->capacity, c->length, s->pass.params->hyper.width);
}

void session_copy(Session *s, const SessionCopy *copies, size_t count, size_t length) {
    if (count == 0 || length == 0) return;
    CHECK(length <= s->capacity, "a slot has as many positions");
    for (size_t i = 0; s->tokens && i < count * length; i++) {
        const SessionCopy copy = copies[i / length];
        s->tokens[copy.to * s->capacity + i % length] = s->tokens[copy.from * s->capacity + i % length];
    }
    Copying c = {s, copies, count, length};
    pool_run(s->pass.net.compute.pool, "cache", count * s->pass.params->hyper.decoder_layers, copy_task, &c);
}
