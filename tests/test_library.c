/* The library as a program uses it (decode/nmt.h), and what it does when what it asks of the system fails.
 *
 * The linker puts the functions __wrap_NAME of this file in the place of the C library's in all files of the program
 * (Makefile). They count what is taken and given back, and can make one call fail, or all from one on. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checksum.h"
#include "decode/nmt.h"
#include "testlib.h"

#undef free

/* ---- Calls that fail ---- */

static atomic_bool armed;          /* calls are counted */
static atomic_long calls, fail_at; /* the number of the call that fails; 0: none */
static atomic_bool forever;        /* and all after it */
static atomic_bool memory_failed;  /* one that takes memory */
static atomic_long held; /* blocks, maps, descriptors, streams and threads that were taken and not given back */

static bool fails(bool memory) {
    if (!armed) return false;
    const long call = ++calls;
    if (fail_at == 0 || (call != fail_at && !(forever && call > fail_at))) return false;
    if (memory) memory_failed = true;
    errno = memory ? ENOMEM : EIO;
    return true;
}

static void take(bool ok) { held += armed && ok; }
static void give(bool ok) { held -= armed && ok; }

/* ---- Whether what is written is on the disk ---- */

static bool watching; /* by one thread, the one that opens and writes */
static struct {
    char path[300];
    bool unsynced;                  /* bytes were written after the last fsync */
} descriptors[64];                  /* as they were opened last */
static char renamed_in[300];        /* the folder of the last file that was renamed; "": fsync was called for it */
static int renamed, early, unnamed; /* files; those with bytes unsynced; those whose folder was not synced in time */

static void see_open(int file, const char *path) {
    if (!watching || file < 0 || (size_t)file >= COUNT(descriptors)) return;
    snprintf(descriptors[file].path, sizeof descriptors[file].path, "%s", path);
    descriptors[file].unsynced = false;
}

static void see_write(int file) {
    if (watching && file >= 0 && (size_t)file < COUNT(descriptors)) descriptors[file].unsynced = true;
}

static void see_sync(int file) {
    if (!watching || file < 0 || (size_t)file >= COUNT(descriptors)) return;
    descriptors[file].unsynced = false;
    if (strcmp(descriptors[file].path, renamed_in) == 0) *renamed_in = 0;
}

static void see_rename(const char *from, const char *to) {
    for (size_t file = 0; watching && file < COUNT(descriptors); file++) {
        if (strcmp(descriptors[file].path, from) != 0) continue;
        renamed++;
        early += descriptors[file].unsynced;
        unnamed += *renamed_in != 0;
        snprintf(renamed_in, sizeof renamed_in, "%.*s", (int)(strrchr(to, '/') - to), to);
    }
}

void *__real_malloc(size_t), *__real_calloc(size_t, size_t), *__real_realloc(void *, size_t);
void *__wrap_malloc(size_t), *__wrap_calloc(size_t, size_t), *__wrap_realloc(void *, size_t);
void __real_free(void *), __wrap_free(void *);
int __real_vasprintf(char **, const char *, va_list), __wrap_vasprintf(char **, const char *, va_list);
void *__real_mmap(void *, size_t, int, int, int, off_t), *__wrap_mmap(void *, size_t, int, int, int, off_t);
int __real_munmap(void *, size_t), __wrap_munmap(void *, size_t);
int __real_open(const char *, int, ...), __wrap_open(const char *, int, ...);
int __real_close(int), __wrap_close(int);
ssize_t __real_read(int, void *, size_t), __wrap_read(int, void *, size_t);
ssize_t __real_write(int, const void *, size_t), __wrap_write(int, const void *, size_t);
int __real_fsync(int), __wrap_fsync(int), __real_rename(const char *, const char *);
int __wrap_rename(const char *, const char *);
int __real_fstat(int, struct stat *), __wrap_fstat(int, struct stat *);
void *__real_aligned_alloc(size_t, size_t), *__wrap_aligned_alloc(size_t, size_t);
DIR *__real_opendir(const char *), *__wrap_opendir(const char *);
int __real_closedir(DIR *), __wrap_closedir(DIR *);
FILE *__real_fdopen(int, const char *), *__wrap_fdopen(int, const char *);
int __real_fclose(FILE *), __wrap_fclose(FILE *);
FILE *__real_fopen(const char *, const char *), *__wrap_fopen(const char *, const char *);
int __real_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __wrap_pthread_create(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
int __real_pthread_join(pthread_t, void **), __wrap_pthread_join(pthread_t, void **);
locale_t __real_newlocale(int, const char *, locale_t), __wrap_newlocale(int, const char *, locale_t);

void *__wrap_malloc(size_t size) {
    void *block = fails(true) ? NULL : __real_malloc(size);
    take(block);
    return block;
}
void *__wrap_calloc(size_t count, size_t size) {
    void *block = fails(true) ? NULL : __real_calloc(count, size);
    take(block);
    return block;
}
void *__wrap_realloc(void *block, size_t size) {
    const bool fresh = !block;
    void *moved = fails(true) ? NULL : __real_realloc(block, size);
    take(fresh && moved);
    return moved;
}
void *__wrap_aligned_alloc(size_t alignment, size_t size) {
    void *block = fails(true) ? NULL : __real_aligned_alloc(alignment, size);
    take(block);
    return block;
}
void __wrap_free(void *block) {
    give(block);
    __real_free(block);
}
int __wrap_vasprintf(char **text, const char *format, va_list arguments) {
    const int length = fails(true) ? -1 : __real_vasprintf(text, format, arguments);
    take(length >= 0);
    return length;
}
void *__wrap_mmap(void *at, size_t size, int protection, int flags, int file, off_t offset) {
    void *map = fails(true) ? MAP_FAILED : __real_mmap(at, size, protection, flags, file, offset);
    take(map != MAP_FAILED);
    return map;
}
int __wrap_munmap(void *map, size_t size) {
    give(true);
    return __real_munmap(map, size);
}
int __wrap_open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    const int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, int) : 0;
    va_end(arguments);
    const int file = fails(false) ? -1 : __real_open(path, flags, mode);
    take(file >= 0);
    see_open(file, path);
    return file;
}
int __wrap_close(int file) {
    give(true);
    return __real_close(file);
}
ssize_t __wrap_read(int file, void *data, size_t size) { return fails(false) ? -1 : __real_read(file, data, size); }
ssize_t __wrap_write(int file, const void *data, size_t size) {
    see_write(file);
    return fails(false) ? -1 : __real_write(file, data, size);
}
int __wrap_fsync(int file) {
    see_sync(file);
    return fails(false) ? -1 : __real_fsync(file);
}
int __wrap_rename(const char *from, const char *to) {
    see_rename(from, to);
    return fails(false) ? -1 : __real_rename(from, to);
}
int __wrap_fstat(int file, struct stat *info) { return fails(false) ? -1 : __real_fstat(file, info); }
DIR *__wrap_opendir(const char *path) {
    DIR *entries = fails(false) ? NULL : __real_opendir(path);
    take(entries);
    return entries;
}
int __wrap_closedir(DIR *entries) {
    give(true);
    return __real_closedir(entries);
}
FILE *__wrap_fdopen(int file, const char *mode) { return fails(false) ? NULL : __real_fdopen(file, mode); }
FILE *__wrap_fopen(const char *path, const char *mode) {
    FILE *stream = fails(false) ? NULL : __real_fopen(path, mode);
    take(stream);
    return stream;
}
int __wrap_fclose(FILE *stream) {
    give(true);
    return __real_fclose(stream);
}
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *how, void *(*run)(void *), void *argument) {
    const int failure = fails(true) ? EAGAIN : __real_pthread_create(thread, how, run, argument);
    take(!failure);
    return failure;
}
int __wrap_pthread_join(pthread_t thread, void **answer) {
    give(true);
    return __real_pthread_join(thread, answer);
}
locale_t __wrap_newlocale(int what, const char *name, locale_t base) {
    return fails(true) ? (locale_t)0 : __real_newlocale(what, name, base);
}

/* ---- A small world ---- */

static char folder[200], config[256], model_path[256];
static const char *const sources[] = {"the cat sees the dog", "",
                                      "a bird. the bird sings. the cat sleeps. it sees the dog. a dog sleeps", "x"};
enum { TEXTS = 4 };

static nmt_text text_of(const char *bytes) { return (nmt_text){bytes, strlen(bytes)}; }

static void write_file(const char *name, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    EXPECT(out && fputs(text, out) >= 0);
    if (out) fclose(out);
}

/* settings: "run.dir=..." and such; NULL ends them. */
static nmt_status train(nmt_on_progress *progress, void *context, int fresh, nmt_error *err, const char *dir,
                        const char *more) {
    char run[256];
    snprintf(run, sizeof run, "run.dir=%s/%s", folder, dir);
    const char *settings[] = {run, more};
    nmt_train_options o;
    nmt_train_options_init(&o, sizeof o, NMT_HEADER);
    o.config = config;
    o.settings = settings;
    o.setting_count = more ? 2 : 1;
    o.fresh = fresh;
    o.progress = progress;
    o.context = context;
    return nmt_train(&o, err);
}

static void make_world(void) {
    char text[4000] = "";
    size_t at = 0;
    static const char *const nouns[][2] = {{"cat", "chat"}, {"dog", "chien"}, {"bird", "oiseau"}};
    static const char *const verbs[][2] = {{"sees", "voit"}, {"sings", "chante"}, {"sleeps", "dort"}};
    test_temporary(folder, sizeof folder);
    EXPECT(mkdtemp(folder) != NULL);
    for (size_t n = 0; n < COUNT(nouns); n++)
        for (size_t v = 0; v < COUNT(verbs); v++)
            at += (size_t)snprintf(text + at, sizeof text - at, "the %s %s\tle %s %s\na %s. it %s\tun %s. il %s\n",
                                   nouns[n][0], verbs[v][0], nouns[n][1], verbs[v][1], nouns[n][0], verbs[v][0],
                                   nouns[n][1], verbs[v][1]);
    write_file("train.tsv", text);
    write_file("valid.tsv", "the cat sings\tle chat chante\nthe dog sleeps\tle chien dort\n");
    snprintf(text, sizeof text,
             "[data]\ntrain = %s/train.tsv\nvalid = %s/valid.tsv\n[text]\nvocab_size = 300\n[model]\nwidth = 8\n"
             "heads = 2\nfeedforward = 8\nencoder_layers = 1\ndecoder_layers = 1\nmax_length = 24\n[train]\n"
             "max_steps = 4\nbatch_tokens = 100\naverage = 0.9\nthreads = 2\nlog_every = 1\n[valid]\n"
             "every_steps = 2\ntranslate = 2\n[decode]\nmax_extra = 4\n[run]\ndir = run\n",
             folder, folder);
    write_file("world.ini", text);
    snprintf(config, sizeof config, "%s/world.ini", folder);
    snprintf(model_path, sizeof model_path, "%s/run/model.gguf", folder);
    nmt_error err;
    EXPECT_INT(train(NULL, NULL, 0, &err, "run", NULL), NMT_OK);
}

static void remove_world(void) {
    char line[300];
    snprintf(line, sizeof line, "rm -rf '%s'", folder);
    EXPECT_INT(system(line), 0);
}

static nmt_model *open_model(void) {
    nmt_model *model;
    nmt_error err;
    const nmt_status status = nmt_open(&model, model_path, NMT_HEADER, &err);
    if (status != NMT_OK) TEST_FAIL("%s", err.message);
    return model;
}

static unsigned char *read_model(size_t *size) {
    FILE *in = fopen(model_path, "rb");
    unsigned char *bytes = malloc(1 << 20);
    *size = in && bytes ? fread(bytes, 1, 1 << 20, in) : 0;
    if (in) fclose(in);
    return bytes;
}

/* What a call gave, as text. */
typedef struct Answer {
    char text[4000];
} Answer;

static void put_results(Answer *a, const nmt_result *const *results, size_t count) {
    size_t at = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < results[i]->count; k++) {
            const nmt_hypothesis *h = results[i]->hypotheses[k];
            if (strlen(h->text.bytes) != h->text.length) TEST_FAIL("expected a NUL behind the text only");
            at += (size_t)snprintf(a->text + at, sizeof a->text - at, "%zu %s %.17g %zu\n", i, h->text.bytes,
                                   h->log_probability, h->word_count);
        }
}

/* ---- What it answers ---- */

static void test_translates(void) {
    nmt_error err;
    nmt_translator *translator;
    const nmt_result *const *results;
    nmt_options o;
    nmt_model *model = open_model();
    nmt_text texts[TEXTS];
    for (size_t i = 0; i < TEXTS; i++) texts[i] = text_of(sources[i]);
    nmt_options_init(&o, sizeof o, NMT_HEADER);
    o.n_best = 2, o.alignment = 1;
    EXPECT_INT(nmt_translator_new(&translator, model, &o, &err), NMT_OK);
    EXPECT_INT(nmt_translate(translator, texts, TEXTS, &results, &err), NMT_OK);
    EXPECT(results[0]->count >= 1 && results[0]->count <= 2);
    EXPECT_INT(results[0]->source_words, 5);
    EXPECT_INT(results[1]->parts, 0);
    EXPECT_STR(results[1]->hypotheses[0]->text.bytes, "");
    EXPECT(results[2]->parts > 1);
    Answer together, alone;
    put_results(&together, results, 1);
    EXPECT_INT(nmt_translate(translator, texts, 1, &results, &err), NMT_OK);
    put_results(&alone, results, 1);
    EXPECT_STR(alone.text, together.text);

    /* A translation is as likely as the search found it, where its text is cut into the same tokens. */
    const double found = results[0]->hypotheses[0]->log_probability;
    char copy[1000];
    snprintf(copy, sizeof copy, "%s", results[0]->hypotheses[0]->text.bytes);
    const nmt_text target = text_of(copy);
    nmt_score score;
    EXPECT_INT(nmt_score_pairs(translator, texts, &target, 1, &score, &err), NMT_OK);
    EXPECT(score.tokens > 0 && score.log_probability < 0);
    if (results[0]->hypotheses[0]->cut == 0 && score.log_probability > found + 1e-9)
        TEST_FAIL("expected at most %g, found %g", found, score.log_probability);
    nmt_translator_free(translator);

    /* In 8-bit integers it is nearly as likely. */
    o.int8 = 1;
    EXPECT_INT(nmt_translator_new(&translator, model, &o, &err), NMT_OK);
    EXPECT_INT(nmt_score_pairs(translator, texts, &target, 1, &score, &err), NMT_OK);
    EXPECT_INT(nmt_translate(translator, texts, 1, &results, &err), NMT_OK);
    EXPECT(results[0]->hypotheses[0]->log_probability != found);
    nmt_translator_free(translator);
    o.int8 = 0;
    EXPECT_INT(nmt_translator_new(&translator, model, &o, &err), NMT_OK);
    const double rounded = score.log_probability;
    EXPECT_INT(nmt_score_pairs(translator, texts, &target, 1, &score, &err), NMT_OK);
    EXPECT(rounded != score.log_probability);
    EXPECT_NEAR(rounded, score.log_probability, 0.1 * fabs(score.log_probability));
    nmt_translator_free(translator);

    /* The same model twice is the model; and n-best needs a beam. */
    const nmt_model *more[] = {model};
    o.more = more, o.more_count = 1;
    EXPECT_INT(nmt_translator_new(&translator, model, &o, &err), NMT_OK);
    EXPECT_INT(nmt_translate(translator, texts, 1, &results, &err), NMT_OK);
    put_results(&together, results, 1);
    EXPECT_STR(together.text, alone.text);
    nmt_translator_free(translator);

    EXPECT_STR(nmt_info(model, "nmt.width"), "8");
    EXPECT_STR(nmt_info(model, "general.architecture"), "nmt");
    EXPECT(nmt_info(model, "nmt.config") && strstr(nmt_info(model, "nmt.config"), "vocab_size = 300"));
    EXPECT(atol(nmt_info(model, "parameters")) > 1000 && atol(nmt_info(model, "vocabulary")) > 258);
    EXPECT(!nmt_info(model, "nmt.tokenizer.merges") && !nmt_info(model, "none"));
    size_t keys = 0;
    while (nmt_info_key(model, keys)) EXPECT(nmt_info(model, nmt_info_key(model, keys++)) != NULL);
    EXPECT(keys > 15);
    nmt_close(model);
    nmt_close(NULL);
    nmt_translator_free(NULL);
}

/* The best translation of sources[0] with these options. */
typedef struct Best {
    char text[1000];
    double log_probability, score;
    size_t cut;
} Best;

static Best best_with(const nmt_model *model, const nmt_options *o) {
    Best best = {.text = ""};
    nmt_error err;
    nmt_translator *translator;
    const nmt_result *const *results;
    const nmt_text text = text_of(sources[0]);
    if (nmt_translator_new(&translator, model, o, &err) || nmt_translate(translator, &text, 1, &results, &err)) {
        TEST_FAIL("%s", err.message);
    } else {
        const nmt_hypothesis *h = results[0]->hypotheses[0];
        snprintf(best.text, sizeof best.text, "%s", h->text.bytes);
        best.log_probability = h->log_probability, best.score = h->score, best.cut = h->cut;
    }
    nmt_translator_free(translator);
    return best;
}

/* Every option of the search has its effect. */
static void test_options(void) {
    nmt_options o;
    nmt_model *model = open_model();
    nmt_options_init(&o, sizeof o, NMT_HEADER);
    o.prefix = text_of("zq"); /* which the model would not say */
    EXPECT(strncmp(best_with(model, &o).text, "zq", 2) == 0);

    nmt_options_init(&o, sizeof o, NMT_HEADER);
    o.min_length = 3; /* so that the number of tokens is not 1 */
    Best best = best_with(model, &o);
    EXPECT(best.score != best.log_probability); /* the model's length_alpha is 1 */
    o.length_alpha = 0;
    best = best_with(model, &o);
    EXPECT(best.score == best.log_probability);

    nmt_options_init(&o, sizeof o, NMT_HEADER);
    o.min_length = 1, o.max_length = 2; /* one token and the end, or two tokens */
    best = best_with(model, &o);
    EXPECT(best.cut == 0 || best.cut == 2);

    nmt_options_init(&o, sizeof o, NMT_HEADER);
    o.beam = 1, o.min_length = 20, o.max_length = 22;
    const Best greedy = best_with(model, &o);
    EXPECT(greedy.cut == 0 || greedy.cut == 22);
    o.sample = 1, o.top_k = 1;
    best = best_with(model, &o);
    EXPECT_STR(best.text, greedy.text);
    EXPECT(best.log_probability == greedy.log_probability);
    o.top_k = 0;
    EXPECT(strcmp(best_with(model, &o).text, greedy.text) != 0);

    /* A model that has learnt for a few steps does not say 20 tokens that all differ. */
    o.sample = 0, o.no_repeat_ngram = 1;
    EXPECT(strcmp(best_with(model, &o).text, greedy.text) != 0);
    nmt_close(model);
}

static void test_measures(void) {
    const nmt_text said[] = {text_of("the cat sat on the mat"), text_of("a dog")};
    const nmt_text wanted[] = {text_of("the cat sat on a mat"), text_of("the cat sat on the mat"), text_of("a dog"),
                               text_of("one dog")};
    double score;
    EXPECT_INT(nmt_measure(&score, NMT_BLEU, said, wanted, 2, 2, NULL), NMT_OK);
    EXPECT_NEAR(score, 100, 1e-9);
    EXPECT_INT(nmt_measure(&score, NMT_CHRF, said, wanted, 1, 1, NULL), NMT_OK);
    EXPECT(score > 50 && score < 100);
    EXPECT_INT(nmt_measure(&score, NMT_CHRFPP, said, wanted, 0, 1, NULL), NMT_OK);
    const nmt_text broken = text_of("a foo-\nbar\nb c d e"), joined = text_of("a foobar b c d e");
    EXPECT_INT(nmt_measure(&score, NMT_BLEU, &broken, &joined, 1, 1, NULL), NMT_OK);
    EXPECT_NEAR(score, 100, 1e-9);
    const nmt_text line = text_of("a b c d e-\n"), bare = text_of("a b c d e-"); /* a line end is no broken word */
    EXPECT_INT(nmt_measure(&score, NMT_BLEU, &line, &bare, 1, 1, NULL), NMT_OK);
    EXPECT_NEAR(score, 100, 1e-9);
}

typedef struct Seen {
    uint64_t steps, stop_at;
    int messages, rounding;
    double loss;
    bool nested;
} Seen;

static int watch(void *context, const nmt_progress *p) {
    Seen *seen = context;
    seen->rounding = fegetround();
    if (p->message) {
        seen->messages++;
        return 0;
    }
    seen->steps = p->step, seen->loss = p->loss;
    if (!seen->nested) { /* it may call the library, which may fail */
        nmt_model *model;
        EXPECT_INT(nmt_open(&model, "nothing", NMT_HEADER, NULL), NMT_FAILED);
        seen->nested = true;
    }
    return seen->stop_at > 0 && p->step >= seen->stop_at;
}

static void test_trains(void) {
    nmt_error err;
    Seen seen = {.stop_at = 3};
    EXPECT_INT(train(watch, &seen, 0, &err, "watched", NULL), NMT_STOPPED);
    EXPECT_STR(err.message, "stopped after step 3, everything saved; the same call with fresh = 0 continues");
    EXPECT(seen.steps == 3 && seen.messages > 0 && seen.loss > 0);
    seen.stop_at = 0;
    EXPECT_INT(train(watch, &seen, 0, &err, "watched", NULL), NMT_OK);
    EXPECT_INT(seen.steps, 4);
    char line[600]; /* stopped and continued, it has the bits of the run that was not */
    snprintf(line, sizeof line, "cmp -s '%s/run/model.gguf' '%s/watched/model.gguf'", folder, folder);
    EXPECT_INT(system(line), 0);
    seen.stop_at = 4; /* at the last step, there is nothing left to stop */
    EXPECT_INT(train(watch, &seen, 1, &err, "watched", NULL), NMT_OK);
    EXPECT_INT(train(NULL, NULL, 1, &err, "watched", "train.widht=3"), NMT_FAILED);
    EXPECT_HAS(err.message, "train.widht");
    EXPECT_INT(train(NULL, NULL, 1, &err, "watched", "data.train=-"), NMT_FAILED);
    EXPECT_HAS(err.message, "data.train: expected files, found -");
    nmt_train_options o;
    nmt_train_options_init(&o, sizeof o, NMT_HEADER);
    o.config = "-";
    EXPECT_INT(nmt_train(&o, &err), NMT_WRONG_ARGUMENT);
    EXPECT_HAS(err.message, "config: expected a file, found -");
    o.config = NULL;
    EXPECT_INT(nmt_train(&o, &err), NMT_FAILED);
    EXPECT_HAS(err.message, "data.train");
}

/* A file has all its bytes on the disk before it takes the place of another; its new name follows. */
static void test_syncs(void) {
    if (sizeof(off_t) > sizeof(long)) SKIP("open has another name here");
    nmt_error err;
    watching = true;
    EXPECT_INT(train(NULL, NULL, 0, &err, "synced", NULL), NMT_OK);
    watching = false;
    EXPECT(renamed >= 2); /* model.gguf and last.gguf */
    EXPECT_INT(early, 0);
    EXPECT_INT(unnamed, 0);
    EXPECT_STR(renamed_in, "");
}

/* ---- Wrong calls ---- */

/* Expects that a translator with these options is refused. */
static void expect_refused(const nmt_model *model, const nmt_options *o, const char *message) {
    nmt_error err = {NMT_OK, ""};
    nmt_translator *translator;
    EXPECT_INT(nmt_translator_new(&translator, model, o, &err), NMT_WRONG_ARGUMENT);
    EXPECT(!translator);
    EXPECT_STR(err.message, message);
    nmt_translator_free(translator);
}

/* Numbers that go together, by the names that they have in nmt_options. */
static void test_refuses_options(void) {
    nmt_options o;
    nmt_model *model = open_model();
    static const char many[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"; /* a token each, and one for a space */
    static const struct {
        size_t offset;
        double value;
        const char *message;
    } rows[] = {
        {offsetof(nmt_options, length_alpha), 11, "options: length_alpha: expected at most 10, found 11"},
        {offsetof(nmt_options, max_ratio), 1000.5, "options: max_ratio: expected at most 1000, found 1000.5"},
        {offsetof(nmt_options, temperature), 0.001, "options: temperature: expected 0.01 to 100, found 0.001"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        nmt_options_init(&o, sizeof o, NMT_HEADER);
        memcpy((char *)&o + rows[i].offset, &rows[i].value, sizeof(double));
        expect_refused(model, &o, rows[i].message);
    }
    nmt_options_init(&o, sizeof o, NMT_HEADER);
    o.max_extra = 70000;
    expect_refused(model, &o, "options: max_extra: expected at most 65536, found 70000");
    nmt_options_init(&o, sizeof o, NMT_HEADER);
    o.sample = 1, o.beam = 2;
    expect_refused(model, &o, "options: beam: expected 0 or 1 with sample, found 2");
    o.beam = 0, o.temperature = 0;
    expect_refused(model, &o, "options: temperature: expected 0.01 to 100, found 0");
    nmt_options_init(&o, sizeof o, NMT_HEADER);
    o.min_length = o.max_length = 5;
    expect_refused(model, &o, "options: min_length: expected less than max_length (5), found 5");
    o.min_length = 24, o.max_length = 0;
    expect_refused(model, &o, "options: min_length: expected less than the model's max_length (24), found 24");
    nmt_options_init(&o, sizeof o, NMT_HEADER);
    o.prefix = text_of(many);
    expect_refused(model, &o, "options: prefix: expected fewer than 24 tokens (the model's max_length), found 41");
    o.max_length = 5;
    expect_refused(model, &o, "options: prefix: expected fewer than 5 tokens (max_length), found 41");
    nmt_close(model);
}

static void test_refuses(void) {
    nmt_error err;
    nmt_model *model = (nmt_model *)&err, *good = open_model();
    nmt_translator *translator;
    const nmt_result *const *results;
    nmt_options o;
    double score;
    EXPECT_INT(nmt_open(&model, model_path, NMT_HEADER + 1, &err), NMT_WRONG_HEADER);
    EXPECT(!model && err.status == NMT_WRONG_HEADER);
    EXPECT_HAS(err.message, "expected NMT_HEADER 1");
    EXPECT_INT(nmt_open(&model, "none.gguf", NMT_HEADER, &err), NMT_FAILED);
    EXPECT_HAS(err.message, "none.gguf: cannot open");
    model = (nmt_model *)&err;
    EXPECT_INT(nmt_open(&model, NULL, NMT_HEADER, NULL), NMT_WRONG_ARGUMENT);
    EXPECT(!model);
    EXPECT_INT(nmt_open(NULL, model_path, NMT_HEADER, NULL), NMT_WRONG_ARGUMENT);
    model = (nmt_model *)&err;
    EXPECT_INT(nmt_open_memory(&model, NULL, 5, NMT_HEADER, NULL), NMT_WRONG_ARGUMENT);
    EXPECT(!model);
    EXPECT_INT(nmt_open_memory(&model, NULL, 0, NMT_HEADER, NULL), NMT_FAILED);
    EXPECT_INT(nmt_translator_new(&translator, NULL, NULL, &err), NMT_WRONG_ARGUMENT);
    EXPECT_INT(nmt_translate(NULL, NULL, 0, &results, &err), NMT_WRONG_ARGUMENT);
    EXPECT_INT(nmt_measure(&score, NMT_BLEU, NULL, NULL, 1, 1, &err), NMT_WRONG_ARGUMENT);
    EXPECT_INT(nmt_measure(&score, (nmt_metric)7, NULL, NULL, 0, 1, &err), NMT_WRONG_ARGUMENT);
    EXPECT_INT(nmt_train(NULL, &err), NMT_WRONG_ARGUMENT);
    static const struct {
        size_t offset;
        int value;
        const char *message;
    } rows[] = {
        {offsetof(nmt_options, beam), 1000, "options: beam: expected 0 to 64, found 1000"},
        {offsetof(nmt_options, beam), -1, "options: beam: expected 0 to 64, found -1"},
        {offsetof(nmt_options, threads), -1, "threads"},
        {offsetof(nmt_options, n_best), 65, "n_best"},
        {offsetof(nmt_options, min_length), 500, "min_length"},
        {offsetof(nmt_options, header), 9, "header"},
        {offsetof(nmt_options, int8), 2, "options: int8: expected 0 to 1, found 2"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        nmt_options_init(&o, sizeof o, NMT_HEADER);
        memcpy((char *)&o + rows[i].offset, &rows[i].value, sizeof(int));
        EXPECT(nmt_translator_new(&translator, good, &o, &err) != NMT_OK && !translator);
        EXPECT_HAS(err.message, rows[i].message);
    }
    nmt_options_init(&o, sizeof o, NMT_HEADER);
    o.temperature = NAN;
    EXPECT_INT(nmt_translator_new(&translator, good, &o, &err), NMT_WRONG_ARGUMENT);
    o.temperature = 1, o.sample = 1, o.n_best = 3;
    EXPECT_INT(nmt_translator_new(&translator, good, &o, &err), NMT_WRONG_ARGUMENT);
    EXPECT_HAS(err.message, "options: n_best: expected 1 with sample, found 3");
    memset(&o, 0, sizeof o);
    EXPECT_INT(nmt_translator_new(&translator, good, &o, &err), NMT_WRONG_ARGUMENT);
    EXPECT_HAS(err.message, "nmt_options_init");
    const nmt_text nothing = {NULL, 4};
    EXPECT_INT(nmt_translator_new(&translator, good, NULL, &err), NMT_OK);
    EXPECT_INT(nmt_translate(translator, &nothing, 1, &results, &err), NMT_WRONG_ARGUMENT);
    EXPECT_INT(nmt_translate(translator, NULL, 0, &results, &err), NMT_OK);
    nmt_translator_free(translator);
    nmt_close(good);
}

/* Appends the translations of count texts to a text of 2,000 bytes. */
static void add_texts(char *all, const nmt_result *const *results, size_t count) {
    for (size_t i = 0; i < count; i++)
        snprintf(all + strlen(all), 2000 - strlen(all), "%s\n", results[i]->hypotheses[0]->text.bytes);
}

/* Draws depend on the number of the text, counted over all calls that succeed. */
static void test_samples(void) {
    enum { DRAWS = 6 };
    nmt_error err;
    nmt_translator *translator;
    const nmt_result *const *results;
    nmt_options o;
    nmt_model *model = open_model();
    nmt_text texts[DRAWS];
    for (size_t i = 0; i < DRAWS; i++) texts[i] = text_of(sources[0]);
    nmt_options_init(&o, sizeof o, NMT_HEADER);
    o.sample = 1, o.seed = UINT64_MAX, o.temperature = 3;
    EXPECT_INT(nmt_translator_new(&translator, model, &o, &err), NMT_OK);
    EXPECT_INT(nmt_translate(translator, texts, DRAWS, &results, &err), NMT_OK);
    EXPECT(strcmp(results[0]->hypotheses[0]->text.bytes, results[2]->hypotheses[0]->text.bytes) != 0);
    char together[2000] = "", apart[2000] = "";
    add_texts(together, results, DRAWS);
    nmt_translator_free(translator);
    EXPECT_INT(nmt_translator_new(&translator, model, &o, &err), NMT_OK);
    for (size_t i = 0; i < DRAWS; i += 2) {
        EXPECT_INT(nmt_translate(translator, texts, 2, &results, &err), NMT_OK);
        add_texts(apart, results, 2);
        calls = 0;
        fail_at = 1;
        forever = true;
        armed = true;
        EXPECT_INT(nmt_translate(translator, texts, DRAWS, &results, &err), NMT_NO_MEMORY);
        armed = false;
        forever = false;
        fail_at = 0;
    }
    EXPECT_STR(apart, together);
    nmt_translator_free(translator);
    nmt_close(model);
}

/* A program that was compiled with an older header has a shorter struct; one with a newer, a longer. */
static void test_options_grow(void) {
    nmt_error err;
    nmt_translator *translator;
    nmt_model *model = open_model();
    struct {
        nmt_options o;
        unsigned char more[64];
    } both;
    const size_t old = offsetof(nmt_options, prefix);
    memset(&both, 0xAA, sizeof both);
    nmt_options_init(&both.o, old, NMT_HEADER);
    for (size_t i = old; i < sizeof both; i++) EXPECT_INT(((unsigned char *)&both)[i], 0xAA);
    both.o.beam = 3;
    EXPECT_INT(nmt_translator_new(&translator, model, &both.o, &err), NMT_OK);
    nmt_translator_free(translator);
    nmt_options_init(&both.o, sizeof both, NMT_HEADER);
    EXPECT_INT(both.more[63], 0);
    EXPECT_INT(nmt_translator_new(&translator, model, &both.o, &err), NMT_OK);
    nmt_translator_free(translator);
    both.more[63] = 1;
    EXPECT_INT(nmt_translator_new(&translator, model, &both.o, &err), NMT_WRONG_HEADER);
    nmt_close(model);
}

/* ---- The caller's thread ---- */

static void test_keeps_the_mode(void) {
    nmt_error err;
    nmt_translator *translator;
    const nmt_result *const *results;
    const nmt_text text = text_of(sources[0]);
    Answer usual, odd;
    nmt_model *model = open_model();
    EXPECT_INT(nmt_translator_new(&translator, model, NULL, &err), NMT_OK);
    EXPECT_INT(nmt_translate(translator, &text, 1, &results, &err), NMT_OK);
    put_results(&usual, results, 1);
    fesetround(FE_DOWNWARD);
    feraiseexcept(FE_OVERFLOW);
#if defined(__SSE__)
    const unsigned before = __builtin_ia32_stmxcsr();
#endif
    EXPECT_INT(nmt_translate(translator, &text, 1, &results, &err), NMT_OK);
    EXPECT_INT(fegetround(), FE_DOWNWARD);
    EXPECT(fetestexcept(FE_OVERFLOW));
#if defined(__SSE__)
    EXPECT_INT(__builtin_ia32_stmxcsr(), before);
#endif
    Seen seen = {0};
    EXPECT_INT(train(watch, &seen, 0, &err, "mode", NULL), NMT_OK);
    EXPECT_INT(seen.rounding, FE_DOWNWARD);
    EXPECT_INT(nmt_open(&(nmt_model *){NULL}, "none.gguf", NMT_HEADER, NULL), NMT_FAILED);
    EXPECT_INT(fegetround(), FE_DOWNWARD);
    fesetround(FE_TONEAREST);
    put_results(&odd, results, 1);
    EXPECT_STR(odd.text, usual.text);
    char line[600];
    snprintf(line, sizeof line, "cmp -s '%s/run/model.gguf' '%s/mode/model.gguf'", folder, folder);
    EXPECT_INT(system(line), 0);
    nmt_translator_free(translator);
    nmt_close(model);
}

/* In a locale with a decimal comma, numbers are read and written as ever. */
static void test_locale(void) {
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR"};
    bool found = false;
    for (size_t i = 0; i < COUNT(names) && !found; i++) found = setlocale(LC_ALL, names[i]);
    if (!found) SKIP("no locale with a decimal comma");
    nmt_error err;
    EXPECT_INT(train(NULL, NULL, 0, &err, "comma", NULL), NMT_OK);
    setlocale(LC_ALL, "C");
    char line[600];
    snprintf(line, sizeof line, "cmp -s '%s/run/model.gguf' '%s/comma/model.gguf'", folder, folder);
    EXPECT_INT(system(line), 0);
}

/* ---- Threads ---- */

enum { THREADS = 8, ROUNDS = 5 };

typedef struct Sharing {
    const nmt_model *model;
    const char *expected;
    bool ok;
} Sharing;

static void *share(void *argument) {
    Sharing *s = argument;
    nmt_translator *translator;
    const nmt_result *const *results;
    nmt_text texts[TEXTS];
    for (size_t i = 0; i < TEXTS; i++) texts[i] = text_of(sources[i]);
    s->ok = nmt_translator_new(&translator, s->model, NULL, NULL) == NMT_OK;
    for (int round = 0; round < ROUNDS && s->ok; round++) {
        Answer answer = {""};
        double score;
        s->ok = nmt_translate(translator, texts, TEXTS, &results, NULL) == NMT_OK &&
                nmt_measure(&score, NMT_BLEU, texts, texts, TEXTS, 1, NULL) == NMT_OK &&
                strcmp(nmt_info(s->model, "nmt.width"), "8") == 0;
        if (s->ok) put_results(&answer, results, TEXTS);
        s->ok = s->ok && strcmp(answer.text, s->expected) == 0;
    }
    nmt_translator_free(translator);
    return NULL;
}

static void test_threads_share_a_model(void) {
    nmt_model *model = open_model();
    nmt_translator *translator;
    const nmt_result *const *results;
    nmt_text texts[TEXTS];
    Answer expected = {""};
    pthread_t threads[THREADS];
    Sharing each[THREADS];
    for (size_t i = 0; i < TEXTS; i++) texts[i] = text_of(sources[i]);
    EXPECT_INT(nmt_translator_new(&translator, model, NULL, NULL), NMT_OK);
    EXPECT_INT(nmt_translate(translator, texts, TEXTS, &results, NULL), NMT_OK);
    put_results(&expected, results, TEXTS);
    nmt_translator_free(translator);
    for (int i = 0; i < THREADS; i++) {
        each[i] = (Sharing){model, expected.text, false};
        EXPECT_INT(pthread_create(&threads[i], NULL, share, &each[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        EXPECT(each[i].ok);
    }
    nmt_close(model);
}

static void *train_beside(void *argument) {
    nmt_error err;
    const nmt_status status = train(NULL, NULL, 0, &err, argument, NULL);
    return status == NMT_OK ? NULL : argument;
}

/* Two runs at a time; but one folder has one run at a time. */
static int intrude(void *context, const nmt_progress *p) {
    nmt_error err;
    if (p->message || *(int *)context) return 0;
    *(int *)context =
        train(NULL, NULL, 0, &err, "first", NULL) == NMT_FAILED && strstr(err.message, "lock: held by process");
    return 0;
}

static void test_runs_side_by_side(void) {
    pthread_t second;
    nmt_error err;
    void *failed;
    int refused = 0;
    char name[] = "second";
    EXPECT_INT(pthread_create(&second, NULL, train_beside, name), 0);
    EXPECT_INT(train(intrude, &refused, 0, &err, "first", NULL), NMT_OK);
    pthread_join(second, &failed);
    EXPECT(!failed && refused);
    char line[600];
    snprintf(line, sizeof line, "cmp -s '%s/first/model.gguf' '%s/second/model.gguf'", folder, folder);
    EXPECT_INT(system(line), 0);
}

/* ---- Bytes ---- */

/* Puts the checksum of the bytes into them, so that they are looked at any further. */
static void seal(unsigned char *bytes, size_t size) {
    static const char key[] = "nmt.checksum";
    unsigned char *at = memmem(bytes, size, key, sizeof key - 1);
    if (!at || (size_t)(bytes + size - at) < sizeof key - 1 + 12) return;
    at += sizeof key - 1 + 4;
    memset(at, 0, 8);
    Checksum sum;
    checksum_start(&sum);
    checksum_add(&sum, bytes, size);
    const uint64_t found = checksum_end(&sum);
    memcpy(at, &found, sizeof found);
}

/* Numbers that no training gives are refused, though the checksum is right. */
static void test_wrong_numbers(void) {
    static const char *const keys[] = {"training.confidence_bias", "training.confidence_slope"};
    static const double values[] = {NAN, INFINITY, -2e6};
    size_t size;
    unsigned char *bytes = read_model(&size);
    for (size_t i = 0; i < COUNT(keys) * COUNT(values); i++) {
        const char *key = keys[i / COUNT(values)];
        unsigned char *at = memmem(bytes, size, key, strlen(key));
        char message[100];
        double before;
        nmt_model *model;
        nmt_error err = {NMT_OK, ""};
        EXPECT(at != NULL);
        if (!at) break;
        at += strlen(key) + 4; /* behind the type of the value */
        memcpy(&before, at, sizeof before);
        memcpy(at, &values[i % COUNT(values)], sizeof before);
        seal(bytes, size);
        EXPECT_INT(nmt_open_memory(&model, bytes, size, NMT_HEADER, &err), NMT_FAILED);
        snprintf(message, sizeof message, "model: %s: expected a number from -1000000 to 1000000, found ", key);
        EXPECT_HAS(err.message, message);
        nmt_close(model);
        memcpy(at, &before, sizeof before);
    }
    free(bytes);
}

/* Models of any bytes open, or fail with a message; what opens translates. */
static void test_hostile_bytes(void) {
    size_t size;
    unsigned char *good = read_model(&size), *bytes = malloc(size + 16);
    const nmt_text text = text_of(sources[0]);
    uint32_t random = 1;
    int opened = 0;
    EXPECT(good && bytes && size > 1000);
    for (int i = 0; i < 600 && test_ok; i++) {
        nmt_model *model;
        nmt_translator *translator;
        const nmt_result *const *results;
        nmt_error err = {NMT_OK, ""};
        unsigned char *const at = bytes + i % 9; /* aligned, or not */
        size_t length = size;
        memcpy(at, good, size);
        if (i % 3 == 1) {
            random = random * 1664525 + 1013904223;
            length = random % size;
        } else if (i % 3 == 2) {
            random = random * 1664525 + 1013904223;
            const size_t where = i % 2 ? random % size : random % 2500;
            at[where] = (unsigned char)(at[where] ^ (1 << i % 8));
            if (i % 4 == 1) memset(at + where, 0xFF, size - where < 8 ? size - where : 8);
            seal(at, size);
        }
        const nmt_status status = nmt_open_memory(&model, at, length, NMT_HEADER, &err);
        if (status != NMT_OK && (model || status != NMT_FAILED || !*err.message))
            TEST_FAIL("round %d: expected a message, found status %d \"%s\"", i, status, err.message);
        if (status != NMT_OK && i % 3 == 0) TEST_FAIL("round %d: %s", i, err.message);
        if (status != NMT_OK) continue;
        opened++;
        if (nmt_translator_new(&translator, model, NULL, &err) == NMT_OK) {
            nmt_translate(translator, &text, 1, &results, &err);
            nmt_translator_free(translator);
        }
        nmt_close(model);
    }
    EXPECT(opened >= 200);
    free(bytes);
    free(good);
}

/* ---- Failing calls ---- */

/* What is done while calls fail: false when a call of the library said so, *status and *err then say why. Its answer is
 * the same each time, if it does not fail. */
typedef nmt_status Scenario(Answer *answer, nmt_error *err);

static nmt_status translate_all(Answer *answer, nmt_error *err) {
    nmt_model *model;
    nmt_translator *translator = NULL;
    const nmt_result *const *results;
    nmt_options o;
    nmt_score scores[TEXTS];
    nmt_text texts[TEXTS];
    for (size_t i = 0; i < TEXTS; i++) texts[i] = text_of(sources[i]);
    nmt_options_init(&o, sizeof o, NMT_HEADER);
    o.n_best = 2, o.alignment = 1, o.threads = 2, o.prefix = text_of("le");
    nmt_status status = nmt_open(&model, model_path, NMT_HEADER, err);
    if (status == NMT_OK) status = nmt_translator_new(&translator, model, &o, err);
    if (status == NMT_OK) status = nmt_score_pairs(translator, texts, texts, TEXTS, scores, err);
    if (status == NMT_OK) {
        status = nmt_translate(translator, texts, TEXTS, &results, err);
        if (status != NMT_OK) { /* it can be used again */
            const long fault = fail_at;
            fail_at = 0;
            EXPECT_INT(nmt_translate(translator, texts, TEXTS, &results, NULL), NMT_OK);
            fail_at = fault;
        }
        put_results(answer, results, TEXTS);
    }
    nmt_translator_free(translator);
    nmt_close(model);
    return status;
}

static unsigned char *model_bytes;
static size_t model_size;

static nmt_status open_bytes(Answer *answer, nmt_error *err) {
    nmt_model *model;
    const nmt_status status = nmt_open_memory(&model, model_bytes + 1, model_size, NMT_HEADER, err);
    if (status == NMT_OK) snprintf(answer->text, sizeof answer->text, "%s", nmt_info(model, "nmt.config"));
    nmt_close(model);
    return status;
}

static nmt_status measure_all(Answer *answer, nmt_error *err) {
    nmt_text texts[TEXTS];
    double score;
    for (size_t i = 0; i < TEXTS; i++) texts[i] = text_of(sources[i]);
    nmt_status status = nmt_measure(&score, NMT_BLEU, texts, texts, TEXTS, 1, err);
    if (status == NMT_OK) status = nmt_measure(&score, NMT_CHRFPP, texts, texts, TEXTS, 1, err);
    if (status == NMT_OK) snprintf(answer->text, sizeof answer->text, "%g", score);
    return status;
}

static nmt_status train_all(Answer *answer, nmt_error *err) {
    (void)answer;
    return train(watch, &(Seen){.nested = true}, 0, err, "swept", NULL);
}

/* Fails call after call. most: how many of them, evenly spread; all calls behind it fail, too, at a quarter of these.
 * With NMT_SWEEP=all in the environment: all of them, twice. */
static void sweep(const char *name, Scenario *scenario, long most) {
    Answer right = {""};
    nmt_error err = {NMT_OK, ""};
    calls = 0;
    fail_at = 0;
    held = 0;
    armed = true;
    nmt_status status = scenario(&right, &err);
    armed = false;
    const long count = calls;
    const char *all = getenv("NMT_SWEEP");
    const bool whole = all && strcmp(all, "all") == 0;
    const long stride = whole ? 1 : count / most + 1;
    if (status != NMT_OK) TEST_FAIL("%s: %s", name, err.message);
    if (held != 0) TEST_FAIL("%s: %ld things were not given back", name, (long)held);
    long failed = 0, runs = 0;
    for (int on = 0; on < 2; on++)
        for (long at = 1; at <= count && test_ok; at += on && !whole ? 4 * stride : stride) {
            Answer answer = {""};
            err = (nmt_error){NMT_OK, ""};
            calls = 0;
            held = 0;
            fail_at = at;
            forever = on;
            memory_failed = false;
            armed = true;
            status = scenario(&answer, &err);
            armed = false;
            runs++;
            failed += status != NMT_OK;
            if (held != 0)
                TEST_FAIL("%s, call %ld%s: %ld things were not given back", name, at, on ? "+" : "", (long)held);
            if (status != err.status || (status != NMT_OK && !*err.message))
                TEST_FAIL("%s, call %ld: expected a message of status %d, found %d \"%s\"", name, at, status,
                          err.status, err.message);
            if (status != NMT_OK && status != NMT_NO_MEMORY && (status != NMT_FAILED || memory_failed))
                TEST_FAIL("%s, call %ld%s: expected status %d, found %d \"%s\"", name, at, on ? "+" : "",
                          memory_failed ? NMT_NO_MEMORY : NMT_FAILED, status, err.message);
            if (status == NMT_OK && strcmp(answer.text, right.text) != 0)
                TEST_FAIL("%s, call %ld: expected \"%s\", found \"%s\"", name, at, right.text, answer.text);
        }
    fail_at = 0;
    forever = false;
    status = scenario(&(Answer){""}, &err);
    if (status != NMT_OK) TEST_FAIL("%s, afterwards: %s", name, err.message);
    if (all) printf("%s: %ld calls, %ld runs, %ld failed\n", name, count, runs, failed);
    if (failed == 0) TEST_FAIL("%s: expected calls that fail", name);
}

static void test_failing_calls(void) {
    unsigned char *bytes = read_model(&model_size);
    model_bytes = malloc(model_size + 1);
    memcpy(model_bytes + 1, bytes, model_size);
    sweep("translate", translate_all, 1000);
    sweep("bytes", open_bytes, 1000);
    sweep("measure", measure_all, 1000);
    free(model_bytes);
    free(bytes);
}

static void test_failing_training(void) { sweep("train", train_all, 60); }

/* ---- Programs ---- */

__attribute__((format(printf, 1, 2))) static int shell(const char *format, ...) {
    char line[2000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    return system(line);
}

/* The header alone, and the examples, which are programs of nothing else. */
static void test_header_alone(void) {
    static const char *const names[] = {"translate", "train"};
    const char *const strict = "-Wall -Wextra -pedantic -Werror -Isrc/decode -fsyntax-only";
    const bool plus = system("command -v c++ >/dev/null") == 0;
    for (size_t i = 0; i < COUNT(names); i++) {
        EXPECT_INT(shell("cc -x c -std=c11 %s src/decode/examples/%s.c", strict, names[i]), 0);
        if (plus) EXPECT_INT(shell("c++ -x c++ -std=c++17 %s src/decode/examples/%s.c", strict, names[i]), 0);
    }
    if (!plus) SKIP("no C++ compiler");
}

#define BUILD "cc -std=c11 -O1 -Isrc/decode src/decode/examples/%s.c build/release/internal.a -lm -pthread -o '%s/%s'"

static void test_examples(void) {
    const char *bin = getenv("NMT_BIN");
    if (bin && !strstr(bin, "/build/release/bin")) SKIP("the examples are run with the release build");
    EXPECT_INT(shell(BUILD, "train", folder, "train"), 0);
    EXPECT_INT(shell(BUILD, "translate", folder, "translate"), 0);
    EXPECT_INT(shell("'%s/train' '%s' run.dir='%s/example' | grep -q 'done: 4 steps'", folder, config, folder), 0);
    EXPECT_INT(shell("echo 'the cat sees' | '%s/translate' '%s' | grep -q '^-[0-9.]* .'", folder, model_path), 0);
    /* However long a line is, it is one text, which has two hypotheses at most. */
    EXPECT_INT(shell("yes 'the cat sees' | head -n 2000 | tr '\\n' ' ' | '%s/translate' '%s' | "
                     "awk 'END { exit (NR < 1 || NR > 2) }'",
                     folder, model_path),
               0);
}

int main(void) {
    RUN(make_world);
    RUN(test_translates);
    RUN(test_options);
    RUN(test_measures);
    RUN(test_trains);
    RUN(test_syncs);
    RUN(test_refuses);
    RUN(test_refuses_options);
    RUN(test_samples);
    RUN(test_options_grow);
    RUN(test_keeps_the_mode);
    RUN(test_locale);
    RUN(test_threads_share_a_model);
    RUN(test_runs_side_by_side);
    RUN(test_wrong_numbers);
    RUN(test_hostile_bytes);
    RUN(test_failing_calls);
    RUN(test_failing_training);
    RUN(test_header_alone);
    RUN(test_examples);
    RUN(remove_world);
    return test_finish();
}
