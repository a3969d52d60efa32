#!/bin/sh
# Makes calls of the C library fail in a short training run and in a translation, one call in each run. Every run must
# recover, or end with exit code 1 and one line that says why. A run that is restarted afterwards must end with the same
# bytes as one that was not disturbed.
#
#   sh scripts/fault_test.sh [STRIDE]      every STRIDE-th call (default 1); run it from the project's root, after make
set -eu
stride=${1:-1}
bin=$(cd "${NMT_BIN:-.}" && pwd) # where the commands are
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
${CC:-cc} -std=c11 -D_GNU_SOURCE -O1 -Wall -Wextra -Werror -shared -fPIC -o "$folder/faults.so" tests/faults.c -ldl
for side in train valid; do head -n 60 "data/tiny/$side.tsv" >"$folder/$side.tsv"; done
cat >"$folder/fault.ini" <<'INI'
[data]
train = train.tsv
valid = valid.tsv
[text]
vocab_size = 300
[model]
width = 8
heads = 2
feedforward = 8
encoder_layers = 1
decoder_layers = 1
[train]
max_steps = 4
batch_tokens = 100
average = 0.9
threads = 2
log_every = 1
[valid]
every_steps = 2
translate = 2
[run]
dir = run
INI
cd "$folder"
"$bin/train" fault.ini run.dir=calm 2>calm.txt
"$bin/train" fault.ini run.dir=half train.max_steps=2 2>half.txt
printf 'the cat\n\nthe dog sees the cat\n' >lines.txt
"$bin/translate" -m calm/model.gguf <lines.txt >right.txt
bad=0 recovered=0
train_failed=0 translate_failed=0 # failed calls in each command

complain() {
    echo "$1: $2:"
    cat said.txt
    bad=$((bad + 1))
}

# judge WHAT CODE: checks how a run with a failing call ended.
judge() {
    case $2 in
    0) recovered=$((recovered + 1)) ;;
    1) [ "$(grep -c '^train: \|^translate: ' said.txt)" = 1 ] || complain "$1" "expected one line that says why" ;;
    *) complain "$1" "ended with exit code $2" ;;
    esac
}

for call in malloc calloc realloc mmap open read write fsync rename pthread_create; do
    before=$train_failed
    for more in "" "+"; do
        k=1
        while :; do
            fault=$call:$k$more code=0
            rm -rf run reached
            cp -r half run
            NMT_FAULT=$fault NMT_FAULT_REPORT=reached LD_PRELOAD=./faults.so "$bin/train" fault.ini >out.txt 2>said.txt || code=$?
            [ -e reached ] || break
            train_failed=$((train_failed + 1))
            judge "train, $fault" "$code"
            ! ls run/*.tmp.* >/dev/null 2>&1 || complain "train, $fault" "left a temporary file"
            "$bin/train" fault.ini 2>said.txt || complain "train after $fault" "did not continue"
            for name in model.gguf last.gguf; do
                cmp -s "calm/$name" "run/$name" || complain "train, $fault" "$name differs"
            done
            k=$((k + stride))
        done
        k=1
        while :; do
            fault=$call:$k$more code=0
            rm -f reached
            NMT_FAULT=$fault NMT_FAULT_REPORT=reached LD_PRELOAD=./faults.so "$bin/translate" -m calm/model.gguf <lines.txt >out.txt 2>said.txt || code=$?
            [ -e reached ] || break
            translate_failed=$((translate_failed + 1))
            judge "translate, $fault" "$code"
            [ "$code" = 1 ] || cmp -s out.txt right.txt || complain "translate, $fault" "the translations differ"
            k=$((k + stride))
        done
    done
    [ "$train_failed" -gt "$before" ] || complain "train, $call" "expected a call that fails, found none"
done
echo "$((train_failed + translate_failed)) calls failed: $recovered runs recovered, the others said why; $bad complaints"
if [ "$train_failed" -eq 0 ] || [ "$translate_failed" -eq 0 ]; then
    echo "expected failed calls in both commands; were they built with sanitizers, which replace these calls?"
    exit 1
fi
[ "$bad" -eq 0 ]
