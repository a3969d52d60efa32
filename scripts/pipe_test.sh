#!/bin/sh
# Runs ./translate as a filter for a long time: short lines through a pipe, with a tiny model that is hardly trained. As
# many lines must come out as go in, and memory at the end must be within 2% of what it was after a thousand lines.
#
#   sh scripts/pipe_test.sh [LINES]      default a million; run it from the project's root, after make
set -eu
lines=${1:-1000000}
folder=$(mktemp -d)
child=
trap '[ -z "$child" ] || kill "$child" 2>/dev/null || :; rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
bin=${NMT_BIN:-.} # where the commands are
"$bin/train" configs/tiny.ini train.max_steps=1 valid.translate=0 valid.metric=loss text.vocab_size=270 model.width=4 \
    model.heads=2 model.feedforward=4 model.encoder_layers=1 model.decoder_layers=1 model.max_length=64 \
    run.dir="$folder/run" 2>"$folder/train.txt"
mkfifo "$folder/in"
"$bin/translate" -m "$folder/run/model.gguf" --beam 1 --max-length 2 <"$folder/in" >"$folder/out" &
child=$!
exec 3>"$folder/in"

# send FIRST LAST: sends the lines with these numbers: up to four letters, some of them empty.
send() {
    awk -v i="$1" -v last="$2" 'BEGIN {
        for (; i <= last; i++) print substr("the cat sat on a mat", 1 + i % 17, i % 5)
    }' >&3
}

# memory COUNT: waits until COUNT lines have come out, then prints how many kilobytes the process has in memory.
memory() {
    while kill -0 "$child" && [ "$(wc -l <"$folder/out")" -lt "$1" ]; do sleep 0.1; done
    sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$child/status"
}

printf '%0130000d\n' 0 >&3 # touches the whole line buffer, which short lines would do bit by bit
send 2 1000
before=$(memory 1000)
began=$(date +%s)
send 1001 "$lines"
after=$(memory "$lines")
seconds=$(($(date +%s) - began))
exec 3>&-
wait "$child"
child=
found=$(wc -l <"$folder/out")
echo "$lines lines in, $found out in $seconds s; memory after 1000: $before kB, at the end: $after kB"
[ "$found" -eq "$lines" ]
[ "$((after * 50))" -le "$((before * 51))" ]
