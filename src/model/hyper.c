#include "model/hyper.h"

/* The highest rate of dropout and the like: below 1. It keeps 7 of 65536 elements. */
#define RATE_MAX 0.9999

#define SIZE(key, field, std, low, high, help) ROW_INTEGER(key, Hyper, field, std, low, high, help, .essential = true)
#define RATE(key, field, std, help)            ROW_REAL(key, Hyper, field, std, 0, RATE_MAX, help)
#define CHOICE(key, field, std, names, help)   ROW_CHOICE(key, Hyper, field, std, names, help)

const Field hyper_fields[] = {
    SIZE("text.vocab_size", vocab, "8000", HYPER_MIN_VOCAB, HYPER_MAX_VOCAB,
         "the most tokens, words and parts of words, that both languages share"),
    SIZE("model.width", width, "256", 2, HYPER_MAX_WIDTH,
         "D, the numbers in a token's vector: even, and a multiple of heads"),
    SIZE("model.heads", heads, "4", 1, HYPER_MAX_WIDTH, "H, the heads of an attention, each D / H wide"),
    SIZE("model.feedforward", feedforward, "1024", 2, HYPER_MAX_FEEDFORWARD,
         "F, the width inside a feed-forward block: even"),
    SIZE("model.encoder_layers", encoder_layers, "4", 1, HYPER_MAX_LAYERS, "layers that read the source"),
    SIZE("model.decoder_layers", decoder_layers, "4", 1, HYPER_MAX_LAYERS, "layers that write the translation"),
    SIZE("model.max_length", max_length, "256", 2, HYPER_MAX_LENGTH,
         "the most tokens of a sentence, its end included; longer pairs are left out"),
    CHOICE("model.norm", norm, "pre", NORM_PLACE_NAMES,
           "where layer norm is: before each block, or after it, as in the first paper"),
    CHOICE("model.activation", activation, "relu", ACTIVATION_NAMES, "the function inside a feed-forward block"),
    CHOICE("model.tying", tying, "all", TYING_NAMES,
           "what shares one table: both embeddings and the output layer, only the decoder's embedding and the output "
           "layer, or nothing"),
    CHOICE("model.positions", positions, "sinusoidal", POSITIONS_NAMES,
           "how the model sees a word's place: by sine waves, by learned vectors, or not at all"),
    RATE("model.dropout", dropout, "0.1",
         "share of the numbers set to 0 in each training step, in embeddings and behind each block"),
    RATE("model.attention_dropout", attention_dropout, "0", "the same for attention weights"),
    RATE("model.activation_dropout", activation_dropout, "0", "the same inside feed-forward blocks"),
    ROW_END,
};

bool hyper_check(const Hyper *h, const char *where, Error *err) {
    if (!fields_check(hyper_fields, h, where, err)) return false;
    if (h->width % h->heads != 0)
        return error_set(err, "%s: model.width: expected a multiple of model.heads (%zu), found %zu", where, h->heads,
                         h->width);
    if (h->width % 2 != 0 || h->feedforward % 2 != 0)
        return error_set(err, "%s: model.width and model.feedforward: expected even numbers, found %zu and %zu", where,
                         h->width, h->feedforward);
    return true;
}
