#!/bin/sh
# Data diversification (Nguyen et al. 2020): two models translate the training text together, and the last model also
# learns from these translations. With the recipe as it is, the last model is no better than the first; without R-Drop,
# it was (configs/README.md has the figures). It takes about four hours on one core of an Intel Xeon (Emerald Rapids).
#
#   sh scripts/get-data.sh multi30k && sh scripts/diversify.sh [section.key=value ...]
#
# The result is runs/multi30k-more/model.gguf. Keys and values are for every run. The script can be stopped and started
# again: it continues where it was, and does nothing twice. With other keys, first delete its folders runs/multi30k-*.
set -eu
cd "$(dirname "$0")/.."
data=data/multi30k
pairs=$data/train.en+$data/train.fr
for pair; do
    case $pair in
    *[[:space:]]* | --* | [!a-z]*) echo "diversify: expected section.key=value without blanks, found $pair" >&2 && exit 2 ;;
    esac
done
common=$*
make -s

# run NAME [section.key=value ...]: trains runs/multi30k-NAME.
run() {
    name=$1
    shift
    # shellcheck disable=SC2086
    ./train configs/multi30k.ini run.dir="runs/multi30k-$name" "$@" $common
}

# translate FILE SOURCES NAME...: translates with these runs' models together.
translate() {
    file=$1 sources=$2
    shift 2
    [ ! -e "$file" ] || return 0
    for name in "$@"; do set -- "$@" -m "runs/multi30k-$name/model.gguf" && shift; done
    ./translate "$@" <"$sources" >"$file.part"
    mv "$file.part" "$file"
}

run first
run second train.seed=2 train.optimiser=adam train.max_steps=14500 train.warmup_steps=1400
translate runs/multi30k-first/forward.fr $data/train.en first second
run more train.init=runs/multi30k-first/model.gguf train.max_steps=6000 train.warmup_steps=300 \
    train.learning_rate=0.0015 data.train="$pairs $data/train.en+runs/multi30k-first/forward.fr"
