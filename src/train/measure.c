#include "train/measure.h"

#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/size.h"
#include "data/corpus.h"
#include "decode/translator.h"
#include "eval/bleu.h"
#include "eval/score.h"
#include "text/utf8.h"
#include "train/ranks.h"

enum { LINES_SAMPLED = 500 }; /* where nothing is translated at validations: as many as are by default */

/* Replaces *out by the normalised text. */
static void normalise(char **out, Text text, Normalisation how) {
    stbds_arrsetlen(*out, 0);
    normalise_text(out, text.bytes, text.length, how);
}

static bool is_same(const char *a, const char *b) {
    return stbds_arrlenu(a) == stbds_arrlenu(b) && (stbds_arrlenu(a) == 0 || memcmp(a, b, stbds_arrlenu(a)) == 0);
}

/* Texts that are made again and again. */
typedef struct Work {
    Text *targets; /* the accepted targets of a line */
    char *said, *target;
} Work;

static void work_free(Work *work) {
    stbds_arrfree(work->targets);
    stbds_arrfree(work->said);
    stbds_arrfree(work->target);
}

/* Whether what was found is an accepted target of the line, all of which are then in work->targets, and the first one,
 * normalised, in work->target. */
static bool is_right(Work *work, Text found, const Corpus *corpus, size_t line, Normalisation how) {
    bool right = false;
    stbds_arrsetlen(work->targets, 0);
    corpus_targets(corpus, line, &work->targets);
    normalise(&work->said, found, how);
    for (size_t t = stbds_arrlenu(work->targets); t-- > 0;) { /* the first one stays */
        normalise(&work->target, work->targets[t], how);
        right = right || is_same(work->said, work->target);
    }
    return right;
}

/* work: as is_right left it. */
static void put_sample(Sample *sample, const Work *work, Text found, const Corpus *corpus, size_t line, bool right) {
    const Text source = corpus_source(corpus, line);
    utf8_show(sample->source, SAMPLE_BYTES, source.bytes, source.length);
    utf8_show(sample->reference, SAMPLE_BYTES, work->target, stbds_arrlenu(work->target));
    utf8_show(sample->said, SAMPLE_BYTES, found.bytes, found.length);
    sample->right = right;
}

void samples_write(Json *out, const Sample *samples, size_t count) {
    json_write(out, "samples: [");
    for (const Sample *s = samples; s < samples + count; s++)
        json_write(out, "{source: %s, reference: %s, said: %s, right: %i}", s->source, s->reference, s->said, s->right);
    json_write(out, "]");
}

/* The line of a sample of `count` lines. */
static size_t sample_line(size_t sample, size_t count) { return sample * count / size_min(count, SAMPLES); }

/* A translation, whether the limit cut it, and how likely it is. */
typedef struct Said {
    Text text;
    bool cut;
    size_t tokens;
    double log_probability;
} Said;

/* said: (count), of the first lines of the corpus. */
static void compare(Measured *measured, const Said *said, size_t count, const Corpus *corpus, Normalisation how) {
    Work work = {0};
    Ngrams *ngrams = ngrams_create();
    const ScoreOptions bleu = {.metric = SCORE_BLEU}, chrf = {.metric = SCORE_CHRF};
    NgramCounts sum = {{0}, {0}, {0}};
    ConfidenceSample *judged = memory_new(count, sizeof *judged);
    const size_t samples = size_min(count, SAMPLES);
    size_t exact = 0, shown = 0;
    measured->cut = 0;
    for (size_t i = 0; i < count; i++) {
        const Text found = said[i].text;
        const bool right = is_right(&work, found, corpus, i, how);
        NgramCounts alone = {{0}, {0}, {0}};
        score_add(&sum, ngrams, bleu, found, work.targets, stbds_arrlenu(work.targets));
        score_add(&alone, ngrams, chrf, found, work.targets, stbds_arrlenu(work.targets));
        judged[i] = (ConfidenceSample){said[i].log_probability, said[i].tokens, score_value(chrf, &alone) / 100};
        exact += right;
        measured->cut += said[i].cut;
        if (shown < samples && i == sample_line(shown, count))
            put_sample(&measured->samples[shown++], &work, found, corpus, i, right);
    }
    ngrams_free(ngrams);
    work_free(&work);
    measured->count = count;
    measured->exact = (double)exact / (double)count;
    measured->bleu = score_value(bleu, &sum);
    measured->no_words = sum.hypothesis[BLEU_ORDERS - 1] == 0 && sum.reference[0] < BLEU_ORDERS * count;
    measured->sample_count = samples;
    measured->confidence = confidence_fit(judged, count);
    free(judged);
}

/* A greedy translator with the present parameters. scored: log probabilities are wanted. */
static Translator *create_translator(const Trainer *t, bool scored) {
    SearchOptions greedy = t->decode;
    greedy.beam = 1, greedy.unscored = !scored;
    return translator_create(&t->model.params, trainer_weights(t), t->data.tokenizer, t->pool, greedy);
}

/* Translates lines first .. last - 1 of the validation text into said[first .. last - 1], whose texts live as long as
 * the translator. */
static bool translate(Translator *translator, const Corpus *corpus, Said *said, size_t first, size_t last, Error *err) {
    const size_t count = last - first;
    Text *texts = memory_new(count, sizeof *texts);
    TranslatorResult *results = memory_new(count, sizeof *results);
    for (size_t i = 0; i < count; i++) texts[i] = corpus_source(corpus, first + i);
    const bool ok = translator_run(translator, texts, count, results, err);
    for (size_t i = 0; ok && i < count; i++) {
        const TranslatorHypothesis *best = &results[i].hypotheses[0];
        said[first + i] = (Said){{best->bytes, best->length}, best->cut > 0, best->tokens, best->log_probability};
    }
    free(texts);
    free(results);
    return ok;
}

bool measure_translations(const Trainer *t, size_t count, Measured *measured, Error *err) {
    const Corpus *corpus = &t->data.valid_lines;
    count = size_min(count, corpus->count);
    Said *said = memory_new(count, sizeof *said);
    Translator *translator = create_translator(t, true);
    const bool ok = translate(translator, corpus, said, 0, count, err);
    if (ok) compare(measured, said, count, corpus, tokenizer_normalisation(t->data.tokenizer));
    translator_free(translator);
    free(said);
    return ok;
}

/* ---- By all ranks ---- */

/* What a Said has, as it is sent. */
typedef struct Sent {
    double log_probability;
    uint64_t tokens;
    uint32_t length, cut;
} Sent;

/* Gives every rank the translations of all; each has those of its lines. Returns the memory that their texts are in
 * then, or NULL: the ranks are lost. */
static char *gather(Ranks *r, Said *said, size_t count) {
    size_t *start = memory_new(r->count + 1, sizeof *start), bytes = 0;
    Sent *sent = memory_new(count, sizeof *sent);
    char *text = NULL;
    for (size_t rank = 0; rank <= r->count; rank++) start[rank] = ranks_first(r, count, rank) * sizeof *sent;
    for (size_t i = ranks_first(r, count, r->self); i < ranks_first(r, count, r->self + 1); i++)
        sent[i] = (Sent){said[i].log_probability, said[i].tokens, (uint32_t)said[i].text.length, said[i].cut};
    if (ranks_gather(r, sent, start)) {
        for (size_t rank = 0, i = 0; rank <= r->count; rank++) {
            for (; i < ranks_first(r, count, rank); i++) bytes += sent[i].length;
            start[rank] = bytes;
        }
        text = memory_new(bytes + 1, 1);
        char *at = text + start[r->self];
        for (size_t i = ranks_first(r, count, r->self); i < ranks_first(r, count, r->self + 1); i++) {
            if (sent[i].length > 0) memcpy(at, said[i].text.bytes, sent[i].length);
            at += sent[i].length;
        }
        if (!ranks_gather(r, text, start)) free(text), text = NULL;
    }
    for (size_t i = 0, at = 0; text && i < count; at += sent[i++].length)
        said[i] = (Said){{text + at, sent[i].length}, sent[i].cut, sent[i].tokens, sent[i].log_probability};
    free(sent);
    free(start);
    return text;
}

bool measure_together(const Trainer *t, size_t count, Measured *measured, Error *err) {
    Ranks *const r = t->config->ranks;
    const Corpus *corpus = &t->data.valid_lines;
    if (ranks_count(r) == 1) return measure_translations(t, count, measured, err);
    ranks_give(r, ORDER_TRANSLATE, count);
    count = size_min(count, corpus->count);
    Said *said = memory_new(count, sizeof *said);
    Translator *translator = create_translator(t, true);
    char *text = NULL;
    bool ok =
        translate(translator, corpus, said, ranks_first(r, count, r->self), ranks_first(r, count, r->self + 1), err);
    ok = ranks_agree(r, ok, err) && ((text = gather(r, said, count)) || !ranks_lost(r, err));
    if (ok) compare(measured, said, count, corpus, tokenizer_normalisation(t->data.tokenizer));
    free(text);
    translator_free(translator);
    free(said);
    return ok;
}

/* ---- Samples alone ---- */

/* How many lines the samples are spread over. */
static size_t lines_sampled(const Trainer *t) {
    const size_t translated = trainer_valid_sentences(t);
    return translated ? translated : size_min(LINES_SAMPLED, t->data.valid_lines.count);
}

size_t measure_sample_count(const Trainer *t) { return size_min(lines_sampled(t), SAMPLES); }

size_t measure_sample_line(const Trainer *t, size_t sample) { return sample_line(sample, lines_sampled(t)); }

bool measure_samples(const Trainer *t, Sample *samples, size_t *count, Error *err) {
    const Corpus *corpus = &t->data.valid_lines;
    Text texts[SAMPLES];
    TranslatorResult results[SAMPLES];
    Work work = {0};
    *count = measure_sample_count(t);
    for (size_t i = 0; i < *count; i++) texts[i] = corpus_source(corpus, measure_sample_line(t, i));
    Translator *translator = create_translator(t, false);
    const bool ok = translator_run(translator, texts, *count, results, err);
    for (size_t i = 0; ok && i < *count; i++) {
        const Text found = {results[i].bytes, results[i].length};
        const size_t line = measure_sample_line(t, i);
        const bool right = is_right(&work, found, corpus, line, tokenizer_normalisation(t->data.tokenizer));
        put_sample(&samples[i], &work, found, corpus, line, right);
    }
    work_free(&work);
    translator_free(translator);
    return ok;
}
