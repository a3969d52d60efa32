# Turns nmt.h into the library's manual page: its comments are the text, its declarations are as they are.
# usage: awk -v version=0.1.0 -f scripts/man_header.awk nmt.h >nmt.3

function clean(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    return text ~ /^[.']/ ? "\\&" text : text
}
function show(text) { # a line of a comment: indented ones are code
    if (text ~ /^    /) {
        if (!code) print ".PP\n.nf\n.RS"
        code = 1
        text = substr(text, 5)
    } else if (code && text !~ /^ *$/) {
        end_code()
    }
    if (text ~ /^ *$/) { if (!code) print ".PP" } else print clean(text)
}
function end_code() {
    if (code) print ".RE\n.fi\n.PP"
    code = 0
}

BEGIN {
    printf ".TH NMT 3 \"\" \"nmt %s\" \"nmt\"\n.SH NAME\nnmt \\- translate, score translations, and train\n", version
    print ".SH SYNOPSIS\n.nf\n#include <nmt.h>\n.fi\n.PP\ncc app.c $(pkg\\-config \\-\\-cflags \\-\\-libs nmt)\n.SH DESCRIPTION"
}
(/^#/ && !/^#define NMT_HEADER/) || /^extern "C"|^}$/ { next }
/^\/\* ---- .* ---- \*\/$/ { # a section
    end_code()
    gsub(/^\/\* ---- | ---- \*\/$/, "")
    print ".SH " toupper($0)
    next
}
!comment && /^\/\* / { # a comment's first line
    end_code()
    print ".PP"
    comment = 1
    sub(/^\/\* /, "")
    sub(/^nmt\.h: t/, "T")
    first = 1
}
comment {
    last = sub(/ *\*\/$/, "")
    if (!first) sub(/^ \*? ?/, "")
    first = 0
    show($0)
    if (last) { comment = 0; end_code() }
    next
}
/^$/ { blank = 1; next }
{ # a declaration
    if (!code) print ".PP\n.nf\n.RS"
    else if (blank) print ""
    code = 1
    blank = 0
    sub(/^NMT_API /, "")
    print clean($0)
}
END {
    end_code()
    print ".SH SEE ALSO\n.BR nmt\\-inspect (1),\n.BR nmt\\-score (1),\n.BR nmt\\-train (1),\n.BR nmt\\-translate (1)"
}
