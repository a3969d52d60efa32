/* Texts become parts, parts batches, batches hypotheses of parts, and these the hypotheses of texts. Almost every text
 * is one part; only one that is too long for the model has several, or one of several sentences, if these are asked for
 * one by one. A part's hypotheses are put together in Translator.made, `n_best` places for each part in the order of
 * the batches. */
#include "decode/translator.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/size.h"
#include "decode/align.h"

/* Bounds of a batch: enough rows for the products, little enough memory. */
enum {
    BATCH_TOKENS = 2048,       /* source tokens */
    BATCH_POSITIONS = 1 << 15, /* that have room for keys and values: sentences * beam * the longest limit */
};

/* What one search translates: a text, or as much of it as the model takes. */
typedef struct Part {
    size_t text;             /* its number */
    uint32_t number;         /* within the text */
    size_t first, count;     /* of its tokens, in Translator.ids */
    size_t made, made_count; /* of its hypotheses, in Translator.made */
} Part;

/* A hypothesis of a part: where its text and its words' shares begin in the Translator's arrays. */
typedef struct Made {
    size_t text, length, share;
    size_t cut, tokens; /* TranslatorHypothesis */
    bool stuck;
    AlignedWords words;
    double log_probability, score;
} Made;

struct Translator {
    const Parameters *params; /* of the first model */
    const real *w;
    Hyper hyper; /* its own, with the smallest max_length of all */
    const Tokenizer *tokenizer;
    Pool *pool;
    SearchOptions options;
    TranslatorLong *on_long;
    void *long_context;
    Part **running; /* of the batch that is searched */
    bool sentences, align;
    Transformer aligner;   /* align_run's */
    uint64_t texts_before; /* of all runs before this one */
    Search *search;
    /* All stb_ds arrays, kept from run to run. */
    int32_t *ids;
    int32_t *source_word; /* of each id; empty when there are no alignments */
    Part *parts;          /* text after text */
    Part **order;         /* the parts in the order in which they are translated */
    int32_t *batch;
    uint32_t *start;
    SearchPlace *places;
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
                              SearchOptions options) {
    Translator *t = memory_new(1, sizeof *t);
    t->params = params;
    t->w = w;
    t->hyper = params->hyper;
    t->tokenizer = tokenizer;
    t->pool = pool;
    t->options = options;
    t->search = search_create(params, w, pool, options);
    search_texts(t->search, tokenizer);
    return t;
}

void translator_free(Translator *t) {
    if (!t) return;
    search_free(t->search);
    transformer_free(&t->aligner);
    stbds_arrfree(t->ids);
    stbds_arrfree(t->source_word);
    stbds_arrfree(t->parts);
    stbds_arrfree(t->order);
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

static SearchPlace place_of(const Translator *t, const Part *part) {
    return (SearchPlace){t->texts_before + part->text, part->number};
}

static size_t limit_of(const Translator *t, const Part *part) {
    return search_limit(&t->options, &t->hyper, part->count + 1, place_of(t, part));
}

void translator_add(Translator *t, const Parameters *params, const real *w) {
    t->hyper.max_length = size_min(t->hyper.max_length, params->hyper.max_length);
    search_add(t->search, params, w);
}

void translator_sentences(Translator *t) { t->sentences = true; }

void translator_align(Translator *t) {
    if (!t->align) t->aligner = transformer_new(&t->params->hyper, (Compute){.pool = t->pool});
    t->aligner.knockout = t->options.knockout;
    t->align = true;
}

static void part_is_long(void *context, size_t b, size_t tokens) {
    const Translator *t = context;
    const Part *part = t->running[b];
    t->on_long(t->long_context, part->text, tokens, limit_of(t, part));
}

void translator_long(Translator *t, TranslatorLong *on_long, void *context) {
    t->on_long = on_long, t->long_context = context;
    search_long(t->search, part_is_long, t);
}

/* Longest first, so that memory grows once; parts of one length in the order of the texts. */
static int longer_first(const void *a, const void *b) {
    const Part *x = *(Part *const *)a, *y = *(Part *const *)b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return x < y ? -1 : 1;
}

static bool begins_with_space(const char *bytes, size_t length) {
    uint32_t code;
    utf8_decode(&code, bytes, length);
    return utf8_class(code) == UTF8_SPACE;
}

/* How many of the ids there are up to the last that is more than white space; 1 at least, if there are any. */
static size_t count_solid(const Tokenizer *tokenizer, const int32_t *ids, size_t count) {
    for (; count > 1; count--) {
        size_t length;
        const char *bytes = tokenizer_token_bytes(tokenizer, ids[count - 1], &length);
        if (!utf8_is_blank((Text){bytes, length})) break;
    }
    return count;
}

/* The length of the next part: how many of the first `count` ids, at least 1 and at most `most`. Those from number
 * `solid` on are white space, which is no part of its own. */
static size_t split_next(const Tokenizer *tokenizer, const int32_t *ids, size_t count, size_t solid, size_t most) {
    size_t space = 0; /* the last token that begins with white space */
    char before = 0;  /* the last byte of the token before */
    for (size_t i = 0; i < solid && i <= most; i++) {
        size_t length;
        const char *bytes = tokenizer_token_bytes(tokenizer, ids[i], &length);
        if (i > 0 && begins_with_space(bytes, length)) {
            space = i;
            if (before == '.' || before == '!' || before == '?') return i;
        }
        before = bytes[length - 1];
    }
    return solid <= most ? size_min(count, most) : space > 0 ? space : most;
}

/* Tokenises the texts and cuts them into parts. */
static void make_parts(Translator *t, const Text *texts, size_t count, TranslatorResult *results) {
    const size_t most = t->hyper.max_length - 1;
    stbds_arrsetlen(t->ids, 0);
    stbds_arrsetlen(t->source_word, 0);
    stbds_arrsetlen(t->parts, 0);
    for (size_t i = 0; i < count; i++) {
        const size_t first = stbds_arrlenu(t->ids);
        tokenizer_encode(t->tokenizer, &t->ids, texts[i].bytes, texts[i].length);
        const size_t end = stbds_arrlenu(t->ids), tokens = end - first;
        results[i] = (TranslatorResult){.source_tokens = tokens};
        if (t->align && tokens > 0)
            results[i].source_words =
                align_words(t->tokenizer, stbds_arraddnptr(t->source_word, tokens), t->ids + first, tokens);
        const bool whole = tokens <= most && !t->sentences;
        const size_t solid = tokens > 0 ? first + count_solid(t->tokenizer, t->ids + first, tokens) : first;
        for (size_t at = first; at < solid; results[i].parts++) {
            const size_t length = whole ? tokens : split_next(t->tokenizer, t->ids + at, end - at, solid - at, most);
            const Part part = {.text = i, .number = (uint32_t)results[i].parts, .first = at, .count = length};
            stbds_arrput(t->parts, part);
            at += length;
        }
    }
    const size_t parts = stbds_arrlenu(t->parts);
    stbds_arrsetlen(t->order, parts);
    for (size_t i = 0; i < parts; i++) t->order[i] = &t->parts[i];
    if (parts > 0) qsort(t->order, parts, sizeof(Part *), longer_first);
}

/* Packs parts from number `first` of the order on into a batch, each with </s> behind it; returns how many. */
static size_t pack(Translator *t, size_t first, Packed *source) {
    stbds_arrsetlen(t->batch, 0);
    stbds_arrsetlen(t->start, 0);
    stbds_arrsetlen(t->places, 0);
    stbds_arrput(t->start, 0);
    size_t n = 0, longest = 0; /* the highest limit; a short part that begins with a long prefix may have it */
    for (; first + n < stbds_arrlenu(t->order); n++) {
        const Part *part = t->order[first + n];
        longest = size_max(longest, limit_of(t, part));
        if (n > 0 && stbds_arrlenu(t->batch) + part->count + 1 > BATCH_TOKENS) break;
        if (n > 0 && (n + 1) * t->options.beam * longest > BATCH_POSITIONS) break;
        ds_append(t->batch, t->ids + part->first, part->count);
        stbds_arrput(t->batch, TOKEN_END);
        stbds_arrput(t->start, (uint32_t)stbds_arrlenu(t->batch));
        stbds_arrput(t->places, place_of(t, part));
    }
    *source = (Packed){n, t->batch, t->start, t->order[first]->count + 1};
    return n;
}

/* Keeps the hypotheses of a batch: the n parts from number `first` of the order on. */
static bool keep(Translator *t, size_t first, size_t n, Packed source, Error *err) {
    const size_t base = stbds_arrlenu(t->made);
    stbds_arrsetlen(t->made, base + n * t->options.n_best);
    for (size_t rank = 0; rank < t->options.n_best; rank++) {
        size_t room = 0;
        for (size_t i = 0; i < n; i++) {
            Part *part = t->order[first + i];
            const Translation *all = search_hypotheses(t->search, i, &part->made_count);
            part->made = base + i * t->options.n_best;
            t->found[i] = rank < part->made_count ? all[rank] : (Translation){0};
            room += t->found[i].length * (part->count + 1);
        }
        if (t->align) {
            stbds_arrsetlen(t->token_shares, room);
            if (!align_run(&t->aligner, t->w, source, t->found, t->token_shares, err)) return false;
        }
        const real *shares = t->token_shares;
        for (size_t i = 0; i < n; i++) {
            const Part *part = t->order[first + i];
            const Translation *found = &t->found[i];
            Made *made = &t->made[part->made + rank];
            *made = (Made){.text = stbds_arrlenu(t->made_text),
                           .share = stbds_arrlenu(t->word_shares),
                           .tokens = found->length + found->finished,
                           .log_probability = found->log_probability,
                           .score = found->score};
            if (!found->finished && found->log_probability != -INFINITY) {
                made->cut = found->length;
                made->stuck = found->length < limit_of(t, part);
            }
            search_text(t->tokenizer, &t->made_text, found);
            made->length = stbds_arrlenu(t->made_text) - made->text;
            if (!t->align) continue;
            made->words = align_word_shares(&t->word_shares, t->tokenizer, found, shares, t->source_word + part->first,
                                            part->count);
            shares += found->length * (part->count + 1);
        }
    }
    return true;
}

/* The sum of two parts' log probabilities or scores. One part without a translation leaves its text without one. */
static double joined(double a, double b) { return a == -INFINITY || b == -INFINITY ? -INFINITY : a + b; }

/* Adds the hypothesis of a part to that of its text. */
static void join(Translator *t, TranslatorHypothesis *h, const Made *made) {
    if (h->length > 0 && made->length > 0) stbds_arrput(t->text, ' '), h->length++;
    ds_append(t->text, t->made_text + made->text, made->length);
    h->length += made->length;
    h->log_probability = joined(h->log_probability, made->log_probability);
    h->score = joined(h->score, made->score);
    h->tokens += made->tokens;
    if (h->cut == 0) h->cut = made->cut, h->stuck = made->stuck;
    const AlignedWords *words = &made->words;
    for (size_t i = 0; i < words->count; i++) {
        const real *shares = t->word_shares + made->share + i * words->source_count;
        TranslatorWord word = {shares, words->source_first, words->source_count, words->source_first};
        for (size_t j = 1; j < word.count; j++)
            if (shares[j] > shares[word.largest - word.first]) word.largest = word.first + j;
        stbds_arrput(t->words, word);
    }
    h->word_count += words->count;
}

static bool same_text(const TranslatorHypothesis *a, const TranslatorHypothesis *b) {
    return a->length == b->length && (a->length == 0 || memcmp(a->bytes, b->bytes, a->length) == 0);
}

static bool has_ended(const TranslatorHypothesis *h) { return h->cut == 0 && h->log_probability != -INFINITY; }

/* As the search compares hypotheses. */
static bool is_better(const TranslatorHypothesis *a, const TranslatorHypothesis *b) {
    return has_ended(a) != has_ended(b) ? has_ended(a) : a->score > b->score;
}

/* Puts a hypothesis into its place among those of its text, the best first. Of two that say the same, only the better
 * one is kept: parts that differ may give the same text when they are joined. */
static void put_in_order(Translator *t, TranslatorResult *result, TranslatorHypothesis h) {
    TranslatorHypothesis *list = t->hypotheses + (result->hypotheses - t->hypotheses);
    size_t at = 0;
    while (at < result->count && !same_text(&list[at], &h)) at++;
    if (at < result->count && !is_better(&h, &list[at])) return;
    if (at == result->count) {
        stbds_arrput(t->hypotheses, h);
        result->count++;
    }
    for (; at > 0 && is_better(&h, &list[at - 1]); at--) list[at] = list[at - 1];
    list[at] = h;
}

/* Results in the order of the texts, each from its parts' hypotheses of each rank. */
static void assemble(Translator *t, size_t count, TranslatorResult *results) {
    size_t words = 0;
    for (size_t i = 0; i < stbds_arrlenu(t->made); i++) words += t->made[i].words.count;
    /* Room for all: these arrays do not move while results come to point into them. */
    stbds_arrsetlen(t->hypotheses, 0);
    stbds_arrsetlen(t->words, 0);
    stbds_arrsetlen(t->text, 0);
    stbds_arrsetcap(t->hypotheses, count * t->options.n_best + 1);
    stbds_arrsetcap(t->words, words + 1);
    stbds_arrsetcap(t->text, stbds_arrlenu(t->made_text) + stbds_arrlenu(t->made) + 1);
    const Part *part = t->parts;
    for (size_t i = 0; i < count; part += results[i++].parts) {
        TranslatorResult *result = &results[i];
        result->hypotheses = t->hypotheses + stbds_arrlenu(t->hypotheses);
        size_t ranks = result->parts > 0 ? t->options.n_best : 1;
        for (size_t p = 0; p < result->parts; p++) ranks = size_min(ranks, part[p].made_count);
        for (size_t rank = 0; rank < ranks; rank++) {
            TranslatorHypothesis h = {.bytes = t->text + stbds_arrlenu(t->text),
                                      .words = t->words + stbds_arrlenu(t->words)};
            for (size_t p = 0; p < result->parts; p++) join(t, &h, &t->made[part[p].made + rank]);
            if (h.log_probability == -INFINITY) {
                h.length = h.word_count = h.cut = h.tokens = 0;
                h.stuck = false;
            }
            put_in_order(t, result, h);
        }
        result->bytes = result->hypotheses[0].bytes, result->length = result->hypotheses[0].length;
    }
}

void translator_count_from(Translator *t, uint64_t texts) { t->texts_before = texts; }

bool translator_run(Translator *t, const Text *texts, size_t count, TranslatorResult *results, Error *err) {
    make_parts(t, texts, count, results);
    stbds_arrsetlen(t->made, 0);
    stbds_arrsetlen(t->made_text, 0);
    stbds_arrsetlen(t->word_shares, 0);
    for (size_t first = 0, n; first < stbds_arrlenu(t->order); first += n) {
        Packed source;
        n = pack(t, first, &source);
        stbds_arrsetlen(t->found, n);
        t->running = t->order + first;
        search_places(t->search, t->places);
        if (!search_run(t->search, source, t->found, err) || !keep(t, first, n, source, err)) return false;
    }
    assemble(t, count, results);
    t->texts_before += count;
    return true;
}
