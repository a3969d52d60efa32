#!/bin/sh
# Opens pages of ./inspect in a headless browser, if there is one: three programs at a time, as each waits much. The last
# line is "N passed, N failed, N skipped".
cd "$(dirname "$0")/.." || exit 1
command -v python3 >/dev/null || {
    echo "page-test: skipped: no python3"
    echo "0 passed, 0 failed, 1 skipped"
    exit 0
}
folder=$(mktemp -d) || exit 1
running= passed=0 failed=0 skipped=0
trap 'rm -rf "$folder"' EXIT
# In the background, Ctrl-C is ignored. On SIGTERM they close their browsers (page_browser.py).
trap '[ -z "$running" ] || kill $running 2>/dev/null; wait; exit 1' INT TERM
for name in page_test scene_test page_truth; do
    python3 "scripts/$name.py" "$@" >"$folder/$name" 2>&1 &
    running="$running $!"
    echo $! >"$folder/$name.pid"
done
for name in page_test scene_test page_truth; do
    code=0
    wait "$(cat "$folder/$name.pid")" || code=$?
    cat "$folder/$name"
    counts=$(sed -n 's/^\([^:]*: \)*\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped.*/\2 \3 \4/p' "$folder/$name" | tail -n 1)
    # shellcheck disable=SC2086
    set -- ${counts:-0 0 0}
    [ $code -eq 0 ] || [ "$2" -gt 0 ] || set -- "$1" 1 "$3" # it failed without a count of it
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
