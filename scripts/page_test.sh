#!/bin/sh
# Opens pages of ./inspect in a headless browser, if there is one: three programs at a time, as each waits much.
cd "$(dirname "$0")/.." || exit 1
command -v python3 >/dev/null || {
    echo "page-test: skipped: no python3"
    exit 0
}
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' INT TERM
for name in page_test scene_test page_truth; do
    { python3 "scripts/$name.py" "$@" >"$folder/$name" 2>&1 || touch "$folder/failed"; } &
done
wait
cat "$folder"/*_*
[ ! -e "$folder/failed" ]
