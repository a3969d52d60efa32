/* ./translate [-m MODEL] ["text" ...]: translates its arguments, or the lines of stdin, to stdout. */
#include <errno.h>
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
#include "cli/options.h"
#include "decode/modelfile.h"
#include "decode/translator.h"
#include "math/cpu.h"

enum {
    OPTION_MODEL,
    OPTION_BEAM,
    OPTION_ALPHA,
    OPTION_N_BEST,
    OPTION_ALIGNMENT,
    OPTION_NO_REPEAT,
    OPTION_MIN_LENGTH,
    OPTION_MAX_LENGTH,
    OPTION_PREFIX,
    OPTION_SAMPLE,
    OPTION_TEMPERATURE,
    OPTION_TOP_K,
    OPTION_SEED,
    OPTION_THREADS,
};
static const Option options[] = {
    [OPTION_MODEL] = {"--model", "-m", "FILE", "the model (default: the newest runs/*/model.gguf)", NULL},
    [OPTION_BEAM] = {"--beam", "-b", "N", "hypotheses kept; 1: greedy (default: the model's decode.beam)",
                     "decode.beam"},
    [OPTION_ALPHA] = {"--alpha", NULL, "A", "score = log probability / length ^ A (default: decode.length_alpha)",
                      "decode.length_alpha"},
    [OPTION_N_BEST] = {"--n-best", "-n", "N", "print the N best: NUMBER ||| TEXT ||| F0= LOG_PROBABILITY ||| SCORE",
                       "decode.n_best"},
    [OPTION_ALIGNMENT] = {"--alignment", NULL, "HOW",
                          "append ||| and the aligned words: hard (0-0 1-2) or soft (shares)", NULL},
    [OPTION_NO_REPEAT] = {"--no-repeat-ngram", NULL, "N",
                          "no N tokens in a row occur twice in a translation (or in one of its parts)",
                          "decode.no_repeat_ngram"},
    [OPTION_MIN_LENGTH] = {"--min-length", NULL, "N", "fewest tokens of a translation (or of each of its parts)",
                           "decode.min_length"},
    [OPTION_MAX_LENGTH] = {"--max-length", NULL, "N", "most tokens, the end token included (or of each of its parts)",
                           "decode.max_length"},
    [OPTION_PREFIX] = {"--prefix", NULL, "TEXT", "begin every translation with TEXT", NULL},
    [OPTION_SAMPLE] = {"--sample", NULL, NULL, "draw each token by its probability instead of searching", NULL},
    [OPTION_TEMPERATURE] = {"--temperature", NULL, "T", "draw by probability ^ (1 / T) (default: 1)",
                            "decode.temperature"},
    [OPTION_TOP_K] = {"--top-k", NULL, "K", "draw from the K most likely (default: from all)", "decode.top_k"},
    [OPTION_SEED] = {"--seed", NULL, "N", "the draws depend on N, line and position only (default: 1)", "decode.seed"},
    [OPTION_THREADS] = {"--threads", NULL, "N", "number of threads; 0: one for each core (default: 0)", NULL},
};

static const Command command = {
    .name = "translate",
    .usage = "translate [options] [\"text\" ...]",
    .about =
        "Translates each text, or each line of stdin if there is none, to a line on stdout. Each line is answered\n"
        "as soon as it arrives; an empty line gives an empty line. A text with more tokens than the model takes\n"
        "is translated in parts.\n\n"
        "example: ./translate \"the cat sat\"\n"
        "         ./translate -m runs/tiny/model.gguf < english.txt > french.txt",
    .options = options,
    .option_count = COUNT(options),
};

enum { LINES_TOGETHER = 512 }; /* the most lines that are translated together, if they arrive together */

typedef enum Alignment { ALIGNMENT_NONE = -1, ALIGNMENT_HARD, ALIGNMENT_SOFT } Alignment;

/* What to do, from the command line. */
typedef struct Request {
    const OptionReader *options;
    const char *model;
    Alignment alignment;
    Text *texts; /* stb_ds array */
    bool lost;   /* for one of the texts so far the model's numbers were not finite; this is reported once */
    bool odd;    /* one of the texts so far was not UTF-8; this is reported once, too */
} Request;

/* soft: a target word's shares of all source words, separated by commas. */
static void print_alignment(Alignment how, const TranslatorHypothesis *h, size_t source_words) {
    bool first = true;
    for (size_t i = 0; i < h->word_count; i++) {
        const TranslatorWord *word = &h->words[i];
        if (word->count == 0) continue;
        if (!first) putchar(' ');
        first = false;
        if (how == ALIGNMENT_HARD) printf("%zu-%zu", word->largest, i);
        for (size_t j = 0; how == ALIGNMENT_SOFT && j < source_words; j++) {
            const bool inside = j >= word->first && j < word->first + word->count;
            printf(j > 0 ? ",%.4f" : "%.4f", inside ? (double)word->shares[j - word->first] : 0);
        }
    }
}

static void print_result(const Request *request, const TranslatorResult *result, size_t number) {
    for (size_t rank = 0; rank < result->count; rank++) {
        const TranslatorHypothesis *h = &result->hypotheses[rank];
        if (request->options->given[OPTION_N_BEST]) printf("%zu ||| ", number);
        fwrite(h->bytes, 1, h->length, stdout);
        if (request->alignment != ALIGNMENT_NONE) {
            fputs(" ||| ", stdout);
            print_alignment(request->alignment, h, result->source_words);
        }
        if (request->options->given[OPTION_N_BEST]) printf(" ||| F0= %.6g ||| %.6g", h->log_probability, h->score);
        putchar('\n');
    }
}

/* Prints the results of texts; `first` is the number of the first, counted from 0. Fails when stdout cannot be written.
 */
static bool answer(Request *request, Translator *translator, const Text *texts, size_t count, const char *what,
                   size_t first, Error *err) {
    TranslatorResult *results = memory_new(count, sizeof *results);
    bool ok = translator_run(translator, texts, count, results, err);
    for (size_t i = 0; ok && i < count; i++) {
        const size_t valid = utf8_valid(texts[i].bytes, texts[i].length);
        if (!request->odd && valid < texts[i].length) {
            fprintf(
                stderr,
                "%s: %s %zu: expected UTF-8 text, found 0x%02X at byte %zu; translated as it is (only the first such "
                "text is reported)\n",
                command.name, what, first + i + 1, (unsigned char)texts[i].bytes[valid], valid + 1);
            request->odd = true;
        }
        if (results[i].parts > 1)
            fprintf(stderr, "%s: %s %zu: %zu tokens, more than the model takes: translated in %zu parts\n",
                    command.name, what, first + i + 1, results[i].source_tokens, results[i].parts);
        if (!request->lost && !isfinite(results[i].hypotheses[0].log_probability)) {
            fprintf(stderr, "%s: %s: the model's numbers are not finite for %s %zu: its translation is empty\n",
                    command.name, request->model, what, first + i + 1);
            request->lost = true;
        }
        print_result(request, &results[i], first + i);
    }
    free(results);
    if (!ok) return false;
    if (fflush(stdout) == 0 && !ferror(stdout)) return true;
    return error_set(err, "standard output: cannot write: %s", strerror(errno));
}

static bool answer_lines(Request *request, Translator *translator, Error *err) {
    if (isatty(STDIN_FILENO)) fprintf(stderr, "%s: translates the lines you type; Ctrl-D ends\n", command.name);
    LineReader *reader = lines_open(STDIN_FILENO, "standard input");
    Text *texts = NULL;
    bool ok = true;
    for (bool more = true; more && ok;) {
        const size_t first = lines_count(reader);
        stbds_arrsetlen(texts, 0);
        do {
            Text text;
            LinesNext next = lines_next(reader, &text.bytes, &text.length, err);
            ok = next != LINES_FAILED;
            more = next == LINES_LINE;
            const size_t mark = more && lines_count(reader) == 1 ? lines_mark(text.bytes, text.length) : 0;
            if (more) stbds_arrput(texts, ((Text){text.bytes + mark, text.length - mark}));
        } while (more && lines_ready(reader) && stbds_arrlenu(texts) < LINES_TOGETHER);
        if (stbds_arrlenu(texts) > 0)
            ok = answer(request, translator, texts, stbds_arrlenu(texts), "line", first, err) && ok;
    }
    stbds_arrfree(texts);
    lines_free(reader);
    return ok;
}

/* The model's own way of searching, except where an option says otherwise. *prefix: a stb_ds array that it uses. */
static bool search_options(SearchOptions *how, int32_t **prefix, const Request *request, const ModelFile *model,
                           const Tokenizer *tokenizer, Error *err) {
    const size_t most = model->info.hyper.max_length - 1;
    const char *text = request->options->given[OPTION_PREFIX];
    *how = model->info.decode;
    how->seed = 1;
    options_fields(request->options, search_fields, how);
    options_fields(request->options, search_more_fields, how);
    how->sample = request->options->given[OPTION_SAMPLE] != NULL;
    if (how->sample) how->beam = 1;
    if (how->beam < how->n_best) how->beam = how->n_best;
    if (text) tokenizer_encode(tokenizer, prefix, text, strlen(text));
    how->prefix = *prefix, how->prefix_length = stbds_arrlenu(*prefix);
    if (how->prefix_length > most)
        return error_set(err, "--prefix: expected less than %zu tokens (the model's max_length), found %zu",
                         model->info.hyper.max_length, how->prefix_length);
    if (how->max_length > 0 && how->prefix_length >= how->max_length)
        return error_set(err, "--prefix: expected less than --max-length %zu tokens, found %zu", how->max_length,
                         how->prefix_length);
    if (how->min_length > most)
        return error_set(err, "--min-length: expected less than %zu (the model's max_length), found %zu",
                         model->info.hyper.max_length, how->min_length);
    return search_check(how, &model->info.hyper, model->path, err);
}

static int run(Request *request, Error *err) {
    ModelFile model;
    if (!modelfile_open(&model, request->model, err)) return options_fail(&command, err);
    SearchOptions how;
    int32_t *prefix = NULL;
    Translator *translator = NULL;
    Pool *pool = pool_create((size_t)options_integer(request->options, OPTION_THREADS, 0, 1024, 0), err);
    Tokenizer *tokenizer = pool ? modelfile_tokenizer(&model, err) : NULL;
    bool ok = tokenizer && search_options(&how, &prefix, request, &model, tokenizer, err);
    if (ok) {
        translator = translator_create(&model.params, model.w, tokenizer, pool, how);
        if (request->alignment != ALIGNMENT_NONE) translator_align(translator);
        const size_t count = stbds_arrlenu(request->texts);
        ok = count > 0 ? answer(request, translator, request->texts, count, "text", 0, err)
                       : answer_lines(request, translator, err);
    }
    translator_free(translator);
    stbds_arrfree(prefix);
    if (tokenizer) tokenizer_free(tokenizer);
    if (pool) pool_free(pool);
    modelfile_close(&model);
    return !ok ? options_fail(&command, err) : request->lost ? EXIT_FAILED : EXIT_DONE;
}

/* Refuses wrong values, and options that exclude each other. */
static void check_request(const OptionReader *reader) {
    const char *const *given = reader->given;
    SearchOptions search = {0};
    options_fields(reader, search_fields, &search);
    options_fields(reader, search_more_fields, &search);
    options_integer(reader, OPTION_THREADS, 0, 1024, 0);
    if (!given[OPTION_SAMPLE] && (given[OPTION_TEMPERATURE] || given[OPTION_TOP_K] || given[OPTION_SEED]))
        options_usage(&command, "--temperature, --top-k and --seed go with --sample");
    if (given[OPTION_SAMPLE] && (search.beam > 1 || search.n_best > 1))
        options_usage(&command, "--sample draws one translation: expected no --beam or --n-best with it");
    if (search.max_length > 0 && search.min_length >= search.max_length)
        options_usage(&command, "--min-length: expected less than --max-length %zu, found %zu", search.max_length,
                      search.min_length);
}

int main(int argc, char **argv) {
    static const char *const alignments[] = {[ALIGNMENT_HARD] = "hard", [ALIGNMENT_SOFT] = "soft", NULL};
    Error err;
    OptionReader reader = options_start(&command, argc, argv);
    Request request = {.options = &reader};
    const char *value;
    for (int option; (option = options_next(&reader, &value)) != -2;)
        if (option == -1) stbds_arrput(request.texts, ((Text){value, strlen(value)}));
    check_request(&reader);
    request.alignment = (Alignment)options_choice(&reader, OPTION_ALIGNMENT, alignments);
    options_keep_going();
    int code = EXIT_FAILED;
    char *model = cpu_check(&err) ? options_model(reader.given[OPTION_MODEL], &err) : NULL;
    request.model = model;
    if (model)
        code = run(&request, &err);
    else
        options_fail(&command, &err);
    free(model);
    stbds_arrfree(request.texts);
    return code;
}
