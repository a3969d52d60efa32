/* The build: options that would change what is computed are refused, a change of options builds again, and a compiler
 * that cannot do part of it still gives a program. Needs cc and make. */
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/memory.h"
#include "testlib.h"

static char folder[200];

/* Runs a line of the shell, where $t is the test's folder; its exit code, and what it said in `said`. */
static char said[1 << 16];
__attribute__((format(printf, 1, 2))) static int shell(const char *format, ...) {
    char line[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    char *whole = memory_format("exec 2>&1; t='%s'; unset MAKEFLAGS MFLAGS MAKELEVEL CFLAGS CC; %s", folder, line);
    FILE *out = popen(whole, "r");
    const size_t size = out ? fread(said, 1, sizeof said - 1, out) : 0;
    said[size] = 0;
    free(whole);
    return out ? pclose(out) : -1;
}

static bool have(const char *command) { return shell("command -v %s", command) == 0; }

static void expect_refused(const char *line, const char *reason) {
    const bool failed = shell("%s", line) != 0;
    if (!failed) TEST_FAIL("%s: expected a failure", line);
    if (!strstr(said, reason)) TEST_FAIL("%s: expected \"%s\", found \"%s\"", line, reason, said);
}

/* Without make: the header that numeric code includes. */
static void test_compiler_options(void) {
    static const char *const options[] = {"-ffast-math", "-Ofast", "-ffinite-math-only",
                                          "-O2 -ffast-math -fsigned-zeros"};
    static const char *const of_gcc[] = {"-ffast-math -fno-finite-math-only", "-freciprocal-math", "-fno-signed-zeros",
                                         "-funsafe-math-optimizations",
                                         "-fassociative-math -fno-signed-zeros -fno-trapping-math"};
    const char *const compile = "-std=c11 -D_GNU_SOURCE -Isrc -x c -fsyntax-only src/math/real.h";
    char line[500];
    for (int clang = 0; clang < 2; clang++) {
        const char *compiler = clang ? "clang" : "cc";
        if (clang && !have("clang")) continue;
        EXPECT_INT(shell("%s %s", compiler, compile), 0);
        for (size_t i = 0; i < COUNT(options); i++) {
            snprintf(line, sizeof line, "%s %s %s", compiler, options[i], compile);
            expect_refused(line, "may change the order of sums and lose NaN");
        }
    }
    static const char *const others[][2] = {
        {"-fshort-enums", "build without -fshort-enums"},
#if defined(__x86_64__) && !defined(__clang__)
        {"-mfpmath=387", "computed in another precision here"},
        {"-m32", "in another precision here; on 32-bit x86, add -msse2 -mfpmath=sse"},
        {"-fsingle-precision-constant", "build without -fsingle-precision-constant"},
#endif
    };
    for (size_t i = 0; i < COUNT(others); i++) {
        snprintf(line, sizeof line, "cc %s %s", others[i][0], compile);
        expect_refused(line, others[i][1]);
    }
    const bool gcc = shell("cc -dM -E -x c /dev/null | grep -q __GNUC__.1[2-9]") == 0;
    for (size_t i = 0; i < COUNT(of_gcc) && gcc; i++) {
        snprintf(line, sizeof line, "cc %s %s", of_gcc[i], compile);
        expect_refused(line, "may change the order of sums and lose NaN");
    }
}

/* Every file that computes with floating-point numbers includes that header. */
static void test_every_file(void) {
    EXPECT_INT(
        shell("cc -std=c11 -D_GNU_SOURCE -Isrc -DVECTOR=16 -DTILE_ROWS=4 -DTILE_VECTORS=2 -DISA=x -MM "
              "$(grep -lwE 'real|float|double|exp|log|sqrt|isnan|isfinite' src/*/*.c | grep -v micro) >$t/files && "
              "sed -e :a -e '/\\\\$/N; s/\\\\\\n//; ta' $t/files | grep -c 'base/exact.h'"),
        0);
    EXPECT(atoi(said) > 60);
    EXPECT(shell("sed -e :a -e '/\\\\$/N; s/\\\\\\n//; ta' $t/files | grep -v 'base/exact.h'") != 0);
    EXPECT_STR(said, "");
}

static void test_refused(void) {
    static const char *const rows[][2] = {
        {"CFLAGS=-ffast-math", "-ffast-math: with this, the compiler may change"},
        {"CFLAGS='-g -Ofast'", "-Ofast: with this"},
        {"CFLAGS=-ffinite-math-only", "-ffinite-math-only: with this"},
        {"CFLAGS=-fassociative-math", "-fassociative-math: with this"},
        {"CFLAGS=-fno-honor-nans", "-fno-honor-nans: with this"},
        {"CC='cc -funsafe-math-optimizations'", "-funsafe-math-optimizations: with this"},
        {"LDFLAGS=-ffast-math", "-ffast-math: with this"},
        {"VARIANT=nonsense", "VARIANT=nonsense: expected one of: release debug thread"},
        {"VARIANT=Release", "VARIANT=Release: expected one of: release"},
        {"VARIANT=", "VARIANT=: expected one of: release"},
        {"CC=nonesuch-cc", "CC=nonesuch-cc CFLAGS=: expected a C compiler"},
        {"CFLAGS=-fno-such-option", "CFLAGS=-fno-such-option: expected a C compiler and options that it knows"},
        {"CC=true", "CC=true CFLAGS=: expected a C compiler"},
#if defined(__x86_64__) && !defined(__clang__)
        {"CFLAGS=-m32", "CFLAGS=-m32: expected float and double in their own precision"},
#endif
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char line[300];
        snprintf(line, sizeof line, "make -n %s", rows[i][0]);
        expect_refused(line, rows[i][1]);
        EXPECT(!strstr(said, "-o build"));
    }
    EXPECT_INT(shell("make help CC=nonesuch-cc"), 0); /* needs no compiler */
}

/* An object is built again when the compiler or an option changes, and only then. */
static void test_options_build_again(void) {
    static const char *const rows[] = {"",         "CFLAGS=-g",  "CFLAGS='-g -O2'",           "CC='cc -pipe'",
                                       "STB=/tmp", "LDFLAGS=-g", "CFLAGS=\"-DQUOTED='x y'\"", "VARIANT=debug",
                                       ""};
    for (size_t i = 0; i < COUNT(rows); i++) {
        EXPECT_INT(shell("make Q= B=$t/b %s $t/b/base/check.o", rows[i]), 0);
        EXPECT_HAS(said, "check.c");
        EXPECT_INT(shell("make Q= B=$t/b %s $t/b/base/check.o", rows[i]), 0);
        if (strstr(said, "check.c")) TEST_FAIL("%s: built twice: %s", rows[i], said);
    }
}

/* Folders whose names have blanks. */
static void test_blanks(void) {
    static const char *const names[] = {"a b", "it (is) here", "x  y;z"};
    for (size_t i = 0; i < COUNT(names); i++) {
        EXPECT_INT(shell("d=\"$t/%s\"; mkdir -p \"$d/stb\" && echo '#error this one' >\"$d/stb/stb_ds.h\"", names[i]),
                   0);
        EXPECT(shell("make B=$t/stb%zu STB=\"$t/%s\" $t/stb%zu/base/ds.o", i, names[i], i) != 0);
        EXPECT_HAS(said, "this one");
    }
}

#if defined(__x86_64__)
/* cc, except for the arguments of a case of the shell. */
static void write_compiler(const char *name, const char *line) {
    char *path = memory_format("%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    EXPECT(file && fprintf(file, "#!/bin/sh\ncase \"$*\" in\n%s;;\nesac\nexec cc \"$@\"\n", line) > 0 &&
           fclose(file) == 0);
    free(path);
    EXPECT_INT(shell("chmod +x $t/%s", name), 0);
}
#endif

/* A compiler that knows the options of a kernel but fails on its file, or does not know them. */
static void test_kernels_left_out(void) {
#if !defined(__x86_64__)
    SKIP("kernels of x86-64");
#else
    static const char *const rows[][3] = {
        {"crash", "*-mavx512bf16*) kill -SEGV $$", "avx512_bf16"},
        {"unknown", "*-mamx-tile*) echo 'unknown option' >&2; exit 1", "amx"},
        {"error", "*-mamx-bf16*amx.c) echo 'error in backend' >&2; exit 70", "amx"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        write_compiler(rows[i][0], rows[i][1]);
        EXPECT_INT(shell("make B=$t/k%zu CC=$t/%s $t/k%zu/math/product_%s.o", i, rows[i][0], i, rows[i][2]), 0);
        EXPECT_HAS(said, "cannot compile the kernels of ");
        EXPECT_HAS(said, rows[i][2]);
    }
    write_compiler("broken", "*-o*) echo 'no luck' >&2; exit 1");
    expect_refused("make B=$t/k9 CC=$t/broken $t/k9/math/product_amx.o", "no luck");
#endif
}

/* What is installed in two places is the same, and nothing is left behind. */
static void test_install(void) {
    static const char *const rows[] = {"/opt/nmt", "/usr", "/opt/with blanks"};
    if (shell("b=${NMT_BIN:-build/release/bin}/.. && mkdir $t/i && cp -R $b/bin $b/share $b/libnmt.* $t/i"))
        SKIP("no manual pages in the build; make test makes them");
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *prefix = rows[i];
        EXPECT_INT(
            shell("make B=$t/i DESTDIR=$t/root%zu PREFIX='%s' install $(printf -- '-o %%s ' $(find $t/i -type f))", i,
                  prefix),
            0);
        EXPECT_INT(
            shell("cd \"$t/root%zu%s\" && find * -type f -o -type l | LC_ALL=C sort && test -x bin/nmt-translate", i,
                  prefix),
            0);
        EXPECT_STR(said,
                   "bin/nmt-inspect\nbin/nmt-score\nbin/nmt-train\nbin/nmt-translate\n"
                   "include/nmt.h\nlib/libnmt.a\nlib/libnmt.so\nlib/libnmt.so.0\nlib/pkgconfig/nmt.pc\n"
                   "share/bash-completion/completions/nmt-inspect\nshare/bash-completion/completions/nmt-score\n"
                   "share/bash-completion/completions/nmt-train\nshare/bash-completion/completions/nmt-translate\n"
                   "share/man/man1/nmt-inspect.1\nshare/man/man1/nmt-score.1\nshare/man/man1/nmt-train.1\n"
                   "share/man/man1/nmt-translate.1\nshare/man/man3/nmt.3\nshare/nmt/nmt.py\n");
        EXPECT_INT(shell("diff -r -x nmt.pc $t/root0%s \"$t/root%zu%s\"", rows[0], i, prefix), 0);
    }
    for (size_t i = 0; i < COUNT(rows); i++) {
        EXPECT_INT(
            shell("make DESTDIR=$t/root%zu PREFIX='%s' uninstall && find $t/root%zu -type f -o -type l", i, rows[i], i),
            0);
        EXPECT_STR(said, "");
    }
}

/* Manual pages and completions have each option of --help. */
static void test_manual(void) {
    static const char *const rows[] = {"train", "translate", "score", "inspect"};
    if (shell("test -d $t/i/share")) SKIP("no manual pages in the build; make test makes them");
    for (size_t i = 0; i < COUNT(rows); i++) {
        const char *name = rows[i];
        shell(
            "for o in $($t/i/bin/%s --help | grep -oE '^  (-., )?--[a-z0-9-]+' | grep -oE -- '--?[a-z0-9-]+'); do "
            "sed 's/\\\\-/-/g' $t/i/share/man/man1/nmt-%s.1 | grep -qE -- \"^.B .*$o\" && "
            "grep -qE -- \"[\\\" ]$o[\\\" ]\" $t/i/share/bash-completion/completions/nmt-%s || echo missing: $o; done; "
            "bash -n $t/i/share/bash-completion/completions/nmt-%s || echo wrong",
            name, name, name, name);
        EXPECT_STR(said, "");
    }
}

int main(void) {
    test_temporary(folder, sizeof folder);
    if (!mkdtemp(folder)) return perror(folder), 1;
    if (access("Makefile", R_OK) == 0 && have("cc") && have("make")) {
        RUN(test_compiler_options);
        RUN(test_every_file);
        RUN(test_refused);
        RUN(test_options_build_again);
        RUN(test_blanks);
        RUN(test_kernels_left_out);
        RUN(test_install);
        RUN(test_manual);
    }
    shell("rm -rf $t");
    return test_finish();
}
