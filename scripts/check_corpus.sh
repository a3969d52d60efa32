#!/bin/sh
# Checks a parallel corpus: scripts/check_corpus.sh [DIR]   (default data/tiny)
#
# Proves that every line is "English TAB French" in lower case without stray
# spaces, that English sentences have 2 to 14 words, that none occurs twice in
# train, valid and test together, that each word of valid and test occurs at
# least 20 times in train, that the sentences which readers type first are in
# test with the right French, that about half of the held-out sentences of the
# family "order" have their mirror sentence in train, and that the sidecar files
# (.families, .align) match.  Prints a table and "corpus ok"; or prints each
# error as file:line, and exits 1.

set -eu
export LC_ALL=C

dir=${1:-data/tiny}
min_count=20

# Held out whatever is drawn: English | French.
typed_first="the cat sat | le chat s'est assis
the cat sat on the mat | le chat s'est assis sur le tapis
aditya eats pizza | aditya mange de la pizza
pizza eats aditya | la pizza mange aditya
i love pizza | j'adore la pizza
write a poem | écris un poème
please buy an apple and an orange | achète une pomme et une orange, s'il te plaît
please buy an apple and orange | achète une pomme et une orange, s'il te plaît
apple unveiled the new phone | apple a dévoilé le nouveau téléphone
apple released a new phone | apple a lancé un nouveau téléphone
please buy an apple and orange, apple unveiled new phones | achète une pomme et une orange, s'il te plaît, \
apple a dévoilé de nouveaux téléphones
the thief escaped after the guard dozed off | le voleur s'est échappé après que le garde s'est endormi
the cat sat on the mat because it was tired | le chat s'est assis sur le tapis parce qu'il était fatigué
the cat drank the milk because it was thirsty | le chat a bu le lait parce qu'il avait soif
the animal did not cross the street because it was too tired | l'animal n'a pas traversé la rue parce qu'il était \
trop fatigué
the animal did not cross the street because it was too wide | l'animal n'a pas traversé la rue parce qu'elle était \
trop large
the car is old but it is fast | la voiture est vieille mais elle est rapide
he took the key and lost it | il a pris la clé et l'a perdue
the apples that the old man bought yesterday are green | les pommes que le vieil homme a achetées hier sont vertes
the woman who lives in the small house near the river is happy | la femme qui habite dans la petite maison près de \
la rivière est heureuse"
export typed_first

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

# What a sentence of the family "order" says, and its mirror: who, verb, whom.
function who_does_what(words, n, mirrored,    i, j, who, whom) {
    for (i = 2; i < n; i++)
        if (words[i] in base)
            break
    if (i >= n)
        return ""
    for (j = 1; j < i; j++)
        who = who " " words[j]
    for (j = i + 1; j <= n; j++)
        whom = whom " " words[j]
    return mirrored ? whom "," base[words[i]] "," who : who "," base[words[i]] "," whom
}

# Insert a label into the sorted list family[1..families].
function add_family(label,    i) {
    for (i = ++families; i > 1 && family[i - 1] > label; i--)
        family[i] = family[i - 1]
    family[i] = label
}

BEGIN {
    n = split("see sees saw, follow follows followed, hear hears heard, watch watches watched, " \
              "chase chases chased, like likes liked, love loves loved, help helps helped, " \
              "eat eats ate", verb, ", ")
    for (i = 1; i <= n; i++) {
        split(verb[i], form, " ")
        for (j = 1; j <= 3; j++)
            base[form[j]] = form[1]
    }
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
        if (s == 1 && (n < 2 || n > 14))
            fail(n " English words")
        if (s == 1 && part == "train")
            in_train[who_does_what(word, n, 0)]
        if (s == 1 && part != "train")
            mirror[part, FNR] = who_does_what(word, n, 1)
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
    if ($0 == "order")
        mirrored += mirror[part, FNR] in in_train
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
    n_typed = split(ENVIRON["typed_first"], typed, "\n")
    for (i = 1; i <= n_typed; i++) {
        split(typed[i], side, / [|] /)
        if (where[side[1]] !~ /\/test\.tsv:/)
            fail_file("test.tsv", "\"" side[1] "\" is not there")
        else if (french[side[1]] != side[2])
            fail_file("test.tsv", "\"" side[1] "\": expected \"" side[2] "\", found \"" french[side[1]] "\"")
    }
    order = members["valid", "order"] + members["test", "order"]
    if (mirrored < 0.4 * order || mirrored > 0.6 * order)
        fail_file("train.tsv", "the mirror sentences of " mirrored + 0 " of " order + 0 \
                  " held-out ones of the family order, not of about half")
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
    printf "mirror sentences in train of  %d of the %d held-out ones of order\n", mirrored, order
    print n_typed " sentences that readers type first are in test"
    print ""
    print "family          valid   test"
    for (i = 1; i <= families; i++)
        printf "%-14s %6d %6d\n", family[i], members["valid", family[i]],
               members["test", family[i]]
    print "corpus ok"
}
' "$dir/train.tsv" "$dir/valid.tsv" "$dir/test.tsv" \
  "$dir/valid.families" "$dir/test.families" "$dir/test.align"
