#include "inspect/observe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/ds.h"
#include "base/size.h"
#include "decode/translator.h"
#include "math/vector.h"
#include "nn/sublayer.h"

enum { MOST_TOKENS = 500 }; /* a translation has at most this many, or twice as many as its source, if that is more */

/* ---- the search -------------------------------------------------------------------------------------------------- */

/* The number, in the list of a position, of its `nth` continuation that was kept and has not finished. */
static ptrdiff_t unfinished(const Considered *list, size_t nth) {
    for (size_t i = 0; i < stbds_arrlenu(list); i++)
        if (list[i].kept && list[i].token != TOKEN_END && nth-- == 0) return (ptrdiff_t)i;
    CHECK(false, "a continuation has a parent");
}

static void watch(void *context, size_t b, size_t position, const SearchConsidered *list, size_t count) {
    (void)b;
    Observation *o = context;
    Considered *here = NULL;
    for (size_t i = 0; i < count; i++) {
        const ptrdiff_t parent = position > 0 ? unfinished(o->beam[position - 1], list[i].parent) : -1;
        const Considered one = {list[i].token, parent, list[i].log_probability, list[i].kept, false};
        stbds_arrput(here, one);
    }
    stbds_arrput(o->beam, here);
}

/* Marks the continuations that the translation is made of. */
static void mark_best(Observation *o) {
    ptrdiff_t parent = -1;
    for (size_t t = 0; t < o->T && t < stbds_arrlenu(o->beam); t++)
        for (size_t i = 0; i < stbds_arrlenu(o->beam[t]); i++) {
            Considered *one = &o->beam[t][i];
            if (one->parent != parent || one->token != o->says[t] || !one->kept) continue;
            one->best = true;
            parent = (ptrdiff_t)i;
            break;
        }
}

static bool search(Observation *o, const char *text, size_t beam, Error *err) {
    const char *path = o->file->path;
    const size_t P = o->file->params.hyper.max_length;
    tokenizer_encode(o->tokenizer, &o->source, text, strlen(text));
    o->S = stbds_arrlenu(o->source) + 1;
    if (o->S == 1) return error_set(err, "expected a sentence, found a text without a word");
    if (o->S > P)
        return error_set(err, "a text of %zu tokens: expected at most %zu, which %s takes; choose a shorter sentence",
                         o->S - 1, P - 1, path);
    stbds_arrput(o->source, TOKEN_END);
    SearchOptions how = o->file->info.decode;
    if (beam > 0) how.beam = beam;
    how.max_length = size_max(MOST_TOKENS, size_min(2 * o->S, P)); /* a page grows with the square of its tokens */
    if (!search_check(&how, &o->file->params.hyper, path, err)) return false;
    o->search = search_create(&o->file->params, o->file->w, o->pool, how);
    search_watch(o->search, watch, o);
    const uint32_t start[] = {0, (uint32_t)o->S};
    Translation found;
    if (!search_run(o->search, (Packed){1, o->source, start, o->S}, &found, err)) return false;
    if (!isfinite(found.log_probability))
        return error_set(err, "%s: the model's numbers are not finite for this sentence", path);
    o->T = found.length + found.finished;
    o->target = memory_new(o->T, sizeof *o->target);
    o->says = memory_new(o->T, sizeof *o->says);
    for (size_t i = 0; i < o->T; i++) {
        o->target[i] = i > 0 ? found.ids[i - 1] : TOKEN_BEGIN;
        o->says[i] = i < found.length ? found.ids[i] : TOKEN_END;
    }
    mark_best(o);
    return true;
}

/* ---- its attentions ---------------------------------------------------------------------------------------------- */

size_t observation_attentions(const Observation *o) {
    const Hyper *h = &o->file->params.hyper;
    return h->encoder_layers + 2 * h->decoder_layers;
}

size_t observation_number(const Observation *o, AttentionKind kind, size_t layer) {
    const Hyper *h = &o->file->params.hyper;
    return layer + (kind == ATTENTION_ENCODER   ? 0
                    : kind == ATTENTION_DECODER ? h->encoder_layers
                                                : h->encoder_layers + h->decoder_layers);
}

/* The part of a view that is known before the pass. */
static AttentionView view_of(const Observation *o, size_t number) {
    const Hyper *h = &o->file->params.hyper;
    const AttentionKind kind = number < h->encoder_layers                       ? ATTENTION_ENCODER
                               : number < h->encoder_layers + h->decoder_layers ? ATTENTION_DECODER
                                                                                : ATTENTION_CROSS;
    AttentionView view = {.kind = kind, .layer = number - observation_number(o, kind, 0), .H = h->heads};
    view.K = h->width / h->heads;
    view.Tq = kind == ATTENTION_ENCODER ? o->S : o->T, view.Tk = kind == ATTENTION_DECODER ? o->T : o->S;
    return view;
}

AttentionView observation_view(const Observation *o, size_t number) {
    AttentionView view = view_of(o, number);
    const uint32_t rows[] = {0, (uint32_t)view.Tq};
    const AttentionShape shape = {.B = 1, .query_start = rows, .causal = view.kind == ATTENTION_DECODER};
    const AttentionBlock block = block_attention(&o->pass, view.kind, view.layer, shape, (Stored){0}, 0);
    const MultiheadParams params = block.attention.params;
    view.causal = block.attention.shape.causal;
    const real *w = o->pass.net.w;
    const AttentionBlockTape *tape = view.kind == ATTENTION_ENCODER   ? &o->model.encoder.layers[view.layer].self
                                     : view.kind == ATTENTION_DECODER ? &o->model.decoder.layers[view.layer].self
                                                                      : &o->model.decoder.layers[view.layer].cross;
    view.p = o->shown[number];
    view.in = multihead_input(&tape->attention, o->file->params.hyper.width);
    view.joined = stored_floats(tape->attention.att);
    view.memory = view.kind == ATTENTION_CROSS ? o->memory : NULL;
    view.weight = w + params.in.weight, view.bias = w + params.in.bias;
    view.out_weight = w + params.out.weight, view.out_bias = w + params.out.bias;
    view.tape = &tape->sublayer, view.sublayer = block.sublayer;
    return view;
}

void observation_inputs(const Observation *o, const AttentionView *view, real *x) {
    const Stored room = stored_reals(x, view->sublayer.D);
    const real *in = stored_floats(sublayer_input_again(&o->pass.net, view->tape, room, &view->sublayer));
    if (in != x) vector_copy(x, in, view->Tq * view->sublayer.D);
}

const real *observation_places(const Observation *o, PositionTable *room, size_t most, size_t *places) {
    const Hyper *h = &o->file->params.hyper;
    const real *positions = pass_positions(&o->pass, STACK_ENCODER);
    *places = size_min(most, h->max_length);
    /* the pass has no more sinusoidal positions than it needed */
    return positions && h->positions == POSITIONS_SINUSOIDAL ? pass_sinusoidal(room, h, *places) : positions;
}

/* ---- the pass ---------------------------------------------------------------------------------------------------- */

static bool run_model(Observation *o, Error *err) {
    const Parameters *params = &o->file->params;
    const Hyper *h = &params->hyper;
    const size_t S = o->S, T = o->T, D = h->width, V = h->vocab;
    const uint32_t source_start[] = {0, (uint32_t)S}, target_start[] = {0, (uint32_t)T};
    const Packed source = {1, o->source, source_start, S}, target = {1, o->target, target_start, T};
    if (!transformer_create(&o->model, h, (Compute){.pool = o->pool}, (TransformerLimits){S, T, S, T}, TRAINING_ONCE,
                            err))
        return false;
    o->model.knockout = o->file->info.decode.knockout;
    o->pass = transformer_pass(&o->model, o->file->w);
    o->shown = memory_new(observation_attentions(o), sizeof *o->shown);
    for (size_t i = 0; i < observation_attentions(o); i++) {
        const AttentionView view = view_of(o, i);
        o->shown[i] = memory_new(view.H * view.Tq, view.Tk * sizeof(real));
        if (view.layer == 0) o->pass.shown[view.kind] = &o->shown[i];
    }
    o->pass.keep = true;
    const Stacks stacks = transformer_forward(&o->model, &o->pass, source, target);
    o->memory = stored_floats(stacks.memory), o->out = stored_floats(stacks.out);
    o->probabilities = memory_new(T * V, sizeof(real));
    matmul(o->pass.net.compute, MATMUL_WRITE, o->probabilities, V, matrix(o->out, D),
           transposed(o->pass.net.w + params->output, D), T, V, D, NULL);
    for (size_t i = 0; i < T; i++)
        if (!isfinite(vector_softmax(o->probabilities + i * V, o->probabilities + i * V, V)))
            return error_set(err, "%s: the model's numbers are not finite for this sentence", o->file->path);
    return true;
}

bool observation_make(Observation *o, const ModelFile *file, const Tokenizer *tokenizer, Pool *pool, const char *text,
                      size_t beam, Error *err) {
    *o = (Observation){.file = file, .tokenizer = tokenizer, .pool = pool};
    if (search(o, text, beam, err) && run_model(o, err)) return true;
    observation_free(o);
    return false;
}

void observation_free(Observation *o) {
    for (size_t i = 0; o->shown && i < observation_attentions(o); i++) free(o->shown[i]);
    free(o->shown);
    for (size_t t = 0; t < stbds_arrlenu(o->beam); t++) stbds_arrfree(o->beam[t]);
    stbds_arrfree(o->beam);
    stbds_arrfree(o->source);
    free(o->target);
    free(o->says);
    free(o->probabilities);
    search_free(o->search);
    transformer_free(&o->model);
}
