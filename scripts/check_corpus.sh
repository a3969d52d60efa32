#!/bin/sh
# Checks a parallel corpus: scripts/check_corpus.sh [DIR]   (default data/tiny)
#
# Proves that every line is "English TAB French" in lower case without stray
# spaces, that no English sentence occurs twice in train, valid and test
# together, that each word of valid and test occurs at least 20 times in
# train, and that the sidecar files (.families, .align) match.  Prints a table
# and "corpus ok"; or prints each error as file:line, and exits 1.

set -eu
export LC_ALL=C

dir=${1:-data/tiny}
min_count=20

for name in train.tsv valid.tsv test.tsv valid.families test.families \
            test.align
do
    if [ ! -r "$dir/$name" ]; then
        echo "$dir/$name: cannot be read" >&2
        exit 1
    fi
done

# train.tsv comes first: its counts are needed for the files that follow.
awk -v min_count="$min_count" -v dir="$dir" '
function fail(text) {
    print FILENAME ":" FNR ": " text
    errors++
}

function fail_file(name, text) {
    print dir "/" name ": " text
    errors++
}

# Split a sentence into words: at spaces, after an apostrophe, and before a
# final "?" or a ",".  Returns the number of words.
function words_of(sentence, words) {
    gsub(/\047/, "\047 ", sentence)
    gsub(/,/, " ,", sentence)
    sub(/\?$/, " ?", sentence)
    gsub(/  +/, " ", sentence)
    return split(sentence, words, " ")
}

# Upper-case letters: A-Z, and in UTF-8 the bytes of À-Þ (C3 80-9E) and Œ.
function check_side(side, text) {
    if (text == "")
        fail(side " side is empty")
    if (text ~ /^ / || text ~ / $/ || text ~ /  / || text ~ /[\r\v\f]/)
        fail(side ": stray space")
    if (text ~ /[A-Z]/ || text ~ /\303[\200-\226\230-\236]/ ||
        text ~ /\305\222/)
        fail(side ": not lower case")
    if (text ~ /\342\200\231/)
        fail(side ": curly apostrophe")
    if (text ~ /\.$/)
        fail(side ": final full stop")
}

# Insert a label into the sorted list family[1..families].
function add_family(label,    i) {
    for (i = ++families; i > 1 && family[i - 1] > label; i--)
        family[i] = family[i - 1]
    family[i] = label
}

FNR == 1 {
    name = FILENAME
    sub(/.*\//, "", name)
    part = kind = name
    sub(/\..*/, "", part)
    sub(/.*\./, "", kind)
}

{ lines[name]++ }

kind == "tsv" {
    if (split($0, side, "\t") != 2) {
        fail("not exactly one tab")
        next
    }
    check_side("English", side[1])
    check_side("French", side[2])
    if (side[1] in where) {
        fail("English sentence already in " where[side[1]])
        if (french[side[1]] != side[2])
            fail("English sentence with two French translations")
    } else {
        where[side[1]] = FILENAME ":" FNR
        french[side[1]] = side[2]
    }
    for (s = 1; s <= 2; s++) {
        n = words_of(side[s], word)
        length_of[part, FNR, s] = n
        tokens[part, s] += n
        for (i = 1; i <= n; i++) {
            if (part == "train") {
                if (!((s, word[i]) in count))
                    forms[s]++
                count[s, word[i]]++
            } else if (count[s, word[i]] < min_count)
                fail("\"" word[i] "\" occurs " count[s, word[i]] + 0 \
                     " times in train")
        }
    }
}

kind == "families" {
    if ($0 !~ /^[a-z-]+$/)
        fail("not a family label")
    if (!($0 in known)) {
        known[$0]
        add_family($0)
    }
    members[part, $0]++
}

kind == "align" {
    for (i = 1; i <= NF; i++) {
        if ($i !~ /^[0-9]+-[0-9]+$/) {
            fail("not a link: " $i)
            continue
        }
        split($i, ends, "-")
        if (ends[1] + 0 >= length_of[part, FNR, 1] ||
            ends[2] + 0 >= length_of[part, FNR, 2])
            fail("link out of range: " $i)
    }
    if (NF == 0)
        fail("no links")
}

END {
    for (i = split("valid.families test.families test.align", sidecar, " ");
         i > 0; i--) {
        part = sidecar[i]
        sub(/\..*/, "", part)
        if (lines[sidecar[i]] != lines[part ".tsv"])
            fail_file(sidecar[i], lines[sidecar[i]] + 0 " lines, not " \
                      lines[part ".tsv"] + 0)
    }
    if (errors) {
        print errors " error(s)"
        exit 1
    }
    for (s = 1; s <= 2; s++)
        for (key in count) {
            split(key, field, SUBSEP)
            if (field[1] == s && (!(s in rarest) || count[key] < rarest[s]))
                rarest[s] = count[key]
        }
    print "file        pairs  English words  French words"
    n = split("train valid test", parts, " ")
    for (i = 1; i <= n; i++)
        printf "%-9s %7d %14d %13d\n", parts[i], lines[parts[i] ".tsv"],
               tokens[parts[i], 1], tokens[parts[i], 2]
    printf "word forms in train        %5d         %5d\n", forms[1], forms[2]
    printf "rarest form occurs         %5d         %5d\n", rarest[1], rarest[2]
    print ""
    print "family          valid   test"
    for (i = 1; i <= families; i++)
        printf "%-14s %6d %6d\n", family[i], members["valid", family[i]],
               members["test", family[i]]
    print "corpus ok"
}
' "$dir/train.tsv" "$dir/valid.tsv" "$dir/test.tsv" \
  "$dir/valid.families" "$dir/test.families" "$dir/test.align"
