/* The training corpus from outside: several files, bad lines, standard input; the cache that is made of it, which is
 * kept, or made anew when it does not fit; and what --dry-run says. */
#include <dirent.h>

#include "base/checksum.h"
#include "base/ds.h"
#include "base/file_write.h"
#include "base/rng.h"
#include "command.h"
#include "data/cache.h"
#include "train/config.h"

static char home[PATH_MAX]; /* the project's folder */

/* What a file is: changes when it is written again. */
static uint64_t file_version(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0) return 0;
    return (uint64_t)info.st_ino * 31 + (uint64_t)info.st_mtim.tv_sec * 1000000007 + (uint64_t)info.st_mtim.tv_nsec;
}

/* A short run with these overrides; returns what it said on stderr (free it), or fails. */
#define QUICK(...)                                                                                                     \
    quick(ARGS("train", "tiny.ini", "train.max_steps=4", "valid.translate=0", "train.log_every=1", __VA_ARGS__), NULL)
static char *quick(const char *const *arguments, const CommandHow *how) {
    CommandRun run = command_run(arguments, how);
    if (run.code != 0) TEST_FAIL("expected exit code 0, found %d: %s", run.code, run.err);
    free(run.out);
    return run.err;
}

static bool same_files(const char *a, const char *b, const char *name) {
    char *x = file_join(a, name), *y = file_join(b, name);
    const bool same = same_bytes(x, y);
    free(x);
    free(y);
    return same;
}

/* A file of the folder that is being written, or was left there: its name, in a fresh string, or NULL. */
static char *unfinished(const char *folder) {
    char *name = NULL;
    DIR *entries = opendir(folder);
    for (struct dirent *entry; entries && !name && (entry = readdir(entries));)
        if (strstr(entry->d_name, ".tmp") || strstr(entry->d_name, "scratch")) name = memory_string(entry->d_name);
    if (entries) closedir(entries);
    return name;
}

static void expect_clean(const char *folder) {
    char *name = unfinished(folder);
    if (name) TEST_FAIL("%s is left in %s", name, folder);
    free(name);
}

/* ---- Reuse ---- */

static void test_kept(void) {
    free(QUICK("run.dir=kept"));
    copy_file("kept/model.gguf", "model.gguf");
    const uint64_t cache = file_version("kept/train.cache");
    EXPECT(cache != 0);
    free(QUICK("run.dir=kept", "--fresh")); /* the vocabulary comes from the cache */
    EXPECT(same_bytes("kept/model.gguf", "model.gguf"));
    free(QUICK("run.dir=kept", "train.max_steps=8"));
    free(QUICK("run.dir=kept", "--fresh", "train.seed=5", "train.threads=1", "model.width=32"));
    EXPECT(file_version("kept/train.cache") == cache);
    expect_clean("kept");
    unlink("kept/train.cache"); /* a run continues without it */
    free(QUICK("run.dir=kept", "train.max_steps=12", "train.seed=5", "model.width=32"));
    EXPECT(file_exists("kept/train.cache"));
}

/* A resumed run ends with the same bits, cache or not. */
static void test_resumed(void) {
    free(QUICK("run.dir=whole", "train.max_steps=8"));
    free(QUICK("run.dir=parts"));
    unlink("parts/train.cache");
    free(QUICK("run.dir=parts", "train.max_steps=8"));
    EXPECT(same_files("whole", "parts", "last.gguf"));
    EXPECT(same_files("whole", "parts", "train.cache"));
}

static void test_made_anew(void) {
    static const char *const overrides[] = {
        "text.vocab_size=290", "model.max_length=60", "text.lowercase=true",  "text.apostrophes=false",
        "text.spaces=false",   "text.nfc=false",      "text.invisible=false", "data.unique=true",
        "data.max_ratio=4",    "data.swap=true",
    };
    free(QUICK("run.dir=anew"));
    for (size_t i = 0; i < COUNT(overrides); i++) {
        const uint64_t before = file_version("anew/train.cache");
        free(QUICK("run.dir=anew", "--fresh", overrides[i]));
        if (file_version("anew/train.cache") == before) TEST_FAIL("%s: the cache is the old one", overrides[i]);
    }
}

/* Another text of the same size and time is found out, with last.gguf there or not. */
static void test_changed_text(void) {
    size_t size;
    struct stat info;
    char *text = read_bytes("train.tsv", &size);
    write_bytes("text.tsv", text, size);
    CHECK(stat("text.tsv", &info) == 0, "stat");
    free(QUICK("run.dir=changed", "data.train=text.tsv"));
    copy_file("changed/train.cache", "old.cache");
    const uint64_t before = file_version("changed/train.cache");
    text[4] = 'x';
    write_bytes("text.tsv", text, size);
    CHECK(utimensat(AT_FDCWD, "text.tsv", (struct timespec[2]){info.st_atim, info.st_mtim}, 0) == 0, "utimensat");
    command_gives(1, ARGS("train", "tiny.ini", "run.dir=changed", "data.train=text.tsv"), NULL);
    EXPECT(file_version("changed/train.cache") == before); /* that of the run that was refused is kept */
    free(QUICK("run.dir=changed", "data.train=text.tsv", "--fresh"));
    EXPECT(!same_bytes("changed/train.cache", "old.cache"));
    free(text);
}

/* ---- Damage ---- */

/* However it is damaged, it is made again, and the run is the same. */
static void test_damaged(void) {
    free(QUICK("run.dir=good"));
    size_t size;
    char *bytes = read_bytes("good/train.cache", &size);
    CHECK(bytes && mkdir("hurt", 0777) == 0, "a cache to damage");
    for (size_t i = 0; i < 12; i++) { /* cut short */
        write_bytes("hurt/train.cache", bytes, size * i / 12);
        free(QUICK("run.dir=hurt", "--fresh"));
        EXPECT(same_files("good", "hurt", "train.cache"));
    }
    for (size_t i = 0; i < 12; i++) { /* a bit flipped; the last ones in the closing part */
        const size_t at = i < 6 ? size * i / 6 : size - 1 - (i - 6) * 37;
        bytes[at] ^= (char)(1 << i % 8);
        write_bytes("hurt/train.cache", bytes, size);
        bytes[at] ^= (char)(1 << i % 8);
        free(QUICK("run.dir=hurt", "--fresh"));
        if (!same_files("good", "hurt", "train.cache")) TEST_FAIL("byte %zu of %zu: not made again", at, size);
    }
    EXPECT(same_files("good", "hurt", "model.gguf"));
    free(bytes);
    unlink("hurt/train.cache");
    CHECK(mkdir("hurt/train.cache", 0777) == 0, "mkdir");
    CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=hurt", "--fresh"), NULL);
    EXPECT_INT(run.code, 1);
    EXPECT_HAS(run.err, "hurt/train.cache: cannot write: it is a folder");
    command_free(&run);
}

/* A cache with more parts than the list of files has, and a right checksum, is made anew. */
static void test_too_many_parts(void) {
    enum { PARTS = 300 };
    free(QUICK("run.dir=parts"));
    size_t size, size_again;
    char *bytes = read_bytes("parts/train.cache", &size);
    const size_t end_size = 8 * sizeof(uint64_t) + sizeof(CorpusReport), end = size - end_size;
    uint64_t parts[PARTS] = {0}, merges, checksum; /* the first part has all pairs */
    const size_t more = sizeof parts;
    memcpy(parts, bytes + end + 4 * sizeof *parts, sizeof *parts);
    memcpy(&merges, bytes + end + 5 * sizeof merges, sizeof merges);
    char *forged = memory_new(size + more, 1);
    memcpy(forged, bytes, end);
    memcpy(forged + end, parts, more);
    memcpy(forged + end + more, bytes + end, end_size);
    Checksum sum;
    checksum_start(&sum);
    checksum_add(&sum, forged + end - 8 * merges, 8 * merges + more + end_size - sizeof checksum);
    checksum = checksum_end(&sum);
    memcpy(forged + size + more - sizeof checksum, &checksum, sizeof checksum);
    write_bytes("parts/train.cache", forged, size + more);
    free(QUICK("run.dir=parts", "--fresh"));
    char *again = read_bytes("parts/train.cache", &size_again);
    EXPECT(size_again == size && memcmp(again, bytes, size) == 0);
    free(bytes);
    free(forged);
    free(again);
}

/* With a small weight, an epoch has one step or three; a run continues all the same. */
static void test_short_epochs(void) {
    FILE *file = fopen("uneven.tsv", "w");
    CHECK(file, "a file");
    for (int i = 0; i < 300; i++)
        for (int side = 0; side < 2; side++)
            for (int times = i % 100 / 10 == 6 ? 4 : 1; times > 0; times--)
                fprintf(file, "the cat sat%s", times > 1 ? " " : side ? "\n" : "\t");
    fclose(file);
    for (int step = 28; step < 33 && test_ok; step++) {
        char steps[40];
        snprintf(steps, sizeof steps, "train.max_steps=%d", step);
        free(quick(ARGS("train", "tiny.ini", "data.train=uneven.tsv*0.01", "train.batch_tokens=13",
                        "train.schedule=constant", "train.max_epochs=0", "valid.every_steps=1000", "valid.translate=0",
                        "run.dir=uneven", steps),
                   NULL));
    }
}

/* Every byte of a small cache flipped; and contents that lie, with right checksums. */
static void test_hostile(void) {
    Error err;
    write_text("few.tsv", "a cat\tun chat\na dog\tun chien\na cat\tle chat\n");
    const CorpusRules rules = {.max_length = 50};
    CorpusReader *reader = corpus_open("few.tsv", NULL, rules, &err);
    Pool *pool = pool_create(1, &err);
    const uint32_t merges[] = {'c' + 2, 'a' + 2, 258, 't' + 2};
    Tokenizer *tokenizer = tokenizer_create(merges, 2, (Normalisation){0}, &err), *own = NULL;
    PairSet made;
    FileWriter *file = cache_write("few.cache", ".", 7, reader, tokenizer, rules, pool, &made, &err);
    PairSet pairs;
    CHECK(file && file_commit(file, &err), err.text);
    EXPECT(cache_open(&pairs, "few.cache", 7, 0, &own, 260, rules));
    EXPECT_INT(pairs.count, 3);
    EXPECT(pairs.checksum == made.checksum);
    EXPECT_INT(pairs.longest_target, 10);
    EXPECT(own && tokenizer_vocab_size(own) == 260);
    const size_t tokens = pairs.start[6], starts = (tokens + 3) / 4 * 8, end = starts + 7 * 8 + 16;
    pairs_free(&pairs);
    tokenizer_free(own);
    own = NULL;
    EXPECT(!cache_open(&pairs, "few.cache", 8, 0, &tokenizer, 260, rules)); /* another key */
    EXPECT(!cache_open(&pairs, "few.cache", 7, 0, &tokenizer, 260,
                       (CorpusRules){.max_length = 9}));                    /* a pair that is too long */
    EXPECT(!cache_open(&pairs, "few.cache", 7, 0, &tokenizer, 259, rules)); /* a merge too many */
    EXPECT(!cache_open(&pairs, "few.cache", 7, 0, &own, 258, rules));
    EXPECT(!own);
    Tokenizer *other = tokenizer_create(merges, 1, (Normalisation){0}, &err);
    EXPECT(!cache_open(&pairs, "few.cache", 7, 0, &other, 260, rules));
    EXPECT(cache_open(&pairs, "few.cache", 7, 0, &tokenizer, 260, rules));
    pairs_free(&pairs);

    size_t size;
    unsigned char *bytes = (unsigned char *)read_bytes("few.cache", &size);
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= 0x10;
        write_bytes("few.cache", bytes, size);
        bytes[i] ^= 0x10;
        /* Except the zeros between tokens and starts, which nobody reads. */
        if (cache_open(&pairs, "few.cache", 7, 0, &tokenizer, 260, rules)) {
            if (i < 2 * tokens || i >= starts) TEST_FAIL("byte %zu of %zu: not found out", i, size);
            pairs_free(&pairs);
        }
    }
    const struct {
        int what; /* 0: a token; 1: a start; 2: a merge; 3: a number of the closing part */
        size_t index;
        uint64_t value;
    } lies[] = {
        {0, 2, 260},
        {0, 0, TOKEN_END}, /* within a sentence */
        {0, 1, TOKEN_BEGIN},
        {0, tokens - 2, TOKEN_END},
        {0, tokens - 2, TOKEN_BEGIN},
        {0, tokens - 1, TOKEN_BEGIN}, /* no end */
        {0, tokens - 1, 'x' + 2},
        {1, 1, 3}, /* the first sentence ends earlier, the second begins earlier */
        {0, 0, 65535},
        {1, 0, 1},
        {1, 1, 0},
        {1, 1, 1u << 30},
        {1, 3, UINT64_MAX},
        {1, 6, 100000},
        {1, 6, 1},
        {2, 0, 0},
        {2, 1, 300},
        {2, 3, UINT32_MAX},
        {3, 1, 99},
        {3, 3, 0},
        {3, 3, 100000},
        {3, 4, 1000},
        {3, 4, UINT64_MAX},
        {3, 4, 0},
        {3, 4, 1ull << 60},
        {3, 5, 1},
        {3, 5, 65000},
        {3, 5, UINT64_MAX / 4},
        {1, 6, tokens + 2},
        {3, 3, tokens + (1ull << 63)},
        {3, 4, 3 + (1ull << 60)},
        {3, 5, 2 + (1ull << 61)},
    };
    for (size_t i = 0; i < COUNT(lies); i++) {
        unsigned char *lie = memory_new(size, 1);
        memcpy(lie, bytes, size);
        const size_t wide[] = {2, 8, 4, 8}, where[] = {0, starts, starts + 56, end};
        memcpy(lie + where[lies[i].what] + lies[i].index * wide[lies[i].what], &lies[i].value, wide[lies[i].what]);
        Checksum sum;
        uint64_t number;
        checksum_start(&sum);
        checksum_add(&sum, lie, 2 * tokens);
        checksum_add(&sum, lie + starts, 56);
        number = checksum_end(&sum);
        memcpy(lie + end + 48, &number, 8);
        checksum_start(&sum);
        checksum_add(&sum, lie + starts + 56, size - 8 - (starts + 56));
        number = checksum_end(&sum);
        memcpy(lie + size - 8, &number, 8);
        write_bytes("few.cache", lie, size);
        own = NULL;
        if (cache_open(&pairs, "few.cache", 7, 0, &own, 260, rules)) {
            TEST_FAIL("lie %zu: not found out", i);
            pairs_free(&pairs);
            tokenizer_free(own);
        }
        free(lie);
    }
    write_bytes("few.cache", bytes, size); /* and the truth again */
    EXPECT(cache_open(&pairs, "few.cache", 7, 0, &tokenizer, 260, rules));
    pairs_free(&pairs);
    free(bytes);
    tokenizer_free(other);
    tokenizer_free(tokenizer);
    pool_free(pool);
    corpus_close(reader);
}

static void write_many(const char *path, size_t lines) {
    FILE *file = fopen(path, "w");
    CHECK(file, "a file");
    for (size_t i = 0; i < lines; i++)
        fprintf(file, "the %zu cats and %zu dogs\tles %zu chats et %zu chiens\n", i % 97, i, i % 97, i);
    CHECK(fclose(file) == 0, "a file");
}

/* Ended at any moment of the making, the next start makes it, and nothing is left lying about. */
static void test_killed(void) {
    static const int numbers[] = {SIGKILL, SIGINT, SIGTERM};
    write_many("many.tsv", 40000);
    free(QUICK("run.dir=unhurt", "data.train=many.tsv"));
    RngSite site = {(uint64_t)time(NULL), 0, 0};
    for (size_t i = 0; i < 9; i++) {
        CommandRun run = command_start(
            ARGS("train", "tiny.ini", "run.dir=killed", "data.train=many.tsv", "train.max_steps=1000000"), NULL);
        if (i % 3 == 0) { /* in the middle of writing */
            char *name = NULL;
            for (int ms = 0; ms < 10000 && !(name = unfinished("killed")); ms++) sleep_ms(1);
            EXPECT(name);
            free(name);
        }
        sleep_ms((long)(rng_bits(site, i) % 100));
        kill(run.pid, numbers[i % 3]);
        command_wait(&run);
        if (run.code != 1000 + numbers[i % 3] && run.code != 130)
            TEST_FAIL("round %zu: ended with %d: %s", i, run.code, run.err);
        command_free(&run);
        if (i % 2) unlink("killed/train.cache");
    }
    free(QUICK("run.dir=killed", "data.train=many.tsv", "--fresh"));
    expect_clean("killed");
    EXPECT(same_files("unhurt", "killed", "train.cache"));
    EXPECT(same_files("unhurt", "killed", "last.gguf"));
}

/* ---- Where the text comes from ---- */

/* Cuts train.tsv into all.en and all.fr, and into half1.tsv, half.en and half.fr. */
static void cut_corpus(void) {
    size_t size, line = 0;
    char *text = read_bytes("train.tsv", &size);
    FILE *en = fopen("all.en", "w"), *fr = fopen("all.fr", "w"), *tsv = fopen("half1.tsv", "w");
    FILE *half_en = fopen("half.en", "w"), *half_fr = fopen("half.fr", "w");
    CHECK(en && fr && tsv && half_en && half_fr, "files");
    for (char *at = strtok(text, "\n"); at; at = strtok(NULL, "\n"), line++) {
        const int tab = (int)strcspn(at, "\t");
        fprintf(en, "%.*s\n", tab, at);
        fprintf(fr, "%s\n", at + tab + 1);
        if (line < 100) {
            fprintf(tsv, "%s\n", at);
        } else {
            fprintf(half_en, "%.*s\n", tab, at);
            fprintf(half_fr, "%s\n", at + tab + 1);
        }
    }
    fclose(en), fclose(fr), fclose(tsv), fclose(half_en), fclose(half_fr);
    free(text);
}

/* The log without its figures of time. */
static char *losses_of(const char *folder) {
    char *path = file_join(folder, "log.jsonl"), *out;
    size_t size;
    char *log = read_bytes(path, &size);
    out = log ? log : memory_string("no log");
    for (char *at = out; (at = strstr(at, "\"tokens_per_second\":"));)
        for (at += 20; *at >= '0' && *at <= '9'; at++) *at = '#';
    char *to = out;
    for (char *at = out; *at; at++)
        if (*at != '#') *to++ = *at;
    *to = 0;
    free(path);
    return out;
}

static void test_sources(void) {
    static const char *const lists[][2] = {
        {"all.en+all.fr", NULL},
        {"half1.tsv half.en+half.fr", NULL},
        {"-", "train.tsv"},
        {"half1.tsv -", "half2.tsv"},
    };
    size_t size, half;
    cut_corpus();
    char *all = read_bytes("train.tsv", &size), *first = read_bytes("half1.tsv", &half);
    write_bytes("half2.tsv", all + half, size - half);
    free(QUICK("run.dir=tsv"));
    char *expected = losses_of("tsv");
    for (size_t i = 0; i < COUNT(lists); i++) {
        char list[64];
        snprintf(list, sizeof list, "data.train=%s", lists[i][0]);
        for (int again = 0; again < 2; again++) { /* the second time continues, and has nothing left to do */
            free(quick(ARGS("train", "tiny.ini", "train.max_steps=4", "valid.translate=0", "train.log_every=1", list,
                            "run.dir=other"),
                       &(CommandHow){.input_path = lists[i][1]}));
            char *found = losses_of("other");
            EXPECT_STR(found, expected);
            free(found);
            expect_clean("other");
        }
        remove_folder("other");
    }
    /* The other direction, one way and the other. */
    free(QUICK("run.dir=back1", "data.train=all.fr+all.en", "data.valid=half.fr+half.en"));
    free(QUICK("run.dir=back2", "data.swap=true", "data.valid=half.en+half.fr"));
    char *back1 = losses_of("back1"), *back2 = losses_of("back2");
    EXPECT_STR(back1, back2);
    EXPECT(strcmp(back1, expected) != 0);
    free(back1), free(back2), free(expected), free(all), free(first);
}

/* A file that grows after its lines were counted. More than a pipe holds is written to standard input first: when all
 * of that is written, the command reads it, and so has counted the lines of the file before it in the list. */
static void test_grows(void) {
    enum { LINE = 1000, LINES = 300 };
    int in[2];
    char line[LINE + 16];
    write_text("grows.tsv", "the cat\tle chat\n");
    CHECK(pipe2(in, O_CLOEXEC) == 0 && fcntl(in[1], F_SETPIPE_SZ, 4096) > 0, "a small pipe");
    CommandRun run =
        command_start(ARGS("train", "tiny.ini", "run.dir=grows", "data.train=grows.tsv -", "data.unique=true"),
                      &(CommandHow){.input_pipe = in[0]});
    close(in[0]);
    for (int i = 0; i < LINES; i++) {
        snprintf(line, sizeof line, "%d\t%0*d\n", 100 + i, LINE - 5, i);
        EXPECT_INT(write(in[1], line, LINE), LINE);
    }
    FILE *file = fopen("grows.tsv", "a");
    CHECK(file, "a file");
    for (int i = 0; i < 2000; i++) fprintf(file, "%d cats\t%d chats\n", i, i);
    CHECK(fclose(file) == 0, "a file");
    close(in[1]);
    command_wait(&run);
    EXPECT_INT(run.code, 1);
    EXPECT_STR(run.err, "train: grows.tsv: expected it to stay as it was, but it changed since it was first read\n");
    command_free(&run);
}

/* What comes after the two columns that training uses changes nothing; nor do empty columns in validation. */
static void test_unused_columns(void) {
    static const char *const more[] = {"\t", "\t\t \t", "\tCC-BY\xFF\tx", "\t\xC2\xA0"};
    size_t size;
    char *text = read_bytes("train.tsv", &size);
    for (size_t i = 0; i < COUNT(more); i++) {
        FILE *file = fopen("wide.tsv", "w");
        CHECK(file, "a file");
        for (size_t at = 0, line = 0; at < size; at += strcspn(text + at, "\n") + 1, line++)
            fprintf(file, "%.*s%s\n", (int)strcspn(text + at, "\n"), text + at, line % (i + 1) ? "" : more[i]);
        CHECK(fclose(file) == 0, "a file");
        const char *valid = i == 2 ? "data.valid=train.tsv" : "data.valid=wide.tsv";
        char *narrow = QUICK("run.dir=narrow", "data.train=train.tsv", "data.valid=train.tsv", "valid.translate=8");
        char *wide = QUICK("run.dir=wide", "data.train=wide.tsv", valid, "valid.translate=8");
        EXPECT(!strstr(wide, "left out"));
        char *expected = losses_of("narrow"), *found = losses_of("wide");
        EXPECT_STR(found, expected);
        remove_folder("narrow"), remove_folder("wide");
        free(narrow), free(wide), free(expected), free(found);
    }
    free(text);
}

/* Every kind of bad line is reported with its number and its first place, in training and validation, on every start;
 * and the rest is what a clean file gives. */
static void test_flaws_are_told(void) {
    size_t size;
    char *text = read_bytes("train.tsv", &size);
    FILE *file = fopen("dirty.tsv", "w");
    CHECK(file, "a file");
    fprintf(file, "no tab\n\ta\n%snot \xFF\tutf-8\nb\t\nanother\n", text);
    fprintf(file, "%.*s", (int)strcspn(text, "\n") + 1, text);
    for (int i = 0; i < 80; i++) fputs("word ", file);
    fputs("\tword\na b c d e f g h i j k l m n o\tX\n", file);
    CHECK(fclose(file) == 0, "a file");
    /* And what is left out changes nothing. */
    free(QUICK("run.dir=clean", "data.unique=true", "data.max_ratio=3"));
    free(QUICK("run.dir=soiled", "data.unique=true", "data.max_ratio=3", "data.train=dirty.tsv"));
    char *expected = losses_of("clean"), *found = losses_of("soiled");
    EXPECT_STR(found, expected);
    free(found);
    for (int again = 0; again < 2; again++) {
        char *told = QUICK("run.dir=dirty", "data.train=dirty.tsv", "data.valid=dirty.tsv", "data.unique=true",
                           "data.max_ratio=3");
        EXPECT_HAS(told, "data.train: left out 2 lines without a TAB, first dirty.tsv:1\n");
        EXPECT_HAS(told, "data.train: left out 2 lines without text on a side, first dirty.tsv:2\n");
        EXPECT_HAS(told, "data.train: left out 1 line with bytes that are not UTF-8, first dirty.tsv:203\n");
        EXPECT_HAS(told, "data.train: left out 1 line that came before (data.unique), first dirty.tsv:206\n");
        EXPECT_HAS(told, "data.train: left out 1 line longer than model.max_length, first dirty.tsv:207\n");
        EXPECT_HAS(told, "data.train: left out 1 line with sides of too different length (data.max_ratio), first "
                         "dirty.tsv:208\n");
        EXPECT_HAS(told, "data.valid: left out 2 lines without a TAB, first dirty.tsv:1\n");
        EXPECT(!strstr(told, "data.valid: left out 1 line that came before"));
        free(told);
    }
    free(expected);
    free(text);
}

/* ---- The dry run ---- */

static void test_dry_run(void) {
    CommandRun run = command_run(ARGS("train", "tiny.ini", "run.dir=dry", "--dry-run"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_STR(run.err, "");
    EXPECT_HAS(run.out, "data.train: 200 pairs from 200 lines\n");
    EXPECT_HAS(run.out, "data.valid: 8 pairs from 8 lines\n");
    EXPECT_HAS(run.out, "source: ");
    EXPECT_HAS(run.out, "vocabulary: 300 tokens; model: 10,");
    EXPECT_HAS(run.out, "steps: 200 to go");
    EXPECT_HAS(run.out, "of 10 validations\n");
    EXPECT_HAS(run.out, "memory: about ");
    command_free(&run);
    size_t files = 0;
    DIR *entries = opendir("dry");
    for (struct dirent *entry; entries && (entry = readdir(entries));) files += entry->d_name[0] != '.';
    if (entries) closedir(entries);
    EXPECT_INT(files, 1);
    const uint64_t cache = file_version("dry/train.cache");
    free(QUICK("run.dir=dry"));
    EXPECT(cache && file_version("dry/train.cache") == cache);
    const uint64_t state = folder_state("dry");
    run = command_run(ARGS("train", "tiny.ini", "run.dir=dry", "--dry-run"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_HAS(run.out, "steps: 196 to go");
    command_free(&run);
    EXPECT(folder_state("dry") == state);
    free(QUICK("run.dir=dry2"));
    EXPECT(same_files("dry", "dry2", "last.gguf"));
    run = command_run(ARGS("train", "tiny.ini", "run.dir=dry", "--dry-run"), &(CommandHow){.output_path = "/dev/full"});
    EXPECT_INT(run.code, 1);
    EXPECT_HAS(run.err, "standard output: cannot write: No space left");
    command_free(&run);
    FILE *file = fopen("steps.tsv", "w");
    CHECK(file, "a file");
    for (int length = 1; length <= 100;
         length++) { /* of single letters, which are tokens; a space and </s> are two more */
        for (int i = 0; i < 2 * length + 1; i++) fputc(i == length ? '\t' : i < length ? 'a' : 'b', file);
        fputc('\n', file);
    }
    fclose(file);
    run = command_run(ARGS("train", "tiny.ini", "run.dir=steps", "data.train=steps.tsv", "text.vocab_size=258",
                           "model.max_length=200", "train.max_steps=100", "valid.every_steps=30", "--dry-run"),
                      NULL);
    EXPECT_HAS(run.out, "source: 5,250 tokens, ends of sentences included; in a sentence 3 to 102, 52.5 on average, at "
                        "most 52 in half of them, 92 in 90%, 101 in 99%\n");
    EXPECT_HAS(run.out, " of 4 validations\n");
    command_free(&run);
    write_text("one.tsv", "the red cat\tle chat rouge\n");
    run = command_run(ARGS("train", "tiny.ini", "run.dir=dry3", "data.valid=one.tsv", "--dry-run"), NULL);
    EXPECT_HAS(run.out, "data.valid: 1 pair from 1 line\n");
    command_free(&run);
}

/* ---- Configs and scripts ---- */

/* Every key is in configs/tiny.ini, once, and in nothing else there. */
static void test_tiny_config(void) {
    size_t size, lines = 0;
    char *path = file_join(home, "configs/tiny.ini"), *text = read_bytes(path, &size), section[32] = "";
    CHECK(text, "the config is there");
    Field *fields = config_fields();
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        if (strlen(line) > 120) TEST_FAIL("%s: a line of %zu characters", path, strlen(line));
        if (*line == '[') snprintf(section, sizeof section, "%.*s", (int)strcspn(line + 1, "]"), line + 1);
        if (*line < 'a' || *line > 'z') continue;
        char *key = memory_format("%s.%.*s", section, (int)strcspn(line, " ="), line);
        if (!fields_find(fields, key)) TEST_FAIL("%s: %s", path, key);
        free(key);
        lines++;
    }
    size_t keys = 0;
    while (fields[keys].key) keys++;
    EXPECT_INT(lines, keys); /* none is there twice: the run of this test has read it */
    free(fields);
    free(text);
    free(path);
}

/* configs/template.ini is what --keys prints: every key, with its help and default. */
static void test_template(void) {
    Error err = {"no error"};
    Config template, plain;
    /* A run that does without them can be continued by a program that does not know them. */
    static const char *const younger[] = {"pieces", "rdrop", "optimiser", "init"};
    size_t size;
    char *path = file_join(home, "configs/template.ini"), *text = read_bytes(path, &size);
    CommandRun keys = command_run(ARGS("train", "--keys"), NULL);
    EXPECT_INT(keys.code, 0);
    EXPECT_STR(keys.out, text);
    for (const char *line = keys.out; *line; line += strcspn(line, "\n") + 1) EXPECT(strcspn(line, "\n") <= 120);
    EXPECT_HAS(
        keys.out,
        "\nbeam = 4           # how many drafts the search keeps at each step; 1: only the best, which is greedy "
        "search [1 to 64]\n");
    write_text("plain.ini", "[data]\ntrain = a\nvalid = b\n[train]\nmax_epochs = 10\n[run]\ndir = c\n");
    char given[3][16] = {"data.train=a", "data.valid=b", "run.dir=c"}, *overrides[] = {given[0], given[1], given[2]};
    EXPECT(config_read(&template, path, NULL, 0, &err)); /* as it is */
    config_free(&template);
    EXPECT(config_read(&template, path, overrides, 3, &err));
    EXPECT(config_read(&plain, "plain.ini", NULL, 0, &err));
    char *a = config_text(&template), *b = config_text(&plain);
    EXPECT_STR(a, b);
    for (size_t i = 0; i < COUNT(younger); i++) EXPECT(!strstr(a, younger[i]));
    EXPECT(template.threads == plain.threads && template.log_every == plain.log_every);
    free(a), free(b), free(path), free(text);
    config_free(&template);
    config_free(&plain);
    command_free(&keys);
}

/* sh scripts/get-data.sh NAME --from FOLDER, to the folder `got`; returns its exit code. */
static int get_data(const char *name, const char *from) {
    char *command =
        memory_format("NMT_DATA=got sh '%s/scripts/get-data.sh' %s --from '%s' >told 2>&1", home, name, from);
    const int status = system(command);
    free(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect_told(const char *part) {
    size_t size;
    char *told = read_bytes("told", &size);
    EXPECT_HAS(told ? told : "", part);
    free(told);
}

static void test_get_data_refuses(void) {
    CHECK(mkdir("copies", 0777) == 0, "mkdir");
    EXPECT_INT(get_data("multi31k", "copies"), 2);
    EXPECT_INT(get_data("tatoeba", "copies"), 1);
    expect_told("get-data: copies/train.tsv: no such file\n");
    static const char *const names[] = {"copies/train.tsv", "copies/valid.tsv", "copies/test.tsv"};
    for (size_t i = 0; i < 3; i++) write_text(names[i], "a\tb\n");
    EXPECT_INT(get_data("tatoeba", "copies"), 1);
    expect_told("the files differ from those whose SHA-256 sums are in this script\n");
    EXPECT(!file_exists("got/tatoeba"));
}

static void test_get_data(void) {
    static const char *const names[] = {"multi30k", "tatoeba"};
    static const char *const files[] = {"train.fr", "train.tsv"};
    const char *copies = getenv("NMT_COPIES"); /* its folders multi30k and tatoeba */
    int found = 0;
    for (int i = 0; i < 2; i++) {
        char from[PATH_MAX + 16], path[PATH_MAX + 32], to[64];
        snprintf(from, sizeof from, "%s%s/%s", copies ? copies : home, copies ? "" : "/data", names[i]);
        snprintf(path, sizeof path, "%s/%s", from, files[i]);
        snprintf(to, sizeof to, "got/%s/%s", names[i], files[i]);
        if (!file_exists(path)) continue;
        found++;
        EXPECT_INT(get_data(names[i], from), 0);
        expect_told("SHA-256 sums verified\n");
        EXPECT(same_bytes(path, to));
    }
    if (!found) SKIP("no copies of multi30k and tatoeba in data/ (or NMT_COPIES)");
}

int main(void) {
    CHECK(getcwd(home, sizeof home), "a working folder");
    world_enter();
    RUN(test_kept);
    RUN(test_resumed);
    RUN(test_made_anew);
    RUN(test_changed_text);
    RUN(test_damaged);
    RUN(test_hostile);
    RUN(test_too_many_parts);
    RUN(test_short_epochs);
    RUN(test_killed);
    RUN(test_sources);
    RUN(test_grows);
    RUN(test_unused_columns);
    RUN(test_flaws_are_told);
    RUN(test_dry_run);
    RUN(test_tiny_config);
    RUN(test_template);
    RUN(test_get_data_refuses);
    RUN(test_get_data);
    world_leave();
    return test_finish();
}
