/* The command line of every command: one table of options, from which --help is also printed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/fields.h"
#include "decode/modelfile.h"

/* Exit codes. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

typedef struct Option {
    const char *name;     /* "--beam" */
    const char *brief;    /* "-b", or NULL */
    const char *argument; /* what --help calls its argument: "N"; NULL: it takes none */
    const char *help;
    const char *key; /* of the setting that it sets (base/fields.h), or NULL */
} Option;

enum { OPTIONS_MOST = 32 }; /* of one command */

typedef struct Command {
    const char *name;
    const char *usage; /* the lines after "usage: " */
    const char *about; /* what it does, and an example */
    const Option *options;
    size_t option_count;
} Command;

/* How far options_next has read main's arguments. */
typedef struct OptionReader {
    const Command *command;
    char **arguments; /* argv + 1 */
    size_t count, at;
    int plain_from_here;             /* after "--" */
    const char *given[OPTIONS_MOST]; /* the last argument of each option read, "" if it takes none; NULL: not read */
} OptionReader;

/* Call it first: it also prevents files that are opened later from taking the place of a closed stdin, stdout or
 * stderr. And from then on a closed pipe, or a file above the size limit, is an ordinary write error instead of a
 * signal that ends the process silently. */
OptionReader options_start(const Command *command, int argc, char **argv);

/* The next argument: an option's name, with *value its argument (or NULL); or "" for a plain argument, *value ("-"
 * alone is one); or NULL when there is none left. Both "--beam 4" and "--beam=4" do; of an option given twice the last
 * counts. A wrong option prints a message and ends the process with EXIT_USAGE; --help and --version print theirs and
 * end it with EXIT_DONE. */
const char *options_next(OptionReader *reader, const char **value);

/* The argument of an option ("--beam"), "" if it takes none; NULL: it was not given. */
const char *options_given(const OptionReader *reader, const char *name);

/* Refuses every option that was given and is not in the list of names (base/names.h): ends the process with EXIT_USAGE
 * and "WHY: expected no OPTION with it". */
void options_only(const OptionReader *reader, const char *const *names, const char *why);

/* The values of options that were read; a wrong one ends the process with EXIT_USAGE. */

/* The number of an option, between bounds; `otherwise` if it was not given. */
long long options_integer(const OptionReader *reader, const char *name, long long low, long long high,
                          long long otherwise);

/* The numbers of an option ("1,0.5"), at most `most`; returns how many there are, 0 if it was not given. */
size_t options_numbers(const OptionReader *reader, const char *name, double *numbers, size_t most);

/* The place of an option's argument in a list of names; -1 if it was not given. */
int options_choice(const OptionReader *reader, const char *name, const char *const *names);

/* Sets the settings of `fields` in the struct `of` for which options were given. */
void options_fields(const OptionReader *reader, const Field *fields, void *of);

/* The names of --without into *knockout, which is all 0; a wrong one ends the process with EXIT_USAGE. Then whether the
 * model has what they name. */
void options_without(const OptionReader *reader, Knockout *knockout);
bool options_check_without(const Knockout *knockout, const ModelFile *model, Error *err);

/* Opens the model that was given or, for NULL, the newest runs/NAME/model.gguf; of several it names that one on stderr,
 * if this is a terminal. Release with modelfile_close. */
bool options_open_model(const Command *command, ModelFile *model, const char *given, Error *err);

/* If there is no file of this name, adds to the message which one may be meant, of those that match a list of patterns
 * (glob(3)) with NULL at its end. */
void options_suggest_file(Error *err, const char *wrong, const char *const *patterns);

/* If an argument that is taken as text is the name of a file, says so on stderr. */
void options_tell_text(const Command *command, const char *text);

/* Says on stderr that standard input is read, if it is a terminal. what: "a sentence". */
void options_tell_input(const Command *command, const char *what);

/* Whether all that was printed could be written. */
bool options_flush(Error *err);

/* Ends the process: with EXIT_DONE if what was printed (--help ...) could be written, else with EXIT_FAILED. */
_Noreturn void options_done(const Command *command);

/* Prints "NAME: message" on stderr. All that a command prints there goes through these three functions, or through a
 * Progress (base/terminal.h): they replace control characters in text of users. options_fail returns the exit code;
 * options_usage ends the process with it. */
void options_note(const Command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
int options_fail(const Command *command, const Error *err);
_Noreturn void options_usage(const Command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));
