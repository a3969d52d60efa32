#include "model/transformer.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/size.h"
#include "math/vector.h"
#include "nn/attention.h"
#include "nn/rows.h"

/* ---- a batch ----------------------------------------------------------------------------------------------------- */

Stacks transformer_forward(Transformer *model, const Pass *pass, Packed source, Packed target) {
    const real *memory = encoder_forward(pass, &model->encoder, source);
    return (Stacks){memory, decoder_forward(pass, &model->decoder, target, source, memory)};
}

static LossShape loss_shape(const Hyper *h, size_t N, double smoothing) {
    return (LossShape){N, h->width, h->vocab, smoothing};
}

Loss transformer_train(Transformer *model, const real *w, real *dw, Packed source, Packed target_in,
                       const int32_t *target_out, double smoothing, real scale, TransformerStep step) {
    const Parameters *params = &model->params;
    const size_t Ns = source.start[source.B], Nt = target_in.start[target_in.B], D = params->hyper.width;
    Pass pass = transformer_pass(model, w);
    pass.knockout = NULL;
    pass.net.compute = model->compute, pass.net.dw = dw;
    pass.keep = pass.training = true;
    pass.seed = step.seed, pass.step = step.step, pass.piece = step.piece;

    const Stacks stacks = transformer_forward(model, &pass, source, target_in);
    real *dout = net_reals(&pass.net, Nt * D), *dmemory = net_reals(&pass.net, Ns * D);
    const Loss loss = loss_run(&pass.net, dout, params->output, stacks.out, target_out, scale,
                               loss_shape(&params->hyper, Nt, smoothing));
    vector_clear(dmemory, Ns * D); /* each decoder layer adds its share */
    decoder_backward(&pass, &model->decoder, dout, dmemory, target_in, source, stacks.memory);
    encoder_backward(&pass, &model->encoder, dmemory, source);
    return loss;
}

Loss transformer_evaluate(Transformer *model, const real *w, Packed source, Packed target_in, const int32_t *target_out,
                          double smoothing) {
    const Parameters *params = &model->params;
    const Pass pass = transformer_pass(model, w);
    const Stacks stacks = transformer_forward(model, &pass, source, target_in);
    return loss_run(&pass.net, NULL, params->output, stacks.out, target_out, 1,
                    loss_shape(&params->hyper, target_in.start[target_in.B], smoothing));
}

/* ---- the model and its memory ------------------------------------------------------------------------------------ */

Pass transformer_pass(Transformer *model, const real *w) {
    arena_release(&model->arena, 0);
    const Net net = {.compute = {.pool = model->compute.pool}, .arena = &model->arena, .w = w};
    return (Pass){
        .net = net, .params = &model->params, .sinusoidal = model->positions.table, .knockout = model->knockout};
}

Transformer transformer_new(const Hyper *hyper, Compute compute) {
    return (Transformer){.params = parameters_create(hyper), .compute = compute};
}

bool transformer_reserve(Transformer *model, TransformerLimits limits, bool training, Error *err) {
    const Hyper *h = &model->params.hyper;
    const size_t Ns = limits.source_tokens, Nt = limits.target_tokens;
    const size_t keys = size_max(limits.longest_source, limits.longest_target);
    const uint64_t gradients = (uint64_t)(Ns + Nt) * h->width * sizeof(real); /* dout, dmemory */
    const uint64_t bytes = block_stack_bytes(h, STACK_ENCODER, Ns, 0, training) +
                           block_stack_bytes(h, STACK_DECODER, Nt, Ns, training) + gradients +
                           loss_scratch(loss_shape(h, Nt, 0));
    if (bytes > model->arena.size) {
        arena_free(&model->arena);
        if (!arena_create(&model->arena, bytes, err)) return false;
    }
    pass_sinusoidal(&model->positions, h, keys);
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
    free(model->positions.table);
    arena_free(&model->arena);
    parameters_free(&model->params);
    *model = (Transformer){0};
}
