# Turns what a command says with --help into its manual page, under the name that `make install` gives the command.
# usage: train --help | awk -v name=train -v version=0.1.0 -f scripts/man.awk >nmt-train.1

function clean(text) { # roff's own characters; and commands under their installed names
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    text = renamed(text)
    return text ~ /^[.']/ ? "\\&" text : text
}
function renamed(text, i) {
    for (i = 1; i <= commands; i++) gsub("\\./" command[i], "nmt\\-" command[i], text)
    return text
}
function usage(text) { # "train --keys" is "nmt-train --keys" in bold and plain
    sub("^ *(usage: )?" name, "", text)
    printf "%s.B nmt\\-%s\n%s\n", uses++ ? ".br\n" : "", name, clean(substr(text, 2))
}

BEGIN {
    commands = split("inspect score train translate", command, " ")
    about["train"] = "train a translator"
    about["translate"] = "translate lines of text"
    about["score"] = "compute BLEU and chrF of translations"
    about["inspect"] = "show what a translation looked at"
    printf ".TH NMT\\-%s 1 \"\" \"nmt %s\" \"nmt\"\n.SH NAME\nnmt\\-%s \\- %s\n.SH SYNOPSIS\n", toupper(name), version,
        name, about[name]
}
part == "" && /^(usage: )? *[a-z]/ { usage($0); next }
part == "" && /^$/ { part = "about"; print ".SH DESCRIPTION"; next }
/^options:$/ { part = "options"; print ".SH OPTIONS"; next }
/^example:/ {
    part = "example"
    print ".SH EXAMPLES\n.nf"
    sub(/^example: */, "")
    print clean($0)
    next
}
part == "example" {
    if (/^$/) { print ".fi"; part = "about"; next }
    sub(/^ +/, "")
    print clean($0)
    next
}
part == "about" && /^$/ { blank = 1; next }
part == "about" { if (blank && said) print ".PP"; blank = 0; said = 1; print clean($0); next }
part == "options" && /^  -/ { # the option's own part has single blanks; the help comes behind two, or behind column 25
    line = substr($0, 3)
    at = match(line, /  +/)
    if (!at || at > 24) at = match(substr(line, 1), / [^A-Z-]/)
    print ".TP\n.B " clean(substr(line, 1, at - 1))
    line = substr(line, at)
    sub(/^ +/, "", line)
    print clean(line)
    next
}
END {
    print ".SH SEE ALSO"
    for (i = 1; i <= commands; i++) if (command[i] != name) printf ".BR nmt\\-%s (1),\n", command[i]
    print ".BR nmt (3)"
}
