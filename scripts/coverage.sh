#!/bin/sh
# Prints how many lines of src/ the tests run, commands included, file by file, the least covered first. `make coverage`
# builds and runs the tests. A header's line counts as run if it was run in one of the files that include it. The products
# of instruction sets that this CPU lacks are not counted.
#
#   sh scripts/coverage.sh FOLDER      the folder of the objects: build/coverage
set -eu
cd "$(dirname "$0")/.."
command -v gcov >/dev/null || {
    echo "coverage: expected gcov, found none (Debian: gcc)" >&2
    exit 1
}
find "$1" -name '*.gcda' ! -path '*/tests/*' | while read -r data; do
    gcov -n -o "$data" "$data" 2>/dev/null
done | awk -v folder="$1" -F"'" '
    /^File / { file = $2 }
    /^Lines executed/ && file ~ /^src\/.*\.[ch]$/ {
        split($0, part, /[:% ]+/)
        total = part[5]
        run = part[3] * total / 100
        if (!(file in lines) || run > covered[file]) { lines[file] = total; covered[file] = run }
        file = ""
    }
    END {
        for (file in lines) {
            if (file ~ /product_(amx|avx512)/ && covered[file] == 0) {
                printf "not counted: %s (%d lines)\n", file, lines[file]
                continue
            }
            printf "%6.1f%%  %s (%d lines)\n", 100 * covered[file] / lines[file], file, lines[file] | "sort -n"
            all += lines[file]
            hit += covered[file]
        }
        close("sort -n")
        if (!all) {
            print "coverage: " folder ": expected .gcda files of src/, found none; run the tests first" >"/dev/stderr"
            exit 1
        }
        printf "%.1f%% of %d lines\n", 100 * hit / all, all
    }'
