#!/bin/sh
# Tests the page that `make web` has built: its program under node against the native one, then the page itself in
# Chromium and Firefox. What is missing is skipped, with a message.
cd "$(dirname "$0")/.." || exit 1
passed=0 failed=0 skipped=0

# part NAME TOOL COMMAND...: runs a test, and adds up the counts in its last line. A test that ends with another exit code
# than 0 has failed.
part() {
    name=$1 tool=$2
    shift 2
    if ! command -v "$tool" >/dev/null; then
        echo "web-test: $name: skipped: no $tool"
        skipped=$((skipped + 1))
        return
    fi
    code=0
    log=$("$@") || code=$?
    echo "${log:-$name ended without a word}"
    counts=$(echo "$log" | sed -n 's/^\([^:]*: \)*\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped.*/\2 \3 \4/p' | tail -n 1)
    # shellcheck disable=SC2086
    set -- ${counts:-0 1 0}
    [ $code -eq 0 ] || [ "$2" -gt 0 ] || set -- "$1" 1 "$3"
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}
part "the program under node" node node scripts/web_test.js
part "the page in browsers" python3 python3 scripts/web_test.py
part "every control of the page" python3 python3 scripts/live_test.py
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
