#!/bin/sh
# Checks whether two builds of the program compute the same bits.
# usage: scripts/compare_builds.sh OLD NEW [quick]     OLD, NEW: two source folders, each built with `make`
#
# Both builds train one small config in a dozen variants, for each instruction set of the CPU. Then the parameters in
# model.gguf are compared: the tensor data, not the whole file, whose keys may differ. Then NEW opens what OLD wrote: it
# translates with OLD's model, and resumes from OLD's last.gguf. With `quick`, there are four variants, and only the
# best instruction set. OLD's sums are kept in OLD/build/compare.
set -eu
if [ $# -lt 2 ]; then
    sed -n '2,3s/^# //p' "$0" >&2
    exit 2
fi
old=$(cd "$1" && pwd) new=$(cd "$2" && pwd) quick=${3:-}
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
cache=$old/build/compare
mkdir -p "$cache"

cat >"$folder/base.ini" <<'INI'
[data]
train = data/tiny/train.tsv
valid = data/tiny/valid.tsv
[text]
vocab_size = 1600
lowercase = true
[model]
width = 96
heads = 4
feedforward = 384
encoder_layers = 2
decoder_layers = 2
max_length = 128
dropout = 0.05
[train]
max_steps = 60
batch_tokens = 1024
learning_rate = 0.006
warmup_steps = 20
beta2 = 0.95
[valid]
every_steps = 60
translate = 0
[run]
dir = unused
INI

variants="tiny
cosine train.schedule=cosine train.final_rate=0.01
post model.norm=post
gelu model.activation=gelu
learned model.positions=learned
untied model.tying=none
decoder model.tying=decoder
dropouts model.dropout=0.1 model.attention_dropout=0.1 model.activation_dropout=0.1
pieces train.accumulate=3
average train.average=0.99 train.weight_decay=0.01
bfloat16 train.precision=bfloat16
everything model.norm=post model.activation=gelu model.positions=learned model.tying=none model.attention_dropout=0.1 \
model.activation_dropout=0.1 train.accumulate=2 train.precision=bfloat16"
wanted="tiny|everything|dropouts|bfloat16"
[ "$quick" = quick ] || wanted='.*'

# run BUILD DIR KEY=VALUE...: trains in folder DIR.
run() {
    build=$1 dir=$2
    shift 2
    "$build/train" "$folder/base.ini" run.dir="$dir" "$@" >"$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }
}
# The SHA-256 of the tensors of DIR/model.gguf, which are at the end of the file: four bytes per parameter.
sum() {
    count=$(sed -n 's/.* \([0-9,]*\) parameters.*/\1/p' "$1/log" | tail -n 1 | tr -d ,)
    tail -c $((4 * count)) "$1/model.gguf" | sha256sum | cut -d ' ' -f 1
}
# trained BUILD ISA NAME KEY=VALUE...: trains one variant and prints its sum.
trained() {
    build=$1 isa=$2 dir=$folder/run
    shift 3
    rm -rf "$dir"
    NMT_ISA=$isa run "$build" "$dir" "$@"
    cp "$folder/log" "$dir/log"
    sum "$dir"
}

sets=$(NMT_ISA='?' "$old/translate" 2>&1 | sed -n 's/.*expected \(one of \)*\(.*\) (what this CPU has).*/\2/p' |
    tr -s ",|" " ")
[ "$quick" = quick ] && sets=${sets##* }
same=0 different=0
for isa in $sets; do
    echo "$variants" | grep -E "^($wanted)( |\$)" >"$folder/list"
    while read -r name keys; do
        # shellcheck disable=SC2086
        [ -s "$cache/$isa-$name" ] || trained "$old" "$isa" "$name" $keys >"$cache/$isa-$name"
        before=$(cat "$cache/$isa-$name")
        # shellcheck disable=SC2086
        after=$(trained "$new" "$isa" "$name" $keys)
        if [ "$before" = "$after" ]; then
            same=$((same + 1)) verdict=same
        else
            different=$((different + 1)) verdict=DIFFERENT
        fi
        printf '%-12s %-12s %.16s %.16s %s\n' "$isa" "$name" "$before" "$after" "$verdict"
    done <"$folder/list"
done

# NEW opens what OLD wrote: half a run, resumed, must end with the sum of a whole one, and the translations must be the
# same.
check() {
    if [ "$2" = "$3" ]; then
        same=$((same + 1)) && echo "$1: same"
    else
        different=$((different + 1)) && echo "$1: DIFFERENT"
    fi
}
half=$folder/half
run "$old" "$half" train.average=0.99 train.max_steps=30 valid.every_steps=30
cut -f 1 data/tiny/test.tsv | head -n 100 >"$folder/lines"
"$old/translate" -m "$half/model.gguf" --beam 3 <"$folder/lines" >"$folder/said_old"
"$new/translate" -m "$half/model.gguf" --beam 3 <"$folder/lines" >"$folder/said_new"
check "translations with a model of the old build" "$(cat "$folder/said_old")" "$(cat "$folder/said_new")"
cp -R "$half" "$half.new"
rm -f "$half/train.cache" # each build makes its own
run "$old" "$half" train.average=0.99
cp "$folder/log" "$half/log"
run "$new" "$half.new" train.average=0.99
cp "$folder/log" "$half.new/log"
check "a run of the old build, resumed" "$(sum "$half")" "$(sum "$half.new")"
echo "$same the same, $different different"
[ $same -gt 2 ] && [ $different -eq 0 ]
