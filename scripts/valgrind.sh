#!/bin/sh
# Runs every command under valgrind on a few lines: training, resuming, a dry run, translating in several ways, scoring.
# There must be no error, and no lost block of memory at the end.
#
#   sh scripts/valgrind.sh      run it from the project's root, after make
set -eu
bin=$(cd "${NMT_BIN:-.}" && pwd) # where the commands are
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
for side in train valid; do head -n 60 "data/tiny/$side.tsv" >"$folder/$side.tsv"; done
sed -e 's/data.tiny.//' -e '/^max_steps/d' configs/tiny.ini >"$folder/small.ini"
cd "$folder"
set -- data.test= text.vocab_size=300 model.width=8 model.heads=2 model.feedforward=8 \
    model.encoder_layers=1 model.decoder_layers=1 model.dropout=0.1 train.batch_tokens=200 train.accumulate=2 \
    train.average=0.9 train.threads=2 train.schedule=constant valid.every_steps=2 valid.translate=2 run.dir=run

# check NAME COMMAND...
check() {
    what=$1
    shift
    if ! valgrind -q --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite --error-exitcode=99 \
        "$@" <lines.txt >out.txt 2>said.txt; then
        cat said.txt
        echo "$what: valgrind found an error, or the command failed"
        exit 1
    fi
    echo "$what: nothing found"
}

printf 'the cat\n\n\377the dog sees the cat. the cat sees the dog.\n' >lines.txt
check "train" "$bin/train" small.ini train.max_steps=3 "$@"
check "train, resumed" "$bin/train" small.ini train.max_steps=6 "$@"
check "train --dry-run" "$bin/train" small.ini train.max_steps=9 --dry-run "$@"
check "translate" "$bin/translate" -m run/model.gguf
check "translate --n-best --alignment" "$bin/translate" -m run/model.gguf --n-best 3 --alignment soft
check "translate --sample" "$bin/translate" -m run/model.gguf --sample --prefix le --no-repeat-ngram 2
cut -f 1 train.tsv >lines.txt
cut -f 2 train.tsv >right.txt
check "score" "$bin/score" -m all - right.txt
check "score --paired" "$bin/score" --paired - --resamples 20 right.txt right.txt
