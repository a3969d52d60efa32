/* ./train from outside: the same bytes on any number of threads and however often it was killed, stopped and started
 * again; its log; its ends; and that it learns. */
#include "command.h"
#include "decode/modelfile.h"
#include "math/cpu.h"

/* Long enough to be hit by signals; the sanitizers' builds are slow enough for that anyway. */
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define STEPS "80"
enum { FEW_STEPS = 1 };
#else
#define STEPS "400"
enum { FEW_STEPS = 0 };
#endif

/* ---- The log ---- */

static const char *json_blank(const char *p) { return p + strspn(p, " \t"); }

/* Past one JSON value, or NULL. Enough for the log: in strings no escapes but of a quote and a backslash. */
static const char *json_value(const char *p) {
    p = json_blank(p);
    if (*p == '"') {
        for (p++; *p && *p != '"'; p++)
            if ((unsigned char)*p < 0x20 || (*p == '\\' && *++p != '"' && *p != '\\')) return NULL;
        return *p ? p + 1 : NULL;
    }
    static const char *const words[] = {"true", "false", "null"};
    for (size_t i = 0; i < 3; i++)
        if (strncmp(p, words[i], strlen(words[i])) == 0) return p + strlen(words[i]);
    if (*p == '[') {
        do
            if (!(p = json_value(p + 1))) return NULL;
        while (*p == ',');
        return *p == ']' ? p + 1 : NULL;
    }
    if (*p != '{') { /* a number: digits first, so neither "nan" nor "inf" */
        char *end;
        if (!(p[*p == '-'] >= '0' && p[*p == '-'] <= '9')) return NULL;
        strtod(p, &end);
        return end;
    }
    do {
        p = json_blank(p + 1);
        if (*p != '"' || !(p = json_value(p))) return NULL;
        p = json_blank(p);
        if (*p != ':' || !(p = json_value(p + 1))) return NULL;
        p = json_blank(p);
    } while (*p == ',');
    return *p == '}' ? p + 1 : NULL;
}

/* The number behind "name": in the last line that has this kind; NaN if there is none. first: in the first such line.
 */
static double log_number(const char *path, const char *kind, const char *name, bool first) {
    size_t size;
    double number = NAN;
    char *log = read_bytes(path, &size), label[64], key[64];
    snprintf(label, sizeof label, "{\"kind\":\"%s\"", kind);
    snprintf(key, sizeof key, "\"%s\":", name);
    for (char *line = log ? strtok(log, "\n") : NULL; line; line = strtok(NULL, "\n")) {
        const char *at = strstr(line, key);
        if (strncmp(line, label, strlen(label)) != 0 || !at) continue;
        number = strtod(at + strlen(key), NULL);
        if (first) break;
    }
    free(log);
    return number;
}

/* Every line is JSON, and no step is there twice; steps of each kind rise. */
static void expect_good_log(const char *path) {
    size_t size, lines = 0;
    long long last[2] = {0, 0};
    char *log = read_bytes(path, &size);
    EXPECT(log && size > 0 && log[size - 1] == '\n');
    for (char *line = log ? strtok(log, "\n") : NULL; line; line = strtok(NULL, "\n"), lines++) {
        const char *end = json_value(line), *step = strstr(line, "\"step\":");
        if (!end || *end) TEST_FAIL("%s: not JSON: %s", path, line);
        const bool valid = strstr(line, "\"valid\"") != NULL;
        if (!valid && !strstr(line, "\"train\"")) continue; /* a skipped step, a return */
        const long long number = step ? atoll(step + 7) : 0;
        if (number <= last[valid]) TEST_FAIL("%s: step %lld after %lld: %s", path, number, last[valid], line);
        last[valid] = number;
    }
    EXPECT(lines > 0);
    free(log);
}

/* The log without its one figure that time decides, in a fresh string. */
static char *log_without_speed(const char *path) {
    size_t size;
    char *log = read_bytes(path, &size), *out = log;
    if (!log) return memory_string("");
    for (const char *p = log; *p;) {
        static const char speed[] = "\"tokens_per_second\":";
        if (strncmp(p, speed, sizeof speed - 1) == 0)
            p += sizeof speed - 1 + strspn(p + sizeof speed - 1, "0123456789");
        else
            *out++ = *p++;
    }
    *out = 0;
    return log;
}

static void expect_same_run(const char *a, const char *b) {
    static const char *const names[] = {"model.gguf", "last.gguf"};
    for (size_t i = 0; i < 2; i++) {
        char *x = file_join(a, names[i]), *y = file_join(b, names[i]);
        if (!same_bytes(x, y)) TEST_FAIL("%s and %s: expected the same bytes", x, y);
        free(x);
        free(y);
    }
    char *x = file_join(a, "log.jsonl"), *y = file_join(b, "log.jsonl");
    char *p = log_without_speed(x), *q = log_without_speed(y);
    if (strcmp(p, q) != 0) TEST_FAIL("%s and %s: expected the same figures", x, y);
    expect_good_log(y);
    free(p);
    free(q);
    free(x);
    free(y);
}

/* ---- Ways to train ---- */

/* Two of them, because what happens inside a step differs. Their reference runs are in the folders of these names. */
typedef struct Way {
    const char *name;
    const char *overrides[8];
} Way;

static const Way ways[] = {
    {"plain",
     {"model.dropout=0", "train.batch_tokens=200", "train.log_every=7", "train.schedule=constant",
      "train.clip_norm=0.3", "train.precision=float32", "train.average=0", "data.test="}},
    {"pieces",
     {"train.accumulate=2", "model.attention_dropout=0.1", "model.activation_dropout=0.1", "train.weight_decay=0.01",
      "model.norm=post", "train.precision=bfloat16", "train.average=0.9", "train.pieces=3"}},
};
enum { WAYS = COUNT(ways) };

/* run.dir=FOLDER; the string lives until the next call. */
static const char *in_folder(const char *folder) {
    static char text[64];
    snprintf(text, sizeof text, "run.dir=%s", folder);
    return text;
}

#define WAY_ARGS(way, folder, ...)                                                                                     \
    ARGS("train", "tiny.ini", "train.max_steps=" STEPS, (way)->overrides[0], (way)->overrides[1], (way)->overrides[2], \
         (way)->overrides[3], (way)->overrides[4], (way)->overrides[5], (way)->overrides[6], (way)->overrides[7],      \
         in_folder(folder), __VA_ARGS__)

static void test_threads(void) {
    static const char *const threads[] = {"train.threads=1", "train.threads=2", "train.threads=3", "train.threads=8"};
    static const char *const folders[] = {"one", "two", "three", "eight"};
    for (size_t w = 0; w < WAYS; w++) {
        command_gives(0, WAY_ARGS(&ways[w], ways[w].name, "train.threads=2"), NULL);
        for (size_t i = 0; i < 4; i++) {
            if (w > 0 && i == 1) continue;
            command_gives(0, WAY_ARGS(&ways[w], folders[i], threads[i]), NULL);
            expect_same_run(ways[w].name, folders[i]);
            remove_folder(folders[i]);
        }
    }
}

/* ---- Interruptions ---- */

static uint32_t luck; /* where the random moments come from */

static long random_ms(long below) {
    luck = luck * 1664525 + 1013904223;
    return (long)(luck >> 8) % below;
}

/* Changes whenever the file is written anew; 0: no file. */
static uint64_t file_version(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0) return 0;
    return (uint64_t)info.st_ino * 31 + (uint64_t)info.st_mtim.tv_sec * 1000000007 + (uint64_t)info.st_mtim.tv_nsec;
}

static bool has_ended(pid_t pid) {
    siginfo_t info = {0};
    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid;
}

/* Until the file is written anew, or the process has ended. */
static void wait_for_save(const CommandRun *run, const char *path, uint64_t before) {
    while (file_version(path) == before && !has_ended(run->pid)) sleep_ms(1);
}

/* Starts, waits for a save and then a random while, sends the signal; so four times, and then to the end. Returns how
 * often the signal came in time. */
static int run_with_signals(const Way *way, const char *folder, int number) {
    char *last = file_join(folder, "last.gguf");
    int hits = 0;
    for (int round = 0; round < 4; round++) {
        const uint64_t before = file_version(last);
        CommandRun run = command_start(WAY_ARGS(way, folder, round % 2 ? "train.threads=1" : "train.threads=2"), NULL);
        wait_for_save(&run, last, before);
        sleep_ms(random_ms(60));
        kill(run.pid, number);
        command_wait(&run);
        EXPECT_STR(run.out, "");
        const bool hit = run.code != 0;
        if (hit) EXPECT_INT(run.code, number == SIGKILL ? 1000 + SIGKILL : 130);
        if (hit && number != SIGKILL) EXPECT_HAS(run.err, "everything saved; the same command continues\n");
        hits += hit;
        command_free(&run);
    }
    command_gives(0, WAY_ARGS(way, folder, "train.threads=3"), NULL);
    free(last);
    return hits;
}

static void test_signals(void) {
    static const int numbers[] = {SIGKILL, SIGINT, SIGTERM};
    luck = (uint32_t)time(NULL) ^ (uint32_t)getpid();
    const uint32_t began = luck;
    for (size_t w = 0; w < WAYS; w++) {
        for (size_t i = 0; i < 3; i++) {
            if (run_with_signals(&ways[w], "hit", numbers[i]) == 0)
                TEST_FAIL("signal %d never came in time", numbers[i]);
            expect_same_run(ways[w].name, "hit");
            remove_folder("hit");
        }
    }
    if (!test_ok) printf("luck was %u\n", began);
}

/* A stop before the first validation saves a model, too. */
static void test_stop_early(void) {
    const char *const *arguments = ARGS("train", "tiny.ini", "run.dir=early", "train.max_steps=100000000",
                                        "valid.every_steps=100000000", "train.log_every=1");
    CommandRun run = command_start(arguments, NULL);
    wait_for_save(&run, "early/log.jsonl", 0);
    kill(run.pid, SIGINT);
    command_wait(&run);
    EXPECT_INT(run.code, 130);
    EXPECT_HAS(run.err, "stopped after step");
    EXPECT(file_exists("early/last.gguf"));
    command_gives(0, ARGS("translate", "-m", "early/model.gguf", "the cat"), NULL);
    command_free(&run);
}

/* A stop before the first validation does not write over a model that another run made. */
static void test_stop_spares_model(void) {
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=other", "train.max_steps=20"), NULL);
    CHECK(unlink("other/last.gguf") == 0, "unlink");
    copy_file("other/model.gguf", "before.gguf");
    const uint64_t log = file_version("other/log.jsonl");
    CommandRun run = command_start(ARGS("train", "tiny.ini", "run.dir=other", "train.max_steps=100000000",
                                        "valid.every_steps=100000000", "train.log_every=1"),
                                   NULL);
    wait_for_save(&run, "other/log.jsonl", log);
    usleep(300000);
    kill(run.pid, SIGINT);
    command_wait(&run);
    EXPECT_INT(run.code, 130);
    EXPECT_HAS(run.err, "other/model.gguf stays as it is until the next validation\n");
    EXPECT(same_bytes("other/model.gguf", "before.gguf") && file_exists("other/last.gguf"));
    command_free(&run);
}

/* Trained to the half and then, with another limit, to the end. */
static void test_halves(void) {
    for (size_t w = 0; w < WAYS; w++) {
        command_gives(0, WAY_ARGS(&ways[w], "half", "train.max_steps=40"), NULL);
        CommandRun run = command_run(WAY_ARGS(&ways[w], "half", "train.threads=1"), NULL);
        EXPECT_INT(run.code, 0);
        EXPECT_HAS(run.err, "continuing from step 40\n");
        EXPECT_HAS(run.err, "done: " STEPS " steps");
        command_free(&run);
        expect_same_run(ways[w].name, "half");
        remove_folder("half");
    }
}

/* The disk is full when last.gguf is written, which is larger than model.gguf: the run says so, continues, and says so
 * again at its end; what was saved stays, and a run started when there is room continues from there. */
static void test_full_disk(void) {
    command_gives(0, WAY_ARGS(&ways[1], "full", "train.max_steps=20"), NULL);
    copy_file("full/last.gguf", "before.gguf");
    CommandRun run = command_run(WAY_ARGS(&ways[1], "full", "train.threads=2"), &(CommandHow){.largest_file = 100000});
    EXPECT_INT(run.code, 1);
    EXPECT_HAS(run.err, "full/last.gguf: cannot write: File too large; training continues");
    EXPECT_HAS(run.err,
               "ended at step " STEPS ", but not everything could be saved; the same command continues from the "
               "last save\ntrain: full/last.gguf: cannot write: File too large\n");
    EXPECT(same_bytes("full/last.gguf", "before.gguf"));
    command_free(&run);
    DIR *entries = opendir("full");
    for (struct dirent *entry; entries && (entry = readdir(entries));)
        if (strstr(entry->d_name, ".tmp")) TEST_FAIL("it left %s", entry->d_name);
    if (entries) closedir(entries);
    command_gives(0, WAY_ARGS(&ways[1], "full", "train.threads=2"), NULL);
    expect_same_run(ways[1].name, "full");
}

/* ---- Beginnings and ends ---- */

static void test_seeds(void) {
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=seed1", "train.max_steps=20"), NULL);
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=seed1again", "train.max_steps=20"), NULL);
    expect_same_run("seed1", "seed1again");
    /* With a learning rate of 0 the weights stay as they began; they end the file, behind the config with the seed. */
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=began1", "train.max_steps=1", "train.learning_rate=0"), NULL);
    command_gives(
        0, ARGS("train", "tiny.ini", "run.dir=began2", "train.max_steps=1", "train.learning_rate=0", "train.seed=2"),
        NULL);
    size_t a = 0, b = 0, different = 0;
    char *x = read_bytes("began1/model.gguf", &a), *y = read_bytes("began2/model.gguf", &b);
    for (size_t i = 1; x && y && i <= 40000; i++) different += x[a - i] != y[b - i];
    EXPECT_INT(a, b);
    EXPECT(different > 20000);
    free(x);
    free(y);
}

/* A run that is over says so, whatever may change in a run changes, and touches nothing. */
static void test_finished(void) {
    const uint64_t log = file_version("plain/last.gguf");
    copy_file("plain/model.gguf", "before.gguf");
    static const char *const harmless[] = {"train.threads=1",   "train.log_every=3", "valid.every_steps=7",
                                           "valid.translate=0", "decode.beam=3",     "decode.max_ratio=1",
                                           "data.test=x",       "valid.patience=900"};
    for (size_t i = 0; i < COUNT(harmless); i++) {
        CommandRun run = command_run(WAY_ARGS(&ways[0], "plain", harmless[i]), NULL);
        EXPECT_INT(run.code, 0);
        EXPECT_STR(run.out, "");
        EXPECT_HAS(run.err, "nothing left to do: step " STEPS " is the last");
        EXPECT_HAS(run.err, "--fresh");
        command_free(&run);
    }
    EXPECT(file_version("plain/last.gguf") == log);
    EXPECT(same_bytes("plain/model.gguf", "before.gguf"));
}

static void test_fresh(void) {
    const char *const *arguments = ARGS("train", "tiny.ini", "run.dir=again", "train.max_steps=40");
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=again", "train.max_steps=60", "train.seed=3"), NULL);
    command_gives(1, arguments, NULL);
    command_gives(0, ARGS("train", "--fresh", "tiny.ini", "run.dir=again", "train.max_steps=40"), NULL);
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=new", "train.max_steps=40"), NULL);
    expect_same_run("new", "again");
}

/* Starting over is final: killed before its first validation, it continues from its own beginning, not from the old
 * run.
 */
static void test_fresh_then_killed(void) {
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=over", "train.max_steps=20"), NULL);
    const uint64_t before = file_version("over/last.gguf");
    CommandRun run = command_start(
        ARGS("train", "tiny.ini", "run.dir=over", "--fresh", "train.max_steps=2000", "valid.every_steps=1000000"),
        NULL);
    wait_for_save(&run, "over/last.gguf", before);
    kill(run.pid, SIGKILL);
    command_wait(&run);
    command_free(&run);
    run = command_run(ARGS("train", "tiny.ini", "run.dir=over", "train.max_steps=20"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_HAS(run.err, "continuing from step 0\n");
    command_free(&run);
}

/* A second run in the same folder says who is there, and stops; it changes nothing. */
static void test_two_at_once(void) {
    const char *const *arguments = ARGS("train", "tiny.ini", "run.dir=both", "train.max_steps=100000000",
                                        "valid.every_steps=100000000", "train.log_every=1");
    CommandRun first = command_start(arguments, NULL);
    wait_for_save(&first, "both/log.jsonl", 0);
    CommandRun second = command_run(arguments, NULL);
    char said[192];
    snprintf(said, sizeof said,
             "train: both/lock: held by process %ld; wait until it ends, or use another folder: two at once would "
             "write over each other\n",
             (long)first.pid);
    EXPECT_INT(second.code, 1);
    EXPECT_STR(second.err, said);
    EXPECT(file_exists("both/lock"));
    command_free(&second);
    kill(first.pid, SIGINT);
    command_wait(&first);
    EXPECT_INT(first.code, 130);
    EXPECT(!file_exists("both/lock"));
    command_free(&first);
}

/* Another folder is where a run's was: the run does not write into it. A lock that was merely removed is taken again.
 */
static void test_folder_replaced(void) {
    for (int removed = 0; removed < 2; removed++) {
        CommandRun run = command_start(ARGS("train", "tiny.ini", "run.dir=mine", "train.max_steps=100000000",
                                            "valid.every_steps=100000000", "train.log_every=1"),
                                       NULL);
        wait_for_save(&run, "mine/log.jsonl", 0);
        if (removed)
            EXPECT(unlink("mine/lock") == 0);
        else
            EXPECT(rename("mine", "away") == 0 && mkdir("mine", 0777) == 0);
        kill(run.pid, SIGINT);
        command_wait(&run);
        EXPECT_INT(run.code, removed ? 130 : 1);
        if (!removed)
            EXPECT_HAS(run.err, "train: mine: another folder took its place, or another run holds its lock\n");
        EXPECT(file_exists("mine")); /* not made by this run, and not removed by it either */
        EXPECT_INT(file_exists("mine/last.gguf"), removed);
        EXPECT(!file_exists("mine/lock") && !file_exists("mine/report.html") == !removed);
        command_free(&run);
        remove_folder("mine");
    }
    remove_folder("away");
}

/* A last.gguf that is there, but cannot be opened, is not taken for none: nothing begins anew in its place. */
static void test_last_out_of_reach(void) {
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=kept", "train.max_steps=20"), NULL);
    EXPECT(rename("kept/last.gguf", "elsewhere.gguf") == 0 && symlink("nowhere/last.gguf", "kept/last.gguf") == 0);
    const uint64_t before = folder_state("kept");
    CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=kept", "train.max_steps=20"), NULL);
    EXPECT_INT(run.code, 1);
    EXPECT_STR(run.err, "train: kept/last.gguf: cannot open: No such file or directory\n");
    EXPECT(folder_state("kept") == before);
    command_free(&run);
}

/* The best model is gone: a message says so, and there is one again. */
static void test_model_missing(void) {
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=lost", "train.max_steps=20"), NULL);
    EXPECT(unlink("lost/model.gguf") == 0);
    CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=lost", "train.max_steps=20"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_HAS(run.err,
               "lost/model.gguf: expected the best model, of step 20, found none; that of step 20 takes its place\n");
    EXPECT(file_exists("lost/model.gguf"));
    command_free(&run);
    run = command_run(ARGS("train", "tiny.ini", "run.dir=lost", "train.max_steps=40"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_HAS(run.err, "new best"); /* it is not compared with the one that is lost */
    EXPECT_HAS(run.err, "best at step 40: lost/model.gguf\n");
    command_free(&run);
}

/* With a learning rate of 0 nothing gets better after the first validation. */
static void test_patience(void) {
    for (int again = 0; again < 2; again++) {
        CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=patient", "train.learning_rate=0",
                                          "valid.every_steps=5", "valid.patience=2"),
                                     NULL);
        EXPECT_INT(run.code, 0);
        EXPECT_HAS(run.err, "stopped early at step 15: no better model in 2 validations (valid.patience; raise it to "
                            "continue); best at step 5: ");
        command_free(&run);
    }
    EXPECT_INT(log_number("patient/log.jsonl", "valid", "step", false), 15);
    EXPECT_INT(log_number("patient/log.jsonl", "train", "step", false), 10);
    expect_good_log("patient/log.jsonl");
    CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=patient", "train.learning_rate=0",
                                      "valid.every_steps=5", "valid.patience=3"),
                                 NULL);
    EXPECT_HAS(run.err, "stopped early at step 20: no better model in 3 validations (valid.patience; raise it");
    command_free(&run);
}

static void test_epochs(void) {
    CommandRun run =
        command_run(ARGS("train", "tiny.ini", "run.dir=epochs", "train.max_epochs=3", "train.max_steps=0"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_HAS(run.err, "done: ");
    command_free(&run);
    EXPECT_INT(log_number("epochs/log.jsonl", "valid", "epoch", false), 3);
}

/* A step is of the epoch that its pairs are of, also the last step of it; in steps of 1, 2 and 5 to an epoch. */
static void test_epochs_are_counted(void) {
    static const char *const tokens[] = {"train.batch_tokens=10000", "train.batch_tokens=1300",
                                         "train.batch_tokens=512"};
    static const unsigned steps[] = {1, 2, 5};
    for (size_t i = 0; i < COUNT(steps); i++) {
        CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=counted", "train.max_epochs=2",
                                          "train.max_steps=0", "train.log_every=1", "valid.every_steps=1", tokens[i],
                                          i == 2 ? "train.accumulate=2" : "train.seed=1"),
                                     NULL);
        EXPECT_INT(run.code, 0);
        size_t size;
        char *log = read_bytes("counted/log.jsonl", &size);
        for (unsigned step = 1; step <= 2 * steps[i]; step++) {
            char told[64], logged[64], judged[64];
            const unsigned epoch = (step - 1) / steps[i] + 1;
            snprintf(told, sizeof told, "epoch %u, step %u%s", epoch, step, step == 2 * steps[i] ? ": " : ", ");
            snprintf(logged, sizeof logged, "{\"kind\":\"train\",\"step\":%u,\"epoch\":%u,", step, epoch);
            snprintf(judged, sizeof judged, "{\"kind\":\"valid\",\"step\":%u,\"epoch\":%u,", step, epoch);
            EXPECT_HAS(run.err, told);
            EXPECT_HAS(log, logged);
            EXPECT_HAS(log, judged);
        }
        command_free(&run);
        free(log);
        remove_folder("counted");
    }
}

/* From step 101 on every step is skipped: where there is no loss, none is printed. */
static void test_no_step_taken(void) {
    static const char *const every[] = {"train.log_every=1", "train.log_every=3", "train.log_every=5"};
    static const unsigned first[] = {101, 105, 105}; /* the first line whose steps were all skipped */
    for (size_t i = 0; i < COUNT(every); i++) {
        CommandRun run = command_run(
            ARGS("train", "tiny.ini", "run.dir=skipping", "train.skip_norm=1e-9", every[i], "train.max_steps=109"),
            NULL);
        char logged[128];
        snprintf(logged, sizeof logged, "{\"kind\":\"train\",\"step\":%u,\"epoch\":", first[i]);
        EXPECT_HAS(run.err, " left: all steps were skipped, learning rate ");
        EXPECT(!strstr(run.err, "loss 0.000"));
        size_t size;
        char *log = read_bytes("skipping/log.jsonl", &size), *line = strstr(log, logged);
        EXPECT(line);
        if (line) line[strcspn(line, "\n")] = 0;
        EXPECT_HAS(line ? line : "", ",\"loss\":null,\"nll\":null,");
        EXPECT_HAS(line ? line : "", ",\"tokens\":0,");
        command_free(&run);
        free(log);
        expect_good_log("skipping/log.jsonl");
        remove_folder("skipping");
    }
}

/* ---- Learning ---- */

static void test_learns(void) {
    for (size_t w = 0; w < WAYS; w++) {
        char *log = file_join(ways[w].name, "log.jsonl");
        EXPECT(log_number(log, "train", "loss", true) > 4);
        EXPECT(log_number(log, "train", "loss", false) < (FEW_STEPS ? 3.5 : 2.5));
        EXPECT(log_number(log, "valid", "perplexity", false) < 0.2 * log_number(log, "valid", "perplexity", true));
        free(log);
    }
}

/* Twenty pairs, one batch, known by heart: everything right, and so says ./translate. */
static void test_overfits(void) {
    size_t size, at = 0;
    char *corpus = read_bytes("train.tsv", &size);
    for (int line = 0; line < 20; line++) at += strcspn(corpus + at, "\n") + 1;
    write_bytes("twenty.tsv", corpus, at);
    command_gives(0,
                  ARGS("train", "tiny.ini", "run.dir=twenty", "data.train=twenty.tsv", "data.valid=twenty.tsv",
                       "model.dropout=0", "train.label_smoothing=0", "train.max_steps=200", "valid.every_steps=200",
                       "valid.translate=20", "model.width=32", "train.batch_tokens=1024"),
                  NULL);
    EXPECT_NEAR(log_number("twenty/log.jsonl", "valid", "exact", false), 1, 0);
    char *sources = memory_new(at + 1, 1), *targets = memory_new(at + 1, 1);
    corpus[at] = 0;
    for (char *line = strtok(corpus, "\n"); line; line = strtok(NULL, "\n")) {
        const size_t tab = strcspn(line, "\t");
        strncat(sources, line, tab);
        strcat(sources, "\n");
        strcat(targets, line + tab + 1);
        strcat(targets, "\n");
    }
    CommandRun run = command_run(ARGS("translate", "-m", "twenty/model.gguf"), &(CommandHow){.input = sources});
    EXPECT_INT(run.code, 0);
    EXPECT_STR(run.out, targets);
    command_free(&run);
    free(sources);
    free(targets);
    free(corpus);
}

/* Each instruction set that this CPU has, in both precisions: the same bits every time, and nearly the same losses as
 * the others. */
static void test_instruction_sets(void) {
    const char *const *names;
    const size_t count = cpu_instruction_sets(&names);
    double first = NAN;
    for (size_t i = 0; i < 2 * count; i++) {
        const char *name = names[i / 2], *precision = i % 2 ? "bfloat16" : "float32";
        const CommandHow how = {.variable = "NMT_ISA", .value = name};
        char said[64], asked[64];
        snprintf(said, sizeof said, "threads, %s, %s\n", name, precision);
        snprintf(asked, sizeof asked, "train.precision=%s", precision);
        for (int again = 0; again < 2; again++) {
            CommandRun run = command_run(ARGS("train", "tiny.ini", "train.max_steps=30", "valid.every_steps=30", asked,
                                              again ? "run.dir=second" : "run.dir=first"),
                                         &how);
            EXPECT_INT(run.code, 0);
            EXPECT_HAS(run.err, said);
            command_free(&run);
        }
        expect_same_run("first", "second");
        const double loss = log_number("first/log.jsonl", "valid", "loss", false);
        if (i == 0) first = loss;
        EXPECT_NEAR(loss, first, 0.01);
        EXPECT(loss < 5);
        remove_folder("first");
        remove_folder("second");
    }
}

/* R-Drop and Muon give the same bytes on any number of threads, and when the run is stopped and continued. A run that
 * was begun with one of them does not continue without it. The layers are so wide that Muon needs more scratch memory
 * than all else. */
static void test_other_ways(void) {
    static const char *const ways_to_learn[][3] = {
        {"train.precision=float32", "train.rdrop=2", "train.rdrop = 2, and now it is 0"},
        {"train.precision=bfloat16", "train.rdrop=2", "train.rdrop = 2, and now it is 0"},
        {"train.precision=float32", "train.optimiser=muon", "train.optimiser = muon, and now it is adam"},
    };
    for (size_t i = 0; i < COUNT(ways_to_learn); i++) {
        const char *const precision = ways_to_learn[i][0], *const key = ways_to_learn[i][1];
#define LEARN "train", "tiny.ini", "model.width=64", "model.feedforward=128", "model.dropout=0.2", precision
        command_gives(0, ARGS(LEARN, key, "run.dir=whole", "train.max_steps=40", "train.threads=1"), NULL);
        command_gives(0, ARGS(LEARN, key, "run.dir=parts", "train.max_steps=20", "train.threads=3"), NULL);
        command_gives(0, ARGS(LEARN, key, "run.dir=parts", "train.max_steps=40", "train.threads=2"), NULL);
        expect_same_run("whole", "parts");
        CommandRun run = command_run(ARGS(LEARN, "run.dir=parts"), NULL);
        EXPECT_INT(run.code, 1);
        EXPECT_HAS(run.err, ways_to_learn[i][2]);
        command_free(&run);
        remove_folder("whole");
        remove_folder("parts");
    }
}

/* auto becomes one of the two; the model file has it, and the run continues in it. Asking for the other is an error. */
static void test_precision(void) {
    CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=auto", "train.max_steps=5", "train.precision=auto"),
                                 &(CommandHow){.variable = "NMT_ISA", .value = "generic"});
    EXPECT_INT(run.code, 0);
    EXPECT_HAS(run.err, "threads, generic, float32\n");
    command_free(&run);
    for (int i = 0; i < 2; i++) {
        Error err;
        ModelFile file;
        const char *path = i ? "pieces/last.gguf" : "auto/model.gguf";
        if (!modelfile_open(&file, path, &err)) TEST_FAIL("%s", err.text);
        EXPECT(file.info.precision == (i ? PRECISION_BFLOAT16 : PRECISION_FLOAT32));
        modelfile_close(&file);
    }
    run =
        command_run(ARGS("train", "tiny.ini", "run.dir=auto", "train.max_steps=10", "train.precision=bfloat16"), NULL);
    EXPECT_INT(run.code, 1);
    EXPECT_HAS(run.err, "train.precision = auto, and now it is bfloat16");
    command_free(&run);
    run = command_run(ARGS("train", "tiny.ini", "run.dir=auto", "train.max_steps=10", "train.precision=auto"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_HAS(run.err, ", float32\n");
    command_free(&run);
}

/* Losses beyond all measure: the log stays JSON. */
static void test_explodes(void) {
    CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=wild", "train.learning_rate=1000",
                                      "train.clip_norm=0", "train.warmup_steps=0", "train.max_steps=20"),
                                 NULL);
    EXPECT(run.code == 0 || run.code == 1);
    expect_good_log("wild/log.jsonl");
    command_free(&run);
}

int main(void) {
    world_enter();
    RUN(test_threads);
    RUN(test_signals);
    RUN(test_stop_early);
    RUN(test_stop_spares_model);
    RUN(test_halves);
    RUN(test_full_disk);
    RUN(test_seeds);
    RUN(test_finished);
    RUN(test_fresh);
    RUN(test_fresh_then_killed);
    RUN(test_two_at_once);
    RUN(test_folder_replaced);
    RUN(test_last_out_of_reach);
    RUN(test_model_missing);
    RUN(test_patience);
    RUN(test_epochs);
    RUN(test_epochs_are_counted);
    RUN(test_no_step_taken);
    RUN(test_learns);
    RUN(test_overfits);
    RUN(test_instruction_sets);
    RUN(test_other_ways);
    RUN(test_precision);
    RUN(test_explodes);
    world_leave();
    return test_finish();
}
