#include "inspect/references.h"

#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "model/encoder.h"
#include "text/utf8.h"

const char *const group_defaults[] = {
    "fruits=apple,orange,pear,lemon,banana,cherry:they eat the */please wash the */the * on the table is good",
    "companies=apple,orange,acme,nova,zenith:* unveiled the phone/my sister works for */* will sell the car",
    "animals=cat,dog,bird,horse,cow,wolf,rabbit,goat:the * sleeps in the garden/the boy saw the */the * is tired",
    "colours=red,green,black,white,blue,grey:the * car is fast/she bought a * hat/the flowers are *",
    NULL,
};

/* ---- groups ------------------------------------------------------------------------------------------------------ */

/* Adds the texts between separators to *list, a stb_ds array. */
static void split(char ***list, const char *text, size_t length, char separator) {
    for (size_t at = 0, end; at < length; at = end + 1) {
        end = at;
        while (end < length && text[end] != separator) end++;
        if (end > at) stbds_arrput(*list, memory_string_n(text + at, end - at));
    }
}

bool groups_add(Group **groups, const char *text, Error *err) {
    const char *equals = strchr(text, '='), *colon = equals ? strchr(equals, ':') : NULL;
    Group group = {0};
    if (equals) {
        const char *end = colon ? colon : equals + strlen(equals);
        split(&group.words, equals + 1, (size_t)(end - equals - 1), ',');
        if (colon) split(&group.sentences, colon + 1, strlen(colon + 1), '/');
        group.name = memory_string_n(text, (size_t)(equals - text));
    }
    bool ok = equals && equals > text && stbds_arrlenu(group.words) > 0;
    for (size_t i = 0; i < stbds_arrlenu(group.sentences); i++) {
        const char *star = strchr(group.sentences[i], '*');
        ok = ok && star && !strchr(star + 1, '*');
    }
    if (!group.sentences) stbds_arrput(group.sentences, memory_string("*"));
    stbds_arrput(*groups, group);
    return ok ||
           error_set(err, "\"%s\": expected NAME=word,word,... and perhaps :sentence/sentence, each with one *", text);
}

static void free_all(char **list) {
    for (size_t i = 0; i < stbds_arrlenu(list); i++) free(list[i]);
    stbds_arrfree(list);
}

void groups_free(Group *groups) {
    for (size_t i = 0; i < stbds_arrlenu(groups); i++) {
        free(groups[i].name);
        free_all(groups[i].words);
        free_all(groups[i].sentences);
    }
    stbds_arrfree(groups);
}

/* ---- words in sentences ------------------------------------------------------------------------------------------ */

/* A word as the model reads it, in a stb_ds array. */
static char *normalised(const Tokenizer *tokenizer, const char *word) {
    char *out = NULL;
    normalise_text(&out, word, strlen(word), tokenizer_normalisation(tokenizer));
    return out;
}

bool word_same(const Tokenizer *tokenizer, const char *a, const char *b) {
    char *x = normalised(tokenizer, a), *y = normalised(tokenizer, b);
    const size_t length = stbds_arrlenu(x);
    const bool same = length == stbds_arrlenu(y) && (length == 0 || memcmp(x, y, length) == 0);
    stbds_arrfree(x);
    stbds_arrfree(y);
    return same;
}

size_t groups_with(const Group *groups, const Tokenizer *tokenizer, const char *word) {
    size_t count = 0;
    for (size_t g = 0; g < stbds_arrlenu(groups); g++)
        for (size_t i = 0; i < stbds_arrlenu(groups[g].words); i++)
            count += word_same(tokenizer, groups[g].words[i], word);
    return count;
}

/* Looks for a word among the tokens: its bytes must be whole tokens, the first perhaps with a space in front, and the
 * characters before and behind it neither letters nor digits. */
static void find_word(Mention *m, const Tokenizer *tokenizer, const char *word) {
    const size_t N = stbds_arrlenu(m->ids) - 1;
    char *text = NULL, *wanted = normalised(tokenizer, word);
    size_t *start = memory_new(N + 1, sizeof *start); /* of each token, in the text */
    for (size_t i = 0; i < N; i++) {
        size_t length;
        const char *bytes = tokenizer_token_bytes(tokenizer, m->ids[i], &length);
        ds_append(text, bytes, length);
        start[i + 1] = stbds_arrlenu(text);
    }
    const size_t end = start[N], length = stbds_arrlenu(wanted);
    bool *outside = memory_new(end + 1, sizeof *outside); /* bytes that are of no letter or digit */
    outside[end] = true;
    for (size_t at = 0, size; at < end; at += size) {
        uint32_t code;
        size = utf8_decode(&code, text + at, end - at);
        const Utf8Class class = utf8_class(code);
        for (size_t i = 0; i < size; i++) outside[at + i] = class == UTF8_SPACE || class == UTF8_OTHER;
    }
    for (size_t i = 0, last; i < N && length > 0 && m->count == 0; i++) {
        const size_t at = start[i] + (text[start[i]] == ' '), behind = at + length;
        if (behind > end || memcmp(text + at, wanted, length) != 0) continue;
        if ((at > 0 && !outside[at - 1]) || !outside[behind]) continue;
        for (last = i; start[last] < behind; last++) {
        }
        if (start[last] == behind) m->first = i, m->count = last - i;
    }
    stbds_arrfree(text);
    stbds_arrfree(wanted);
    free(start);
    free(outside);
}

bool mention_make(Mention *m, const Observation *o, const char *sentence, const char *word, const char *what,
                  Error *err) {
    *m = (Mention){0};
    tokenizer_encode(o->tokenizer, &m->ids, sentence, strlen(sentence));
    stbds_arrput(m->ids, TOKEN_END);
    find_word(m, o->tokenizer, word);
    const size_t length = stbds_arrlenu(m->ids), most = o->file->params.hyper.max_length;
    if (m->count == 0) error_set(err, "%s: expected a word of \"%s\", found \"%s\"", what, sentence, word);
    if (length > most)
        error_set(err, "%s: \"%s\": expected at most %zu tokens, found %zu", what, sentence, most - 1, length - 1);
    if (m->count > 0 && length <= most) return true;
    stbds_arrfree(m->ids);
    return false;
}

/* out (D) += the mean of a mention's rows, of x (N, D), divided by `parts`. first: of its sentence. */
static void add_mean(double *out, const real *x, size_t first, const Mention *m, size_t D, size_t parts) {
    for (size_t t = first + m->first; t < first + m->first + m->count; t++)
        for (size_t k = 0; k < D; k++) out[k] += (double)x[t * D + k] / (double)(m->count * parts);
}

/* Where a mention's vectors go: added to those, divided by the number of mentions that share them. inputs and embedding
 * may be NULL. */
typedef struct Place {
    double *layers, *inputs, *embedding;
    size_t parts;
} Place;

/* Runs the encoder over all sentences at once, and adds the mentions' vectors where they belong. */
static bool encode(const Observation *o, const Mention *mentions, const Place *places, size_t count, Error *err) {
    const Parameters *params = &o->file->params;
    const Hyper *h = &params->hyper;
    const size_t D = h->width, n = h->encoder_layers;
    if (count == 0) return true;
    int32_t *ids = NULL;
    uint32_t *start = memory_new(count + 1, sizeof *start);
    size_t longest = 1;
    for (size_t i = 0; i < count; i++) {
        const size_t length = stbds_arrlenu(mentions[i].ids);
        ds_append(ids, mentions[i].ids, length);
        start[i + 1] = start[i] + (uint32_t)length;
        if (length > longest) longest = length;
    }
    const size_t N = start[count];
    Transformer model;
    const bool ok =
        transformer_create(&model, h, (Compute){.pool = o->pool}, (TransformerLimits){N, 1, longest, 1}, true, err);
    if (ok) {
        model.knockout = o->file->info.decode.knockout;
        Pass pass = transformer_pass(&model, o->file->w);
        pass.keep = true;
        const real *out = encoder_forward(&pass, &model.encoder, (Packed){count, ids, start, longest});
        real *normed = net_reals(&pass.net, N * D);
        const AttentionShape shape = {.B = count, .query_start = start};
        for (size_t l = 0; l <= n; l++) {
            const real *x = out, *in = NULL;
            if (l < n) {
                const SublayerTape *tape = &model.encoder.layers[l].self.sublayer;
                const Sublayer sublayer = block_attention(&pass, ATTENTION_ENCODER, l, shape, NULL, 0).sublayer;
                x = tape->x, in = sublayer_input_again(&pass.net, tape, normed, &sublayer);
            }
            for (size_t i = 0; i < count; i++) {
                const Place *place = &places[i];
                add_mean(place->layers + l * D, x, start[i], &mentions[i], D, place->parts);
                if (in && place->inputs) add_mean(place->inputs + l * D, in, start[i], &mentions[i], D, place->parts);
            }
        }
        for (size_t i = 0; i < count; i++)
            for (size_t t = 0; places[i].embedding && t < mentions[i].count; t++) {
                const size_t id = (size_t)mentions[i].ids[mentions[i].first + t];
                const Mention one = {NULL, 0, 1};
                add_mean(places[i].embedding, pass.net.w + params->encoder_embedding, id, &one, D,
                         mentions[i].count * places[i].parts);
            }
        transformer_free(&model);
    }
    stbds_arrfree(ids);
    free(start);
    return ok;
}

/* The sentence with the word in the place of its *, in a fresh string. */
static char *put_word(const char *sentence, const char *word) {
    const char *star = strchr(sentence, '*');
    return memory_format("%.*s%s%s", (int)(star - sentence), sentence, word, star + 1);
}

bool references_make(References *r, const Observation *o, const Group *groups, const char *but, const Mention *probes,
                     size_t probe_count, Error *err) {
    const size_t D = o->file->params.hyper.width, n = o->file->params.hyper.encoder_layers;
    *r = (References){0};
    size_t room = 1;
    for (size_t g = 0; g < stbds_arrlenu(groups); g++) room += stbds_arrlenu(groups[g].words);
    r->group = memory_new(room, sizeof *r->group);
    r->word = memory_new(room, sizeof *r->word);
    r->layers = memory_new(2 * room + probe_count, (n + 1) * D * sizeof *r->layers); /* the others lie behind it */
    r->probes = r->layers + room * (n + 1) * D;
    r->inputs = r->probes + probe_count * (n + 1) * D;
    r->embedding = r->inputs + room * n * D;

    Mention *mentions = NULL; /* stb_ds arrays */
    Place *places = NULL;
    bool ok = true;
    for (size_t i = 0; i < probe_count; i++) {
        const Place place = {r->probes + i * (n + 1) * D, NULL, NULL, 1};
        stbds_arrput(mentions, probes[i]);
        stbds_arrput(places, place);
    }
    for (size_t g = 0; g < stbds_arrlenu(groups); g++)
        for (size_t i = 0; i < stbds_arrlenu(groups[g].words); i++) {
            const char *word = groups[g].words[i];
            if (but && word_same(o->tokenizer, word, but)) continue;
            const size_t at = r->count++, sentences = stbds_arrlenu(groups[g].sentences);
            r->group[at] = g, r->word[at] = word;
            for (size_t s = 0; ok && s < sentences; s++) {
                char *sentence = put_word(groups[g].sentences[s], word);
                Mention mention;
                ok = mention_make(&mention, o, sentence, word, "--group", err);
                const Place place = {r->layers + at * (n + 1) * D, r->inputs + at * n * D, r->embedding + at * D,
                                     sentences};
                if (ok) stbds_arrput(mentions, mention), stbds_arrput(places, place);
                free(sentence);
            }
        }
    ok = ok && encode(o, mentions, places, stbds_arrlenu(mentions), err);
    for (size_t i = probe_count; i < stbds_arrlenu(mentions); i++) stbds_arrfree(mentions[i].ids);
    stbds_arrfree(mentions);
    stbds_arrfree(places);
    if (!ok) references_free(r);
    return ok;
}

void references_free(References *r) {
    free(r->group);
    free(r->word);
    free(r->layers);
    *r = (References){0};
}
