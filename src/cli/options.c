/* Parsing command lines. */
#include "cli/options.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "base/file.h"
#include "base/file_write.h"
#include "base/memory.h"
#include "base/names.h"
#include "base/size.h"
#include "base/version.h"
#include "math/cpu.h"

/* Options that every command has. */
static const Option common[] = {{"--help", "-h", NULL, "this text", NULL},
                                {"--version", NULL, NULL, "the version", NULL}};

/* Option i of all, or NULL behind the last. */
static const Option *option_at(const Command *c, size_t i) {
    if (i < c->option_count) return &c->options[i];
    return i - c->option_count < COUNT(common) ? &common[i - c->option_count] : NULL;
}

static void print_help(const Command *c) {
    const Option *o;
    printf("usage: %s\n\n%s\n\noptions:\n", c->usage, c->about);
    for (size_t i = 0; (o = option_at(c, i)); i++) {
        char left[64];
        snprintf(left, sizeof left, "%s%s%s%s%s", o->brief ? o->brief : "", o->brief ? ", " : "", o->name,
                 o->argument ? " " : "", o->argument ? o->argument : "");
        printf("  %-22s %s\n", left, o->help);
    }
}

bool options_flush(Error *err) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return true;
    return error_set(err, "standard output: cannot write: %s", strerror(errno));
}

void options_done(const Command *c) {
    Error err;
    exit(options_flush(&err) ? EXIT_DONE : options_fail(c, &err));
}

static const Command *ending; /* whose process it is */

static void out_of_memory(const char *message) {
    fprintf(stderr, "%s: %s\n", ending->name, message);
    exit(EXIT_FAILED);
}

static char bus_line[256]; /* "NAME: ..." */

/* A mapped file is shorter than it was, or its disk cannot be read: the process cannot continue, but it can say why. */
static void on_bus_error(int number) {
    (void)!write(STDERR_FILENO, bus_line, strlen(bus_line));
    (void)number;
    _exit(EXIT_FAILED);
}

static void catch_bus_error(const Command *c) {
    snprintf(bus_line, sizeof bus_line,
             "%s: a file in use was cut short or written over, or its disk cannot be read; replace files in use by "
             "renaming another (mv), not by cp or >\n",
             c->name);
    sigaction(SIGBUS, &(struct sigaction){.sa_handler = on_bus_error}, NULL);
}

OptionReader options_start(const Command *command, int argc, char **argv) {
    /* A file opened while stdin, stdout or stderr is closed would take its place, and be read or written in its stead.
     * Opened the wrong way round, each of them still fails when used. */
    for (int file = 0; file < 3; file++)
        if (fcntl(file, F_GETFD) < 0) (void)!open("/dev/null", file == 0 ? O_WRONLY : O_RDONLY);
    ending = command;
    memory_at_end(out_of_memory);
    atexit(file_remove_unfinished);
    catch_bus_error(command);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    CHECK(command->option_count <= OPTIONS_MOST, "options of one command");
    return (OptionReader){.command = command, .arguments = argv + 1, .count = argc > 0 ? (size_t)argc - 1 : 0};
}

/* Whether the argument is this name, perhaps with "=value" behind it. */
static bool is_name(const char *argument, const char *name, const char **value) {
    if (!name) return false;
    size_t length = strlen(name);
    if (strncmp(argument, name, length) != 0) return false;
    if (argument[length] == '\0')
        *value = NULL;
    else if (argument[length] == '=')
        *value = argument + length + 1;
    else
        return false;
    return true;
}

/* The option that the argument is, or NULL. */
static const Option *find_option(const Command *c, const char *argument, const char **value) {
    const Option *o;
    for (size_t i = 0; (o = option_at(c, i)); i++)
        if (is_name(argument, o->name, value) || is_name(argument, o->brief, value)) break;
    return o;
}

_Noreturn static void unknown(const Command *c, const char *argument) {
    char wrong[NAMES_LONGEST + 1];
    snprintf(wrong, sizeof wrong, "%.*s", (int)strcspn(argument, "="), argument);
    const char *nearest = NULL, *start = NULL;
    size_t least = names_limit(wrong), starts = 0; /* starts: how many begin with it */
    const Option *o;
    for (size_t i = 0; (o = option_at(c, i)); i++) {
        const size_t distance = names_distance(wrong, o->name);
        if (distance < least) least = distance, nearest = o->name;
        if (strlen(wrong) > 3 && strncmp(wrong, o->name, strlen(wrong)) == 0) starts++, start = o->name;
    }
    if (starts > 0) nearest = starts == 1 ? start : NULL;
    for (size_t i = 0; (o = option_at(c, i)) && !nearest; i++) /* -b4 */
        if (o->brief && o->argument && strncmp(wrong, o->brief, strlen(o->brief)) == 0)
            options_usage(c, "unknown option \"%s\"; did you mean \"%s %s\"?", wrong, o->brief,
                          wrong + strlen(o->brief));
    if (nearest) options_usage(c, "unknown option \"%s\"; did you mean \"%s\"?", wrong, nearest);
    options_usage(c, "unknown option \"%s\" (--help lists all); a text or a file that begins with - comes after --",
                  wrong);
}

/* The file that option i names; a shell leaves the ~ in --model=~/a.gguf to the command. */
static const char *home_path(const Command *c, size_t i, const char *path) {
    static char *kept[OPTIONS_MOST]; /* for the rest of the process */
    Error err;
    if (path[0] != '~') return path;
    free(kept[i]);
    kept[i] = file_home(path, &err);
    if (!kept[i]) options_usage(c, "%s: %s", c->options[i].name, err.text);
    return kept[i];
}

const char *options_next(OptionReader *r, const char **value) {
    const Command *c = r->command;
    while (r->at < r->count) {
        const char *argument = r->arguments[r->at++];
        if (r->plain_from_here || argument[0] != '-' || argument[1] == '\0') {
            *value = argument;
            return "";
        }
        if (strcmp(argument, "--") == 0) {
            r->plain_from_here = 1;
            continue;
        }
        const Option *o = find_option(c, argument, value);
        const char *none;
        if (!o) unknown(c, argument);
        if (!o->argument && *value) options_usage(c, "%s: expected no argument, found \"%s\"", o->name, *value);
        if (o == &common[0]) print_help(c);
        if (o == &common[1]) printf("%s (nmt.c) %s, %s kernels\n", c->name, NMT_VERSION, cpu_instruction_set());
        if (o == &common[0] || o == &common[1]) options_done(c);
        if (o->argument && !*value) {
            if (r->at == r->count) options_usage(c, "%s: expected %s after it, found nothing", o->name, o->argument);
            *value = r->arguments[r->at++];
            if (find_option(c, *value, &none))
                options_usage(c, "%s: expected %s after it, found the option %s (if it is meant: %s=%s)", o->name,
                              o->argument, *value, o->name, *value);
        }
        const size_t i = (size_t)(o - c->options);
        if (o->argument && strcmp(o->argument, "FILE") == 0) *value = home_path(c, i, *value);
        r->given[i] = *value ? *value : "";
        return o->name;
    }
    return NULL;
}

const char *options_given(const OptionReader *r, const char *name) {
    size_t i = 0;
    while (i < r->command->option_count && strcmp(r->command->options[i].name, name) != 0) i++;
    CHECK(i < r->command->option_count, "an option of the command");
    return r->given[i];
}

void options_only(const OptionReader *r, const char *const *names, const char *why) {
    for (size_t i = 0; i < r->command->option_count; i++)
        if (r->given[i] && names_find(names, r->command->options[i].name) < 0)
            options_usage(r->command, "%s: expected no %s with it", why, r->command->options[i].name);
}

long long options_integer(const OptionReader *r, const char *name, long long low, long long high, long long otherwise) {
    const char *value = options_given(r, name);
    if (!value) return otherwise;
    char *end;
    errno = 0;
    const long long number = strtoll(value, &end, 10);
    if (end == value || *end || errno || number < low || number > high)
        options_usage(r->command, "%s: expected an integer from %lld to %lld, found \"%s\"", name, low, high, value);
    return number;
}

size_t options_numbers(const OptionReader *r, const char *name, double *numbers, size_t most) {
    const char *value = options_given(r, name), *at = value;
    size_t count = 0;
    for (char *end; at; at = *end ? end + 1 : NULL) {
        const double number = strtod(at, &end);
        if (end == at || (*end && *end != ',') || !(fabs(number) <= 1e6) || count == most)
            options_usage(
                r->command,
                "%s: expected up to %zu numbers from -1000000 to 1000000, with commas between them, found \"%s\"", name,
                most, value);
        numbers[count++] = number;
    }
    return count;
}

int options_choice(const OptionReader *r, const char *name, const char *const *names) {
    const char *value = options_given(r, name);
    const int found = value ? names_find(names, value) : -1;
    if (found < 0 && value) options_usage(r->command, "%s: expected %s, found \"%s\"", name, names_list(names), value);
    return found;
}

void options_fields(const OptionReader *r, const Field *fields, void *of) {
    for (size_t i = 0; i < r->command->option_count; i++) {
        const Option *option = &r->command->options[i];
        const Field *field = r->given[i] && option->key ? fields_find(fields, option->key) : NULL;
        if (field && !field_set(field, r->given[i], of))
            options_usage(r->command, "%s: expected %s, found \"%s\"", option->name, field_wish(field), r->given[i]);
    }
}

void options_without(const OptionReader *r, Knockout *knockout) {
    Error err;
    const char *names = options_given(r, "--without");
    if (names && !knockout_parse(knockout, names, &err)) options_usage(r->command, "--without: %s", err.text);
}

bool options_check_without(const Knockout *knockout, const ModelFile *model, Error *err) {
    return knockout_check(knockout, &model->info.hyper, err) ||
           error_set(err, "%s: --without %s", model->path, err->text);
}

/* Whether the path may be a model; for a folder that has one, the message says how to name it. */
static bool check_model_path(const char *path, Error *err) {
    struct stat status;
    char *inside = file_join(path, "model.gguf");
    const bool folder = *path && stat(path, &status) == 0 && S_ISDIR(status.st_mode) && file_exists(inside);
    if (folder) error_set(err, "%s: expected a file, found a folder; did you mean %s?", path, inside);
    free(inside);
    return !folder;
}

/* The newest runs/NAME/model.gguf, in a fresh string, or NULL; *count: how many there are. */
static char *newest_model(size_t *count, Error *err) {
    char *newest = NULL;
    struct timespec when = {0, 0};
    DIR *runs = opendir("runs");
    error_set(err, "no model yet: expected runs/*/model.gguf in this folder, found none; train one with ./train "
                   "configs/tiny.ini, or "
                   "name one with -m FILE");
    if (!runs && errno != ENOENT)
        error_set(err, "runs: cannot look for a model there: %s; name one with -m FILE", strerror(errno));
    for (struct dirent *entry; runs && (entry = readdir(runs));) {
        if (entry->d_name[0] == '.') continue;
        char *path = memory_format("runs/%s/model.gguf", entry->d_name);
        struct stat status;
        if (stat(path, &status) == 0) {
            const struct timespec t = status.st_mtim;
            ++*count;
            if (!newest || t.tv_sec > when.tv_sec || (t.tv_sec == when.tv_sec && t.tv_nsec > when.tv_nsec)) {
                free(newest);
                newest = memory_string(path);
                when = t;
            }
        } else if (file_exists(path)) { /* but it is out of reach */
            error_set(err, "%s: cannot open: %s; name another model with -m FILE", path, strerror(errno));
        }
        free(path);
    }
    if (runs) closedir(runs);
    return newest;
}

bool options_open_model(const Command *c, ModelFile *model, const char *given, Error *err) {
    if (given) {
        if (!check_model_path(given, err)) return false;
        if (modelfile_open(model, given, err)) return true;
        options_suggest_file(err, given, (const char *const[]){"runs/*/model.gguf", NULL});
        return false;
    }
    size_t count = 0;
    char *path = newest_model(&count, err);
    const bool ok = path && modelfile_open(model, path, err);
    if (ok && count > 1 && isatty(STDERR_FILENO))
        options_note(c, "with %s, the newest of %zu models (-m FILE takes another)", path, count);
    free(path);
    return ok;
}

/* How unlike a path is what was written: as a whole, without its folders, or without its ending, too; a run's model
 * also by the name of its folder. */
static size_t path_distance(const char *wrong, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *run = slash;
    while (slash && run > path && run[-1] != '/') run--;
    char *stem = slash && strcmp(name, "model.gguf") == 0 ? memory_string_n(run, (size_t)(slash - run))
                                                          : memory_string_n(name, strcspn(name, "."));
    const size_t distances[] = {names_distance(wrong, path), names_distance(wrong, name), names_distance(wrong, stem)};
    free(stem);
    size_t least = distances[0];
    for (size_t i = 1; i < COUNT(distances); i++) least = size_min(least, distances[i]);
    return least;
}

void options_suggest_file(Error *err, const char *wrong, const char *const *patterns) {
    struct stat status;
    glob_t found = {0};
    const char *nearest = NULL;
    size_t least = names_limit(wrong);
    if (!*wrong || strcmp(wrong, "-") == 0 || stat(wrong, &status) == 0 || errno != ENOENT) return;
    for (int more = 0; *patterns; patterns++, more = GLOB_APPEND) glob(*patterns, more, NULL, &found);
    for (size_t i = 0; i < found.gl_pathc; i++) {
        const size_t distance = path_distance(wrong, found.gl_pathv[i]);
        if (distance < least) least = distance, nearest = found.gl_pathv[i];
    }
    if (nearest) error_set(err, "%s; did you mean %s?", err->text, nearest);
    globfree(&found);
}

void options_tell_text(const Command *c, const char *text) {
    struct stat status;
    if (!text[strspn(text, "./")] || stat(text, &status) != 0) return;
    if (S_ISDIR(status.st_mode))
        options_note(c, "%s: taken as text, although a folder has this name", text);
    else
        options_note(c, "%s: taken as text, although a file has this name; its lines: %s - < %s", text, c->name, text);
}

void options_tell_input(const Command *c, const char *what) {
    if (isatty(STDIN_FILENO)) options_note(c, "type %s and press Enter; Ctrl-D ends", what);
}

int options_fail(const Command *c, const Error *err) {
    fprintf(stderr, "%s: %s\n", c->name, err->text);
    return EXIT_FAILED;
}

void options_note(const Command *c, const char *format, ...) {
    Error note;
    va_list args;
    va_start(args, format);
    error_set_list(&note, format, args);
    va_end(args);
    fprintf(stderr, "%s: %s\n", c->name, note.text);
}

void options_usage(const Command *c, const char *format, ...) {
    Error err;
    va_list args;
    va_start(args, format);
    error_set_list(&err, format, args);
    va_end(args);
    fprintf(stderr, "%s: %s (see %s --help)\n", c->name, err.text, c->name);
    exit(EXIT_USAGE);
}
