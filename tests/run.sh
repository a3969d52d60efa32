#!/bin/sh
# Runs test programs one after another and adds up their closing lines.
# usage: tests/run.sh BUILD_FOLDER PROGRAM...   (BUILD_FOLDER/bin has the commands that tests start, as NMT_BIN)
# EMULATOR: what runs programs of another machine.
NMT_BIN=$(pwd)/$1/bin
export NMT_BIN
shift
passed=0 failed=0 skipped=0
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
for program in "$@"; do
    ${EMULATOR:+"$EMULATOR"} "$program" >"$log" 2>&1
    code=$?
    counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' "$log" | tail -n 1)
    if [ -z "$counts" ]; then
        counts="0 1 0" # died before its closing line
    fi
    # shellcheck disable=SC2086
    set -- $counts
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
    printf '%-28s %s passed, %s failed, %s skipped\n' "$(basename "$program")" "$1" "$2" "$3"
    if [ "$2" -ne 0 ] || [ $code -ne 0 ]; then
        sed 's/^/    /' "$log"
        [ "$2" -ne 0 ] || failed=$((failed + 1))
    elif [ "$3" -ne 0 ]; then
        grep '^skipped:' "$log" | sed 's/^/    /'
    fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
