/* Model files that allow endless translations, and whose weights make them: memory is taken as a translation grows, it
 * is reported while it grows, and an interrupt ends it. */
#include "command.h"
#include "decode/modelfile.h"
#include "math/cpu.h"

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
enum { SANITIZED = 1 }; /* such builds take more memory */
#else
enum { SANITIZED = 0 };
#endif

enum { MOST_KB = 40000 }; /* at 1,000 tokens */

typedef struct Endless {
    const char *what;
    size_t width, layers, beam, max_length;
    Positions positions;
    const char *option; /* of the command */
} Endless;

static const Endless models[] = {
    {"the widest beam", 16, 1, 64, 65536, POSITIONS_SINUSOIDAL, "--threads=1"},
    {"many layers", 16, 8, 8, 65536, POSITIONS_SINUSOIDAL, "--threads=2"},
    {"learned positions", 16, 1, 32, 16384, POSITIONS_LEARNED, "--threads=1"},
    {"one hypothesis", 256, 2, 1, 65536, POSITIONS_SINUSOIDAL, "--threads=1"},
    {"lists", 16, 1, 4, 65536, POSITIONS_SINUSOIDAL, "--n-best=64"},
};

/* A random model in which </s> is as unlikely as can be. */
static void write_model(const Endless *e) {
    Error err;
    const Hyper hyper = {.vocab = TOKEN_FIRST_MERGE,
                         .width = e->width,
                         .heads = 2,
                         .feedforward = 16,
                         .encoder_layers = 1,
                         .decoder_layers = e->layers,
                         .max_length = e->max_length,
                         .norm = NORM_PRE,
                         .activation = ACTIVATION_RELU,
                         .tying = TYING_NONE,
                         .positions = e->positions};
    const ModelInfo info = {
        .hyper = hyper,
        .text = {.spaces = true},
        .decode = {.beam = e->beam, .n_best = 1, .length_alpha = 1, .max_ratio = 1000, .max_extra = 65536},
        .config = ""};
    CHECK(hyper_check(&hyper, e->what, &err), err.text);
    Parameters params = parameters_create(&hyper);
    float *w = memory_new(params.count, sizeof *w);
    parameters_init(&params, w, 7);
    /* The first number that the output layer reads is 1. */
    w[params.decoder_norm.weight] = 0, w[params.decoder_norm.bias] = 1;
    for (size_t v = 0; v < hyper.vocab; v++) w[params.output + v * hyper.width] = v == TOKEN_END ? -1000 : 0;
    GgufWriter *out = modelfile_writer(&info, &params, w);
    CHECK(gguf_write(out, "endless.gguf", &err), err.text);
    gguf_writer_free(out);
    parameters_free(&params);
    free(w);
}

/* The most memory that a process has had, in KB. */
static size_t peak_memory(pid_t pid) {
    char path[64], line[128];
    size_t peak = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) sscanf(line, "VmHWM: %zu", &peak);
    if (file) fclose(file);
    return peak;
}

static bool said(const CommandRun *run, const char *what) {
    char text[4096];
    const ssize_t size = pread(run->files[1], text, sizeof text - 1, 0);
    text[size > 0 ? size : 0] = 0;
    return strstr(text, what);
}

static void test_endless_translations(void) {
    for (size_t i = 0; i < COUNT(models); i++) {
        const Endless *e = &models[i];
        write_model(e);
        CommandRun run =
            command_start(ARGS("translate", "-m", "endless.gguf", e->option), &(CommandHow){.input = "two words\n"});
        siginfo_t ended = {0};
        for (int tries = 0; tries < 1000 && ended.si_pid == 0 && !said(&run, "so far"); tries++) {
            sleep_ms(50);
            waitid(P_PID, (id_t)run.pid, &ended, WEXITED | WNOHANG | WNOWAIT);
        }
        const size_t peak = peak_memory(run.pid);
        if (!SANITIZED && (peak == 0 || peak > MOST_KB))
            TEST_FAIL("%s: expected at most %d KB, found %zu", e->what, MOST_KB, peak);
        kill(run.pid, SIGINT);
        command_wait(&run);
        EXPECT_INT(run.code, 1000 + SIGINT);
        EXPECT_HAS(
            run.err,
            "translate: line 1: its translation has 1000 tokens so far, far more than it warrants; the limit is ");
        EXPECT_STR(run.out, "");
        command_free(&run);
    }
}

/* A page is of a few hundred tokens at most, in every form it is asked for. */
static void test_endless_pages(void) {
    static const char *const forms[][2] = {{"--output=page.html", "--threads=1"},
                                           {"--output=page.html", "--beam=1"},
                                           {"--text", "--beam=2"},
                                           {"--json", "--beam=1"}};
    write_model(&models[0]);
    for (size_t i = 0; i < COUNT(forms); i++) {
        CommandRun run =
            command_run(ARGS("inspect", "-m", "endless.gguf", "two words", forms[i][0], forms[i][1]), NULL);
        EXPECT_INT(run.code, 0);
        EXPECT_HAS(run.err, "inspect: the translation is cut after 500 tokens, the limit ");
        command_free(&run);
    }
}

/* Where the options leave no token that may follow, the translation ends there, and a message says so. */
static void test_no_token_may_follow(void) {
    static const char *const options[][3] = {{"--no-repeat-ngram=1", "--min-length=400", "--beam=1"},
                                             {"--no-repeat-ngram=1", "--min-length=257", "--n-best=2"},
                                             {"--no-repeat-ngram=1", "--min-length=300", "--sample"}};
    write_model(&models[1]);
    for (size_t i = 0; i < COUNT(options); i++) {
        CommandRun run = command_run(
            ARGS("translate", "-m", "endless.gguf", "a word", options[i][0], options[i][1], options[i][2]), NULL);
        EXPECT_INT(run.code, 0);
        EXPECT_HAS(run.err, " cut after 256 tokens, as the options allow none to follow\n");
        command_free(&run);
    }
}

int main(void) {
    world_enter();
    RUN(test_endless_translations);
    RUN(test_endless_pages);
    RUN(test_no_token_may_follow);
    world_leave();
    return test_finish();
}
