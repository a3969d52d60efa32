# Makes bash's completion of a command from what it says with --help (and the keys of train, from --keys).
# usage: { train --help; train --keys; } | awk -v name=train -f scripts/completion.awk >nmt-train

/^  -/ {
    count = split(substr($0, 3), word, /[ ,]+/)
    for (i = 1; i <= count && word[i] ~ /^-/; i++) {
        options = options " " word[i]
        if (word[i] ~ /^--/) { # the argument is the word in capitals behind it
            if (word[i + 1] == "FILE") files = files "|" word[i]
            else if (word[i + 1] ~ /^[A-Z]+$/) others = others "|" word[i]
            if (i > 1 && word[i + 1] == "FILE") files = files "|" word[i - 1]
            if (i > 1 && word[i + 1] ~ /^[A-Z]+$/ && word[i + 1] != "FILE") others = others "|" word[i - 1]
        }
    }
}
/^\[[a-z]+\]/ { section = substr($1, 2, length($1) - 2) }
section && /^[a-z_0-9]+ *=/ { keys = keys " " section "." substr($0, 1, match($0, / *=/) - 1) "=" }
END {
    print "# Completion of nmt-" name " for bash."
    print "_nmt_" name "() {"
    print "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}"
    print "    case $before in"
    if (others) print "        " substr(others, 2) ") return ;;"
    if (files) print "        " substr(files, 2) ") COMPREPLY=($(compgen -f -- \"$word\")); return ;;"
    print "    esac"
    print "    case $word in"
    print "        -*) COMPREPLY=($(compgen -W \"" substr(options, 2) "\" -- \"$word\")) ;;"
    if (keys) {
        gsub(/ /, "\n            ", keys)
        print "        *) COMPREPLY=($(compgen -f -- \"$word\") $(compgen -W \"" keys "\" -- \"$word\"))"
        print "            [[ ${COMPREPLY[0]} != *= ]] || compopt -o nospace ;;"
    } else {
        print "        *) COMPREPLY=($(compgen -f -- \"$word\")) ;;"
    }
    print "    esac\n}\ncomplete -o filenames -F _nmt_" name " nmt-" name
}
