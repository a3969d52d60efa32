/* The whole model. */
#include "model/transformer.h"

#include <stdlib.h>

#include "base/size.h"
#include "math/vector.h"
#include "nn/attention.h"
#include "nn/rows.h"

/* The gradients of both stacks' outputs; NULL in a pass that does not go backward. */
typedef struct Kept {
    real *d, *dmemory; /* (Nt, D), (Ns, D) */
} Kept;

/* Lays out what a pass keeps: both tapes and, going backward, these gradients. */
static Kept lay_out(EncoderTape *encoder, DecoderTape *decoder, Arena *arena, const Parameters *params, size_t Ns,
                    size_t Nt, bool keep) {
    Kept kept = {NULL, NULL};
    encoder_lay_out(encoder, arena, params, Ns, keep);
    decoder_lay_out(decoder, arena, params, Nt, Ns, keep);
    if (keep) {
        kept.d = arena_push(arena, Nt * params->hyper.width, sizeof(real));
        kept.dmemory = arena_push(arena, Ns * params->hyper.width, sizeof(real));
    }
    return kept;
}

static LossShape loss_shape(const Hyper *h, size_t N, double smoothing) {
    return (LossShape){N, h->width, h->vocab, smoothing};
}

/* The bytes that the arena takes at most; the tapes' pointers are made anew by each pass. */
static size_t arena_bytes(Transformer *model, TransformerLimits limits, bool training) {
    const Parameters *params = &model->params;
    const size_t Ns = limits.source_tokens, Nt = limits.target_tokens;
    Arena arena = arena_measure();
    lay_out(&model->encoder, &model->decoder, &arena, params, Ns, Nt, training);
    size_t scratch = size_max(encoder_scratch(params, Ns), decoder_scratch(params, Nt, Ns));
    scratch = size_max(scratch * sizeof(real), loss_scratch(loss_shape(&params->hyper, Nt, 0)));
    return arena.used + scratch + 16 * ARENA_ALIGNMENT; /* a dozen pushes are rounded up */
}

Transformer transformer_new(const Hyper *hyper, Compute compute) {
    Transformer model = {.params = parameters_create(hyper), .compute = compute};
    model.encoder = encoder_tape_new(&model.params);
    model.decoder = decoder_tape_new(&model.params);
    return model;
}

bool transformer_reserve(Transformer *model, TransformerLimits limits, bool training, Error *err) {
    const Hyper *h = &model->params.hyper;
    const size_t bytes = arena_bytes(model, limits, training);
    if (bytes > model->arena.size) {
        arena_free(&model->arena);
        if (!arena_create(&model->arena, bytes, err)) return false;
    }
    if (!model->positions) model->positions = pass_sinusoidal(h);
    const size_t keys = size_max(limits.longest_source, limits.longest_target);
    pool_reserve(model->compute.pool, size_max(matmul_scratch(), attention_scratch(keys)),
                 size_max(matmul_shared(), rows_sum_shared(1, size_max(3 * h->width, h->feedforward))));
    return true;
}

bool transformer_create(Transformer *model, const Hyper *hyper, Compute compute, TransformerLimits limits,
                        bool training, Error *err) {
    *model = transformer_new(hyper, compute);
    if (transformer_reserve(model, limits, training, err)) return true;
    transformer_free(model);
    return false;
}

void transformer_free(Transformer *model) {
    encoder_tape_free(&model->encoder);
    decoder_tape_free(&model->decoder);
    free(model->positions);
    arena_free(&model->arena);
    parameters_free(&model->params);
    *model = (Transformer){0};
}

Pass transformer_pass(Transformer *model, const real *w) {
    arena_release(&model->arena, 0);
    return (Pass){
        .compute = {.pool = model->compute.pool},
        .arena = &model->arena,
        .params = &model->params,
        .w = w,
        .positions = model->positions,
    };
}

Loss transformer_train(Transformer *model, const real *w, real *dw, Packed source, Packed target_in,
                       const int32_t *target_out, double smoothing, real scale, TransformerStep step) {
    const Parameters *params = &model->params;
    const size_t Ns = source.start[source.B], Nt = target_in.start[target_in.B], D = params->hyper.width;
    Pass pass = transformer_pass(model, w);
    pass.compute = model->compute, pass.dw = dw, pass.training = true;
    pass.seed = step.seed, pass.step = step.step, pass.piece = step.piece;
    Kept kept = lay_out(&model->encoder, &model->decoder, pass.arena, params, Ns, Nt, true);

    const real *memory = encoder_forward(&pass, &model->encoder, source);
    const real *h = decoder_forward(&pass, &model->decoder, target_in, source, memory);
    vector_clear(kept.d, Nt * D);
    vector_clear(kept.dmemory, Ns * D);
    Loss loss = loss_run(pass.compute, pass.arena, kept.d, dw + params->output, h, w + params->output, target_out,
                         scale, loss_shape(&params->hyper, Nt, smoothing));
    decoder_backward(&pass, &model->decoder, kept.d, kept.dmemory, target_in, source, memory);
    encoder_backward(&pass, &model->encoder, kept.dmemory, source);
    return loss;
}

Loss transformer_evaluate(Transformer *model, const real *w, Packed source, Packed target_in, const int32_t *target_out,
                          double smoothing) {
    const Parameters *params = &model->params;
    const size_t Ns = source.start[source.B], Nt = target_in.start[target_in.B];
    Pass pass = transformer_pass(model, w);
    lay_out(&model->encoder, &model->decoder, pass.arena, params, Ns, Nt, false);
    const real *memory = encoder_forward(&pass, &model->encoder, source);
    const real *h = decoder_forward(&pass, &model->decoder, target_in, source, memory);
    return loss_run(pass.compute, pass.arena, NULL, NULL, h, w + params->output, target_out, 1,
                    loss_shape(&params->hyper, Nt, smoothing));
}
