#include "inspect/meaning.h"

#include <stdlib.h>

#include "base/ds.h"
#include "base/size.h"

enum { PLACES = 12 }; /* that the line leaves out: of a sentence, where most words are */

static bool has_word(const Observation *o, const char *sentence, const char *word) {
    Mention mention;
    Error ignored;
    const bool has = mention_make(&mention, o, sentence, word, "", &ignored);
    if (has) stbds_arrfree(mention.ids);
    return has;
}

/* The word of the sentence that is in most groups; of equals the first in the groups. */
static const char *default_word(const Observation *o, const Group *groups, const char *sentence, const char *compare) {
    const char *word = NULL;
    size_t most = 0;
    for (size_t g = 0; g < stbds_arrlenu(groups); g++)
        for (size_t i = 0; i < stbds_arrlenu(groups[g].words); i++) {
            const char *one = groups[g].words[i];
            if (!has_word(o, sentence, one) || (compare && !has_word(o, compare, one))) continue;
            const size_t count = groups_with(groups, o->tokenizer, one);
            if (count > most) word = one, most = count;
        }
    return word;
}

/* Whether all that attention weighs is added. */
static bool whole(const Observation *o) {
    const Knockout *knockout = o->pass.knockout;
    const Hyper *h = &o->file->params.hyper;
    bool muted = false;
    for (size_t l = 0; knockout && l < h->encoder_layers; l++)
        for (size_t head = 0; head < size_min(h->heads, KNOCKOUT_HEADS); head++)
            muted = muted || knockout_muted(knockout, ATTENTION_ENCODER, l) >> head & 1;
    return !knockout || !(knockout->attention || knockout->feedforward || muted);
}

bool meaning_make(Meaning *m, const Observation *o, const Group *groups, const char *word, const char *compare,
                  Error *err) {
    *m = (Meaning){.compare = compare, .asked = word != NULL};
    char *sentence = NULL;
    tokenizer_decode(o->tokenizer, &sentence, o->source, o->S);
    m->sentence = memory_string_n(sentence, stbds_arrlenu(sentence));
    stbds_arrfree(sentence);
    m->word = word ? word : default_word(o, groups, m->sentence, compare);
    bool ok = true;
    if (m->word)
        ok = mention_make(&m->probes[m->probe_count++], o, m->sentence, m->word, "--word", err);
    else if (compare)
        ok = sentence_fits(o, compare, "--compare", err) &&
             error_set(err, "--compare: expected a word that both sentences and a group have, found none; --word names "
                            "one");
    if (ok && m->word && compare)
        ok = mention_make(&m->probes[m->probe_count++], o, compare, m->word, "--compare", err);
    const bool followed = m->word && stbds_arrlenu(groups) > 0;
    if (ok && followed) {
        const GroupPair pair = groups_pair(groups, o->tokenizer, m->word);
        m->two = groups_with(groups, o->tokenizer, m->word) > 1;
        ok = references_make(&m->references, o, groups, pair, m->word, m->probes, m->probe_count, err);
    }
    if (ok && followed) {
        const Hyper *h = &o->file->params.hyper;
        size_t places;
        PositionTable room = {0};
        const real *positions = observation_places(o, &room, PLACES, &places);
        m->line = line_make(&m->references, positions, places, h->encoder_layers + 1, h->width, m->probe_count);
        free(room.table);
        double end[2];
        line_point(end, &m->line, m->references.probes + h->encoder_layers * h->width, h->encoder_layers);
        m->end = end[0];
        if (whole(o))
            m->pulls = pulls_make(o, &m->line, m->references.usual, m->references.probes, m->probes[0].first,
                                  m->probes[0].count);
    }
    if (!ok) meaning_free(m);
    return ok;
}

void meaning_free(Meaning *m) {
    pulls_free(&m->pulls);
    line_free(&m->line);
    references_free(&m->references);
    for (size_t i = 0; i < m->probe_count; i++) stbds_arrfree(m->probes[i].ids);
    free(m->sentence);
    *m = (Meaning){0};
}
