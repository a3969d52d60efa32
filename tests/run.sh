#!/bin/sh
# Runs test programs, one on each core, and adds up the counts in their last lines.
# usage: tests/run.sh BUILD_FOLDER PROGRAM...   (tests find the commands in BUILD_FOLDER/bin, by NMT_BIN)
# EMULATOR: a command that runs programs of another machine. JOBS: how many programs run at a time.

# run.sh --one FOLDER PROGRAM: runs one program, prints its result, and writes "passed failed skipped" into FOLDER.
if [ "$1" = --one ]; then
    name=$(basename "$3")
    log=$2/$name.log
    ${EMULATOR:+"$EMULATOR"} "$3" >"$log" 2>&1
    code=$?
    counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' "$log" | tail -n 1)
    if [ -z "$counts" ]; then
        counts="0 1 0" # it died before its last line
    fi
    # shellcheck disable=SC2086
    set -- "$2" $counts
    told=
    if [ "$3" -ne 0 ] || [ $code -ne 0 ]; then
        told=$(sed 's/^/    /' "$log")
        [ "$3" -ne 0 ] || set -- "$1" "$2" 1 "$4"
    elif [ "$4" -ne 0 ]; then
        told=$(grep '^skipped:' "$log" | sed 's/^/    /')
    fi
    echo "$2 $3 $4" >"$1/$name.counts"
    printf '%-28s %s passed, %s failed, %s skipped\n%s' "$name" "$2" "$3" "$4" "${told:+$told
}"
    exit 0
fi

NMT_BIN=$(cd "$1" && pwd)/bin || exit 1
export NMT_BIN
shift
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
printf '%s\n' "$@" | xargs -n 1 -P "${JOBS:-$(getconf _NPROCESSORS_ONLN)}" sh "$0" --one "$folder"
cat "$folder"/*.counts | awk -v programs=$# '
    { passed += $1; failed += $2; skipped += $3 }
    END {
        failed += programs - NR
        printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        exit failed > 0
    }'
