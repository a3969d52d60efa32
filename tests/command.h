/* For tests of whole commands: runs one with given arguments, input and environment, and keeps what it says and how it
 * ends. Also the little world that such tests work in: a temporary folder with a toy corpus and a config for it.
 *
 * The commands are in the folder NMT_BIN (tests/run.sh sets it), or in build/release/bin. */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "base/checksum.h"
#include "base/file.h"
#include "base/memory.h"
#include "decode/modelfile.h"
#include "testlib.h"

#define SHARED static inline __attribute__((unused)) /* not every program needs every one */

/* The arguments of a command, its name first. */
#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* What a command is given in addition to its arguments; all may be left out. */
typedef struct CommandHow {
    const char *input;                    /* stdin; NULL: nothing */
    size_t input_size;                    /* 0: up to the NUL */
    const char *input_path, *output_path; /* stdin and stdout are these instead; "": closed */
    const char *error_path;               /* stderr is this instead */
    bool no_stderr;                       /* stderr is closed */
    int input_pipe, output_pipe;          /* descriptors for stdin and stdout; 0: not */
    const char *variable, *value;         /* an environment variable */
    int ignored;                          /* a signal that it is to ignore, as nohup has it; 0: none */
    size_t largest_file;                  /* bytes that a file may have before writing fails; 0: any */
    size_t most_memory;                   /* bytes of address space; 0: any */
} CommandHow;

typedef struct CommandRun {
    pid_t pid;
    int files[2]; /* where stdout and stderr go */
    int code;     /* exit code; 1000 + number of the signal that ended it */
    char *out, *err;
    size_t out_size;
} CommandRun;

static char command_folder[PATH_MAX]; /* of the commands */

SHARED _Noreturn void command_child(const CommandRun *run, int input, const CommandHow *how, const char *path,
                                    char *const *arguments) {
    alarm(120); /* outlives exec: a command that hangs is ended */
    int in = how->input_pipe ? how->input_pipe : how->input_path ? open(how->input_path, O_RDONLY) : input;
    int out = how->output_pipe ? how->output_pipe : how->output_path ? open(how->output_path, O_WRONLY) : run->files[0];
    if (in >= 0)
        dup2(in, 0);
    else
        close(0);
    if (out >= 0)
        dup2(out, 1);
    else
        close(1);
    if (how->no_stderr)
        close(2);
    else
        dup2(how->error_path ? open(how->error_path, O_WRONLY | O_NOCTTY) : run->files[1], 2);
    if (how->variable) setenv(how->variable, how->value, 1);
    if (how->largest_file) {
        const struct rlimit limit = {how->largest_file, how->largest_file};
        setrlimit(RLIMIT_FSIZE, &limit);
    }
    if (how->most_memory) setrlimit(RLIMIT_AS, &(struct rlimit){how->most_memory, how->most_memory});
    if (how->ignored) signal(how->ignored, SIG_IGN);
    execv(path, arguments);
    _exit(127);
}

SHARED CommandRun command_start(const char *const *arguments, const CommandHow *how) {
    static const CommandHow plain;
    if (!how) how = &plain;
    CommandRun run = {.files = {memfd_create("out", MFD_CLOEXEC), memfd_create("err", MFD_CLOEXEC)}};
    int input = memfd_create("in", MFD_CLOEXEC);
    const size_t size = how->input_size ? how->input_size : how->input ? strlen(how->input) : 0;
    CHECK(input >= 0 && run.files[0] >= 0 && run.files[1] >= 0, "files in memory");
    CHECK(size == 0 || write(input, how->input, size) == (ssize_t)size, "the input fits into memory");
    lseek(input, 0, SEEK_SET);
    char *path = file_join(command_folder, arguments[0]);
    fflush(stdout);
    /* A shell that runs the tests in the background has them ignore it. Set before the fork, so that no signal to the
     * command comes too early. */
    signal(SIGINT, SIG_DFL);
    run.pid = fork();
    CHECK(run.pid >= 0, "fork");
    if (run.pid == 0) command_child(&run, input, how, path, (char *const *)(uintptr_t)arguments);
    close(input);
    free(path);
    return run;
}

SHARED char *command_text(int file, size_t *size) {
    *size = (size_t)lseek(file, 0, SEEK_END);
    char *text = memory_new(*size + 1, 1);
    CHECK(pread(file, text, *size, 0) == (ssize_t)*size, "what a command said");
    close(file);
    return text;
}

SHARED void command_wait(CommandRun *run) {
    int status;
    size_t size;
    CHECK(waitpid(run->pid, &status, 0) == run->pid, "waitpid");
    run->code = WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
    run->out = command_text(run->files[0], &run->out_size);
    run->err = command_text(run->files[1], &size);
}

SHARED void command_free(CommandRun *run) {
    free(run->out);
    free(run->err);
}

/* Runs to the end. Free with command_free. */
SHARED CommandRun command_run(const char *const *arguments, const CommandHow *how) {
    CommandRun run = command_start(arguments, how);
    command_wait(&run);
    return run;
}

/* Drops the notes about what a model never saw in its training from what was said: small models saw little. */
SHARED void command_drop_unseen(char *said) {
    for (char *line = said, *end; (end = strchr(line, '\n'));)
        if (memmem(line, (size_t)(end - line), " its training", 13))
            memmove(line, end + 1, strlen(end + 1) + 1);
        else
            line = end + 1;
}

/* Runs to the end and expects this exit code; prints what was said if it is another. */
SHARED bool command_gives(int code, const char *const *arguments, const CommandHow *how) {
    CommandRun run = command_run(arguments, how);
    const bool ok = run.code == code;
    if (!ok) TEST_FAIL("%s: expected exit code %d, found %d: %s", arguments[0], code, run.code, run.err);
    command_free(&run);
    return ok;
}

/* Runs with this input and expects this exit code; returns what was printed, and what was said in *said if that is not
 * NULL. Free both. */
SHARED char *command_says(const char *const *arguments, const char *input, int code, char **said) {
    CommandRun run = command_run(arguments, &(CommandHow){.input = input});
    EXPECT_INT(run.code, code);
    if (run.code != code) printf("%s", run.err);
    char *out = memory_string(run.out);
    if (said) *said = memory_string(run.err);
    command_free(&run);
    return out;
}

/* ---- Files ---- */

SHARED void write_bytes(const char *path, const void *data, size_t size) {
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(data, 1, size, file) == size && fclose(file) == 0, "a test writes its files");
}

SHARED void write_text(const char *path, const char *text) { write_bytes(path, text, strlen(text)); }

/* A whole file with a NUL added; NULL when there is none. */
SHARED char *read_bytes(const char *path, size_t *size) {
    Error err;
    FileMap map;
    if (!file_read(&map, path, SIZE_MAX / 2, &err)) return NULL;
    char *bytes = memory_string_n((const char *)map.data, map.size);
    *size = map.size;
    file_unmap(&map);
    return bytes;
}

SHARED void copy_file(const char *from, const char *to) {
    size_t size;
    char *bytes = read_bytes(from, &size);
    CHECK(bytes, "a file to copy");
    write_bytes(to, bytes, size);
    free(bytes);
}

/* Copies a model, with weights that are not numbers. */
SHARED void spoil_model(const char *from, const char *to) {
    ModelFile model;
    Error err;
    CHECK(modelfile_open(&model, from, &err), "the good model");
    float *w = memory_new(model.params.count, sizeof *w);
    for (size_t i = 0; i < model.params.count; i++) w[i] = i % 2 ? NAN : INFINITY;
    GgufWriter *out = modelfile_writer(&model.info, &model.params, w);
    CHECK(gguf_write(out, to, &err), "the model of NaN");
    gguf_writer_free(out);
    modelfile_close(&model);
    free(w);
}

/* Whether both files are there and have the same bytes. */
SHARED bool same_bytes(const char *a, const char *b) {
    size_t na = 0, nb = 0;
    char *x = read_bytes(a, &na), *y = read_bytes(b, &nb);
    const bool same = x && y && na == nb && memcmp(x, y, na) == 0;
    free(x);
    free(y);
    return same;
}

/* A number that changes when a file in the folder is changed, written again, made or removed. 0: no files. */
SHARED uint64_t folder_state(const char *folder) {
    uint64_t state = 0;
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        if (entry->d_name[0] == '.') continue;
        char *path = file_join(folder, entry->d_name);
        struct stat info;
        Checksum sum;
        size_t size = 0;
        checksum_start(&sum);
        checksum_add(&sum, entry->d_name, strlen(entry->d_name));
        if (stat(path, &info) == 0) {
            checksum_add(&sum, &info.st_mtim, sizeof info.st_mtim);
            checksum_add(&sum, &info.st_ino, sizeof info.st_ino);
        }
        char *bytes = read_bytes(path, &size);
        if (bytes) checksum_add(&sum, bytes, size);
        state += checksum_end(&sum) | 1;
        free(bytes);
        free(path);
    }
    if (entries) closedir(entries);
    return state;
}

SHARED void remove_folder(const char *folder) {
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && (entry = readdir(entries));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        char *path = file_join(folder, entry->d_name);
        struct stat info;
        if (lstat(path, &info) == 0 && S_ISDIR(info.st_mode))
            remove_folder(path);
        else
            unlink(path);
        free(path);
    }
    if (entries) closedir(entries);
    rmdir(folder);
}

SHARED void sleep_ms(long ms) { nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL); }

/* ---- The little world ---- */

static char world_folder[PATH_MAX];

SHARED void world_leave(void) {
    if (chdir("/") == 0) remove_folder(world_folder);
}

/* Makes a temporary folder, goes there, and fills it: train.tsv (200 pairs), valid.tsv (8 of them) and tiny.ini, a
 * config whose run.dir is `run`. */
SHARED void world_enter(void) {
    static const char *const nouns[][2] = {{"cat", "chat"},     {"dog", "chien"}, {"boy", "garçon"}, {"bird", "oiseau"},
                                           {"horse", "cheval"}, {"wolf", "loup"}, {"bear", "ours"},  {"king", "roi"}};
    static const char *const colours[][2] = {
        {"red", "rouge"}, {"black", "noir"}, {"green", "vert"}, {"yellow", "jaune"}, {"sad", "triste"}};
    static const char *const verbs[][2] = {
        {"sleeps", "dort"}, {"eats", "mange"}, {"sings", "chante"}, {"runs", "court"}, {"is there", "est là"}};
    static const char *const config = "[data]\n"
                                      "train = train.tsv\n"
                                      "valid = valid.tsv\n"
                                      "[text]\n"
                                      "vocab_size = 300\n"
                                      "[model]\n"
                                      "width = 16\n"
                                      "heads = 2\n"
                                      "feedforward = 32\n"
                                      "encoder_layers = 1\n"
                                      "decoder_layers = 1\n"
                                      "max_length = 64\n"
                                      "[train]\n"
                                      "batch_tokens = 256\n"
                                      "learning_rate = 0.01\n"
                                      "warmup_steps = 20\n"
                                      "max_steps = 200\n"
                                      "log_every = 10\n"
                                      "threads = 2\n"
                                      "[valid]\n"
                                      "every_steps = 20\n"
                                      "translate = 8\n"
                                      "[decode]\n"
                                      "beam = 2\n"
                                      "[run]\n"
                                      "dir = run\n";
    const char *bin = getenv("NMT_BIN");
    CHECK(realpath(bin ? bin : "build/release/bin", command_folder), "NMT_BIN is the folder of the commands");
    test_temporary(world_folder, sizeof world_folder);
    CHECK(mkdtemp(world_folder) && chdir(world_folder) == 0, "a temporary folder");
    FILE *train = fopen("train.tsv", "w"), *valid = fopen("valid.tsv", "w");
    CHECK(train && valid, "files in the temporary folder");
    for (size_t i = 0; i < 200; i++) {
        const char *const *noun = nouns[i % 8], *const *colour = colours[i / 8 % 5], *const *verb = verbs[i / 40];
        for (int twice = 0; twice < (i % 25 == 7 ? 2 : 1); twice++)
            fprintf(twice ? valid : train, "the %s %s %s\tle %s %s %s\n", colour[0], noun[0], verb[0], noun[1],
                    colour[1], verb[1]);
    }
    CHECK(fclose(train) == 0 && fclose(valid) == 0, "files in the temporary folder");
    write_text("tiny.ini", config);
}
