/* Texts to translations, by way of batches. */
#include "decode/translator.h"

#include <math.h>
#include <stdlib.h>

#include "base/ds.h"
#include "decode/align.h"

/* Bounds of a batch: enough rows for the products, little enough memory. */
enum {
    BATCH_TOKENS = 2048,       /* source tokens */
    BATCH_POSITIONS = 1 << 15, /* that have room for keys and values: sentences * beam * the longest limit */
};

/* What is searched for at a time: a text, or as much of it as the model takes. */
typedef struct Part {
    size_t text;             /* its number */
    uint32_t number;         /* within the text */
    size_t first, count;     /* of its tokens, in Translator.ids */
    size_t made, made_count; /* of its hypotheses, in Translator.made */
} Part;

/* A part waiting for its batch. */
typedef struct Waiting {
    size_t tokens, part;
} Waiting;

/* A hypothesis of a part: where its text, words and shares (words, source words) begin in the Translator's arrays. */
typedef struct Made {
    size_t text, length, word, words, share;
    size_t first, source_words; /* of its part */
    double log_probability, score;
} Made;

struct Translator {
    const Parameters *params;
    const real *w;
    const Tokenizer *tokenizer;
    Pool *pool;
    size_t beam, n_best;
    bool align;
    Transformer aligner;   /* align_run's */
    uint64_t texts_before; /* of all runs before this one */
    Decode *decode;
    /* All stb_ds arrays, kept from run to run. */
    int32_t *ids;
    int32_t *source_word; /* of each id; empty when there are no alignments */
    Part *parts;          /* text after text */
    Waiting *waiting;
    int32_t *batch;
    uint32_t *start;
    DecodePlace *places;
    Translation *found;
    Made *made;
    char *made_text;
    real *token_shares, *word_shares;
    /* What results point to. */
    TranslatorHypothesis *hypotheses;
    TranslatorWord *words;
    char *text;
};

Translator *translator_create(const Parameters *params, const real *w, const Tokenizer *tokenizer, Pool *pool,
                              DecodeOptions options) {
    Translator *t = memory_new(1, sizeof *t);
    t->params = params;
    t->w = w;
    t->tokenizer = tokenizer;
    t->pool = pool;
    t->beam = options.beam, t->n_best = options.n_best;
    t->decode = decode_create(params, w, pool, options);
    return t;
}

void translator_free(Translator *t) {
    if (!t) return;
    decode_free(t->decode);
    transformer_free(&t->aligner);
    stbds_arrfree(t->ids);
    stbds_arrfree(t->source_word);
    stbds_arrfree(t->parts);
    stbds_arrfree(t->waiting);
    stbds_arrfree(t->batch);
    stbds_arrfree(t->start);
    stbds_arrfree(t->places);
    stbds_arrfree(t->found);
    stbds_arrfree(t->made);
    stbds_arrfree(t->made_text);
    stbds_arrfree(t->token_shares);
    stbds_arrfree(t->word_shares);
    stbds_arrfree(t->hypotheses);
    stbds_arrfree(t->words);
    stbds_arrfree(t->text);
    free(t);
}

void translator_align(Translator *t) {
    if (!t->align) t->aligner = transformer_new(&t->params->hyper, (Compute){.pool = t->pool});
    t->align = true;
}

/* Longest first, so that memory grows once; then in the order of the texts. */
static int longer_first(const void *a, const void *b) {
    const Waiting *x = a, *y = b;
    if (x->tokens != y->tokens) return x->tokens > y->tokens ? -1 : 1;
    return x->part < y->part ? -1 : 1;
}

/* How many of the `count` ids that are left of a text which is too long for the model are the next part. */
static size_t cut(const Translator *t, const int32_t *ids, size_t count) {
    const size_t most = t->params->hyper.max_length - 1;
    size_t space = 0; /* the last white space that fits */
    char before = 0;  /* the last byte of the token before */
    for (size_t i = 0; i < count && i <= most; i++) {
        size_t length;
        const char *bytes = tokenizer_token_bytes(t->tokenizer, ids[i], &length);
        if (i > 0 && bytes[0] == ' ') {
            space = i;
            if (before == '.' || before == '!' || before == '?') return i;
        }
        before = bytes[length - 1];
    }
    return count <= most ? count : space > 0 ? space : most;
}

/* Tokenises, and cuts what is too long. */
static void enqueue(Translator *t, const Text *texts, size_t count, TranslatorResult *results) {
    stbds_arrsetlen(t->ids, 0);
    stbds_arrsetlen(t->source_word, 0);
    stbds_arrsetlen(t->parts, 0);
    stbds_arrsetlen(t->waiting, 0);
    for (size_t i = 0; i < count; i++) {
        const size_t first = stbds_arrlenu(t->ids);
        tokenizer_encode(t->tokenizer, &t->ids, texts[i].bytes, texts[i].length);
        const size_t end = stbds_arrlenu(t->ids), tokens = end - first;
        results[i] = (TranslatorResult){.source_tokens = tokens};
        if (t->align && tokens > 0)
            results[i].source_words =
                align_words(t->tokenizer, stbds_arraddnptr(t->source_word, tokens), t->ids + first, tokens);
        const bool whole = tokens < t->params->hyper.max_length;
        for (size_t at = first; at < end; results[i].parts++) {
            const Part part = {.text = i,
                               .number = (uint32_t)results[i].parts,
                               .first = at,
                               .count = whole ? tokens : cut(t, t->ids + at, end - at)};
            const Waiting waiting = {part.count + 1, stbds_arrlenu(t->parts)};
            stbds_arrput(t->parts, part);
            stbds_arrput(t->waiting, waiting);
            at += part.count;
        }
    }
    if (stbds_arrlenu(t->waiting) > 0) qsort(t->waiting, stbds_arrlenu(t->waiting), sizeof *t->waiting, longer_first);
}

/* Packs waiting parts from number `first` on into a batch, an </s> behind each; returns how many. */
static size_t pack(Translator *t, size_t first, Packed *source) {
    stbds_arrsetlen(t->batch, 0);
    stbds_arrsetlen(t->start, 0);
    stbds_arrsetlen(t->places, 0);
    stbds_arrput(t->start, 0);
    size_t n = 0, longest = 0; /* of the limits; a short part that begins with a long prefix may have it */
    for (; first + n < stbds_arrlenu(t->waiting); n++) {
        const Part *part = &t->parts[t->waiting[first + n].part];
        const DecodePlace place = {t->texts_before + part->text, part->number};
        const size_t limit = decode_limit(t->decode, part->count + 1, place);
        if (limit > longest) longest = limit;
        if (n > 0 && stbds_arrlenu(t->batch) + part->count + 1 > BATCH_TOKENS) break;
        if (n > 0 && (n + 1) * t->beam * longest > BATCH_POSITIONS) break;
        for (size_t i = 0; i < part->count; i++) stbds_arrput(t->batch, t->ids[part->first + i]);
        stbds_arrput(t->batch, TOKEN_END);
        stbds_arrput(t->start, (uint32_t)stbds_arrlenu(t->batch));
        stbds_arrput(t->places, place);
    }
    *source = (Packed){n, t->batch, t->start, t->waiting[first].tokens};
    return n;
}

/* The words of a hypothesis of a part, from its tokens' shares (T, S): a source word's share is the sum of its tokens',
 * a word's shares are the mean of its tokens'. */
static void make_words(Translator *t, Made *made, const Part *part, const Translation *found, const real *shares) {
    const int32_t *source_word = t->source_word + part->first;
    const size_t T = found->length, S = part->count + 1;
    size_t end = 0;
    made->first = SIZE_MAX;
    for (size_t j = 0; j < part->count; j++)
        if (source_word[j] >= 0) {
            if (made->first == SIZE_MAX) made->first = (size_t)source_word[j];
            end = (size_t)source_word[j] + 1;
        }
    made->source_words = end > 0 ? end - made->first : 0;
    int32_t *word = memory_new(T, sizeof *word);
    made->words = align_words(t->tokenizer, word, found->ids, T);
    made->share = stbds_arrlenu(t->word_shares);
    const size_t count = made->words * made->source_words;
    stbds_arrsetlen(t->word_shares, made->share + count);
    real *out = t->word_shares + made->share;
    for (size_t i = 0; i < count; i++) out[i] = 0;
    for (size_t i = 0, tokens = 0; i < T && count > 0; i++) {
        if (word[i] < 0) continue;
        real *row = out + (size_t)word[i] * made->source_words;
        for (size_t j = 0; j < part->count; j++)
            if (source_word[j] >= 0) row[(size_t)source_word[j] - made->first] += shares[i * S + j];
        tokens++;
        if (i + 1 < T && word[i + 1] == word[i]) continue;
        for (size_t j = 0; j < made->source_words; j++) row[j] /= (real)tokens;
        tokens = 0;
    }
    free(word);
}

/* Keeps the hypotheses of a batch, which is the n waiting parts from number `first` on. */
static bool keep(Translator *t, size_t first, size_t n, Packed source, Error *err) {
    const size_t base = stbds_arrlenu(t->made);
    stbds_arrsetlen(t->made, base + n * t->n_best);
    for (size_t rank = 0; rank < t->n_best; rank++) {
        size_t room = 0;
        for (size_t i = 0; i < n; i++) {
            Part *part = &t->parts[t->waiting[first + i].part];
            const Translation *all = decode_hypotheses(t->decode, i, &part->made_count);
            part->made = base + i * t->n_best;
            t->found[i] = rank < part->made_count ? all[rank] : (Translation){0};
            room += t->found[i].length * (part->count + 1);
        }
        if (t->align) {
            stbds_arrsetlen(t->token_shares, room);
            if (!align_run(&t->aligner, t->w, source, t->found, t->token_shares, err)) return false;
        }
        const real *shares = t->token_shares;
        for (size_t i = 0; i < n; i++) {
            const Part *part = &t->parts[t->waiting[first + i].part];
            const Translation *found = &t->found[i];
            Made *made = &t->made[part->made + rank];
            *made = (Made){
                .text = stbds_arrlenu(t->made_text), .log_probability = found->log_probability, .score = found->score};
            tokenizer_decode(t->tokenizer, &t->made_text, found->ids, found->length);
            made->length = stbds_arrlenu(t->made_text) - made->text;
            if (!t->align) continue;
            make_words(t, made, part, found, shares);
            shares += found->length * (part->count + 1);
        }
    }
    return true;
}

/* Adds the hypothesis of a part to that of its text. */
static void join(Translator *t, TranslatorHypothesis *h, const Made *made) {
    if (h->length > 0 && made->length > 0) stbds_arrput(t->text, ' '), h->length++;
    if (made->length > 0) memcpy(stbds_arraddnptr(t->text, made->length), t->made_text + made->text, made->length);
    h->length += made->length;
    h->log_probability += made->log_probability;
    h->score += made->score;
    for (size_t i = 0; i < made->words; i++) {
        const real *shares = t->word_shares + made->share + i * made->source_words;
        TranslatorWord word = {shares, made->first, made->source_words, made->first};
        for (size_t j = 1; j < made->source_words; j++)
            if (shares[j] > shares[word.largest - made->first]) word.largest = made->first + j;
        stbds_arrput(t->words, word);
    }
    h->word_count += made->words;
}

/* Results in the order of the texts, each from its parts' hypotheses of each rank. */
static void assemble(Translator *t, size_t count, TranslatorResult *results) {
    size_t words = 0;
    for (size_t i = 0; i < stbds_arrlenu(t->made); i++) words += t->made[i].words;
    /* Room for all: these arrays do not move while results come to point into them. */
    stbds_arrsetlen(t->hypotheses, 0);
    stbds_arrsetlen(t->words, 0);
    stbds_arrsetlen(t->text, 0);
    stbds_arrsetcap(t->hypotheses, count * t->n_best + 1);
    stbds_arrsetcap(t->words, words + 1);
    stbds_arrsetcap(t->text, stbds_arrlenu(t->made_text) + stbds_arrlenu(t->made) + 1);
    const Part *part = t->parts;
    for (size_t i = 0; i < count; part += results[i++].parts) {
        TranslatorResult *result = &results[i];
        result->hypotheses = t->hypotheses + stbds_arrlenu(t->hypotheses);
        result->count = result->parts > 0 ? t->n_best : 1;
        for (size_t p = 0; p < result->parts; p++)
            if (part[p].made_count < result->count) result->count = part[p].made_count;
        for (size_t rank = 0; rank < result->count; rank++) {
            TranslatorHypothesis h = {.bytes = t->text + stbds_arrlenu(t->text),
                                      .words = t->words + stbds_arrlenu(t->words)};
            for (size_t p = 0; p < result->parts; p++) join(t, &h, &t->made[part[p].made + rank]);
            if (!isfinite(h.log_probability)) h.length = h.word_count = 0;
            stbds_arrput(t->hypotheses, h);
        }
        result->bytes = result->hypotheses[0].bytes, result->length = result->hypotheses[0].length;
    }
}

bool translator_run(Translator *t, const Text *texts, size_t count, TranslatorResult *results, Error *err) {
    enqueue(t, texts, count, results);
    stbds_arrsetlen(t->made, 0);
    stbds_arrsetlen(t->made_text, 0);
    stbds_arrsetlen(t->word_shares, 0);
    for (size_t first = 0, n; first < stbds_arrlenu(t->waiting); first += n) {
        Packed source;
        n = pack(t, first, &source);
        stbds_arrsetlen(t->found, n);
        decode_places(t->decode, t->places);
        if (!decode_run(t->decode, source, t->found, err) || !keep(t, first, n, source, err)) return false;
    }
    assemble(t, count, results);
    t->texts_before += count;
    return true;
}

Tokenizer *translator_tokenizer(const ModelFile *file, Error *err) {
    const ModelInfo *info = &file->info;
    Error why;
    Tokenizer *tokenizer = tokenizer_create(info->merges, info->merge_count,
                                            (Normalisation){info->lowercase, info->apostrophes, info->spaces}, &why);
    if (!tokenizer) error_set(err, "%s: nmt.tokenizer.merges: %s", file->path, why.text);
    return tokenizer;
}

DecodeOptions translator_options(const ModelFile *file) {
    const ModelDecode *d = &file->info.decode;
    return (DecodeOptions){.beam = d->beam,
                           .n_best = 1,
                           .length_alpha = d->length_alpha,
                           .max_ratio = d->max_ratio,
                           .max_extra = d->max_extra};
}
