/* ./inspect "sentence": shows what a model computes for one translation, as a page, as JSON, or in the terminal. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/ds.h"
#include "base/file.h"
#include "base/file_write.h"
#include "base/lines.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/terminal.h"
#include "cli/options.h"
#include "cli/unseen.h"
#include "decode/translator.h"
#include "inspect/inspect.h"
#include "math/cpu.h"
#include "page/pages.h"

static const Option options[] = {
    {"--model", "-m", "FILE", "the model (default: the newest runs/*/model.gguf)", NULL},
    {"--output", "-o", "FILE", "the page (default: inspect.html)", NULL},
    {"--open", NULL, NULL, "open the page in a browser", NULL},
    {"--json", NULL, NULL, "print the page's data as JSON instead (with -o: write it to FILE)", NULL},
    {"--text", NULL, NULL, "print attention and candidates as text instead (with -o: as well)", NULL},
    {"--compare", NULL, "TEXT", "another sentence, in which the word may have another meaning", NULL},
    {"--word", NULL, "WORD", "follow this word of the sentence through the layers (default: one of a group)", NULL},
    {"--kind", NULL, "KIND", "show the arithmetic of encoder, decoder or cross attention (default: encoder)", NULL},
    {"--layer", NULL, "L", "... in this layer, counted from 0 (default: 0)", NULL},
    {"--head", NULL, "H", "... and this head, counted from 0 (default: 0)", NULL},
    {"--group", NULL, "GROUP", "a group of words, NAME=word,word,...[:the * is ripe/...]; give two or more", NULL},
    {"--beam", "-b", "N", "hypotheses kept; 1: greedy (default: the model's decode.beam)", NULL},
    {"--without", NULL, "NAMES",
     "switch parts off: positions, mask, root, attention, feedforward, heads:KIND.LAYER.HEAD, only:HEAD", NULL},
    {"--example", NULL, NULL, "show an attention small enough to check by hand; needs no model", NULL},
    {"--threads", NULL, "N", "number of threads; 0: one for each core (default: 0)", NULL},
};

static const Command command = {
    .name = "inspect",
    .usage = "inspect [options] \"sentence\" | -",
    .about =
        "Translates a sentence (-: the line of stdin) and writes a page that shows what the model computed on the\n"
        "way: attention, vectors, and the arithmetic of a head.\n\n"
        "example: ./inspect \"please buy an apple and an orange\" --compare \"apple unveiled the new phone\"\n"
        "         ./inspect --text \"the cat sat\"",
    .options = options,
    .option_count = COUNT(options),
};

typedef struct Arguments {
    const char *model, *output, *sentence;
    bool json, text, example, open;
    size_t beam, threads;
    Knockout knockout;
    InspectRequest request;
} Arguments;

#ifdef __APPLE__
#define OPENER "open"
#else
#define OPENER "xdg-open"
#endif

/* Hands a link to what opens links here, a program found on PATH; no shell reads the link. */
static bool open_page(const char *link, Error *err) {
    pid_t child;
    int status = 0;
    posix_spawn_file_actions_t quiet;
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_adddup2(&quiet, STDERR_FILENO, STDOUT_FILENO);
    char *const arguments[] = {(char[]){OPENER}, memory_string(link), NULL};
    const int failure = posix_spawnp(&child, OPENER, &quiet, NULL, arguments, environ);
    posix_spawn_file_actions_destroy(&quiet);
    free(arguments[1]);
    if (failure)
        return error_set(err, "--open: cannot start %s, which opens pages: %s; open the link above by hand", OPENER,
                         strerror(failure));
    if (waitpid(child, &status, 0) < 0 || status != 0)
        return error_set(err, "--open: %s could not open the page; open the link above by hand", OPENER);
    return true;
}

/* JSON to stdout or a file, or the page. */
static bool deliver(const Arguments *a, Json *json, Error *err) {
    const size_t size = stbds_arrlenu(json->text);
    if (a->json && (!a->output || strcmp(a->output, "-") == 0)) {
        stbds_arrput(json->text, '\n');
        fwrite(json->text, 1, size + 1, stdout);
        return true;
    }
    const char *path = a->output ? a->output : "inspect.html";
    FileWriter *file = file_create(path, err);
    if (!file) return false;
    if (a->json)
        file_write(file, json->text, size);
    else
        page_write(file, "inspect.html", json->text, size);
    if (!file_commit(file, err)) return false;
    if (a->json) {
        options_note(&command, "wrote %s", path);
        return true;
    }
    char *link = terminal_link(path);
    options_note(&command, "wrote %s; open %s", path, link);
    const bool ok = !a->open || open_page(link, err);
    free(link);
    return ok;
}

static bool show(const Arguments *a, const Observation *o, Error *err) {
    if (a->text) {
        inspect_text(stdout, &a->request, o, terminal_width(stdout), terminal_has_colours(stdout));
        if (!a->output) return true;
    }
    Json json = {0};
    const bool ok = inspect_write(&json, &a->request, o, err) && deliver(a, &json, err);
    json_free(&json);
    return ok;
}

static bool inspect_sentence(const Arguments *a, Pool *pool, Error *err) {
    ModelFile model;
    if (!options_open_model(&command, &model, a->model, err)) return false;
    model.info.decode.knockout = &a->knockout;
    Tokenizer *tokenizer = modelfile_tokenizer(&model, err);
    Observation o;
    bool ok = tokenizer && options_check_without(&a->knockout, &model, err) &&
              inspect_check(&a->request, &model, err) &&
              observation_make(&o, &model, tokenizer, pool, a->sentence, a->beam, err);
    if (ok) {
        if (o.says[o.T - 1] != TOKEN_END)
            options_note(&command,
                         "the translation is cut after %zu tokens, the limit (the model's decode.max_ratio and "
                         "decode.max_extra, or its max_length, or that of a page)",
                         o.T);
        ok = show(a, &o, err);
        Unseen unseen = {.texts = 0};
        unseen_look(&unseen, &model.info, (Text){a->sentence, strlen(a->sentence)}, o.S - 1);
        if (a->request.compare)
            unseen_look(&unseen, &model.info, (Text){a->request.compare, strlen(a->request.compare)}, 0);
        if (ok) unseen_tell(&unseen, &model.info, &command, "sentence");
        observation_free(&o);
    }
    if (tokenizer) tokenizer_free(tokenizer);
    modelfile_close(&model);
    return ok;
}

static bool inspect_known(const Arguments *a, Pool *pool, Error *err) {
    Json json = {0};
    inspect_example(&json, pool);
    const bool ok = deliver(a, &json, err);
    json_free(&json);
    return ok;
}

/* "-": the sentence is the one line of standard input. *line: a stb_ds array that it is copied to. */
static bool read_sentence(Arguments *a, char **line, Error *err) {
    if (!a->sentence || strcmp(a->sentence, "-") != 0) return true;
    options_tell_input(&command, "the sentence");
    LineReader *reader = lines_open(STDIN_FILENO, "standard input");
    Text text, more;
    LinesNext next = lines_next(reader, &text.bytes, &text.length, err);
    bool ok =
        next == LINES_LINE || (next == LINES_END && error_set(err, "standard input: expected a line, found none"));
    if (ok) {
        ds_append(*line, text.bytes, text.length);
        stbds_arrput(*line, '\0');
        if (strlen(*line) < text.length)
            ok = error_set(err, "standard input:1: expected text, found a NUL byte");
        else if ((next = lines_next(reader, &more.bytes, &more.length, err)) == LINES_LINE)
            ok = error_set(err, "standard input:2: expected one line, the sentence, found another");
        ok = ok && next == LINES_END;
    }
    lines_free(reader);
    a->sentence = *line;
    return ok;
}

static int run(Arguments *a) {
    Error err;
    char *line = NULL;
    Pool *pool = cpu_check(&err) ? pool_create(a->threads, &err) : NULL;
    bool ok = pool && read_sentence(a, &line, &err) &&
              (a->example ? inspect_known(a, pool, &err) : inspect_sentence(a, pool, &err));
    ok = ok && options_flush(&err);
    if (pool) pool_free(pool);
    stbds_arrfree(line);
    return ok ? EXIT_DONE : options_fail(&command, &err);
}

int main(int argc, char **argv) {
    static const char *const for_example[] = {"--example", "--output", "--open", "--json", NULL};
    Error err;
    Arguments a = {0};
    OptionReader reader = options_start(&command, argc, argv);
    const char *value;
    for (const char *option; (option = options_next(&reader, &value));) {
        if (strcmp(option, "--group") == 0 && !groups_add(&a.request.groups, value, &err))
            options_usage(&command, "--group: %s", err.text);
        if (!*option && a.sentence)
            options_usage(&command, "expected one sentence, found \"%s\" and \"%s\"; put it in quotes", a.sentence,
                          value);
        if (!*option) a.sentence = value;
    }
    a.model = options_given(&reader, "--model"), a.output = options_given(&reader, "--output");
    a.json = options_given(&reader, "--json"), a.text = options_given(&reader, "--text"),
    a.example = options_given(&reader, "--example"), a.open = options_given(&reader, "--open");
    a.request.compare = options_given(&reader, "--compare"), a.request.word = options_given(&reader, "--word");
    a.request.kind = options_choice(&reader, "--kind", ATTENTION_KIND_NAMES);
    a.request.layer = (int)options_integer(&reader, "--layer", 0, HYPER_MAX_LAYERS - 1, INSPECT_NONE);
    a.request.head = (int)options_integer(&reader, "--head", 0, HYPER_MAX_WIDTH - 1, INSPECT_NONE);
    a.beam = (size_t)options_integer(&reader, "--beam", 1, SEARCH_MAX_BEAM, 0);
    options_without(&reader, &a.knockout);
    a.threads = (size_t)options_integer(&reader, "--threads", 0, 1024, 0);
    if (a.json && a.text) options_usage(&command, "expected --json or --text, found both");
    if (a.open && (a.json || (a.text && !a.output)))
        options_usage(&command, "--open: expected a page to open, found --%s", a.json ? "json" : "text without -o");
    if (a.text && !a.output && (a.request.word || a.request.compare || a.request.groups))
        options_usage(&command,
                      "--text does not show --word, --compare and --group: expected -o FILE as well, for the page");
    if (a.example) options_only(&reader, for_example, "--example shows an attention of its own");
    if (a.example && a.sentence) options_usage(&command, "--example: expected no sentence with it");
    if (!a.example && !a.sentence)
        options_usage(&command, "expected a sentence (in quotes; or - to read it from standard input), found none");
    if (a.output && strcmp(a.output, "-") == 0 && !a.json)
        options_usage(&command, "-o -: expected a file for the page (only --json goes to standard output)");
    if (a.sentence && strcmp(a.sentence, "-") != 0) options_tell_text(&command, a.sentence);
    const int code = run(&a);
    groups_free(a.request.groups);
    return code;
}
