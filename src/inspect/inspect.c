/* The whole JSON, in the order of the page: the model, the tokens, what each step said, the search, the embedding, the
 * word in context, attention. What the first four show is written here, the rest in files of their own. */
#include "inspect/inspect.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/ds.h"
#include "decode/align.h"
#include "math/vector.h"
#include "nn/linear.h"

bool inspect_check(const InspectRequest *r, const ModelFile *file, Error *err) {
    const Hyper *h = &file->params.hyper;
    const int layers =
        (int)(r->kind == ATTENTION_DECODER || r->kind == ATTENTION_CROSS ? h->decoder_layers : h->encoder_layers);
    if (r->layer >= layers) return error_set(err, "--layer: expected 0 to %d, found %d", layers - 1, r->layer);
    if (stbds_arrlenu(r->groups) == 1)
        return error_set(err, "--group: expected two or more, as a word is followed between two, found one");
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
    char sum[17];
    snprintf(sum, sizeof sum, "%016llx", (unsigned long long)modelfile_checksum(file));
    json_write(j, "model: {file: %s", file->path);
    write_hyper(j, h);
    json_write(j, "head_width: %zu, parameters: %zu, step: %lld, checksum: %s, history: [", h->width / h->heads,
               file->params.count, (long long)file->info.step, sum);
    for (size_t i = 0; i < file->info.history_count; i++)
        json_string(j, file->info.history[i].text, file->info.history[i].length);
    json_write(j, "]}");
}

/* What the model was run without. */
static void write_knocked(Json *j, const Knockout *knockout) {
    char name[KNOCKOUT_NAME];
    json_write(j, "knocked: [");
    for (size_t i = 0; knockout && knockout_name(knockout, i, name); i++) json_write(j, "%s", name);
    json_write(j, "]");
}

static void write_unseen(Json *j, const Observation *o) {
    char *text = NULL;
    tokenizer_decode(o->tokenizer, &text, o->source, o->S - 1);
    inspect_write_unseen(j, &o->file->info, (Text){text, stbds_arrlenu(text)});
    stbds_arrfree(text);
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

/* logit: of the output layer, for row `row`. */
static void write_probable(Json *j, const Observation *o, size_t row, int32_t id, double p) {
    const size_t D = o->file->params.hyper.width;
    const real *weight = o->pass.net.w + o->file->params.output + (size_t)id * D;
    json_write(j, "{");
    inspect_write_token(j, o->tokenizer, id);
    json_write(j, "p: %g, logit: %g}", p, (double)vector_dot(o->out + row * D, weight, D));
}

static void write_steps(Json *j, const Observation *o) {
    json_write(j, "steps: [");
    for (size_t i = 0; i < o->T; i++) {
        int32_t best[INSPECT_CANDIDATES];
        double p[INSPECT_CANDIDATES];
        const size_t count = inspect_candidates(o, i, best, p, INSPECT_CANDIDATES);
        json_write(j, "{says:");
        write_probable(j, o, i, o->says[i],
                       (double)o->probabilities[i * o->file->params.hyper.vocab + (size_t)o->says[i]]);
        json_write(j, "candidates: [");
        for (size_t k = 0; k < count; k++) write_probable(j, o, i, best[k], p[k]);
        json_write(j, "]}");
    }
    json_write(j, "], output: {");
    json_array(json_key(j, "vectors"), 0, o->T, o->file->params.hyper.width, o->out, o->file->params.hyper.width);
    json_write(j, "}");
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

/* The rows of the encoder between its blocks, and the inside of its feed-forward blocks; null where they would take
 * more than a quarter of the budget. */
static void write_stream(Json *j, const Observation *o, size_t budget) {
    const Hyper *h = &o->file->params.hyper;
    const size_t S = o->S, D = h->width, F = h->feedforward;
    json_key(j, "stream");
    if (h->encoder_layers * (3 * json_array_size(S * D) + json_array_size(S * F)) > budget / 4) {
        json_write(j, "null");
        return;
    }
    json_write(j, "[");
    for (size_t l = 0; l < h->encoder_layers; l++) {
        const EncoderLayerTape *tape = &o->model.encoder.layers[l];
        json_write(j, "{layer: %zu", l);
        json_array(json_key(j, "before"), 0, S, D, tape->self.sublayer.x, D);
        json_array(json_key(j, "middle"), 0, S, D, tape->feedforward.sublayer.x, D);
        json_array(json_key(j, "after"), 0, S, D, tape->feedforward.sublayer.out, D);
        json_array(json_key(j, "inside"), 0, S, F, stored_floats(tape->feedforward.pre), F);
        json_write(j, "}");
    }
    json_write(j, "]");
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static void write_chosen(Json *j, const Observation *o, const Choice *choice, const Meaning *m) {
    json_write(j, "chosen: {word: %zu", choice->word);
    char *text = choice_word(o, choice->word);
    json_write(j, "word_text: %s", text);
    free(text);
    json_write(json_key(j, "group"), m->two ? "%s" : "null", m->two ? m->references.groups[m->end > 0]->name : "");
    json_write(j, "block: %zu, head: %zu, row: %zu, why: %s}", choice->block, choice->head, choice->row, choice->why);
}

static void write_attention(Json *j, const Observation *o, const Choice *choice, size_t budget) {
    const size_t count = observation_attentions(o);
    AttentionView *views = memory_new(count, sizeof *views);
    real **inputs = memory_new(count, sizeof *inputs);
    for (size_t i = 0; i < count; i++) {
        views[i] = observation_view(o, i);
        inputs[i] = memory_new(views[i].Tq, views[i].H * views[i].K * sizeof *inputs[i]);
        observation_inputs(o, &views[i], inputs[i]);
        views[i].x = inputs[i];
    }
    const AttentionView *view = &views[choice->block];
    const size_t D = view->H * view->K;
    real *projected = memory_new(view->Tq, D * sizeof *projected);
    linear_forward(o->pass.net.compute, projected, view->joined, view->out_weight, view->out_bias, view->Tq, D, D);
    const LayernormParams norm = view->sublayer.norm;
    Arithmetic a = {choice, projected, NULL, NULL};
    if (view->sublayer.place == NORM_PRE)
        a.norm_weight = o->pass.net.w + norm.weight, a.norm_bias = o->pass.net.w + norm.bias;
    inspect_write_attention(j, o, views, count, a, budget);
    for (size_t i = 0; i < count; i++) free(inputs[i]);
    free(inputs);
    free(projected);
    free(views);
}

bool inspect_write(Json *j, const InspectRequest *request, const Observation *o, Error *err) {
    Meaning meaning;
    Group *defaults = request->groups ? NULL : groups_default(o);
    const Group *groups = request->groups ? request->groups : defaults;
    if (!meaning_make(&meaning, o, groups, request->word, request->compare, err)) {
        groups_free(defaults);
        return false;
    }
    Choice choice = choice_make(o, &meaning, request->kind, request->layer, request->head);
    json_write(j, "{format: %s, version: 2", "nmt.inspect");
    write_model(j, o->file);
    write_knocked(j, o->file->info.decode.knockout);
    write_tokens(j, "source", o->tokenizer, o->source, o->source, o->S);
    write_tokens(j, "target", o->tokenizer, o->target, o->says, o->T);
    write_unseen(j, o);
    write_chosen(j, o, &choice, &meaning);
    write_steps(j, o);
    write_search(j, o);
    inspect_write_embedding(j, o);
    inspect_write_galaxy(j, o, groups);
    inspect_write_context(j, o, &meaning);
    inspect_write_pulls(j, &meaning);
    const bool ok = inspect_write_maps(j, o, groups, &meaning, err);
    if (ok) {
        const size_t budget = request->budget > 0 ? request->budget : INSPECT_BUDGET;
        write_stream(j, o, budget);
        write_attention(j, o, &choice, budget);
        json_write(j, "}");
    }
    free(choice.why);
    meaning_free(&meaning);
    groups_free(defaults);
    return ok;
}
