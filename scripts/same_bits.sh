#!/bin/sh
# Checks that options in CFLAGS change nothing that is computed: builds the program with -march=native in build/native,
# with -O1 in build/o1, and trains a few steps with each instruction set of the CPU, in both precisions. The files must
# have the bytes of the usual build's. With the argument `native` or `o1`, only that build is compared.
set -eu
cd "$(dirname "$0")/.."
builds=${1:-native o1}
make -s -j2
for build in $builds; do
    flag=-march=native
    [ "$build" = native ] || flag=-O1
    make -s -j2 "B=build/$build" CFLAGS=$flag "build/$build/bin/train"
done
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
sets=$(NMT_ISA='?' build/release/bin/translate 2>&1 | sed -n 's/.*expected \(one of \)*\(.*\) (what this CPU has).*/\2/p' |
    tr -s ",|" " ")
same=0 different=0
for isa in $sets; do
    for precision in float32 bfloat16; do
        for build in release $builds; do
            NMT_ISA=$isa "build/$build/bin/train" configs/tiny.ini run.dir="$folder/run" train.max_steps=12 --fresh \
                valid.every_steps=12 valid.translate=4 train.precision=$precision >"$folder/log" 2>&1 ||
                { cat "$folder/log" >&2; exit 1; }
            mv "$folder/run/last.gguf" "$folder/$build.gguf"
            [ $build != release ] || continue
            if cmp -s "$folder/release.gguf" "$folder/$build.gguf"; then
                same=$((same + 1))
            else
                different=$((different + 1))
                echo "$isa, $precision, $build: DIFFERENT"
            fi
        done
    done
done
echo "$same the same, $different different"
[ "$same" -gt 0 ] && [ "$different" -eq 0 ]
