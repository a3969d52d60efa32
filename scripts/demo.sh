#!/bin/sh
# From nothing to a translator: installs what is missing, builds, trains configs/tiny.ini, translates.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh
make -s ${STB:+STB="$STB"}
./train configs/tiny.ini
for text in "the cat sat" "the cat sat on the mat" "please buy an apple and an orange" \
    "apple unveiled the new phone" "the dog sees the cat" "the cat sees the dog" \
    "the car is old but it is fast" "where is her white chair?"; do
    printf '%s\n    -> ' "$text"
    ./translate -m runs/tiny/model.gguf "$text"
done
printf 'held-out test sentences translated exactly right: '
cut -f1 data/tiny/test.tsv | ./translate -m runs/tiny/model.gguf | paste - data/tiny/test.tsv |
    awk -F '\t' '$1 == $3 { right++ } END { printf "%d of %d (%.1f%%)\n", right, NR, 100 * right / NR }'
