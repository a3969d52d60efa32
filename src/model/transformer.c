#include "model/transformer.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/size.h"
#include "math/vector.h"
#include "nn/attention.h"
#include "nn/rows.h"

/* ---- a batch ----------------------------------------------------------------------------------------------------- */

Stacks transformer_forward(Transformer *model, const Pass *pass, Packed source, Packed target) {
    const Stored memory = encoder_forward(pass, &model->encoder, source);
    return (Stacks){memory, decoder_forward(pass, &model->decoder, target, source, memory)};
}

static LossShape loss_shape(const Hyper *h, size_t N, LossOptions options) {
    return (LossShape){N, h->width, h->vocab, options};
}

/* The output layer's weights meet one block of rows after another (nn/loss.c), so packing them pays; all others are
 * used once forward and once backward. */
static size_t output_count(const Parameters *params) { return params->hyper.vocab * params->hyper.width; }

/* Called at the start, because weights have changed, and between forward, loss and backward, because each reads other
 * packed copies. */
static void forget_rounded(Transformer *model) {
    if (model->compute.rounded) rounded_weights_forget(model->compute.rounded);
}

Loss transformer_train(Transformer *model, const real *w, real *dw, Packed source, Packed target_in,
                       const int32_t *target_out, LossOptions options, real scale, TransformerStep step) {
    const Parameters *params = &model->params;
    const size_t Ns = source.start[source.B], Nt = target_in.start[target_in.B], D = params->hyper.width;
    Pass pass = transformer_pass(model, w);
    forget_rounded(model);
    pass.knockout = NULL;
    pass.net.compute = model->compute, pass.net.dw = dw;
    pass.keep = pass.training = true;
    pass.seed = step.seed, pass.step = step.step, pass.piece = step.piece;

    const Stacks stacks = transformer_forward(model, &pass, source, target_in);
    forget_rounded(model);
    if (model->compute.packed) packed_weights_forget(model->compute.packed, w + params->output, output_count(params));
    real *dout = net_reals(&pass.net, Nt * D), *dmemory = net_reals(&pass.net, Ns * D);
    const Loss loss = loss_run(&pass.net, dout, params->output, stacks.out, target_out, scale,
                               loss_shape(&params->hyper, Nt, options));
    forget_rounded(model);
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
                    loss_shape(&params->hyper, target_in.start[target_in.B], (LossOptions){.smoothing = smoothing}));
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

/* Bytes that weights take as products in bfloat16 read them: those of all layers forward or backward, or those of the
 * output layer both ways (see forget_rounded). */
static uint64_t one_way(uint64_t I, uint64_t O) {
    const uint64_t forward = rounded_bytes(I, O), backward = rounded_bytes(O, I);
    return forward > backward ? forward : backward;
}
static uint64_t rounded_weights_bytes(const Hyper *h) {
    const uint64_t D = h->width, F = h->feedforward, V = h->vocab;
    const uint64_t self = one_way(D, 3 * D) + one_way(D, D), feedforward = one_way(D, F) + one_way(F, D);
    const uint64_t cross = one_way(D, D) + one_way(D, 2 * D) + one_way(D, D);
    const uint64_t layers = h->encoder_layers * (self + feedforward) + h->decoder_layers * (self + cross + feedforward);
    const uint64_t output = rounded_bytes(D, V) + rounded_bytes(V, D);
    return layers > output ? layers : output;
}

/* Of the loss, what the size of scratch memory depends on: whether there is R-Drop. */
static LossOptions loss_of(TrainingPasses training) {
    return (LossOptions){.rdrop = training == TRAINING_TWICE ? 1 : 0};
}

/* Bytes of the arena for a pass over whole sentences. */
static uint64_t pass_bytes(const Hyper *h, Precision precision, size_t Ns, size_t Nt, TrainingPasses training) {
    const bool backward = training != TRAINING_NONE;
    const uint64_t gradients = backward ? (uint64_t)(Ns + Nt) * h->width * sizeof(real) : 0; /* dout, dmemory */
    return block_stack_bytes(h, precision, STACK_ENCODER, Ns, 0, backward) +
           block_stack_bytes(h, precision, STACK_DECODER, Nt, Ns, backward) + gradients +
           loss_scratch(precision, loss_shape(h, Nt, loss_of(training)));
}

bool transformer_reserve(Transformer *model, TransformerLimits limits, TrainingPasses training, Error *err) {
    const Hyper *h = &model->params.hyper;
    Compute *compute = &model->compute;
    const bool bfloat16 = training && compute->precision == PRECISION_BFLOAT16;
    const size_t Ns = limits.source_tokens, Nt = limits.target_tokens;
    const size_t keys = size_max(limits.longest_source, limits.longest_target);
    /* In training, also to evaluate, which is in float32 and without R-Drop. */
    uint64_t bytes = pass_bytes(h, PRECISION_FLOAT32, Ns, Nt, TRAINING_NONE);
    const uint64_t trained = training ? pass_bytes(h, compute->precision, Ns, Nt, training) : 0;
    if (trained > bytes) bytes = trained;
    if (bfloat16) {
        if (!compute->rounded) compute->rounded = rounded_weights_create(rounded_weights_bytes(h), err);
        if (!compute->rounded) return false;
    } else if (training && !compute->packed) {
        static const real none[1]; /* a pass says which */
        compute->packed = packed_weights_create(none, 0, false);
    }
    if (bytes > model->arena.size) {
        arena_free(&model->arena);
        if (!arena_create(&model->arena, bytes, err)) return false;
    }
    pass_sinusoidal(&model->positions, h, keys);
    size_t scratch = size_max(size_max(matmul_scratch(), attention_scratch(keys)),
                              loss_pool_scratch(loss_shape(h, Nt, loss_of(training))));
    if (bfloat16) {
        scratch = size_max(scratch, attention_stored_scratch(keys, h->width / h->heads));
        scratch = size_max(scratch, matmul_stored_scratch(h->vocab));
    }
    pool_reserve(compute->pool, scratch,
                 size_max(matmul_shared(), rows_sum_shared(1, size_max(3 * h->width, h->feedforward))));
    return true;
}

bool transformer_create(Transformer *model, const Hyper *hyper, Compute compute, TransformerLimits limits,
                        TrainingPasses training, Error *err) {
    *model = transformer_new(hyper, compute);
    if (transformer_reserve(model, limits, training, err)) return true;
    transformer_free(model);
    return false;
}

void transformer_free(Transformer *model) {
    free(model->positions.table);
    rounded_weights_free(model->compute.rounded);
    packed_weights_free(model->compute.packed);
    arena_free(&model->arena);
    parameters_free(&model->params);
    *model = (Transformer){0};
}
