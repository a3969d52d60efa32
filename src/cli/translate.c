/* ./translate [-m MODEL ...] ["text" ...]: translates its arguments, or the lines of stdin, to stdout; with --score,
 * scores given translations instead, with --tune finds numbers for some of its options. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ds.h"
#include "base/file.h"
#include "base/lines.h"
#include "base/size.h"
#include "cli/models.h"
#include "cli/options.h"
#include "cli/print.h"
#include "cli/reranking.h"
#include "cli/scoring.h"
#include "cli/tuning.h"
#include "cli/unseen.h"
#include "decode/modelfile.h"
#include "decode/translator.h"
#include "math/cpu.h"

static const Option options[] = {
    {"--model", "-m", "FILE",
     "the model (default: the newest runs/*/model.gguf); several: the mean of their probabilities", NULL},
    {"--beam", "-b", "N", "hypotheses kept; 1: greedy (default: the model's decode.beam)", "decode.beam"},
    {"--alpha", NULL, "A", "score = log probability / length ^ A (default: decode.length_alpha)",
     "decode.length_alpha"},
    {"--n-best", "-n", "N", "print the N best: NUMBER ||| TEXT ||| F0= LOG_PROBABILITY ||| SCORE", "decode.n_best"},
    {"--alignment", NULL, "HOW",
     "append ||| and the aligned words: hard (0-0 1-2) or soft (0:0.9731,1:0.0269 1:0.9987)", NULL},
    {"--sentences", NULL, NULL, "translate each sentence of a text by itself, and join them", NULL},
    {"--no-repeat-ngram", NULL, "N",
     "no N tokens in a row occur twice in a translation; where a text is translated in parts, in a part",
     "decode.no_repeat_ngram"},
    {"--min-length", NULL, "N", "fewest tokens of a translation; where a text is translated in parts, of each part",
     "decode.min_length"},
    {"--max-length", NULL, "N",
     "most tokens of a translation, its end included; where a text is translated in parts, of each part",
     "decode.max_length"},
    {"--max-ratio", NULL, "R", "most tokens: R times the text's tokens, ... (default: the model's decode.max_ratio)",
     "decode.max_ratio"},
    {"--max-extra", NULL, "N", "... and N more (default: the model's decode.max_extra)", "decode.max_extra"},
    {"--prefix", NULL, "TEXT", "begin every translation with TEXT", NULL},
    {"--sample", NULL, NULL, "draw each token by its probability instead of searching", NULL},
    {"--temperature", NULL, "T", "draw by probability ^ (1 / T) (default: 1)", "decode.temperature"},
    {"--top-k", NULL, "K", "draw from the K most likely (default: from all)", "decode.top_k"},
    {"--seed", NULL, "N", "the draws depend on N, line and position only (default: 1)", "decode.seed"},
    {"--score", NULL, NULL, "print how likely given translations are: log probability, and that of each token", NULL},
    {"--rerank", NULL, "FILE", "choose among the beam's translations by this model's log probabilities, too", NULL},
    {"--reverse", NULL, "FILE", "the same with a model that translates back: how likely is the text, given them?",
     NULL},
    {"--weights", NULL, "W,W...",
     "weights: of the search, of each model of --rerank and --reverse, of a token (default: 1,1...,0)", NULL},
    {"--confidence", NULL, NULL, "append ||| and how good each translation is likely to be, from 0 to 1", NULL},
    {"--calibration", NULL, "B,S", "the numbers behind --confidence (default: the model's)", NULL},
    {"--tune", NULL, "FILE", "find --weights or --calibration by these pairs (.tsv, or a.en+a.fr), and print them",
     NULL},
    {"--without", NULL, "NAMES",
     "switch parts off: positions, mask, root, attention, feedforward, heads:KIND.LAYER.HEAD, only:HEAD", NULL},
    {"--int8", NULL, NULL, "compute with weights in 8-bit integers: faster, and a little less exact", NULL},
    {"--threads", NULL, "N", "number of threads; 0: one for each core (default: 0)", NULL},
};

static const Command command = {
    .name = "translate",
    .usage = "translate [options] [\"text\" ... | -]\n"
             "       translate --score [options] [PAIRS.tsv | SOURCES TRANSLATIONS | -]\n"
             "       translate --tune PAIRS.tsv [options] --reverse FILE | --rerank FILE | --confidence",
    .about = "Translates each text, or each line of stdin (-, or no text), to a line on stdout. Each line is answered\n"
             "as soon as it arrives; an empty line gives an empty line. A text with more tokens than the model takes\n"
             "is translated in parts.\n\n"
             "example: ./translate \"the cat sat\"\n"
             "         ./translate -m runs/tiny/model.gguf < english.txt > french.txt",
    .options = options,
    .option_count = COUNT(options),
};

enum {
    LINES_TOGETHER = 512, /* the most lines that are translated together, if they arrive together */
    CUTS_TOLD = 10,       /* texts whose cut translations are reported one by one */
};

/* What to do, from the command line. */
typedef struct Request {
    const OptionReader *options;
    char **models;          /* stb_ds array: the paths that were given */
    const char *model;      /* the path of the first */
    RerankingModel *others; /* stb_ds array: of --rerank and --reverse */
    Reranker *reranker;     /* NULL: none */
    PrintHow print;
    size_t shown;          /* translations of each text */
    Text *texts;           /* stb_ds array */
    const char *what;      /* "text" or "line" */
    size_t first;          /* the number of the first of those that are translated now, from 0 */
    size_t done, cut;      /* texts so far; those with a translation that was cut */
    const ModelInfo *info; /* of the first model */
    const Hyper *hyper;    /* the same, with the smallest max_length of all */
    Knockout knockout;
    Unseen unseen;
    bool waits;   /* somebody waits for each answer: arguments, or a terminal */
    bool failed;  /* the model's numbers were not finite for one of the texts so far; this is reported once; with
                     --score: what scoring_run says */
    bool odd;     /* one of the texts so far was not UTF-8; this is reported once, too */
    bool columns; /* one of the texts so far has a TAB; this is reported once, too */
} Request;

static void tell_long(void *context, size_t text, size_t tokens, size_t limit) {
    const Request *r = context;
    options_note(&command,
                 "%s %zu: its translation has %zu tokens so far, far more than it warrants; the limit is %zu "
                 "(--max-length lowers it, Ctrl-C interrupts)",
                 r->what, r->first + text + 1, tokens, limit);
}

/* Reports translations that were cut, of the first few texts that have such. */
static void tell_cut(Request *r, const TranslatorResult *result, size_t number) {
    size_t cut = 0, first = 0;
    for (size_t i = 0; i < result->count; i++)
        if (result->hypotheses[i].cut > 0 && cut++ == 0) first = i;
    if (cut == 0 || r->cut++ >= CUTS_TOLD) return;
    const TranslatorHypothesis *h = &result->hypotheses[first];
    char which[80] = "its translation is";
    if (result->count > 1) snprintf(which, sizeof which, "%zu of its %zu translations are", cut, result->count);
    options_note(&command, "%s %zu: %s cut after %zu token%s, %s%s", r->what, number + 1, which, h->cut,
                 h->cut == 1 ? "" : "s",
                 h->stuck                         ? "as the options allow none to follow"
                 : h->cut >= r->hyper->max_length ? "the most that the model can say (its max_length)"
                                                  : "the limit (--max-length, --max-ratio or --max-extra raises it)",
                 r->cut == CUTS_TOLD ? "; from here on such are only counted" : "");
}

static void tell_cuts(const Request *r) {
    if (r->cut > 1) options_note(&command, "translations of %zu of %zu %ss were cut", r->cut, r->done, r->what);
}

/* Reports models whose numbers are not finite; once. */
static void tell_unsound(Request *r, const char *model, const char *what) {
    if (!r->failed) options_note(&command, "%s: the model's numbers are not finite for %s", model, what);
    r->failed = true;
}

/* Prints the results of texts; `first`: the number of the first, from 0. Fails if stdout cannot be written. */
static bool answer(Request *request, Translator *translator, const Text *texts, size_t count, size_t first,
                   Error *err) {
    TranslatorResult *results = memory_new(count, sizeof *results);
    request->first = first;
    bool ok = translator_run(translator, texts, count, results, err) &&
              (!request->reranker || reranker_run(request->reranker, texts, results, count, err));
    for (size_t i = 0; ok && i < stbds_arrlenu(request->others); i++)
        if (reranker_is_unsound(request->reranker, i))
            tell_unsound(request, request->others[i].path, "some translations: they are ranked without it");
    for (size_t i = 0; ok && i < count; i++) {
        results[i].count = size_min(results[i].count, request->shown);
        const size_t valid = utf8_valid(texts[i].bytes, texts[i].length);
        if (!request->odd && valid < texts[i].length) {
            options_note(
                &command,
                "%s %zu: expected UTF-8 text, found 0x%02X at byte %zu; translated as it is (only the first such "
                "text is reported)",
                request->what, first + i + 1, (unsigned char)texts[i].bytes[valid], valid + 1);
            request->odd = true;
        }
        if (!request->columns && texts[i].length > 0 && memchr(texts[i].bytes, '\t', texts[i].length)) {
            options_note(&command,
                         "%s %zu has a TAB and is translated as one text (only the first such text is reported); "
                         "cut -f1 takes the first column of a file",
                         request->what, first + i + 1);
            request->columns = true;
        }
        if (results[i].parts > 1 && results[i].source_tokens >= request->hyper->max_length)
            options_note(&command, "%s %zu: %zu tokens, and the model takes %zu at a time: translated in %zu parts",
                         request->what, first + i + 1, results[i].source_tokens, request->hyper->max_length - 1,
                         results[i].parts);
        if (results[i].hypotheses[0].log_probability == -INFINITY) {
            char what[80];
            snprintf(what, sizeof what, "%s %zu: its translation is empty", request->what, first + i + 1);
            tell_unsound(request, stbds_arrlenu(request->models) > 1 ? "one of the models" : request->model, what);
        }
        request->done++;
        unseen_look(&request->unseen, request->info, texts[i], results[i].parts > 1 ? 0 : results[i].source_tokens);
        tell_cut(request, &results[i], first + i);
        print_result(&request->print, &results[i], first + i);
    }
    free(results);
    ok = ok && options_flush(err);
    if (request->waits) unseen_tell(&request->unseen, request->info, &command, request->what);
    return ok;
}

static bool answer_lines(Request *request, Translator *translator, Error *err) {
    options_tell_input(&command, "a sentence");
    LineReader *reader = lines_open(STDIN_FILENO, "standard input");
    Text *texts = NULL;
    bool ok = true;
    for (bool more = true; more && ok;) {
        const size_t first = lines_count(reader);
        stbds_arrsetlen(texts, 0);
        do {
            Text text;
            LinesNext next = lines_next(reader, &text.bytes, &text.length, err);
            ok = next == LINES_LINE || next == LINES_END;
            more = next == LINES_LINE;
            if (more) stbds_arrput(texts, text);
        } while (more && lines_ready(reader) && stbds_arrlenu(texts) < LINES_TOGETHER);
        if (stbds_arrlenu(texts) > 0) ok = answer(request, translator, texts, stbds_arrlenu(texts), first, err) && ok;
    }
    stbds_arrfree(texts);
    lines_free(reader);
    return ok;
}

/* The first model's own way of searching, except where an option says otherwise. *prefix: a stb_ds array that it uses.
 */
static bool search_options(SearchOptions *how, int32_t **prefix, Request *request, const Tokenizer *tokenizer,
                           Error *err) {
    const ModelInfo *info = request->info;
    const size_t most = request->hyper->max_length - 1;
    const char *text = options_given(request->options, "--prefix");
    *how = info->decode;
    how->seed = 1;
    how->knockout = &request->knockout;
    options_fields(request->options, search_fields, how);
    options_fields(request->options, search_more_fields, how);
    if (how->max_extra == FIELD_AUTO) how->max_extra = info->decode.max_extra;
    how->int8 = options_given(request->options, "--int8") != NULL;
    how->sample = options_given(request->options, "--sample") != NULL;
    search_options_together(how, options_given(request->options, "--max-length") &&
                                     !options_given(request->options, "--max-ratio") &&
                                     !options_given(request->options, "--max-extra"));
    how->unscored = !request->print.n_best && !request->print.confidence && !request->reranker &&
                    !options_given(request->options, "--tune");
    request->shown = how->n_best;
    if (stbds_arrlenu(request->others) > 0) how->n_best = how->beam; /* the more there are to choose from, the better */
    if (text) tokenizer_encode(tokenizer, prefix, text, strlen(text));
    how->prefix = *prefix, how->prefix_length = stbds_arrlenu(*prefix);
    if (how->prefix_length > most)
        return error_set(err, "--prefix: expected fewer than %zu tokens (the model's max_length), found %zu", most + 1,
                         how->prefix_length);
    if (how->max_length > 0 && how->prefix_length >= how->max_length)
        return error_set(err, "--prefix: expected fewer than --max-length %zu tokens, found %zu", how->max_length,
                         how->prefix_length);
    if (how->min_length > most)
        return error_set(err, "--min-length: expected less than %zu (the model's max_length), found %zu", most + 1,
                         how->min_length);
    return search_check(how, request->hyper, request->model, err);
}

/* Translates the texts, or the lines of stdin; or tunes. */
static bool work(Request *request, Translator *translator, const Tokenizer *tokenizer, const double *weights,
                 Error *err) {
    const size_t count = stbds_arrlenu(request->texts);
    const char *tune = options_given(request->options, "--tune");
    request->what = count > 0 ? "text" : "line";
    request->waits = count > 0 || isatty(STDIN_FILENO);
    if (tune) {
        const Tuning tuning = {&command,
                               tune,
                               translator,
                               request->reranker,
                               options_given(request->options, "--weights") ? weights : NULL,
                               request->print.confidence,
                               tokenizer_normalisation(tokenizer)};
        return tuning_run(&tuning, err);
    }
    translator_long(translator, tell_long, request);
    const bool ok =
        count > 0 ? answer(request, translator, request->texts, count, 0, err) : answer_lines(request, translator, err);
    tell_cuts(request);
    unseen_tell(&request->unseen, request->info, &command, request->what);
    return ok;
}

static bool translate(Request *request, const Models *models, const Tokenizer *tokenizer, Pool *pool, Error *err) {
    const ModelFile *first = &models->files[0];
    SearchOptions how;
    Reranking others;
    int32_t *prefix = NULL;
    double weights[RERANK_MOST_VALUES];
    bool ok = reranking_open(&others, request->options, request->others, stbds_arrlenu(request->others), pool, err);
    request->reranker = others.reranker;
    ok = ok && reranking_use_weights(&others, request->options, weights, err) &&
         print_options(&request->print, request->options, &models->files[0], err) &&
         search_options(&how, &prefix, request, tokenizer, err);
    if (ok) {
        request->print.reranker = others.reranker;
        Translator *translator = translator_create(&first->params, first->w, tokenizer, pool, how);
        for (size_t i = 1; i < models->count; i++)
            translator_add(translator, &models->files[i].params, models->files[i].w);
        if (request->print.alignment != ALIGNMENT_NONE) translator_align(translator);
        if (options_given(request->options, "--sentences")) translator_sentences(translator);
        ok = work(request, translator, tokenizer, weights, err);
        translator_free(translator);
    }
    stbds_arrfree(prefix);
    reranking_close(&others);
    return ok;
}

/* Scores the pairs of files, or of stdin. */
static bool score(Request *request, const Models *models, const Tokenizer *tokenizer, Pool *pool, Error *err) {
    const ModelFile *first = &models->files[0];
    const char *paths[2] = {NULL, NULL};
    const size_t count = stbds_arrlenu(request->texts);
    for (size_t i = 0; i < count; i++) paths[i] = request->texts[i].bytes;
    Scorer *scorer = scorer_create(&first->params, first->w, tokenizer, pool, &request->knockout,
                                   options_given(request->options, "--int8") != NULL);
    for (size_t i = 1; i < models->count; i++) scorer_add(scorer, &models->files[i].params, models->files[i].w);
    const bool ok = scoring_run(scorer, tokenizer, &command, paths, count, &request->failed, err);
    scorer_free(scorer);
    return ok;
}

static int run(Request *request, Error *err) {
    Models models = {.count = 0};
    Pool *pool = NULL;
    Tokenizer *tokenizer = NULL;
    bool ok = cpu_check(err) &&
              models_open(&models, &command, (const char *const *)request->models, stbds_arrlenu(request->models), err);
    for (size_t i = 0; ok && i < models.count; i++)
        ok = options_check_without(&request->knockout, &models.files[i], err);
    ok = ok && (pool = pool_create((size_t)options_integer(request->options, "--threads", 0, 1024, 0), err)) &&
         (tokenizer = modelfile_tokenizer(&models.files[0], err));
    if (ok) {
        request->info = &models.files[0].info, request->hyper = &models.hyper, request->model = models.files[0].path;
        ok = options_given(request->options, "--score") ? score(request, &models, tokenizer, pool, err)
                                                        : translate(request, &models, tokenizer, pool, err);
    }
    tokenizer_free(tokenizer);
    if (pool) pool_free(pool);
    models_close(&models);
    return !ok ? options_fail(&command, err) : request->failed ? EXIT_FAILED : EXIT_DONE;
}

/* Refuses wrong values, and options that exclude each other. */
static void check_request(const Request *request) {
    const OptionReader *reader = request->options;
    SearchOptions search = {0};
    options_fields(reader, search_fields, &search);
    options_fields(reader, search_more_fields, &search);
    options_integer(reader, "--threads", 0, 1024, 0);
    if (!options_given(reader, "--sample") &&
        (options_given(reader, "--temperature") || options_given(reader, "--top-k") || options_given(reader, "--seed")))
        options_usage(&command, "--temperature, --top-k and --seed go with --sample");
    if (options_given(reader, "--sample") && (search.beam > 1 || search.n_best > 1))
        options_usage(&command, "--sample draws one translation: expected no --beam or --n-best with it");
    reranking_check(reader, stbds_arrlenu(request->others));
    if (search.max_length > 0 && search.min_length >= search.max_length)
        options_usage(&command, "--min-length: expected less than --max-length %zu, found %zu", search.max_length,
                      search.min_length);
}

/* The texts, or "-" alone, which means the lines of stdin, and is taken out. */
static void check_texts(Request *request) {
    const size_t count = stbds_arrlenu(request->texts);
    for (size_t i = 0; i < count; i++) {
        const char *text = request->texts[i].bytes;
        if (strcmp(text, "-") != 0) continue;
        if (count > 1)
            options_usage(&command, "-: expected it alone (the lines of standard input), found \"%s\" too",
                          request->texts[i > 0 ? 0 : 1].bytes);
        stbds_arrsetlen(request->texts, 0);
        return;
    }
    for (size_t i = 0; i < count; i++) options_tell_text(&command, request->texts[i].bytes);
}

int main(int argc, char **argv) {
    static const char *const alignments[] = {[ALIGNMENT_HARD] = "hard", [ALIGNMENT_SOFT] = "soft", NULL};
    Error err;
    OptionReader reader = options_start(&command, argc, argv);
    Request request = {.options = &reader};
    const char *value;
    for (const char *option; (option = options_next(&reader, &value));) {
        const bool reverse = strcmp(option, "--reverse") == 0;
        if (strcmp(option, "--model") == 0) stbds_arrput(request.models, memory_string(value));
        if (reverse || strcmp(option, "--rerank") == 0)
            stbds_arrput(request.others, ((RerankingModel){memory_string(value), reverse}));
        if (!*option) stbds_arrput(request.texts, ((Text){value, strlen(value)}));
    }
    if (stbds_arrlenu(request.models) > MIXTURE_MOST)
        options_usage(&command, "--model: expected at most %d models, found %zu", MIXTURE_MOST,
                      stbds_arrlenu(request.models));
    check_request(&request);
    options_without(&reader, &request.knockout);
    if (options_given(&reader, "--score"))
        scoring_check(&reader, request.texts, stbds_arrlenu(request.texts), &request.knockout);
    else if (options_given(&reader, "--tune"))
        tuning_check(&reader, stbds_arrlenu(request.others) > 0, request.texts, stbds_arrlenu(request.texts));
    else
        check_texts(&request);
    request.print.alignment = (Alignment)options_choice(&reader, "--alignment", alignments);
    const int code = run(&request, &err);
    stbds_arrfree(request.texts);
    for (size_t i = 0; i < stbds_arrlenu(request.models); i++) free(request.models[i]);
    for (size_t i = 0; i < stbds_arrlenu(request.others); i++) free(request.others[i].path);
    stbds_arrfree(request.models);
    stbds_arrfree(request.others);
    return code;
}
