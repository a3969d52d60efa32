/* ./translate [-m MODEL] ["text" ...]: translates its arguments, or the lines of stdin, to stdout. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ds.h"
#include "base/file.h"
#include "base/lines.h"
#include "cli/options.h"
#include "decode/translator.h"
#include "math/cpu.h"

enum { OPTION_MODEL, OPTION_BEAM, OPTION_ALPHA, OPTION_THREADS };
static const Option options[] = {
    [OPTION_MODEL] = {"--model", "-m", "FILE", "the model (default: the newest runs/*/model.gguf)"},
    [OPTION_BEAM] = {"--beam", "-b", "N", "hypotheses kept; 1: greedy (default: the model's decode.beam)"},
    [OPTION_ALPHA] = {"--alpha", NULL, "A", "score = log probability / length ^ A (default: decode.length_alpha)"},
    [OPTION_THREADS] = {"--threads", NULL, "N", "threads; 0: one for each core (default: 0)"},
};

static const Command command = {
    .name = "translate",
    .usage = "translate [options] [\"text\" ...]",
    .about = "Translates each text, or without one each line of stdin, to a line on stdout. Every line is answered as\n"
             "soon as it has come; an empty line gives an empty line.\n\n"
             "example: ./translate \"the cat sat\"\n"
             "         ./translate -m runs/tiny/model.gguf < english.txt > french.txt",
    .options = options,
    .option_count = sizeof options / sizeof *options,
};

enum { LINES_TOGETHER = 512 }; /* lines that have come together are translated together, up to so many */

/* The newest runs/NAME/model.gguf, in a fresh string, or NULL. */
static char *newest_model(void) {
    char *newest = NULL;
    struct timespec when = {0, 0};
    DIR *runs = opendir("runs");
    for (struct dirent *entry; runs && (entry = readdir(runs));) {
        if (entry->d_name[0] == '.') continue;
        char *folder = file_join("runs", entry->d_name), *path = file_join(folder, "model.gguf");
        struct stat status;
        bool newer = false;
        if (stat(path, &status) == 0) {
            const struct timespec t = status.st_mtim;
            newer = !newest || t.tv_sec > when.tv_sec || (t.tv_sec == when.tv_sec && t.tv_nsec > when.tv_nsec);
            if (newer) when = t;
        }
        if (newer)
            free(newest), newest = path;
        else
            free(path);
        free(folder);
    }
    if (runs) closedir(runs);
    return newest;
}

/* One line for each text. False when stdout is gone or full. *all_done becomes false when a text was too long. */
static bool answer(Translator *translator, const ModelFile *model, const TranslatorText *texts, size_t count,
                   const char *what, size_t first, bool *all_done, Error *err) {
    TranslatorResult *results = memory_new(count, sizeof *results);
    bool ok = translator_run(translator, texts, count, results, err);
    for (size_t i = 0; ok && i < count; i++) {
        if (results[i].too_long) {
            fprintf(stderr,
                    "%s: %s %zu: expected at most %zu tokens (the model's max_length), found %zu; not translated\n",
                    command.name, what, first + i, model->info.hyper.max_length - 1, results[i].source_tokens);
            *all_done = false;
        }
        for (size_t b = 0; b < results[i].length; b++) /* a line is a line, whatever the model says */
            putchar(results[i].bytes[b] == '\n' ? ' ' : results[i].bytes[b]);
        putchar('\n');
    }
    free(results);
    if (!ok) return false;
    if (fflush(stdout) == 0 && !ferror(stdout)) return true;
    return error_set(err, "standard output: cannot write: %s", strerror(errno));
}

static bool answer_lines(Translator *translator, const ModelFile *model, bool *all_done, Error *err) {
    LineReader *reader = lines_open(STDIN_FILENO, "standard input");
    TranslatorText *texts = NULL;
    bool ok = true;
    for (bool more = true; more && ok;) {
        const size_t first = lines_count(reader) + 1;
        stbds_arrsetlen(texts, 0);
        do {
            TranslatorText text;
            LinesNext next = lines_next(reader, &text.bytes, &text.length, err);
            ok = next != LINES_FAILED;
            more = next == LINES_LINE;
            if (more) stbds_arrput(texts, text);
        } while (more && lines_ready(reader) && stbds_arrlenu(texts) < LINES_TOGETHER);
        if (stbds_arrlenu(texts) > 0)
            ok = answer(translator, model, texts, stbds_arrlenu(texts), "line", first, all_done, err) && ok;
    }
    stbds_arrfree(texts);
    lines_free(reader);
    return ok;
}

typedef struct Request {
    const char *model;
    long long beam, threads; /* beam 0: the model's */
    double alpha;            /* < 0: the model's */
    TranslatorText *texts;   /* stb_ds array */
} Request;

static int run(const Request *request, const char *path, Error *err) {
    ModelFile model;
    if (!modelfile_open(&model, path, err)) return options_fail(&command, err);
    DecodeOptions how = translator_options(&model);
    if (request->beam > 0) how.beam = (size_t)request->beam;
    if (request->alpha >= 0) how.length_alpha = request->alpha;
    bool ok = false, all_done = true;
    Tokenizer *tokenizer = NULL;
    Translator *translator = NULL;
    Pool *pool = pool_create((size_t)request->threads, err);
    if (pool && decode_check(&how, path, err) && (tokenizer = translator_tokenizer(&model, err))) {
        translator = translator_create(&model.params, model.w, tokenizer, pool, how);
        const size_t count = stbds_arrlenu(request->texts);
        ok = count > 0 ? answer(translator, &model, request->texts, count, "text", 1, &all_done, err)
                       : answer_lines(translator, &model, &all_done, err);
    }
    translator_free(translator);
    if (tokenizer) tokenizer_free(tokenizer);
    if (pool) pool_free(pool);
    modelfile_close(&model);
    if (!ok) return options_fail(&command, err);
    return all_done ? EXIT_DONE : EXIT_FAILED;
}

int main(int argc, char **argv) {
    Error err;
    Request request = {.alpha = -1};
    OptionReader reader = options_start(&command, argc, argv);
    const char *value;
    for (int option; (option = options_next(&reader, &value)) != -2;) {
        switch (option) {
        case OPTION_MODEL:
            request.model = value;
            break;
        case OPTION_BEAM:
            request.beam = options_integer(&reader, option, value, 1, DECODE_MAX_BEAM);
            break;
        case OPTION_ALPHA:
            request.alpha = options_real(&reader, option, value, 0, 10);
            break;
        case OPTION_THREADS:
            request.threads = options_integer(&reader, option, value, 0, 1024);
            break;
        default: {
            TranslatorText text = {value, strlen(value)};
            stbds_arrput(request.texts, text);
        }
        }
    }
    signal(SIGPIPE, SIG_IGN); /* a closed stdout is an error like any other */
    int code = EXIT_FAILED;
    char *newest = request.model ? NULL : newest_model();
    if (!cpu_check(&err)) {
        options_fail(&command, &err);
    } else if (!request.model && !newest) {
        error_set(&err,
                  "no model yet: expected runs/*/model.gguf, found none; train one with ./train configs/tiny.ini, or "
                  "name one with -m FILE");
        options_fail(&command, &err);
    } else {
        code = run(&request, request.model ? request.model : newest, &err);
    }
    free(newest);
    stbds_arrfree(request.texts);
    return code;
}
