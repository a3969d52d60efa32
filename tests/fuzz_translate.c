/* Any line to a small model with random weights: a translation, the same as among other lines. */
#include "base/ds.h"
#include "decode/translator.h"
#include "fuzz.h"

typedef struct World {
    Parameters params;
    real *w;
    Tokenizer *tokenizer;
    Translator *translator;
} World;

static World world;

static void make_world(void) {
    static const uint32_t merges[][2] = {{'t' + 2, 'h' + 2}, {258, 'e' + 2}, {' ' + 2, 259}, {' ' + 2, 'a' + 2}};
    const Hyper hyper = {.vocab = TOKEN_FIRST_MERGE + 4,
                         .width = 8,
                         .heads = 2,
                         .feedforward = 8,
                         .encoder_layers = 1,
                         .decoder_layers = 1,
                         .max_length = 48};
    Error err;
    world.params = parameters_create(&hyper);
    world.w = calloc(world.params.count, sizeof(real));
    parameters_init(&world.params, world.w, 1);
    world.tokenizer = tokenizer_create(
        merges[0], 4, (Normalisation){.apostrophes = true, .spaces = true, .nfc = true, .invisible = true}, &err);
    /* Short translations: what comes in is what matters. */
    const SearchOptions how = {.beam = 2, .n_best = 1, .length_alpha = 1, .max_ratio = 0.125, .max_extra = 2};
    world.translator = translator_create(&world.params, world.w, world.tokenizer, pool_create(1, &err), how);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!world.translator) make_world();
    const Text texts[3] = {{"the cat", 7}, {(const char *)data, size}, {"a", 1}};
    TranslatorResult results[3];
    Error err;
    CHECK(translator_run(world.translator, texts, 3, results, &err), "memory for three lines");
    char *among = malloc(results[1].length + 1);
    const size_t length = results[1].length;
    if (length > 0) memcpy(among, results[1].bytes, length);
    CHECK(translator_run(world.translator, &texts[1], 1, results, &err), "memory for one line");
    CHECK(results[0].length == length && (length == 0 || memcmp(results[0].bytes, among, length) == 0),
          "the same alone and among others");
    free(among);
    return 0;
}
