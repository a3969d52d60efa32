#!/bin/sh
# Counts how many test sentences of the shipped corpus a model translates exactly right, for each family.
# usage: scripts/score_tiny.sh [MODEL]   (default: runs/tiny/model.gguf)
set -eu
model=${1:-runs/tiny/model.gguf}
[ $# -eq 0 ] || [ "${model#/}" != "$model" ] || model=$PWD/$model
cd "$(dirname "$0")/.."
said=$(cut -f1 data/tiny/test.tsv | ./translate -m "$model" --beam 1)
printf '%s\n' "$said" | paste - data/tiny/test.tsv data/tiny/test.families |
    awk -F '\t' '
        { family[$4]++; if ($1 == $3) { right[$4]++; all++ } }
        END {
            for (f in family) printf "    %-14s %d of %d\n", f, right[f], family[f] | "sort"
            close("sort")
            printf "    all            %d of %d (%.1f%%)\n", all, NR, 100 * all / NR
        }'
