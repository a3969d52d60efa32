#!/bin/sh
# Checks what `make install` and `make amalgamation` give, as somebody who builds on it would use it: programs in C, C++,
# Python and Rust translate and train with the library, and have the bits of ./translate and ./train.
# usage: scripts/install_test.sh [COMPILER...]     compilers for the amalgamation (gcc clang, those that there are)
# MODEL: a model to translate with (runs/tiny/model.gguf; if there is none, one is trained for a few steps).
set -eu
cd "$(dirname "$0")/.."
compilers=${*:-gcc clang}
t=$(mktemp -d)
trap 'wait; rm -rf "$t"' EXIT
trap 'exit 1' INT TERM
make -s

passed=0 skipped=0
passed() { passed=$((passed + 1)) && echo "$*"; }
skip() { skipped=$((skipped + 1)) && echo "skipped: $*"; }
wrong() { echo "$*" >&2; exit 1; }

# What takes a minute is built from here on, while the rest is checked: the amalgamation, and a second build.
# later NAME COMMAND...: starts a command. built NAME: waits for it.
later() {
    name=$1
    shift
    { code=0; "$@" >"$t/$name.log" 2>&1 || code=$?; echo $code >"$t/$name.code"; } &
}
built() {
    while [ ! -s "$t/$1.code" ]; do sleep 0.2; done
    [ "$(cat "$t/$1.code")" = 0 ] || { cat "$t/$1.log" >&2; wrong "$1: not built"; }
}
make -s amalgamation
for compiler in $compilers; do
    ! command -v "$compiler" >/dev/null || later "$compiler" "$compiler" -O2 -c -Ibuild -o "$t/$compiler.o" build/nmt.c
done
# A read-only source in a folder whose name has blanks, built elsewhere.
mkdir "$t/a source"
cp -R Makefile src scripts configs data tests "$t/a source"
touch "$t/now"
later elsewhere env CCACHE_DISABLE=1 make -s -C "$t/a source" B="$t/b"

# What the library has to come to.
run="configs/tiny.ini train.max_steps=4 valid.every_steps=4 valid.translate=4"
# shellcheck disable=SC2086
NMT_ISA=generic ./train $run run.dir="$t/run" 2>/dev/null
model=${MODEL:-runs/tiny/model.gguf}
[ -f "$model" ] || model=$t/run/model.gguf
cut -f 1 data/tiny/test.tsv | head -n 100 >"$t/lines"
./translate -m "$model" <"$t/lines" >"$t/expected"

# Two places, one of them by DESTDIR.
make -s install PREFIX="$t/one"
make -s install PREFIX="$t/two" DESTDIR="$t/root"
cp -R "$t/root$t/two" "$t/copy"
sed "s|$t/one|$t/two|" "$t/one/lib/pkgconfig/nmt.pc" | cmp - "$t/copy/lib/pkgconfig/nmt.pc"
cp "$t/one/lib/pkgconfig/nmt.pc" "$t/copy/lib/pkgconfig/nmt.pc"
diff -r "$t/one" "$t/copy"
make -s uninstall PREFIX="$t/two" DESTDIR="$t/root"
[ -z "$(find "$t/root" -type f -o -type l)" ] || wrong "uninstall: expected nothing, found $(find "$t/root" -type f)"
passed "installed in two places, the same; nothing is left behind"

# Global symbols: what nmt.h declares.
sed -n 's/^NMT_API .*[ *]\(nmt_[a-z_]*\)(.*/\1/p' "$t/one/include/nmt.h" | sort >"$t/declared"
nm -g --defined-only "$t/one/lib/libnmt.a" | awk 'NF == 3 { print $3 }' | sort | diff "$t/declared" -
nm -D --defined-only "$t/one/lib/libnmt.so.0" | sed -n 's/.* T \(.*\)@@NMT_0/\1/p' | sort | diff "$t/declared" -
[ "$(ar t "$t/one/lib/libnmt.a")" = nmt.o ] || wrong "libnmt.a: expected one object"
readelf -d "$t/one/lib/libnmt.so.0" | grep -q 'SONAME.*\[libnmt.so.0\]' || wrong "libnmt.so.0: expected its SONAME"
passed "both libraries have the $(wc -l <"$t/declared") functions of nmt.h, and no other name"

cat >"$t/app.c" <<'C'
#include <nmt.h>
#include <stdio.h>
#include <string.h>

static char buffer[1 << 16];
static nmt_text lines[1000];
int error_set(void); /* names that the library has inside, too */
void *stbds_arrgrowf(void);
int error_set(void) { return 3; }
void *stbds_arrgrowf(void) { return NULL; }

static int stop(void *context, const nmt_progress *progress) {
    (void)context;
    return !progress->message && progress->step >= 1000;
}

int main(int argc, char **argv) {
    nmt_error err;
    if (argc > 3) {
        nmt_train_options options;
        nmt_train_options_init(&options, sizeof options, NMT_HEADER);
        options.config = argv[1];
        options.settings = (const char *const *)(argv + 2);
        options.setting_count = (size_t)argc - 2;
        options.progress = stop;
        return nmt_train(&options, &err) ? fprintf(stderr, "%s\n", err.message), 1 : 0;
    }
    nmt_model *model;
    nmt_translator *translator;
    const nmt_result *const *results;
    size_t count = 0, size = fread(buffer, 1, sizeof buffer - 1, stdin);
    for (char *at = buffer, *end; at < buffer + size; at = end + 1) {
        end = strchr(at, '\n');
        lines[count].bytes = at;
        lines[count++].length = (size_t)(end - at);
    }
    if (nmt_open(&model, argv[1], NMT_HEADER, &err) || nmt_translator_new(&translator, model, NULL, &err) ||
        nmt_translate(translator, lines, count, &results, &err))
        return fprintf(stderr, "%s\n", err.message), 1;
    for (size_t i = 0; i < count; i++) puts(results[i]->hypotheses[0]->text.bytes);
    nmt_translator_free(translator);
    nmt_close(model);
    return error_set() + (stbds_arrgrowf() != NULL) - 3;
}
C
# translates NAME COMMAND...: as ./translate does.
translates() {
    name=$1
    shift
    "$@" <"$t/lines" >"$t/said" || wrong "$name: failed"
    cmp "$t/expected" "$t/said" || wrong "$name: expected the translations of ./translate"
    passed "$name: translates as ./translate does"
}
# trains NAME COMMAND...: with the bits of ./train.
trains() {
    name=$1
    shift
    rm -rf "$t/again"
    # shellcheck disable=SC2086
    NMT_ISA=generic "$@" $run run.dir="$t/again" || wrong "$name: failed"
    for end in model last; do
        tail -c 1000000 "$t/run/$end.gguf" >"$t/a" && tail -c 1000000 "$t/again/$end.gguf" | cmp - "$t/a" ||
            wrong "$name: $end.gguf: expected the bits of ./train"
    done
    passed "$name: trains as ./train does"
}
export LD_LIBRARY_PATH="$t/one/lib" PKG_CONFIG_PATH="$t/one/lib/pkgconfig"
strict="-Wall -Wextra -Wshadow -pedantic -Werror"
# shellcheck disable=SC2046,SC2086
if command -v pkg-config >/dev/null; then
    cc -std=c11 $strict -o "$t/shared" "$t/app.c" $(pkg-config --cflags --libs nmt)
    translates "libnmt.so" "$t/shared" "$model"
    trains "libnmt.so" "$t/shared"
    flags=$(pkg-config --static --cflags --libs nmt | sed 's/-lnmt/-l:libnmt.a/')
    cc -std=c11 $strict -o "$t/static" "$t/app.c" $flags
    translates "libnmt.a" "$t/static" "$model"
else
    skip "nmt.pc (no pkg-config)"
fi
if command -v c++ >/dev/null; then
    sed 's/buffer, \*end/buffer, *end = at/; s/(void)context;/(void)context; (void)lines;/' "$t/app.c" >"$t/app.cc"
    # shellcheck disable=SC2086
    c++ -std=c++17 $strict -I"$t/one/include" -o "$t/cpp" "$t/app.cc" -L"$t/one/lib" -lnmt
    translates "C++" "$t/cpp" "$model"
else
    skip "C++ (no c++)"
fi
first=$(head -n 1 "$t/lines")
if command -v python3 >/dev/null; then
    cat >"$t/app.py" <<'PY'
import nmt, os, sys
model = nmt.Model(sys.argv[1])
print(*model.translate(sys.stdin.read().splitlines()), sep="\n")
assert int(model.info("nmt.width")) > 0 and os.path.realpath(nmt.library._name) == sys.argv[2], nmt.library._name
try: nmt.Model(sys.argv[1], baem=4)
except TypeError as error: assert "baem" in str(error), error
else: sys.exit("baem=4: expected a TypeError")
PY
    export PYTHONPATH="$t/one/share/nmt"
    translates Python python3 "$t/app.py" "$model" "$(realpath "$t/one/lib/libnmt.so.0")"
    odd=$(printf 'caf\351 the cat') # not UTF-8
    ./translate -m "$model" "$odd" >"$t/wanted" 2>/dev/null
    PYTHONUTF8=1 python3 "$t/one/share/nmt/nmt.py" "$model" "$odd" >"$t/said" || wrong "Python: \"$odd\": failed"
    cmp "$t/wanted" "$t/said" || wrong "Python: \"$odd\": expected the translation of ./translate"
    passed "Python: refuses options that there are not, and takes bytes that are not UTF-8"
else
    skip "Python (no python3)"
fi
if command -v rustc >/dev/null; then
    rustc -O src/decode/examples/translate.rs -L native="$t/one/lib" -o "$t/rust"
    [ "$("$t/rust" "$model" "$first")" = "$(head -n 1 "$t/expected")" ] || wrong "Rust: another translation"
    passed "Rust: translates as ./translate does"
else
    skip "Rust (no rustc)"
fi
if python3 -c 'import ctranslate2, gguf, safetensors, xxhash' 2>/dev/null; then
    python3 scripts/exchange.py to-ct2 "$model" "$t/ct2"
    python3 scripts/exchange.py check "$model" "$t/ct2" "$t/lines" --count 100
    python3 scripts/exchange.py to-hf "$model" "$t/hf"
    for folder in ct2 hf; do
        python3 scripts/exchange.py back "$t/$folder" "$t/back.gguf"
        cmp "$model" "$t/back.gguf"
    done
    passed "CTranslate2 translates as ./translate does; models come back as they were"
else
    skip "exchange (no Python packages gguf, xxhash, ctranslate2 and safetensors)"
fi
for f in "$t"/one/share/man/man*/*; do
    ! command -v man >/dev/null || [ -z "$(man --warnings -l "$f" 2>&1 >/dev/null)" ] || wrong "$f: man warns"
done

for compiler in $compilers; do
    if ! command -v "$compiler" >/dev/null; then
        skip "amalgamation with $compiler (not installed)"
        continue
    fi
    built "$compiler"
    "$compiler" -O2 -Ibuild -o "$t/one_file" "$t/app.c" "$t/$compiler.o" -lm -pthread
    nm -g --defined-only "$t/one_file" | awk '$3 ~ /^(nmt_|error_set|stbds)/ { print $3 }' | sort >"$t/names"
    { echo error_set; cat "$t/declared"; echo stbds_arrgrowf; } | sort | diff - "$t/names"
    translates "amalgamation with $compiler" "$t/one_file" "$model"
    trains "amalgamation with $compiler" "$t/one_file"
done

# The build elsewhere: the same bytes.
built elsewhere
[ -z "$(find "$t/a source" -newer "$t/now" -type f)" ] || wrong "B=: expected no file in the source's folder"
for f in bin/train bin/translate bin/score bin/inspect libnmt.a libnmt.so.0; do
    cmp "build/release/$f" "$t/b/$f" || wrong "$f: expected the same bytes from two builds"
done
passed "a build elsewhere, from a folder with blanks in its name, has the same bytes"
echo "$passed passed, 0 failed, $skipped skipped"
