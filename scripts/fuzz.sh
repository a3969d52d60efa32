#!/bin/sh
# Runs each fuzz target (tests/fuzz_*.c, built by `make fuzz`) for SECONDS, one on each core. It starts from the inputs
# of earlier runs (build/fuzz/corpus) and from seeds made of the shipped data, and prints how many inputs it ran and how
# much they covered. An input that ends in an error is kept in build/fuzz/found. Copy it to tests/fuzz/TARGET: every run
# tries the files there first.
#
#   sh scripts/fuzz.sh SECONDS PROGRAM...      JOBS: how many run at a time
#
# SECONDS 0: the programs were built with tests/no_fuzzer.c, and run once on the seeds and the files in tests/fuzz.
set -eu
seconds=$1
shift
if [ $# -gt 1 ]; then
    printf '%s\n' "$@" | xargs -n 1 -P "${JOBS:-$(getconf _NPROCESSORS_ONLN)}" sh "$0" "$seconds"
    exit
fi
program=$1
name=$(basename "$program")
build=$(dirname "$(dirname "$program")")
corpus=$build/corpus/$name
words=$build/words/$name # words from which libFuzzer builds inputs (-dict)
log=$build/$name.log
longest=20000
mkdir -p "$corpus" "$build/found" "$build/words"
printf '"\\x%s"\n' 09 'c2\xa0' 'e2\x80\x99' 'e2\x80\xa8' 'ef\xbb\xbf' '0d\x0a' 'cc\x81' 'f0\x9f\x98\x80' 'c3\x89' \
    'ed\xa0\x80' >"$words"
case $name in
fuzz_ini)
    cp configs/*.ini "$corpus/"
    sed -n 's/^\([a-z0-9_]*\) *= *\([^ #]*\).*/"\1 = "\n"\2"/p' configs/template.ini | grep -v '""' >"$words"
    ;;
fuzz_model)
    if [ ! -s "$corpus/model" ]; then
        "${NMT_BIN:-.}/train" configs/tiny.ini train.max_steps=1 valid.translate=0 valid.metric=loss text.vocab_size=270 \
            model.width=4 model.heads=2 model.feedforward=4 model.encoder_layers=1 model.decoder_layers=1 \
            model.max_length=64 run.dir="$build/run" >/dev/null 2>&1
        cp "$build/run/model.gguf" "$corpus/model"
        cp "$build/run/last.gguf" "$corpus/last"
        rm -r "$build/run"
    fi
    grep -aoh '[a-z]*\.[a-z0-9_.]*[a-z]' "$corpus/model" "$corpus/last" | sort -u | sed 's/.*/"&"/' >"$words"
    ;;
*)
    head -n 3 data/tiny/test.tsv >"$corpus/lines"
    head -n 1 data/tiny/train.tsv | cut -f 1 >"$corpus/line"
    printf 'L\342\200\231homme dit\302\240: \302\253 oui \302\273\n' >"$corpus/marks"
    [ "$name" != fuzz_translate ] || longest=1000 # long lines take long to translate
    ;;
esac
known=
[ ! -d "tests/fuzz/$name" ] || known=tests/fuzz/$name
if [ "$seconds" -eq 0 ]; then
    # shellcheck disable=SC2086
    find "$corpus" $known -type f -exec "$program" {} + >"$log" 2>&1 || {
        tail -n 40 "$log"
        echo "$name: an input ended in an error"
        exit 1
    }
    printf '%-16s %9s inputs, nothing found\n' "$name" "$(awk '{ all += $2 } END { print all + 0 }' "$log")"
    exit
fi
if ! "$program" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 -malloc_limit_mb=256 -max_len=$longest \
    -print_final_stats=1 -dict="$words" -artifact_prefix="$build/found/$name-" "$corpus" $known >"$log" 2>&1; then
    tail -n 40 "$log"
    echo "$name: an input ended in an error (see $build/found)"
    exit 1
fi
runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
cover=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
printf '%-16s %9s inputs, %6s places covered, nothing found\n' "$name" "$runs" "$cover"
