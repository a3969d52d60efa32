/* Files: what is written is read back, and whatever goes wrong leaves the old file as it was. */
#include "base/file.h"
#include "base/file_write.h"
#include "base/lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "testlib.h"

static char folder[200]; /* of this run's files */

static const char *place(const char *name) {
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* How many files the folder holds. */
static size_t files_here(void) {
    size_t count = 0;
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir && (entry = readdir(dir));) count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static bool write_text(const char *path, const char *text, Error *err) {
    FileWriter *writer = file_create(path, err);
    if (!writer) return false;
    file_write(writer, text, strlen(text));
    return file_commit(writer, err);
}

static void expect_text(const char *path, const char *text) {
    FileMap map;
    Error err = {"fine"};
    EXPECT(file_map(&map, path, &err));
    EXPECT_STR(err.text, "fine");
    EXPECT_INT(map.size, strlen(text));
    EXPECT(map.data && map.size == strlen(text) && memcmp(map.data, text, map.size) == 0);
    file_unmap(&map);
}

static void test_write_and_map(void) {
    Error err;
    EXPECT(!file_exists(place("a")));
    EXPECT(write_text(place("a"), "first", &err));
    EXPECT(file_exists(place("a")));
    expect_text(place("a"), "first");
    EXPECT(write_text(place("a"), "the second", &err));
    expect_text(place("a"), "the second");
    EXPECT_INT(files_here(), 1);
    unlink(place("a"));
}

static void test_nothing_to_write(void) {
    Error err;
    EXPECT(write_text(place("empty"), "", &err));
    expect_text(place("empty"), "");
    unlink(place("empty"));
}

/* Pieces of every size around that of the buffer. */
static void test_large_pieces(void) {
    enum { TOTAL = 1 << 20 };
    unsigned char *data = memory_new(TOTAL, 1);
    for (size_t i = 0; i < TOTAL; i++) data[i] = (unsigned char)(i * 31 + i / 251);
    Error err;
    FileWriter *writer = file_create(place("large"), &err);
    size_t done = 0;
    for (size_t piece = 1; done < TOTAL; piece = piece * 3 % 200003) {
        size_t size = piece < TOTAL - done ? piece : TOTAL - done;
        file_write(writer, data + done, size);
        done += size;
    }
    EXPECT(file_commit(writer, &err));
    FileMap map;
    EXPECT(file_map(&map, place("large"), &err));
    EXPECT_INT(map.size, TOTAL);
    EXPECT(map.size == TOTAL && memcmp(map.data, data, TOTAL) == 0);
    file_unmap(&map);
    unlink(place("large"));
    free(data);
}

/* Until the commit, and after a cancel, the old file is there. */
static void test_old_file_until_commit(void) {
    Error err;
    EXPECT(write_text(place("a"), "old", &err));
    FileWriter *writer = file_create(place("a"), &err);
    file_write(writer, "new", 3);
    expect_text(place("a"), "old");
    EXPECT_INT(files_here(), 2);
    file_cancel(writer);
    file_cancel(NULL);
    expect_text(place("a"), "old");
    EXPECT_INT(files_here(), 1);
    unlink(place("a"));
}

/* A map keeps the bytes of the file it was made of. */
static void test_replaced_while_mapped(void) {
    Error err;
    FileMap map;
    EXPECT(write_text(place("a"), "old", &err));
    EXPECT(file_map(&map, place("a"), &err));
    EXPECT(write_text(place("a"), "", &err));
    EXPECT_INT(map.size, 3);
    EXPECT(memcmp(map.data, "old", 3) == 0);
    file_unmap(&map);
    unlink(place("a"));
}

/* A copy keeps what the file was, though its bytes are written over and cut off. */
static void test_read_is_a_copy(void) {
    Error err;
    FileMap copy;
    const char *path = place("copied");
    EXPECT(write_text(path, "before", &err));
    EXPECT(file_read(&copy, path, 1 << 20, &err));
    FILE *file = fopen(path, "w");
    EXPECT(file && fputs("x", file) >= 0 && fclose(file) == 0);
    EXPECT_INT(copy.size, 6);
    EXPECT(memcmp(copy.data, "before", 6) == 0);
    file_unmap(&copy);
    EXPECT(!file_read(&copy, place("not there"), 1 << 20, &err));
    EXPECT_HAS(err.text, "not there");
    remove(place("copied"));
}

static void test_stale_temporary_file(void) {
    Error err;
    char stale[400];
    snprintf(stale, sizeof stale, "%s.tmp.%ld", place("a"), (long)getpid());
    FILE *left = fopen(stale, "w");
    fputs("much longer than what comes now", left);
    fclose(left);
    EXPECT(write_text(place("a"), "new", &err));
    expect_text(place("a"), "new");
    EXPECT_INT(files_here(), 1);
    unlink(place("a"));

    /* Those of a process that is no more go, and only those. */
    const pid_t child = fork();
    if (child == 0) _exit(0);
    waitpid(child, NULL, 0);
    const struct {
        const char *name;
        long process;
        bool stays;
    } rows[] = {{"a.tmp.%ld", child, false},
                {"a.tmp.%ld.0123abcd", child, false},
                {"a.tmp.%ld.89ef", getpid(), false},
                {"a.tmp.%ld", getppid(), true},
                {"a.tmp.%ld.0123abcd", getppid(), true},
                {"aa.tmp.%ld", child, true},
                {"a.tmp.%ldx", child, true},
                {"a.tmp.-%ld", child, true}};
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < COUNT(rows); i++) {
            char name[64];
            const int digits = (int)strcspn(rows[i].name, "%");
            snprintf(name, sizeof name, "%.*s%ld%s", digits, rows[i].name, rows[i].process, rows[i].name + digits + 3);
            left = fopen(place(name), pass ? "r" : "w");
            if (pass) EXPECT_INT(left != NULL, rows[i].stays);
            if (left) fclose(left);
            if (pass) unlink(place(name));
        }
        if (!pass) EXPECT(write_text(place("a"), "new", &err));
    }
    unlink(place("a"));
}

/* Links that another user may have made, with the names that will be written: what they lead to stays. */
static void test_links(void) {
    static const char *const victims[] = {"a", "a.tmp.%ld", "a.tmp.%ld.00000000", "scratch.tmp.%ld", "lock", "log"};
    Error err;
    char victim[300];
    snprintf(victim, sizeof victim, "%s", place("victim"));
    for (int there = 0; there < 2; there++) { /* a link to a file, and one to a file that does not exist */
        if (there) EXPECT(write_text(victim, "precious", &err));
        for (size_t i = 0; i < COUNT(victims); i++) {
            char name[64];
            const int digits = (int)strcspn(victims[i], "%");
            snprintf(name, sizeof name, victims[i][digits] ? "%.*s%ld%s" : "%.*s", digits, victims[i], (long)getpid(),
                     victims[i][digits] ? victims[i] + digits + 3 : "");
            unlink(place(name));
            EXPECT(symlink(victim, place(name)) == 0);
        }
        EXPECT(write_text(place("a"), "new", &err));
        expect_text(place("a"), "new");
        struct stat info;
        EXPECT(lstat(place("a"), &info) == 0 && S_ISREG(info.st_mode));
        EXPECT_INT(file_append(place("log"), &err), -1);
        EXPECT_HAS(err.text, "log: expected a file, found a link");
        FileLock lock;
        EXPECT(!file_lock(&lock, place("lock"), &err));
        EXPECT_HAS(err.text, "lock: expected a file, found a link");
        const int scratch = file_scratch(folder, &err);
        EXPECT(scratch >= 0 && write(scratch, "xyz", 3) == 3 && close(scratch) == 0);
        EXPECT_INT(file_exists(victim), there);
        if (there) expect_text(victim, "precious");
        unlink(place("a"));
        unlink(place("log"));
        unlink(place("lock"));
    }
    unlink(victim);
    char own[64];
    snprintf(own, sizeof own, "scratch.tmp.%ld", (long)getpid());
    unlink(place(own));
    EXPECT_INT(files_here(), 0);
}

/* A file without a name leaves none behind, not even while it is open. */
static void test_scratch_has_no_name(void) {
    Error err;
    const int scratch = file_scratch(folder, &err);
    EXPECT(scratch >= 0);
    EXPECT_INT(files_here(), 0);
    EXPECT(write(scratch, "abc", 3) == 3 && lseek(scratch, 0, SEEK_SET) == 0);
    char back[4] = "";
    EXPECT(read(scratch, back, 3) == 3);
    EXPECT_STR(back, "abc");
    close(scratch);
    EXPECT_INT(file_scratch(place("no such"), &err), -1);
    EXPECT_HAS(err.text, "no such");
}

static int mode_of(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 ? (int)(info.st_mode & 07777) : -1;
}

/* A file that replaces another has its permissions, whatever umask says; a new one has those that umask leaves. */
static void test_permissions(void) {
    static const struct {
        mode_t mask;
        int old, expected; /* -1: there is none */
    } rows[] = {{022, -1, 0644},   {077, -1, 0600},   {022, 0600, 0600}, {022, 0640, 0640},
                {077, 0664, 0664}, {022, 0444, 0444}, {0, 0700, 0700},   {022, 04755, 0755}};
    Error err;
    const mode_t usual = umask(022);
    for (size_t i = 0; i < COUNT(rows); i++) {
        umask(rows[i].mask);
        if (rows[i].old >= 0)
            EXPECT(write_text(place("a"), "old", &err) && chmod(place("a"), (mode_t)rows[i].old) == 0);
        EXPECT(write_text(place("a"), "new", &err));
        EXPECT_INT(mode_of(place("a")), rows[i].expected);
        unlink(place("a"));
    }
    /* A link is replaced by a file that nobody may read who could not read what it led to. */
    umask(022);
    EXPECT(write_text(place("b"), "old", &err) && chmod(place("b"), 0600) == 0 && symlink("b", place("a")) == 0);
    EXPECT(write_text(place("a"), "new", &err));
    EXPECT_INT(mode_of(place("a")), 0600);
    expect_text(place("b"), "old");
    unlink(place("a"));
    unlink(place("b"));
    umask(usual);
}

/* The limit on the size of files takes the place of a full disk; writes fail half way as there. In a process of its
 * own, because the limit stays. */
static void test_failed_write(void) {
    Error err;
    EXPECT(write_text(place("a"), "old", &err));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        static const char block[100000];
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){150000, 150000});
        FileWriter *writer = file_create(place("a"), &err);
        for (int i = 0; i < 5; i++) file_write(writer, block, sizeof block);
        EXPECT(!file_commit(writer, &err));
        EXPECT_HAS(err.text, place("a"));
        EXPECT_HAS(err.text, strerror(EFBIG));
        fflush(stdout);
        _exit(test_ok ? 0 : 1);
    }
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_INT(status, 0);
    expect_text(place("a"), "old");
    EXPECT_INT(files_here(), 1);
    unlink(place("a"));
}

static void expect_refused(const char *path, const char *map_reason, const char *write_reason) {
    FileMap map;
    Error err = {""};
    EXPECT(!file_map(&map, path, &err));
    EXPECT_HAS(err.text, path);
    EXPECT_HAS(err.text, map_reason);
    EXPECT_INT(map.size, 0);
    err = (Error){""};
    EXPECT(!file_create(path, &err));
    EXPECT_HAS(err.text, path);
    EXPECT_HAS(err.text, write_reason);
}

#ifdef F_OFD_SETLK
/* Somebody holds the lock, but could not write who. */
static void test_lock_without_number(void) {
    Error err = {""};
    FileLock lock;
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const int holder = open(place("lock"), O_RDWR | O_CREAT, 0600);
    EXPECT(holder >= 0 && fcntl(holder, F_OFD_SETLK, &whole) == 0);
    EXPECT(!file_lock(&lock, place("lock"), &err));
    EXPECT_HAS(err.text, "lock: held by another process; wait until it ends");
    close(holder);
    unlink(place("lock"));
}
#else
static void test_lock_without_number(void) { SKIP("locks belong to processes"); }
#endif

static void test_not_files(void) {
    EXPECT(mkfifo(place("pipe"), 0600) == 0);
    expect_refused(place("pipe"), "expected a file", "a device or pipe");
    unlink(place("pipe"));
    expect_refused(folder, "found a folder", "a folder");
    expect_refused("/dev/null", "expected a file", "a device or pipe");
    expect_refused(place("no/such"), "No such file", "No such file");
    EXPECT_INT(files_here(), 0);
}

static void test_make_folder(void) {
    Error err = {"fine"};
    size_t made;
    EXPECT(file_make_folder(place("runs/a//b/"), &made, &err));
    EXPECT_INT(made, strlen(place("runs")));
    file_remove_folders(place("runs/a//b/"), made);
    EXPECT(!file_exists(place("runs")));
    EXPECT(file_make_folder(place("runs/a"), &made, &err) && file_make_folder(place("runs/a/b"), &made, &err));
    EXPECT_INT(made, strlen(place("runs/a/b")));
    file_remove_folders(place("runs/a/b"), made);
    EXPECT(file_exists(place("runs/a")) && !file_exists(place("runs/a/b")));
    EXPECT(file_make_folder(place("runs/a/b/"), &made, &err));
    EXPECT(file_make_folder(place("runs/a/b"), &made, &err));
    EXPECT_INT(made, 0);
    file_remove_folders(place("runs/a/b"), made);
    EXPECT(file_make_folder(folder, &made, &err));
    EXPECT(file_make_folder("/", &made, &err));
    EXPECT_STR(err.text, "fine");
    EXPECT(file_exists(place("runs/a/b")));
    EXPECT(write_text(place("runs/file"), "x", &err));
    EXPECT(!file_make_folder(place("runs/file/b"), &made, &err));
    EXPECT_HAS(err.text, "runs/file: expected a folder");
    char wide[300];
    memset(wide, 'x', sizeof wide); /* longer than a name may be */
    wide[sizeof wide - 1] = 0;
    char *deep = memory_format("%s/%s", place("runs/new"), wide);
    EXPECT(!file_make_folder(deep, &made, &err));
    EXPECT(!file_exists(place("runs/new")));
    free(deep);
    EXPECT(!file_make_folder("/proc/no/such", &made, &err));
    EXPECT_HAS(err.text, "/proc/no: cannot make");
    EXPECT(!file_make_folder("", &made, &err));
    unlink(place("runs/file"));
    rmdir(place("runs/a/b"));
    rmdir(place("runs/a"));
    rmdir(place("runs"));
}

static void test_home(void) {
    static const char *const paths[][2] = {{"~", "/h o"},      {"~/", "/h o/"},  {"~/a/~b", "/h o/a/~b"},
                                           {"./~/a", "./~/a"}, {"a~/b", "a~/b"}, {"", ""}};
    Error err;
    setenv("HOME", "/h o", 1);
    for (size_t i = 0; i < COUNT(paths); i++) {
        char *path = file_home(paths[i][0], &err);
        EXPECT_STR(path, paths[i][1]);
        free(path);
    }
    EXPECT(!file_home("~nobody/a", &err));
    EXPECT_HAS(err.text, "~nobody/a: expected ~/ for the home folder, found a ~ before a name");
    static const char *const shells[] = {"$HOME/a", "${HOME}/a/b", "$nobody"};
    for (size_t i = 0; i < COUNT(shells); i++) {
        EXPECT(!file_home(shells[i], &err));
        EXPECT_HAS(err.text, ": expected a path (~/ is the home folder), found a $, which only a shell replaces");
    }
    unsetenv("HOME");
    EXPECT(!file_home("~/a", &err));
    EXPECT_HAS(err.text, "~/a: expected the home folder in the variable HOME, found none");
}

static void test_names_without_folder(void) {
    Error err;
    char *before = getcwd(NULL, 0);
    EXPECT(chdir(folder) == 0);
    size_t made;
    EXPECT(write_text("here", "text", &err));
    expect_text("here", "text");
    unlink("here");
    EXPECT(file_make_folder("x/y", &made, &err));
    EXPECT(rmdir("x/y") == 0 && rmdir("x") == 0);
    EXPECT(chdir(before) == 0);
    free(before);
}

static void test_join(void) {
    char *path = file_join("runs/a", "model.gguf");
    EXPECT_STR(path, "runs/a/model.gguf");
    free(path);
}

int main(void) {
    test_temporary(folder, sizeof folder);
    if (!mkdtemp(folder)) return perror(folder), 1;
    RUN(test_write_and_map);
    RUN(test_nothing_to_write);
    RUN(test_large_pieces);
    RUN(test_old_file_until_commit);
    RUN(test_replaced_while_mapped);
    RUN(test_read_is_a_copy);
    RUN(test_stale_temporary_file);
    RUN(test_links);
    RUN(test_scratch_has_no_name);
    RUN(test_permissions);
    RUN(test_failed_write);
    RUN(test_lock_without_number);
    RUN(test_not_files);
    RUN(test_make_folder);
    RUN(test_home);
    RUN(test_names_without_folder);
    RUN(test_join);
    rmdir(folder);
    return test_finish();
}
