#!/bin/sh
# Kills ./train with SIGKILL, or stops it with SIGTERM, at random moments, again and again, and restarts it. Each round
# must end with the same files, byte for byte, as a run that was not disturbed: model.gguf, last.gguf, film.jsonl and no
# back.gguf.
#
#   sh scripts/crash_test.sh [ROUNDS]      default 200; run it from the project's root, after make
#
# These are rounds of a run that comes to its end. A fifth as many, but at least one, are made of each of three other
# runs: one that ends early (valid.patience), and two that diverge until they give up, one after some validations, the
# other before its first.
set -eu
rounds=${1:-200}
train=$(cd "${NMT_BIN:-.}" && pwd)/train # NMT_BIN: where the commands are
folder=$(mktemp -d)
child=
trap '[ -z "$child" ] || kill -9 "$child" 2>/dev/null || :; rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
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
kills=0 stops=0 inside=0 differ=0

# disturb NAME ROUNDS CODE [section.key=value ...]: CODE is how the run ends.
disturb() {
    name=$1 count=$2 end=$3
    shift 3
    rm -rf calm
    code=0 began=$(date +%s%N)
    "$train" crash.ini run.dir=calm "$@" 2>calm.txt || code=$?
    length=$((($(date +%s%N) - began) / 1000000))
    if [ "$code" -ne "$end" ]; then
        echo "$name: expected the exit code $end, found $code:"
        cat calm.txt
        exit 1
    fi
    for round in $(seq "$count"); do
        rm -rf run
        while :; do
            "$train" crash.ini "$@" 2>run.txt &
            child=$!
            # Within the length of a run: it is hit once or twice a round, at any point.
            random=$(od -An -N2 -tu1 /dev/urandom)
            sleep "$(echo "$random" | awk "{ print \$1 / 256 * $length / 1000 }")"
            signal=$(echo "$random" | awk '{ print $2 % 2 ? "TERM" : "KILL" }')
            kill -"$signal" "$child" 2>/dev/null || true
            code=0
            wait "$child" 2>/dev/null || code=$?
            child=
            case $code in
            "$end") break ;;
            137) kills=$((kills + 1)) ;;
            130 | 143) stops=$((stops + 1)) ;; # 143: before it was ready to save
            *)
                echo "$name, round $round: ended with exit code $code:"
                cat run.txt
                exit 1
                ;;
            esac
            ! ls run/*.tmp.* >/dev/null 2>&1 || inside=$((inside + 1))
            rm -f run/*.tmp.*
        done
        for file in model.gguf last.gguf back.gguf film.jsonl; do
            [ -e "calm/$file" ] || [ -e "run/$file" ] || continue
            cmp -s "calm/$file" "run/$file" ||
                { differ=$((differ + 1)) && echo "$name, round $round: $file differs"; }
        done
    done
}

disturb "to the end" "$rounds" 0
few=$(((rounds + 4) / 5))
disturb "ends early" "$few" 0 train.learning_rate=0 valid.every_steps=15 valid.patience=12
# From step 101 on, when there is a usual gradient to compare with, every step is skipped.
disturb "gives up" "$few" 1 train.skip_norm=1e-9
disturb "gives up before a validation" "$few" 1 train.skip_norm=1e-9 valid.every_steps=500
echo "$rounds rounds, $few that end early, 2 x $few that give up, $kills kills, $inside of them while a file was being written," \
    "$stops stops, $differ files that differ"
[ "$differ" -eq 0 ]
