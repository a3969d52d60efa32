#!/bin/sh
# Kills ./train with SIGKILL at random moments, again and again, and restarts it. Each round must end with the same
# bytes as a run that was not disturbed.
#
#   sh scripts/crash_test.sh [ROUNDS]      default 200; run it from the project's root, after make
set -eu
rounds=${1:-200}
train=$PWD/train
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT INT TERM
for side in train valid; do head -n 300 "data/tiny/$side.tsv" >"$folder/$side.tsv"; done
cat >"$folder/crash.ini" <<'INI'
[data]
train = train.tsv
valid = valid.tsv
[text]
vocab_size = 400
[model]
width = 32
feedforward = 64
encoder_layers = 1
decoder_layers = 1
[train]
max_steps = 240
batch_tokens = 300
average = 0.9
log_every = 5
[valid]
every_steps = 12
translate = 8
[run]
dir = run
INI
cd "$folder"
"$train" crash.ini run.dir=calm 2>calm.txt
kills=0 inside=0 differ=0
for round in $(seq "$rounds"); do
    rm -rf run
    while :; do
        "$train" crash.ini 2>run.txt &
        child=$!
        # 0 to 255 ms, which is about the length of a run: it is killed once or twice a round, at any point.
        sleep "$(od -An -N1 -tu1 /dev/urandom | awk '{ printf "0.%03d", $1 }')"
        kill -KILL "$child" 2>/dev/null || true
        code=0
        wait "$child" 2>/dev/null || code=$?
        [ "$code" -ne 0 ] || break
        if [ "$code" -ne 137 ]; then
            echo "round $round: ended with exit code $code:"
            cat run.txt
            exit 1
        fi
        kills=$((kills + 1))
        ! ls run/*.tmp.* >/dev/null 2>&1 || inside=$((inside + 1))
        rm -f run/*.tmp.*
    done
    for name in model.gguf last.gguf; do
        cmp -s "calm/$name" "run/$name" || { differ=$((differ + 1)) && echo "round $round: $name differs"; }
    done
done
echo "$rounds rounds, $kills kills, $inside of them while a file was being written, $differ files that differ"
[ "$differ" -eq 0 ]
