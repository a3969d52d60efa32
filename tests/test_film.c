/* The film of a run: which steps have a frame, what is in one, and that it neither harms nor changes the run. */
#include "train/film.h"

#include "base/ds.h"
#include "command.h"
#include "train/checkpoint.h"
#include "train/loop.h"

/* The film of the run in the folder, "" when there is none. Fresh. */
static char *film_of(const char *folder) {
    size_t size;
    char *path = file_join(folder, "film.jsonl"), *film = read_bytes(path, &size);
    free(path);
    return film ? film : memory_string("");
}

/* "0 4 8 ": the steps of the frames. Fresh. */
static char *film_steps(const char *folder) {
    char *film = film_of(folder), *steps = memory_string("");
    for (const char *line = film; *line; line = strchr(line, '\n') + 1) {
        unsigned step = 0;
        EXPECT(sscanf(line, "{\"step\":%u,", &step) == 1 && strchr(line, '\n'));
        char *more = memory_format("%s%u ", steps, step);
        free(steps);
        steps = more;
        if (!strchr(line, '\n')) break;
    }
    free(film);
    return steps;
}

static void expect_steps(const char *folder, const char *expected) {
    char *steps = film_steps(folder);
    if (strcmp(steps, expected) != 0) TEST_FAIL("%s: expected frames at %s, found %s", folder, expected, steps);
    free(steps);
}

static void expect_same_film(const char *a, const char *b) {
    char *x = film_of(a), *y = film_of(b);
    EXPECT(*x);
    if (strcmp(x, y) != 0) TEST_FAIL("%s and %s: expected the same film", a, b);
    free(x);
    free(y);
}

/* Dense at first; then as many to each doubling, so that no run is too long for its film. */
static void test_steps(void) {
    static const unsigned first[] = {0, 4, 8, 12, 16, 20, 24, 28, 32, 36, 40, 44, 48, 52, 56, 60, 64, 72};
    unsigned step = 0;
    for (size_t i = 0; i < COUNT(first); i++, step++) {
        while (!film_is_due(step)) step++;
        EXPECT_INT(step, first[i]);
    }
    for (unsigned begin = 64; begin < 1u << 20; begin *= 2) {
        size_t frames = 0;
        for (step = begin; step < 2 * begin; step++) frames += film_is_due(step);
        EXPECT_INT(frames, 8);
    }
}

#define STEPS_40 "0 4 8 12 16 20 24 28 32 36 40 "

static void test_run(void) {
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=whole", "train.max_steps=40"), NULL);
    expect_steps("whole", STEPS_40);
    /* The last state is in it, whichever step that is. */
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=odd", "train.max_steps=10"), NULL);
    expect_steps("odd", "0 4 8 10 ");
    command_gives(
        0,
        ARGS("train", "tiny.ini", "run.dir=early", "train.learning_rate=0", "valid.every_steps=5", "valid.patience=2"),
        NULL);
    expect_steps("early", "0 4 8 12 15 ");
    /* It begins again with the run. */
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=odd", "train.max_steps=6", "--fresh"), NULL);
    expect_steps("odd", "0 4 6 ");
}

/* The text between two marks of a text, "" when they are not there. Fresh. */
static char *between(const char *text, const char *start, const char *end) {
    const char *at = text ? strstr(text, start) : NULL, *stop = at ? strstr(at + strlen(start), end) : NULL;
    return stop ? memory_string_n(at + strlen(start), (size_t)(stop - at) - strlen(start)) : memory_string("");
}

/* What a frame says is what the validation after the same step says. */
static void test_samples(void) {
    size_t size;
    char *film = film_of("whole"), *log = read_bytes("whole/log.jsonl", &size);
    for (int step = 20; step <= 40; step += 20) {
        char *start = memory_format("{\"step\":%d,", step),
             *line = memory_format("{\"kind\":\"valid\",\"step\":%d,", step);
        char *shown = between(strstr(film, start), "\"samples\":[", "]");
        char *measured = between(strstr(log, line), "\"samples\":[", "]");
        EXPECT_HAS(shown, "\"said\":\"");
        EXPECT_STR(shown, measured);
        free(start);
        free(line);
        free(shown);
        free(measured);
    }
    free(film);
    free(log);
}

/* Where a run stops, or is killed, leaves no trace in its film. */
static void test_resumed(void) {
    CommandRun run = command_start(ARGS("train", "tiny.ini", "run.dir=stopped", "train.max_steps=100000",
                                        "train.max_epochs=100000", "valid.every_steps=20"),
                                   NULL);
    for (int i = 0; i < 3000 && !file_exists("stopped/report.html"); i++) sleep_ms(10);
    kill(run.pid, SIGKILL);
    command_wait(&run);
    command_free(&run);
    /* As a run leaves it that dies while it writes: frames of steps that were not saved, and half a line. */
    FILE *film = fopen("stopped/film.jsonl", "a");
    CHECK(film, "a film");
    fputs("{\"step\":99999999,\"loss\":0}\n{\"step\":99999999,\"lo", film);
    fclose(film);
    command_gives(
        0,
        ARGS("train", "tiny.ini", "run.dir=stopped", "train.max_steps=100000", "train.max_epochs=100000", "--dry-run"),
        NULL);
    run = command_start(ARGS("train", "tiny.ini", "run.dir=stopped", "train.max_steps=100000",
                             "train.max_epochs=100000", "valid.every_steps=20"),
                        NULL);
    sleep_ms(300);
    kill(run.pid, SIGINT);
    command_wait(&run);
    EXPECT_INT(run.code, 130);
    const char *at = strstr(run.err, "stopped after step ");
    unsigned step = 0;
    EXPECT(at && sscanf(at, "stopped after step %u", &step) == 1);
    char *last = memory_format("train.max_steps=%u", step / 4 * 4 + 8);
    command_free(&run);
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=stopped", last), NULL);
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=straight", last), NULL);
    expect_same_film("stopped", "straight");
    EXPECT(same_bytes("stopped/model.gguf", "straight/model.gguf"));
    free(last);
}

/* A run that goes back takes its film back: here from step 110 to 100, three times, before it gives up. */
static void test_goes_back(void) {
    command_gives(1, ARGS("train", "tiny.ini", "run.dir=back", "train.skip_norm=1e-9"), NULL);
    expect_steps("back", "0 4 8 12 16 20 24 28 32 36 40 44 48 52 56 60 64 72 80 88 96 104 ");
}

/* Whatever is in the file, the run continues, and so does the film. */
static void test_hostile(void) {
    static const char odd[] =
        "\n\n{\"step\":\n\0\xff{\"step\":3,\"attention\":\"\xff\"}\n[[[\"step\":0001\nnull\n{\"step\":4";
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=hostile", "train.max_steps=20"), NULL);
    write_bytes("hostile/film.jsonl", odd, sizeof odd - 1);
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=hostile", "train.max_steps=40"), NULL);
    char *film = film_of("hostile");
    size_t size;
    char *all = read_bytes("hostile/film.jsonl", &size);
    EXPECT(size > sizeof odd && memcmp(all, odd, sizeof odd - sizeof "{\"step\":4") == 0);
    EXPECT_HAS(all + sizeof odd - sizeof "{\"step\":4", "{\"step\":24,");
    free(film);
    free(all);
    EXPECT(same_bytes("hostile/model.gguf", "whole/model.gguf"));
    EXPECT(same_bytes("hostile/last.gguf", "whole/last.gguf"));
    /* A film that is gone begins where the run continues. */
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=gone", "train.max_steps=20"), NULL);
    EXPECT(unlink("gone/film.jsonl") == 0);
    command_gives(0, ARGS("train", "tiny.ini", "run.dir=gone", "train.max_steps=40"), NULL);
    expect_steps("gone", "24 28 32 36 40 ");
}

/* Without a film the run has the same bits; a message says once that there is none. */
static void test_unwritable(void) {
    CHECK(mkdir("blocked", 0777) == 0 && mkdir("blocked/film.jsonl", 0777) == 0, "folders");
    CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=blocked", "train.max_steps=40"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_HAS(run.err, "blocked/film.jsonl: expected a file, found a folder; training does not need the film\n");
    EXPECT(!strstr(strstr(run.err, "need the film") + 1, "need the film"));
    EXPECT(same_bytes("blocked/model.gguf", "whole/model.gguf"));
    EXPECT(same_bytes("blocked/last.gguf", "whole/last.gguf"));
    EXPECT(file_exists("blocked/report.html"));
    command_free(&run);
}

/* ---- One frame ---- */

/* A trainer of the world's config. Ends the process when there is none. */
static void open_trainer(Trainer *trainer, Config *config, Pool **pool, const char *const *settings, size_t count) {
    Error err = {0};
    bool resumed;
    size_t made;
    CHECK(config_read(config, "tiny.ini", (char *const *)(uintptr_t)settings, count, &err), err.text);
    CHECK(file_make_folder(config->dir, &made, &err), err.text);
    *pool = pool_create(1, &err);
    CHECK(*pool && checkpoint_open(trainer, config, *pool, false, &resumed, &err), err.text);
}

static char *frame_of(const Trainer *t, double loss) {
    Error err = {0};
    Json out = {0};
    Film film = film_create(t);
    CHECK(film_frame(&film, t, loss, &out, &err), err.text);
    char *text = memory_string_n(out.text, stbds_arrlenu(out.text));
    json_free(&out);
    film_free(&film);
    return text;
}

static size_t base64_length(size_t bytes) { return (bytes + 2) / 3 * 4; }

/* A frame of a wide model is as small as one of a model of FILM_WIDTH, and numbers that are not finite leave it JSON.
 */
static void test_frame(void) {
    static const char *const settings[] = {"run.dir=frame", "text.vocab_size=400", "model.width=200", "model.heads=2",
                                           "train.max_steps=5"};
    Config config;
    Trainer trainer;
    Pool *pool;
    open_trainer(&trainer, &config, &pool, settings, COUNT(settings));
    char *frame = frame_of(&trainer, 1.5);
    EXPECT_HAS(frame, "{\"step\":0,\"loss\":1.5,\"samples\":[{\"source\":\"the ");
    EXPECT_HAS(frame, "],\"width\":96,\"places\":\"");
    char *places = between(frame, "\"places\":\"", "\""), *words = between(frame, "\"words\":[", "]");
    char *attention = between(frame, "\"attention\":\"", "\""), *source = between(frame, "\"source\":[", "]");
    char *target = between(frame, "\"target\":[", "]");
    size_t count[3] = {1, 1, 1};
    for (const char *c = words; *c; c++) count[0] += *c == ',';
    for (const char *c = source; *c; c++) count[1] += *c == ',';
    for (const char *c = target; *c; c++) count[2] += *c == ',';
    EXPECT_HAS(words, "\"king\"");
    EXPECT(!strstr(words, "\"the\"")); /* too short */
    EXPECT_INT(strlen(places), base64_length(count[0] * FILM_WIDTH));
    EXPECT_INT(strlen(attention), base64_length(count[1] * count[2]));
    EXPECT_INT(frame[strlen(frame) - 1], '}');
    for (size_t i = 0; i < trainer.model.params.count; i++) trainer.w[i] = NAN;
    char *lost = frame_of(&trainer, NAN);
    EXPECT_HAS(lost, "{\"step\":0,\"loss\":null,\"samples\":[{\"source\":\"the ");
    EXPECT_HAS(lost, "\"places\":\"AAAA");
    EXPECT(!strstr(lost, "nan"));
    free(frame);
    free(lost);
    free(places);
    free(words);
    free(attention);
    free(source);
    free(target);
    trainer_free(&trainer);
    pool_free(pool);
    config_free(&config);
}

/* A sentence that is too long for the picture is cut, also where validations translate nothing. */
static void test_odd_sentences(void) {
    char text[400] = "the red";
    for (int i = 0; i < 40; i++) strcat(text, " the red");
    strcat(text, "\tle le\n");
    write_text("long.tsv", text);
    static const char *const settings[] = {"run.dir=long", "data.valid=long.tsv", "valid.translate=0",
                                           "model.max_length=1000", "data.max_ratio=0"};
    Config config;
    Trainer trainer;
    Pool *pool;
    open_trainer(&trainer, &config, &pool, settings, COUNT(settings));
    char *frame = frame_of(&trainer, NAN), *source = between(frame, "\"shown\":0,\"source\":[", "]");
    size_t words = 1;
    for (const char *c = source; *c; c++) words += *c == ',';
    EXPECT(*source && words <= FILM_TOKENS);
    EXPECT_HAS(frame, "\"words\":[],\"width\":16,\"places\":\"\"}"); /* no word is a token of its own */
    free(frame);
    free(source);
    trainer_free(&trainer);
    pool_free(pool);
    config_free(&config);
}

int main(void) {
    world_enter();
    RUN(test_steps);
    RUN(test_run);
    RUN(test_samples);
    RUN(test_resumed);
    RUN(test_goes_back);
    RUN(test_hostile);
    RUN(test_unwritable);
    RUN(test_frame);
    RUN(test_odd_sentences);
    world_leave();
    return test_finish();
}
