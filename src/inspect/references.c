#include "inspect/references.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "decode/align.h"
#include "model/encoder.h"
#include "text/utf8.h"

/* Groups for the shipped corpus, pair by pair. Two groups that share a word have it in like places: "apple" comes
 * before another noun three times in both. */
static const char *const defaults[][2] = {
    {"fruits=apple,orange,pear,lemon,banana,cherry:the * is ripe/they eat the */please wash the */"
     "the girl ate the * yesterday/please choose an * and an orange/the man likes the * juice/she bought the * juice/"
     "the * juice is good",
     "companies=apple,orange,acme,nova,zenith:* unveiled the phone/the * computers are new/nova bought * yesterday/"
     "she works for */please buy the * phones/my sister works for */the boy chooses the * computer/zenith will buy *"},
    {"animals=bat,cat,dog,horse,cow,wolf,rabbit,goat:the * slept in the church/the * ate the lemon/the * is tired/"
     "the boy saw the */the * and the dog sleep",
     "things=bat,ball,key,lamp,cup,clock,box:the boy lost the */she bought the */the man sold the */the * is old/"
     "the * and the ball are new"},
    {"people=man,woman,boy,girl,king,queen,farmer,doctor:the * sleeps in the garden/the cat saw the */the * is tired",
     "colours=red,green,black,white,blue,grey:the * car is fast/she bought a * hat/the flowers are *"},
    {"money=bank:the * sold the house/my brother works in the */the girl goes to the */the * opens/"
     "the old * near the market closed/my sister worked in the *",
     "river=bank:the * of the river is green/the cow slept on the * of the river/he rested on the * of the river/"
     "the * of the big river is beautiful/the old * of the river is pretty/the bird sings on the * of the river"},
    {"seasons=spring:the boys played in the park last */the girl works in the */she danced last */he sang last */"
     "the dog sleeps in the garden in the *",
     "coils=spring:the * of the clock is broken/he found the * of the bed/the man sold the * of the door/"
     "the old man repairs the * of the chair/she sells the * of the lamp"},
    {"fingers=nails:the * of the girl are red/he saw the * of the queen/the * of my brother are dirty/"
     "the woman saw the * of the doctor/the king sees the * of the girls/the * of the king are black",
     "iron=nails:the * of the door are red/he saw the * of the table/the * of the wall are dirty/"
     "the woman saw the * of the chair/the king sees the * of the boxes/the * of the box are black"},
    {"fire=match:the man lit the */the girl lit a * in the kitchen/the king lit the *",
     "games=match:the boys won the * yesterday/the farmer watched the */my brother won a *"},
    {"trees=trunk:the * of the tree is big/he likes the * of the tree/the woman watched the * of the tree",
     "cars=trunk:the * of the car is small/she opened the * of the car/the man washed the * of the car"},
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

static void group_free(Group group) {
    free(group.name);
    free_all(group.words);
    free_all(group.sentences);
}

void groups_free(Group *groups) {
    for (size_t i = 0; i < stbds_arrlenu(groups); i++) group_free(groups[i]);
    stbds_arrfree(groups);
}

/* The sentence with the word in the place of its *, in a fresh string. */
static char *put_word(const char *sentence, const char *word) {
    const char *star = strchr(sentence, '*');
    return memory_format("%.*s%s%s", (int)(star - sentence), sentence, word, star + 1);
}

/* Leaves out the sentences that are too long with one of the group's words. Returns whether any are left. */
static bool leave_out_long(Group *group, const Observation *o) {
    char **all = group->sentences;
    const size_t count = stbds_arrlenu(all);
    size_t kept = 0;
    for (size_t s = 0; s < count; s++) {
        bool fits = true;
        for (size_t i = 0; fits && i < stbds_arrlenu(group->words); i++) {
            Error ignored;
            char *text = put_word(all[s], group->words[i]);
            fits = sentence_fits(o, text, "", &ignored);
            free(text);
        }
        if (fits)
            all[kept++] = all[s];
        else
            free(all[s]);
    }
    stbds_arrsetlen(all, kept);
    return kept > 0;
}

Group *groups_default(const Observation *o) {
    Group *groups = NULL;
    Error ignored;
    for (size_t pair = 0; pair < COUNT(defaults); pair++) {
        bool whole = true;
        for (size_t i = 0; i < 2; i++) {
            groups_add(&groups, defaults[pair][i], &ignored);
            whole = leave_out_long(&stbds_arrlast(groups), o) && whole;
        }
        for (size_t i = 0; !whole && i < 2; i++) group_free(stbds_arrpop(groups));
    }
    return groups;
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

bool group_has(const Group *group, const Tokenizer *tokenizer, const char *word) {
    for (size_t i = 0; i < stbds_arrlenu(group->words); i++)
        if (word_same(tokenizer, group->words[i], word)) return true;
    return false;
}

size_t groups_with(const Group *groups, const Tokenizer *tokenizer, const char *word) {
    size_t count = 0;
    for (size_t g = 0; g < stbds_arrlenu(groups); g++) count += group_has(&groups[g], tokenizer, word);
    return count;
}

GroupPair groups_pair(const Group *groups, const Tokenizer *tokenizer, const char *word) {
    size_t found[2], count = 0;
    for (size_t g = 0; word && g < stbds_arrlenu(groups) && count < 2; g++)
        if (group_has(&groups[g], tokenizer, word)) found[count++] = g;
    if (count == 2) return (GroupPair){found[0], found[1]};
    const size_t from = count == 0 ? 0 : found[0] / 2 * 2;
    return from + 1 < stbds_arrlenu(groups) ? (GroupPair){from, from + 1} : (GroupPair){from - 1, from};
}

/* Looks for a word among the tokens: its bytes must be whole tokens, the first perhaps with a space in front, and the
 * characters before and behind it neither letters nor digits. A token that is only that space is no part of the word.
 */
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
        if (at == start[i + 1] || behind > end || memcmp(text + at, wanted, length) != 0) continue;
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

bool sentence_fits(const Observation *o, const char *sentence, const char *what, Error *err) {
    int32_t *ids = NULL;
    tokenizer_encode(o->tokenizer, &ids, sentence, strlen(sentence));
    const size_t length = stbds_arrlenu(ids), most = o->file->params.hyper.max_length - 1;
    stbds_arrfree(ids);
    return length <= most ||
           error_set(err, "%s: \"%s\": expected at most %zu tokens, found %zu", what, sentence, most, length);
}

bool mention_make(Mention *m, const Observation *o, const char *sentence, const char *word, const char *what,
                  Error *err) {
    *m = (Mention){0};
    if (!sentence_fits(o, sentence, what, err)) return false;
    tokenizer_encode(o->tokenizer, &m->ids, sentence, strlen(sentence));
    stbds_arrput(m->ids, TOKEN_END);
    find_word(m, o->tokenizer, word);
    if (m->count > 0) return true;
    stbds_arrfree(m->ids);
    return error_set(err, "%s: expected a word of \"%s\", found \"%s\"", what, sentence, word);
}

char *mention_excerpt(const Mention *m, const Tokenizer *tokenizer) {
    const size_t N = stbds_arrlenu(m->ids) - 1, last = m->first + m->count;
    int32_t *word = memory_new(N + 1, sizeof *word);
    align_words(tokenizer, word, m->ids, N);
    size_t from = m->first, to = last;
    while (from > 0 && (word[from - 1] < 0 || word[from - 1] >= word[m->first] - 1)) from--;
    while (to < N && word[to] <= word[last - 1] + 1) to++;
    while (from < m->first && word[from] < 0) from++; /* white space of its own */
    while (to > last && word[to - 1] < 0) to--;
    char *text = NULL;
    tokenizer_decode(tokenizer, &text, m->ids + from, to - from);
    char *out = memory_string_n(text, stbds_arrlenu(text));
    stbds_arrfree(text);
    free(word);
    return out;
}

/* out (D) += the mean of a mention's rows, of x (N, D), divided by `parts`. first: of its sentence. */
static void add_mean(double *out, const real *x, size_t first, const Mention *m, size_t D, size_t parts) {
    for (size_t t = first + m->first; t < first + m->first + m->count; t++)
        for (size_t k = 0; k < D; k++) out[k] += (double)x[t * D + k] / (double)(m->count * parts);
}

/* Where a mention's vectors go: added to those, divided by the number of mentions that share them. */
typedef struct Place {
    double *layers, *inputs, *joined;
    size_t parts;
} Place;

/* Adds the scaled embeddings of a mention's tokens: where it starts in any sentence. */
static void add_embedding(const Observation *o, const Mention *m, const Place *place) {
    const size_t D = o->file->params.hyper.width;
    const real *table = o->file->w + o->file->params.encoder_embedding;
    const double scale = sqrt((double)D);
    for (size_t t = m->first; t < m->first + m->count; t++)
        for (size_t k = 0; k < D; k++)
            place->layers[k] += scale * (double)table[(size_t)m->ids[t] * D + k] / (double)(m->count * place->parts);
}

/* Runs the encoder over all sentences at once, and adds the mentions' vectors where they belong. */
static bool encode(const Observation *o, const Mention *mentions, const Place *places, size_t count, Error *err) {
    const Hyper *h = &o->file->params.hyper;
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
    const bool ok = transformer_create(&model, h, (Compute){.pool = o->pool}, (TransformerLimits){N, 1, longest, 1},
                                       TRAINING_ONCE, err);
    if (ok) {
        model.knockout = o->file->info.decode.knockout;
        Pass pass = transformer_pass(&model, o->file->w);
        pass.keep = true;
        encoder_forward(&pass, &model.encoder, (Packed){count, ids, start, longest});
        const Stored normed = net_stored(&pass.net, N, D);
        const AttentionShape shape = {.B = count, .query_start = start};
        for (size_t l = 0; l < n; l++) {
            const SublayerTape *tape = &model.encoder.layers[l].self.sublayer;
            const Sublayer sublayer = block_attention(&pass, ATTENTION_ENCODER, l, shape, (Stored){0}, 0).sublayer;
            const real *in = stored_floats(sublayer_input_again(&pass.net, tape, normed, &sublayer));
            const real *out = model.encoder.layers[l].feedforward.sublayer.out;
            const real *joined = stored_floats(model.encoder.layers[l].self.attention.att);
            for (size_t i = 0; i < count; i++) {
                const Place *place = &places[i];
                if (l == 0) add_embedding(o, &mentions[i], place);
                add_mean(place->layers + (l + 1) * D, out, start[i], &mentions[i], D, place->parts);
                add_mean(place->inputs + l * D, in, start[i], &mentions[i], D, place->parts);
                add_mean(place->joined + l * D, joined, start[i], &mentions[i], D, place->parts);
            }
        }
        transformer_free(&model);
    }
    stbds_arrfree(ids);
    free(start);
    return ok;
}

/* Whether word i of one group of a pair helps to tell them apart. A word that is there twice, however it is spelt,
 * tells once. */
static bool tells(const References *r, const Observation *o, size_t g, size_t i, const char *but) {
    const char *word = r->groups[g]->words[i];
    for (size_t before = 0; before < i; before++)
        if (word_same(o->tokenizer, word, r->groups[g]->words[before])) return false;
    return !group_has(r->groups[1 - g], o->tokenizer, word) && !(but && word_same(o->tokenizer, word, but));
}

/* What is read, as it is gathered: stb_ds arrays. Of each mention, entry is the number of the entry that it belongs to,
 * and parts is how many mentions share that entry. */
typedef struct Reading {
    Mention *mentions;
    size_t *entry, *parts;
} Reading;

/* Puts a word into a sentence, as part of the last entry. Returns its mention, or NULL. */
static const Mention *read_sentence(Reading *reading, const References *r, const Observation *o, const char *sentence,
                                    const char *word, size_t parts, Error *err) {
    char *text = put_word(sentence, word);
    Mention mention;
    const bool ok = mention_make(&mention, o, text, word, "--group", err);
    free(text);
    if (!ok) return NULL;
    stbds_arrput(reading->mentions, mention);
    stbds_arrput(reading->entry, stbds_arrlenu(r->name) - 1);
    stbds_arrput(reading->parts, parts);
    return &reading->mentions[stbds_arrlenu(reading->mentions) - 1];
}

/* The entries of one group: `but` in each of its sentences, or its words in all of them. */
static bool read_group(Reading *reading, References *r, const Observation *o, size_t g, const char *but, Error *err) {
    const Group *group = r->groups[g];
    const size_t words = stbds_arrlenu(group->words), sentences = stbds_arrlenu(group->sentences);
    size_t telling = 0;
    for (size_t i = 0; i < words; i++) telling += tells(r, o, g, i, but);
    for (size_t s = 0; r->own && s < sentences; s++) {
        stbds_arrput(r->name, NULL);
        const Mention *mention = read_sentence(reading, r, o, group->sentences[s], but, 1, err);
        if (!mention) return false;
        r->name[stbds_arrlenu(r->name) - 1] = mention_excerpt(mention, o->tokenizer);
    }
    for (size_t i = 0; !r->own && i < words; i++) {
        if (telling > 0 && !tells(r, o, g, i, but)) continue;
        stbds_arrput(r->name, memory_string(group->words[i]));
        for (size_t s = 0; s < sentences; s++)
            if (!read_sentence(reading, r, o, group->sentences[s], group->words[i], sentences, err)) return false;
    }
    return true;
}

/* The means of the entries, group by group, and what the heads bring on average. */
static void find_means(References *r, size_t n, size_t D) {
    const size_t size = (n + 1) * D;
    for (size_t i = 0; i < r->count; i++) {
        const size_t g = i >= r->first;
        const double share = 1 / (double)(g ? r->count - r->first : r->first);
        for (size_t k = 0; k < size; k++) r->means[g * size + k] += share * r->layers[i * size + k];
        for (size_t k = 0; k < n * D; k++) r->usual[k] += share / 2 * r->joined[i * n * D + k];
    }
}

bool references_make(References *r, const Observation *o, const Group *groups, GroupPair pair, const char *but,
                     const Mention *probes, size_t probe_count, Error *err) {
    const size_t D = o->file->params.hyper.width, n = o->file->params.hyper.encoder_layers;
    *r = (References){.groups = {&groups[pair.from], &groups[pair.to]}};
    r->own = but && group_has(r->groups[0], o->tokenizer, but) && group_has(r->groups[1], o->tokenizer, but);
    Reading reading = {0};
    bool ok = read_group(&reading, r, o, 0, but, err);
    r->first = stbds_arrlenu(r->name);
    ok = ok && read_group(&reading, r, o, 1, but, err);
    r->count = stbds_arrlenu(r->name);
    const size_t read = stbds_arrlenu(reading.mentions), entries = r->count + probe_count;
    r->layers = memory_new(3 * entries + 3, (n + 1) * D * sizeof *r->layers); /* the others lie behind it */
    r->probes = r->layers + r->count * (n + 1) * D;
    r->means = r->probes + probe_count * (n + 1) * D;
    r->usual = r->means + 2 * (n + 1) * D;
    r->inputs = r->usual + n * D, r->joined = r->inputs + entries * n * D;
    Place *places = memory_new(read + probe_count, sizeof *places);
    for (size_t i = 0; i < read + probe_count; i++) {
        const size_t at = i < read ? reading.entry[i] : r->count + i - read;
        if (i >= read) stbds_arrput(reading.mentions, probes[i - read]);
        places[i] = (Place){r->layers + at * (n + 1) * D, r->inputs + at * n * D, r->joined + at * n * D,
                            i < read ? reading.parts[i] : 1};
    }
    ok = ok && encode(o, reading.mentions, places, read + probe_count, err);
    if (ok) find_means(r, n, D);
    for (size_t i = 0; i < read; i++) stbds_arrfree(reading.mentions[i].ids);
    stbds_arrfree(reading.mentions);
    stbds_arrfree(reading.entry);
    stbds_arrfree(reading.parts);
    free(places);
    if (!ok) references_free(r);
    return ok;
}

void references_free(References *r) {
    for (size_t i = 0; i < stbds_arrlenu(r->name); i++) free(r->name[i]);
    stbds_arrfree(r->name);
    free(r->layers);
    *r = (References){0};
}
