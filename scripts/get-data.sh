#!/bin/sh
# Fetches a public English-French corpus and writes the files that configs/ names:
# data/multi30k/{train,val,test_2016_flickr}.{en,fr} or data/tatoeba/{train,valid,test}.tsv.
#
#   sh scripts/get-data.sh multi30k              downloads it with curl or wget
#   sh scripts/get-data.sh tatoeba --from DIR    copies files of this layout from DIR
#
# Multi30k (29,000 captions of pictures) is verified by SHA-256 in both cases. Tatoeba (sentences translated by
# volunteers) grows from week to week at its source, so a download cannot be verified. It is split by a hash of the
# English sentence, so a sentence is always on the same side of the split. Copies given with --from are verified: they
# must be the files that the results in configs/README.md were measured with. NMT_DATA names another folder than data/.
set -eu

usage() {
    echo "usage: sh scripts/get-data.sh multi30k|tatoeba [--from DIR]" >&2
    exit 2
}
fail() {
    echo "get-data: $*" >&2
    exit 1
}

[ $# -ge 1 ] || usage
name=$1 from=
if [ $# -eq 3 ] && [ "$2" = --from ]; then from=$3; elif [ $# -ne 1 ]; then usage; fi
case $name in
multi30k)
    files="train.en train.fr val.en val.fr test_2016_flickr.en test_2016_flickr.fr"
    source=https://raw.githubusercontent.com/multi30k/dataset/master/data/task1/raw
    sums="460a15fbd157e34a7a9957ee388c1ca247fe47af3ef25fb50442af6c274e0fc6  train.en
5925a3c18f1587b6b54b87743106e6e8ab93618edb6f65d19eac0621f853a10d  train.fr
1f2a23d992769b5b3d209b0a10dd0b77c08cceb1f20dfb97ed0aafa49d107227  val.en
5304e444d842e962b2dda4d816b70b22a1765b15401642b7ca37a67477e708dc  val.fr
399a4382932c1aadd3ceb9bef1008d388a64c76d4ae4e9d4728c6f4301cac182  test_2016_flickr.en
cb3160d69b002bb638e66cc7612fcd56cb0af82eadc9c142dedc438afb885ef6  test_2016_flickr.fr"
    ;;
tatoeba)
    files="train.tsv valid.tsv test.tsv"
    source=https://www.manythings.org/anki/fra-eng.zip
    sums="d2700b2db0db737984a961dd982c89b04023227d65036eb7566ee5460b88c943  train.tsv
6df3d15b8671da9b6bf001f5bcb0f0c4a33ebbfa9ff8c37e03990891e6dfa2ed  valid.tsv
0e44f50883a7d6cb54ca9fb05522395d88ca5005975dbfc770dd918dcf344de9  test.tsv"
    ;;
*) usage ;;
esac

data=${NMT_DATA:-$(dirname "$0")/../data}
mkdir -p "$data"
work=$(mktemp -d "$data/.get-data.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

fetch() { # URL FILE
    echo "get-data: $1" >&2
    if command -v curl >/dev/null; then
        curl -fsSL -A nmt.c -o "$2" "$1" || fail "$1: cannot download"
    elif command -v wget >/dev/null; then
        wget -q -U nmt.c -O "$2" "$1" || fail "$1: cannot download"
    else
        fail "expected curl or wget, found neither; or copy the files with --from DIR"
    fi
}

# fra.txt has lines `English TAB French TAB licence`. Of 1000 values of the hash, 7 are test and 7 validation. Repeated
# pairs are dropped.
split_tatoeba() {
    LC_ALL=C awk -F '\t' -v out="$1" '
        BEGIN { for (i = 1; i < 256; i++) code[sprintf("%c", i)] = i }
        NF >= 2 && !(($1, $2) in seen) {
            seen[$1, $2] = 1
            hash = 7
            for (i = 1; i <= length($1); i++) hash = (hash * 31 + code[substr($1, i, 1)]) % 1000003
            side = hash % 1000
            print $1 "\t" $2 > (out "/" (side < 7 ? "test" : side < 14 ? "valid" : "train") ".tsv")
        }'
}

if [ "$from" ]; then
    for file in $files; do
        [ -f "$from/$file" ] || fail "$from/$file: no such file"
        cp "$from/$file" "$work/$file"
    done
elif [ "$name" = multi30k ]; then
    for file in $files; do
        fetch "$source/$file.gz" "$work/$file.gz"
        gunzip "$work/$file.gz" || fail "$file.gz: cannot unpack"
    done
else
    command -v unzip >/dev/null || fail "expected unzip, found none; or copy the files with --from DIR"
    fetch "$source" "$work/fra-eng.zip"
    unzip -q -p "$work/fra-eng.zip" fra.txt >"$work/fra.txt" || fail "fra-eng.zip: found no fra.txt in it"
    split_tatoeba "$work" <"$work/fra.txt"
fi

if [ "$name" = multi30k ] || [ "$from" ]; then
    if command -v sha256sum >/dev/null; then
        sha256=sha256sum
    elif command -v shasum >/dev/null; then
        sha256="shasum -a 256"
    else
        fail "expected sha256sum or shasum, found neither; without them the files cannot be verified"
    fi
    (cd "$work" && echo "$sums" | $sha256 -c - >/dev/null 2>&1) ||
        fail "$name: the files differ from those whose SHA-256 sums are in this script"
    checked="SHA-256 sums verified"
else
    checked="not verified, because it changes at its source"
fi

mkdir -p "$data/$name"
for file in $files; do
    [ -s "$work/$file" ] || fail "$file: it is empty"
    mv -f "$work/$file" "$data/$name/$file"
    echo "$data/$name/$file: $(($(wc -l <"$data/$name/$file"))) lines"
done
echo "$name: $checked"
