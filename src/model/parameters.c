#include "model/parameters.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/ds.h"
#include "base/rng.h"

/* Appends a tensor to the table and returns its offset. */
static __attribute__((format(printf, 6, 7))) size_t tensor(Parameters *p, size_t rows, size_t cols, Init init,
                                                           double spread, const char *format, ...) {
    Tensor t = {"", rows, cols, p->count, (rows ? rows : 1) * cols, init, spread};
    va_list args;
    va_start(args, format);
    int length = vsnprintf(t.name, sizeof t.name, format, args);
    va_end(args);
    CHECK(length > 0 && (size_t)length < sizeof t.name, "a tensor name fits its place");
    stbds_arrput(p->tensors, t);
    p->tensor_count = stbds_arrlenu(p->tensors);
    p->count = t.count < SIZE_MAX - p->count ? p->count + t.count : SIZE_MAX; /* then there is no memory for it */
    return t.offset;
}

/* Xavier: uniform within sqrt(6 / (inputs + outputs)). */
static double xavier(size_t inputs, size_t outputs) { return sqrt(6.0 / (double)(inputs + outputs)); }

static size_t embedding(Parameters *p, size_t rows, const char *name) {
    return tensor(p, rows, p->hyper.width, INIT_NORMAL, 1 / sqrt((double)p->hyper.width), "%s", name);
}

static LinearParams linear(Parameters *p, size_t outputs, size_t inputs, const char *prefix, const char *name) {
    LinearParams at;
    at.weight = tensor(p, outputs, inputs, INIT_UNIFORM, xavier(inputs, outputs), "%s%s.weight", prefix, name);
    at.bias = tensor(p, 0, outputs, INIT_ZERO, 0, "%s%s.bias", prefix, name);
    return at;
}

static LayernormParams norm(Parameters *p, const char *prefix, const char *name) {
    LayernormParams at;
    at.weight = tensor(p, 0, p->hyper.width, INIT_ONE, 0, "%s%s.weight", prefix, name);
    at.bias = tensor(p, 0, p->hyper.width, INIT_ZERO, 0, "%s%s.bias", prefix, name);
    return at;
}

/* q, k and v are together: first the three weights, then the three biases. */
static MultiheadParams multihead(Parameters *p, const char *prefix, const char *name) {
    static const char *const projections[3] = {"q_proj", "k_proj", "v_proj"};
    const size_t D = p->hyper.width;
    char inside[64];
    snprintf(inside, sizeof inside, "%s%s.", prefix, name);
    MultiheadParams at;
    at.in.weight = p->count;
    for (int i = 0; i < 3; i++) tensor(p, D, D, INIT_UNIFORM, xavier(D, 3 * D), "%s%s.weight", inside, projections[i]);
    at.in.bias = p->count;
    for (int i = 0; i < 3; i++) tensor(p, 0, D, INIT_ZERO, 0, "%s%s.bias", inside, projections[i]);
    at.out = linear(p, D, D, inside, "out_proj");
    return at;
}

static FeedforwardParams feedforward(Parameters *p, const char *prefix) {
    FeedforwardParams at;
    at.fc1 = linear(p, p->hyper.feedforward, p->hyper.width, prefix, "fc1");
    at.fc2 = linear(p, p->hyper.width, p->hyper.feedforward, prefix, "fc2");
    return at;
}

Parameters parameters_create(const Hyper *hyper) {
    Parameters made = {.hyper = *hyper}, *p = &made;
    char prefix[64];
    p->encoder = memory_new(hyper->encoder_layers, sizeof *p->encoder);
    p->decoder = memory_new(hyper->decoder_layers, sizeof *p->decoder);

    if (hyper->tying == TYING_ALL) {
        p->encoder_embedding = p->decoder_embedding = p->output = embedding(p, hyper->vocab, "shared.weight");
    } else {
        p->encoder_embedding = embedding(p, hyper->vocab, "encoder.embed_tokens.weight");
        p->decoder_embedding = p->output = embedding(p, hyper->vocab, "decoder.embed_tokens.weight");
        if (hyper->tying == TYING_NONE) p->output = embedding(p, hyper->vocab, "lm_head.weight");
    }
    if (hyper->positions == POSITIONS_LEARNED) {
        p->encoder_positions = embedding(p, hyper->max_length, "encoder.embed_positions.weight");
        p->decoder_positions = embedding(p, hyper->max_length, "decoder.embed_positions.weight");
    }
    for (size_t l = 0; l < hyper->encoder_layers; l++) {
        EncoderLayerParams *layer = &p->encoder[l];
        snprintf(prefix, sizeof prefix, "encoder.layers.%zu.", l);
        layer->self_attention = multihead(p, prefix, "self_attn");
        layer->self_attention_norm = norm(p, prefix, "self_attn_layer_norm");
        layer->feedforward = feedforward(p, prefix);
        layer->final_norm = norm(p, prefix, "final_layer_norm");
    }
    if (hyper->norm == NORM_PRE) p->encoder_norm = norm(p, "encoder.", "layer_norm");
    for (size_t l = 0; l < hyper->decoder_layers; l++) {
        DecoderLayerParams *layer = &p->decoder[l];
        snprintf(prefix, sizeof prefix, "decoder.layers.%zu.", l);
        layer->self_attention = multihead(p, prefix, "self_attn");
        layer->self_attention_norm = norm(p, prefix, "self_attn_layer_norm");
        layer->cross_attention = multihead(p, prefix, "encoder_attn");
        layer->cross_attention_norm = norm(p, prefix, "encoder_attn_layer_norm");
        layer->feedforward = feedforward(p, prefix);
        layer->final_norm = norm(p, prefix, "final_layer_norm");
    }
    if (hyper->norm == NORM_PRE) p->decoder_norm = norm(p, "decoder.", "layer_norm");
    return made;
}

void parameters_free(Parameters *p) {
    stbds_arrfree(p->tensors);
    free(p->encoder);
    free(p->decoder);
    *p = (Parameters){0};
}

void parameters_init(const Parameters *p, real *block, uint64_t seed) {
    for (size_t t = 0; t < p->tensor_count; t++) {
        const Tensor *tensor = &p->tensors[t];
        const RngSite site = {seed, 0, RNG_SITE_INIT + (uint32_t)t};
        real *x = block + tensor->offset;
        for (size_t i = 0; i < tensor->count; i++) {
            switch (tensor->init) {
            case INIT_ZERO: x[i] = 0; break;
            case INIT_ONE: x[i] = 1; break;
            case INIT_NORMAL: x[i] = (real)(tensor->spread * rng_normal(site, i)); break;
            case INIT_UNIFORM: x[i] = (real)(tensor->spread * (2 * rng_uniform(site, i) - 1)); break;
            }
        }
    }
}
