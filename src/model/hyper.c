/* Hyper-parameters and their bounds. */
#include "model/hyper.h"

static bool within(const char *where, const char *key, size_t value, size_t low, size_t high, Error *err) {
    if (value >= low && value <= high) return true;
    return error_set(err, "%s: %s: expected %zu to %zu, found %zu", where, key, low, high, value);
}

static bool rate(const char *where, const char *key, double value, Error *err) {
    if (value >= 0 && value < 1) return true;
    return error_set(err, "%s: %s: expected a rate from 0 up to, but not including, 1, found %g", where, key, value);
}

bool hyper_check(const Hyper *h, const char *where, Error *err) {
    if (!within(where, "vocabulary size", h->vocab, HYPER_MIN_VOCAB, HYPER_MAX_VOCAB, err) ||
        !within(where, "model.width", h->width, 2, HYPER_MAX_WIDTH, err) ||
        !within(where, "model.heads", h->heads, 1, h->width, err) ||
        !within(where, "model.feedforward", h->feedforward, 2, HYPER_MAX_FEEDFORWARD, err) ||
        !within(where, "model.encoder_layers", h->encoder_layers, 1, HYPER_MAX_LAYERS, err) ||
        !within(where, "model.decoder_layers", h->decoder_layers, 1, HYPER_MAX_LAYERS, err) ||
        !within(where, "model.max_length", h->max_length, 2, HYPER_MAX_LENGTH, err) ||
        !rate(where, "model.dropout", h->dropout, err) ||
        !rate(where, "model.attention_dropout", h->attention_dropout, err) ||
        !rate(where, "model.activation_dropout", h->activation_dropout, err))
        return false;
    if (h->width % h->heads != 0)
        return error_set(err, "%s: model.width: expected a multiple of model.heads (%zu), found %zu", where, h->heads,
                         h->width);
    if (h->width % 2 != 0 || h->feedforward % 2 != 0)
        return error_set(err, "%s: model.width and model.feedforward: expected even numbers, found %zu and %zu", where,
                         h->width, h->feedforward);
    return true;
}
