#!/bin/sh
# Checks the order of the house: a file in src/X/ includes headers of its own folder and of folders above it, never
# below. Prints each breach as file:line and exits 1 when there is one.
cd "$(dirname "$0")/.." || exit 1
grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' src/*/*.[ch] | awk -F: '
BEGIN {
    n = split("base math nn model text data train decode eval report cli", order, " ")
    for (i = 1; i <= n; i++) rank[order[i]] = i
}
{
    split($1, path, "/")
    match($3, /"[^"]*"/)
    name = substr($3, RSTART + 1, RLENGTH - 2)
    split(name, part, "/")
    if (!(part[1] in rank)) { printf "%s:%s: \"%s\" does not name its folder\n", $1, $2, name; bad++ }
    else if (rank[part[1]] > rank[path[2]]) { printf "%s:%s: %s/ may not include %s/\n", $1, $2, path[2], part[1]; bad++ }
}
END { print bad + 0 " layer rules broken"; exit bad > 0 }'
