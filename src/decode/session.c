/* The arena of a session, for one batch, with L decoder layers:
 *
 *     | cross 0 | self 0 | ... | cross L-1 | self L-1 | row numbers | used twice, see below |
 *
 *     cross l: (M, 2D) keys and values of the source tokens, written once, by session_begin
 *     self l:  (slots * capacity, 2D) keys and values of the target tokens, one more of each row in each step
 *
 * The last part holds, in session_begin, what the encoder needs; from then on, what the decoder needs for one position,
 * and the logits. */
#include "decode/session.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/size.h"
#include "math/matmul.h"
#include "math/vector.h"
#include "model/decoder.h"
#include "model/encoder.h"

struct Session {
    Pass pass;
    Arena arena;
    real *positions; /* (P, D) sinusoidal positions; NULL: learned */
    EncoderTape encoder;
    DecoderTape decoder;
    size_t each, slots, capacity;
    size_t M, longest;      /* source tokens; of the longest sentence */
    uint32_t *source_start; /* (B + 1) */
    real **self, **cross;   /* (decoder_layers) arrays (slots * capacity, 2D) and (M, 2D): keys, values */
    /* The rows of a step, (slots): where their keys and values are. */
    uint32_t *self_start, *self_end, *cross_start, *cross_end;
    real *logits; /* (slots, V) */
};

Session *session_create(const Parameters *params, const real *w, Pool *pool) {
    const Hyper *h = &params->hyper;
    Session *s = memory_new(1, sizeof *s);
    s->positions = pass_sinusoidal(h);
    const Compute compute = {.pool = pool, .packed = packed_weights_create(w, params->count)};
    s->encoder = encoder_tape_new(params);
    s->decoder = decoder_tape_new(params);
    s->self = memory_new(h->decoder_layers, sizeof *s->self);
    s->cross = memory_new(h->decoder_layers, sizeof *s->cross);
    s->pass = (Pass){.compute = compute, .arena = &s->arena, .params = params, .w = w, .positions = s->positions};
    return s;
}

void session_free(Session *s) {
    if (!s) return;
    packed_weights_free(s->pass.compute.packed);
    encoder_tape_free(&s->encoder);
    decoder_tape_free(&s->decoder);
    free(s->positions);
    free(s->self);
    free(s->cross);
    arena_free(&s->arena);
    free(s);
}

static void lay_out_cache(Session *s, Arena *arena) {
    const Hyper *h = &s->pass.params->hyper;
    for (size_t l = 0; l < h->decoder_layers; l++) {
        s->cross[l] = arena_push(arena, s->M * 2 * h->width, sizeof(real));
        s->self[l] = arena_push(arena, s->slots * s->capacity * 2 * h->width, sizeof(real));
    }
    s->source_start = arena_push(arena, s->slots / s->each + 1, sizeof(uint32_t));
    uint32_t **const rows[] = {&s->self_start, &s->self_end, &s->cross_start, &s->cross_end};
    for (size_t i = 0; i < 4; i++) *rows[i] = arena_push(arena, s->slots, sizeof(uint32_t));
}

static void lay_out_step(Session *s, Arena *arena) {
    decoder_lay_out(&s->decoder, arena, s->pass.params, s->slots, 0, false);
    s->logits = arena_push(arena, s->slots * s->pass.params->hyper.vocab, sizeof(real));
}

/* The arena that a batch of the present sizes needs; the tapes' pointers are made anew afterwards. */
static size_t arena_bytes(Session *s) {
    const Parameters *params = s->pass.params;
    Arena arena = arena_measure();
    lay_out_cache(s, &arena);
    const size_t mark = arena_mark(&arena);
    encoder_lay_out(&s->encoder, &arena, params, s->M, false);
    const size_t encoding = arena.used + encoder_scratch(params, s->M) * sizeof(real);
    arena_release(&arena, mark);
    lay_out_step(s, &arena);
    const size_t row_numbers = (s->slots + 1) * sizeof(uint32_t); /* decoder_step's */
    const size_t stepping = arena.used + decoder_scratch(params, s->slots, 0) * sizeof(real) + row_numbers;
    return size_max(encoding, stepping) + 16 * ARENA_ALIGNMENT; /* a dozen pushes are rounded up */
}

/* Room in the arena. A little more than is needed, where the system has it, spares the next longer batch a new one. */
static bool make_room(Session *s, Error *err) {
    const size_t bytes = arena_bytes(s);
    arena_release(&s->arena, 0);
    if (bytes <= s->arena.size) return true;
    arena_free(&s->arena);
    return arena_create(&s->arena, bytes + bytes / 4, err) || arena_create(&s->arena, bytes, err);
}

bool session_begin(Session *s, Packed source, size_t each, size_t capacity, Error *err) {
    const Hyper *h = &s->pass.params->hyper;
    CHECK(each > 0 && capacity > 0 && capacity <= h->max_length, "a slot has room for 1 to max_length positions");
    if (source.B > UINT32_MAX / each / capacity)
        return error_set(err, "%zu sentences of %zu hypotheses with %zu tokens each are too many for one batch",
                         source.B, each, capacity);
    s->each = each, s->slots = source.B * each, s->capacity = capacity;
    s->M = source.start[source.B], s->longest = source.longest;
    for (size_t b = 0; b < source.B; b++) {
        const size_t length = source.start[b + 1] - source.start[b];
        CHECK(length > 0 && length <= source.longest && length <= h->max_length, "a source sentence fits the model");
    }
    if (!make_room(s, err)) return false;
    const size_t keys = size_max(s->longest, capacity);
    pool_reserve(s->pass.compute.pool, size_max(matmul_scratch(), attention_scratch(keys)), matmul_shared());

    lay_out_cache(s, &s->arena);
    for (size_t b = 0; b <= source.B; b++) s->source_start[b] = source.start[b];
    const size_t mark = arena_mark(&s->arena);
    if (source.B > 0) {
        encoder_lay_out(&s->encoder, &s->arena, s->pass.params, s->M, false);
        const real *memory = encoder_forward(&s->pass, &s->encoder, source);
        decoder_project_memory(&s->pass, s->cross, memory, s->M);
        arena_release(&s->arena, mark);
    }
    lay_out_step(s, &s->arena);
    return true;
}

real *session_step(Session *s, const uint32_t *slot, const int32_t *token, size_t R, size_t position) {
    const Parameters *params = s->pass.params;
    CHECK(R <= s->slots && position < s->capacity, "a step within the session's sizes");
    for (size_t r = 0; r < R; r++) {
        CHECK(slot[r] < s->slots, "a slot of this session");
        const size_t b = slot[r] / s->each, first = slot[r] * s->capacity;
        s->self_start[r] = (uint32_t)first, s->self_end[r] = (uint32_t)(first + position + 1);
        s->cross_start[r] = s->source_start[b], s->cross_end[r] = s->source_start[b + 1];
    }
    const DecoderCache cache = {s->self,        s->cross,     s->self_start, s->self_end,
                                s->cross_start, s->cross_end, position + 1,  s->longest};
    const real *h = decoder_step(&s->pass, &s->decoder, token, R, position, &cache);
    linear_forward(s->pass.compute, s->logits, h, s->pass.w + params->output, NULL, R, params->hyper.width,
                   params->hyper.vocab);
    return s->logits;
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
    real *rows = s->self[task / c->count];
    const size_t row = 2 * s->pass.params->hyper.width, slot = s->capacity * row;
    vector_copy(rows + copy.to * slot, rows + copy.from * slot, c->length * row);
}

void session_copy(Session *s, const SessionCopy *copies, size_t count, size_t length) {
    if (count == 0 || length == 0) return;
    CHECK(length <= s->capacity, "a slot has as many positions");
    Copying c = {s, copies, count, length};
    pool_run(s->pass.compute.pool, "cache", count * s->pass.params->hyper.decoder_layers, copy_task, &c);
}
