/* The whole JSON, in the order of the page: the model, the tokens, what each step said, the search, the embedding, the
 * word in context, attention. What the first four show is written here, the rest in files of their own. */
#include "inspect/inspect.h"

#include <stdlib.h>

#include "base/ds.h"
#include "decode/align.h"
#include "nn/linear.h"

bool inspect_check(const InspectRequest *r, const ModelFile *file, Error *err) {
    const Hyper *h = &file->params.hyper;
    const int layers =
        (int)(r->kind == ATTENTION_DECODER || r->kind == ATTENTION_CROSS ? h->decoder_layers : h->encoder_layers);
    if (r->layer >= layers) return error_set(err, "--layer: expected 0 to %d, found %d", layers - 1, r->layer);
    if (r->head >= (int)h->heads) return error_set(err, "--head: expected 0 to %zu, found %d", h->heads - 1, r->head);
    return true;
}

/* ---- what was said ----------------------------------------------------------------------------------------------- */

/* Every hyper-parameter by the name of its config key; the vocabulary's size is "vocab". */
static void write_hyper(Json *j, const Hyper *h) {
    for (const Field *f = hyper_fields; f->key; f++) {
        const void *at = (const char *)h + f->offset;
        json_key(j, at == &h->vocab ? "vocab" : field_name(f->key));
        if (f->type == FIELD_INTEGER)
            json_write(j, "%lld", (long long)field_integer(f, h));
        else if (f->type == FIELD_REAL)
            json_write(j, "%g", *(const double *)at);
        else
            json_write(j, "%s", f->names[*(const int *)at]);
    }
}

static void write_model(Json *j, const ModelFile *file) {
    const Hyper *h = &file->params.hyper;
    json_write(j, "model: {file: %s", file->path);
    write_hyper(j, h);
    json_write(j, "head_width: %zu, parameters: %zu, step: %lld}", h->width / h->heads, file->params.count,
               (long long)file->info.step);
}

/* What the model was run without. */
static void write_knocked(Json *j, const Knockout *knockout) {
    char name[KNOCKOUT_NAME];
    json_write(j, "knocked: [");
    for (size_t i = 0; knockout && knockout_name(knockout, i, name); i++) json_write(j, "%s", name);
    json_write(j, "]");
}

/* A sequence of tokens; its text is that of `said`. */
static void write_tokens(Json *j, const char *key, const Tokenizer *tokenizer, const int32_t *ids, const int32_t *said,
                         size_t n) {
    int32_t *word = memory_new(n, sizeof *word);
    char *text = NULL;
    tokenizer_decode(tokenizer, &text, said, n);
    align_words(tokenizer, word, ids, n);
    json_write(json_key(j, key), "{");
    json_string(json_key(j, "text"), text, stbds_arrlenu(text));
    json_write(j, "tokens: [");
    for (size_t i = 0; i < n; i++) {
        json_write(j, "{");
        inspect_write_token(j, tokenizer, ids[i]);
        json_write(j, "word: %d}", word[i]);
    }
    json_write(j, "]}");
    stbds_arrfree(text);
    free(word);
}

static void write_probable(Json *j, const Observation *o, int32_t id, double p) {
    json_write(j, "{");
    inspect_write_token(j, o->tokenizer, id);
    json_write(j, "p: %g}", p);
}

static void write_steps(Json *j, const Observation *o) {
    json_write(j, "steps: [");
    for (size_t i = 0; i < o->T; i++) {
        int32_t best[INSPECT_CANDIDATES];
        double p[INSPECT_CANDIDATES];
        const size_t count = inspect_candidates(o, i, best, p, INSPECT_CANDIDATES);
        json_write(j, "{says:");
        write_probable(j, o, o->says[i],
                       (double)o->probabilities[i * o->file->params.hyper.vocab + (size_t)o->says[i]]);
        json_write(j, "candidates: [");
        for (size_t k = 0; k < count; k++) write_probable(j, o, best[k], p[k]);
        json_write(j, "]}");
    }
    json_write(j, "]");
}

static void write_search(Json *j, const Observation *o) {
    json_write(j, "beam: [");
    for (size_t t = 0; t < stbds_arrlenu(o->beam); t++) {
        json_write(j, "[");
        for (size_t i = 0; i < stbds_arrlenu(o->beam[t]); i++) {
            const Considered *one = &o->beam[t][i];
            json_write(j, "{");
            inspect_write_token(j, o->tokenizer, one->token);
            json_write(j, "parent: %td, log_probability: %g, kept: %i, finished: %i, best: %i}", one->parent,
                       one->log_probability, one->kept, one->kept && one->token == TOKEN_END, one->best);
        }
        json_write(j, "]");
    }
    json_write(j, "]");
    size_t count;
    const Translation *all = search_hypotheses(o->search, 0, &count);
    char *text = NULL;
    json_write(j, "hypotheses: [");
    for (size_t i = 0; i < count; i++) {
        stbds_arrsetlen(text, 0);
        tokenizer_decode(o->tokenizer, &text, all[i].ids, all[i].length);
        json_write(j, "{");
        json_string(json_key(j, "text"), text, stbds_arrlenu(text));
        json_write(j, "log_probability: %g, score: %g, finished: %i}", all[i].log_probability, all[i].score,
                   all[i].finished);
    }
    json_write(j, "]");
    stbds_arrfree(text);
}

/* ---- words in context -------------------------------------------------------------------------------------------- */

static bool has_word(const Observation *o, const char *sentence, const char *word) {
    Mention mention;
    Error ignored;
    const bool has = mention_make(&mention, o, sentence, word, "", &ignored);
    if (has) stbds_arrfree(mention.ids);
    return has;
}

/* The word of the sentence that is in most groups; of equals the first in the groups. */
static const char *default_word(const InspectRequest *request, const Observation *o, const char *sentence) {
    const char *word = NULL;
    size_t most = 0;
    for (size_t g = 0; g < stbds_arrlenu(request->groups); g++)
        for (size_t i = 0; i < stbds_arrlenu(request->groups[g].words); i++) {
            const char *one = request->groups[g].words[i];
            if (!has_word(o, sentence, one) || (request->compare && !has_word(o, request->compare, one))) continue;
            const size_t groups = word && word_same(o->tokenizer, one, word) /* then it is known */
                                      ? most
                                      : groups_with(request->groups, o->tokenizer, one);
            if (groups > most) word = one, most = groups;
        }
    return word;
}

/* Every group has another word than the probed one. */
static bool check_groups(const References *r, const Group *groups, const char *word, Error *err) {
    for (size_t g = 0; g < stbds_arrlenu(groups); g++) {
        size_t members = 0;
        for (size_t i = 0; i < r->count; i++) members += r->group[i] == g;
        if (members == 0)
            return error_set(err, "--group: %s: expected another word than \"%s\", whose meaning is sought",
                             groups[g].name, word);
    }
    return true;
}

static bool write_words(Json *j, const InspectRequest *request, const Observation *o, size_t *row, Error *err) {
    char *sentence = NULL;
    tokenizer_decode(o->tokenizer, &sentence, o->source, o->S);
    stbds_arrput(sentence, '\0');
    const char *word = request->word ? request->word : default_word(request, o, sentence);
    Mention probes[2] = {{0}};
    size_t count = 0;
    References r = {0};
    bool ok = true;
    if (word) ok = mention_make(&probes[count++], o, sentence, word, "--word", err);
    if (ok && request->compare) {
        if (word)
            ok = mention_make(&probes[count++], o, request->compare, word, "--compare", err);
        else
            ok = error_set(err, "--compare: expected a word that both sentences and a group have, found none; --word "
                                "names one");
    }
    ok = ok && references_make(&r, o, request->groups, word, probes, count, err) &&
         check_groups(&r, request->groups, word, err);
    if (ok) {
        if (word) *row = probes[0].first;
        inspect_write_context(j, &r, request, word, sentence, o);
        inspect_write_maps(j, &r, request->groups, o);
    }
    references_free(&r);
    for (size_t i = 0; i < count; i++) stbds_arrfree(probes[i].ids);
    stbds_arrfree(sentence);
    return ok;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

size_t inspect_chosen(const InspectRequest *r, const Observation *o) {
    const size_t layer = r->layer > 0 ? (size_t)r->layer : 0;
    return observation_number(o, r->kind == INSPECT_NONE ? ATTENTION_ENCODER : (AttentionKind)r->kind, layer);
}

bool inspect_write(Json *j, const InspectRequest *request, const Observation *o, Error *err) {
    json_write(j, "{format: %s, version: 1", "nmt.inspect");
    write_model(j, o->file);
    write_knocked(j, o->file->info.decode.knockout);
    write_tokens(j, "source", o->tokenizer, o->source, o->source, o->S);
    write_tokens(j, "target", o->tokenizer, o->target, o->says, o->T);
    write_steps(j, o);
    write_search(j, o);
    inspect_write_embedding(j, o);
    size_t row = 0;
    if (!write_words(j, request, o, &row, err)) return false;

    const size_t count = observation_attentions(o), number = inspect_chosen(request, o);
    AttentionView *views = memory_new(count, sizeof *views);
    for (size_t i = 0; i < count; i++) views[i] = observation_view(o, i);
    const AttentionView *view = &views[number];
    const size_t D = view->H * view->K;
    real *x = memory_new(view->Tq, D * sizeof *x), *projected = memory_new(view->Tq, D * sizeof *projected);
    observation_inputs(o, view, x);
    linear_forward(o->pass.net.compute, projected, view->joined, view->out_weight, view->out_bias, view->Tq, D, D);
    const LayernormParams norm = view->sublayer.norm;
    AttentionChoice chosen = {.number = number, .x = x, .projected = projected};
    chosen.head = request->head > 0 ? (size_t)request->head : 0;
    chosen.row = view->kind == ATTENTION_ENCODER ? row : view->Tq / 2;
    if (view->sublayer.place == NORM_PRE)
        chosen.norm_weight = o->pass.net.w + norm.weight, chosen.norm_bias = o->pass.net.w + norm.bias;
    inspect_write_attention(j, views, count, chosen, request->budget > 0 ? request->budget : INSPECT_BUDGET);
    json_write(j, "}");
    free(x);
    free(projected);
    free(views);
    return true;
}
