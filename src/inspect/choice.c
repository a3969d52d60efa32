#include "inspect/choice.h"

#include <stdlib.h>

#include "base/ds.h"
#include "base/size.h"
#include "decode/align.h"
#include "text/utf8.h"

static bool has_letter(const Tokenizer *tokenizer, int32_t id) {
    size_t length;
    const char *bytes = tokenizer_token_bytes(tokenizer, id, &length);
    if (id == TOKEN_BEGIN || id == TOKEN_END) return false;
    for (size_t at = 0, size; at < length; at += size) {
        uint32_t code;
        size = utf8_decode(&code, bytes + at, length - at);
        if (utf8_class(code) == UTF8_LETTER) return true;
    }
    return false;
}

Look choice_look(const Observation *o, const AttentionView *v, int head, ptrdiff_t row, ptrdiff_t apart,
                 int32_t least) {
    const bool self = v->kind != ATTENTION_CROSS;
    const int32_t *rows = v->kind == ATTENTION_ENCODER ? o->source : v->kind == ATTENTION_DECODER ? o->target : o->says;
    const int32_t *columns = v->kind == ATTENTION_DECODER ? o->target : o->source;
    int32_t *word = memory_new(v->Tk, sizeof *word);
    align_words(o->tokenizer, word, columns, v->Tk);
    Look best = {0};
    for (size_t h = head < 0 ? 0 : (size_t)head; h < (head < 0 ? v->H : (size_t)head + 1); h++)
        for (size_t i = 0; i < v->Tq; i++) {
            if ((row >= 0 && i != (size_t)row) || !has_letter(o->tokenizer, rows[i])) continue;
            for (size_t k = 0; k < v->Tk; k++) {
                const double p = (double)v->p[(h * v->Tq + i) * v->Tk + k];
                if (p <= best.p || columns[k] < least || !has_letter(o->tokenizer, columns[k])) continue;
                if (self && (rows[i] == columns[k] || labs((long)word[i] - word[k]) < apart)) continue;
                best = (Look){h, i, k, p};
            }
        }
    free(word);
    return best;
}

char *choice_word(const Observation *o, size_t token) {
    int32_t *word = memory_new(o->S, sizeof *word);
    align_words(o->tokenizer, word, o->source, o->S);
    size_t first = token, last = token + 1;
    while (word[token] >= 0 && first > 0 && word[first - 1] == word[token]) first--;
    while (word[token] >= 0 && last < o->S && word[last] == word[token]) last++;
    char *text = NULL;
    tokenizer_decode(o->tokenizer, &text, o->source + first, last - first);
    char *out = memory_string_n(text, stbds_arrlenu(text));
    stbds_arrfree(text);
    free(word);
    return out;
}

/* How far a word, by its number, pulls in one head of a layer, and its weight there; each negative: in all together. */
static double pull_of(const Pulls *pulls, const int32_t *word, int32_t number, ptrdiff_t layer, ptrdiff_t head,
                      double *weight) {
    double sum = 0;
    *weight = 0;
    for (size_t l = 0; l < pulls->layers; l++)
        for (size_t h = 0; h < pulls->H; h++)
            for (size_t s = 0; s < pulls->S; s++) {
                if ((layer >= 0 && l != (size_t)layer) || (head >= 0 && h != (size_t)head) || word[s] != number)
                    continue;
                sum += pulls->steps[l].moves[h * pulls->S + s];
                *weight += pulls->steps[l].weights[h * pulls->S + s];
            }
    return sum;
}

/* Of the other words that pull this one at least half as far towards where it ends as the one that pulls it furthest,
 * in all layers and heads together: the one that it looks at most in a head in which it pulls so; and this head. */
static bool by_pull(Choice *choice, const Observation *o, const Meaning *m) {
    const Pulls *pulls = &m->pulls;
    const size_t first = m->probes[0].first;
    const double sign = m->end > 0 ? 1 : -1;
    int32_t *word = memory_new(o->S, sizeof *word);
    align_words(o->tokenizer, word, o->source, o->S);
    double *pull = memory_new(o->S, sizeof *pull), furthest = 0, weight = 0, share;
    for (size_t s = 0; s < o->S; s++) {
        if (word[s] == word[first] || !has_letter(o->tokenizer, o->source[s])) continue;
        pull[s] = sign * pull_of(pulls, word, word[s], -1, -1, &share);
        if (pull[s] > furthest) furthest = pull[s];
    }
    size_t layer = 0, other = 0;
    for (size_t s = 0; furthest > 0 && s < o->S; s++)
        for (size_t l = 0; pull[s] >= furthest / 2 && l < pulls->layers; l++)
            for (size_t h = 0; h < pulls->H; h++)
                if (sign * pull_of(pulls, word, word[s], (ptrdiff_t)l, (ptrdiff_t)h, &share) > 0 && share > weight)
                    layer = l, choice->head = h, other = s, weight = share;
    free(word);
    free(pull);
    if (!(weight > 0)) return false;
    choice->row = first;
    choice->block = observation_number(o, ATTENTION_ENCODER, layer);
    char *puller = choice_word(o, other);
    choice->why = memory_format("\"%s\" is one of the words that pull \"%s\" towards the %s. Of these, \"%s\" looks at "
                                "it most: in encoder layer %zu, head %zu, with %.0f%% of its attention.",
                                puller, m->word, m->references.groups[m->end > 0]->name, m->word, layer, choice->head,
                                100 * weight);
    free(puller);
    return true;
}

static int compare_ids(const void *a, const void *b) {
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* The middle one of the sentence's tokens, by number. The vocabulary learns common tokens first, so those from it on
 * are the rarer half: more often nouns and verbs than "the" and "is". */
static int32_t rarer_half(const Observation *o) {
    int32_t *ids = memory_new(o->S, sizeof *ids);
    size_t count = 0;
    for (size_t i = 0; i < o->S; i++)
        if (has_letter(o->tokenizer, o->source[i])) ids[count++] = o->source[i];
    qsort(ids, count, sizeof *ids, compare_ids);
    const int32_t middle = count > 0 ? ids[count / 2] : 0;
    free(ids);
    return middle;
}

/* The strongest look in the encoder at a rarer word that is no neighbour; in a short sentence at any other word. row:
 * of this word only; -1: of any. Returns false when there is none. */
static bool by_look(Choice *choice, const Observation *o, ptrdiff_t row) {
    Look best = {0};
    const int32_t rarer = rarer_half(o);
    static const char *const of[] = {"one of the rarer words, further away than the next",
                                     "a word further away than the next", "another word"};
    const char *among = of[0];
    for (int turn = 0; turn < 3 && best.p == 0; turn++) {
        among = of[turn];
        const ptrdiff_t apart = turn < 2 ? 2 : 1;
        const int32_t least = turn == 0 ? rarer : 0;
        for (size_t l = 0; l < o->file->params.hyper.encoder_layers; l++) {
            const size_t number = observation_number(o, ATTENTION_ENCODER, l);
            const AttentionView view = observation_view(o, number);
            const Look look = choice_look(o, &view, -1, row, apart, least);
            if (look.p > best.p) best = look, choice->block = number;
        }
    }
    if (best.p == 0) return false;
    choice->head = best.head, choice->word = choice->row = best.row;
    char *from = choice_word(o, best.row), *to = choice_word(o, best.column);
    choice->why = memory_format("\"%s\" looks at \"%s\" with %.0f%% of its attention: %s strongest look at %s.", from,
                                to, 100 * best.p, row < 0 ? "the" : "its", among);
    free(from);
    free(to);
    return true;
}

Choice choice_make(const Observation *o, const Meaning *m, int kind, int layer, int head) {
    Choice choice = {0};
    const bool bound = m->two || m->asked; /* to the word of the context view */
    const size_t first = bound ? m->probes[0].first : 0;
    if (!(m->two && by_pull(&choice, o, m)) && !(bound && by_look(&choice, o, (ptrdiff_t)first)) &&
        !by_look(&choice, o, -1)) {
        choice.word = choice.row = first;
        choice.why = memory_string("There are no two different words with letters.");
    }
    if (bound) choice.word = first;
    if (kind < 0 && layer < 0 && head < 0) return choice;
    choice.block =
        observation_number(o, kind < 0 ? ATTENTION_ENCODER : (AttentionKind)kind, layer < 0 ? 0 : (size_t)layer);
    choice.head = head < 0 ? 0 : (size_t)head;
    const AttentionView view = observation_view(o, choice.block);
    choice.row = choice.word;
    if (view.kind != ATTENTION_ENCODER) {
        /* the row that looks most at the word; in the decoder's own attention, which does not see the word, the row
         * with the strongest look at a word two or more words away */
        const Look look = choice_look(o, &view, (int)choice.head, -1, 2, 0);
        choice.row = look.p > 0 ? look.row : view.Tq - 1;
        double most = 0;
        for (size_t i = 0; view.kind == ATTENTION_CROSS && i < view.Tq; i++) {
            const double p = (double)view.p[(choice.head * view.Tq + i) * view.Tk + choice.word];
            if (p > most) most = p, choice.row = i;
        }
    }
    free(choice.why);
    choice.why = memory_string("This head was asked for.");
    return choice;
}
