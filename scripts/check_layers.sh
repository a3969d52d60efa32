#!/bin/sh
# Checks the order of the folders. Prints each broken rule, and exits with 1 if there is one:
#   - a file in src/X/ includes only headers of its own folder and of folders on lower floors;
#   - no two rooms (x.c with x.h) include each other, directly or through other rooms; x_internal.h belongs to room x;
#   - a file uses something of each header that it includes: a function, a macro, a type or a constant (exact.h, which
#     only checks, has none);
#   - a file that calls free includes base/memory.h, directly or through others;
#   - no file uses a hash map of stb_ds, whose seed all threads share;
#   - no two object files call each other, by the symbols that `nm` finds in build/release, if that exists.
# usage: scripts/check_layers.sh             checks this project
#        scripts/check_layers.sh --planted   tests the check: it must find each fault planted in a copy of src/
cd "$(dirname "$0")/.." || exit 1

# planted WHAT FILE HEADER: makes FILE include HEADER, both in src/, and expects a line that begins with WHAT.
planted() {
    rm -rf "$copy/src" && cp -R src "$copy/src" && echo "#include \"$3\"" >>"$copy/src/$2"
    sh "$copy/scripts/check_layers.sh" | grep -q "^$1" && return
    echo "expected a line \"$1...\" for $2 including $3, found none"
    exit 1
}
if [ "${1:-}" = --planted ]; then
    copy=$(mktemp -d)
    trap 'rm -rf "$copy"' EXIT
    mkdir "$copy/scripts" && cp scripts/check_layers.sh "$copy/scripts"
    planted "src/base/" base/rng.h math/matmul.h
    planted "src/text/" text/utf8.c math/real.h # two folders on one floor
    planted "src/train/" train/loop.c cli/options.h
    planted "src/micro/" micro/micro.c base/error.h
    planted "circle: these include" base/error.c base/file.h
    planted "circle: these include" model/parameters.h model/transformer.h # through several files
    planted "src/base/rng.h:.*nothing of" base/rng.h base/error.h
    echo "7 planted faults found"
    exit 0
fi
bad=$(mktemp)
trap 'rm -f "$bad"' EXIT

# The floors, from the ground up. Folders on one floor do not include each other.
floors="base
gguf
text math
nn eval page
model data
optim
decode
train inspect
cli web"

includes=$(grep -noE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"[^"]*"' src/*/*.[ch] /dev/null |
    sed 's/^src\/\([^:]*\):\([0-9]*\):[^"]*"\(.*\)"$/\1 \2 \3/')

{ echo "$floors" | awk '{ for (i = 1; i <= NF; i++) print "floor", $i, NR }'; echo "$includes"; } | awk '
$1 == "floor" { floor[$2] = $3; next }
{
    split($1, from, "/"); split($3, to, "/")
    if (from[1] == "micro") printf "src/%s:%s: micro.c includes nothing of the project, found \"%s\"\n", $1, $2, $3
    else if (!(from[1] in floor)) printf "src/%s: the folder %s/ has no floor in %s\n", $1, from[1], "scripts/check_layers.sh"
    else if (!(to[1] in floor)) printf "src/%s:%s: \"%s\" does not name its folder\n", $1, $2, $3
    else if (from[1] != to[1] && floor[to[1]] >= floor[from[1]])
        printf "src/%s:%s: %s/ may not include %s/, which is not below it\n", $1, $2, from[1], to[1]
}' >>"$bad"

# Prints the circles among pairs "from to": one line for each strongly connected set.
circles() {
    awk -v what="$1" '
    $1 != $2 { node[$1]; node[$2]; reach[$1, $2] }
    END {
        for (k in node) for (i in node) if ((i, k) in reach) for (j in node) if ((k, j) in reach) reach[i, j]
        for (i in node) if ((i, i) in reach) {
            first = i
            for (j in node) if ((i, j) in reach && (j, i) in reach && j < first) first = j
            set[first] = set[first] " " i
        }
        for (s in set) printf "circle: these %s each other:%s\n", what, set[s]
    }'
}
echo "$includes" | sed 's/_internal\.h/.h/g; s/\.[ch]\( \|$\)/\1/g' | awk '{ print $1, $3 }' | circles include >>"$bad"

# Names that a header declares: those that begin with a capital or come before a bracket, and lower-case types. The loops
# of x_rows.h have their names in macros of kernels.h.
echo "$includes" | awk '
FILENAME == "-" && NF == 3 { user[++n] = $1; at[n] = $2; header[n] = $3 }
FILENAME == "-" || /^ *#include/ || /^ ?\/?\*/ { next }
{
    file = substr(FILENAME, 5)
    sub(/\/\*.*/, "")
    if (/stbds_/) uses[file, "STBDS_FREE"]
    for (rest = $0; match(rest, /[A-Za-z_][A-Za-z_0-9]*/);) {
        word = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
        uses[file, word]
        if (file ~ /h$/ && (word ~ /^[A-Z]/ || rest ~ /^(\(|\)$)/ || (/^(typedef|extern)/ && rest ~ /^(\[\])?;/)))
            declares[file] = declares[file] " " word
    }
}
END {
    for (i = 1; i <= n; i++) {
        room = user[i]
        sub(/(_internal)?\.[ch]$/, "", room)
        words = split(declares[header[i]], name, " ")
        while (words > 0 && !((user[i], name[words]) in uses)) words--
        if (!words && header[i] != room ".h" && header[i] !~ /_rows\.h$|\/exact\.h$/)
            printf "src/%s:%s: nothing of \"%s\" is used\n", user[i], at[i], header[i]
    }
}' - src/*/*.[ch] >>"$bad"

# What gives back a block must tell the scope that owns it (base/scope.h): free is memory_free, by base/memory.h.
{ grep -lE '(^|[^_a-z])free\(' src/*/*.c | grep -vE 'src/(micro|web)/|src/base/(error|scope)\.c' | sed 's/^src\//frees /'
    echo "$includes" | awk '{ print "includes", $1, $3 }'; } | awk '
$1 == "frees" { frees[$2] }
$1 == "includes" { from[++n] = $2; to[n] = $3 }
END {
    knows["base/memory.h"]
    for (more = 1; more;) {
        more = 0
        for (i = 1; i <= n; i++) if ((to[i] in knows) && !(from[i] in knows)) { knows[from[i]]; more = 1 }
    }
    for (file in frees) if (!(file in knows)) printf "src/%s: calls free, and does not include base/memory.h\n", file
}' >>"$bad"

grep -noE 'stbds_(hm|sh)[a-z_]*' src/*/*.[ch] | sed 's/$/: all threads share the seed of the hash maps of stb_ds/' >>"$bad"

if command -v nm >/dev/null; then
    find build/release -name '*.o' -path 'build/release/*/*' ! -path '*/tests/*' 2>/dev/null |
        while read -r object; do
            room=$(echo "${object#build/release/}" | sed 's/\..*//') # of nn/kernels.avx2.o: nn/kernels
            [ -f "src/$room.c" ] || continue
            nm -g "$object" | sed "s|^|$room |"
        done | awk '
        NF == 3 && $2 == "U" { uses[$1 " " $3]; next }
        NF == 4 { owner[$4] = $1 }
        END {
            for (u in uses) { split(u, part, " "); if (part[2] in owner) print part[1], owner[part[2]] }
        }' | circles call >>"$bad"
fi
sort -u "$bad"
echo "$(sort -u "$bad" | wc -l) layer rules broken"
[ ! -s "$bad" ]
