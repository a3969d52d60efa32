/* report.html of a training run: what is in it, and that it never harms the run. */
#include "train/report.h"

#include "base/arena.h"
#include "command.h"
#include "train/checkpoint.h"
#include "train/loop.h"
#include "train/measure.h"

/* The page's data; "" when there is no page, or no data in it. Fresh. */
static char *report_data(const char *path) {
    static const char start[] = "<script type=\"application/json\" id=\"data\">";
    size_t size;
    char *page = read_bytes(path, &size), *at = page ? strstr(page, start) : NULL;
    char *end = at ? strchr(at + sizeof start - 1, '<') : NULL;
    EXPECT(end && strncmp(end, "</script>", 9) == 0);
    char *data =
        end ? memory_string_n(at + sizeof start - 1, (size_t)(end - at) - (sizeof start - 1)) : memory_string("");
    free(page);
    return data;
}

static size_t count_parts(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) count++;
    return count;
}

static void test_page(void) {
    CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=plain", "train.max_steps=40"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT(!strstr(run.err, "->")); /* samples are for terminals */
    EXPECT(!strstr(run.err, "\033"));
    command_free(&run);
    size_t size;
    char *page = read_bytes("plain/report.html", &size), *data = report_data("plain/report.html");
    EXPECT_HAS(page ? page : "", "<!doctype html>");
    if (page) EXPECT(!strstr(page, "/*data*/") && !strstr(page, "/*include "));
    if (page) EXPECT(!strstr(page, "src=") && !strstr(page, "href=\"http") && !strstr(page, "@import"));
    EXPECT_HAS(data, "{\"format\":\"nmt.run\",\"version\":1,\"name\":\"plain\",\"status\":\"finished\"");
    EXPECT_HAS(data, "\"state\":{\"step\":40,\"last_step\":40,");
    EXPECT_HAS(data, "\"threads\":2,\"precision\":\"float32\"");
    EXPECT_HAS(data, "[valid]\\u000aevery_steps = 20\\u000a");
    EXPECT_INT(count_parts(data, "{\\\"kind\\\":\\\"train\\\""), 4);
    EXPECT_INT(count_parts(data, "{\\\"kind\\\":\\\"valid\\\""), 2);
    EXPECT_INT(count_parts(data, "\\\"said\\\":"), (2 + 11) * SAMPLES); /* of validations, and of frames */
    free(data);
    free(page);
}

/* What the page says of the run, each number in its place. */
static void test_state(void) {
    command_gives(
        0,
        ARGS("train", "tiny.ini", "run.dir=early", "train.learning_rate=0", "valid.every_steps=5", "valid.patience=2"),
        NULL);
    char *data = report_data("early/report.html");
    EXPECT_HAS(data, "\"status\":\"stalled\"");
    EXPECT_HAS(data, "\"state\":{\"step\":15,\"last_step\":200,\"epoch\":");
    EXPECT_HAS(data, ",\"best_step\":5,\"stalled\":2,\"skipped\":0}");
    EXPECT_HAS(data, "\"vocabulary\":300,\"pairs\":200,");
    EXPECT_HAS(data, ",\"valid_pairs\":8}");
    free(data);
}

/* Text that could end the page's element, a JSON string or something that is not a number. */
static void test_escapes(void) {
    write_text("odd.tsv", "say \"hi\" \\ </script><b> :nan \x01\x7f\tdis \"\\\" :inf\n");
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=odd<", "train.max_steps=20", "data.valid=odd.tsv"), NULL);
    size_t size;
    char *log = read_bytes("odd</log.jsonl", &size), *data = report_data("odd</report.html");
    EXPECT_HAS(log ? log : "",
               "\"samples\":[{\"source\":\"say \\\"hi\\\" \\\\ \\u003c/script>\\u003cb> :nan \uFFFD\uFFFD\","
               "\"reference\":\"dis \\\"\\\\\\\" :inf\",\"said\":\"");
    EXPECT_HAS(data, "\"name\":\"odd\\u003c\"");
    EXPECT_HAS(data, "say \\\\\\\"hi\\\\\\\" \\\\\\\\ \\\\u003c/script>\\\\u003cb> :nan \uFFFD\uFFFD");
    free(log);
    free(data);
}

static void test_resumed(void) {
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=half", "train.max_steps=20"), NULL);
    char *half = report_data("half/report.html");
    EXPECT_INT(count_parts(half, "{\\\"kind\\\":\\\"valid\\\""), 1);
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=half", "train.max_steps=60"), NULL);
    char *data = report_data("half/report.html");
    EXPECT_INT(count_parts(data, "{\\\"kind\\\":\\\"valid\\\""), 3);
    EXPECT_INT(count_parts(data, "{\\\"kind\\\":\\\"train\\\""), 6);
    EXPECT_HAS(data, "{\\\"kind\\\":\\\"valid\\\",\\\"step\\\":20,");
    EXPECT_HAS(data, "\"step\":60,");
    /* Nothing left to do: a page that is gone, or was not finished, comes back. */
    EXPECT(unlink("half/report.html") == 0);
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=half", "train.max_steps=60"), NULL);
    char *again = report_data("half/report.html");
    EXPECT_STR(again, data);
    free(half);
    free(data);
    free(again);
}

/* The page of a run that continues, and of one that was stopped. */
static void test_stopped(void) {
    CommandRun run = command_start(ARGS("train", "tiny.ini", "run.dir=long", "train.max_steps=100000000"), NULL);
    for (int i = 0; i < 1000 && !file_exists("long/report.html"); i++) sleep_ms(10);
    char *running = report_data("long/report.html");
    EXPECT_HAS(running, "\"status\":\"running\"");
    kill(run.pid, SIGINT);
    command_wait(&run);
    EXPECT_INT(run.code, 130);
    char *stopped = report_data("long/report.html");
    EXPECT_HAS(stopped, "\"status\":\"stopped\"");
    command_free(&run);
    free(running);
    free(stopped);
}

/* If the page cannot be written, a message says so; nothing else changes. */
static void test_unwritable(void) {
    CHECK(mkdir("blocked", 0777) == 0 && mkdir("blocked/report.html", 0777) == 0, "folders");
    CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=blocked", "train.max_steps=40"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_HAS(run.err, "blocked/report.html: ");
    EXPECT_HAS(run.err, "; training does not need it\n");
    EXPECT_HAS(run.err, "done: 40 steps");
    EXPECT(same_bytes("blocked/model.gguf", "plain/model.gguf"));
    EXPECT(same_bytes("blocked/last.gguf", "plain/last.gguf"));
    command_free(&run);
}

/* Of a long log training lines are left out, validations never; a torn line does no harm. */
static void test_long_log(void) {
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=wide", "train.max_steps=20"), NULL);
    FILE *log = fopen("wide/log.jsonl", "a");
    CHECK(log, "a log");
    for (int i = 0; i < 9000; i++) fprintf(log, "{\"kind\":\"train\",\"step\":%d}\n", 1 + i / 450);
    for (int i = 0; i < 30; i++) fprintf(log, "{\"kind\":\"valid\",\"step\":20}\n");
    fprintf(log, "{\"kind\":\"tra\"\\\"\xff<\n");
    fclose(log);
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=wide", "train.max_steps=30"), NULL);
    char *data = report_data("wide/report.html");
    const size_t train = count_parts(data, "{\\\"kind\\\":\\\"train\\\"");
    EXPECT(train > RUN_LINES / 2 && train <= RUN_LINES);
    EXPECT_HAS(data, "\"log_each\":3");
    EXPECT_HAS(data, "{\\\"kind\\\":\\\"train\\\",\\\"step\\\":30,"); /* the last is always there */
    EXPECT_INT(count_parts(data, "{\\\"kind\\\":\\\"valid\\\""), 32);
    EXPECT_HAS(data, "\"{\\\"kind\\\":\\\"tra\\\"\\\\\\\"");
    free(data);
}

/* What a live terminal is shown: a bar, and some translations after each validation, in colours where it has them. */
static void test_live(void) {
    static const char *const settings[] = {"train.max_steps=150", "valid.every_steps=75", "run.dir=live"};
    Error err = {0};
    Config config;
    Trainer trainer;
    bool resumed;
    const volatile sig_atomic_t stop = 0;
    FILE *screen = tmpfile();
    CHECK(screen && config_read(&config, "tiny.ini", (char *const *)(uintptr_t)settings, 3, &err), err.text);
    size_t made;
    CHECK(file_make_folder(config.dir, &made, &err), err.text);
    Pool *pool = pool_create(1, &err);
    CHECK(pool && checkpoint_open(&trainer, &config, pool, false, &resumed, &err), err.text);
    Progress progress = progress_start(screen);
    progress.live = progress.colours = true;
    EXPECT_INT(loop_run(&trainer, NULL, &progress, &stop, &err), RUN_FINISHED);
    size_t size;
    char *text = command_text(dup(fileno(screen)), &size);
    EXPECT_HAS(text, "\033[36m\u2501\u2501\u2501\u2501\u2501\u2500\u2500\u2500\u2500\u2500\033[m 50%  step 75");
    EXPECT_HAS(text, "validation at step 75: loss ");
    EXPECT_HAS(text, ", \033[32mnew best\033[m\n");
    EXPECT_INT(count_parts(text, "\n\r\033[K    -> "), 2 * 3);
    EXPECT_HAS(text, "\033[K    \033[2mthe ");
    EXPECT_HAS(text, "\033[K    -> \033[32mle "); /* by then some are right */
    free(text);
    fclose(screen);
    trainer_free(&trainer);
    pool_free(pool);
    config_free(&config);
}

int main(void) {
    world_enter();
    RUN(test_page);
    RUN(test_state);
    RUN(test_escapes);
    RUN(test_resumed);
    RUN(test_stopped);
    RUN(test_unwritable);
    RUN(test_long_log);
    RUN(test_live);
    world_leave();
    return test_finish();
}
