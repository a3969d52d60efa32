/* Commands that run for long, in a world that does not wait for them: ./translate as a filter, with odd lines, slow
 * readers, others beside it and its model replaced; ./train with signals ignored, its folder moved. */
#include <poll.h>

#include "command.h"

static const char *const plain[] = {"translate", "-m", "run/model.gguf", "--beam=1", NULL};

/* A running filter: what is written to `in` comes translated from `out`. */
typedef struct Filter {
    CommandRun run;
    int in, out;
} Filter;

static Filter filter_start(const char *const *arguments) {
    int in[2], out[2];
    CHECK(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0, "pipes");
    Filter f = {command_start(arguments, &(CommandHow){.input_pipe = in[0], .output_pipe = out[1]}), in[1], out[0]};
    close(in[0]);
    close(out[1]);
    return f;
}

static void filter_send(const Filter *f, const char *text) {
    const size_t size = strlen(text);
    EXPECT(write(f->in, text, size) == (ssize_t)size);
}

/* Its next line without the newline, waiting at most a minute; "" when there is none. */
static const char *filter_line(const Filter *f) {
    static char line[1 << 16];
    for (size_t length = 0; length + 1 < sizeof line; length++) {
        struct pollfd wait = {.fd = f->out, .events = POLLIN};
        if (poll(&wait, 1, 60000) != 1 || read(f->out, line + length, 1) != 1) return "";
        line[length + 1] = 0;
        if (line[length] != '\n') continue;
        line[length] = 0;
        break;
    }
    return line;
}

static void filter_end(Filter *f) {
    close(f->in);
    char rest;
    EXPECT(read(f->out, &rest, 1) == 0);
    close(f->out);
    command_wait(&f->run);
    EXPECT_INT(f->run.code, 0);
    EXPECT_STR(f->run.err, "");
    command_free(&f->run);
}

/* What a process of its own makes of a text; free it. */
static char *translated(const char *model, const char *text) {
    CommandRun run = command_run(ARGS("translate", "-m", model, "--beam=1", text), NULL);
    EXPECT_INT(run.code, 0);
    free(run.err);
    run.out[strcspn(run.out, "\n")] = 0;
    return run.out;
}

static size_t count_lines(const char *text, size_t size) {
    size_t lines = 0;
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    return lines;
}

/* ---- ./translate ---- */

/* The sanitizers' builds take many times as long. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { LONG_LINE = 1 << 15, SANITIZED = 1 };
#else
enum { LONG_LINE = 1 << 20, SANITIZED = 0 };
#endif

/* A megabyte in one line, of words, of spaces, of one letter, of NUL bytes, of bytes that are no text; 500 combining
 * marks on one letter. The lines around it are translated as ever. */
static void test_long_lines(void) {
    static const char *const fill[] = {"cat ", " ", "z", "\0", "\xFF", "\xCC\x81", "\xE2\x80\xA9"};
    static const size_t width[] = {4, 1, 1, 1, 1, 2, 3};
    char *good = translated("run/model.gguf", "the sad king");
    for (size_t kind = 0; kind < 7; kind++) {
        const size_t size = width[kind] == 2 ? 1001 : LONG_LINE;
        char *input = memory_new(size + 100, 1), *at = input + sprintf(input, "the sad king\n");
        if (width[kind] == 2) *at = 'e', at++;
        for (size_t i = 0; i < size / width[kind]; i++) memcpy(at + i * width[kind], fill[kind], width[kind]);
        at += size / width[kind] * width[kind];
        at += sprintf(at, "\nthe sad king\n");
        CommandRun run = command_run(ARGS("translate", "-m", "run/model.gguf", "--beam=1", "--max-length=1"),
                                     &(CommandHow){.input = input, .input_size = (size_t)(at - input)});
        EXPECT_INT(run.code, 0);
        EXPECT_INT(count_lines(run.out, run.out_size), 3);
        const char *last = run.out_size > 1 ? memrchr(run.out, '\n', run.out_size - 1) : NULL;
        const size_t length = strcspn(run.out, "\n");
        EXPECT(last && strncmp(last + 1, run.out, length) == 0 && strncmp(run.out, good, length) == 0 && length > 0);
        command_free(&run);
        free(input);
    }
    free(good);
}

/* A reader that is slower than the writer: nothing is lost, and the filter waits for it. */
static void test_slow_reader(void) {
    enum { LINES = 3000 };
    Filter f = filter_start(plain);
    char *good = translated("run/model.gguf", "wolf");
    const pid_t writer = fork();
    if (writer == 0) {
        close(f.out);
        for (int i = 0; i < LINES; i++)
            if (write(f.in, "wolf\n", 5) != 5) _exit(1);
        _exit(0);
    }
    fcntl(f.out, F_SETPIPE_SZ, 4096);
    sleep_ms(200);
    int right = 0;
    for (int i = 0; i < LINES; i++) {
        right += strcmp(filter_line(&f), good) == 0;
        if (i % 300 == 0) sleep_ms(10);
    }
    EXPECT_INT(right, LINES);
    int status;
    EXPECT(waitpid(writer, &status, 0) == writer && status == 0);
    filter_end(&f);
    free(good);
}

/* Several at once from one model file give what one alone gives. */
static void test_at_once(void) {
    enum { PROCESSES = 6 };
    static const char input[] = "the red cat sleeps\n\nthe sad king\nwolf\n";
    CommandRun alone = command_run(plain, &(CommandHow){.input = input}), runs[PROCESSES];
    for (size_t i = 0; i < PROCESSES; i++) runs[i] = command_start(plain, &(CommandHow){.input = input});
    for (size_t i = 0; i < PROCESSES; i++) {
        command_wait(&runs[i]);
        EXPECT_INT(runs[i].code, 0);
        EXPECT_STR(runs[i].out, alone.out);
        EXPECT_STR(runs[i].err, "");
        command_free(&runs[i]);
    }
    command_free(&alone);
}

/* Training continues and writes a better model: a process that has the old one open keeps it; a later one has the new
 * one. So it is when the file is removed. */
static void test_model_replaced(void) {
    char *old = translated("young/model.gguf", "the red cat sleeps"),
         *new = translated("run/model.gguf", "the red cat sleeps");
    EXPECT(strcmp(old, new) != 0);
    copy_file("young/model.gguf", "used.gguf");
    Filter first = filter_start(ARGS("translate", "-m", "used.gguf", "--beam=1"));
    filter_send(&first, "the red cat sleeps\n");
    EXPECT_STR(filter_line(&first), old);
    copy_file("run/model.gguf", "better.gguf");
    CHECK(rename("better.gguf", "used.gguf") == 0, "rename");
    Filter second = filter_start(ARGS("translate", "-m", "used.gguf", "--beam=1"));
    for (int times = 0; times < 3; times++) {
        filter_send(&first, "the red cat sleeps\n");
        EXPECT_STR(filter_line(&first), old);
        filter_send(&second, "the red cat sleeps\n");
        EXPECT_STR(filter_line(&second), new);
        if (times == 1) CHECK(unlink("used.gguf") == 0, "unlink");
    }
    filter_end(&first);
    filter_end(&second);
    free(old);
    free(new);
}

/* ---- ./train ---- */

static void wait_for(const CommandRun *run, const char *path) {
    siginfo_t info = {0};
    while (!file_exists(path) && waitid(P_PID, (id_t)run->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && !info.si_pid)
        sleep_ms(1);
}

/* What happens to a file that is mapped when it is changed in place: the process ends with a line that says so. */
static void test_cut_short(void) {
    static const char *const ways[] = {": >used.gguf", "cp valid.tsv used.gguf",
                                       "head -c 4096 run/model.gguf >used.gguf"};
    for (size_t i = 0; i < COUNT(ways); i++) {
        copy_file("run/model.gguf", "used.gguf");
        Filter f = filter_start(ARGS("translate", "-m", "used.gguf", "--beam=1"));
        filter_send(&f, "the red cat sleeps\n");
        EXPECT(filter_line(&f)[0] != 0);
        CHECK(system(ways[i]) == 0, "a file is written over");
        filter_send(&f, "the red cat sleeps\n");
        EXPECT_STR(filter_line(&f), "");
        close(f.in);
        close(f.out);
        command_wait(&f.run);
        EXPECT_INT(f.run.code, 1);
        EXPECT_HAS(f.run.err, "translate: a file in use was cut short or written over");
        EXPECT(strchr(f.run.err, '\n') == strrchr(f.run.err, '\n'));
        command_free(&f.run);
    }
    unlink("used.gguf");
}

/* nohup, and a shell that starts a command in the background, have signals ignored: they stay so. Another one stops the
 * run. Of those not ignored each stops it. */
static void test_ignored_signals(void) {
    static const int signals[] = {SIGINT, SIGHUP, SIGTERM};
    for (int i = 0; i < 3; i++) {
        for (int ignored = 0; ignored < 2; ignored++) {
            CommandRun run = command_start(
                ARGS("train", "tiny.ini", "run.dir=signals", "train.max_steps=100000000", "train.log_every=1"),
                &(CommandHow){.ignored = ignored ? signals[i] : 0});
            wait_for(&run, "signals/last.gguf");
            kill(run.pid, signals[i]);
            if (ignored) {
                sleep_ms(100);
                siginfo_t info = {0};
                EXPECT(waitid(P_PID, (id_t)run.pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && !info.si_pid);
                kill(run.pid, signals[(i + 1) % 3]);
                kill(run.pid, signals[i]); /* is ignored in the last step, too */
            }
            command_wait(&run);
            EXPECT_INT(run.code, 130);
            EXPECT_HAS(run.err, "everything saved; the same command continues\n");
            command_free(&run);
            remove_folder("signals");
        }
    }
}

/* A terminal that is closed may say so twice, and the end of a session sends both: the run is saved. */
static void test_closed_terminal(void) {
    static const int signals[][3] = {{SIGHUP, SIGHUP, SIGHUP}, {SIGTERM, SIGHUP, SIGHUP}, {SIGHUP, SIGTERM, SIGHUP}};
    for (int i = 0; i < 3; i++) {
        CommandRun run = command_start(
            ARGS("train", "tiny.ini", "run.dir=closed", "train.max_steps=100000000", "train.log_every=1"), NULL);
        wait_for(&run, "closed/last.gguf");
        for (int n = 0; n < 3; n++) {
            kill(run.pid, signals[i][n]);
            sleep_ms(1);
        }
        command_wait(&run);
        EXPECT_INT(run.code, 130);
        EXPECT_HAS(run.err, "everything saved; the same command continues\n");
        command_free(&run);
        remove_folder("closed");
    }
}

/* Stopped, and its folder moved elsewhere: it continues there, to the same bytes, and finds its cache. */
static void test_moved(void) {
#define MOVED(...) ARGS("train", "tiny.ini", "valid.translate=0", "train.average=0.9", __VA_ARGS__)
    command_gives(0, MOVED("run.dir=stays", "train.max_steps=60"), NULL);
    command_gives(0, MOVED("run.dir=before", "train.max_steps=20"), NULL);
    CHECK(mkdir("else", 0777) == 0 && rename("before", "else/where") == 0, "the folder moves");
    CommandRun run = command_run(MOVED("run.dir=else/where", "train.max_steps=60"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_HAS(run.err, "continuing from step 20\n");
    EXPECT(same_bytes("stays/last.gguf", "else/where/last.gguf"));
    EXPECT(same_bytes("stays/model.gguf", "else/where/model.gguf"));
    EXPECT(!file_exists("before"));
    command_free(&run);
}

/* Every shape within its bounds has sizes that are counted right, so that memory is refused and nothing overflows. */
static void test_largest_shapes(void) {
    if (SANITIZED) SKIP("the sanitizers need more address space");
    static const char *const shapes[][5] = {
        {"model.width=8192", "model.feedforward=65536", "model.encoder_layers=64", "model.decoder_layers=64",
         "model.max_length=65536"},
        {"model.width=8192", "model.heads=8192", "model.encoder_layers=64", "model.decoder_layers=64",
         "model.positions=learned"},
        {"model.width=8192", "model.heads=4096", "model.max_length=65536", "model.positions=learned",
         "model.tying=none"},
    };
    for (size_t i = 0; i < 3; i++) {
        const char *const *s = shapes[i];
        CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=large", s[0], s[1], s[2], s[3], s[4]),
                                     &(CommandHow){.most_memory = (size_t)2 << 30});
        EXPECT_INT(run.code, 1);
        EXPECT_INT(count_lines(run.err, strlen(run.err)), 1);
        EXPECT_HAS(run.err, "out of memory: no room for ");
        if (sizeof(size_t) == 8) { /* else another block may be the first that is refused */
            EXPECT_HAS(run.err, "train: out of memory: no room for a block of ");
            EXPECT_HAS(run.err, "less is needed with a smaller model or train.batch_tokens");
            double size = 0;
            const char *of = strstr(run.err, "block of ");
            EXPECT(of && sscanf(of, "block of %lf MiB", &size) == 1 && size > 4000 && size < 1e6);
        }
        command_free(&run);
    }
    CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=large", "train.batch_tokens=536870912",
                                      "train.max_steps=1", "valid.translate=0"),
                                 &(CommandHow){.most_memory = (size_t)2 << 30}); /* as many as there are */
    EXPECT_INT(run.code, 0);
    command_free(&run);
}

/* One long line among hundreds of short ones does not have them all take its room, whatever the beam. */
static void test_memory_of_a_batch(void) {
    if (SANITIZED) SKIP("the sanitizers need more address space");
    enum { LINES = 512 };
    char *input = memory_new(LINES + 64, 8), *at = input;
    for (int i = 0; i < 30; i++) at += sprintf(at, i ? " cat" : "cat");
    for (int i = 1; i < LINES; i++) at += sprintf(at, "\ncat");
    CommandRun run = command_run(ARGS("translate", "-m", "young/model.gguf", "--beam=64", "--threads=1"),
                                 &(CommandHow){.input = input, .most_memory = (size_t)192 << 20});
    EXPECT_INT(run.code, 0);
    command_drop_unseen(run.err);
    EXPECT_STR(run.err, "");
    EXPECT_INT(count_lines(run.out, run.out_size), LINES);
    command_free(&run);
    free(input);
}

/* ---- Paths ---- */

/* A ~ is the home folder in every setting that is a path, wherever it is said. */
static void test_home_folder(void) {
    static const char *const lists[] = {"data.train=~/p.tsv", "data.train=~/p.en+~/p.fr", "data.train=~/no.tsv ~/p.tsv",
                                        "data.train=\"~/p.en\"+\"~/p.fr\"", "data.valid=~/p.tsv"};
    static const char *const wrong[] = {"run.dir=~nobody/x", "data.train=~nobody/p.tsv", "data.valid=~nobody/p.tsv"};
    char *home = memory_format("%s/ho me", world_folder);
    const CommandHow how = {.variable = "HOME", .value = home};
    CHECK(mkdir(home, 0777) == 0, "a home folder");
    write_text("ho me/p.tsv", "the cat\tle chat\nthe dog\tle chien\n");
    write_text("ho me/no.tsv", "the bird\tun oiseau\n");
    write_text("ho me/p.en", "the cat\nthe dog\n");
    write_text("ho me/p.fr", "le chat\nle chien\n");
    copy_file("tiny.ini", "home.ini");
    FILE *ini = fopen("home.ini", "a");
    CHECK(ini && fputs("[run]\ndir = ~/runs/ini\n", ini) >= 0 && fclose(ini) == 0, "a config");
    size_t size;
    char *text = read_bytes("home.ini", &size), *old = strstr(text, "[run]\ndir = run\n");
    memset(old + 6, ' ', 9); /* the first run.dir */
    write_bytes("home.ini", text, size);
    free(text);
    for (size_t i = 0; i < COUNT(lists); i++) {
        command_gives(0, ARGS("train", "tiny.ini", "run.dir=~/runs/x", "--fresh", "train.max_steps=2", lists[i]), &how);
        EXPECT(file_exists("ho me/runs/x/last.gguf"));
    }
    command_gives(0, ARGS("train", "home.ini", "train.max_steps=2"), &how);
    EXPECT(file_exists("ho me/runs/ini/last.gguf"));
    command_gives(0, ARGS("translate", "--model=~/runs/ini/model.gguf", "the cat"), &how);
    command_gives(0, ARGS("inspect", "--model=~/runs/ini/model.gguf", "--output=~/page.html", "the cat"), &how);
    EXPECT(file_exists("ho me/page.html"));
    EXPECT(!file_exists("~"));
    for (size_t i = 0; i < COUNT(wrong); i++) {
        CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=lost/x", wrong[i]), &how);
        EXPECT_INT(run.code, 1);
        EXPECT_HAS(run.err, ": expected ~/ for the home folder, found a ~ before a name\n");
        EXPECT(!file_exists("~nobody") && !file_exists("lost"));
        command_free(&run);
    }
    remove_folder(home);
    free(home);
}

/* A start that fails leaves no folder that it made, and every folder that it did not make. */
static void test_failed_start(void) {
    static const struct {
        const char *there, *dir, *gone;
    } cases[] = {
        {"empty", "run.dir=empty", "empty/lock"},
        {"half", "run.dir=half/a/b", "half/a"},
        {"half", "run.dir=half//a/", "half/a"},
        {".", "run.dir=no/a/b/c", "no"},
    };
    static const char *const reasons[] = {"data.train=missing.tsv", "data.valid=missing.tsv", "model.width=15"};
    for (size_t i = 0; i < COUNT(cases); i++)
        for (size_t k = 0; k < COUNT(reasons); k++) {
            (void)!mkdir(cases[i].there, 0777);
            command_gives(1, ARGS("train", "tiny.ini", cases[i].dir, reasons[k]), NULL);
            EXPECT(file_exists(cases[i].there));
            if (file_exists(cases[i].gone)) TEST_FAIL("%s, %s: %s is left", cases[i].dir, reasons[k], cases[i].gone);
        }
}

int main(void) {
    signal(SIGHUP, SIG_DFL); /* nohup has it ignored, and the commands keep that */
    world_enter();
    signal(SIGPIPE, SIG_IGN);
    if (!command_gives(0, ARGS("train", "tiny.ini", "train.max_steps=120"), NULL) ||
        !command_gives(0, ARGS("train", "tiny.ini", "train.max_steps=40", "run.dir=young"), NULL)) {
        world_leave();
        return 1;
    }
    RUN(test_long_lines);
    RUN(test_slow_reader);
    RUN(test_at_once);
    RUN(test_model_replaced);
    RUN(test_cut_short);
    RUN(test_ignored_signals);
    RUN(test_closed_terminal);
    RUN(test_moved);
    RUN(test_home_folder);
    RUN(test_failed_start);
    RUN(test_largest_shapes);
    RUN(test_memory_of_a_batch);
    world_leave();
    return test_finish();
}
